//! [`Store`]: where tables live, opened by URL: a local directory or an S3 bucket.
//!
//! A store holds tables as folders (`<store>/events`); this is the one place that knows which kind of storage is below.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::fs::{FileSystem, sync_names_above};
use crate::log::LOG_FOLDER;

mod batch;
mod disk;
mod error;
mod local;
#[cfg(test)]
mod recording;
mod upload;
mod walk;

pub(crate) use error::{io_error, store_error};
pub use local::LocalStore;

/// Puts to an object store at the same time.
const REMOTE_PUTS_MAX: usize = 32;

/// A place for tables. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    place: Place,
    /// Ends with a slash.
    base: Url,
    /// As shown to people.
    shown: String,
    runtime: tokio::runtime::Handle,
}

#[derive(Clone, Debug)]
enum Place {
    /// One [`LocalStore`] for each table, shared, because it remembers which directories are durable.
    Local {
        fs: Arc<dyn FileSystem>,
        root: PathBuf,
        tables: Arc<Mutex<HashMap<String, LocalStore>>>,
    },
    Remote {
        bucket: Arc<dyn ObjectStore>,
        prefix: ObjectPath,
    },
}

/// An object to put.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// Path relative to the table, e.g. `project_id=acme/day=2026-05-31/part-….parquet`.
    pub path: String,
    /// All of its bytes.
    pub bytes: Bytes,
}

impl Store {
    /// Opens the store at `url`: a local path (relative to the working directory, if not absolute), `file:///path` or
    /// `s3://bucket/prefix`. S3 takes region, endpoint and credentials from the usual variables (`AWS_REGION`,
    /// `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, `AWS_ACCESS_KEY_ID`, …). Nothing is read or created.
    ///
    /// `fs` serves local stores, `runtime` runs the requests of remote ones.
    ///
    /// # Errors
    /// `Invalid` for any other URL, one that carries credentials, or variables that make no sense.
    pub fn open(url: &str, fs: Arc<dyn FileSystem>, runtime: tokio::runtime::Handle) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
        let Some((scheme, _)) = url.split_once("://") else {
            return Self::open_local(url, Path::new(url), fs, runtime);
        };
        if !matches!(scheme, "file" | "s3") {
            let message = "is not supported: use a local path, file:///path or s3://bucket/prefix";
            return Err(invalid(format!("store scheme {scheme:?} {message}")));
        }
        let parsed = Url::parse(url).map_err(|error| {
            Error::with_source(ErrorKind::Invalid, format!("the {scheme} store URL is malformed"), error)
        })?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid(
                "a store URL carries no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".into(),
            ));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid(format!("a store URL has no query or fragment: {scheme}://…{}", parsed.path())));
        }
        if scheme == "s3" {
            return Self::open_s3(parsed, runtime);
        }
        let path =
            parsed.to_file_path().map_err(|()| invalid(format!("{url} is not a local path: use file:///path")))?;
        Self::open_local(url, &path, fs, runtime)
    }

    fn open_local(shown: &str, path: &Path, fs: Arc<dyn FileSystem>, runtime: tokio::runtime::Handle) -> Result<Self> {
        let root = std::path::absolute(path).map_err(|error| {
            Error::with_source(ErrorKind::Invalid, format!("store path {} cannot be used", path.display()), error)
        })?;
        let base = Url::from_directory_path(&root)
            .map_err(|()| Error::new(ErrorKind::Invalid, format!("store path {} cannot be used", root.display())))?;
        let place = Place::Local { fs, root, tables: Arc::default() };
        Ok(Self { place, base, shown: shown.to_owned(), runtime })
    }

    fn open_s3(url: Url, runtime: tokio::runtime::Handle) -> Result<Self> {
        let failed = |error| Error::with_source(ErrorKind::Invalid, "the s3 store cannot be opened", error);
        let bucket = url
            .host_str()
            .filter(|bucket| !bucket.is_empty())
            .ok_or_else(|| Error::new(ErrorKind::Invalid, "the store URL names no bucket: use s3://bucket/prefix"))?;
        let prefix = ObjectPath::from_url_path(url.path()).map_err(|error| failed(error.into()))?;
        let client = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .build()
            .map_err(failed)?;
        let shown = format!("s3://{bucket}/{prefix}");
        let base = Url::parse(&format!("{}/", shown.trim_end_matches('/')))
            .map_err(|error| Error::with_source(ErrorKind::Invalid, "the s3 store cannot be opened", error))?;
        let shown = shown.trim_end_matches('/').to_owned();
        Ok(Self { place: Place::Remote { bucket: Arc::new(client), prefix }, base, shown, runtime })
    }

    /// A store in `bucket`, for objects that no URL leads to: those of tests, say. `url` (with a host and no path) names it
    /// to people.
    ///
    /// # Errors
    /// `Invalid` when `url` is none.
    pub fn over(bucket: Arc<dyn ObjectStore>, url: &str, runtime: tokio::runtime::Handle) -> Result<Self> {
        let base = Url::parse(&format!("{}/", url.trim_end_matches('/')))
            .map_err(|error| Error::with_source(ErrorKind::Invalid, format!("{url:?} is no URL"), error))?;
        let shown = url.trim_end_matches('/').to_owned();
        Ok(Self { place: Place::Remote { bucket, prefix: ObjectPath::default() }, base, shown, runtime })
    }

    /// The objects of table `name`; paths are relative to the table.
    pub fn table(&self, name: &str) -> Arc<dyn ObjectStore> {
        match &self.place {
            Place::Local { .. } => Arc::new(self.local_table(name)),
            Place::Remote { bucket, prefix } => {
                Arc::new(PrefixStore::new(Arc::clone(bucket), prefix.clone().join(name)))
            }
        }
    }

    /// The URL of table `name`, with a slash at its end: `file:///…/events/` or `s3://bucket/prefix/events/`.
    pub fn table_url(&self, name: &str) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("file and s3 URLs have segments").pop_if_empty().push(name).push("");
        url
    }

    /// The directory of a local store, absolute; `None` for a remote one.
    pub fn local_path(&self) -> Option<&Path> {
        match &self.place {
            Place::Local { root, .. } => Some(root),
            Place::Remote { .. } => None,
        }
    }

    /// The URL or path as given, to show to people. Holds no credentials.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// The runtime given at opening.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// Puts all `files` of one flush into table `table`. Blocks; the work runs on threads of its own.
    ///
    /// An object that exists is replaced: the names carry a hash of the bytes, so it is the same one.
    ///
    /// # Errors
    /// `Exhausted` when the disk is full, `Unavailable` when a put failed, `Invalid` for a path that leaves the table.
    /// Some of the files may be there.
    ///
    /// # Durability
    /// On return all files, their names and every directory above them are durable.
    pub fn put_files(&self, table: &str, files: Vec<NewObject>) -> Result<()> {
        let count = files.len();
        let context = || format!("cannot store {count} data files in table {table}");
        match &self.place {
            Place::Local { .. } => {
                let store = self.local_table(table);
                let files = files
                    .into_iter()
                    .map(|file| {
                        Ok((
                            store.file_of(&object_path(&file.path)?).map_err(|e| store_error(context(), e))?,
                            file.bytes,
                        ))
                    })
                    .collect::<Result<Vec<_>>>()?;
                batch::put_batch(store.disk(), &files, batch::SYNC_THREADS).map_err(|error| io_error(context(), error))
            }
            Place::Remote { .. } => {
                let store = self.table(table);
                let (answer, answered) = std::sync::mpsc::sync_channel(1);
                self.runtime.spawn(async move {
                    // The receiver waits below; it is gone only if that thread died.
                    let _ = answer.send(put_remote(store, files).await);
                });
                match answered.recv() {
                    Ok(outcome) => outcome,
                    Err(_) => Err(Error::new(ErrorKind::Closed, format!("{}: the runtime has stopped", context()))),
                }
            }
        }
    }

    /// Makes the names in the log of table `table` durable, whoever gave them. Blocks.
    ///
    /// A process that was killed between giving a commit its name and syncing it leaves a commit that is seen and not
    /// durable: who wants to rely on what it says, to cut a write-ahead log say, calls this before.
    ///
    /// # Errors
    /// `Unavailable` when a sync failed.
    pub fn settle_log(&self, table: &str) -> Result<()> {
        let Place::Local { fs, root, .. } = &self.place else { return Ok(()) };
        let log = root.join(table).join(LOG_FOLDER);
        let failed = |error| io_error(format!("cannot sync the log of table {table}"), error);
        fs.sync_dir(&log).map_err(failed)?;
        sync_names_above(fs.as_ref(), &log).map_err(failed)
    }

    fn local_table(&self, name: &str) -> LocalStore {
        let Place::Local { fs, root, tables } = &self.place else { unreachable!("asked of local stores only") };
        let mut tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.entry(name.to_owned()).or_insert_with(|| LocalStore::new(Arc::clone(fs), root.join(name))).clone()
    }
}

async fn put_remote(store: Arc<dyn ObjectStore>, files: Vec<NewObject>) -> Result<()> {
    let put = |file: NewObject| {
        let store = Arc::clone(&store);
        async move {
            let path = object_path(&file.path)?;
            let put = store.put(&path, PutPayload::from_bytes(file.bytes)).await;
            put.map(drop).map_err(|error| store_error(format!("cannot store data file {path}"), error))
        }
    };
    stream::iter(files.into_iter().map(put)).buffer_unordered(REMOTE_PUTS_MAX).try_collect().await
}

fn object_path(path: &str) -> Result<ObjectPath> {
    ObjectPath::parse(path)
        .map_err(|error| Error::with_source(ErrorKind::Invalid, format!("{path:?} is no path in a table"), error))
}

#[cfg(test)]
mod tests;

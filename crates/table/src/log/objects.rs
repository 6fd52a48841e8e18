//! [`LogObjects`]: the objects of a table as its log sees them, with every file of the log summed and checked.
//!
//! A layer of the store that only the log goes through: the kernel reads and writes by it without knowing. JSON is sealed
//! when it is put and checked whole when it is got ([`seal`](super::seal)). A checkpoint carries block sums in its footer,
//! as a data file does, and is read by them. Two kinds of file can be done without, and are, when they are damaged: the
//! pointer to the newest checkpoint is then as if it were not there, and a checkpoint can be [hidden](LogObjects::hide),
//! after which listings go back to the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use super::checkpoint_end::{CheckpointEnd, read_end};
use super::seal;
use crate::error::{Error, ErrorKind};

/// Folder of the log below the table's root.
pub(crate) const LOG_FOLDER: &str = "_delta_log";

/// Name in errors.
const STORE_NAME: &str = "table log";

/// Ends of checkpoints that are remembered: a version is read from one, and another may be written meanwhile.
const ENDS_MAX: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct LogObjects {
    inner: Arc<dyn ObjectStore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Checkpoints that listings leave out.
    hidden: BTreeSet<Path>,
    /// Checkpoints that were found damaged since the last time this was asked.
    damaged: BTreeSet<Path>,
    ends: BTreeMap<Path, Arc<CheckpointEnd>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Every change is one call, so a panic elsewhere leaves a sound state.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Whether a listing has this object.
    fn lists(&mut self, object: &ObjectMeta) -> bool {
        if object.size == 0 && LogFile::of(&object.location) == LogFile::Checkpoint {
            // Nobody reads one of no bytes, so nobody would find it damaged.
            self.damaged.insert(object.location.clone());
        }
        !self.hidden.contains(&object.location)
    }
}

/// Name of the pointer to the newest checkpoint.
pub(crate) const POINTER: &str = "_last_checkpoint";

/// What a file of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFile {
    Commit,
    Checkpoint,
    /// The pointer to the newest checkpoint.
    Pointer,
    Other,
}

impl LogFile {
    pub(crate) fn of(path: &Path) -> Self {
        let Some(name) = path.as_ref().strip_prefix(LOG_FOLDER).and_then(|rest| rest.strip_prefix('/')) else {
            return Self::Other;
        };
        if name == POINTER {
            return Self::Pointer;
        }
        let (version, rest) = name.split_at_checked(20).unwrap_or((name, ""));
        match rest {
            _ if !version.bytes().all(|byte| byte.is_ascii_digit()) => Self::Other,
            ".json" => Self::Commit,
            rest if rest.starts_with(".checkpoint.") && rest.ends_with(".parquet") => Self::Checkpoint,
            _ => Self::Other,
        }
    }
}

impl LogObjects {
    pub(super) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// The checkpoints that were found damaged since the last call.
    pub(super) fn take_damaged(&self) -> Vec<Path> {
        std::mem::take(&mut self.lock().damaged).into_iter().collect()
    }

    /// Leaves a checkpoint out of all listings, until one is written under its name; the pointer is then as if it were not there,
    /// and may be hidden by itself. Answers whether it was to be seen before.
    pub(super) fn hide(&self, checkpoint: Path) -> bool {
        self.lock().hidden.insert(checkpoint)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn forget(&self, path: &Path) {
        let mut state = self.lock();
        state.ends.remove(path);
        state.hidden.remove(path);
    }

    /// A whole JSON file, checked.
    async fn get_json(&self, location: &Path, kind: LogFile, options: GetOptions) -> Result<GetResult> {
        let range = options.range.clone();
        let result = self.inner.get_opts(location, GetOptions { range: None, ..options }).await?;
        let (meta, attributes) = (result.meta.clone(), result.attributes.clone());
        let bytes = result.bytes().await?;
        let checked = if kind == LogFile::Pointer { seal::check_pointer(&bytes) } else { seal::check(&bytes) };
        match checked {
            Ok(_) => {}
            Err(why) if kind == LogFile::Pointer => {
                tracing::warn!(
                    path = location.as_ref(),
                    why,
                    "a damaged pointer to the newest checkpoint is passed over"
                );
                return Err(StoreError::NotFound { path: location.to_string(), source: why.into() });
            }
            Err(why) => return Err(damaged("commit", location, why)),
        }
        let range = match range {
            Some(range) => range.as_range(bytes.len() as u64).map_err(|error| generic(error.into()))?,
            None => 0..bytes.len() as u64,
        };
        let part = bytes.slice(range.start as usize..range.end as usize);
        Ok(GetResult { payload: payload(part), meta, range, attributes })
    }

    /// Parts of a checkpoint, checked. What is known of its end may be of a file that was there before: looks again once.
    async fn checkpoint_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let known = self.lock().ends.get(location).cloned();
        if let Some(end) = known
            && let Ok(parts) = end.read(self.inner.as_ref(), location, ranges).await
        {
            return Ok(parts);
        }
        let read = async {
            let end = Arc::new(read_end(self.inner.as_ref(), location).await?);
            let parts = end.read(self.inner.as_ref(), location, ranges).await?;
            Ok((end, parts))
        };
        match read.await {
            Ok((end, parts)) => {
                let mut state = self.lock();
                while state.ends.len() >= ENDS_MAX {
                    state.ends.pop_first();
                }
                state.ends.insert(location.clone(), end);
                Ok(parts)
            }
            Err(error) => {
                let mut state = self.lock();
                state.ends.remove(location);
                if is_damage(&error) {
                    state.damaged.insert(location.clone());
                }
                Err(error)
            }
        }
    }
}

/// The error of a damaged file of the log.
pub(super) fn damaged(what: &str, path: &Path, why: &str) -> StoreError {
    let message = format!("the {what} {path} of the table log is damaged: {why}; restore it from a copy of the store");
    generic(Error::new(ErrorKind::Corrupt, message).into())
}

pub(super) fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Generic { store: STORE_NAME, source }
}

fn is_damage(error: &StoreError) -> bool {
    let StoreError::Generic { source, .. } = error else { return false };
    source.downcast_ref::<Error>().is_some_and(|error| error.kind() == ErrorKind::Corrupt)
}

fn payload(bytes: Bytes) -> GetResultPayload {
    GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed())
}

impl fmt::Display for LogObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table log in {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for LogObjects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let payload = match LogFile::of(location) {
            LogFile::Commit | LogFile::Pointer => {
                seal::seal(&Bytes::from(payload)).map_err(|error| generic(error.into()))?.into()
            }
            LogFile::Checkpoint | LogFile::Other => payload,
        };
        let result = self.inner.put_opts(location, payload, options).await?;
        self.forget(location);
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.forget(location);
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match LogFile::of(location) {
            kind @ (LogFile::Commit | LogFile::Pointer) if !options.head => {
                // It may point to one that is hidden, and the listing would begin there.
                if kind == LogFile::Pointer && !self.lock().hidden.is_empty() {
                    return Err(StoreError::NotFound {
                        path: location.to_string(),
                        source: "it is passed over".into(),
                    });
                }
                self.get_json(location, kind, options).await
            }
            LogFile::Checkpoint if !options.head => {
                let head = GetOptions { head: true, range: None, ..options.clone() };
                let GetResult { meta, attributes, .. } = self.inner.get_opts(location, head).await?;
                let range = match options.range {
                    Some(range) => range.as_range(meta.size).map_err(|error| generic(error.into()))?,
                    None => 0..meta.size,
                };
                let part = self.checkpoint_ranges(location, std::slice::from_ref(&range)).await?.remove(0);
                Ok(GetResult { payload: payload(part), meta, range, attributes })
            }
            _ => self.inner.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match LogFile::of(location) {
            LogFile::Checkpoint => self.checkpoint_ranges(location, ranges).await,
            LogFile::Commit | LogFile::Pointer => {
                let whole = self.get(location).await?.bytes().await?;
                let part = |range: &Range<u64>| {
                    let range = range.start as usize..range.end as usize;
                    if range.start > range.end || range.end > whole.len() {
                        return Err(damaged("commit", location, "it is shorter than it was"));
                    }
                    Ok(whole.slice(range))
                };
                ranges.iter().map(part).collect()
            }
            LogFile::Other => self.inner.get_ranges(location, ranges).await,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut found = self.inner.list_with_delimiter(prefix).await?;
        found.objects.retain(|object| self.lock().lists(object));
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.forget(to);
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.forget(to);
        self.inner.rename_opts(from, to, options).await
    }
}

impl LogObjects {
    fn listed(&self, objects: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        let state = Arc::clone(&self.state);
        let is_listed = move |object: &Result<ObjectMeta>| {
            let listed = object.as_ref().map_or(true, |object| lock(&state).lists(object));
            futures::future::ready(listed)
        };
        objects.filter(is_listed).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_log_are_told_apart_by_their_names() {
        let kind = |name: &str| LogFile::of(&Path::from(name));
        assert_eq!(kind("_delta_log/00000000000000000007.json"), LogFile::Commit);
        assert_eq!(kind("_delta_log/00000000000000000007.checkpoint.parquet"), LogFile::Checkpoint);
        assert_eq!(
            kind("_delta_log/00000000000000000007.checkpoint.0000000001.0000000002.parquet"),
            LogFile::Checkpoint
        );
        assert_eq!(kind("_delta_log/_last_checkpoint"), LogFile::Pointer);
        for other in [
            "_delta_log/00000000000000000007.crc",
            "_delta_log/0000000000000000007.json",
            "_delta_log/00000000000000000001.00000000000000000007.compacted.json",
            "_delta_log/0000000000000000000x.json",
            "other/00000000000000000007.json",
            "_delta_log",
            "part.parquet",
        ] {
            assert_eq!(kind(other), LogFile::Other, "{other}");
        }
    }

    #[tokio::test]
    async fn a_damaged_pointer_is_as_if_it_were_not_there() {
        let inner = Arc::new(object_store::memory::InMemory::new());
        let objects = LogObjects::new(Arc::clone(&inner) as _);
        let path = Path::from(format!("{LOG_FOLDER}/{POINTER}"));
        objects.put(&path, PutPayload::from_static(br#"{"version":3,"size":7}"#)).await.unwrap();
        let whole = inner.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(objects.get(&path).await.unwrap().bytes().await.unwrap(), whole);
        for at in 0..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1;
            inner.put(&path, damaged.into()).await.unwrap();
            let found = objects.get(&path).await;
            assert!(matches!(found, Err(StoreError::NotFound { .. })), "byte {at}: {found:?}");
        }
    }
}

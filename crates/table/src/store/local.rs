//! [`LocalStore`]: an [`ObjectStore`] in a directory whose every put is durable when it returns.
//!
//! Unlike the crate's own local store, which never syncs. The order of calls is [`Disk`]'s; here are only names, metadata
//! and the hop to a thread that may block.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    RenameTargetMode, Result,
};

use super::disk::{Disk, RESERVED_PREFIX, Taken};
use super::upload::LocalUpload;
use super::walk::Walk;
use crate::fs::{FileSystem, FsFile, FsMetadata};

/// Name in errors.
pub(super) const STORE_NAME: &str = "local store";

/// Bytes read at once when an object is streamed.
const STREAM_CHUNK_BYTES: u64 = 8 << 20;

/// Bytes that are read at once without a thread that may block, if they are in memory.
const CACHED_READ_BYTES_MAX: u64 = 1 << 20;

/// Objects listed at once.
const LIST_CHUNK: usize = 1_000;

/// Objects deleted before their directories are synced.
const DELETE_CHUNK: usize = 1_000;

/// Objects as files under a directory.
///
/// Names beginning with `.tmp` are the store's own: refused as objects, never listed. Listings are in byte order of the
/// whole path, as object stores give them. An object's e-tag is its modification time and size.
///
/// # Durability
/// A put, copy, rename or delete that returned is durable, including the directories it created. One that failed may
/// have happened. A put without overwriting has exactly one winner, also between processes.
///
/// # Cancel safety
/// A dropped future does not stop the call it waits for.
#[derive(Clone, Debug)]
pub struct LocalStore {
    disk: Arc<Disk>,
}

impl LocalStore {
    /// A store of what is under `root`, an absolute path. The directory is created with the first put.
    pub fn new(fs: Arc<dyn FileSystem>, root: PathBuf) -> Self {
        Self { disk: Arc::new(Disk::new(fs, root)) }
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The file of an object. Refuses whatever is not a plain descent from the root.
    pub(super) fn file_of(&self, location: &Path) -> Result<PathBuf> {
        let mut path = self.disk.root.clone();
        for part in location.parts() {
            let part = part.as_ref();
            let escapes = part.is_empty() || part == "." || part == ".." || part.contains(['/', '\0']);
            if escapes || part.starts_with(RESERVED_PREFIX) {
                let source = format!("{part:?} may not be part of an object's path: {location}").into();
                return Err(Error::Generic { store: STORE_NAME, source });
            }
            path.push(part);
        }
        Ok(path)
    }

    /// The bytes of small ranges, if the system has all of them in memory: that takes less time than the way to another thread and
    /// back, and blocks no more than decoding them does.
    fn cached_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
        let wanted = ranges.iter().try_fold(0u64, |sum, range| sum.checked_add(range.end.checked_sub(range.start)?))?;
        if wanted > CACHED_READ_BYTES_MAX {
            return None;
        }
        let file = self.disk.fs.open_cached(&self.file_of(location).ok()?)?;
        let read = |range: &Range<u64>| {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            // Shorter where only a part is in memory, or the file ends.
            (file.read_cached(&mut bytes, range.start)? == bytes.len()).then(|| bytes.into())
        };
        ranges.iter().map(read).collect()
    }

    /// Runs `work` where it may block: on the runtime's blocking threads, or right here without a runtime.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let this = self.clone();
        run_blocking(move || work(&this)).await
    }
}

/// Runs `work` on the runtime's blocking threads, or right here without a runtime.
pub(super) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await?,
        Err(_) => work(),
    }
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStore({})", self.disk.root.display())
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let taken = match options.mode {
            PutMode::Create => Taken::Refuse,
            PutMode::Overwrite => Taken::Replace,
            PutMode::Update(_) => return Err(not_implemented("put if unchanged")),
        };
        refuse_attributes(&options.attributes)?;
        let location = location.clone();
        self.blocking(move |store| {
            let file = store.file_of(&location)?;
            let parts: Vec<Bytes> = payload.into_iter().collect();
            store.disk.put(&file, &parts, taken).map_err(|error| io_error(&location, error))?;
            let metadata = store.disk.metadata(&file).map_err(|error| io_error(&location, error))?;
            Ok(PutResult { e_tag: Some(e_tag(&metadata)), version: None })
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        refuse_attributes(&options.attributes)?;
        let location = location.clone();
        self.blocking(move |store| {
            let target = store.file_of(&location)?;
            let temporary = store.disk.create_temporary().map_err(|error| io_error(&location, error))?;
            let upload = LocalUpload::new(Arc::clone(&store.disk), location, target, temporary);
            Ok(Box::new(upload) as Box<dyn MultipartUpload>)
        })
        .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let location = location.clone();
        self.blocking(move |store| {
            let file = store.file_of(&location)?;
            file.parent()
                .map_or(Ok(()), |dir| store.disk.settle_dir(dir))
                .map_err(|error| io_error(&location, error))?;
            let metadata = store.disk.metadata(&file).map_err(|error| io_error(&location, error))?;
            let mut meta = object_meta(location.clone(), &metadata);
            options.check_preconditions(&meta)?;
            if options.head {
                let payload = GetResultPayload::Stream(stream::empty().boxed());
                return Ok(GetResult { payload, range: 0..meta.size, meta, attributes: Attributes::new() });
            }
            let file = store.disk.fs.open(&file, false).map_err(|error| io_error(&location, error))?;
            // Of the handle: the name may have been taken over since.
            meta.size = file.len().map_err(|error| io_error(&location, error))?;
            let range = match &options.range {
                Some(range) => range.as_range(meta.size).map_err(generic)?,
                None => 0..meta.size,
            };
            let payload = GetResultPayload::Stream(read_stream(location, file, range.clone())?);
            Ok(GetResult { payload, meta, range, attributes: Attributes::new() })
        })
        .await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if let Some(parts) = self.cached_ranges(location, ranges) {
            return Ok(parts);
        }
        let (location, ranges) = (location.clone(), ranges.to_vec());
        self.blocking(move |store| {
            let failed = |error| io_error(&location, error);
            let path = store.file_of(&location)?;
            store.disk.metadata(&path).map_err(failed)?;
            let file = store.disk.fs.open(&path, false).map_err(failed)?;
            let size = file.len().map_err(failed)?;
            let read = |range: Range<u64>| {
                let range = object_store::GetRange::Bounded(range).as_range(size).map_err(generic)?;
                read_exact(file.as_ref(), range).map_err(failed)
            };
            ranges.into_iter().map(read).collect()
        })
        .await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let removed = locations.ready_chunks(DELETE_CHUNK).then(move |chunk| {
            let store = store.clone();
            async move {
                let work = move |store: &Self| Ok(store.remove_chunk(chunk));
                store.blocking(work).await.unwrap_or_else(|error| vec![Err(error)])
            }
        });
        removed.flat_map(stream::iter).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_after(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_after(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned().unwrap_or_default();
        self.blocking(move |store| Walk::new(Arc::clone(&store.disk), store.file_of(&prefix)?, prefix, None).level())
            .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let taken = match options.mode {
            CopyMode::Overwrite => Taken::Replace,
            CopyMode::Create => Taken::Refuse,
        };
        self.link(from, to, taken, true).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let taken = match options.target_mode {
            RenameTargetMode::Overwrite => Taken::Replace,
            RenameTargetMode::Create => Taken::Refuse,
        };
        self.link(from, to, taken, false).await
    }
}

impl LocalStore {
    fn list_after(&self, prefix: Option<&Path>, offset: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned().unwrap_or_default();
        let walk = match self.file_of(&prefix) {
            Ok(dir) => Walk::new(Arc::clone(&self.disk), dir, prefix, offset.cloned()),
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let chunks = stream::try_unfold(walk, |mut walk| async move {
            let step = move || {
                let chunk = walk.by_ref().take(LIST_CHUNK).collect::<Result<Vec<_>>>()?;
                Ok((!chunk.is_empty()).then_some((chunk, walk)))
            };
            run_blocking(step).await
        });
        chunks.map_ok(|chunk| stream::iter(chunk.into_iter().map(Ok))).try_flatten().boxed()
    }

    fn remove_chunk(&self, chunk: Vec<Result<Path>>) -> Vec<Result<Path>> {
        let mut files = Vec::with_capacity(chunk.len());
        let found: Vec<Result<Path>> = chunk
            .into_iter()
            .map(|location| {
                let location = location?;
                files.push(self.file_of(&location)?);
                Ok(location)
            })
            .collect();
        let mut outcomes = self.disk.remove(&files).into_iter();
        let settle = |location: Path| match outcomes.next() {
            Some(Err(error)) => Err(io_error(&location, error)),
            _ => Ok(location),
        };
        let mut settle = settle;
        found.into_iter().map(|location| location.and_then(&mut settle)).collect()
    }

    async fn link(&self, from: &Path, to: &Path, taken: Taken, keep_source: bool) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.blocking(move |store| {
            let (source, target) = (store.file_of(&from)?, store.file_of(&to)?);
            store.disk.metadata(&source).map_err(|error| io_error(&from, error))?;
            store.disk.link(&source, &target, taken, keep_source).map_err(|error| io_error(&to, error))
        })
        .await
    }
}

/// The first chunk is read at once: most objects need no second hop.
fn read_stream(location: Path, file: Box<dyn FsFile>, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
    let next = |range: Range<u64>| (range.start, range.end.min(range.start + STREAM_CHUNK_BYTES));
    let (start, end) = next(range.clone());
    let first = read_exact(file.as_ref(), start..end).map_err(|error| io_error(&location, error))?;
    let rest = stream::try_unfold((location, file, end..range.end), move |(location, file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let step = move || {
            let (start, end) = next(range.clone());
            let chunk = read_exact(file.as_ref(), start..end).map_err(|error| io_error(&location, error))?;
            Ok(Some((chunk, (location, file, end..range.end))))
        };
        run_blocking(step).await
    });
    Ok(stream::once(async { Ok(first) }).chain(rest).boxed())
}

fn read_exact(file: &dyn FsFile, range: Range<u64>) -> io::Result<Bytes> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], range.start + filled as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(bytes.into())
}

pub(super) fn object_meta(location: Path, metadata: &FsMetadata) -> ObjectMeta {
    ObjectMeta {
        location,
        last_modified: DateTime::from_timestamp_micros(metadata.modified_us).unwrap_or_default(),
        size: metadata.len,
        e_tag: Some(e_tag(metadata)),
        version: None,
    }
}

pub(super) fn e_tag(metadata: &FsMetadata) -> String {
    format!("{:x}-{:x}", metadata.modified_us, metadata.len)
}

/// The error of a call about `location`. The cause stays in its chain: a full disk is an [`io::Error`] of kind
/// `StorageFull` there.
pub(super) fn io_error(location: &Path, error: io::Error) -> Error {
    let path = location.to_string();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotFound { path, source: error.into() },
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: error.into() },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied { path, source: error.into() },
        _ => generic(error),
    }
}

fn generic(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic { store: STORE_NAME, source: Box::new(source) }
}

fn not_implemented(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: STORE_NAME.to_owned() }
}

fn refuse_attributes(attributes: &Attributes) -> Result<()> {
    if attributes.is_empty() { Ok(()) } else { Err(not_implemented("attributes of objects")) }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

//! [`FaultyStore`]: an object store whose writes of log entries fail in chosen ways.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What happens to one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails and nothing lands.
    Before,
    /// It lands, the answer is an error.
    After,
    /// It lands, the answer is 'already exists'.
    AlreadyExistsAfter,
    /// It lands, the answer is an error, and from now on no log entry can be read.
    AfterAndBlind,
}

#[derive(Debug)]
pub(super) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    faults: Mutex<VecDeque<Fault>>,
    log_writes: AtomicU32,
    blind: AtomicBool,
    landing: Mutex<VecDeque<(Path, String)>>,
}

impl FaultyStore {
    pub(super) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            faults: Mutex::default(),
            log_writes: AtomicU32::new(0),
            blind: AtomicBool::new(false),
            landing: Mutex::default(),
        }
    }

    /// The next writes of log entries fail in these ways, the ones after not at all.
    pub(super) fn fail_with(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Others write these log entries: one each time that this store is asked whether a log entry is there, just before.
    pub(super) fn land_before_heads(&self, entries: impl IntoIterator<Item = (Path, String)>) {
        self.landing.lock().unwrap().extend(entries);
    }

    /// Log entries can be read again.
    pub(super) fn see_again(&self) {
        self.blind.store(false, Ordering::SeqCst);
    }

    /// Writes of log entries so far, failed ones included.
    pub(super) fn log_writes(&self) -> u32 {
        self.log_writes.load(Ordering::SeqCst)
    }

    fn timeout() -> Error {
        Error::Generic { store: "faulty", source: "timed out".into() }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if location.extension() != Some("json") {
            return self.inner.put_opts(location, payload, opts).await;
        }
        self.log_writes.fetch_add(1, Ordering::SeqCst);
        let fault = self.faults.lock().unwrap().pop_front();
        if fault == Some(Fault::Before) {
            return Err(Self::timeout());
        }
        let result = self.inner.put_opts(location, payload, opts).await?;
        match fault {
            Some(Fault::AlreadyExistsAfter) => {
                Err(Error::AlreadyExists { path: location.to_string(), source: "it is there".into() })
            }
            Some(Fault::AfterAndBlind) => {
                self.blind.store(true, Ordering::SeqCst);
                Err(Self::timeout())
            }
            Some(Fault::After | Fault::Before) => Err(Self::timeout()),
            None => Ok(result),
        }
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.blind.load(Ordering::SeqCst) && location.extension() == Some("json") {
            return Err(Self::timeout());
        }
        if options.head && location.extension() == Some("json") {
            let landing = self.landing.lock().unwrap().pop_front();
            if let Some((path, entry)) = landing {
                self.inner.put_opts(&path, entry.into_bytes().into(), PutOptions::default()).await?;
            }
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

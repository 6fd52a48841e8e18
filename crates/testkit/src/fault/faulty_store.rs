//! [`FaultyStore`]: an object store that answers as real ones do on a bad day.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How many of the newest objects a stale list does not know.
const STALE_OBJECTS: usize = 3;
const STORE: &str = "faulty store";

/// An operation, before it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOperation {
    /// What it does.
    pub kind: StoreOperationKind,
    /// To which object, or below which prefix.
    pub path: String,
    /// How many operations of this kind this path has seen before. A choice that rests on these three alone is the same
    /// in whatever order the operations of several threads come.
    pub nth: u64,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as the methods of `ObjectStore` are")]
pub enum StoreOperationKind {
    /// A put that replaces.
    Put,
    /// A put that must create.
    PutCreate,
    PutMultipart,
    Get,
    List,
    Delete,
    Copy,
}

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoreFault {
    /// It does not happen and fails.
    Before,
    /// It does not happen: 503 SlowDown.
    SlowDown,
    /// It happens, and the answer is lost.
    Timeout,
    /// A put happens and is answered with 'already exists' (409): the store tried again by itself and met its own object.
    OwnConflict,
    /// A put happens and is answered with 'precondition failed' (412), for the same reason.
    OwnPrecondition,
    /// A list does not know the newest objects.
    StaleList,
    /// A body breaks off in the middle.
    ShortBody,
}

impl StoreFault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Before,
        Self::SlowDown,
        Self::Timeout,
        Self::OwnConflict,
        Self::OwnPrecondition,
        Self::StaleList,
        Self::ShortBody,
    ];

    /// Whether it can come to an operation of this kind.
    pub fn can_come_to(self, kind: StoreOperationKind) -> bool {
        use StoreOperationKind::{Get, List, Put, PutCreate};
        match self {
            Self::Before | Self::SlowDown => true,
            Self::Timeout => !matches!(kind, Get | List | StoreOperationKind::PutMultipart),
            Self::OwnConflict | Self::OwnPrecondition => matches!(kind, Put | PutCreate),
            Self::StaleList => kind == List,
            Self::ShortBody => kind == Get,
        }
    }
}

type Script = dyn Fn(&StoreOperation) -> Option<StoreFault> + Send + Sync;

/// Stands before a store and asks a script for a fault at every operation. A fault that cannot come to the operation does
/// not.
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    script: Mutex<Option<Arc<Script>>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    operations: HashMap<(StoreOperationKind, String), u64>,
    /// Objects put, newest last.
    newest: VecDeque<Path>,
}

impl FaultyStore {
    /// A store without faults until it [follows](Self::follow) a script.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, script: Mutex::default(), seen: Mutex::default() }
    }

    /// Asks `script` at every operation from now on.
    pub fn follow(&self, script: impl Fn(&StoreOperation) -> Option<StoreFault> + Send + Sync + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(script));
    }

    /// Works well from now on.
    pub fn follow_nothing(&self) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn fault(&self, kind: StoreOperationKind, path: &str) -> Option<StoreFault> {
        let nth = {
            let mut seen = self.seen();
            let count = seen.operations.entry((kind, path.to_owned())).or_default();
            *count += 1;
            *count - 1
        };
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let fault = script(&StoreOperation { kind, path: path.to_owned(), nth })?;
        fault.can_come_to(kind).then_some(fault)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_happened(&self, location: &Path) {
        let newest = &mut self.seen().newest;
        newest.retain(|known| known != location);
        newest.push_back(location.clone());
        if newest.len() > STALE_OBJECTS {
            newest.pop_front();
        }
    }
}

/// An error before anything happened.
fn before(fault: Option<StoreFault>) -> Result<()> {
    match fault {
        Some(StoreFault::Before) => Err(error("connection refused")),
        Some(StoreFault::SlowDown) => Err(error("503 SlowDown: reduce your request rate")),
        _ => Ok(()),
    }
}

/// The answer to what happened.
fn after<T>(fault: Option<StoreFault>, location: &Path, answer: T) -> Result<T> {
    let path = location.to_string();
    match fault {
        Some(StoreFault::Timeout) => Err(error("the answer did not come in time")),
        Some(StoreFault::OwnConflict) => Err(Error::AlreadyExists { path, source: "409 Conflict".into() }),
        Some(StoreFault::OwnPrecondition) => {
            Err(Error::Precondition { path, source: "412 Precondition Failed".into() })
        }
        _ => Ok(answer),
    }
}

fn error(what: &'static str) -> Error {
    Error::Generic { store: STORE, source: what.into() }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let creates = matches!(options.mode, PutMode::Create);
        let kind = if creates { StoreOperationKind::PutCreate } else { StoreOperationKind::Put };
        let fault = self.fault(kind, location.as_ref());
        before(fault)?;
        let put = self.inner.put_opts(location, payload, options).await?;
        self.put_happened(location);
        after(fault, location, put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        before(self.fault(StoreOperationKind::PutMultipart, location.as_ref()))?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.fault(StoreOperationKind::Get, location.as_ref());
        before(fault)?;
        let got = self.inner.get_opts(location, options).await?;
        if fault != Some(StoreFault::ShortBody) {
            return Ok(got);
        }
        let (meta, range, attributes) = (got.meta.clone(), got.range.clone(), got.attributes.clone());
        let whole = got.bytes().await?;
        let part: Bytes = whole.slice(..whole.len() / 2);
        let broken = stream::iter([Ok(part), Err(error("the connection was closed in the middle of the body"))]);
        Ok(GetResult { payload: GetResultPayload::Stream(broken.boxed()), meta, range, attributes })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.fault(StoreOperationKind::Delete, "") {
            None => self.inner.delete_stream(locations),
            Some(StoreFault::Timeout) => {
                let deleted = self.inner.delete_stream(locations);
                deleted.map(|_| Err(error("the answer did not come in time"))).boxed()
            }
            fault => locations.map(move |_| Err(before(fault).expect_err("no other fault comes to a delete"))).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let fault = self.fault(StoreOperationKind::List, prefix.map_or("", AsRef::as_ref));
        if let Err(error) = before(fault) {
            return stream::once(async { Err(error) }).boxed();
        }
        let listed = self.inner.list(prefix);
        if fault != Some(StoreFault::StaleList) {
            return listed;
        }
        let unknown = self.seen().newest.clone();
        listed.try_filter(move |object| futures::future::ready(!unknown.contains(&object.location))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        before(self.fault(StoreOperationKind::List, prefix.map_or("", AsRef::as_ref)))?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let fault = self.fault(StoreOperationKind::Copy, to.as_ref());
        before(fault)?;
        self.inner.copy_opts(from, to, options).await?;
        self.put_happened(to);
        after(fault, to, ())
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

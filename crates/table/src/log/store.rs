//! [`LogStore`]: the log of one table, as versions to load, catch up with and commit on top of.
//!
//! Holds no version itself. The kernel's engine works over the same object store as everybody else, rooted at the table,
//! so inside it every table is at `file:///`: a URL whose listings the kernel sorts itself, whatever the store does.

use std::num::NonZero;
use std::sync::Arc;

use delta_kernel::{KernelError, Snapshot as KernelSnapshot, SnapshotRef};
use delta_kernel_default_engine::executor::TaskExecutor;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode};
use tokio::runtime::{Handle, RuntimeFlavor};

use annals_event::Clock;

use super::commit_id::CommitIds;
use super::objects::{LOG_FOLDER, LogObjects, POINTER};
use super::{creation, replay, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Snapshot;
use crate::table::TableOptions;

/// Root of the table inside its own object store.
const TABLE_URL: &str = "file:///";

/// Rows in a batch of log actions. The kernel's default of 1,000 costs a fixed price for each.
const BATCH_ROWS: NonZero<usize> = NonZero::new(8_192).expect("not zero");

/// How many log files are read at once while catching up.
const READ_AHEAD_FILES: NonZero<usize> = NonZero::new(64).expect("not zero");

/// After how many versions the kernel is started anew from a later checkpoint, in units of the checkpoint interval, so
/// that it does not hold ever more commits. Catching up never adopts a checkpoint by itself: it would forget the commits
/// that the index is to be fed from.
const REBASE_INTERVALS: u64 = 2;

/// The log of one table.
#[derive(Debug)]
pub(crate) struct LogStore {
    objects: Arc<dyn ObjectStore>,
    /// The same, as the log sees them.
    log_objects: Arc<LogObjects>,
    executor: Arc<TokioMultiThreadExecutor>,
    engine: DefaultEngine<TokioMultiThreadExecutor>,
    options: TableOptions,
    clock: Arc<dyn Clock>,
}

/// One version, as the kernel knows it and as we do.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(super) kernel: SnapshotRef,
    pub(crate) snapshot: Arc<Snapshot>,
    /// The version at which the kernel was started, from a checkpoint where there was one.
    started_at: u64,
}

impl LogStore {
    /// The log of the table at the root of `objects`.
    ///
    /// # Errors
    /// `Invalid` when `runtime` is not a multi-threaded one: blocking on a single thread would wait for itself.
    pub(crate) fn new(
        objects: Arc<dyn ObjectStore>,
        runtime: Handle,
        options: TableOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread {
            let message = format!("table {} needs a multi-threaded tokio runtime", options.name);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let executor = Arc::new(TokioMultiThreadExecutor::new(runtime));
        let log_objects = Arc::new(LogObjects::new(Arc::clone(&objects)));
        let engine = DefaultEngineBuilder::new(Arc::clone(&log_objects) as _)
            .with_task_executor(Arc::clone(&executor))
            .with_batch_size(BATCH_ROWS)
            .with_buffer_size(READ_AHEAD_FILES)
            .build();
        Ok(Self { objects, log_objects, executor, engine, options, clock })
    }

    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    pub(super) fn log_objects(&self) -> &Arc<LogObjects> {
        &self.log_objects
    }

    pub(crate) fn options(&self) -> &TableOptions {
        &self.options
    }

    pub(super) fn engine(&self) -> &DefaultEngine<TokioMultiThreadExecutor> {
        &self.engine
    }

    /// Runs `future` on the runtime and waits for it. Works on any thread but must not be called from async code.
    pub(crate) fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.executor.block_on(future)
    }

    /// Loads the newest version; `None` when there is no log.
    ///
    /// A damaged checkpoint is passed over when an older one, or the beginning of the log, and the commits since are there.
    pub(crate) fn load(&self) -> Result<Option<Loaded>> {
        let mut first_error = None;
        loop {
            // What others came across meanwhile is not this call's.
            drop(self.log_objects.take_damaged());
            let error = match self.load_as_listed() {
                Ok(loaded) => return Ok(loaded),
                Err(error) => error,
            };
            let mut goes_back = false;
            for checkpoint in self.log_objects.take_damaged() {
                let path = checkpoint.to_string();
                if self.log_objects.hide(checkpoint) {
                    tracing::warn!(table = self.options.name, path, "a damaged checkpoint is passed over");
                    goes_back = true;
                }
            }
            // A pointer to a checkpoint that is gone, or that a listing does not know yet: all the log is listed instead.
            // What was wrong with the pointer is then no matter any more.
            let pointer = || Path::from(format!("{LOG_FOLDER}/{POINTER}"));
            if !goes_back && error.kind() == ErrorKind::Corrupt && self.log_objects.hide(pointer()) {
                continue;
            }
            // The first says what is damaged, later ones only that nothing else is there.
            let error = first_error.take().unwrap_or(error);
            if !goes_back {
                return Err(error);
            }
            first_error = Some(error);
        }
    }

    fn load_as_listed(&self) -> Result<Option<Loaded>> {
        let build = || KernelSnapshot::builder_for(TABLE_URL).build(&self.engine);
        let kernel = match build() {
            Ok(kernel) => kernel,
            Err(_) if self.is_log_empty()? => return Ok(None),
            // The log may have been created or cleaned up while it was being listed: look once more.
            Err(_) => build().map_err(|error| self.error("opening the log", error))?,
        };
        self.check_beginning(&kernel)?;
        schema::check_ours(&kernel, &self.options)?;
        let (index, transactions) = replay::whole(&self.engine, &kernel).map_err(|error| self.replay_error(error))?;
        let snapshot = Arc::new(Snapshot::new(kernel.version(), index, transactions));
        Ok(Some(Loaded { started_at: kernel.version(), kernel, snapshot }))
    }

    /// The newest version, derived from `from` by the commits since; `from` itself when there are none.
    pub(crate) fn catch_up(&self, from: &Loaded) -> Result<Loaded> {
        let builder = KernelSnapshot::builder_from(Arc::clone(&from.kernel)).skip_new_checkpoints();
        let kernel = match builder.build(&self.engine) {
            Ok(kernel) => kernel,
            // The commits since may have been cleaned away behind a checkpoint.
            Err(error) => return self.load_after(from, &self.error("reading new versions of the log", error)),
        };
        if kernel.version() == from.kernel.version() {
            return Ok(from.clone());
        }
        schema::check_ours(&kernel, &self.options)?;
        let derived = replay::since(&self.engine, &kernel, &from.snapshot).map_err(|error| self.replay_error(error))?;
        let Some((index, transactions)) = derived else {
            let error = Error::new(ErrorKind::Unavailable, "the commits since are not at hand");
            return self.load_after(from, &error);
        };
        let snapshot = Arc::new(Snapshot::new(kernel.version(), index, transactions));
        Ok(self.advanced(from, kernel, snapshot))
    }

    /// Whether `version` is the newest, by asking for the next one by its name: a listing may not know the newest objects
    /// yet, and what is done on the word of an old version (files deleted, rows replayed) would be done to live rows.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer.
    pub(crate) fn is_newest(&self, version: u64) -> Result<bool> {
        let path = Path::from(format!("{LOG_FOLDER}/{:020}.json", version + 1));
        let objects = Arc::clone(&self.objects);
        match self.block_on(async move { objects.head(&path).await }) {
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Ok(_) => Ok(false),
            Err(error) => {
                let message = format!("asking for the newest version of table {} failed; try again", self.options.name);
                Err(Error::with_source(ErrorKind::Unavailable, message, error))
            }
        }
    }

    /// A later version than `from`. Rests on a newer checkpoint when the kernel was started long ago.
    pub(super) fn advanced(&self, from: &Loaded, kernel: SnapshotRef, snapshot: Arc<Snapshot>) -> Loaded {
        let loaded = Loaded { kernel, snapshot, started_at: from.started_at };
        let held = loaded.snapshot.version() - loaded.started_at;
        if held < self.options.checkpoint_interval.saturating_mul(REBASE_INTERVALS) {
            return loaded;
        }
        self.rebase(loaded)
    }

    /// The same version, from the newest checkpoint.
    pub(super) fn rebase(&self, loaded: Loaded) -> Loaded {
        let version = loaded.snapshot.version();
        match KernelSnapshot::builder_for(TABLE_URL).at_version(version).build(&self.engine) {
            Ok(kernel) => Loaded { kernel, started_at: version, ..loaded },
            // Only a matter of speed: the version at hand stays good.
            Err(error) => {
                tracing::debug!(%error, table = self.options.name, "adopting a newer checkpoint failed");
                Loaded { started_at: version, ..loaded }
            }
        }
    }

    /// Writes version 0. That somebody else did so first is fine: the table is there.
    pub(crate) fn create(&self, ids: &CommitIds) -> Result<()> {
        let schema = schema::delta_schema(&self.options)?;
        let now_ms = self.clock.now_us().div_euclid(1000);
        let bytes = creation::first_version(&schema, &ids.next(), &ids.next(), now_ms)?;
        let path = Path::from(format!("{LOG_FOLDER}/{:020}.json", 0));
        let objects = Arc::clone(&self.log_objects);
        let put = async move { objects.put_opts(&path, bytes.into(), PutMode::Create.into()).await };
        match self.block_on(put) {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            // The answer may be lost and the object there: then opening the table finds it.
            Err(_) if !self.is_log_empty()? => Ok(()),
            Err(error) => {
                let message = format!("creating the log of table {} failed; try again", self.options.name);
                Err(Error::with_source(ErrorKind::Unavailable, message, error))
            }
        }
    }

    /// An error of the kernel while it was `doing` something to this table's log.
    pub(super) fn error(&self, doing: &str, error: KernelError) -> Error {
        if let Some(own) = find_own(&error) {
            return Error::new(own.kind(), format!("{doing} of table {} failed: {own}", self.options.name));
        }
        let kind = kind_of(&error);
        Error::with_source(kind, format!("{doing} of table {} failed", self.options.name), error)
    }

    /// The kernel takes the commits that are there for all that there ever were.
    fn check_beginning(&self, kernel: &KernelSnapshot) -> Result<()> {
        let log = kernel.log_segment();
        let first = log.listed.ascending_commit_files.first().map(|commit| commit.version);
        if log.checkpoint_version.is_some() || first == Some(0) {
            return Ok(());
        }
        let message = format!(
            "the log of table {} has no beginning: neither version 0 nor a checkpoint that can be read is there; restore \
             the folder {LOG_FOLDER} from a copy of the store",
            self.options.name
        );
        Err(Error::new(ErrorKind::Corrupt, message))
    }

    fn replay_error(&self, error: replay::ReplayError) -> Error {
        match error {
            replay::ReplayError::Kernel(error) => self.error("replaying the log", error),
            replay::ReplayError::Entry(kind, message) => {
                Error::new(kind, format!("the log of table {}: {message}", self.options.name))
            }
        }
    }

    /// Loads anew a version that is not older than `from`.
    fn load_after(&self, from: &Loaded, error: &Error) -> Result<Loaded> {
        tracing::debug!(%error, table = self.options.name, "loading the log anew");
        let seen = from.snapshot.version();
        match self.load()? {
            Some(loaded) if loaded.snapshot.version() >= seen => Ok(loaded),
            _ => {
                let message = format!(
                    "the log of table {} has lost version {seen}; restore it or open the table anew",
                    self.options.name
                );
                Err(Error::new(ErrorKind::Corrupt, message))
            }
        }
    }

    fn is_log_empty(&self) -> Result<bool> {
        let objects = Arc::clone(&self.objects);
        let first = async move { objects.list(Some(&Path::from(LOG_FOLDER))).next().await.transpose() };
        match self.block_on(first) {
            Ok(first) => Ok(first.is_none()),
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(error) => {
                let message = format!("listing the log of table {} failed; try again", self.options.name);
                Err(Error::with_source(ErrorKind::Unavailable, message, error))
            }
        }
    }
}

impl Loaded {
    /// Commits since the newest checkpoint that this version was loaded from.
    pub(crate) fn commits_since_checkpoint(&self) -> u64 {
        let log = self.kernel.log_segment();
        log.end_version.saturating_sub(log.checkpoint_version.unwrap_or(0))
    }
}

/// An error of ours that went through the kernel: the finding of a check.
fn find_own(error: &KernelError) -> Option<&Error> {
    let mut at: &(dyn std::error::Error + 'static) = match error {
        KernelError::Backtraced { source, .. } => return find_own(source),
        // Which says what happened in its text, but not as its source.
        KernelError::ObjectStore(error) => error,
        error => error,
    };
    loop {
        if let Some(own) = at.downcast_ref::<Error>() {
            return Some(own);
        }
        at = at.source()?;
    }
}

/// What a caller can do about an error of the kernel.
fn kind_of(error: &KernelError) -> ErrorKind {
    match error {
        KernelError::Backtraced { source, .. } => kind_of(source),
        KernelError::IOError(_)
        | KernelError::ObjectStore(_)
        | KernelError::Reqwest(_)
        | KernelError::JoinFailure(_) => ErrorKind::Unavailable,
        KernelError::Unsupported(_) => ErrorKind::Invalid,
        KernelError::InternalError(_) | KernelError::InvalidTransactionState(_) => ErrorKind::Internal,
        // While it reads a checkpoint, the kernel wraps what the store answered in errors of Parquet and Arrow.
        other if is_of_the_store(other) => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    }
}

/// Whether the store's failure to answer stands at the bottom of an error.
fn is_of_the_store(error: &(dyn std::error::Error + 'static)) -> bool {
    use object_store::Error::{InvalidPath, NotFound, NotImplemented, NotSupported};
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        let of_store = cause.downcast_ref::<object_store::Error>();
        of_store.is_some_and(|error| {
            !matches!(error, NotFound { .. } | InvalidPath { .. } | NotImplemented { .. } | NotSupported { .. })
        })
    })
}

//! [`Table`]: one Delta table, open for reading and committing.
//!
//! The published [`Snapshot`] only ever moves forward. Reading it is a pointer copy; reading newer versions and committing
//! take turns behind one lock. Everything but [`Table::snapshot`] BLOCKS on the store: call it from a plain thread or from
//! `spawn_blocking`, never from async code.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;

use annals_event::Clock;

use crate::change::{CommitOutcome, Standing, TableChange};
use crate::data_file::DataFile;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Attempt, CommitIds, Loaded, LogStore};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::trace_runs::TraceRuns;

/// What the table log names as the program that wrote a commit.
pub(crate) const ENGINE_INFO: &str = concat!("annals/", env!("CARGO_PKG_VERSION"));

/// How often one version is written again after it turned out not to be there.
const SAME_VERSION_ATTEMPTS_MAX: u32 = 3;

/// How many versions one commit may lose to others before it gives up, and how often a newer one may turn up while the newest
/// is looked for.
const LOST_VERSIONS_MAX: u32 = 64;

/// Default of [`TableOptions::checkpoint_interval`].
const CHECKPOINT_INTERVAL_DEFAULT: u64 = 100;

/// Which table, and what it holds. Every table is partitioned by `project_id`, `day`.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Its name: the folder below the store's root.
    pub name: &'static str,
    /// Its columns, partition columns included. All nullable. `Utf8View` is stored as Delta's `string`.
    pub schema: SchemaRef,
    /// Commits between two checkpoints. At least 1, default 100.
    pub checkpoint_interval: u64,
    /// Seed of commit ids, which must differ between processes with one clock: `None` takes the operating system's. Only for
    /// runs that must come out the same.
    pub commit_seed: Option<u64>,
}

impl TableOptions {
    /// The table of events.
    pub fn events() -> Self {
        Self {
            name: "events",
            schema: annals_event::event_schema(),
            checkpoint_interval: CHECKPOINT_INTERVAL_DEFAULT,
            commit_seed: None,
        }
    }

    /// The table of refused records: events about them.
    pub fn dead_letters() -> Self {
        Self { name: "dead_letters", ..Self::events() }
    }
}

/// One Delta table. Cheap methods share, all others take turns.
#[derive(Debug)]
pub struct Table {
    log: LogStore,
    ids: CommitIds,
    published: RwLock<Arc<Snapshot>>,
    head: Mutex<Head>,
    checkpointing: Mutex<()>,
    trace_runs: Arc<TraceRuns>,
}

/// The newest version that this table knows.
#[derive(Debug)]
struct Head {
    loaded: Loaded,
    /// The outcome of the last commit is not known, so the log must be read before the next one.
    unsettled: bool,
}

impl Table {
    /// Opens table `options.name` of `store`; `None` when there is none. Blocks.
    ///
    /// # Errors
    /// `Invalid` when the table there is not the one that `options` describe or the store's runtime has one thread,
    /// `Unavailable` when the store does not answer, `Corrupt` when the log cannot be read.
    pub fn open(store: &Store, options: TableOptions, clock: Arc<dyn Clock>) -> Result<Option<Self>> {
        Self::open_at(store.table(options.name), store.runtime().clone(), options, clock)
    }

    /// Opens table `options.name` of `store`, after creating it where there is none. Blocks.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_or_create(store: &Store, options: TableOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::open_or_create_at(store.table(options.name), store.runtime().clone(), options, clock)
    }

    /// Opens the table at the root of `objects`; `None` when there is none.
    fn open_at(
        objects: Arc<dyn ObjectStore>,
        runtime: Handle,
        options: TableOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>> {
        let ids = CommitIds::new(Arc::clone(&clock), options.commit_seed);
        let log = LogStore::new(objects, runtime, options, clock)?;
        Ok(log.load()?.map(|loaded| Self::new(log, ids, loaded)))
    }

    /// Opens the table at the root of `objects`, after creating it where there is none.
    fn open_or_create_at(
        objects: Arc<dyn ObjectStore>,
        runtime: Handle,
        options: TableOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let ids = CommitIds::new(Arc::clone(&clock), options.commit_seed);
        let log = LogStore::new(objects, runtime, options, clock)?;
        if let Some(loaded) = log.load()? {
            return Ok(Self::new(log, ids, loaded));
        }
        log.create(&ids)?;
        match log.load()? {
            Some(loaded) => Ok(Self::new(log, ids, loaded)),
            None => {
                let message = format!("table {} was created but is not there; try again", log.options().name);
                Err(Error::new(ErrorKind::Unavailable, message))
            }
        }
    }

    fn new(log: LogStore, ids: CommitIds, loaded: Loaded) -> Self {
        let published = RwLock::new(Arc::clone(&loaded.snapshot));
        let head = Mutex::new(Head { loaded, unsettled: false });
        let trace_runs = Arc::new(TraceRuns::new(Arc::clone(log.objects())));
        Self { log, ids, published, head, checkpointing: Mutex::new(()), trace_runs }
    }

    /// The table's name.
    pub fn name(&self) -> &'static str {
        self.log.options().name
    }

    /// The store of the table's objects, rooted at the table: [`DataFile::path`](crate::DataFile::path) is an object's
    /// path in it.
    pub fn object_store(&self) -> &Arc<dyn ObjectStore> {
        self.log.objects()
    }

    /// All bytes of a data file, as they stand in the store: what checks them is up to who reads them. Blocks.
    ///
    /// # Errors
    /// `NotFound` when it is gone, `Unavailable` when the store does not answer.
    pub fn read_file(&self, file: &DataFile) -> Result<Bytes> {
        let path = Path::parse(&file.path).map_err(|error| {
            Error::with_source(ErrorKind::Corrupt, format!("the table log names {:?}", file.path), error)
        })?;
        let objects = Arc::clone(self.object_store());
        let read = self.log.block_on(async move { objects.get(&path).await?.bytes().await });
        read.map_err(|error| {
            let kind = match error {
                object_store::Error::NotFound { .. } => ErrorKind::NotFound,
                _ => ErrorKind::Unavailable,
            };
            Error::with_source(kind, format!("the data file {} cannot be read", file.path), error)
        })
    }

    /// The published version: the newest that this process read or committed. No I/O, no waiting.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads versions that others committed since, and publishes the newest. Blocks. Whoever may listen to this version
    /// (deletes files that it does not name, replays rows above its watermark) may trust that it is the newest: the store
    /// was asked for the next one by name. What others commit meanwhile is read too.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer or does not list what it holds, `Corrupt` when the log cannot be read,
    /// `Invalid` when the table is no longer ours to read. The published version stays.
    pub fn refresh(&self) -> Result<Arc<Snapshot>> {
        let mut snapshot = self.refresh_head(&mut self.lock_head())?;
        for _ in 0..LOST_VERSIONS_MAX {
            let listed = snapshot.version();
            if self.log.is_newest(listed)? {
                return Ok(snapshot);
            }
            snapshot = self.refresh_head(&mut self.lock_head())?;
            if snapshot.version() == listed {
                let message = format!(
                    "the store does not list version {} of table {} yet, though it is there; try again",
                    listed + 1,
                    self.name()
                );
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
        }
        let message = format!("table {} got versions faster than they could be read; try again", self.name());
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Commits `change` as one version, and publishes it. Blocks.
    ///
    /// Lost races are run again on top of what won, as long as the change still fits: the writer's watermark below the
    /// change's, every removed file live. A change that is in the table already (an earlier attempt whose answer was
    /// lost) is answered as committed.
    ///
    /// # Errors
    /// `Unavailable`: the change MAY be in the table. Call again with the same change before anything else; if it is in,
    /// the answer is `Committed`, or a conflict when its files were replaced meanwhile or it adds none.
    /// Every other kind: the change is not in the table. `Invalid` for a malformed change or a table that must not be
    /// written to, `Conflict` after more lost races than allowed.
    ///
    /// # Durability
    /// As durable as the store's `put`: with the local store the version is synced when this returns `Committed`.
    pub fn commit(&self, change: TableChange) -> Result<CommitOutcome> {
        change.validate()?;
        let mut head = self.lock_head();
        if head.unsettled {
            self.refresh_head(&mut head)?;
        }
        let commit_id = self.ids.next();
        let (mut lost, mut absent) = (0, 0);
        loop {
            match change.standing(&head.loaded.snapshot) {
                Standing::Fits => {}
                Standing::Present => return Ok(CommitOutcome::Committed(Arc::clone(&head.loaded.snapshot))),
                Standing::Conflicts(conflict) => return Ok(CommitOutcome::Conflict(conflict)),
            }
            match self.log.try_commit(&head.loaded, &change, &commit_id)? {
                Attempt::Committed(loaded) => {
                    return Ok(CommitOutcome::Committed(self.publish(&mut head, loaded)));
                }
                Attempt::CommittedUnseen => {
                    head.unsettled = true;
                    return self.refresh_head(&mut head).map(CommitOutcome::Committed);
                }
                Attempt::Lost if lost < LOST_VERSIONS_MAX => {
                    (lost, absent) = (lost + 1, 0);
                    self.refresh_head(&mut head)?;
                }
                Attempt::Lost => {
                    let message = format!(
                        "a commit to table {} lost {lost} versions to other programs and did not happen; try again later",
                        self.name()
                    );
                    return Err(Error::new(ErrorKind::Conflict, message));
                }
                Attempt::Absent(_) if absent + 1 < SAME_VERSION_ATTEMPTS_MAX => absent += 1,
                Attempt::Absent(error) | Attempt::Unknown(error) => {
                    head.unsettled = true;
                    return Err(self.unsettled(&head, error));
                }
            }
        }
    }

    /// Whether so many commits were made since the last checkpoint that a new one is due.
    pub fn checkpoint_due(&self) -> bool {
        self.lock_head().loaded.commits_since_checkpoint() >= self.log.options().checkpoint_interval.max(1)
    }

    /// Writes a checkpoint of the published version, so that opening the table stays cheap. Blocks for long (the whole
    /// list of live files is written) but not others' commits. Does nothing while another call is at it.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh). The table is as good without the checkpoint.
    pub fn checkpoint(&self) -> Result<()> {
        let Ok(_turn) = self.checkpointing.try_lock() else { return Ok(()) };
        let loaded = self.lock_head().loaded.clone();
        self.log.write_checkpoint(&loaded)?;
        let mut head = self.lock_head();
        head.loaded = self.log.adopt_checkpoint(head.loaded.clone());
        Ok(())
    }

    pub(crate) fn trace_runs(&self) -> &Arc<TraceRuns> {
        &self.trace_runs
    }

    pub(crate) fn log(&self) -> &LogStore {
        &self.log
    }

    fn lock_head(&self) -> MutexGuard<'_, Head> {
        // A version is replaced whole, so a panic elsewhere leaves a good one.
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh_head(&self, head: &mut Head) -> Result<Arc<Snapshot>> {
        let loaded = self.log.catch_up(&head.loaded)?;
        Ok(self.publish(head, loaded))
    }

    fn publish(&self, head: &mut Head, loaded: Loaded) -> Arc<Snapshot> {
        let snapshot = Arc::clone(&loaded.snapshot);
        *head = Head { loaded, unsettled: false };
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&snapshot);
        snapshot
    }

    fn unsettled(&self, head: &Head, cause: Error) -> Error {
        let message = format!(
            "whether version {} of table {} was committed is not known; commit the same change again",
            head.loaded.snapshot.version() + 1,
            self.name()
        );
        Error::with_source(ErrorKind::Unavailable, message, cause)
    }
}

#[cfg(test)]
mod tests;

//! The flush threads: each takes the oldest unclaimed memtable, encodes and stores it, and commits when its turn comes.
//!
//! Encoding overlaps, commits do not: they go strictly in LSN order, because one watermark stands for all rows below it.
//! Order that durability rests on: data files, ledger, commit (which publishes), memtable dropped, WAL cut.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals_table::{
    CommitOutcome, Conflict, DataFile, DataFileName, FileSystem, Lsn, NewObject, Store, Table, TableChange,
    TailMemtable, TracePlace, trace_run,
};

use crate::error::{Error, ErrorKind, Result};
use crate::flush::{EncodedPartition, encode, plan};
use crate::ledger::{Ledger, LedgerEntry};
use crate::state::{Due, PanicWatch, Shared, State};
use crate::wal::{ClosedSegment, removable, remove_segments};

/// The longest rest before a failed flush is tried again.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What a flush thread works with.
#[derive(Clone, Debug)]
pub(crate) struct Flusher {
    pub shared: Arc<Shared>,
    pub store: Store,
    pub table: Arc<Table>,
    pub fs: Arc<dyn FileSystem>,
    pub wal_dir: PathBuf,
    pub closed: Arc<Mutex<Vec<ClosedSegment>>>,
    pub ledger: Arc<Mutex<Ledger>>,
    /// Whether what failed is tried again at once, until it succeeds or the writer closes; else it is left for the next step.
    pub tries_again: bool,
}

impl Flusher {
    /// Runs until the writer closes or fails. What it has begun it brings to its commit, unless that keeps failing.
    pub(crate) fn run(&self) {
        let _watch = PanicWatch(Arc::clone(&self.shared));
        while let Some(memtable) = self.claim() {
            if !self.bring_in(memtable) {
                return;
            }
        }
    }

    /// Brings the oldest frozen memtable into the table, without waiting for one; `false` when there is none, or the writer
    /// is closed.
    pub(crate) fn step(&self) -> bool {
        let memtable = unclaimed(&mut self.shared.lock());
        let Some(memtable) = memtable else { return false };
        let first_lsn = memtable.first_lsn;
        let done = self.bring_in(memtable);
        if !done {
            let mut state = self.shared.lock();
            let left = state.memtables.frozen.iter_mut().find(|frozen| frozen.rows.first_lsn == first_lsn);
            left.into_iter().for_each(|frozen| frozen.claimed = false);
        }
        done
    }

    /// `false` when the writer closed before the memtable was committed, or failed over it.
    fn bring_in(&self, memtable: TailMemtable) -> bool {
        match self.flush(&memtable) {
            Ok(true) => {
                // Its rows are in the table: they must not be held while a checkpoint is written.
                let last_lsn = memtable.last_lsn;
                drop(memtable);
                self.tidy(last_lsn);
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.shared.fail(&error);
                false
            }
        }
    }

    fn claim(&self) -> Option<TailMemtable> {
        let mut state = self.shared.lock();
        loop {
            if state.closing || state.failure.is_some() {
                return None;
            }
            if let Some(memtable) = unclaimed(&mut state) {
                return Some(memtable);
            }
            state = self.shared.flush.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// `false` when the writer closes before the memtable could be committed.
    fn flush(&self, memtable: &TailMemtable) -> Result<bool> {
        let settings = &self.shared.settings;
        let partitions = plan(&memtable.batches)?;
        let encoded = encode(&memtable.batches, partitions, &settings.parquet, settings.encode_threads)?;
        let modified_ms = self.now_us() / 1_000;
        let (mut adds, mut objects, mut traces) = (Vec::new(), Vec::new(), Vec::new());
        for partition in encoded {
            let (file, object, places) = self.described(memtable, partition, modified_ms);
            adds.push(file);
            objects.push(object);
            traces.push(places);
        }
        // Stored with the files: what the commit brings can be found by it from the first moment on.
        let run = settings
            .trace_index
            .then(|| trace_run(adds.iter().zip(&traces).map(|(file, places)| (file.path.as_str(), places.as_slice()))));
        let run = run.flatten();
        objects.extend(run.clone());
        let put = || Ok(self.store.put_files(self.table.name(), objects.clone())?);
        if self.retrying(put)?.is_none() || !self.await_turn(memtable) {
            return Ok(false);
        }
        run.iter().for_each(|run| self.table.adopt_trace_run(run));
        // Before the commit, so that the order of the commits is the order of the ledger.
        let entries = self.unledgered(memtable.last_lsn);
        let ledger = || self.ledger.lock().unwrap_or_else(PoisonError::into_inner).append(&entries, self.now_us());
        if self.retrying(ledger)?.is_none() {
            return Ok(false);
        }
        let watermark = Some((self.shared.writer, memtable.last_lsn));
        let change = TableChange::write(adds, watermark);
        let commit = || Ok(self.table.commit(change.clone())?);
        match self.retrying(commit)? {
            None => return Ok(false),
            Some(CommitOutcome::Committed(_)) => {}
            // An earlier try of ours landed, and a compaction may have replaced its files since.
            Some(CommitOutcome::Conflict(Conflict::Watermark { found })) if found == memtable.last_lsn => {}
            Some(CommitOutcome::Conflict(conflict)) => {
                let message = format!(
                    "the table refused rows {} to {} of writer {}: {conflict:?}; another process has used this write-ahead log",
                    memtable.first_lsn, memtable.last_lsn, self.shared.writer
                );
                return Err(Error::new(ErrorKind::Conflict, message));
            }
        }
        self.committed(memtable);
        Ok(true)
    }

    /// What the log brought up to `last_lsn` and the ledger does not hold. It leaves the list when the memtable is dropped.
    fn unledgered(&self, last_lsn: Lsn) -> Vec<LedgerEntry> {
        let state = self.shared.lock();
        state.unledgered.iter().take_while(|entry| entry.last_lsn <= last_lsn).cloned().collect()
    }

    fn now_us(&self) -> i64 {
        self.shared.clock.now_us()
    }

    fn described(
        &self,
        memtable: &TailMemtable,
        encoded: EncodedPartition,
        modified_ms: i64,
    ) -> (DataFile, NewObject, Vec<TracePlace>) {
        let EncodedPartition { partition, file } = encoded;
        let (first_lsn, last_lsn) = (memtable.first_lsn, memtable.last_lsn);
        let name = DataFileName { writer: self.shared.writer, first_lsn, last_lsn, hash: file.hash };
        let path = format!("project_id={}/day={}/{name}", partition.project_id, partition.day);
        let data_file = DataFile {
            path: path.clone(),
            project_id: partition.project_id,
            day: partition.day,
            bytes: file.bytes.len() as u64,
            rows: file.rows,
            min_timestamp_us: file.min_timestamp_us,
            max_timestamp_us: file.max_timestamp_us,
            modified_ms,
            origin: Some(name.origin()),
        };
        (data_file, NewObject { path, bytes: file.bytes }, file.traces)
    }

    /// Tries `work` until it succeeds, resting between; `None` when the writer closes meanwhile, or after one try if more
    /// are not wanted.
    ///
    /// # Errors
    /// What trying again cannot mend.
    fn retrying<T>(&self, work: impl Fn() -> Result<T>) -> Result<Option<T>> {
        let mut rest = Duration::from_millis(self.shared.settings.retry_ms);
        loop {
            let error = match work() {
                Ok(value) => {
                    self.shared.lock().last_flush_error = None;
                    return Ok(Some(value));
                }
                Err(error) => error,
            };
            let passing = [ErrorKind::Unavailable, ErrorKind::Exhausted, ErrorKind::Conflict];
            if !passing.contains(&error.kind()) {
                return Err(error);
            }
            tracing::warn!(error = %error, source = ?std::error::Error::source(&error), "a flush failed and will be tried again");
            let mut state = self.shared.lock();
            state.last_flush_error = Some(error);
            self.shared.room.notify_all();
            if !self.tries_again {
                return Ok(None);
            }
            let over = |state: &State| state.closing || state.failure.is_some();
            let (mut state, _) = self
                .shared
                .flush
                .wait_timeout_while(state, rest, |state| !over(state))
                .unwrap_or_else(PoisonError::into_inner);
            if over(&state) {
                state.abandoned = true;
                drop(state);
                self.shared.flush.notify_all();
                return Ok(None);
            }
            rest = (rest * 2).min(RETRY_MAX);
        }
    }

    /// Waits until all older memtables are committed; `false` when they never will be.
    fn await_turn(&self, memtable: &TailMemtable) -> bool {
        let mut state = self.shared.lock();
        loop {
            if state.abandoned || state.failure.is_some() {
                return false;
            }
            if state.memtables.frozen.front().is_some_and(|front| front.rows.first_lsn == memtable.first_lsn) {
                return true;
            }
            state = self.shared.flush.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The snapshot with the rows is published: drops the memtable and tells who waited for it.
    fn committed(&self, memtable: &TailMemtable) {
        let mut state = self.shared.lock();
        let dropped = state.memtables.frozen.pop_front().expect("a memtable stays until its commit");
        assert_eq!(dropped.rows.last_lsn, memtable.last_lsn, "commits go in LSN order");
        state.bytes -= dropped.bytes;
        let ledgered = state.unledgered.partition_point(|entry| entry.last_lsn <= memtable.last_lsn);
        state.unledgered.drain(..ledgered);
        state.committed_lsn = memtable.last_lsn;
        let (stored, waiting): (Vec<Due>, Vec<Due>) =
            std::mem::take(&mut state.stored).into_iter().partition(|due| *due.receipt.lsn.end() <= memtable.last_lsn);
        state.stored = waiting;
        drop(state);
        self.shared.wake_all();
        self.shared.committed.send_replace(memtable.last_lsn);
        stored.into_iter().for_each(Due::send);
    }

    /// Cuts the WAL and writes a checkpoint if one is due. Failing costs disk space or opening time, never rows.
    fn tidy(&self, last_lsn: Lsn) {
        let gone: Vec<ClosedSegment> = {
            let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            let count = removable(&closed, last_lsn);
            closed.drain(..count).collect()
        };
        if let Err(error) = remove_segments(self.fs.as_ref(), &self.wal_dir, &gone) {
            tracing::warn!(error = %error, "segments of the write-ahead log stay until the next start");
        }
        if self.table.checkpoint_due()
            && let Err(error) = self.table.checkpoint()
        {
            tracing::warn!(error = %error, "a checkpoint failed; the next commit tries again");
        }
    }
}

/// Claims the oldest frozen memtable that nobody has.
fn unclaimed(state: &mut State) -> Option<TailMemtable> {
    if state.closing || state.failure.is_some() {
        return None;
    }
    let frozen = state.memtables.frozen.iter_mut().find(|frozen| !frozen.claimed)?;
    frozen.claimed = true;
    Some(frozen.rows.clone())
}

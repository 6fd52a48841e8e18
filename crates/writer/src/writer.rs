//! [`Writer`]: the one way in for rows, and what it tells of itself.

mod appending;
mod opening;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use annals_event::Clock;
use annals_table::{FileSystem, Lsn, Store, Table, TailSource, WriterId};
use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::request_key::{Claim, RequestHash, RequestKey};
use crate::settings::WriterSettings;
use crate::state::Shared;
use crate::wal::{BodyCodec, ClosedSegment, KnownEnd, WalHolder, WalLock, write_note};

/// What a writer is made of.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Bounds.
    pub settings: WriterSettings,
    /// Directory of the WAL, absolute; created where absent.
    pub wal_dir: PathBuf,
    /// Where data files go.
    pub store: Store,
    /// The table they are committed to.
    pub table: Arc<Table>,
    /// The file system of the WAL.
    pub fs: Arc<dyn FileSystem>,
    /// Time of day, for the age of rows.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the id of a new writer and the salts of segments.
    pub seed: u64,
}

/// How a writer stands.
#[derive(Clone, Debug)]
pub struct WriterStatus {
    /// Its id.
    pub writer: WriterId,
    /// The LSN that the next row gets.
    pub next_lsn: Lsn,
    /// Everything up to here is synced.
    pub durable_lsn: Lsn,
    /// Everything up to here is in the table.
    pub watermark: Lsn,
    /// Bytes of rows in memory, waiting ones included.
    pub memtable_bytes: u64,
    /// Rows in memory that have an LSN.
    pub memtable_rows: u64,
    /// Memtables on their way into the table.
    pub frozen: usize,
    /// Bytes of the WAL's segments, the one prepared ahead not counted.
    pub wal_bytes: u64,
    /// Number of those segments.
    pub wal_segments: u64,
    /// Why the writer closed, or why the last flush must be tried again.
    pub failure: Option<Error>,
}

/// Takes rows in: logged, synced, visible, then flushed to the table. Methods may be called from any number of threads.
///
/// Dropping it is [`close`](Self::close) without a flush.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    codec: BodyCodec,
    closed: Arc<Mutex<Vec<ClosedSegment>>>,
    segment_bytes: u64,
    wal_dir: PathBuf,
    fs: Arc<dyn FileSystem>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: WalLock,
}

impl Writer {
    /// Claims an idempotency key for a request. Claim before the request is worked on; hand the claim over with its rows
    /// ([`Share::key`]), or drop it when the request fails.
    ///
    /// # Durability
    /// A request that was acknowledged at [`Ack::Wal`] or above is known after any crash, until its time is over.
    pub fn claim(&self, key: RequestKey, request: RequestHash) -> Claim {
        self.shared.keys.claim(key, request)
    }

    /// The last LSN that readers see, and how to wait for the next: each change tells of new rows in the
    /// [tail](Self::tail).
    pub fn visible(&self) -> watch::Receiver<Lsn> {
        self.shared.visible.subscribe()
    }

    /// The last LSN that is in the table, and how to wait for the next: each change means that memory came free.
    pub fn committed(&self) -> watch::Receiver<Lsn> {
        self.shared.committed.subscribe()
    }

    /// Bytes of rows that can be handed over now without waiting for a flush.
    pub fn room_bytes(&self) -> u64 {
        self.shared.settings.memtable_bytes_max.saturating_sub(self.shared.lock().bytes)
    }

    /// The settings in force.
    pub fn settings(&self) -> &WriterSettings {
        &self.shared.settings
    }

    /// The rows that are acknowledged but not yet in the table.
    pub fn tail(&self) -> Arc<dyn TailSource> {
        Arc::clone(&self.shared) as _
    }

    /// Freezes the memtable and blocks until every row handed over before is in the table.
    ///
    /// # Errors
    /// That of a flush that failed: the rows stay in the WAL and the flush is tried again in the background.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.shared.lock();
        while !state.inbox.is_empty() || state.logging {
            state.check_open()?;
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let target = Lsn(state.next_lsn.0 - 1);
        state.wanted_lsn = state.wanted_lsn.max(target);
        self.shared.work.notify_one();
        while state.committed_lsn < target {
            state.check_open()?;
            if let Some(error) = &state.last_flush_error {
                return Err(error.clone());
            }
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// How the writer stands.
    pub fn status(&self) -> WriterStatus {
        let (wal_segments, closed_bytes) = {
            let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            (closed.len() as u64 + 1, closed.iter().map(|segment| segment.bytes).sum::<u64>())
        };
        let state = self.shared.lock();
        let frozen_rows =
            state.memtables.frozen.iter().map(|frozen| frozen.rows.last_lsn.0 + 1 - frozen.rows.first_lsn.0);
        WriterStatus {
            writer: self.shared.writer,
            next_lsn: state.next_lsn,
            durable_lsn: state.durable_lsn,
            watermark: state.committed_lsn,
            memtable_bytes: state.bytes,
            memtable_rows: state.memtables.active.rows + frozen_rows.sum::<u64>(),
            frozen: state.memtables.frozen.len(),
            wal_bytes: closed_bytes + self.segment_bytes,
            wal_segments,
            failure: state.failure.clone().or_else(|| state.last_flush_error.clone()),
        }
    }

    /// Writes the address at which this process answers HTTP beside the lock, for readers that find the WAL held.
    ///
    /// # Errors
    /// `Unavailable` or `Exhausted` when the note cannot be written.
    pub fn announce_http(&self, http: &str) -> Result<()> {
        let holder = WalHolder { http: Some(http.to_owned()), ..WalHolder::this_process() };
        write_note(self.fs.as_ref(), &self.wal_dir, &holder)
    }

    /// Logs what was handed over, after a [`flush`](Self::flush) if asked for, stops all threads and frees the WAL. Rows
    /// that are not in the table are found again at the next start.
    ///
    /// # Errors
    /// That of the flush, or the failure that closed the writer before. It is closed in any case.
    pub fn close(self, flush: bool) -> Result<()> {
        let flushed = if flush { self.flush() } else { Ok(()) };
        self.stop();
        flushed?;
        match &self.shared.lock().failure {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Logs what was handed over and stops all threads, as [`close`](Self::close) without a flush does; for a writer that
    /// others still hold. What is handed over later is refused as `Closed`.
    pub fn stop(&self) {
        self.shared.lock().closing = true;
        self.shared.wake_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic was noted as the writer's failure.
            let _ = thread.join();
        }
        self.write_known_end();
        // Their rows are in the WAL; only the claim to hear of the commit ends here.
        self.shared.lock().stored.clear();
    }

    /// Writes down how far the log was synced, if that is more than the table holds.
    fn write_known_end(&self) {
        let lsn = {
            let state = self.shared.lock();
            let is_known = state.failure.is_none() && state.durable_lsn > state.committed_lsn;
            if is_known { state.durable_lsn } else { return }
        };
        KnownEnd { writer: self.shared.writer, lsn }.note(self.fs.as_ref(), &self.wal_dir);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

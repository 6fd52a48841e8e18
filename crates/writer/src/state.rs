//! What the writer's threads share: one lock, three conditions, and every bound.
//!
//! The lock is held for pointer moves only, never over I/O, encoding or sorting.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use annals_event::Clock;
use annals_table::{Lsn, TailSource, TailView, WriterId};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use tokio::sync::{oneshot, watch};

use crate::error::{Error, ErrorKind, Result};
use crate::freeze::{FreezeInput, is_due};
use crate::known_ids::IdHash;
use crate::ledger::LedgerEntry;
use crate::memtable::Memtables;
use crate::receipt::{Ack, Receipt};
use crate::request_key::{KeyClaim, KeyRecord, RequestKeys};
use crate::settings::WriterSettings;
use crate::share::ShareKey;
use crate::wal::{BodyCodec, FrameRecord};

/// An append on its way to the WAL.
#[derive(Debug)]
pub(crate) struct Pending {
    pub batch: RecordBatch,
    /// `None` when no row is left to log.
    pub record: Option<FrameRecord>,
    /// Rows whose id the client gave.
    pub ids: Vec<(u32, IdHash)>,
    /// Reserved in the memory bound.
    pub bytes: u64,
    pub shares: Vec<Waiting>,
}

impl Pending {
    /// Takes these rows (ascending) out.
    ///
    /// # Errors
    /// When the others cannot be encoded anew: the append is as it was.
    pub(crate) fn remove(&mut self, rows: &[u32], codec: &BodyCodec) -> Result<()> {
        let mut kept = vec![true; self.batch.num_rows()];
        for row in rows {
            kept[*row as usize] = false;
        }
        let kept = BooleanArray::from(kept);
        let batch = filter_record_batch(&self.batch, &kept)
            .map_err(|error| Error::with_source(ErrorKind::Internal, "cannot take known rows out of a batch", error))?;
        self.record = if batch.num_rows() > 0 { Some(codec.encode(&batch)?) } else { None };
        self.batch = batch;
        let (mut end, mut rest) = (0, rows);
        for share in &mut self.shares {
            end += share.rows;
            let own = rest.partition_point(|row| *row < end);
            rest = &rest[own..];
            share.rows -= own as u32;
            share.duplicates += own as u64;
        }
        Ok(())
    }
}

/// One request of an append, and who waits for its receipt.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub rows: u32,
    pub duplicates: u64,
    pub ack: Ack,
    pub key: Option<ShareKey>,
    pub answer: oneshot::Sender<Result<Receipt>>,
}

/// A receipt that is due when its level is reached.
#[derive(Debug)]
pub(crate) struct Due {
    pub receipt: Receipt,
    /// What the request's key is to be answered with.
    pub key: Option<(KeyClaim, KeyRecord)>,
    pub answer: oneshot::Sender<Result<Receipt>>,
}

impl Due {
    /// Remembers and sends the receipt.
    pub(crate) fn send(self) {
        if let Some((claim, record)) = self.key {
            claim.answered(record.at_us, record.known);
        }
        // Who dropped the ticket does not want to know.
        let _ = self.answer.send(Ok(self.receipt));
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub inbox: VecDeque<Pending>,
    /// Appends taken from the inbox that have no LSN yet.
    pub logging: bool,
    pub memtables: Memtables,
    /// Bytes of rows that wait, are active or frozen. At most `memtable_bytes_max`.
    pub bytes: u64,
    pub next_lsn: Lsn,
    pub durable_lsn: Lsn,
    pub committed_lsn: Lsn,
    /// A freeze is wanted of everything up to here.
    pub wanted_lsn: Lsn,
    /// Receipts that wait until their rows are in the table.
    pub stored: Vec<Due>,
    /// What the ledger must hold before the log is cut; oldest first.
    pub unledgered: VecDeque<LedgerEntry>,
    pub closing: bool,
    /// A flush gave up because the writer closes: those behind it must as well.
    pub abandoned: bool,
    pub failure: Option<Error>,
    pub last_flush_error: Option<Error>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub settings: WriterSettings,
    pub writer: WriterId,
    pub clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// The WAL thread waits here.
    pub work: Condvar,
    /// Flush threads wait here.
    pub flush: Condvar,
    /// Appends that wait for room, and `flush` calls, wait here.
    pub room: Condvar,
    /// The last LSN that readers see; followers wait here.
    pub visible: watch::Sender<Lsn>,
    /// The last LSN in the table; who waits for memory without blocking waits here.
    pub committed: watch::Sender<Lsn>,
    pub keys: Arc<RequestKeys>,
}

impl Shared {
    pub(crate) fn new(settings: WriterSettings, writer: WriterId, clock: Arc<dyn Clock>, state: State) -> Self {
        let (work, flush, room) = Default::default();
        let ttl_us = settings.request_keys_ttl_s as i64 * 1_000_000;
        let keys = Arc::new(RequestKeys::new(Arc::clone(&clock), ttl_us, settings.request_keys_bytes_max));
        let visible = watch::Sender::new(Lsn(state.next_lsn.0.saturating_sub(1)));
        let committed = watch::Sender::new(state.committed_lsn);
        Self { settings, writer, clock, state: Mutex::new(state), work, flush, room, visible, committed, keys }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panics sets `failure` on its way out, so what others find says so.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Freezes the active memtable if that is due.
    pub(crate) fn freeze_if_due(&self, state: &mut State) -> bool {
        let active = &state.memtables.active;
        let age_us = self.clock.now_us().saturating_sub(active.since_us);
        let input = FreezeInput {
            first_lsn: active.first_lsn,
            last_lsn: active.last_lsn,
            bytes: active.bytes,
            rows: active.rows,
            age_us,
            durable_lsn: state.durable_lsn,
            wanted_lsn: state.wanted_lsn,
            frozen: state.memtables.frozen.len(),
        };
        let due = is_due(&input, &self.settings);
        if due {
            state.memtables.freeze();
            self.flush.notify_all();
        } else if age_us < 0 && active.rows > 0 {
            // The clock was set back: the age starts anew.
            state.memtables.active.since_us = self.clock.now_us();
        }
        due
    }

    /// Closes the writer because of `error`: everyone who waits is told, nothing is written any more.
    pub(crate) fn fail(&self, error: &Error) {
        tracing::error!(error = %error, source = ?std::error::Error::source(error), "the writer closed; restart it");
        let (inbox, stored) = {
            let mut state = self.lock();
            state.failure.get_or_insert_with(|| error.clone());
            (std::mem::take(&mut state.inbox), std::mem::take(&mut state.stored))
        };
        self.wake_all();
        let inbox = inbox.into_iter().flat_map(|append| append.shares).map(|share| share.answer);
        for answer in inbox.chain(stored.into_iter().map(|due| due.answer)) {
            // Who dropped the ticket does not want to know.
            let _ = answer.send(Err(error.closed_by()));
        }
    }

    pub(crate) fn wake_all(&self) {
        self.work.notify_all();
        self.flush.notify_all();
        self.room.notify_all();
    }
}

impl State {
    /// # Errors
    /// `Closed` (or `Exhausted` after a full disk) when nothing can be appended any more.
    pub(crate) fn check_open(&self) -> Result<()> {
        match &self.failure {
            Some(error) => Err(error.closed_by()),
            None if self.closing => Err(Error::new(ErrorKind::Closed, "the writer is closed: open it again")),
            None => Ok(()),
        }
    }
}

impl TailSource for Shared {
    fn view(&self) -> TailView {
        TailView { writer: self.writer, memtables: self.lock().memtables.view() }
    }

    fn since(&self, after: Lsn) -> TailView {
        TailView { writer: self.writer, memtables: self.lock().memtables.since(after) }
    }
}

/// Fails the writer when its thread panics, so that nobody waits for a thread that is gone.
#[derive(Debug)]
pub(crate) struct PanicWatch(pub Arc<Shared>);

impl Drop for PanicWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&Error::new(ErrorKind::Internal, "a thread of the writer panicked"));
        }
    }
}

//! What the writer's threads share: one lock, three conditions, and every bound.
//!
//! The lock is held for pointer moves only, never over I/O, encoding or sorting.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use annals_event::Clock;
use annals_table::{Lsn, TailSource, TailView, WriterId};
use arrow::array::RecordBatch;
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};
use crate::freeze::{FreezeInput, is_due};
use crate::memtable::Memtables;
use crate::receipt::{Ack, Receipt};
use crate::settings::WriterSettings;
use crate::wal::FrameRecord;

/// An append on its way to the WAL.
#[derive(Debug)]
pub(crate) struct Pending {
    pub batch: RecordBatch,
    pub record: FrameRecord,
    /// Reserved in the memory bound.
    pub bytes: u64,
    pub ack: Ack,
    pub answer: oneshot::Sender<Result<Receipt>>,
}

/// Somebody who waits until a row is in the table.
#[derive(Debug)]
pub(crate) struct StoredWaiter {
    pub receipt: Receipt,
    pub answer: oneshot::Sender<Result<Receipt>>,
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
    pub stored: Vec<StoredWaiter>,
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
}

impl Shared {
    pub(crate) fn new(settings: WriterSettings, writer: WriterId, clock: Arc<dyn Clock>, state: State) -> Self {
        let (work, flush, room) = Default::default();
        Self { settings, writer, clock, state: Mutex::new(state), work, flush, room }
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
        let answers = inbox.into_iter().map(|append| append.answer).chain(stored.into_iter().map(|wait| wait.answer));
        for answer in answers {
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

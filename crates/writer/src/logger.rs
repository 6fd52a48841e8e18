//! The WAL thread: gathers what waits into one frame, writes and syncs it, shows the rows, acknowledges, freezes.
//!
//! A freeze is decided only here, between two frames, so every memtable ends at a synced LSN.

use std::sync::Arc;
use std::time::Duration;

use annals_event::assign;
use annals_table::Lsn;
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};
use crate::receipt::{Ack, Receipt};
use crate::state::{PanicWatch, Pending, Shared, StoredWaiter};
use crate::wal::{WalWriter, WriteError};

/// How long the thread rests at most while rows wait for their age: the clock is asked again this often.
const AGE_CHECK_MAX: Duration = Duration::from_millis(500);

type Answer = (oneshot::Sender<Result<Receipt>>, Receipt);

/// Runs until the writer closes or fails; what waits at closing is still logged.
pub(crate) fn run(shared: &Arc<Shared>, mut wal: WalWriter) {
    let _watch = PanicWatch(Arc::clone(shared));
    while let Some(group) = next_group(shared) {
        if let Err(error) = log_group(shared, &mut wal, group) {
            shared.fail(&error);
            return;
        }
    }
    let all_committed = {
        let state = shared.lock();
        state.failure.is_none() && state.committed_lsn.0 + 1 == wal.next_lsn().0
    };
    if all_committed && let Err(error) = wal.shrink() {
        // The log is whole, only larger than it need be.
        tracing::warn!(%error, "the write-ahead log could not be cut at closing");
    }
}

fn next_group(shared: &Shared) -> Option<Vec<Pending>> {
    let mut state = shared.lock();
    loop {
        if state.failure.is_some() {
            return None;
        }
        shared.freeze_if_due(&mut state);
        if !state.inbox.is_empty() {
            break;
        }
        if state.closing {
            return None;
        }
        let age = Duration::from_millis(shared.settings.freeze_age_ms).min(AGE_CHECK_MAX);
        state = if state.memtables.active.rows > 0 {
            shared.work.wait_timeout(state, age).unwrap_or_else(std::sync::PoisonError::into_inner).0
        } else {
            shared.work.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner)
        };
    }
    let mut group = Vec::new();
    let mut bytes = 0;
    while let Some(append) = state.inbox.front() {
        bytes += append.record.bytes() as u64;
        if !group.is_empty() && bytes > shared.settings.wal_group_bytes_max {
            break;
        }
        group.extend(state.inbox.pop_front());
    }
    state.logging = true;
    Some(group)
}

fn log_group(shared: &Shared, wal: &mut WalWriter, group: Vec<Pending>) -> Result<()> {
    let header = match wal.write(group.iter().map(|append| &append.record)) {
        Ok(header) => header,
        Err(WriteError::Refused(error)) => {
            let mut state = shared.lock();
            state.logging = false;
            state.bytes -= group.iter().map(|append| append.bytes).sum::<u64>();
            drop(state);
            shared.room.notify_all();
            answer(group.into_iter().map(|append| (append.answer, Err(error.clone()))));
            return Ok(());
        }
        Err(WriteError::Failed(error)) => return Err(refuse(group, error)),
    };
    // Rows that asked for no sync are shown and acknowledged before it; LSN order then shows the whole group.
    let early = group.iter().any(|append| append.ack == Ack::Memory);
    if early {
        let waiting = insert(shared, group, header.first_lsn)?;
        let (memory, synced): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, receipt)| receipt.ack == Ack::Memory);
        acknowledge(shared, memory);
        return match wal.sync() {
            Ok(durable) => {
                made_durable(shared, durable);
                acknowledge(shared, synced);
                Ok(())
            }
            Err(error) => {
                answer(synced.into_iter().map(|(answer, _)| (answer, Err(error.closed_by()))));
                Err(error)
            }
        };
    }
    match wal.sync() {
        Ok(durable) => {
            let waiting = insert(shared, group, header.first_lsn)?;
            made_durable(shared, durable);
            acknowledge(shared, waiting);
            Ok(())
        }
        Err(error) => Err(refuse(group, error)),
    }
}

/// Numbers the rows and puts them into the memtable.
fn insert(shared: &Shared, group: Vec<Pending>, first_lsn: Lsn) -> Result<Vec<Answer>> {
    let mut next = first_lsn.0;
    let mut waiting = Vec::with_capacity(group.len());
    let mut numbered = Vec::with_capacity(group.len());
    for append in group {
        let rows = append.batch.num_rows() as u64;
        let batch = assign(&append.batch, next, shared.writer.0)?;
        numbered.push((batch, Lsn(next), append.bytes));
        let receipt = Receipt { ack: append.ack, accepted: rows, lsn: Lsn(next)..=Lsn(next + rows - 1) };
        waiting.push((append.answer, receipt));
        next += rows;
    }
    let now_us = shared.clock.now_us();
    let mut state = shared.lock();
    for (batch, lsn, bytes) in numbered {
        state.memtables.insert(batch, lsn, bytes, now_us);
    }
    state.next_lsn = Lsn(next);
    Ok(waiting)
}

fn made_durable(shared: &Shared, durable: Lsn) {
    let mut state = shared.lock();
    state.durable_lsn = durable;
    state.logging = false;
    drop(state);
    shared.room.notify_all();
}

fn acknowledge(shared: &Shared, waiting: Vec<Answer>) {
    for (answer, receipt) in waiting {
        if receipt.ack == Ack::Stored {
            let mut state = shared.lock();
            if state.failure.is_none() && state.committed_lsn < *receipt.lsn.end() {
                state.stored.push(StoredWaiter { receipt, answer });
                continue;
            }
        }
        // Who dropped the ticket does not want to know.
        let _ = answer.send(Ok(receipt));
    }
}

fn refuse(group: Vec<Pending>, error: Error) -> Error {
    let told = if error.kind() == ErrorKind::Exhausted { error.clone() } else { error.closed_by() };
    answer(group.into_iter().map(|append| (append.answer, Err(told.clone()))));
    error
}

fn answer(answers: impl Iterator<Item = (oneshot::Sender<Result<Receipt>>, Result<Receipt>)>) {
    for (to, what) in answers {
        let _ = to.send(what);
    }
}

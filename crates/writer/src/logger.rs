//! The WAL thread: gathers what waits into one frame, takes out what is known, writes and syncs it, shows the rows, acknowledges, freezes.
//!
//! A freeze is decided only here, between two frames, so every memtable ends at a synced LSN.

use std::sync::Arc;
use std::time::Duration;

use annals_event::assign;
use annals_table::Lsn;
use arrow::array::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::known_ids::{IdHash, KnownIds};
use crate::ledger::{LedgerEntry, encode_request};
use crate::receipt::{Ack, Receipt};
use crate::request_key::{KeyRecord, KnownReceipt};
use crate::share::ShareKey;
use crate::state::{Due, PanicWatch, Pending, Shared, State, Waiting};
use crate::wal::{BodyCodec, FrameRecord, WalWriter, WriteError};

/// How long the thread rests at most while rows wait for their age: the clock is asked again this often.
const AGE_CHECK_MAX: Duration = Duration::from_millis(500);

/// What the thread owns.
pub(crate) struct Logger {
    pub(crate) shared: Arc<Shared>,
    pub(crate) wal: WalWriter,
    pub(crate) known: KnownIds,
    pub(crate) codec: BodyCodec,
}

impl Logger {
    /// Runs until the writer closes or fails; what waits at closing is still logged.
    pub(crate) fn run(mut self) {
        let _watch = PanicWatch(Arc::clone(&self.shared));
        while let Some(group) = next_group(&self.shared) {
            if !self.log(group) {
                return;
            }
        }
        self.end();
    }

    /// Logs what waits now, as one group, without waiting; `false` when there is nothing, or the writer is closed.
    pub(crate) fn step(&mut self) -> bool {
        let next = take_group(&self.shared, &mut self.shared.lock());
        match next {
            Next::Group(group) => self.log(group),
            Next::Rest | Next::End => false,
        }
    }

    /// `false` when the log failed, and the writer with it.
    fn log(&mut self, group: Vec<Pending>) -> bool {
        let logged = self.log_group(group);
        if let Err(error) = &logged {
            self.shared.fail(error);
        }
        logged.is_ok()
    }

    /// Cuts a log whose every row is in the table.
    fn end(self) {
        let all_committed = {
            let state = self.shared.lock();
            state.failure.is_none() && state.committed_lsn.0 + 1 == self.wal.next_lsn().0
        };
        if all_committed
            && self.shared.lock().unledgered.is_empty()
            && let Err(error) = self.wal.shrink()
        {
            // The log is whole, only larger than it need be.
            tracing::warn!(%error, "the write-ahead log could not be cut at closing");
        }
    }

    /// Writes, syncs, shows and acknowledges one group.
    fn log_group(&mut self, group: Vec<Pending>) -> Result<()> {
        let mut new_ids = Vec::new();
        let group = self.without_known(group, &mut new_ids);
        let now_us = self.shared.clock.now_us();
        let first_lsn = self.wal.next_lsn();
        let Numbered { batches, mut due, last_lsn } = number(group, first_lsn, self.shared.writer.0, now_us)?;
        let requests: Vec<FrameRecord> = due
            .iter()
            .filter_map(|due| due.key.as_ref())
            .map(|(_, record)| FrameRecord::request(encode_request(record)))
            .collect();
        let records = batches.iter().filter_map(|batch| batch.record.as_ref()).chain(&requests);
        if records.clone().next().is_none() {
            // Nothing but known rows: they were synced with their group.
            self.show(batches, LedgerEntry::default(), last_lsn)?;
            self.made_durable(Lsn(first_lsn.0 - 1));
            self.acknowledge(due);
            return Ok(());
        }
        match self.wal.write(records) {
            Ok(_) => {}
            Err(WriteError::Refused(error)) => {
                for id in &new_ids {
                    self.known.remove(id);
                }
                let mut state = self.shared.lock();
                state.logging = false;
                state.bytes -= batches.iter().map(|batch| batch.bytes).sum::<u64>();
                drop(state);
                self.shared.room.notify_all();
                refuse(due, &error);
                return Ok(());
            }
            Err(WriteError::Failed(error)) => {
                refuse(due, &told(&error));
                return Err(error);
            }
        }
        let requests = due.iter().filter_map(|due| due.key.as_ref()).map(|(_, record)| record.clone()).collect();
        let entry = LedgerEntry { last_lsn, ids: new_ids, requests };
        // Rows that asked for no sync are shown and acknowledged before it; LSN order then shows the whole group.
        let early = due.iter().any(|due| due.receipt.ack == Ack::Memory);
        let mut waiting = Some((batches, entry));
        if early && let Some((batches, entry)) = waiting.take() {
            self.show(batches, entry, last_lsn)?;
            let memory = due.extract_if(.., |due| due.receipt.ack == Ack::Memory).collect();
            self.acknowledge(memory);
        }
        let durable = match self.wal.sync() {
            Ok(durable) => durable,
            Err(error) => {
                refuse(due, &told(&error));
                return Err(error);
            }
        };
        if let Some((batches, entry)) = waiting {
            self.show(batches, entry, last_lsn)?;
        }
        self.made_durable(durable);
        self.acknowledge(due);
        Ok(())
    }

    /// Takes the rows out whose ids are known, and notes the others'. An append that cannot be encoded anew is refused.
    fn without_known(&mut self, group: Vec<Pending>, new_ids: &mut Vec<IdHash>) -> Vec<Pending> {
        let mut kept = Vec::with_capacity(group.len());
        for mut append in group {
            let at = new_ids.len();
            let mut known_rows = Vec::new();
            for (row, id) in std::mem::take(&mut append.ids) {
                if self.known.insert(id) { new_ids.push(id) } else { known_rows.push(row) }
            }
            let removed = if known_rows.is_empty() { Ok(()) } else { append.remove(&known_rows, &self.codec) };
            let Err(error) = removed else {
                kept.push(append);
                continue;
            };
            for id in new_ids.drain(at..) {
                self.known.remove(&id);
            }
            self.shared.lock().bytes -= append.bytes;
            for share in append.shares {
                // Who dropped the ticket does not want to know.
                let _ = share.answer.send(Err(error.clone()));
            }
        }
        kept
    }

    /// Puts numbered rows into the memtable.
    fn show(&self, batches: Vec<NumberedBatch>, entry: LedgerEntry, last_lsn: Lsn) -> Result<()> {
        let now_us = self.shared.clock.now_us();
        let mut state = self.shared.lock();
        for NumberedBatch { batch, first_lsn, bytes, .. } in batches {
            if batch.num_rows() == 0 {
                state.bytes -= bytes;
            } else {
                state.memtables.insert(batch, first_lsn, bytes, now_us);
            }
        }
        if !entry.ids.is_empty() || !entry.requests.is_empty() {
            state.unledgered.push_back(entry);
        }
        state.next_lsn = Lsn(last_lsn.0 + 1);
        drop(state);
        self.shared.visible.send_if_modified(|visible| std::mem::replace(visible, last_lsn) != last_lsn);
        Ok(())
    }

    fn made_durable(&self, durable: Lsn) {
        let mut state = self.shared.lock();
        state.durable_lsn = durable;
        state.logging = false;
        drop(state);
        self.shared.room.notify_all();
    }

    fn acknowledge(&self, waiting: Vec<Due>) {
        for due in waiting {
            if due.receipt.ack == Ack::Stored {
                let mut state = self.shared.lock();
                if state.failure.is_none() && state.committed_lsn < *due.receipt.lsn.end() {
                    state.stored.push(due);
                    continue;
                }
            }
            due.send();
        }
    }
}

/// What the thread does next.
enum Next {
    Group(Vec<Pending>),
    /// Nothing waits.
    Rest,
    /// The writer closed or failed.
    End,
}

fn next_group(shared: &Shared) -> Option<Vec<Pending>> {
    let mut state = shared.lock();
    loop {
        match take_group(shared, &mut state) {
            Next::Group(group) => return Some(group),
            Next::End => return None,
            Next::Rest => {}
        }
        let age = Duration::from_millis(shared.settings.freeze_age_ms).min(AGE_CHECK_MAX);
        state = if state.memtables.active.rows > 0 {
            shared.work.wait_timeout(state, age).unwrap_or_else(std::sync::PoisonError::into_inner).0
        } else {
            shared.work.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner)
        };
    }
}

/// Freezes if that is due, then takes the appends of the next frame.
fn take_group(shared: &Shared, state: &mut State) -> Next {
    if state.failure.is_some() {
        return Next::End;
    }
    shared.freeze_if_due(state);
    if state.inbox.is_empty() {
        return if state.closing { Next::End } else { Next::Rest };
    }
    let mut group = Vec::new();
    let mut bytes = 0;
    while let Some(append) = state.inbox.front() {
        bytes += append.record.as_ref().map_or(0, |record| record.bytes() as u64);
        if !group.is_empty() && bytes > shared.settings.wal_group_bytes_max {
            break;
        }
        group.extend(state.inbox.pop_front());
    }
    state.logging = true;
    Next::Group(group)
}

/// A group with its numbers.
struct Numbered {
    batches: Vec<NumberedBatch>,
    due: Vec<Due>,
    /// The LSN before the first when there are no rows.
    last_lsn: Lsn,
}

struct NumberedBatch {
    batch: RecordBatch,
    record: Option<FrameRecord>,
    first_lsn: Lsn,
    bytes: u64,
}

/// Gives every row its LSN and every share its receipt.
fn number(group: Vec<Pending>, first_lsn: Lsn, writer: u32, now_us: i64) -> Result<Numbered> {
    let mut next = first_lsn.0;
    let mut batches = Vec::with_capacity(group.len());
    let mut all_due = Vec::with_capacity(group.len());
    for append in group {
        let batch = assign(&append.batch, next, writer)?;
        batches.push(NumberedBatch { batch, record: append.record, first_lsn: Lsn(next), bytes: append.bytes });
        for Waiting { rows, duplicates, ack, key, answer } in append.shares {
            let accepted = u64::from(rows);
            // Without rows the range is empty: it ends before it starts.
            let lsn = if rows == 0 { Lsn(1)..=Lsn(0) } else { Lsn(next)..=Lsn(next + accepted - 1) };
            next += accepted;
            let receipt = Receipt { ack, accepted, duplicates, lsn };
            let key = key.map(|ShareKey { claim, note }| {
                let known = KnownReceipt { receipt: receipt.clone(), note };
                let record = KeyRecord { key: claim.key, request: claim.request, at_us: now_us, known };
                (claim, record)
            });
            all_due.push(Due { receipt, key, answer });
        }
    }
    Ok(Numbered { batches, due: all_due, last_lsn: Lsn(next - 1) })
}

/// What those hear whose rows may or may not be in the log.
fn told(error: &Error) -> Error {
    if error.kind() == ErrorKind::Exhausted { error.clone() } else { error.closed_by() }
}

fn refuse(waiting: Vec<Due>, error: &Error) {
    for due in waiting {
        // Who dropped the ticket does not want to know.
        let _ = due.answer.send(Err(error.clone()));
    }
}

//! The way of rows into a [`Writer`]: checked, given room, encoded for the log, and handed to the thread that writes it.

use std::sync::PoisonError;

use arrow::array::RecordBatch;
use tokio::sync::oneshot;

use super::Writer;
use crate::batch;
use crate::error::{Error, ErrorKind, Result};
use crate::known_ids::client_ids;
use crate::receipt::{Ack, AppendTicket};
use crate::share::Share;
use crate::state::{Pending, Waiting};

impl Writer {
    /// Hands over rows of [`annals_event::event_schema`]; `seq` is overwritten, `id` filled where null. Does not wait for
    /// room; encodes on the calling thread. LSNs follow the order of the calls of one thread.
    ///
    /// # Errors
    /// `Exhausted` when memory is full until a flush is done, `Invalid` for rows that cannot be stored, `Closed` after a
    /// failure. Nothing was taken.
    ///
    /// # Durability
    /// None by itself: the ticket's receipt says when `ack` is reached.
    pub fn append(&self, batch: RecordBatch, ack: Ack) -> Result<AppendTicket> {
        self.hand_over(batch, ack, false)
    }

    /// As [`append`](Self::append), but waits for room.
    ///
    /// # Errors
    /// As `append`; `Exhausted` only for a batch that is larger than all the memory allowed.
    pub fn append_wait(&self, batch: RecordBatch, ack: Ack) -> Result<AppendTicket> {
        self.hand_over(batch, ack, true)
    }

    fn hand_over(&self, batch: RecordBatch, ack: Ack, wait: bool) -> Result<AppendTicket> {
        let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        let mut tickets = self.hand_over_shares(batch, vec![Share { rows, ack, key: None }], wait)?;
        Ok(tickets.pop().expect("one share has one ticket"))
    }

    /// Hands over the rows of several requests as one batch: logged together, each acknowledged by itself. The answer has a
    /// ticket for each share, in their order. A share without rows and without a key is acknowledged with the others.
    ///
    /// # Errors
    /// As [`append`](Self::append), for all of them; `Invalid` when the shares' rows are not those of the batch.
    pub fn append_shares(&self, batch: RecordBatch, shares: Vec<Share>) -> Result<Vec<AppendTicket>> {
        self.hand_over_shares(batch, shares, false)
    }

    fn hand_over_shares(&self, batch: RecordBatch, shares: Vec<Share>, wait: bool) -> Result<Vec<AppendTicket>> {
        batch::check(&batch)?;
        batch::check_shares(&batch, &shares)?;
        let (tickets, shares): (Vec<_>, Vec<_>) = shares
            .into_iter()
            .map(|Share { rows, ack, key }| {
                let (send, answer) = oneshot::channel();
                (AppendTicket { answer }, Waiting { rows, duplicates: 0, ack, key, answer: send })
            })
            .unzip();
        let batch = batch::compact(&batch)?;
        let ids = if self.shared.settings.known_ids_max > 0 { client_ids(&batch) } else { Vec::new() };
        let bytes = if batch.num_rows() > 0 { batch::memory_bytes(&batch) } else { 0 };
        let max = self.shared.settings.memtable_bytes_max;
        if bytes > max {
            let message = format!(
                "the batch needs {bytes} bytes of memory and memtable_bytes_max is {max}: send fewer rows at once"
            );
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        self.reserve(bytes, wait)?;
        let record = if batch.num_rows() > 0 { self.codec.encode(&batch).map(Some) } else { Ok(None) };
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                self.shared.lock().bytes -= bytes;
                return Err(error);
            }
        };
        let mut state = self.shared.lock();
        if let Err(error) = state.check_open() {
            state.bytes -= bytes;
            return Err(error);
        }
        state.inbox.push_back(Pending { batch, record, ids, bytes, shares });
        drop(state);
        self.shared.work.notify_one();
        Ok(tickets)
    }

    fn reserve(&self, bytes: u64, wait: bool) -> Result<()> {
        let mut state = self.shared.lock();
        loop {
            state.check_open()?;
            if state.bytes + bytes <= self.shared.settings.memtable_bytes_max {
                state.bytes += bytes;
                return Ok(());
            }
            if state.memtables.frozen.is_empty() {
                // Nothing would ever make room: the active memtable must go although it is small.
                state.wanted_lsn = state.memtables.active.last_lsn;
                self.shared.work.notify_one();
            }
            if !wait {
                let message = "the writer's memory is full until a flush is done: try again in a few seconds";
                return Err(match &state.last_flush_error {
                    Some(error) => Error::with_source(ErrorKind::Exhausted, message, error.clone()),
                    None => Error::new(ErrorKind::Exhausted, message),
                });
            }
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

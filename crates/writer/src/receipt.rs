//! What an append is answered: a ticket at once, a receipt when its level is reached.

use std::ops::RangeInclusive;

use annals_table::Lsn;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};

/// How safe rows must be before their append is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ack {
    /// In memory and handed to the operating system: survives the end of this process, not a loss of power.
    Memory,
    /// In the WAL, synced.
    Wal,
    /// In the table. Waits for the next flush and forces none.
    Stored,
}

/// The acknowledgement of one append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The level that is reached.
    pub ack: Ack,
    /// Number of rows that were stored.
    pub accepted: u64,
    /// Number of rows that were not, because their ids were known: an earlier row of the log has each of them.
    pub duplicates: u64,
    /// The LSNs of the stored rows, in the order of the batch. Empty when there were none.
    pub lsn: RangeInclusive<Lsn>,
}

/// The claim to a [`Receipt`]. Dropping it does not take the append back.
#[derive(Debug)]
pub struct AppendTicket {
    pub(crate) answer: oneshot::Receiver<Result<Receipt>>,
}

impl AppendTicket {
    /// Blocks until the append reached its level.
    ///
    /// # Errors
    /// `Closed` or `Exhausted` when the writer failed or was closed first: the rows may or may not be found after a restart.
    ///
    /// # Panics
    /// When called from async code; use [`received`](Self::received) there.
    pub fn wait(self) -> Result<Receipt> {
        self.answer.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Waits until the append reached its level.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// Dropping the future drops the claim; the append goes on.
    pub async fn received(self) -> Result<Receipt> {
        self.answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Closed, "the writer was closed before the append was acknowledged: open it again")
}

//! [`Steps`]: the work of a writer's threads, one piece at a time, for who orders it himself
//! ([`Writer::open_stepped`](crate::Writer::open_stepped)).
//!
//! The two kinds of step are apart, because one may be taken in the middle of the other: a simulation logs an append while a
//! flush is at the disk.

use std::fmt;

use crate::flusher::Flusher;
use crate::logger::Logger;

/// The steps of one writer.
#[derive(Debug)]
pub struct Steps {
    /// From appends to acknowledged rows.
    pub log: LogStep,
    /// From frozen memtables to the table.
    pub flush: FlushStep,
}

/// Logs appends.
pub struct LogStep(pub(crate) Logger);

/// Flushes memtables.
#[derive(Debug)]
pub struct FlushStep(pub(crate) Flusher);

impl LogStep {
    /// Freezes the memtable if that is due; writes and syncs one frame of the appends that wait, shows their rows and
    /// acknowledges them. `false` when nothing waits, or the writer is closed or failed.
    pub fn take(&mut self) -> bool {
        self.0.step()
    }
}

impl FlushStep {
    /// Brings the oldest frozen memtable into the table and tidies up behind it. What a failing store leaves undone is for
    /// the next step. `false` when no memtable is frozen, the store failed, or the writer is closed or failed.
    pub fn take(&self) -> bool {
        self.0.step()
    }
}

impl fmt::Debug for LogStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStep").finish_non_exhaustive()
    }
}

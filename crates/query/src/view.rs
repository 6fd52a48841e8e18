//! [`View`]: what one query sees, the tail and the snapshot taken together.
//!
//! Invariant: every acknowledged row is in a view exactly once. The writer publishes a snapshot before it drops the
//! memtable whose rows that snapshot holds, so a reader that takes the tail first and the snapshot second can meet a row
//! in both but never in neither; the memtables that the snapshot already covers are dropped here.

use std::fmt;
use std::sync::Arc;

use annals_table::{Snapshot, Table, TailMemtable, TailSource, TailView};

/// The rows that one query reads: immutable, cheap to clone, unaffected by later appends and commits.
#[derive(Clone)]
pub struct View {
    /// Acknowledged rows that `snapshot` does not hold, oldest memtable first.
    pub memtables: Vec<TailMemtable>,
    /// The committed files.
    pub snapshot: Arc<Snapshot>,
}

impl View {
    /// Takes the tail, then the table's published snapshot, in this order.
    pub fn take(table: &Table, tail: Option<&dyn TailSource>) -> Self {
        let tail = tail.map(TailSource::view);
        let snapshot = table.snapshot();
        Self::join(tail, snapshot)
    }

    /// Joins a tail view with a snapshot that was taken after it: memtables at or below the snapshot's watermark for
    /// their writer are dropped whole, as one flush commits whole memtables.
    pub fn join(tail: Option<TailView>, snapshot: Arc<Snapshot>) -> Self {
        let memtables = match tail {
            Some(TailView { writer, mut memtables }) => {
                if let Some(watermark) = snapshot.watermark(writer) {
                    memtables.retain(|memtable| memtable.last_lsn > watermark);
                }
                memtables
            }
            None => Vec::new(),
        };
        Self { memtables, snapshot }
    }

    /// Rows in the memtables.
    pub fn tail_rows(&self) -> usize {
        self.memtables.iter().flat_map(|memtable| memtable.batches.iter()).map(|batch| batch.num_rows()).sum()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("memtables", &self.memtables.len())
            .field("version", &self.snapshot.version())
            .finish_non_exhaustive()
    }
}

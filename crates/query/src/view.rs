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

#[cfg(test)]
mod tests {
    use annals_table::Lsn;
    use arrow::array::RecordBatch;

    use super::*;
    use crate::fixture::{TestStore, WRITER, batch, plain_rows};

    fn memtable(first: u64, last: u64) -> annals_table::TailMemtable {
        let rows = plain_rows((last - first + 1) as usize);
        annals_table::TailMemtable { first_lsn: Lsn(first), last_lsn: Lsn(last), batches: Arc::new([batch(&rows)]) }
    }

    #[test]
    fn a_memtable_that_is_committed_is_seen_no_more_and_the_next_one_whole() {
        let store = TestStore::new();
        store.flush(&batch(&plain_rows(10)), 1);
        assert_eq!(store.events.snapshot().watermark(WRITER), Some(Lsn(10)));
        let tail = TailView { writer: WRITER, memtables: vec![memtable(1, 10), memtable(11, 12)] };
        let view = View::join(Some(tail.clone()), store.events.snapshot());
        assert_eq!(view.memtables.iter().map(|memtable| memtable.first_lsn).collect::<Vec<_>>(), [Lsn(11)]);
        assert_eq!(view.tail_rows(), 2);
        // Of a writer that the table has nothing of, nothing is committed.
        let tail = TailView { writer: annals_table::WriterId(7), ..tail };
        assert_eq!(View::join(Some(tail), store.events.snapshot()).tail_rows(), 12);
    }

    /// A tail whose rows are committed in the moment before it is looked at.
    struct MovedTail(TestStore, RecordBatch);

    impl fmt::Debug for MovedTail {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("MovedTail")
        }
    }

    impl TailSource for MovedTail {
        fn view(&self) -> TailView {
            self.0.flush(&self.1, 1);
            TailView { writer: WRITER, memtables: Vec::new() }
        }
    }

    #[test]
    fn rows_that_move_to_the_table_while_a_view_is_taken_are_in_it() {
        let tail = MovedTail(TestStore::new(), batch(&plain_rows(10)));
        let table = Arc::clone(&tail.0.events);
        let view = View::take(&table, Some(&tail));
        assert_eq!((view.tail_rows(), view.snapshot.totals().rows), (0, 10));
    }
}

//! The tail: rows that are acknowledged but not yet in a committed data file.
//!
//! The writer implements [`TailSource`], the query crate reads it; neither knows the other. A reader takes the tail view
//! first and the snapshot second, then drops every [`TailMemtable`] whose `last_lsn` is at or below the snapshot's
//! watermark for its writer: so each row is seen exactly once.

use std::fmt;
use std::sync::Arc;

use annals_event::columns;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::ids::{Lsn, WriterId};

/// Where acknowledged rows that no commit holds yet can be read.
pub trait TailSource: Send + Sync + fmt::Debug {
    /// The memtables at this moment, oldest first: frozen ones, then the active one. Cheap: shares the batches.
    fn view(&self) -> TailView;

    /// What a follower that has seen everything up to `after` has not seen: of each memtable the batches that hold a row
    /// above `after`, whole, so that rows at or below it may be among them; memtables without such a batch are left out.
    /// Every visible row above `after` that is missing here is in the table.
    ///
    /// Followers ask this over and over: an implementation that shares no more batches than it answers is worth having.
    fn since(&self, after: Lsn) -> TailView {
        let TailView { writer, memtables } = self.view();
        let memtables = memtables.iter().filter_map(|memtable| memtable.since(after)).collect();
        TailView { writer, memtables }
    }
}

/// An immutable view of a writer's memtables.
#[derive(Clone, Debug)]
pub struct TailView {
    /// Whose memtables these are.
    pub writer: WriterId,
    /// Oldest first. LSN ranges ascend and do not overlap.
    pub memtables: Vec<TailMemtable>,
}

/// The rows of one memtable: exactly the rows that one flush commits, so it is dropped whole or not at all.
#[derive(Clone, Debug)]
pub struct TailMemtable {
    /// LSN of the first row.
    pub first_lsn: Lsn,
    /// LSN of the last row.
    pub last_lsn: Lsn,
    /// Batches of `annals_event::event_schema()`, in LSN order; projects and days mixed.
    pub batches: Arc<[RecordBatch]>,
}

impl TailMemtable {
    /// The batches that hold a row above `after`, from the first row of the first of them on; `None` when there is none.
    pub fn since(&self, after: Lsn) -> Option<Self> {
        if self.last_lsn <= after {
            return None;
        }
        if self.first_lsn > after {
            return Some(self.clone());
        }
        // From the end: a follower is seldom far behind.
        let seen = self.batches.iter().rposition(|batch| last_lsn(batch).is_some_and(|last| last <= after));
        let batches = &self.batches[seen.map_or(0, |seen| seen + 1)..];
        let first_lsn = batches.iter().find_map(first_lsn).unwrap_or(self.last_lsn);
        Some(Self { first_lsn, last_lsn: self.last_lsn, batches: batches.into() })
    }
}

fn first_lsn(batch: &RecordBatch) -> Option<Lsn> {
    Some(lsn(*seqs(batch)?.first()?))
}

fn last_lsn(batch: &RecordBatch) -> Option<Lsn> {
    Some(lsn(*seqs(batch)?.last()?))
}

fn seqs(batch: &RecordBatch) -> Option<&[i64]> {
    Some(batch.column_by_name(columns::SEQ)?.as_primitive_opt::<Int64Type>()?.values())
}

fn lsn(seq: i64) -> Lsn {
    Lsn(seq.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use annals_event::event_schema;
    use arrow::array::{ArrayRef, Int64Array, new_null_array};

    use super::*;

    fn batch(first: i64, last: i64) -> RecordBatch {
        let rows = (last + 1 - first) as usize;
        let schema = event_schema();
        let columns = schema.fields().iter().map(|field| -> ArrayRef {
            if field.name() == columns::SEQ {
                Arc::new(Int64Array::from_iter_values(first..=last))
            } else {
                new_null_array(field.data_type(), rows)
            }
        });
        RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
    }

    fn memtable(batches: &[(i64, i64)]) -> TailMemtable {
        TailMemtable {
            first_lsn: lsn(batches[0].0),
            last_lsn: lsn(batches[batches.len() - 1].1),
            batches: batches.iter().map(|(first, last)| batch(*first, *last)).collect(),
        }
    }

    #[derive(Debug)]
    struct Fixed(TailView);

    impl TailSource for Fixed {
        fn view(&self) -> TailView {
            self.0.clone()
        }
    }

    /// First LSN and number of batches of each memtable that is left.
    fn left(after: u64) -> Vec<(u64, usize)> {
        let memtables = vec![memtable(&[(11, 15), (16, 16), (17, 20)]), memtable(&[(21, 22), (23, 30)])];
        let view = Fixed(TailView { writer: WriterId(1), memtables }).since(Lsn(after));
        view.memtables.iter().map(|memtable| (memtable.first_lsn.0, memtable.batches.len())).collect()
    }

    #[test]
    fn since_leaves_the_batches_with_a_row_above() {
        for after in [0, 10, 11, 14] {
            assert_eq!(left(after), [(11, 3), (21, 2)], "{after}");
        }
        assert_eq!(left(15), [(16, 2), (21, 2)]);
        assert_eq!(left(19), [(17, 1), (21, 2)]);
        assert_eq!(left(20), [(21, 2)]);
        assert_eq!(left(29), [(23, 1)]);
        for after in [30, 31, u64::MAX] {
            assert!(left(after).is_empty(), "{after}");
        }
    }

    #[test]
    fn batches_without_rows_are_no_end() {
        let empty = TailMemtable {
            first_lsn: Lsn(1),
            last_lsn: Lsn(4),
            batches: [batch(1, 2), batch(1, 0), batch(3, 4), batch(1, 0)].into(),
        };
        let left = empty.since(Lsn(2)).unwrap();
        assert_eq!((left.first_lsn, left.last_lsn, left.batches.len()), (Lsn(3), Lsn(4), 3));
    }
}

//! The memtables: the active one, which takes rows, and the frozen ones, which flushes are putting into the table.
//!
//! Invariant: LSNs ascend without overlap from the oldest frozen to the active one, and a frozen one is dropped only after
//! the snapshot that holds its rows is published.

use std::collections::VecDeque;
use std::sync::Arc;

use annals_table::{Lsn, TailMemtable};
use arrow::array::RecordBatch;

/// A memtable that changes no more.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub rows: TailMemtable,
    pub bytes: u64,
    /// A flush is at it.
    pub claimed: bool,
}

/// The memtable that takes rows.
#[derive(Debug, Default)]
pub(crate) struct Active {
    pub batches: Vec<RecordBatch>,
    pub first_lsn: Lsn,
    pub last_lsn: Lsn,
    pub bytes: u64,
    pub rows: u64,
    /// When the first row came, by the writer's clock.
    pub since_us: i64,
}

/// All memtables of a writer.
#[derive(Debug, Default)]
pub(crate) struct Memtables {
    pub active: Active,
    pub frozen: VecDeque<Frozen>,
}

impl Memtables {
    /// Takes in a numbered batch of at least one row, the first of which is `first_lsn`.
    pub(crate) fn insert(&mut self, batch: RecordBatch, first_lsn: Lsn, bytes: u64, now_us: i64) {
        let active = &mut self.active;
        assert!(first_lsn > active.last_lsn, "LSNs ascend");
        if active.batches.is_empty() {
            (active.first_lsn, active.since_us) = (first_lsn, now_us);
        }
        active.last_lsn = Lsn(first_lsn.0 + batch.num_rows() as u64 - 1);
        active.rows += batch.num_rows() as u64;
        active.bytes += bytes;
        active.batches.push(batch);
    }

    /// Freezes the active memtable, which must hold rows.
    pub(crate) fn freeze(&mut self) {
        let last_lsn = self.active.last_lsn;
        let active = std::mem::replace(&mut self.active, Active { last_lsn, ..Active::default() });
        let rows = TailMemtable { first_lsn: active.first_lsn, last_lsn, batches: active.batches.into() };
        self.frozen.push_back(Frozen { rows, bytes: active.bytes, claimed: false });
    }

    /// Of each memtable the batches with a row above `after`, oldest first. Costs what it answers.
    pub(crate) fn since(&self, after: Lsn) -> Vec<TailMemtable> {
        let mut all: Vec<TailMemtable> = self.frozen.iter().filter_map(|frozen| frozen.rows.since(after)).collect();
        let active = &self.active;
        let mut first_lsn = Lsn(active.last_lsn.0 + 1);
        let mut from = active.batches.len();
        while from > 0 && first_lsn.0 > after.0.saturating_add(1) {
            from -= 1;
            first_lsn = Lsn(first_lsn.0 - active.batches[from].num_rows() as u64);
        }
        if from < active.batches.len() {
            let batches = Arc::from(&active.batches[from..]);
            all.push(TailMemtable { first_lsn, last_lsn: active.last_lsn, batches });
        }
        all
    }

    /// A view for readers, oldest first.
    pub(crate) fn view(&self) -> Vec<TailMemtable> {
        let mut all: Vec<TailMemtable> = self.frozen.iter().map(|frozen| frozen.rows.clone()).collect();
        let active = &self.active;
        if !active.batches.is_empty() {
            let batches = Arc::from(active.batches.as_slice());
            all.push(TailMemtable { first_lsn: active.first_lsn, last_lsn: active.last_lsn, batches });
        }
        all
    }
}

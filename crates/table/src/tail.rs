//! The tail: rows that are acknowledged but not yet in a committed data file.
//!
//! The writer implements [`TailSource`], the query crate reads it; neither knows the other. A reader takes the tail view
//! first and the snapshot second, then drops every [`TailMemtable`] whose `last_lsn` is at or below the snapshot's
//! watermark for its writer: so each row is seen exactly once.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::ids::{Lsn, WriterId};

/// Where acknowledged rows that no commit holds yet can be read.
pub trait TailSource: Send + Sync + fmt::Debug {
    /// The memtables at this moment, oldest first: frozen ones, then the active one. Cheap: shares the batches.
    fn view(&self) -> TailView;
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

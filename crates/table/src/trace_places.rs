//! [`TracePlaces`]: the traces of a data file as its rows are encoded: what its part of the trace index is made of.

use arrow::array::StringViewArray;

use crate::trace_index::fingerprint;

/// Rows of a segment: the unit in which indexes say where something is.
pub const SEGMENT_ROWS: u64 = 4_096;

/// A trace in a segment of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TracePlace {
    /// Of the trace's id.
    pub fingerprint: u64,
    /// Number of the segment: rows from 4,096 times this one on.
    pub segment: u32,
}

/// Collects them. Sixteen bytes for each run of rows of one trace.
#[derive(Debug, Default)]
pub(crate) struct TracePlaces(Vec<TracePlace>);

impl TracePlaces {
    /// Takes in the ids of rows from number `first_row` of the file on.
    pub(crate) fn add(&mut self, ids: &StringViewArray, first_row: u64) {
        for (row, id) in (first_row..).zip(ids.iter()) {
            let Some(id) = id else { continue };
            let place = TracePlace { fingerprint: fingerprint(id), segment: (row / SEGMENT_ROWS) as u32 };
            if self.0.last() != Some(&place) {
                self.0.push(place);
            }
        }
    }

    /// All of them, ascending, each once.
    pub(crate) fn finish(mut self) -> Vec<TracePlace> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0
    }
}

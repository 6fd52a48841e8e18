//! [`ScanStats`]: what one filter scan touched, for people who ask why it took so long.

use std::ops::AddAssign;

use serde::Serialize;

/// Counts of one filter scan. They measure work, not the answer: a scan that runs ahead may count more than it needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScanStats {
    /// Live files of the snapshot.
    pub files_total: u64,
    /// Files that the file index left.
    pub files_considered: u64,
    /// Files whose footer was looked at.
    pub files_opened: u64,
    /// Of those, the ones whose footer was in the cache.
    pub footers_cached: u64,
    /// Row groups that were ruled out by their statistics or Bloom filter.
    pub row_groups_pruned: u64,
    /// Row groups of which at least one row was decoded.
    pub row_groups_read: u64,
    /// Rows of files for which the filter's columns were decoded.
    pub rows_decoded: u64,
    /// Rows of the tail that were looked at.
    pub tail_rows: u64,
    /// Bytes that were read from the store.
    pub bytes_read: u64,
    /// Requests to the store.
    pub reads: u64,
}

impl AddAssign for ScanStats {
    fn add_assign(&mut self, other: Self) {
        self.files_total += other.files_total;
        self.files_considered += other.files_considered;
        self.files_opened += other.files_opened;
        self.footers_cached += other.footers_cached;
        self.row_groups_pruned += other.row_groups_pruned;
        self.row_groups_read += other.row_groups_read;
        self.rows_decoded += other.rows_decoded;
        self.tail_rows += other.tail_rows;
        self.bytes_read += other.bytes_read;
        self.reads += other.reads;
    }
}

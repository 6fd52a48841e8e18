//! [`ScanStats`]: what one answer took and touched, for people who ask why it took so long.

use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

/// Times and counts of one answer. They measure work, not the answer: a scan that runs ahead may count more than it
/// needed. An SQL statement sums over its scans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ScanStats {
    /// Milliseconds (to the microsecond) until it was known which files to read; for SQL: until the plan was made.
    pub plan_ms: f64,
    /// Milliseconds for reading them and putting the answer together; for SQL: until the stream ended.
    pub scan_ms: f64,
    /// Milliseconds in all.
    pub total_ms: f64,
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
    /// Rows of files for which the filter's columns were decoded; for SQL: rows that its filters were asked about, or
    /// that were read where there is none.
    pub rows_decoded: u64,
    /// Rows of the tail that were looked at.
    pub tail_rows: u64,
    /// Bytes that were read from the store; for SQL without those of footers.
    pub bytes_read: u64,
    /// Requests to the store; SQL does not count them.
    pub reads: u64,
    /// By which index the files were chosen.
    pub index: IndexUse,
}

/// By which index the files of an answer were chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexUse {
    /// By that of partitions and times alone: nothing else was asked for that an index knows.
    #[default]
    Files,
    /// By the trace index, and `unindexed` files by their own Bloom filters.
    Traces {
        /// Files that no run of the index covers.
        unindexed: u64,
    },
    /// By nothing else, because the trace index lacks so many files that looking into each of them is a scan.
    Scan {
        /// Files that no run of the index covers.
        unindexed: u64,
    },
}

impl fmt::Display for IndexUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files => f.write_str("files"),
            Self::Traces { unindexed: 0 } => f.write_str("traces"),
            Self::Traces { unindexed } => write!(f, "traces, and {unindexed} files without index"),
            Self::Scan { unindexed } => write!(f, "scan: {unindexed} files are not in the trace index"),
        }
    }
}

impl Serialize for IndexUse {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ScanStats {
    /// With the times of an answer that was planned after `plan_ms` and complete after `total_ms`.
    pub(crate) fn timed(self, plan_ms: f64, total_ms: f64) -> Self {
        // Whole microseconds again: the difference of two of them may be off by a rounding error.
        let scan_ms = ((total_ms - plan_ms).max(0.0) * 1_000.0).round() / 1_000.0;
        Self { plan_ms, scan_ms, total_ms, ..self }
    }
}

impl AddAssign for ScanStats {
    fn add_assign(&mut self, other: Self) {
        self.plan_ms += other.plan_ms;
        self.scan_ms += other.scan_ms;
        self.total_ms += other.total_ms;
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
        if other.index != IndexUse::Files {
            self.index = other.index;
        }
    }
}

//! [`Snapshot`]: one version of a table, as the one way to see its files.
//!
//! Immutable and held in memory whole: no method does I/O. A new version shares everything that its commit did not touch
//! with the one before.

use std::ops::RangeInclusive;
use std::sync::Arc;

use annals_event::{Day, ProjectId};

use crate::data_file::DataFile;
use crate::ids::{Lsn, WriterId};
use crate::index::FileIndex;
use crate::transactions::Transactions;

/// One version of a table.
#[derive(Clone, Debug)]
pub struct Snapshot {
    version: u64,
    index: FileIndex,
    transactions: Transactions,
}

/// Which files to list. The answer may hold files without a matching row, never misses one with such a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFilter {
    /// Only these projects; `None` means all.
    pub projects: Option<Vec<ProjectId>>,
    /// Only files that may hold an event in this range: microseconds UTC, both ends inclusive.
    pub time_us: RangeInclusive<i64>,
}

impl FileFilter {
    /// Every file.
    pub fn all() -> Self {
        Self { projects: None, time_us: i64::MIN..=i64::MAX }
    }
}

impl Default for FileFilter {
    fn default() -> Self {
        Self::all()
    }
}

/// Sums over a set of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Number of files.
    pub files: u64,
    /// Number of rows; files whose log entry has no statistics count as zero.
    pub rows: u64,
    /// Sum of the file sizes.
    pub bytes: u64,
    /// Earliest event, microseconds UTC; `i64::MAX` for no files, `i64::MIN` when a file without statistics is among them.
    pub min_timestamp_us: i64,
    /// Latest event, microseconds UTC; `i64::MIN` for no files, `i64::MAX` when a file without statistics is among them.
    pub max_timestamp_us: i64,
}

impl Totals {
    /// The sums over no files.
    pub const EMPTY: Self =
        Self { files: 0, rows: 0, bytes: 0, min_timestamp_us: i64::MAX, max_timestamp_us: i64::MIN };

    pub(crate) fn add_file(&mut self, file: &DataFile) {
        self.add(&Self {
            files: 1,
            rows: file.rows,
            bytes: file.bytes,
            min_timestamp_us: file.min_timestamp_us,
            max_timestamp_us: file.max_timestamp_us,
        });
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.rows = self.rows.saturating_add(other.rows);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.min_timestamp_us = self.min_timestamp_us.min(other.min_timestamp_us);
        self.max_timestamp_us = self.max_timestamp_us.max(other.max_timestamp_us);
    }

    pub(crate) fn overlaps(&self, time_us: &RangeInclusive<i64>) -> bool {
        self.files > 0 && self.min_timestamp_us <= *time_us.end() && self.max_timestamp_us >= *time_us.start()
    }
}

impl Snapshot {
    pub(crate) fn new(version: u64, index: FileIndex, transactions: Transactions) -> Self {
        Self { version, index, transactions }
    }

    pub(crate) fn index(&self) -> &FileIndex {
        &self.index
    }

    pub(crate) fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// Version of the table log. Starts at 0, one up with every commit of any program.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The last LSN of `writer` that is in the table; `None` when that writer never committed.
    pub fn watermark(&self, writer: WriterId) -> Option<Lsn> {
        self.transactions.watermark(writer)
    }

    /// How many compactions were committed to the table: the number by which the next one is told from its rivals.
    pub fn compactions(&self) -> u64 {
        self.transactions.compactions()
    }

    /// The live files that `filter` does not rule out, ordered by project, day, path.
    pub fn files(&self, filter: &FileFilter) -> Vec<Arc<DataFile>> {
        self.index.files(filter)
    }

    /// The live file at `path`, if there is one.
    pub fn file(&self, path: &str) -> Option<&Arc<DataFile>> {
        self.index.find(path)
    }

    /// Number of live files.
    pub fn file_count(&self) -> u64 {
        self.index.totals().files
    }

    /// Sums over all live files.
    pub fn totals(&self) -> Totals {
        *self.index.totals()
    }

    /// The projects that have a live file, ascending, each with its sums.
    pub fn projects(&self) -> impl Iterator<Item = (&ProjectId, &Totals)> {
        self.index.projects()
    }

    /// The days of `project` that have a live file, ascending, each with its sums.
    pub fn days(&self, project: &ProjectId) -> impl Iterator<Item = (Day, &Totals)> {
        self.index.days(project)
    }
}

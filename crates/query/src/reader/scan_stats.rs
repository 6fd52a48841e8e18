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
    /// Segments (4,096 rows of a file) in which rows were decoded; for SQL those that an index left.
    pub segments_read: u64,
    /// Rows of files for which the filter's columns were decoded; for SQL: rows that its filters were asked about, or
    /// that were read where there is none.
    pub rows_decoded: u64,
    /// Rows of the tail that were looked at.
    pub tail_rows: u64,
    /// Bytes that were read from the store; for SQL without those of footers.
    pub bytes_read: u64,
    /// Requests to the store; SQL does not count those for rows.
    pub requests: u64,
    /// By which indexes files and segments were chosen.
    pub index: IndexUse,
}

/// Files without trace index that are looked into by their own Bloom filters; beyond, that is a scan and is called so.
const PROBED_FILES_MAX: u64 = 32;

/// By which indexes the files of an answer, and the segments of them, were chosen: that of partitions and times always, others
/// where something was asked for that they know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexUse {
    /// That the trace index was asked, and the number of files that no run of it covers.
    pub traces: Option<u64>,
    /// That word indexes were asked.
    pub words: Option<WordUse>,
    /// That a text was searched for of which no word is known whole, so that no index could be asked.
    pub is_blind: bool,
}

/// How many files had a word index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordUse {
    /// Those whose index was asked.
    pub files: u64,
    /// Those without one, or with one that is damaged: all of such a file is searched.
    pub unindexed: u64,
}

impl IndexUse {
    /// Whether no index was asked but that of partitions and times.
    pub fn is_files(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for IndexUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_files() {
            return f.write_str("files");
        }
        let traces = self.traces.map(|unindexed| match unindexed {
            0 => "traces".to_owned(),
            1..=PROBED_FILES_MAX => format!("traces, and {unindexed} files without index"),
            _ => format!("scan: {unindexed} files are not in the trace index"),
        });
        let words = self.words.map(|words| match words {
            WordUse { unindexed: 0, .. } => "words".to_owned(),
            WordUse { files: 0, unindexed } => format!("scan: {unindexed} files have no word index"),
            WordUse { unindexed, .. } => format!("words, and {unindexed} files without index"),
        });
        let blind = self.is_blind.then(|| "scan: the text has no whole word".to_owned());
        let parts: Vec<String> = [traces, words, blind].into_iter().flatten().collect();
        f.write_str(&parts.join("; "))
    }
}

impl AddAssign for IndexUse {
    fn add_assign(&mut self, other: Self) {
        self.traces = match (self.traces, other.traces) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.words = match (self.words, other.words) {
            (Some(one), Some(other)) => {
                Some(WordUse { files: one.files + other.files, unindexed: one.unindexed + other.unindexed })
            }
            (one, other) => one.or(other),
        };
        self.is_blind |= other.is_blind;
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
        self.segments_read += other.segments_read;
        self.rows_decoded += other.rows_decoded;
        self.tail_rows += other.tail_rows;
        self.bytes_read += other.bytes_read;
        self.requests += other.requests;
        self.index += other.index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_says_what_it_was_asked_and_what_it_lacks() {
        let words = |files, unindexed| IndexUse { words: Some(WordUse { files, unindexed }), ..IndexUse::default() };
        let traces = |unindexed| IndexUse { traces: Some(unindexed), ..IndexUse::default() };
        let blind = IndexUse { is_blind: true, ..IndexUse::default() };
        for (index, said) in [
            (IndexUse::default(), "files"),
            (traces(0), "traces"),
            (traces(32), "traces, and 32 files without index"),
            (traces(33), "scan: 33 files are not in the trace index"),
            (words(2, 0), "words"),
            (words(2, 1), "words, and 1 files without index"),
            (words(0, 1), "scan: 1 files have no word index"),
            (blind, "scan: the text has no whole word"),
        ] {
            assert_eq!(index.to_string(), said);
        }
        let mut both = traces(1);
        both += words(1, 0);
        both += words(2, 3);
        assert_eq!(both.to_string(), "traces, and 1 files without index; words, and 3 files without index");
    }
}

//! [`Candidates`]: the files that a search opens, and the segments of them in which it looks, chosen by the trace index.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use annals_table::{DataFile, SEGMENT_ROWS, Snapshot, Table};

use crate::reader::{IndexUse, ScanStats, Window};

/// Files without index that are looked into by their own Bloom filters; beyond, that is a scan and is called so.
const PROBED_FILES_MAX: u64 = 32;

/// The segments to look in, ascending, by the file's path; all of a file that is not there.
pub(crate) type SegmentsByPath = HashMap<String, Vec<u32>>;

/// What a search looks into.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) files: Vec<Arc<DataFile>>,
    pub(crate) segments: SegmentsByPath,
}

impl From<Vec<Arc<DataFile>>> for Candidates {
    fn from(files: Vec<Arc<DataFile>>) -> Self {
        Self { files, segments: HashMap::new() }
    }
}

/// Candidates that an index left, and what asking it took.
#[derive(Debug, Default)]
pub(crate) struct Narrowed {
    pub(crate) candidates: Candidates,
    pub(crate) stats: ScanStats,
}

/// Narrows `files` of a snapshot, whose order stays, to what the trace index says of the traces `ids`, if these are asked for.
pub(crate) async fn narrow_by_traces(
    table: &Table,
    snapshot: &Snapshot,
    files: Vec<Arc<DataFile>>,
    ids: Option<&[String]>,
) -> Narrowed {
    let Some(ids) = ids.filter(|_| !files.is_empty()) else {
        return Narrowed { candidates: files.into(), ..Narrowed::default() };
    };
    let hits = table.find_traces(snapshot, ids).await;
    let mut segments: SegmentsByPath =
        hits.files.into_iter().map(|(file, segments)| (file.path.clone(), segments)).collect();
    let uncovered: HashSet<&str> = hits.uncovered.iter().map(|file| file.path.as_str()).collect();
    let considered = files.len() as u64;
    let mut left = files;
    left.retain(|file| segments.contains_key(&file.path) || uncovered.contains(file.path.as_str()));
    // A run that came meanwhile may cover a file that another calls uncovered: all of it is searched.
    segments.retain(|path, _| !uncovered.contains(path.as_str()));
    let unindexed = left.iter().filter(|file| uncovered.contains(file.path.as_str())).count() as u64;
    let index = match unindexed {
        0..=PROBED_FILES_MAX => IndexUse::Traces { unindexed },
        _ => IndexUse::Scan { unindexed },
    };
    let stats = ScanStats {
        index,
        reads: hits.requests,
        bytes_read: hits.bytes,
        // The others were considered too, and ruled out without a look.
        files_considered: considered - left.len() as u64,
        ..ScanStats::default()
    };
    Narrowed { candidates: Candidates { files: left, segments }, stats }
}

/// The parts of windows that lie in `segments` of the file, of which `first_rows` are the first rows of its row groups.
pub(crate) fn within_segments(windows: Vec<Window>, first_rows: &[u64], segments: &[u32]) -> Vec<Window> {
    let mut parts = Vec::new();
    for window in windows {
        let offset = first_rows[window.row_group];
        let rows = offset + window.rows.start as u64..offset + window.rows.end as u64;
        for segment in segments {
            let start = (u64::from(*segment) * SEGMENT_ROWS).max(rows.start);
            let end = ((u64::from(*segment) + 1) * SEGMENT_ROWS).min(rows.end);
            if start < end {
                let rows = (start - offset) as usize..(end - offset) as usize;
                parts.push(Window { take: rows.len(), rows, ..window.clone() });
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Rank;

    #[test]
    fn windows_are_cut_to_the_segments_of_the_file_not_of_the_row_group() {
        let window =
            |row_group, rows| Window { row_group, rows, take: 9, bound: Rank::LAST, sorted: true, started: false };
        let parts = within_segments(vec![window(0, 0..5_000), window(1, 0..10_000)], &[0, 5_000], &[1, 2]);
        let ranges: Vec<_> = parts.iter().map(|part| (part.row_group, part.rows.clone(), part.take)).collect();
        assert_eq!(ranges, [(0, 4_096..5_000, 904), (1, 0..3_192, 3_192), (1, 3_192..7_288, 4_096)]);
        assert!(within_segments(vec![window(0, 0..5_000)], &[0], &[9]).is_empty());
    }
}

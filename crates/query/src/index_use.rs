//! [`Candidates`]: the files that a search opens, and the segments of them in which it looks, chosen by the trace index.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use annals_table::{DataFile, SEGMENT_ROWS, Snapshot, Table};
use futures::stream::{self, StreamExt as _};
use object_store::ObjectStore;

use crate::reader::{DataReader, FileCaches, Footer, IndexUse, ScanStats};
use crate::word_filter::WordFilter;

/// Files whose word indexes are asked at once.
const LOOKUPS: usize = 16;

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
    let stats = ScanStats {
        index: IndexUse { traces: Some(unindexed), ..IndexUse::default() },
        requests: hits.requests,
        bytes_read: hits.bytes,
        // The others were considered too, and ruled out without a look.
        files_considered: considered - left.len() as u64,
        ..ScanStats::default()
    };
    Narrowed { candidates: Candidates { files: left, segments }, stats }
}

/// Narrows candidates, whose order stays, to what their own word indexes say; with what that took added to `stats`.
///
/// Never fails: a file that cannot be asked stays, and whoever reads its rows is told why.
pub(crate) async fn narrow_by_words(
    store: &Arc<dyn ObjectStore>,
    caches: &FileCaches,
    candidates: Candidates,
    words: &WordFilter,
    stats: &mut ScanStats,
) -> Candidates {
    stats.index += words.index_use();
    if words.is_empty() {
        return candidates;
    }
    let Candidates { files, mut segments } = candidates;
    let lookups = files.into_iter().map(|file| {
        Box::pin(async move {
            let mut stats = ScanStats::default();
            let found = segments_by_words(store, caches, &file, words, &mut stats).await;
            (file, found, stats)
        })
    });
    let answers: Vec<_> = stream::iter(lookups).buffered(LOOKUPS).collect().await;
    let mut left = Vec::with_capacity(answers.len());
    for (file, found, read) in answers {
        stats.index += read.index;
        stats.requests += read.requests;
        stats.bytes_read += read.bytes_read;
        let Some(mut found) = found else {
            left.push(file);
            continue;
        };
        match segments.get(&file.path) {
            Some(known) => found.retain(|segment| known.binary_search(segment).is_ok()),
            // All of them is the whole file, of which more is known.
            None if found.len() as u64 == file.rows.div_ceil(SEGMENT_ROWS) => {
                left.push(file);
                continue;
            }
            None => {}
        }
        if found.is_empty() {
            segments.remove(&file.path);
        } else {
            segments.insert(file.path.clone(), found);
            left.push(file);
        }
    }
    Candidates { files: left, segments }
}

async fn segments_by_words(
    store: &Arc<dyn ObjectStore>,
    caches: &FileCaches,
    file: &Arc<DataFile>,
    words: &WordFilter,
    stats: &mut ScanStats,
) -> Option<Vec<u32>> {
    let reader = DataReader::new(Arc::clone(store), Arc::clone(file), caches).ok()?;
    let footer = Footer::open(&reader, &caches.footers, false, stats).await.ok()?.footer;
    words.segments(&reader, &footer, stats).await.ok()?
}

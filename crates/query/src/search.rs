//! Answers an [`EventQuery`] or a [`TraceQuery`]: which rows the page has ([`data_scan`] for those in files), then these rows whole.
//!
//! Invariant: the answer depends on the rows of the view, not on how they are spread over memtables, files and row groups.

mod data_scan;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use annals_event::{columns, event_schema};
use annals_table::{DataFile, FileFilter};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::ObjectStore;

use crate::cursor::Cursor;
use crate::deadline::within;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::event_query::EventQuery;
use crate::filter::{Filter, timestamps};
use crate::index_use::{Candidates, narrow_by_traces};
use crate::page_budget::affordable;
use crate::reader::{
    FileCaches, Footer, Hit, Rank, Ranking, ScanStats, Seqs, Top, event_rows, on_cpu, read_rows, tail_parts,
};
use crate::search::data_scan::{DataScan, scan_files};
use crate::stopwatch::Stopwatch;
use crate::trace_query::TraceQuery;
use crate::view::View;

pub(crate) use data_scan::cut;

/// Files whose rows are read at once for the page itself.
const PAGE_READS: usize = 8;

/// One page of events.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The rows in `annals_event::event_schema()`, in the order asked for; ties of timestamp by seq, then by id.
    pub events: RecordBatch,
    /// Where the next page starts; `None` when no more rows match. There may be one although this page has fewer rows than
    /// asked for ([`QuerySettings::page_bytes_max`](crate::QuerySettings)).
    pub next: Option<Cursor>,
    /// What it took.
    pub stats: ScanStats,
}

impl Engine {
    /// Answers one page of a filter scan over a view that is taken now.
    ///
    /// Walking on with [`EventPage::next`] meets every row that matched at the first page exactly once, whatever is
    /// flushed or compacted in between; rows that arrive meanwhile are met if their place is still ahead. Rows without a
    /// timestamp are no events and are left out.
    ///
    /// # Errors
    /// `Invalid` for a query out of bounds, `Exhausted` after `time_ms_max`, `Unavailable` for a store that does not
    /// answer, `Corrupt` for a damaged file.
    ///
    /// # Cancel safety
    /// Dropping the future ends the scan, at the latest when the few pages that are being decoded are done; nothing is
    /// left behind but cached footers.
    pub async fn search(&self, query: &EventQuery) -> Result<EventPage> {
        query.validate()?;
        let watch = Stopwatch::start();
        let view = self.view();
        let filter = Filter::new(query)?;
        let files = candidate_files(&view, query, &filter);
        let narrowed = narrow_by_traces(self.table(), &view.snapshot, files, filter.trace_ids()).await;
        let plan_ms = watch.ms();
        let page = PageRequest { bytes_max: self.settings().page_bytes_max, ..PageRequest::of(query) };
        let tail = tail_batches(&view);
        let (store, caches) = (self.table().object_store(), self.caches());
        let (candidates, index) = (narrowed.candidates, narrowed.stats);
        let scan = search_rows(tail, candidates, store, caches, &page, filter);
        let mut page = within(self.settings().time_ms_max, scan).await?;
        page.stats += index;
        page.stats.files_total = view.snapshot.file_count();
        page.stats = page.stats.timed(plan_ms, watch.ms());
        Ok(page)
    }

    /// Answers all events of a trace, oldest first. Errors and cancel safety are those of [`Self::search`].
    pub async fn trace(&self, query: &TraceQuery) -> Result<EventPage> {
        self.search(&query.event_query()).await
    }
}

/// Which page of the matching rows is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRequest<'a> {
    pub(crate) ranking: Ranking,
    pub(crate) limit: usize,
    /// Where the page before ended.
    pub(crate) after: Option<&'a Cursor>,
    /// Estimated bytes of rows at which the page ends.
    pub(crate) bytes_max: Option<u64>,
}

impl<'a> PageRequest<'a> {
    pub(crate) fn of(query: &'a EventQuery) -> Self {
        Self { ranking: query.order.into(), limit: query.limit, after: query.after.as_ref(), bytes_max: None }
    }

    /// The rank at which the page before ended.
    fn after_rank(&self) -> Option<Rank> {
        self.after.map(|after| Rank::of(self.ranking, after.timestamp_us(), after.seq()))
    }
}

/// Answers one page of a filter scan over the rows of `tail` (event schema) and `files`.
pub(crate) async fn search_rows(
    tail: Arc<[RecordBatch]>,
    candidates: Candidates,
    store: &Arc<dyn ObjectStore>,
    caches: &Arc<FileCaches>,
    page: &PageRequest<'_>,
    filter: Filter,
) -> Result<EventPage> {
    let Candidates { files, segments } = candidates;
    let mut stats = ScanStats::default();
    if filter.is_empty() {
        return Ok(EventPage { events: RecordBatch::new_empty(event_schema()), next: None, stats });
    }
    let filter = Arc::new(filter);
    stats.files_considered = files.len() as u64;
    stats.index = filter.words.index_use();
    // One more than the page holds tells whether there is another page.
    let wanted = page.limit + 1;
    let mut top = Top::new(wanted, page.after_rank());
    if !tail.is_empty() {
        stats.tail_rows = tail.iter().map(|batch| batch.num_rows() as u64).sum();
        for part in tail_parts(&tail) {
            let (tail, filter, fork) = (Arc::clone(&tail), Arc::clone(&filter), top.fork());
            let (ranking, first_source) = (page.ranking, files.len() + part.start);
            top.merge(on_cpu(move || scan_tail(&tail[part], &filter, ranking, first_source, fork)).await?);
        }
    }
    let scan = DataScan {
        store: Arc::clone(store),
        caches: Arc::clone(caches),
        filter,
        ranking: page.ranking,
        wanted,
        files,
        segments,
    };
    let scan = Arc::new(scan);
    let (top, footers) = scan_files(&scan, top, &mut stats).await?;
    let (mut candidates, mut more) = top.into_candidates(page.limit);
    if let Some(bytes_max) = page.bytes_max {
        let kept = affordable(&candidates, page.after_rank(), bytes_max, |hit| match footers.get(&hit.source) {
            Some(footer) => footer.row_bytes(hit.row),
            None => tail_row_bytes(&tail[hit.source as usize - scan.files.len()]),
        });
        more |= kept < candidates.len();
        candidates.truncate(kept);
    }
    let parts = read_candidates(&scan, &footers, &tail, &candidates, &mut stats).await?;
    let (events, next) = assemble(page, &candidates, &parts, more)?;
    Ok(EventPage { events, next, stats })
}

/// Bytes that a row of a batch takes on average.
fn tail_row_bytes(batch: &RecordBatch) -> u64 {
    (batch.get_array_memory_size() / batch.num_rows().max(1)) as u64
}

/// The batches of a view's memtables.
pub(crate) fn tail_batches(view: &View) -> Arc<[RecordBatch]> {
    view.memtables.iter().flat_map(|memtable| memtable.batches.iter()).cloned().collect()
}

/// The files that the index does not rule out.
pub(crate) fn candidate_files(view: &View, query: &EventQuery, filter: &Filter) -> Vec<Arc<DataFile>> {
    let mut projects = query.projects.clone();
    projects.sort_unstable();
    projects.dedup();
    let wanted =
        FileFilter { projects: (!projects.is_empty()).then_some(projects), time_us: filter.first_us..=filter.last_us };
    view.snapshot.files(&wanted)
}

fn scan_tail(
    batches: &[RecordBatch],
    filter: &Filter,
    ranking: Ranking,
    first_source: usize,
    mut top: Top,
) -> Result<Top> {
    for (index, batch) in batches.iter().enumerate() {
        let matching = filter.tail_rows(batch)?;
        let timestamps = timestamps(batch)?;
        let seqs = Seqs::of(batch);
        let source = source_id(first_source + index)?;
        for row in matching.set_indices() {
            top.push(Hit { rank: Rank::of(ranking, timestamps.value(row), seqs.get(row)), source, row: row as u64 });
        }
        top.settle();
    }
    Ok(top)
}

/// The candidates' rows in full, by source: one batch each, rows ascending.
async fn read_candidates(
    scan: &DataScan,
    footers: &HashMap<u32, Arc<Footer>>,
    tail: &[RecordBatch],
    candidates: &[Hit],
    stats: &mut ScanStats,
) -> Result<BTreeMap<u32, (Vec<u64>, RecordBatch)>> {
    let mut by_source: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for hit in candidates {
        by_source.entry(hit.source).or_default().push(hit.row);
    }
    let is_alone = by_source.len() == 1;
    let reads = by_source.into_iter().map(|(source, mut rows)| async move {
        rows.sort_unstable();
        let mut stats = ScanStats::default();
        let batch = match footers.get(&source) {
            Some(footer) => read_rows(&scan.reader(source)?, footer, &rows, is_alone, &mut stats).await?,
            None => event_rows(&tail[source as usize - scan.files.len()], &rows)?,
        };
        Ok::<_, Error>((source, rows, batch, stats))
    });
    let parts: Vec<_> = stream::iter(reads).buffer_unordered(PAGE_READS).try_collect().await?;
    let mut by_source = BTreeMap::new();
    for (source, rows, batch, read_stats) in parts {
        *stats += read_stats;
        by_source.insert(source, (rows, batch));
    }
    Ok(by_source)
}

/// Puts the candidates in their final order, leaves out what the page before had, and cuts at the limit.
fn assemble(
    page: &PageRequest<'_>,
    candidates: &[Hit],
    parts: &BTreeMap<u32, (Vec<u64>, RecordBatch)>,
    more: bool,
) -> Result<(RecordBatch, Option<Cursor>)> {
    let batches: Vec<&RecordBatch> = parts.values().map(|(_, batch)| batch).collect();
    let numbers: HashMap<u32, (usize, &[u64])> =
        parts.iter().enumerate().map(|(number, (source, (rows, _)))| (*source, (number, rows.as_slice()))).collect();
    let mut rows = Vec::with_capacity(candidates.len());
    for hit in candidates {
        let (number, stored) = numbers[&hit.source];
        let row = stored.binary_search(&hit.row).expect("every candidate's row was read");
        rows.push((hit.rank, row_id(batches[number], row), (number, row)));
    }
    rows.sort_unstable_by(|(rank, id, _), (other_rank, other_id, _)| {
        rank.cmp(other_rank).then_with(|| in_order(page.ranking, id, other_id))
    });
    if let (Some(after), Some(after_rank)) = (page.after, page.after_rank()) {
        rows.retain(|(rank, id, _)| rank.cmp(&after_rank).then_with(|| in_order(page.ranking, id, after.id())).is_gt());
    }
    let more = more || rows.len() > page.limit;
    rows.truncate(page.limit);
    let next = match rows.last() {
        Some((_, id, (number, row))) if more => {
            let batch = batches[*number];
            Some(Cursor::new(timestamps(batch)?.value(*row), Seqs::of(batch).get(*row), *id))
        }
        _ => None,
    };
    if rows.is_empty() {
        return Ok((RecordBatch::new_empty(event_schema()), next));
    }
    let places: Vec<_> = rows.iter().map(|(_, _, place)| *place).collect();
    let events = interleave_record_batch(&batches, &places).map_err(|error| {
        Error::with_source(ErrorKind::Internal, "the rows of a page could not be put in order", error)
    })?;
    Ok((events, next))
}

/// The id of a row; a row without one (only other programs write such files) counts as the empty text.
fn row_id(batch: &RecordBatch, row: usize) -> &str {
    match batch.column_by_name(columns::ID).and_then(|array| array.as_string_view_opt()) {
        Some(array) if array.is_valid(row) => array.value(row),
        _ => "",
    }
}

fn in_order(ranking: Ranking, a: &str, b: &str) -> std::cmp::Ordering {
    match ranking {
        Ranking::Oldest | Ranking::Seq => a.cmp(b),
        Ranking::Newest => b.cmp(a),
    }
}

fn source_id(index: usize) -> Result<u32> {
    u32::try_from(index).map_err(|_| Error::new(ErrorKind::Exhausted, "a query reads more than 4 billion files"))
}

#[cfg(test)]
mod tests;

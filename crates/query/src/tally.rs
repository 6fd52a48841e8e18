//! Counting over all matching rows: the scan that histograms and facets share.
//!
//! The rows are those that a search with the same filter answers, for they are judged by the same [`Filter`]. Files are
//! opened and row groups read several at a time, in no order; what is counted of a part is merged into the whole. Only the
//! columns that filter and tally ask for are read, texts only of the rows that passed everything else.

use std::num::NonZero;
use std::sync::Arc;

use annals_event::columns;
use annals_table::DataFile;
use arrow::array::{BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;
use object_store::ObjectStore;
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::event_query::EventQuery;
use crate::filter::Filter;
use crate::reader::{
    DataReader, FileCaches, Footer, Ranking, RowRanges, RowRequest, Rows, ScanStats, Window, find_text, on_cpu,
    surviving_windows, tail_parts, with_microseconds,
};
use crate::search::{candidate_files, cut, tail_batches};

/// Rows of a row group that are counted at once.
const PART_ROWS: usize = 64 << 10;

/// As many when their texts are searched: payloads are a thousand times larger than levels.
const TEXT_PART_ROWS: usize = 16 << 10;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8 << 10;

/// Steps under way at once, for each core: more than one, as they wait for the store in turn.
const STEPS_PER_CORE: usize = 8;

/// Something that is counted over rows, part by part.
pub(crate) trait Tally: Send + Sized + 'static {
    /// The columns that it looks at beside the timestamp.
    fn columns(&self) -> &[&'static str];

    /// An empty one of the same kind, for a part of the rows.
    fn fork(&self) -> Self;

    /// Counts these rows, at least one, of a batch, which has the timestamp in microseconds and those of [`Self::columns`] that its
    /// source has. `project` is that of all of the rows, if the batch has no column of it.
    fn add(&mut self, batch: &RecordBatch, rows: &BooleanBuffer, project: Option<&str>) -> Result<()>;

    /// Takes in what was counted of a part.
    fn merge(&mut self, part: Self) -> Result<()>;
}

/// The rows to count, and the filter that they must pass.
#[derive(Debug)]
pub(crate) struct TallyScan {
    /// Event schema.
    pub(crate) tail: Arc<[RecordBatch]>,
    pub(crate) files: Vec<Arc<DataFile>>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) caches: Arc<FileCaches>,
    pub(crate) filter: Arc<Filter>,
}

/// What a step did.
enum Done<T> {
    Opened(Vec<Part>),
    Counted(T),
}

/// Rows of an open file.
struct Part {
    reader: DataReader,
    footer: Arc<Footer>,
    row_group: usize,
    rows: RowRanges,
}

impl Engine {
    /// The scan of a query over a view that is taken now, and the number of its live files.
    pub(crate) fn tally_scan(&self, query: &EventQuery) -> Result<(TallyScan, u64)> {
        // All pages at once: neither the size of one nor where it starts matters.
        let query = EventQuery { limit: 1, after: None, ..query.clone() };
        query.validate()?;
        let view = self.view();
        let filter = Filter::new(&query)?;
        let scan = TallyScan {
            tail: tail_batches(&view),
            files: candidate_files(&view, &query, &filter),
            store: Arc::clone(self.table().object_store()),
            caches: Arc::clone(self.caches()),
            filter: Arc::new(filter),
        };
        Ok((scan, view.snapshot.file_count()))
    }
}

impl TallyScan {
    /// Counts every matching row into `total`, once.
    ///
    /// # Cancel safety
    /// Dropping the future ends the scan; what is being decoded is finished in the background, a few parts.
    pub(crate) async fn count<T: Tally>(&self, mut total: T, stats: &mut ScanStats) -> Result<T> {
        if self.filter.is_empty() {
            return Ok(total);
        }
        stats.files_considered += self.files.len() as u64;
        stats.index += self.filter.words.index_use();
        stats.tail_rows += self.tail.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        for part in tail_parts(&self.tail) {
            let (tail, filter, mut tally) = (Arc::clone(&self.tail), Arc::clone(&self.filter), total.fork());
            let work = move || {
                for batch in &tail[part] {
                    let rows = filter.tail_rows(batch)?;
                    if rows.count_set_bits() > 0 {
                        tally.add(batch, &rows, None)?;
                    }
                }
                Ok(tally)
            };
            total.merge(on_cpu(work).await?)?;
        }

        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut running: JoinSet<Result<(Done<T>, ScanStats)>> = JoinSet::new();
        let mut files = self.files.iter();
        let mut parts: Vec<Part> = Vec::new();
        loop {
            while running.len() < cores * STEPS_PER_CORE {
                let filter = Arc::clone(&self.filter);
                // Parts first: what is open is let go before more is opened.
                if let Some(part) = parts.pop() {
                    running.spawn(count_part(part, filter, total.fork()));
                } else if let Some(file) = files.next() {
                    let reader = DataReader::new(Arc::clone(&self.store), Arc::clone(file), &self.caches)?;
                    running.spawn(open(reader, Arc::clone(&self.caches), filter));
                } else {
                    break;
                }
            }
            let Some(joined) = running.join_next().await else { return Ok(total) };
            let (done, read) = joined.map_err(|error| {
                Error::with_source(ErrorKind::Internal, "counting in a data file stopped unexpectedly", error)
            })??;
            *stats += read;
            match done {
                Done::Opened(opened) => parts.extend(opened),
                Done::Counted(part) => total.merge(part)?,
            }
        }
    }
}

/// Reads what a file says of itself, and divides the rows that can match.
async fn open<T>(reader: DataReader, caches: Arc<FileCaches>, filter: Arc<Filter>) -> Result<(Done<T>, ScanStats)> {
    let mut stats = ScanStats::default();
    let open = Footer::open(&reader, &caches.footers, filter.trace_ids().is_some(), &mut stats).await?;
    let (mut windows, pruned) = surviving_windows(&reader.file, &open.footer, &filter, Ranking::Oldest, usize::MAX);
    stats.row_groups_pruned += pruned;
    if !windows.is_empty()
        && let Some(segments) = filter.words.segments(&reader, &open.footer, &mut stats).await?
    {
        cut(&mut windows, &open.footer, &segments);
    }
    stats.row_groups_read += windows.len() as u64;
    if windows.is_empty() {
        return Ok((Done::Opened(Vec::new()), stats));
    }
    let part_rows = if filter.text.is_some() { TEXT_PART_ROWS } else { PART_ROWS };
    let is_whole = |window: &Window| {
        window.rows.len() == open.footer.row_group_rows(window.row_group) && window.rows.len() <= part_rows
    };
    let is_whole = filter.text.is_none() && windows.iter().all(is_whole);
    // Without the places of pages a part would read whole columns, and so would the texts of some of its rows.
    let footer = if is_whole { open.footer } else { open.with_pages(&reader, &caches.footers, &mut stats).await? };
    let mut parts = Vec::new();
    for window in windows {
        stats.segments_read += window.rows.segments(footer.first_rows()[window.row_group]);
        let mut rest = window.rows;
        while !rest.is_empty() {
            let (rows, others) = rest.split_at(part_rows);
            rest = others;
            let (reader, footer) = (reader.clone(), Arc::clone(&footer));
            parts.push(Part { reader, footer, row_group: window.row_group, rows });
        }
    }
    Ok((Done::Opened(parts), stats))
}

async fn count_part<T: Tally>(part: Part, filter: Arc<Filter>, mut tally: T) -> Result<(Done<T>, ScanStats)> {
    let mut stats = ScanStats { rows_decoded: part.rows.len() as u64, ..ScanStats::default() };
    let mut columns = vec![columns::TIMESTAMP];
    columns.extend(filter.terms.iter().map(|term| term.column));
    columns.extend(tally.columns());
    let Part { reader, footer, row_group, rows } = part;
    let request = RowRequest { row_group, ranges: rows.ranges().to_vec(), columns: &columns, batch_rows: BATCH_ROWS };
    let fetched = reader.rows(&footer, request, &mut stats).await?;
    let (expected, keys) = (rows.len(), Arc::clone(&filter));
    let file = Arc::clone(&reader.file);
    if filter.text.is_none() {
        let work = move || {
            match_columns(fetched, &keys, expected, |batch, rows| {
                if rows.count_set_bits() == 0 {
                    return Ok(());
                }
                tally.add(&batch, &rows, Some(file.project_id.as_str()))
            })?;
            Ok(tally)
        };
        return Ok((Done::Counted(on_cpu(work).await?), stats));
    }

    let work = move || {
        let mut batches = Vec::new();
        match_columns(fetched, &keys, expected, |batch, rows| {
            batches.push((batch, rows));
            Ok(())
        })?;
        Ok(batches)
    };
    let batches = on_cpu(work).await?;
    let mut undecided = Vec::new();
    let mut start = 0;
    for (batch, hits) in &batches {
        undecided.extend(hits.set_indices().map(|row| rows.row(start + row)));
        start += batch.num_rows();
    }
    let found = find_text(&reader, &footer, &filter, row_group, &undecided, &mut stats).await?;
    let work = move || {
        let mut found = found.into_iter();
        for (batch, rows) in batches {
            let mut hits = BooleanBufferBuilder::new(rows.len());
            hits.append_n(rows.len(), false);
            for (row, is_found) in rows.set_indices().zip(found.by_ref()) {
                hits.set_bit(row, is_found);
            }
            let hits = hits.finish();
            if hits.count_set_bits() > 0 {
                tally.add(&batch, &hits, Some(file.project_id.as_str()))?;
            }
        }
        Ok(tally)
    };
    Ok((Done::Counted(on_cpu(work).await?), stats))
}

/// Hands on each batch of a part with its rows that match all but the text.
fn match_columns(
    batches: Rows,
    filter: &Filter,
    expected: usize,
    mut each: impl FnMut(RecordBatch, BooleanBuffer) -> Result<()>,
) -> Result<()> {
    let mut seen = 0;
    for batch in batches {
        let batch = with_microseconds(batch?)?;
        let rows = filter.rows(&batch)?;
        seen += batch.num_rows();
        each(batch, rows)?;
    }
    if seen == expected {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Corrupt, format!("{seen} rows came where a row group promised {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facets::FacetField;
    use crate::fixture::{TestStore, batch, plain_rows};

    #[test]
    fn a_row_group_of_several_parts_is_counted_once() {
        let count = PART_ROWS + PART_ROWS / 2;
        let mut rows = plain_rows(count);
        // The text stands in the message of some rows and in the payload of others, at the seams of parts too.
        for (row, number) in rows.iter_mut().zip(0..) {
            row.message = if number % 3 == 0 { "it Failed".to_owned() } else { "fine".to_owned() };
            row.payload = (number % 3 == 1).then(|| "{\"state\":\"FAILED\"}".to_owned());
        }
        let store = TestStore::new();
        store.flush(&batch(&rows), 1);
        let engine = store.engine();
        let text = EventQuery { text: Some("failed".to_owned()), ..EventQuery::default() };
        for (query, expected) in [(EventQuery::default(), count), (text, count / 3 * 2)] {
            let histogram = store.block_on(engine.histogram(&query, 7)).unwrap();
            let total: u64 = histogram.buckets.iter().map(|bucket| bucket.total).sum();
            assert_eq!(total, expected as u64, "{query:?}");
            let facets = store.block_on(engine.facets(&query, &[FacetField::Project], 1)).unwrap();
            assert_eq!(facets.facets[0].values[0].count, expected as u64, "{query:?}");
            // One of two parts, and a small one of the next day.
            assert_eq!((facets.stats.files_opened, facets.stats.row_groups_read), (2, 2));
            assert_eq!(facets.stats.rows_decoded, count as u64);
        }
    }

    #[test]
    fn a_dropped_count_opens_no_more_files() {
        let store = TestStore::new();
        for flush in 0..60 {
            store.flush(&batch(&plain_rows(3)), 1 + 3 * flush);
        }
        store.stall.begin();
        let engine = store.engine();
        let counting = store.runtime.spawn(async move { engine.histogram(&EventQuery::default(), 60).await });
        store.stall.wait_for_open();
        counting.abort();
        assert!(store.block_on(counting).unwrap_err().is_cancelled());
        let watch = store.stall.watch();
        // Lets the stalled reads go on, then waits for whatever still runs.
        drop(store);
        let cores = std::thread::available_parallelism().unwrap().get();
        let opens_max = (cores * STEPS_PER_CORE).min(59);
        assert!(watch.opens() <= opens_max, "{} of sixty files were opened", watch.opens());
    }
}

//! [`Window`]: rows of one row group, and the scan that finds the matching ones among its first.
//!
//! Only the columns that decide are decoded: timestamp, seq, those of the filter's terms, and at last the texts of the rows
//! that passed all else. Rows of a sorted row group are taken from the end at which the answer begins, few at first, so
//! the latest rows of a large file cost a page or two.

use std::ops::Range;
use std::sync::Arc;

use annals_event::{columns, timestamp_type};
use annals_table::SEGMENT_ROWS;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema};

use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Filter, timestamps};
use crate::reader::data_reader::{DataReader, RowRequest, Rows};
use crate::reader::footer::Footer;
use crate::reader::rank::{Rank, Ranking, Seqs};
use crate::reader::row_ranges::RowRanges;
use crate::reader::scan_stats::ScanStats;
use crate::reader::text::find_text;
use crate::reader::top::{Hit, Top};

/// Most rows that are scanned at once.
const WINDOW_ROWS_MAX: usize = 64 << 10;

/// Rows of the first window when a filter has to find them.
const FILTERED_ROWS_FIRST: usize = 8 << 10;

/// Most rows at once when their texts are searched: payloads are a thousand times larger than levels.
const TEXT_WINDOW_ROWS_MAX: usize = 16 << 10;

/// Rows whose columns are decoded where they are asked for: that takes a few tenths of a millisecond at most, and as long takes the
/// way to another thread and back when that one sleeps.
const ROWS_IN_PLACE_MAX: usize = 2 * SEGMENT_ROWS as usize;

/// Rows of one row group that are still to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) row_group: usize,
    pub(crate) rows: RowRanges,
    /// How many of them to scan next.
    pub(crate) take: usize,
    /// At or before the rank of each of the rows.
    pub(crate) bound: Rank,
    /// Whether the rows are in the order of the answer or in its reverse.
    pub(crate) sorted: bool,
    /// Whether some rows of the row group were scanned before.
    pub(crate) started: bool,
}

/// How many rows to begin with: just those that are wanted when every row matches, more when a filter thins them out.
pub(crate) fn first_take(filter: &Filter, ranking: Ranking, within_time: bool, wanted: usize) -> usize {
    if filter.text.is_some() {
        FILTERED_ROWS_FIRST
    } else if filter.seeks() || ranking == Ranking::Seq {
        // The first rows by seq may be anywhere among rows that are sorted by time.
        WINDOW_ROWS_MAX
    } else if filter.terms.is_empty() && within_time {
        wanted.clamp(1, WINDOW_ROWS_MAX)
    } else {
        FILTERED_ROWS_FIRST
    }
}

impl Window {
    /// Splits off the rows to scan now: from the end when the answer begins with the newest.
    fn split(&self, ranking: Ranking) -> (RowRanges, RowRanges) {
        let (rows, count) = (self.rows.clone(), self.rows.len());
        let take = self.take.clamp(1, count.max(1)).min(count);
        match ranking {
            Ranking::Newest => {
                let (rest, now) = rows.split_at(count - take);
                (now, rest)
            }
            Ranking::Oldest | Ranking::Seq => rows.split_at(take),
        }
    }
}

/// The file that a window is of, and what to look for in it.
#[derive(Clone, Copy)]
pub(crate) struct WindowScan<'a> {
    pub(crate) reader: &'a DataReader,
    pub(crate) footer: &'a Footer,
    pub(crate) filter: &'a Arc<Filter>,
    pub(crate) ranking: Ranking,
    /// The file's number in [`Hit::source`].
    pub(crate) source: u32,
}

/// Scans the first rows of a window into `top`; answers it with the rest of the window, if there is one.
pub(crate) async fn scan_window(
    scan: WindowScan<'_>,
    window: Window,
    top: Top,
    stats: &mut ScanStats,
) -> Result<(Top, Option<Window>)> {
    let WindowScan { reader, footer, filter, ranking, source } = scan;
    let (now, rest) = window.split(ranking);
    let mut wanted = vec![columns::TIMESTAMP, columns::SEQ];
    wanted.extend(filter.terms.iter().map(|term| term.column));
    let first_row = footer.first_rows()[window.row_group];
    let count = now.len();
    stats.row_groups_read += u64::from(!window.started);
    stats.segments_read += now.segments(first_row);
    stats.rows_decoded += count as u64;
    let ranges = now.ranges().to_vec();
    let request = RowRequest { row_group: window.row_group, ranges, columns: &wanted, batch_rows: count };
    let rows = reader.rows(footer, request, stats).await?;
    let place = Place { ranking, source, first_row, rows: Arc::new(now) };

    let mut first = if count <= ROWS_IN_PLACE_MAX {
        match_columns(rows, filter, &place, top)?
    } else {
        let (filter, place) = (Arc::clone(filter), place.clone());
        on_cpu(move || match_columns(rows, &filter, &place, top)).await?
    };

    if filter.text.is_some() && !first.undecided.is_empty() {
        let rows: Vec<usize> = first.undecided.iter().map(|(row, _)| place.rows.row(*row)).collect();
        let found = find_text(reader, footer, filter, window.row_group, &rows, stats).await?;
        for ((row, rank), _) in first.undecided.iter().zip(found).filter(|(_, is_found)| *is_found) {
            first.top.push(place.hit(*row, *rank));
        }
    }

    let mut top = first.top;
    top.settle();
    let rows_max = if filter.text.is_some() { TEXT_WINDOW_ROWS_MAX } else { WINDOW_ROWS_MAX };
    let rest = (!rest.is_empty()).then(|| Window {
        rows: rest,
        take: (2 * count).min(rows_max),
        bound: if window.sorted {
            first.edge.map_or(window.bound, |edge| edge.max(window.bound))
        } else {
            window.bound
        },
        started: true,
        ..window
    });
    Ok((top, rest))
}

/// Where a window's rows stand.
#[derive(Clone)]
struct Place {
    ranking: Ranking,
    source: u32,
    /// First row of the row group in the file.
    first_row: u64,
    /// Those of the row group that are read.
    rows: Arc<RowRanges>,
}

impl Place {
    /// `row` counts those that are read.
    fn hit(&self, row: usize, rank: Rank) -> Hit {
        Hit { rank, source: self.source, row: self.first_row + self.rows.row(row) as u64 }
    }
}

/// A window on its way through the filter.
struct Matched {
    top: Top,
    /// Rows of the window that passed all but the text, ascending.
    undecided: Vec<(usize, Rank)>,
    /// Rank of the scanned row that is next to the rest of the window.
    edge: Option<Rank>,
}

fn match_columns(rows: Rows, filter: &Filter, place: &Place, mut top: Top) -> Result<Matched> {
    let expected = place.rows.len();
    let mut undecided = Vec::new();
    let mut edge = None;
    let mut start = 0;
    for batch in rows {
        let batch = with_microseconds(batch?)?;
        // More rows than were asked for have no number.
        if start + batch.num_rows() > expected {
            start += batch.num_rows();
            break;
        }
        let matching = filter.rows(&batch)?;
        let timestamps = timestamps(&batch)?;
        let seqs = Seqs::of(&batch);
        let rank = |row: usize| Rank::of(place.ranking, timestamps.value(row), seqs.get(row));
        for row in matching.set_indices() {
            let rank = rank(row);
            if filter.text.is_none() {
                top.push(place.hit(start + row, rank));
            } else if top.admits(rank) {
                undecided.push((start + row, rank));
            }
        }
        if batch.num_rows() > 0 {
            let at = match place.ranking {
                Ranking::Newest if start > 0 => None,
                Ranking::Newest => Some(0),
                Ranking::Oldest | Ranking::Seq => Some(batch.num_rows() - 1),
            };
            if let Some(at) = at {
                edge = timestamps.is_valid(at).then(|| rank(at));
            }
        }
        start += batch.num_rows();
    }
    if start != expected {
        return Err(Error::new(ErrorKind::Corrupt, format!("{start} rows came where a row group promised {expected}")));
    }
    Ok(Matched { top, undecided, edge })
}

/// The batch with its timestamps in microseconds UTC, as our own files have them.
pub(crate) fn with_microseconds(batch: RecordBatch) -> Result<RecordBatch> {
    let failed =
        |error| Error::with_source(ErrorKind::Corrupt, "the column timestamp of a data file is not a time", error);
    let schema = batch.schema();
    let Ok(index) = schema.index_of(columns::TIMESTAMP) else {
        return Err(Error::new(ErrorKind::Corrupt, "a data file has no column timestamp"));
    };
    if schema.field(index).data_type() == &timestamp_type() {
        return Ok(batch);
    }
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    let mut arrays: Vec<ArrayRef> = batch.columns().to_vec();
    fields[index] = Arc::new(Field::new(columns::TIMESTAMP, timestamp_type(), true));
    arrays[index] = cast(&arrays[index], &timestamp_type()).map_err(failed)?;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(failed)
}

/// Ascending row numbers as runs.
pub(crate) fn runs(rows: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some(last) if last.end == row => last.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

/// Runs work that keeps a core busy on the threads that are there for it.
pub(crate) async fn on_cpu<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::with_source(ErrorKind::Internal, "decoding a data file stopped unexpectedly", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(rows: Range<usize>, take: usize) -> Window {
        Window { row_group: 0, rows: rows.into(), take, bound: Rank::LAST, sorted: true, started: false }
    }

    #[test]
    fn the_newest_rows_are_taken_from_the_end() {
        assert_eq!(window(10..100, 20).split(Ranking::Newest), ((80..100).into(), (10..80).into()));
        assert_eq!(window(10..100, 20).split(Ranking::Oldest), ((10..30).into(), (30..100).into()));
    }

    #[test]
    fn a_window_never_takes_more_than_it_has() {
        assert_eq!(window(10..15, 20).split(Ranking::Newest), ((10..15).into(), RowRanges::default()));
        assert_eq!(window(10..15, 0).split(Ranking::Oldest), ((10..11).into(), (11..15).into()));
    }

    #[test]
    fn row_numbers_become_runs() {
        assert_eq!(runs([1, 2, 3, 7, 9, 10].into_iter()), [1..4, 7..8, 9..11]);
        assert!(runs(std::iter::empty()).is_empty());
    }
}

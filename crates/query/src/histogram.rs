//! [`Histogram`]: how many matching rows there are over time, by level.
//!
//! Choosing the buckets is pure ([`Buckets::choose`]), counting is the scan's ([`TallyScan`]).

use std::ops::RangeInclusive;
use std::sync::Arc;

use annals_event::{Level, columns};
use annals_table::DataFile;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::BooleanBuffer;

use crate::deadline::within;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::event_query::EventQuery;
use crate::filter::{Filter, text, timestamps};
use crate::reader::{ScanStats, on_cpu, tail_parts};
use crate::scan_plan::has_statistics;
use crate::stopwatch::Stopwatch;
use crate::tally::{Tally, TallyScan};

/// Most buckets that a histogram may have.
pub const HISTOGRAM_BUCKETS_MAX: usize = 10_000;

const SECOND_US: i64 = 1_000_000;
const DAY_S: i64 = 86_400;

/// Widths of buckets that people can read a time axis by, in seconds. Beyond the last it is doubled.
const WIDTHS_S: [i64; 21] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    2 * 60,
    5 * 60,
    10 * 60,
    15 * 60,
    30 * 60,
    3_600,
    3 * 3_600,
    6 * 3_600,
    12 * 3_600,
    DAY_S,
    7 * DAY_S,
    30 * DAY_S,
    90 * DAY_S,
    365 * DAY_S,
];

/// Numbers of rows over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Width of each bucket, microseconds: one of 1, 2, 5, 10, 15, 30 seconds and minutes, 1, 3, 6, 12 hours, 1, 7, 30, 90,
    /// 365 days and its doubles.
    pub bucket_us: i64,
    /// Start of the range that the buckets cover, microseconds UTC: `from_us` of the query, or where there is none the
    /// earliest time among the rows that may match.
    pub from_us: i64,
    /// Its end, exclusive: `until_us` of the query, or just behind the latest such time. Equal to `from_us` when there is
    /// no such row and the query leaves a side open.
    pub until_us: i64,
    /// One after the other without a gap, the earliest first; empty ones included.
    pub buckets: Vec<Bucket>,
    /// What it took.
    pub stats: ScanStats,
}

/// The rows of one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its first moment, microseconds UTC, a multiple of the width. That of the first bucket may lie before `from_us`.
    pub start_us: i64,
    /// Rows by level, in the order of [`Level::ALL`].
    pub counts: [u64; Level::ALL.len()],
    /// All rows, those of a level that is none of the four (another program's) included.
    pub total: u64,
}

impl Engine {
    /// Counts the rows that [`search`](Self::search) answers for the same filters, in at most `buckets_max` buckets over
    /// the range of the query; where it is open, over that of the files and the tail. `limit`, `order` and `after` of the
    /// query are not looked at. A range that spans the epoch has two buckets at least.
    ///
    /// # Errors
    /// `Invalid` for bounds that are broken, otherwise as [`search`](Self::search), as is cancel safety.
    pub async fn histogram(&self, query: &EventQuery, buckets_max: usize) -> Result<Histogram> {
        let watch = Stopwatch::start();
        if !(1..=HISTOGRAM_BUCKETS_MAX).contains(&buckets_max) {
            return Err(Error::invalid(format!(
                "buckets_max is {buckets_max} and must be 1 to {HISTOGRAM_BUCKETS_MAX}"
            )));
        }
        let (scan, files_total) = self.tally_scan(query)?;
        let plan_ms = watch.ms();
        let mut histogram = within(self.settings().time_ms_max, count(&scan, buckets_max)).await?;
        histogram.stats.files_total = files_total;
        histogram.stats = histogram.stats.timed(plan_ms, watch.ms());
        Ok(histogram)
    }
}

/// Counts what `scan` answers.
async fn count(scan: &TallyScan, buckets_max: usize) -> Result<Histogram> {
    let mut stats = ScanStats::default();
    let Some(mut range) = range(scan).await? else {
        let filter = &scan.filter;
        let at = if filter.first_us > i64::MIN { filter.first_us } else { filter.last_us.saturating_add(1) };
        let at = if filter.is_empty() || at == i64::MAX { 0 } else { at };
        return Ok(Histogram {
            bucket_us: WIDTHS_S[0] * SECOND_US,
            from_us: at,
            until_us: at,
            buckets: Vec::new(),
            stats,
        });
    };
    loop {
        let buckets = Buckets::choose(&range, buckets_max);
        let counted = scan.count(BucketCounts::new(buckets), &mut stats).await?;
        match counted.outside {
            None => {
                let until_us = range.end().saturating_add(1);
                return Ok(counted.into_histogram(*range.start(), until_us, stats));
            }
            // A file told a wrong range, or none and a wrong day: then what was met tells it.
            Some(met) => range = hull(range, met),
        }
    }
}

/// The range of time to divide; `None` when it is open and there is nothing.
async fn range(scan: &TallyScan) -> Result<Option<RangeInclusive<i64>>> {
    let (first_us, last_us) = (scan.filter.first_us, scan.filter.last_us);
    if scan.filter.is_empty() {
        return Ok(None);
    }
    if first_us > i64::MIN && last_us < i64::MAX {
        return Ok(Some(first_us..=last_us));
    }
    let mut stored = scan.files.iter().map(|file| times_of(file)).reduce(hull);
    for part in tail_parts(&scan.tail) {
        let (tail, filter) = (Arc::clone(&scan.tail), Arc::clone(&scan.filter));
        let met = on_cpu(move || times_of_tail(&tail[part], &filter)).await?;
        stored = stored.into_iter().chain(met).reduce(hull);
    }
    let Some(stored) = stored else { return Ok(None) };
    // A side that is given is given; one that is open is that of the rows.
    let from_us = if first_us > i64::MIN { first_us } else { *stored.start() };
    let to_us = if last_us < i64::MAX { last_us } else { *stored.end() };
    Ok((from_us <= to_us).then_some(from_us..=to_us))
}

/// When the rows of a file may be: as the log says, or on its day.
fn times_of(file: &DataFile) -> RangeInclusive<i64> {
    if has_statistics(file) {
        file.min_timestamp_us..=file.max_timestamp_us
    } else {
        file.day.start_us()..=file.day.end_us() - 1
    }
}

/// When the rows are that match all but the text.
fn times_of_tail(batches: &[RecordBatch], filter: &Filter) -> Result<Option<RangeInclusive<i64>>> {
    let mut range: Option<RangeInclusive<i64>> = None;
    for batch in batches {
        let times = timestamps(batch)?.values();
        let met = filter.tail_keys(batch)?.set_indices().map(|row| times[row]..=times[row]).reduce(hull);
        range = range.into_iter().chain(met).reduce(hull);
    }
    Ok(range)
}

fn hull(a: RangeInclusive<i64>, b: RangeInclusive<i64>) -> RangeInclusive<i64> {
    *a.start().min(b.start())..=*a.end().max(b.end())
}

/// How time is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Buckets {
    width_us: i64,
    /// Start of the first bucket, in widths since the epoch.
    first: i64,
    count: usize,
}

impl Buckets {
    /// The narrowest buckets of which at most `buckets_max` cover `range`; if not even the widest do, those, at most four.
    fn choose(range: &RangeInclusive<i64>, buckets_max: usize) -> Self {
        let doubles = std::iter::successors(Some(2 * WIDTHS_S[WIDTHS_S.len() - 1] * SECOND_US), |us| us.checked_mul(2));
        let widths = WIDTHS_S.iter().map(|seconds| seconds * SECOND_US).chain(doubles);
        let mut chosen = Self { width_us: SECOND_US, first: 0, count: 0 };
        for width_us in widths {
            let (first, last) = (range.start().div_euclid(width_us), range.end().div_euclid(width_us));
            let count = usize::try_from(last.abs_diff(first)).unwrap_or(usize::MAX).saturating_add(1);
            chosen = Self { width_us, first, count };
            if count <= buckets_max {
                break;
            }
        }
        chosen
    }

    /// The bucket of a time, if it is in one.
    fn of(&self, timestamp_us: i64) -> Option<usize> {
        let number = timestamp_us.div_euclid(self.width_us).checked_sub(self.first)?;
        usize::try_from(number).ok().filter(|number| *number < self.count)
    }
}

/// Rows by bucket and level; behind the four levels those of another.
struct BucketCounts {
    buckets: Buckets,
    counts: Vec<[u64; Level::ALL.len() + 1]>,
    /// Times of rows that are in no bucket.
    outside: Option<RangeInclusive<i64>>,
}

impl BucketCounts {
    fn new(buckets: Buckets) -> Self {
        Self { buckets, counts: vec![Default::default(); buckets.count], outside: None }
    }

    fn meet_outside(&mut self, times: RangeInclusive<i64>) {
        self.outside = self.outside.take().into_iter().chain([times]).reduce(hull);
    }

    fn into_histogram(self, from_us: i64, until_us: i64, stats: ScanStats) -> Histogram {
        let Buckets { width_us, first, .. } = self.buckets;
        let bucket = |(number, counts): (i64, &[u64; Level::ALL.len() + 1])| Bucket {
            start_us: first.saturating_add(number).saturating_mul(width_us),
            counts: std::array::from_fn(|level| counts[level]),
            total: counts.iter().sum(),
        };
        let buckets = (0..).zip(&self.counts).map(bucket).collect();
        Histogram { bucket_us: width_us, from_us, until_us, buckets, stats }
    }
}

impl Tally for BucketCounts {
    fn columns(&self) -> &[&'static str] {
        &[columns::LEVEL]
    }

    fn fork(&self) -> Self {
        Self::new(self.buckets)
    }

    fn add(&mut self, batch: &RecordBatch, rows: &BooleanBuffer, _project: Option<&str>) -> Result<()> {
        let times = timestamps(batch)?.values();
        let levels = batch.column_by_name(columns::LEVEL).map(text).transpose()?;
        let levels = levels.as_ref().map(|levels| levels.as_string_view());
        for row in rows.set_indices() {
            let level = match levels {
                Some(levels) if levels.is_valid(row) => level_index(levels.value(row)),
                _ => Level::ALL.len(),
            };
            match self.buckets.of(times[row]) {
                Some(bucket) => self.counts[bucket][level] += 1,
                None => self.meet_outside(times[row]..=times[row]),
            }
        }
        Ok(())
    }

    fn merge(&mut self, part: Self) -> Result<()> {
        for (counts, more) in self.counts.iter_mut().zip(part.counts) {
            for (count, more) in counts.iter_mut().zip(more) {
                *count += more;
            }
        }
        part.outside.into_iter().for_each(|outside| self.meet_outside(outside));
        Ok(())
    }
}

fn level_index(text: &str) -> usize {
    Level::ALL.iter().position(|level| level.as_str() == text).unwrap_or(Level::ALL.len())
}

#[cfg(test)]
mod tests;

//! Which row groups of a file can hold a match, from its footer alone.
//!
//! A statistic rules a row group out only if it cannot be wrong: bounds of text may be cut, but a cut minimum is still at
//! or below and a cut maximum at or above every value; deprecated bounds (compared as signed bytes), other units of time
//! and missing statistics rule out nothing. Columns are matched by name.

use std::ops::RangeInclusive;

use annals_event::columns;
use annals_table::DataFile;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::filter::{Filter, Term};
use crate::reader::footer::Footer;
use crate::reader::rank::{Rank, Ranking};
use crate::reader::window::{Window, first_take};

/// The windows in which a scan of the file starts, one a row group that can hold a match, and how many cannot.
/// `wanted` is the number of rows that the answer still has room for.
pub(crate) fn surviving_windows(
    file: &DataFile,
    footer: &Footer,
    filter: &Filter,
    ranking: Ranking,
    wanted: usize,
) -> (Vec<Window>, u64) {
    let mut windows = Vec::with_capacity(footer.row_groups().len());
    let mut pruned = 0;
    for (index, group) in footer.row_groups().iter().enumerate() {
        let rows = footer.row_group_rows(index);
        // What rules out most comes first: the footers of a thousand files are far apart in memory.
        if rows == 0
            || filter.requiring().any(|term| rules_out(footer, group, term))
            || bloom_rules_out(footer, index, filter)
        {
            pruned += 1;
            continue;
        }
        let (min_us, max_us) = time_bounds(footer, group).unwrap_or((file.min_timestamp_us, file.max_timestamp_us));
        let seqs = seq_bounds(footer, group).unwrap_or_else(|| file_seqs(file));
        if max_us < filter.first_us
            || min_us > filter.last_us
            || seqs.end() < filter.seqs.start()
            || seqs.start() > filter.seqs.end()
        {
            pruned += 1;
            continue;
        }
        let within_time = filter.first_us <= min_us && max_us <= filter.last_us;
        windows.push(Window {
            row_group: index,
            rows: (0..rows).into(),
            take: first_take(filter, ranking, within_time, wanted),
            bound: Rank::bound(ranking, &(min_us.max(filter.first_us)..=max_us.min(filter.last_us)), &seqs),
            sorted: ranking != Ranking::Seq && is_sorted(footer, group),
            started: false,
        });
    }
    (windows, pruned)
}

/// Least and greatest timestamp of a row group, microseconds, if its statistics say so.
fn time_bounds(footer: &Footer, group: &RowGroupMetaData) -> Option<(i64, i64)> {
    let column = group.column(footer.leaf(columns::TIMESTAMP)?);
    match column.column_descr().logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) if timestamp.unit == TimeUnit::MICROS => {}
        _ => return None,
    }
    match column.statistics()? {
        Statistics::Int64(bounds) => Some((*bounds.min_opt()?, *bounds.max_opt()?)),
        _ => None,
    }
}

/// Least and greatest seq of a row group, if its statistics say so.
fn seq_bounds(footer: &Footer, group: &RowGroupMetaData) -> Option<RangeInclusive<i64>> {
    let column = group.column(footer.leaf(columns::SEQ)?);
    match column.statistics()? {
        // A row without a seq counts as the lowest.
        Statistics::Int64(bounds) if bounds.null_count_opt() == Some(0) => {
            Some(*bounds.min_opt()?..=*bounds.max_opt()?)
        }
        _ => None,
    }
}

/// The seqs that rows of a file may have, as its name tells.
pub(crate) fn file_seqs(file: &DataFile) -> RangeInclusive<i64> {
    let seq = |lsn: u64| i64::try_from(lsn).unwrap_or(i64::MAX);
    match file.origin {
        Some(origin) => seq(origin.first_lsn.0)..=seq(origin.last_lsn.0),
        None => i64::MIN..=i64::MAX,
    }
}

/// Whether the statistics show that no row has one of the term's values.
fn rules_out(footer: &Footer, group: &RowGroupMetaData, term: &Term) -> bool {
    // Null matches nothing, and a column that is not there is null.
    let Some(leaf) = footer.leaf(term.column) else { return true };
    let Some(statistics) = group.column(leaf).statistics() else { return false };
    if statistics.null_count_opt().is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows())) {
        return true;
    }
    let Statistics::ByteArray(bounds) = statistics else { return false };
    if statistics.is_min_max_deprecated() {
        return false;
    }
    term.values.iter().all(|value| {
        bounds.min_bytes_opt().is_some_and(|min| value.as_bytes() < min)
            || bounds.max_bytes_opt().is_some_and(|max| value.as_bytes() > max)
    })
}

fn bloom_rules_out(footer: &Footer, row_group: usize, filter: &Filter) -> bool {
    let (Some(ids), Some(bloom)) = (filter.trace_ids(), footer.bloom(row_group)) else { return false };
    ids.iter().all(|id| !bloom.check(id.as_str()))
}

/// Whether the row group says of itself that its rows ascend by (timestamp, seq).
fn is_sorted(footer: &Footer, group: &RowGroupMetaData) -> bool {
    let Some([timestamp, seq, ..]) = group.sorting_columns().map(Vec::as_slice) else { return false };
    [(timestamp, columns::TIMESTAMP), (seq, columns::SEQ)].into_iter().all(|(sorting, name)| {
        !sorting.descending && footer.leaf(name).is_some_and(|leaf| i32::try_from(leaf) == Ok(sorting.column_idx))
    })
}

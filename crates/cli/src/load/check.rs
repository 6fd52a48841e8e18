//! The check: asks by SQL what a store has of a run, and audits it.
//!
//! First for every batch in one scan, by sums over the indexes of its events: a batch that has as many as were sent, and
//! their indexes' sums of first, second and third powers, has each of them once (three that are lost and three that are there
//! twice cannot have the same three sums). The batches that differ are then counted marker by marker. The ranges of markers
//! that are asked for touch each other and cover all that start with the run's id, so what nobody sent is found too. Memory,
//! here and at the server, is one entry a batch, or an event of a batch that differs.

use annals_event::format_timestamp;
use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use futures::TryStreamExt;

use super::audit::{Audit, Found, Verdict};
use super::ledger::Ledger;
use super::marker::{BATCH_EVENTS_MAX, BATCH_KEY_BYTES};
use crate::source::Source;

/// Batches that the server groups by at a time.
const RANGE_BATCHES: usize = 1_000_000;
/// Events that the server groups by at a time.
const RANGE_EVENTS: u64 = 500_000;
/// Third powers are summed modulo this prime: so no sum leaves 64 bits.
const CUBES_MODULO: u64 = 1_000_000_007;

/// Asks and audits. `each` hears how many questions are answered, of how many so far.
pub(super) async fn check(source: &Source, ledger: &Ledger, mut each: impl FnMut(usize, usize)) -> Result<Verdict> {
    let bounds = bounds(ledger);
    let mut audit = Audit::new(ledger);
    let mut unlike = Vec::new();
    let ranges = bounds.len() - 1;
    for (nth, range) in bounds.windows(2).enumerate() {
        each(nth, ranges);
        for rows in ask(source, &sums_statement(ledger, &range[0], &range[1])).await? {
            for sums in sums(&rows)? {
                match sums.is_whole(ledger) {
                    true => audit.take(&Found { markers: sums.events, outside: 0, key: sums.key, events: sums.events }),
                    false => unlike.push(sums.key),
                }
            }
        }
    }
    let at_a_time = (RANGE_EVENTS / u64::from(ledger.batch)).max(1) as usize;
    let questions = ranges + unlike.len().div_ceil(at_a_time);
    for (nth, keys) in unlike.chunks(at_a_time).enumerate() {
        each(ranges + nth, questions);
        for rows in ask(source, &markers_statement(ledger, keys)).await? {
            found(&rows)?.iter().for_each(|found| audit.take(found));
        }
    }
    each(questions, questions);
    Ok(audit.finish())
}

async fn ask(source: &Source, statement: &str) -> Result<Vec<RecordBatch>> {
    let context = "cannot ask for the run's events";
    source.sql(statement).await.context(context)?.stream.try_collect().await.context(context)
}

/// Where ranges of markers meet, from the run's first to its end; at batches, so that none is counted in two parts.
fn bounds(ledger: &Ledger) -> Vec<String> {
    let inner = ledger.batches().step_by(RANGE_BATCHES).skip(1);
    let inner = inner.map(|(producer, batch, _)| ledger.run.batch_key(producer, batch));
    std::iter::once(ledger.run.prefix()).chain(inner).chain([ledger.run.end()]).collect()
}

/// The run's markers. The text of the attributes is looked at first: that is cheaper than reading it as JSON.
fn marked(ledger: &Ledger) -> String {
    let (since, prefix) = (format_timestamp(ledger.since_us), ledger.run.prefix());
    format!(
        "(select attributes->>'load' as marker from events \
         where timestamp >= '{since}' and attributes like '%{prefix}%') as marked"
    )
}

/// The question for the batches with markers from `from` to before `until`.
fn sums_statement(ledger: &Ledger, from: &str, until: &str) -> String {
    let marked = marked(ledger);
    format!(
        "select batch, count(*) as events, sum(i) as firsts, sum(i * i) as squares, \
         sum((i * i % {CUBES_MODULO}) * i % {CUBES_MODULO}) as cubes \
         from (select substr(marker, 1, {BATCH_KEY_BYTES}) as batch, \
         coalesce(try_cast(substr(marker, {}) as bigint), -1) as i \
         from {marked} where marker >= '{from}' and marker < '{until}') as numbered group by batch",
        BATCH_KEY_BYTES + 2
    )
}

/// The question for every marker of these batches.
fn markers_statement(ledger: &Ledger, keys: &[String]) -> String {
    let marked = marked(ledger);
    // As text of the statement's own: what a store holds may be anything.
    let keys: Vec<_> = keys.iter().map(|key| format!("'{}'", key.replace('\'', "''"))).collect();
    let outside = if ledger.batch >= BATCH_EVENTS_MAX {
        "0".to_owned()
    } else {
        format!("sum(case when substr(marker, {}) >= '{:06}' then 1 else 0 end)", BATCH_KEY_BYTES + 2, ledger.batch)
    };
    format!(
        "select substr(marker, 1, {BATCH_KEY_BYTES}) as batch, sum(times) as events, count(*) as markers, \
         {outside} as outside \
         from (select marker, count(*) as times from {marked} \
         where substr(marker, 1, {BATCH_KEY_BYTES}) in ({}) group by marker) as counted \
         group by 1",
        keys.join(", ")
    )
}

/// What a store has of one batch, by sums over the indexes of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sums {
    key: String,
    events: u64,
    firsts: i64,
    squares: i64,
    cubes: i64,
}

impl Sums {
    /// Those of a batch that has each of `events` indexes once.
    fn whole(key: String, events: u64) -> Self {
        let sum = |power: fn(u64) -> u64| (0..events).map(power).sum::<u64>() as i64;
        let cubes = sum(|index| (index * index % CUBES_MODULO) * index % CUBES_MODULO);
        Self { key, events, firsts: sum(|index| index), squares: sum(|index| index * index), cubes }
    }

    /// Whether all of a batch was sent and is there, each event once.
    fn is_whole(&self, ledger: &Ledger) -> bool {
        self.events == u64::from(ledger.batch) && *self == Self::whole(self.key.clone(), self.events)
    }
}

fn sums(rows: &RecordBatch) -> Result<Vec<Sums>> {
    let keys = text(rows, "batch")?;
    let [events, firsts, squares, cubes] = ["events", "firsts", "squares", "cubes"].map(|name| number(rows, name));
    let (events, firsts, squares, cubes) = (events?, firsts?, squares?, cubes?);
    let sums = (0..rows.num_rows()).map(|row| Sums {
        key: keys.as_string::<i32>().value(row).to_owned(),
        events: value(&events, row).unsigned_abs(),
        firsts: value(&firsts, row),
        squares: value(&squares, row),
        cubes: value(&cubes, row),
    });
    Ok(sums.collect())
}

fn found(rows: &RecordBatch) -> Result<Vec<Found>> {
    let keys = text(rows, "batch")?;
    let (events, markers, outside) = (number(rows, "events")?, number(rows, "markers")?, number(rows, "outside")?);
    let found = (0..rows.num_rows()).map(|row| Found {
        key: keys.as_string::<i32>().value(row).to_owned(),
        events: value(&events, row).unsigned_abs(),
        markers: value(&markers, row).unsigned_abs(),
        outside: value(&outside, row).unsigned_abs(),
    });
    Ok(found.collect())
}

fn text(rows: &RecordBatch, name: &str) -> Result<arrow::array::ArrayRef> {
    column(rows, name, &DataType::Utf8)
}

fn number(rows: &RecordBatch, name: &str) -> Result<arrow::array::ArrayRef> {
    column(rows, name, &DataType::Int64)
}

fn column(rows: &RecordBatch, name: &str, kind: &DataType) -> Result<arrow::array::ArrayRef> {
    let column = rows.column_by_name(name).with_context(|| format!("the answer has no column {name}"))?;
    Ok(cast(column, kind)?)
}

fn value(column: &dyn Array, row: usize) -> i64 {
    let column = column.as_primitive::<Int64Type>();
    if column.is_null(row) { 0 } else { column.value(row) }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::{Entry, Status};
    use super::super::marker::RunId;
    use super::*;

    fn ledger(batch: u32) -> Ledger {
        let mut ledger = Ledger::new(RunId::new(5), batch, 0);
        for producer in 0..2 {
            for batch in 0..3 {
                ledger.put(producer, batch, Entry { status: Status::Acked, events: 1 }).unwrap();
            }
        }
        ledger
    }

    #[test]
    fn ranges_cover_the_run_from_its_first_marker_to_its_end() {
        assert_eq!(bounds(&ledger(10)), ["00000005-", "00000005."]);
        assert_eq!(bounds(&Ledger::new(RunId::new(5), 10, 0)), ["00000005-", "00000005."]);
    }

    #[test]
    fn only_a_batch_with_every_event_once_has_the_sums_of_a_whole_one() {
        let ledger = ledger(10);
        let whole = Sums::whole("00000005-0000-0000000000".to_owned(), 10);
        assert_eq!((whole.firsts, whole.squares, whole.cubes), (45, 285, 2025));
        assert!(whole.is_whole(&ledger));
        let of = |indexes: &[i64]| Sums {
            events: indexes.len() as u64,
            firsts: indexes.iter().sum(),
            squares: indexes.iter().map(|index| index * index).sum(),
            cubes: indexes.iter().map(|index| index * index * index).sum(),
            key: whole.key.clone(),
        };
        assert!(of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).is_whole(&ledger));
        for wrong in [
            vec![0, 1, 2, 3, 4, 5, 6, 7, 8],
            vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 8],
            // The same sum of first powers.
            vec![0, 1, 1, 4, 4, 5, 6, 7, 8, 9],
            // And of squares: 0 + 4 + 5 = 1 + 2 + 6, 0 + 16 + 25 = 1 + 4 + 36.
            vec![0, 0, 3, 4, 4, 5, 5, 7, 8, 9],
            vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9],
        ] {
            assert!(!of(&wrong).is_whole(&ledger), "{wrong:?}");
        }
    }
}

//! The check: asks by SQL what a store has of a run, some batches at a time, and audits it.
//!
//! The ranges of markers that are asked for touch each other and cover all that start with the run's id, so what nobody sent
//! is found too. Memory here is one entry a batch; at the server it is one group an event of a range.

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

/// Events of one question: what the server groups by marker at a time.
const RANGE_EVENTS: u64 = 500_000;

/// Asks and audits. `each` hears how many questions are answered, of how many.
pub(super) async fn check(source: &Source, ledger: &Ledger, mut each: impl FnMut(usize, usize)) -> Result<Verdict> {
    let bounds = bounds(ledger);
    let mut audit = Audit::new(ledger);
    let ranges = bounds.len() - 1;
    for (nth, range) in bounds.windows(2).enumerate() {
        each(nth, ranges);
        let statement = statement(ledger, &range[0], &range[1]);
        let mut rows = source.sql(&statement).await.context("cannot ask for the run's events")?.stream;
        while let Some(batch) = rows.try_next().await.context("cannot ask for the run's events")? {
            found(&batch)?.iter().for_each(|found| audit.take(found));
        }
    }
    each(ranges, ranges);
    Ok(audit.finish())
}

/// Where ranges of markers meet, from the run's first to its end; at batches, so that none is counted in two parts.
fn bounds(ledger: &Ledger) -> Vec<String> {
    let mut bounds = vec![ledger.run.prefix()];
    let mut events = 0;
    for (producer, batch, _) in ledger.batches() {
        if events + u64::from(ledger.batch) > RANGE_EVENTS && events > 0 {
            bounds.push(ledger.run.batch_key(producer, batch));
            events = 0;
        }
        events += u64::from(ledger.batch);
    }
    bounds.push(ledger.run.end());
    bounds
}

/// The question for the markers from `from` to before `until`. The text of the attributes is looked at first: that is
/// cheaper than reading it as JSON.
fn statement(ledger: &Ledger, from: &str, until: &str) -> String {
    let (since, prefix) = (format_timestamp(ledger.since_us), ledger.run.prefix());
    let outside = if ledger.batch >= BATCH_EVENTS_MAX {
        "0".to_owned()
    } else {
        format!("sum(case when substr(marker, {}) >= '{:06}' then 1 else 0 end)", BATCH_KEY_BYTES + 2, ledger.batch)
    };
    format!(
        "select substr(marker, 1, {BATCH_KEY_BYTES}) as batch, sum(times) as events, count(*) as markers, \
         {outside} as outside \
         from (select marker, count(*) as times \
         from (select attributes->>'load' as marker from events \
         where timestamp >= '{since}' and attributes like '%{prefix}%') as marked \
         where marker >= '{from}' and marker < '{until}' group by marker) as counted \
         group by 1"
    )
}

fn found(batch: &RecordBatch) -> Result<Vec<Found>> {
    let column = |name: &str, kind: &DataType| -> Result<_> {
        let column = batch.column_by_name(name).with_context(|| format!("the answer has no column {name}"))?;
        Ok(cast(column, kind)?)
    };
    let keys = column("batch", &DataType::Utf8)?;
    let number = |name: &str| column(name, &DataType::Int64);
    let (events, markers, outside) = (number("events")?, number("markers")?, number("outside")?);
    let value = |column: &dyn Array, row: usize| {
        let column = column.as_primitive::<Int64Type>();
        if column.is_null(row) { 0 } else { column.value(row).unsigned_abs() }
    };
    Ok((0..batch.num_rows())
        .map(|row| Found {
            key: keys.as_string::<i32>().value(row).to_owned(),
            events: value(&events, row),
            markers: value(&markers, row),
            outside: value(&outside, row),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::ledger::{Entry, Status};
    use super::super::marker::RunId;
    use super::*;

    #[test]
    fn ranges_cover_the_run_without_a_gap_and_end_at_batches() {
        let mut ledger = Ledger::new(RunId::new(5), 200_000, 0);
        for producer in 0..2 {
            for batch in 0..3 {
                ledger.put(producer, batch, Entry { status: Status::Acked, events: 1 }).unwrap();
            }
        }
        let expected = ["00000005-", "00000005-0000-0000000002", "00000005-0001-0000000001", "00000005."];
        assert_eq!(bounds(&ledger), expected);
        assert_eq!(bounds(&Ledger::new(RunId::new(5), 10, 0)), ["00000005-", "00000005."]);
    }
}

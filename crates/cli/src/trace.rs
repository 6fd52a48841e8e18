//! `annals trace`: every event of one execution, in time order.

use std::io::{self, BufWriter, Write};

use annals_event::{columns, format_timestamp, parse_time_bound};
use annals_query::TraceQuery;
use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};

use crate::access::Access;
use crate::command::{Common, Trace};
use crate::output::{Format, one_line};
use crate::paint::Paint;
use crate::search::{print_stats, write_page};
use crate::source::Page;

/// A trace longer than this is cut, and the table says so.
const EVENTS_MAX: usize = 100_000;

pub(crate) fn run(common: &Common, command: &Trace) -> Result<()> {
    let access = Access::open(common)?;
    let now_us = access.clock().now_us();
    let bound = |text: &Option<String>, flag: &str| {
        text.as_deref().map(|text| parse_time_bound(text, now_us)).transpose().with_context(|| flag.to_owned())
    };
    let query = TraceQuery {
        trace_id: command.id.clone(),
        project: command.project.clone(),
        from_us: bound(&command.since, "--since")?,
        until_us: bound(&command.until, "--until")?,
        limit: EVENTS_MAX,
    };
    let source = access.source()?;
    let page = access.runtime().block_on(source.trace(&query)).context("the trace scan failed")?;
    let paint = Paint::for_stdout(common.color);
    if command.format == Format::Table {
        let mut out = BufWriter::new(io::stdout().lock());
        print_timeline(&page, paint, &mut out)?;
        out.flush()?;
    } else {
        write_page(&page, command.format, paint)?;
    }
    if command.stats {
        print_stats(&page);
    }
    Ok(())
}

/// The trace as a timeline: a headline, then one line an event with its distance from the first.
pub(crate) fn print_timeline(page: &Page, paint: Paint, out: &mut impl Write) -> Result<()> {
    let batch = &page.events;
    if batch.num_rows() == 0 {
        writeln!(out, "no event has this trace id")?;
        return Ok(());
    }
    let times = time_column(batch)?;
    let (first, last) = (times[0], times[times.len() - 1]);
    let levels = text_column(batch, columns::LEVEL)?;
    let types = text_column(batch, columns::TYPE)?;
    let messages = text_column(batch, columns::MESSAGE)?;
    let projects = text_column(batch, columns::PROJECT_ID)?;
    let users = text_column(batch, columns::END_USER_ID)?;
    let errors = levels.iter().filter(|level| *level == "ERROR").count();
    let headline = format!("{} events in {}", batch.num_rows(), elapsed(last - first));
    let verdict = if errors == 0 { paint.green("no error") } else { paint.red(&format!("{errors} with errors")) };
    let mut about = format!("project {}", projects[0]);
    if let Some(user) = users.iter().find(|user| !user.is_empty()) {
        about.push_str(&format!(", user {user}"));
    }
    writeln!(out, "{}, {verdict}, {about}", paint.bold(&headline))?;
    writeln!(out, "{}", paint.dim(&format!("from {} to {}", format_timestamp(first), format_timestamp(last))))?;
    let offset_width = elapsed(last - first).chars().count().max(9) + 1;
    let type_width = types.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for row in 0..batch.num_rows() {
        let offset = format!("+{}", elapsed(times[row] - first));
        let mark = if levels[row] == "ERROR" { paint.red("✗") } else { paint.dim("│") };
        writeln!(
            out,
            "{offset:>offset_width$}  {mark}  {}  {}  {}",
            paint.level(&levels[row], &format!("{:<5}", levels[row])),
            paint.cyan(&format!("{:<type_width$}", types[row])),
            messages[row],
        )?;
    }
    if page.next.is_some() {
        writeln!(out, "{}", paint.red(&format!("only the first {} events are shown", page.events.num_rows())))?;
    }
    Ok(())
}

fn time_column(batch: &RecordBatch) -> Result<Vec<i64>> {
    let column = batch.column_by_name(columns::TIMESTAMP).context("the answer has no timestamps")?;
    Ok(column.as_primitive::<TimestampMicrosecondType>().values().to_vec())
}

fn text_column(batch: &RecordBatch, name: &str) -> Result<Vec<String>> {
    let column = batch.column_by_name(name).with_context(|| format!("the answer has no column {name}"))?;
    let column = arrow::compute::cast(column, &DataType::Utf8)?;
    let column = column.as_string::<i32>();
    Ok((0..column.len())
        .map(|row| if column.is_null(row) { String::new() } else { one_line(column.value(row)) })
        .collect())
}

/// A distance in time: `0 ms`, `812 ms`, `4.210 s`, `2 h 03 min`.
fn elapsed(us: i64) -> String {
    let ms = us / 1_000;
    if ms < 1_000 {
        format!("{ms} ms")
    } else if ms < 60_000 {
        format!("{}.{:03} s", ms / 1_000, ms % 1_000)
    } else if ms < 3_600_000 {
        format!("{} min {:02} s", ms / 60_000, ms / 1_000 % 60)
    } else {
        format!("{} h {:02} min", ms / 3_600_000, ms / 60_000 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_read_well() {
        assert_eq!(elapsed(812_400), "812 ms");
        assert_eq!(elapsed(4_210_000), "4.210 s");
        assert_eq!(elapsed(125_000_000), "2 min 05 s");
        assert_eq!(elapsed(7_380_000_000), "2 h 03 min");
    }
}

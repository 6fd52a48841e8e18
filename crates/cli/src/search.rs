//! `annals search`: filters from flags, newest events out.

use std::io::{self, BufWriter, Write};

use annals_event::parse_time_bound;
use annals_query::{Cursor, EventQuery, Order};
use annals_server::RowShape;
use anyhow::{Context, Result};

use crate::access::Access;
use crate::command::{Common, Search};
use crate::output::{Format, one_line, print_events, result_writer};
use crate::paint::Paint;
use crate::source::Page;

pub(crate) fn run(common: &Common, command: &Search) -> Result<()> {
    let access = Access::open(common)?;
    let query = plan(command, access.clock().now_us())?;
    let source = access.source()?;
    let page = access.runtime().block_on(source.search(&query)).context("the search failed")?;
    write_page(&page, command.format, Paint::for_stdout(common.color))?;
    if command.format == Format::Table {
        tell_more(&page);
    }
    if command.stats {
        print_stats(&page);
    }
    Ok(())
}

/// The query that the flags ask for.
fn plan(command: &Search, now_us: i64) -> Result<EventQuery> {
    let bound = |text: &Option<String>, flag: &str| {
        text.as_deref().map(|text| parse_time_bound(text, now_us)).transpose().with_context(|| flag.to_owned())
    };
    Ok(EventQuery {
        projects: command.project.clone(),
        from_us: bound(&command.since, "--since")?,
        until_us: bound(&command.until, "--until")?,
        levels: command.level.clone(),
        types: command.types.clone(),
        end_user_ids: command.user.clone(),
        integration_ids: command.integration.clone(),
        workflow_ids: command.workflow.clone(),
        credential_ids: command.credential.clone(),
        trace_ids: command.trace.clone(),
        event_names: command.event_name.clone(),
        statuses: command.status.clone(),
        excluded: command.not.clone(),
        text: command.text.clone(),
        order: if command.oldest_first { Order::OldestFirst } else { Order::NewestFirst },
        limit: command.limit as usize,
        after: command.after.as_deref().map(str::parse::<Cursor>).transpose().context("--after")?,
        ..EventQuery::default()
    })
}

/// Writes a page's events to standard output.
pub(crate) fn write_page(page: &Page, format: Format, paint: Paint) -> Result<()> {
    match format.machine() {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            print_events(&page.events, paint, &mut out)?;
            out.flush()?;
        }
        Some(format) => {
            let mut writer = result_writer(format, RowShape::Events, &page.events.schema())?;
            writer.write(&page.events)?;
            writer.finish()?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "notes stay out of the answer on standard output")]
fn tell_more(page: &Page) {
    if page.events.num_rows() == 0 {
        eprintln!("nothing found");
    } else if let Some(next) = &page.next {
        eprintln!("the first {}; more with --after {next}", page.events.num_rows());
    }
}

/// One JSON line on standard error for each scan.
#[expect(clippy::print_stderr, reason = "asked for by --stats")]
pub(crate) fn print_stats(page: &Page) {
    for stats in &page.stats {
        eprintln!("{}", one_line(stats));
    }
}

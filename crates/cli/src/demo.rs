//! `annals demo`: the main job, start to end, on a store of generated events with a story in them, which is then served.

mod fill;
mod story;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use annals_query::{EventQuery, Order, TraceQuery};
use annals_writer::WalHolder;
use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;

use crate::access::Access;
use crate::command::{Common, Demo};
use crate::output::{print_events, print_table};
use crate::paint::{Paint, duration};
use crate::session::Session;
use crate::source::Source;
use crate::stopwatch::Stopwatch;
use crate::trace::print_timeline;

/// Marks a store as the demo's own, so that `--fresh` can never remove anybody's real events.
const MARKER: &str = "annals-demo";

/// Questions in SQL, each with what it asks.
const QUESTIONS: [(&str, &str); 3] = [
    (
        "How many events of each level a day?",
        "select day, count(*) as events, sum(case when level = 'ERROR' then 1 else 0 end) as errors, \
         sum(case when level = 'WARN' then 1 else 0 end) as warnings from events group by day order by day",
    ),
    (
        "Which integrations fail most?",
        "select integration_id, count(*) as events, sum(case when level = 'ERROR' then 1 else 0 end) as errors \
         from events where integration_id is not null group by integration_id order by errors desc limit 5",
    ),
    (
        "Which managed syncs hit trouble most often?",
        "select payload->>'syncId' as sync, count(*) as events, \
         sum(case when level in ('ERROR', 'WARN') then 1 else 0 end) as trouble \
         from events where type = 'managed_sync' group by 1 order by trouble desc, sync limit 5",
    ),
];

/// Serves the store of a session until it is told to stop.
pub(crate) type Serve = fn(&Common, Session) -> Result<()>;

/// Fills, shows, and then serves the store by `serve`, unless the command or a server that has it already says otherwise.
pub(crate) fn run(common: &Common, command: &Demo, serve: Option<Serve>) -> Result<()> {
    let session = Session::connect(common)?;
    let Some(root) = session.store.local_path().map(Path::to_owned) else {
        bail!("the demo wants a local store: leave --store away or give a folder");
    };
    let marker = root.join(MARKER);
    let paint = Paint::for_stdout(common.color);
    let mut out = BufWriter::new(io::stdout().lock());
    if command.fresh && root.exists() {
        if let Some(holder) = WalHolder::of(&session.wal_dir, session.fs.as_ref())? {
            bail!("{holder} holds the demo store: stop it before --fresh replaces what it holds");
        }
        remove_demo(&root, &marker)?;
    }
    let exists = session.table()?.is_some();
    if exists && !marker.exists() {
        bail!(
            "{} is a store, but not one that the demo made: give the demo a place of its own, e.g. --store ./annals-demo",
            root.display()
        );
    }
    if exists {
        writeln!(out, "The demo store is there already; `annals demo --fresh` makes a new one.\n")?;
    } else {
        fill::fill(&session, command.events, &root, &marker, &mut out)?;
    }
    story::show(&marker, paint, &mut out)?;
    let access = Access::over(session, common)?;
    let source = access.source()?;
    crate::info::write_summary(&access, &source, paint, &mut out)?;
    out.flush()?;
    show_trace(&access, &source, paint, &mut out)?;
    show_searches(&access, &source, paint, &mut out)?;
    show_sql(&access, &source, paint, &mut out)?;
    show_next(common, &root, paint, &mut out)?;
    drop(source);
    match (serve.filter(|_| !command.no_serve), access) {
        (Some(serve), Access::Here(session)) => {
            out.flush()?;
            drop(out);
            serve(common, session)
        }
        (None, Access::Here(_)) => Ok(out.flush()?),
        (_, held) => {
            writeln!(out, "The store is served at {}.", held.url())?;
            Ok(out.flush()?)
        }
    }
}

/// Removes the demo's own store and nothing else.
fn remove_demo(root: &Path, marker: &Path) -> Result<()> {
    if !marker.exists() {
        let empty = std::fs::read_dir(root).with_context(|| root.display().to_string())?.next().is_none();
        if empty {
            return Ok(());
        }
        bail!("{} was not made by the demo: --fresh removes only what it made itself", root.display());
    }
    for part in ["events", "dead_letters", "wal"] {
        let path = root.join(part);
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    std::fs::remove_file(marker).with_context(|| format!("cannot remove {}", marker.display()))
}

fn show_trace(access: &Access, source: &Source, paint: Paint, out: &mut impl Write) -> Result<()> {
    let failed = "select trace_id from traces where errors > 0 and events between 5 and 12 order by last desc limit 1";
    let batches = collect(access, source, failed)?;
    let Some(trace_id) = first_text(&batches) else { bail!("no trace with an error was generated") };
    let watch = Stopwatch::start();
    let query = TraceQuery { trace_id: trace_id.clone(), project: None, from_us: None, until_us: None, limit: 1_000 };
    let page = access.runtime().block_on(source.trace(&query))?;
    let took = watch.elapsed();
    heading(out, paint, &format!("annals trace {trace_id}"), took)?;
    print_timeline(&page, paint, out)?;
    writeln!(out)?;
    Ok(())
}

fn show_searches(access: &Access, source: &Source, paint: Paint, out: &mut impl Write) -> Result<()> {
    let busiest = collect(access, source, "select project_id from files group by 1 order by sum(rows) desc limit 1")?;
    let Some(project) = first_text(&busiest) else { bail!("the demo store is empty") };
    let project = annals_event::ProjectId::new(&project)?;
    let day_ago_us = access.clock().now_us() - annals_event::DAY_US;
    let newest = EventQuery { limit: 5, order: Order::NewestFirst, ..EventQuery::default() };
    let searches = [
        (
            format!("annals search --project {project} --limit 5"),
            EventQuery { projects: vec![project.clone()], ..newest.clone() },
        ),
        (
            format!("annals search --project {project} --level ERROR --since 24h --limit 5"),
            EventQuery {
                projects: vec![project.clone()],
                levels: vec![annals_event::Level::Error],
                from_us: Some(day_ago_us),
                ..newest.clone()
            },
        ),
        (
            "annals search \"rate limited\" --type managed_sync --limit 5".to_owned(),
            EventQuery { text: Some("rate limited".to_owned()), types: vec!["managed_sync".to_owned()], ..newest },
        ),
    ];
    for (shown, query) in searches {
        let watch = Stopwatch::start();
        let page = access.runtime().block_on(source.search(&query))?;
        heading(out, paint, &shown, watch.elapsed())?;
        print_events(&page.events, paint, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn show_sql(access: &Access, source: &Source, paint: Paint, out: &mut impl Write) -> Result<()> {
    for (question, statement) in QUESTIONS {
        let watch = Stopwatch::start();
        let batches = collect(access, source, statement)?;
        heading(out, paint, question, watch.elapsed())?;
        writeln!(out, "{}", paint.dim(statement))?;
        if let Some(first) = batches.first() {
            print_table(&batches, &first.schema(), out)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn show_next(common: &Common, root: &Path, paint: Paint, out: &mut impl Write) -> Result<()> {
    let flag = if common.store == "./annals-data" { String::new() } else { format!(" --store {}", common.store) };
    writeln!(out, "{}", paint.bold("Try next"))?;
    for (command, what) in [
        (format!("annals sql{flag}"), "a shell; try: select * from traces where errors > 0 limit 10;"),
        (format!("annals search{flag} --since 1h --level ERROR"), "the last hour's errors"),
        (format!("annals info{flag} --days"), "what is where"),
        (format!("annals verify{flag}"), "every byte checked"),
        (format!("annals ingest{flag} --map github FILE"), "events of your own (see --help)"),
    ] {
        writeln!(out, "  {command:<52} {}", paint.dim(what))?;
    }
    writeln!(out, "\nThe table is open: read {}/events with any Delta or Parquet reader.", root.display())?;
    Ok(())
}

fn heading(out: &mut impl Write, paint: Paint, what: &str, took: std::time::Duration) -> Result<()> {
    writeln!(out, "{}  {}", paint.bold(what), paint.dim(&duration(took)))?;
    Ok(())
}

fn collect(access: &Access, source: &Source, statement: &str) -> Result<Vec<RecordBatch>> {
    access.runtime().block_on(source.sql_all(statement))
}

/// The first row's first column as text.
fn first_text(batches: &[RecordBatch]) -> Option<String> {
    let batch = batches.iter().find(|batch| batch.num_rows() > 0)?;
    let column = arrow::compute::cast(batch.column(0), &DataType::Utf8).ok()?;
    let column = column.as_string::<i32>();
    (!column.is_null(0)).then(|| column.value(0).to_owned())
}

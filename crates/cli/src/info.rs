//! `annals info`: what a store holds, from the file index alone.

use std::io::{self, BufWriter, Write};

use annals_query::Engine;
use annals_writer::WalHolder;
use anyhow::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};

use crate::access::Access;
use crate::command::{Common, Info};
use crate::output::Format;
use crate::paint::{Paint, size, thousands};
use crate::session::Session;
use crate::source::Source;
use crate::sql::{RowsOutput, answer};

const BY_PROJECT: &str = "select project_id, count(distinct day) as days, min(day) as first_day, max(day) as last_day, \
     sum(rows) as events, count(*) as files, sum(bytes) as bytes, \
     round(cast(sum(bytes) as double) / sum(rows), 1) as bytes_an_event \
     from files group by project_id order by events desc";
const BY_DAY: &str = "select project_id, day, sum(rows) as events, count(*) as files, sum(bytes) as bytes, \
     round(cast(sum(bytes) as double) / sum(rows), 1) as bytes_an_event \
     from files group by project_id, day order by project_id, day";
const TOTALS: &str = "select sum(rows) as events, count(*) as files, sum(bytes) as bytes, max(last_lsn) as last_lsn, \
     count(distinct writer) as writers from files";
/// Rows of a table; the machine formats give all.
const ROWS_MAX: usize = 50;

pub(crate) fn run(common: &Common, command: &Info) -> Result<()> {
    let access = Access::open(common)?;
    let source = access.source()?;
    if command.format == Format::Table {
        let mut out = BufWriter::new(io::stdout().lock());
        write_summary(&access, &source, Paint::for_stdout(common.color), &mut out)?;
        out.flush()?;
    }
    let statement = if command.days { BY_DAY } else { BY_PROJECT };
    answer(access.runtime(), &source, statement, &RowsOutput::new(command.format, ROWS_MAX))
}

/// The store in a few lines; of a server's store, what its SQL tells.
pub(crate) fn write_summary(access: &Access, source: &Source, paint: Paint, out: &mut impl Write) -> Result<()> {
    let label = |name: &str| paint.dim(&format!("{name:<9}"));
    if let Source::Remote(client) = source {
        writeln!(out, "{} {}", label("server"), paint.bold(&client.url().to_string()))?;
    }
    if let Some(session) = access.session() {
        writeln!(out, "{} {}", label("store"), paint.bold(session.store.url()))?;
    }
    let totals = match source {
        Source::Local(engine) => Totals::of_engine(engine),
        Source::Remote(_) => Totals::by_sql(access, source)?,
    };
    if let Some(session) = access.session() {
        let version = totals.version.map_or(String::new(), |version| format!(" (Delta version {version})"));
        writeln!(out, "{} {}{version}", label("table"), session.store.table_url("events"))?;
    }
    let an_event = if totals.events == 0 { 0.0 } else { totals.bytes as f64 / totals.events as f64 };
    writeln!(
        out,
        "{} {} in {} files of {}, {an_event:.1} bytes an event",
        label("events"),
        thousands(totals.events),
        thousands(totals.files),
        size(totals.bytes),
    )?;
    let waiting = totals.waiting.map(|rows| format!("{} events wait in it", thousands(rows)));
    match (access.session(), waiting) {
        (Some(session), Some(waiting)) => writeln!(out, "{} {}, {waiting}", label("WAL"), wal_line(session)?)?,
        (Some(session), None) => writeln!(out, "{} {}", label("WAL"), wal_line(session)?)?,
        (None, Some(waiting)) => writeln!(out, "{} {waiting}", label("WAL"))?,
        (None, None) => {}
    }
    writeln!(out)?;
    Ok(())
}

/// A store's committed events in sum.
#[derive(Debug, Default)]
struct Totals {
    events: u64,
    files: u64,
    bytes: u64,
    /// Version of the table, where it is known.
    version: Option<u64>,
    /// Events that are in the log only, where it is known.
    waiting: Option<u64>,
}

impl Totals {
    fn of_engine(engine: &Engine) -> Self {
        let view = engine.view();
        let totals = view.snapshot.totals();
        let waiting = view.memtables.iter().flat_map(|memtable| memtable.batches.iter());
        Self {
            events: totals.rows,
            files: totals.files,
            bytes: totals.bytes,
            version: Some(view.snapshot.version()),
            waiting: Some(waiting.map(|batch| batch.num_rows() as u64).sum()),
        }
    }

    fn by_sql(access: &Access, source: &Source) -> Result<Self> {
        let row = |statement: &str| access.runtime().block_on(source.sql_all(statement));
        let files = row(TOTALS)?;
        let number = |name| first_number(&files, name);
        // LSNs of several writers cannot be compared.
        let waiting = if number("writers")? <= 1 {
            let rows = row(&format!("select count(*) as waiting from events where seq > {}", number("last_lsn")?))?;
            Some(first_number(&rows, "waiting")?)
        } else {
            None
        };
        let (events, files, bytes) = (number("events")?, number("files")?, number("bytes")?);
        Ok(Self { events, files, bytes, version: None, waiting })
    }
}

/// The first row's number in a column; 0 where there is none.
fn first_number(batches: &[RecordBatch], name: &str) -> Result<u64> {
    let batch = batches.iter().find(|batch| batch.num_rows() > 0);
    let Some(column) = batch.and_then(|batch| batch.column_by_name(name)) else { return Ok(0) };
    let column = arrow::compute::cast(column, &DataType::Int64)?;
    Ok(column.as_primitive::<Int64Type>().iter().next().flatten().map_or(0, i64::unsigned_abs))
}

/// Where the log is, how large, and who holds it.
fn wal_line(session: &Session) -> Result<String> {
    let dir = &session.wal_dir;
    if !dir.is_dir() {
        return Ok(format!("none at {}", dir.display()));
    }
    let mut bytes = 0;
    for entry in session.fs.read_dir(dir)? {
        if !entry.is_dir {
            bytes += session.fs.metadata(&dir.join(&entry.name)).map_or(0, |metadata| metadata.len);
        }
    }
    let holder = match WalHolder::of(dir, session.fs.as_ref())? {
        Some(holder) => format!(", held by {holder}"),
        None => String::new(),
    };
    Ok(format!("{} ({}{holder})", dir.display(), size(bytes)))
}

//! `annals info`: what a store holds, from the file index alone.

use std::io::{self, BufWriter, Write};

use annals_query::Engine;
use annals_writer::WalHolder;
use anyhow::Result;

use crate::command::{Common, Info};
use crate::output::Format;
use crate::paint::{Paint, size, thousands};
use crate::session::Session;
use crate::sql::answer;

const BY_PROJECT: &str = "select project_id, count(distinct day) as days, min(day) as first_day, max(day) as last_day, \
     sum(rows) as events, count(*) as files, sum(bytes) as bytes, \
     round(cast(sum(bytes) as double) / sum(rows), 1) as bytes_an_event \
     from files group by project_id order by events desc";
const BY_DAY: &str = "select project_id, day, sum(rows) as events, count(*) as files, sum(bytes) as bytes, \
     round(cast(sum(bytes) as double) / sum(rows), 1) as bytes_an_event \
     from files group by project_id, day order by project_id, day";
/// Rows of a table; the machine formats give all.
const ROWS_MAX: usize = 50;

pub(crate) fn run(common: &Common, command: &Info) -> Result<()> {
    let session = Session::connect(common)?;
    let engine = session.reader()?;
    if command.format == Format::Table {
        let mut out = BufWriter::new(io::stdout().lock());
        write_summary(&session, &engine, Paint::for_stdout(common.color), &mut out)?;
        out.flush()?;
    }
    let statement = if command.days { BY_DAY } else { BY_PROJECT };
    answer(&session.runtime, &engine, statement, command.format, ROWS_MAX)
}

/// The store in a few lines.
pub(crate) fn write_summary(session: &Session, engine: &Engine, paint: Paint, out: &mut impl Write) -> Result<()> {
    let view = engine.view();
    let totals = view.snapshot.totals();
    let waiting: u64 = view.memtables.iter().map(|m| m.batches.iter().map(|b| b.num_rows() as u64).sum::<u64>()).sum();
    let label = |name: &str| paint.dim(&format!("{name:<9}"));
    writeln!(out, "{} {}", label("store"), paint.bold(session.store.url()))?;
    writeln!(
        out,
        "{} {} (Delta version {})",
        label("table"),
        session.store.table_url("events"),
        view.snapshot.version()
    )?;
    let an_event = if totals.rows == 0 { 0.0 } else { totals.bytes as f64 / totals.rows as f64 };
    writeln!(
        out,
        "{} {} in {} files of {}, {an_event:.1} bytes an event",
        label("events"),
        thousands(totals.rows),
        thousands(totals.files),
        size(totals.bytes),
    )?;
    writeln!(out, "{} {}, {} events wait in it", label("WAL"), wal_line(session)?, thousands(waiting))?;
    writeln!(out)?;
    Ok(())
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

//! `annals verify`: everything in a store is read whole and checked against its sums: the data files of all tables (their
//! names and the table log too), the tables' logs, and the write-ahead logs.

mod data_files;

use std::path::Path;
use std::sync::Arc;

use annals_server::DEAD_LETTER_LOG;
use annals_table::{Table, TableOptions, verify_log, verify_trace_index};
use annals_writer::{WalHolder, verify_wal};
use anyhow::{Context, Result, bail};

use crate::command::{Common, Verify};
use crate::paint::{duration, size, thousands};
use crate::session::Session;
use crate::stopwatch::Stopwatch;

/// What was found so far.
#[derive(Debug, Default)]
struct Findings {
    data_files: u64,
    log_files: u64,
    index_files: u64,
    wal_files: u64,
    bytes: u64,
    foreign: u64,
    damaged: u64,
    /// Tables whose data files are not known, because their log cannot be read.
    unopened: u64,
}

impl Findings {
    #[expect(clippy::print_stdout, reason = "the findings are the answer")]
    fn damaged(&mut self, what: &str, why: &str) {
        self.damaged += 1;
        println!("damaged {what}: {why}");
    }
}

#[expect(clippy::print_stdout, reason = "the findings are the answer")]
pub(crate) fn run(common: &Common, command: &Verify) -> Result<()> {
    let session = Session::connect(common)?;
    let watch = Stopwatch::start();
    let mut found = Findings::default();
    let mut is_store = false;
    for (options, wal_dir) in [
        (TableOptions::events(), session.wal_dir.clone()),
        (TableOptions::dead_letters(), session.wal_dir.join(DEAD_LETTER_LOG)),
    ] {
        let table = check_table(&session, options, command, &mut found, &mut is_store)?;
        check_wal(&session, &wal_dir, table.as_deref(), &mut found)?;
    }
    if !is_store && found.wal_files == 0 {
        bail!("there is no store at {}", session.store.url());
    }
    let files = found.data_files + found.log_files + found.index_files + found.wal_files;
    println!(
        "{} data files, {} files of table logs, {} of trace indexes and {} of write-ahead logs, {} read in {}: {} good, {} damaged, {} of other \
         programs (no checksums to check)",
        thousands(found.data_files),
        thousands(found.log_files),
        thousands(found.index_files),
        thousands(found.wal_files),
        size(found.bytes),
        duration(watch.elapsed()),
        thousands(files.saturating_sub(found.foreign + found.damaged)),
        thousands(found.damaged),
        thousands(found.foreign),
    );
    if found.damaged > 0 {
        bail!("{} are not as they were written: restore them from a copy of the store", counted(found.damaged));
    }
    if found.unopened > 0 {
        bail!("a table could not be opened, so its data files are not checked");
    }
    Ok(())
}

fn counted(files: u64) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{} files", thousands(files)) }
}

/// Checks a table's log, then its data files.
fn check_table(
    session: &Session,
    options: TableOptions,
    command: &Verify,
    found: &mut Findings,
    is_store: &mut bool,
) -> Result<Option<Arc<Table>>> {
    let name = options.name;
    let objects = session.store.table(name);
    let log = session.runtime.block_on(async { verify_log(objects.as_ref()).await });
    let log = log.with_context(|| format!("cannot read the log of the table {name}"))?;
    *is_store |= log.files > 0;
    found.log_files += log.files;
    found.bytes += log.bytes;
    found.foreign += log.foreign;
    for file in &log.damaged {
        let spare = if file.is_spare { " (it can be done without while the commits before it are there)" } else { "" };
        found.damaged(&format!("{name}/{}", file.path), &format!("{}{spare}", file.why));
    }
    let index = session.runtime.block_on(async { verify_trace_index(objects.as_ref()).await });
    let index = index.with_context(|| format!("cannot read the trace index of the table {name}"))?;
    found.index_files += index.files;
    found.bytes += index.bytes;
    for path in &index.damaged {
        found.damaged(
            &format!("{name}/{path}"),
            "it is not what was written (no event is lost by it: `annals index rebuild` makes it anew)",
        );
    }
    let table = match Table::open(&session.store, options, Arc::clone(&session.clock)) {
        Ok(Some(table)) => Arc::new(table),
        Ok(None) => return Ok(None),
        Err(error) => {
            found.unopened += 1;
            #[expect(clippy::print_stdout, reason = "the findings are the answer")]
            {
                println!("the table {name} cannot be opened: {error}");
            }
            return Ok(None);
        }
    };
    data_files::check(session, &table, command, found)?;
    Ok(Some(table))
}

/// Checks a write-ahead log, unless a process is writing to it.
#[expect(clippy::print_stdout, reason = "the findings are the answer")]
fn check_wal(session: &Session, dir: &Path, table: Option<&Table>, found: &mut Findings) -> Result<()> {
    if let Some(holder) = WalHolder::of(dir, session.fs.as_ref())? {
        println!("the write-ahead log {} is not checked: it is held by {holder}", dir.display());
        return Ok(());
    }
    let report = verify_wal(dir, session.fs.as_ref(), table)
        .with_context(|| format!("cannot read the write-ahead log {}", dir.display()))?;
    found.wal_files += report.files;
    found.bytes += report.bytes;
    for error in &report.damaged {
        found.damaged("write-ahead log", &error.to_string());
    }
    for torn in &report.torn {
        println!("torn {torn}: a crash leaves it so, and the next start cuts it");
    }
    Ok(())
}

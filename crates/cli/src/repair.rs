//! `annals repair`: a store goes on after its write-ahead log was damaged, without the rows that are gone.

use std::sync::Arc;

use annals_server::DEAD_LETTER_LOG;
use annals_table::{Table, TableOptions};
use annals_writer::{Writer, WriterOptions, WriterSettings};
use anyhow::{Context, Result};

use crate::command::Common;
use crate::session::{Session, seed};

#[expect(clippy::print_stdout, reason = "the report is the answer")]
pub(crate) fn run(common: &Common) -> Result<()> {
    let session = Session::connect(common)?;
    for (options, wal_dir) in [
        (TableOptions::events(), session.wal_dir.clone()),
        (TableOptions::dead_letters(), session.wal_dir.join(DEAD_LETTER_LOG)),
    ] {
        if !wal_dir.is_dir() {
            continue;
        }
        let name = options.name;
        let table = Table::open_or_create(&session.store, options, Arc::clone(&session.clock))
            .with_context(|| format!("cannot open the table {name}"))?;
        let repair = Writer::repair(WriterOptions {
            settings: WriterSettings::default(),
            wal_dir: wal_dir.clone(),
            store: session.store.clone(),
            table: Arc::new(table),
            fs: Arc::clone(&session.fs),
            clock: Arc::clone(&session.clock),
            seed: seed(session.clock.as_ref()),
        })
        .with_context(|| format!("cannot repair the write-ahead log {}", wal_dir.display()))?;
        print!("{repair}");
        let state = if repair.findings.is_empty() { "is not damaged" } else { "is repaired" };
        println!("{} {state}; its rows are in the table {name}", wal_dir.display());
    }
    Ok(())
}

//! `annals index`: the trace index of a store, tended or made anew.

use std::sync::Arc;

use annals_table::{Table, TableOptions, Tended};
use anyhow::{Context, Result, bail};

use crate::command::{Common, Index, IndexCommand};
use crate::paint::{duration, thousands};
use crate::progress::Progress;
use crate::session::Session;
use crate::stopwatch::Stopwatch;

#[expect(clippy::print_stdout, reason = "what was done is the answer")]
pub(crate) fn run(common: &Common, command: &Index) -> Result<()> {
    let session = Session::connect(common)?;
    let mut tables = 0;
    for options in [TableOptions::events(), TableOptions::dead_letters()] {
        let name = options.name;
        let table = Table::open(&session.store, options, Arc::clone(&session.clock))
            .with_context(|| format!("cannot open the table {name}"))?;
        let Some(table) = table else { continue };
        tables += 1;
        let watch = Stopwatch::start();
        let tended = match &command.command {
            IndexCommand::Rebuild(rebuild) => {
                let progress = Progress::over_items(table.snapshot().file_count(), "files", rebuild.quiet);
                let tended = table.rebuild_trace_index(&session.store, |done| progress.set(done, String::new()));
                progress.finish();
                tended
            }
            IndexCommand::Tend => table.tend_trace_index(&session.store, || true),
        };
        let Tended { files_indexed, files_left, runs_merged, index } =
            tended.with_context(|| format!("indexing the table {name}"))?;
        println!(
            "{name}: {} files indexed, {} runs merged, in {}; the trace index has {} entries in {} runs",
            thousands(files_indexed),
            thousands(runs_merged),
            duration(watch.elapsed()),
            thousands(index.entries),
            thousands(index.runs)
        );
        if files_left > 0 {
            println!(
                "{name}: {} files are not indexed, because they are damaged (see `annals verify`) or another program's: a \
                 search for a trace looks into them",
                thousands(files_left)
            );
        }
    }
    if tables == 0 {
        bail!("there is no store at {}", session.store.url());
    }
    Ok(())
}

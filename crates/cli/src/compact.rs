//! `annals compact`: the small files of each project-day become few large ones.

use std::sync::Arc;

use annals_table::{FileFilter, ParquetSettings, Table, TableOptions};
use annals_writer::{Compacted, CompactionOutcome, CompactionPlan, CompactionSettings, compact};
use anyhow::{Context, Result, bail};

use crate::command::{Common, Compact};
use crate::paint::{duration, size, thousands};
use crate::progress::Progress;
use crate::session::Session;
use crate::stopwatch::Stopwatch;

/// Plans that are performed one after the other: merged files may be small enough to be merged again.
const ROUNDS_MAX: usize = 16;

pub(crate) fn run(common: &Common, command: &Compact) -> Result<()> {
    let session = Session::connect(common)?;
    let settings = CompactionSettings::default();
    let filter =
        FileFilter { projects: (!command.project.is_empty()).then(|| command.project.clone()), ..FileFilter::all() };
    let mut tables = 0;
    for options in [TableOptions::events(), TableOptions::dead_letters()] {
        let name = options.name;
        let table = Table::open(&session.store, options, Arc::clone(&session.clock))
            .with_context(|| format!("cannot open the table {name}"))?;
        let Some(table) = table else { continue };
        tables += 1;
        if command.dry_run {
            show_plan(&table, &CompactionPlan::whole(&table.snapshot(), &filter, &settings));
        } else {
            compact_table(&session, &table, &filter, &settings, command)?;
        }
    }
    if tables == 0 {
        bail!("there is no store at {}", session.store.url());
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the plan is the answer")]
fn show_plan(table: &Table, plan: &CompactionPlan) {
    for group in &plan.groups {
        let (project, day, files) = (&group.project_id, group.day, group.files.len());
        let (rows, bytes) = (thousands(group.rows()), size(group.bytes()));
        println!("{}: project {project} on {day}: {files} files, {rows} rows, {bytes}", table.name());
    }
    println!(
        "{}: {} of {} files in {} groups would be merged",
        table.name(),
        thousands(plan.files()),
        thousands(table.snapshot().file_count()),
        thousands(plan.groups.len() as u64)
    );
}

#[expect(clippy::print_stdout, reason = "what was done is the answer")]
fn compact_table(
    session: &Session,
    table: &Table,
    filter: &FileFilter,
    settings: &CompactionSettings,
    command: &Compact,
) -> Result<()> {
    let parquet = ParquetSettings::with_word_index(!command.no_word_index).compacted();
    let watch = Stopwatch::start();
    let mut done = Compacted::default();
    let mut overtaken = 0_u64;
    for _ in 0..ROUNDS_MAX {
        let plan = CompactionPlan::whole(&table.snapshot(), filter, settings);
        if plan.groups.is_empty() {
            break;
        }
        let progress = Progress::over_items(plan.files(), "files", command.quiet);
        let (mut merged, mut changed) = (0, false);
        for group in &plan.groups {
            progress.set(merged, format!("{}, {}", group.project_id, group.day));
            let now_us = session.clock.now_us();
            let outcome = compact(table, &session.store, group, &parquet, settings, now_us);
            match outcome.with_context(|| format!("compacting project {} on {}", group.project_id, group.day))? {
                CompactionOutcome::Done(more) => {
                    done += more;
                    changed = true;
                }
                CompactionOutcome::Overtaken => overtaken += 1,
            }
            merged += group.files.len() as u64;
        }
        progress.finish();
        if !changed {
            break;
        }
    }
    table.tend_trace_index(&session.store, || true).context("indexing the merged files")?;
    if done.files.0 > 0 {
        // A commit for each partition: opening the table would read them one after the other.
        table.checkpoint().context("the files are merged, but no checkpoint of the table could be written")?;
    }
    let Compacted { files, bytes, rows } = done;
    println!(
        "{}: {} files became {}, {} became {}, {} rows, in {}; the table has {} files",
        table.name(),
        thousands(files.0),
        thousands(files.1),
        size(bytes.0),
        size(bytes.1),
        thousands(rows),
        duration(watch.elapsed()),
        thousands(table.snapshot().file_count())
    );
    if overtaken > 0 {
        println!("{}: {overtaken} groups were changed by others meanwhile and left to them", table.name());
    }
    Ok(())
}

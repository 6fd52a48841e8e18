//! `annals verify`: every data file is read whole and checked against its checksums, its name and the table log.

use std::sync::Arc;

use annals_table::{DataFile, DataFileName, FileFilter, verify_data_file};
use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::command::{Common, Verify};
use crate::paint::{duration, size, thousands};
use crate::progress::Progress;
use crate::session::Session;
use crate::stopwatch::Stopwatch;

/// Files read at the same time: two a core keep disk and checksums busy.
const FILES_AT_ONCE: usize = 4;

/// The outcome for one file.
enum Verdict {
    /// As it was written.
    Good,
    /// Written by another program, without checksums of ours.
    Foreign,
    /// Not as it was written, and what is wrong.
    Damaged(String),
}

#[expect(clippy::print_stdout, reason = "the findings are the answer")]
pub(crate) fn run(common: &Common, command: &Verify) -> Result<()> {
    let session = Session::connect(common)?;
    let Some(table) = session.table()? else { bail!("there is no store at {}", session.store.url()) };
    let projects = (!command.project.is_empty()).then(|| command.project.clone());
    let files = table.snapshot().files(&FileFilter { projects, ..FileFilter::all() });
    let (total, bytes) = (files.len() as u64, files.iter().map(|file| file.bytes).sum::<u64>());
    let progress = Progress::over_items(total, "files", command.quiet);
    let watch = Stopwatch::start();
    let (mut checked, mut foreign, mut damaged) = (0u64, 0u64, 0u64);
    session.runtime.block_on(async {
        let mut verdicts = stream::iter(files)
            .map(|file| {
                let store = Arc::clone(table.object_store());
                tokio::spawn(async move {
                    let verdict = check(&file, store.as_ref()).await;
                    (file, verdict)
                })
            })
            .buffer_unordered(FILES_AT_ONCE);
        while let Some((file, verdict)) = verdicts.try_next().await.context("a check was aborted")? {
            checked += 1;
            match verdict {
                Verdict::Good => {}
                Verdict::Foreign => foreign += 1,
                Verdict::Damaged(reason) => {
                    damaged += 1;
                    println!("damaged {}: {reason}", file.path);
                }
            }
            progress.set(checked, if damaged > 0 { format!("{damaged} damaged") } else { String::new() });
        }
        Ok::<(), anyhow::Error>(())
    })?;
    progress.finish();
    println!(
        "{} files, {} read in {}: {} good, {} damaged, {} of other programs (no checksums to check)",
        thousands(checked),
        size(bytes),
        duration(watch.elapsed()),
        thousands(checked - foreign - damaged),
        thousands(damaged),
        thousands(foreign),
    );
    if damaged > 0 {
        bail!("{damaged} files are not as they were written: restore them from a copy of the store");
    }
    Ok(())
}

async fn check(file: &DataFile, store: &dyn object_store::ObjectStore) -> Verdict {
    let path = Path::from(file.path.as_str());
    let bytes = match store.get(&path).await {
        Ok(answer) => answer.bytes().await,
        Err(error) => Err(error),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Damaged(format!("it cannot be read: {error}")),
    };
    if bytes.len() as u64 != file.bytes {
        return Verdict::Damaged(format!("it has {} bytes, the table log says {}", bytes.len(), file.bytes));
    }
    if DataFileName::of_path(&file.path).is_none() {
        return Verdict::Foreign;
    }
    let path = file.path.clone();
    let checked = tokio::task::spawn_blocking(move || verify_data_file(&path, &bytes)).await;
    match checked {
        Ok(Ok(verified)) if verified.rows == file.rows => Verdict::Good,
        Ok(Ok(verified)) => {
            Verdict::Damaged(format!("it has {} rows, the table log says {}", verified.rows, file.rows))
        }
        Ok(Err(error)) => Verdict::Damaged(error.to_string()),
        Err(error) => Verdict::Damaged(format!("the check stopped: {error}")),
    }
}

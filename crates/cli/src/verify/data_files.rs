//! The data files of one table against their checksums, their names and the table log.

use std::sync::Arc;

use annals_table::{DataFile, DataFileName, FileFilter, Table, verify_data_file};
use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::Findings;
use crate::command::Verify;
use crate::progress::Progress;
use crate::session::Session;

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

pub(super) fn check(session: &Session, table: &Table, command: &Verify, found: &mut Findings) -> Result<()> {
    let projects = (!command.project.is_empty()).then(|| command.project.clone());
    let files = table.snapshot().files(&FileFilter { projects, ..FileFilter::all() });
    let progress = Progress::over_items(files.len() as u64, "files", command.quiet);
    let mut checked = 0;
    session.runtime.block_on(async {
        let mut verdicts = stream::iter(files)
            .map(|file| {
                let store = Arc::clone(table.object_store());
                tokio::spawn(async move {
                    let verdict = check_file(&file, store.as_ref()).await;
                    (file, verdict)
                })
            })
            .buffer_unordered(FILES_AT_ONCE);
        while let Some((file, verdict)) = verdicts.try_next().await.context("a check was aborted")? {
            checked += 1;
            found.data_files += 1;
            found.bytes += file.bytes;
            match verdict {
                Verdict::Good => {}
                Verdict::Foreign => found.foreign += 1,
                Verdict::Damaged(reason) => found.damaged(&format!("{}/{}", table.name(), file.path), &reason),
            }
            let message = if found.damaged > 0 { format!("{} damaged", found.damaged) } else { String::new() };
            progress.set(checked, message);
        }
        Ok::<(), anyhow::Error>(())
    })?;
    progress.finish();
    Ok(())
}

async fn check_file(file: &DataFile, store: &dyn object_store::ObjectStore) -> Verdict {
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

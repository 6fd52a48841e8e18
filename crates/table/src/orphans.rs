//! Orphans: data files that a writer stored but whose commit never came about.
//!
//! A reader that globs Parquet would count their rows twice once the WAL's replay has stored them again. Told by three
//! marks, all needed: the name is this writer's, its LSNs lie above the watermark, and no live entry names it. So files of
//! other writers, and files that a snapshot still reads, are never touched.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::file_name::DataFileName;
use crate::ids::{Lsn, WriterId};
use crate::snapshot::Snapshot;
use crate::table::Table;

impl Table {
    /// Deletes the files of `writer` that no commit will ever name, and returns their paths, ascending. Blocks.
    ///
    /// Only for the process that holds the writer's WAL, before its first flush: a file that is stored but not yet
    /// committed looks just like an orphan. Reads newer versions first, so a commit whose answer was lost is settled.
    /// Costs one listing of the table.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer: some orphans may be gone, all others are found by the next call.
    pub fn remove_orphans(&self, writer: WriterId) -> Result<Vec<String>> {
        let snapshot = self.refresh()?;
        let objects = Arc::clone(self.object_store());
        let listed = self.log().block_on(async move {
            objects.list(None).map_ok(|object| object.location.to_string()).try_collect::<Vec<_>>().await
        });
        let listed = listed.map_err(|error| self.orphan_error("listing the files", error))?;
        let mut orphans = plan(listed, writer, &snapshot);
        orphans.sort_unstable();

        let objects = Arc::clone(self.object_store());
        let doomed: Vec<_> = orphans.iter().map(|path| Ok(Path::from(path.as_str()))).collect();
        let deleted = self.log().block_on(async move {
            let gone = |outcome| match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            };
            objects.delete_stream(stream::iter(doomed).boxed()).map(gone).try_collect::<Vec<()>>().await
        });
        deleted.map_err(|error| self.orphan_error("deleting orphans", error))?;
        if !orphans.is_empty() {
            tracing::info!(table = self.name(), %writer, files = orphans.len(), "orphans deleted");
        }
        Ok(orphans)
    }

    fn orphan_error(&self, doing: &str, error: object_store::Error) -> Error {
        Error::with_source(ErrorKind::Unavailable, format!("{doing} of table {} failed; try again", self.name()), error)
    }
}

/// Which of the `listed` paths are orphans of `writer`.
fn plan(listed: Vec<String>, writer: WriterId, snapshot: &Snapshot) -> Vec<String> {
    let watermark = snapshot.watermark(writer).unwrap_or(Lsn(0));
    let is_orphan = |path: &String| {
        DataFileName::of_path(path).is_some_and(|name| name.writer == writer && name.first_lsn > watermark)
            && snapshot.file(path).is_none()
    };
    listed.into_iter().filter(is_orphan).collect()
}

//! Retention: whole days that are older than they are to be kept leave the table, by one commit of metadata.
//!
//! [`plan_expiry`] decides, [`expire`] performs. Objects stay in the store: queries that began before still read them.

use std::sync::Arc;

use annals_event::Day;
use annals_table::{CommitOutcome, DataFile, Snapshot, Table, TableChange};

use crate::error::{Error, ErrorKind, Result};

/// How often a commit is planned anew after others changed the files it was to remove.
const ATTEMPTS_MAX: u32 = 8;

/// What expires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// The files, each of a day before the first that is kept.
    pub files: Vec<Arc<DataFile>>,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The files of days before `first_kept` (UTC).
pub fn plan_expiry(snapshot: &Snapshot, first_kept: Day) -> Expiry {
    let mut files = snapshot.files(&annals_table::FileFilter::all());
    files.retain(|file| file.day < first_kept);
    let rows = files.iter().map(|file| file.rows).sum();
    let bytes = files.iter().map(|file| file.bytes).sum();
    Expiry { files, rows, bytes }
}

/// Removes the days before `first_kept` from `table`. Blocks. Rows of those days that come later expire with the next call.
///
/// # Errors
/// `Unavailable` when the store does not answer: the commit may have happened, and calling again is safe. `Conflict` when
/// other programs keep changing the same files.
pub fn expire(table: &Table, first_kept: Day) -> Result<Expiry> {
    for _ in 0..ATTEMPTS_MAX {
        let expiry = plan_expiry(&table.snapshot(), first_kept);
        if expiry.files.is_empty() {
            return Ok(expiry);
        }
        let removes = expiry.files.iter().map(|file| DataFile::clone(file)).collect();
        let change = TableChange::delete(removes);
        match table.commit(change)? {
            CommitOutcome::Committed(_) => return Ok(expiry),
            CommitOutcome::Conflict(_) => {
                table.refresh()?;
            }
        }
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "expired days could not be removed: other programs keep changing them; try later",
    ))
}

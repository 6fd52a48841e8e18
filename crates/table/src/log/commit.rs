//! One attempt to commit: a change becomes a kernel transaction on top of a loaded version.

use std::sync::{Arc, PoisonError};

use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::transaction::{CommitResult, Transaction, UpdateTableOperation};
use delta_kernel::{KernelError, KernelResult};

use super::actions;
use super::committer::{Finding, ReadBackCommitter, Settlement};
use super::replay::{COMPACTION_APP_ID, app_id};
use super::schema;
use super::statistics::FileStatistics;
use super::store::{Loaded, LogStore};
use crate::change::{Operation, TableChange};
use crate::data_file::DataFile;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::table::ENGINE_INFO;

/// How one attempt ended.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The change is the next version.
    Committed(Loaded),
    /// The change is the next version, but the kernel could not derive it: load it.
    CommittedUnseen,
    /// Somebody else's commit is the next version.
    Lost,
    /// The next version is not there. The attempt may be repeated, and may also still land.
    Absent(Error),
    /// What the next version is could not be found out. The change may be in the table.
    Unknown(Error),
}

impl LogStore {
    /// Tries to make `change` the version after `base`, under `commit_id`.
    ///
    /// # Errors
    /// Only when nothing was written: `Invalid` when the table must not be written to, `Internal` for defects.
    pub(crate) fn try_commit(&self, base: &Loaded, change: &TableChange, commit_id: &str) -> Result<Attempt> {
        schema::check_writable(&base.kernel, self.options())?;
        let finding = Finding::default();
        let transaction = self
            .transaction(base, change, commit_id, &finding)
            .map_err(|error| self.error("preparing a commit", error))?;
        let result = transaction.commit(self.engine());
        let settlement = finding.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(match (result, settlement) {
            (Ok(CommitResult::Committed(done)), _) => match done.post_commit_snapshot() {
                Some(kernel) => {
                    let snapshot = Arc::new(successor(&base.snapshot, change));
                    Attempt::Committed(self.advanced(base, Arc::clone(kernel), snapshot))
                }
                None => Attempt::CommittedUnseen,
            },
            (_, Some(Settlement::Ours)) => Attempt::CommittedUnseen,
            (Ok(CommitResult::Conflicted(_)), _) => Attempt::Lost,
            (Ok(CommitResult::Retryable(failed)), settlement) => self.unclear(failed.error, settlement),
            // The committer was never asked: nothing was written.
            (Err(error), None) => return Err(self.error("preparing a commit", error)),
            (Err(error), settlement) => self.unclear(error, settlement),
        })
    }

    fn unclear(&self, error: KernelError, settlement: Option<Settlement>) -> Attempt {
        let error = self.error("writing a version", error);
        match settlement {
            Some(Settlement::Absent) => Attempt::Absent(error),
            _ => Attempt::Unknown(error),
        }
    }

    fn transaction(
        &self,
        base: &Loaded,
        change: &TableChange,
        commit_id: &str,
        finding: &Finding,
    ) -> KernelResult<Transaction> {
        let operation = match change.operation {
            Operation::Write => UpdateTableOperation::Write,
            Operation::Optimize => UpdateTableOperation::Optimize,
            Operation::Delete => UpdateTableOperation::Delete,
        };
        let changes_rows = change.operation != Operation::Optimize;
        let mut builder = Arc::clone(&base.kernel).update_table(operation, ENGINE_INFO, changes_rows);
        if changes_rows && !change.adds.is_empty() && change.removes.is_empty() {
            builder = builder.with_blind_append();
        }
        if let Some((writer, lsn)) = change.watermark {
            builder = builder.with_transaction_id(app_id(writer), lsn.0 as i64);
        }
        if let Some(number) = change.compaction {
            builder = builder.with_transaction_id(COMPACTION_APP_ID.to_owned(), number as i64);
        }
        let committer = ReadBackCommitter::new(commit_id.to_owned(), Arc::clone(finding));
        let mut transaction = builder.build(self.engine(), Box::new(committer))?;
        if !change.adds.is_empty() {
            transaction.add_files(actions::add_rows(&change.adds)?);
        }
        if !change.removes.is_empty() {
            let rows = actions::remove_rows(&change.removes)?;
            transaction.remove_files(FilteredEngineData::with_all_rows_selected(rows));
        }
        let (info, schema) = actions::commit_info(commit_id)?;
        Ok(transaction.with_commit_info(info, schema))
    }
}

/// The version after `base` that holds `change`, without reading it back.
fn successor(base: &Snapshot, change: &TableChange) -> Snapshot {
    let removed = change.removes.iter().map(|file| file.path.as_str());
    let index = base.index().with(removed, change.adds.iter().map(|file| Arc::new(as_read(file))));
    let mut transactions = base.transactions().clone();
    if let Some((writer, lsn)) = change.watermark {
        transactions.set_watermark(writer, lsn);
    }
    if let Some(number) = change.compaction {
        transactions.set_compactions(number);
    }
    Snapshot::new(base.version() + 1, index, transactions)
}

/// The file as a reader of the log will see it, so that a version looks the same to all.
fn as_read(file: &DataFile) -> DataFile {
    let (min_timestamp_us, max_timestamp_us) = FileStatistics::as_read(file.min_timestamp_us, file.max_timestamp_us);
    DataFile { min_timestamp_us, max_timestamp_us, ..file.clone() }
}

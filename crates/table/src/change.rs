//! [`TableChange`]: what one commit is to do to the table, and how it stands against a snapshot.
//!
//! Deciding is pure: [`TableChange::standing`] looks at a snapshot and says whether the change still fits. The table asks
//! before the first attempt and again after every lost race, because the Delta log checks neither the watermark nor that
//! removed files are live.

use std::collections::HashSet;
use std::sync::Arc;

use crate::data_file::DataFile;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Lsn, WriterId};
use crate::snapshot::Snapshot;

/// What a commit is for; recorded in the table's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// New rows.
    Write,
    /// The same rows in other files.
    Optimize,
    /// Rows leave the table.
    Delete,
}

/// One commit: files that come, files that go, and how far a writer's log is now in the table.
#[derive(Clone, Debug)]
pub struct TableChange {
    /// What it is for.
    pub operation: Operation,
    /// Files to add. Each must be in the store, durable, under `project_id=…/day=…/` of its own partition.
    pub adds: Vec<DataFile>,
    /// Files to remove, as a snapshot lists them. Their objects stay in the store.
    pub removes: Vec<DataFile>,
    /// The writer whose rows these are and the last LSN among them; `None` when no new rows come in.
    pub watermark: Option<(WriterId, Lsn)>,
    /// The number of this compaction, one above [`Snapshot::compactions`] of the snapshot that it was planned on: of two
    /// compactors with one number only the first is committed. `None` for everything else.
    pub compaction: Option<u64>,
}

/// What became of a commit that was answered.
#[derive(Clone, Debug)]
pub enum CommitOutcome {
    /// The change is in the table; the snapshot that holds it is published.
    Committed(Arc<Snapshot>),
    /// The change is not in the table and will not be: it does not fit what others committed.
    Conflict(Conflict),
}

/// Why a change does not fit the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The writer's watermark is already at or past the change's.
    Watermark {
        /// The watermark in the table.
        found: Lsn,
    },
    /// Another compaction has this number.
    Compaction {
        /// How many compactions are in the table.
        found: u64,
    },
    /// A file to remove is not live.
    Removed {
        /// Its path.
        path: String,
    },
    /// A file to add is live already, but the change as a whole is not in the table.
    Added {
        /// Its path.
        path: String,
    },
}

/// How a change stands against a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It can be committed on top of it.
    Fits,
    /// The snapshot holds it: an earlier attempt landed without an answer.
    Present,
    /// It can never be committed on top of it.
    Conflicts(Conflict),
}

impl TableChange {
    /// Rows come in: `adds` of a flush, up to `watermark`.
    pub fn write(adds: Vec<DataFile>, watermark: Option<(WriterId, Lsn)>) -> Self {
        Self { operation: Operation::Write, adds, removes: Vec::new(), watermark, compaction: None }
    }

    /// Rows leave with their files.
    pub fn delete(removes: Vec<DataFile>) -> Self {
        Self { operation: Operation::Delete, adds: Vec::new(), removes, watermark: None, compaction: None }
    }

    /// The rows of `removes` are now in `adds`, by the compaction of this number.
    pub fn compact(adds: Vec<DataFile>, removes: Vec<DataFile>, number: u64) -> Self {
        Self { operation: Operation::Optimize, adds, removes, watermark: None, compaction: Some(number) }
    }

    /// Whether the change is well-formed by itself.
    ///
    /// # Errors
    /// `Invalid`, naming the file or field.
    pub(crate) fn validate(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::new(ErrorKind::Invalid, message));
        if self.adds.is_empty() && self.removes.is_empty() && self.watermark.is_none() {
            return invalid("a commit needs a file to add, a file to remove or a watermark".into());
        }
        if let Some((writer, lsn)) = self.watermark
            && (lsn.0 == 0 || i64::try_from(lsn.0).is_err())
        {
            return invalid(format!("watermark {lsn} of writer {writer} is out of range: LSNs run from 1 to 2^63 - 1"));
        }
        if let Some(number) = self.compaction
            && (self.operation != Operation::Optimize || number == 0 || i64::try_from(number).is_err())
        {
            return invalid(format!("{number} is no number of a compaction, or the change is none"));
        }
        let mut paths = HashSet::with_capacity(self.adds.len() + self.removes.len());
        for file in self.adds.iter().chain(&self.removes) {
            if !paths.insert(file.path.as_str()) {
                return invalid(format!("file {} stands in the commit twice", file.path));
            }
        }
        for file in &self.adds {
            let folder = format!("project_id={}/day={}/", file.project_id, file.day);
            if !file.path.strip_prefix(&folder).is_some_and(|name| !name.is_empty() && !name.contains('/')) {
                return invalid(format!("file {} does not lie in its partition {folder}", file.path));
            }
            if file.min_timestamp_us > file.max_timestamp_us {
                return invalid(format!("file {} ends before it starts", file.path));
            }
            if i64::try_from(file.bytes).is_err() || i64::try_from(file.rows).is_err() {
                return invalid(format!("file {} has more bytes or rows than a table log can hold", file.path));
            }
        }
        Ok(())
    }

    /// How the change stands against `snapshot`.
    ///
    /// A change whose files are all there, and none of the removed ones, is present. Otherwise the watermark decides
    /// first: it is the one that tells a writer that its rows are in the table.
    pub(crate) fn standing(&self, snapshot: &Snapshot) -> Standing {
        let live = |file: &&DataFile| snapshot.file(&file.path).is_some();
        let added = self.adds.iter().filter(live).count();
        if added > 0 && added == self.adds.len() && !self.removes.iter().any(|file| live(&file)) {
            return Standing::Present;
        }
        if let Some((writer, lsn)) = self.watermark
            && let Some(found) = snapshot.watermark(writer)
            && found >= lsn
        {
            return Standing::Conflicts(Conflict::Watermark { found });
        }
        if let Some(number) = self.compaction
            && snapshot.compactions() + 1 != number
        {
            return Standing::Conflicts(Conflict::Compaction { found: snapshot.compactions() });
        }
        if let Some(gone) = self.removes.iter().find(|file| !live(file)) {
            return Standing::Conflicts(Conflict::Removed { path: gone.path.clone() });
        }
        if let Some(there) = self.adds.iter().find(live) {
            return Standing::Conflicts(Conflict::Added { path: there.path.clone() });
        }
        Standing::Fits
    }
}

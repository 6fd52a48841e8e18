//! The table log on disk: Delta, through the official kernel. Everything that knows the kernel's types lives below here.
//!
//! [`LogStore`] is one table's log: it loads a version into a [`Snapshot`](crate::Snapshot), catches up with later ones
//! and tries single commits. When to do so, and what a lost race means, is decided by the table above.

mod actions;
mod checkpoint;
mod checkpoint_end;
mod commit;
mod commit_id;
mod committer;
mod creation;
mod objects;
mod replay;
mod schema;
mod seal;
mod statistics;
mod store;

pub(crate) use checkpoint_end::check_checkpoint;
pub(crate) use commit::Attempt;
pub(crate) use commit_id::CommitIds;
pub(crate) use objects::{LOG_FOLDER, LogFile};
pub(crate) use seal::{check as check_json, check_pointer};
pub(crate) use store::{Loaded, LogStore};

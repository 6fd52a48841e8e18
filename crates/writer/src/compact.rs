//! Compaction: the small files of a project-day become few large ones, row for row.
//!
//! [`CompactionPlan`] decides from a snapshot which files to merge, [`compact`] performs one group of them: reads its files whole
//! (every byte proven by the hash in the file's name), merges them in time order, encodes, reads the result back and compares
//! the rows by count and by a multiset hash of their ids, stores, and replaces the files by one commit. That commit carries the
//! number of the compaction and fits only while all the files are live, so of two compactors only one can win. Replaced objects
//! stay in the store: queries that began before still read them.

mod fingerprint;
mod merge;
mod plan;
mod run;
mod settings;

pub use plan::{CompactionGroup, CompactionPlan};
pub use run::{Compacted, CompactionOutcome, compact};
pub use settings::CompactionSettings;

//! The trace index: which segments of which data files hold a trace id, answered without opening a data file.
//!
//! It is a few immutable sorted *runs*. A run covers some data files and maps the [`fingerprint`] of each trace id in
//! them to its places; a *segment* is 4,096 consecutive rows of a data file. One run is written beside each commit
//! ([`RunBuilder`]), [`tiers`] says which runs to [`merge`] next. Of an open run only its [`RunHead`] stays in memory:
//! a lookup reads the one block that may hold the fingerprint.
//!
//! A run says 'this segment may hold the trace': two ids may share a fingerprint, so rows are compared as well. It
//! never keeps silent about a row of a file that it covers. All of it is derived from the data files, and losing it
//! costs speed only. Nothing here does I/O. Bytes: `FORMAT.md`, 'Trace index'.

mod block;
mod fingerprint;
mod merge;
mod paths;
mod run;
mod run_builder;
mod run_cursor;
mod run_end;
mod run_name;
mod run_writer;
pub(crate) mod tiers;
mod varint;

pub(crate) use fingerprint::fingerprint;
pub(crate) use merge::{MergeError, MergeInput, merge};
pub(crate) use run::RunHead;
pub(crate) use run_builder::RunBuilder;
pub(crate) use run_end::RunEnd;
pub(crate) use run_name::{FOLDER, RunName};

#[cfg(test)]
mod tests;

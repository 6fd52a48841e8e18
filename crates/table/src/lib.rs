//! What is stored: partitions, data files, checksums, the Delta log, the in-memory file index and snapshots.
//!
//! Bytes on disk are described in `FORMAT.md` beside this crate's manifest.

mod block_sums;
mod change;
mod checksum;
mod data_file;
mod decode;
mod encode;
mod error;
mod file_name;
mod file_shape;
mod fs;
#[cfg(test)]
mod fuzz;
mod ids;
mod index;
mod log;
mod orphans;
mod parquet_settings;
mod snapshot;
mod store;
mod table;
mod tail;
mod trace_index;
mod trace_places;
mod trace_runs;
mod trace_tending;
mod transactions;
mod verify;
mod verify_index;
mod verify_log;
mod words;

pub use block_sums::{BlockSums, FileEnd};
pub use change::{CommitOutcome, Conflict, Operation, TableChange};
pub use checksum::Damage;
pub use data_file::{DataFile, FileOrigin};
pub use decode::DataFileRows;
pub use encode::{DataFileEncoder, EncodedFile, encode_data_file};
pub use error::{Error, ErrorKind, Result};
pub use file_name::DataFileName;
pub use file_shape::FileShape;
pub use fs::{FileSystem, FsEntry, FsFile, FsMetadata, OsFileSystem, sync_names_above};
pub use ids::{Lsn, WriterId};
pub use parquet_settings::{ColumnEncoding, ParquetSettings, Statistics};
pub use snapshot::{FileFilter, Snapshot, Totals};
pub use store::{LocalStore, NewObject, Store};
pub use table::{Table, TableOptions};
pub use tail::{TailMemtable, TailSource, TailView};
pub use trace_places::{SEGMENT_ROWS, TracePlace};
pub use trace_runs::{TraceHits, TraceIndexSize};
pub use trace_tending::{Tended, trace_run};
pub use verify::{VerifiedFile, verify_data_file};
pub use verify_index::{IndexReport, verify_trace_index};
pub use verify_log::{DamagedLogFile, LogReport, verify_log};
pub use words::{
    Token, TokenEdges, VALUE_COLUMNS, WORD_COLUMNS, WordIndexPlace, begins_word, ends_word, may_hold, tokens_inside,
};

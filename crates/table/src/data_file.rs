//! [`DataFile`]: what the table knows of one Parquet file without opening it.

use annals_event::{Day, ProjectId};

use crate::ids::{Lsn, WriterId};

/// One live data file, as the table log and its name tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Path relative to the table root, e.g. `project_id=acme/day=2026-05-31/part-….parquet`.
    pub path: String,
    /// Partition key.
    pub project_id: ProjectId,
    /// Partition key, UTC.
    pub day: Day,
    /// Size of the file.
    pub bytes: u64,
    /// Number of rows.
    pub rows: u64,
    /// Earliest event, microseconds UTC, inclusive.
    pub min_timestamp_us: i64,
    /// Latest event, microseconds UTC, inclusive (log statistics hold milliseconds, so + 999 us when read from the log).
    pub max_timestamp_us: i64,
    /// Modification time as the log has it, milliseconds since the epoch.
    pub modified_ms: i64,
    /// Writer and LSN range, from the file name; `None` for files that another program added.
    pub origin: Option<FileOrigin>,
}

/// Who wrote a data file, and which of its rows are in it (a subset of the range: one file per partition of a flush).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOrigin {
    /// The writer.
    pub writer: WriterId,
    /// First LSN of the flush.
    pub first_lsn: Lsn,
    /// Last LSN of the flush.
    pub last_lsn: Lsn,
}

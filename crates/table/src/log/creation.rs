//! Version 0 of a new table: protocol, metadata and the commit's own information.
//!
//! Written by hand, with the plainest protocol there is (reader 1, writer 2: no table features), because the kernel's own
//! creation asks for the newest one, which fewer programs read.

use delta_kernel::schema::StructType;
use serde_json::json;

use annals_event::PARTITION_COLUMNS;

use super::actions::COMMIT_ID;
use crate::error::{Error, ErrorKind, Result};
use crate::table::ENGINE_INFO;

/// The oldest reader protocol: any Delta reader can read the table.
const READER_VERSION: u32 = 1;
/// The writer protocol of Delta 0.8: append-only and invariants, of which we use neither.
const WRITER_VERSION: u32 = 2;

/// The bytes of version 0, one action a line.
pub(super) fn first_version(schema: &StructType, table_id: &str, commit_id: &str, now_ms: i64) -> Result<Vec<u8>> {
    let schema = serde_json::to_string(schema)
        .map_err(|error| Error::with_source(ErrorKind::Internal, "the table's schema has no JSON form", error))?;
    let actions = [
        json!({"commitInfo": {
            "timestamp": now_ms,
            "operation": "CREATE TABLE",
            "operationParameters": {},
            "isBlindAppend": true,
            "engineInfo": ENGINE_INFO,
            COMMIT_ID: commit_id,
        }}),
        json!({"protocol": {"minReaderVersion": READER_VERSION, "minWriterVersion": WRITER_VERSION}}),
        json!({"metaData": {
            "id": table_id,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema,
            "partitionColumns": PARTITION_COLUMNS,
            "configuration": {},
            "createdTime": now_ms,
        }}),
    ];
    Ok(actions.iter().flat_map(|action| format!("{action}\n").into_bytes()).collect())
}

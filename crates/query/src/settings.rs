//! [`QuerySettings`]: what one process may spend on answering queries.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Limits and sizes of the query engine. Unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuerySettings {
    /// Memory for sorts, joins, aggregates and facets of all running queries together, bytes. Default 2 GiB, at least 16 MiB.
    pub memory_bytes_max: usize,
    /// Directory for what does not fit in memory; without one, a query over the limit fails. Default none.
    pub spill_dir: Option<PathBuf>,
    /// Most bytes in `spill_dir` at a time. Default 8 GiB.
    pub spill_bytes_max: u64,
    /// Partitions that a plan is divided into, about the cores to use. Default the machine's cores, 1 to 256.
    pub target_partitions: usize,
    /// Memory for cached Parquet footers, bytes: this much for SQL, this much for filter scans. Default 128 MiB; 0 caches
    /// none.
    pub metadata_cache_bytes_max: usize,
    /// Memory for blocks of data files that lookups read again and again, bytes. Default 64 MiB; 0 keeps none.
    pub block_cache_bytes_max: usize,
    /// Memory for pages of data files, unpacked, that lookups come back to, bytes. Default 64 MiB; 0 keeps none.
    pub page_cache_bytes_max: usize,
    /// Whether blocks and pages are kept the first time that they are read, as is best where a read is a request over a network;
    /// otherwise pages are the second time, and blocks of indexes alone. Default true.
    pub caches_at_first_read: bool,
    /// Most rows an SQL answer may have; one more fails the query. Default no limit; at least 1.
    pub rows_max: Option<u64>,
    /// Bytes of rows, as estimated from the sizes of row groups, at which a page of a filter scan ends although it has fewer rows
    /// than its limit. Default no limit; at least 64 KiB.
    pub page_bytes_max: Option<u64>,
    /// Longest an answer may take, milliseconds; for SQL from the plan to the end of the rows. Default 300,000 (5 minutes); `None` is no limit; at least 1.
    pub time_ms_max: Option<u64>,
}

/// Least memory that a plan over several columns can work with.
const MEMORY_BYTES_MIN: usize = 16 << 20;
/// A page that is smaller costs more than its rows.
const PAGE_BYTES_MIN: u64 = 64 << 10;
/// More partitions than this cost more than they bring.
const TARGET_PARTITIONS_MAX: usize = 256;

impl Default for QuerySettings {
    fn default() -> Self {
        Self {
            memory_bytes_max: 2 << 30,
            spill_dir: None,
            spill_bytes_max: 8 << 30,
            target_partitions: std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().min(TARGET_PARTITIONS_MAX)),
            metadata_cache_bytes_max: 128 << 20,
            block_cache_bytes_max: 64 << 20,
            page_cache_bytes_max: 64 << 20,
            caches_at_first_read: true,
            rows_max: None,
            page_bytes_max: None,
            time_ms_max: Some(300_000),
        }
    }
}

impl QuerySettings {
    /// Checks every bound.
    ///
    /// # Errors
    /// `Invalid`, naming all problems at once.
    pub fn validate(&self) -> Result<()> {
        let mut problems = Vec::new();
        if self.memory_bytes_max < MEMORY_BYTES_MIN {
            problems.push(format!("memory_bytes_max is {}, at least {MEMORY_BYTES_MIN}", self.memory_bytes_max));
        }
        if !(1..=TARGET_PARTITIONS_MAX).contains(&self.target_partitions) {
            problems.push(format!("target_partitions is {}, 1 to {TARGET_PARTITIONS_MAX}", self.target_partitions));
        }
        if self.rows_max == Some(0) {
            problems.push("rows_max is 0, at least 1".to_owned());
        }
        if let Some(bytes) = self.page_bytes_max.filter(|bytes| *bytes < PAGE_BYTES_MIN) {
            problems.push(format!("page_bytes_max is {bytes}, at least {PAGE_BYTES_MIN}"));
        }
        if self.time_ms_max == Some(0) {
            problems.push("time_ms_max is 0, at least 1".to_owned());
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(format!("query settings: {}", problems.join("; "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        QuerySettings::default().validate().unwrap();
    }

    #[test]
    fn validate_names_every_problem() {
        let settings = QuerySettings { memory_bytes_max: 1, target_partitions: 0, ..QuerySettings::default() };
        let message = settings.validate().unwrap_err().to_string();
        assert!(message.contains("memory_bytes_max") && message.contains("target_partitions"), "{message}");
    }

    #[test]
    fn unknown_fields_are_refused_by_name() {
        let error = serde_json::from_str::<QuerySettings>(r#"{"memory": 1}"#).unwrap_err().to_string();
        assert!(error.contains("`memory`"), "{error}");
    }
}

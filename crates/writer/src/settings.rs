//! [`WriterSettings`]: the bounds of the way in.

use annals_table::ParquetSettings;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// How rows are logged, held in memory and flushed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WriterSettings {
    /// Bytes of a WAL segment, preallocated, 64 KiB to 4 GiB. Default 32 MiB. A single larger frame extends its segment.
    pub wal_segment_bytes: u64,
    /// Encoded bytes that one frame gathers before it is synced, 4 KiB to 1 GiB. Default 8 MiB.
    pub wal_group_bytes_max: u64,
    /// Compression of the rows in a frame. Default `lz4`.
    pub wal_compression: WalCompression,
    /// Bytes of rows in memory at most: waiting, active and frozen. 1 MiB to 1 TiB. Default 640 MiB.
    pub memtable_bytes_max: u64,
    /// Bytes of rows after which the memtable freezes, at most half of `memtable_bytes_max`. Default 256 MiB.
    pub freeze_bytes: u64,
    /// Rows after which the memtable freezes, 1 to 2^31. Default 1,000,000.
    pub freeze_rows: u64,
    /// Age of the oldest row, in milliseconds, after which the memtable freezes, 1 ms to a day. Default 60,000.
    pub freeze_age_ms: u64,
    /// Frozen memtables in flight at most, 1 to 4; also the number of flush threads. Default 2.
    pub frozen_max: usize,
    /// Threads that one flush encodes its partitions on, 1 to 64. Default 2.
    pub encode_threads: usize,
    /// Milliseconds before a flush that failed is tried again, doubled each time up to a minute; 1 to 60,000. Default 200.
    pub retry_ms: u64,
    /// How many of the newest ids that clients gave are known, so that such an event is stored once; 0 to 1,000,000,000,
    /// 0 knows none. About 30 bytes of memory each. Default 10,000,000.
    pub known_ids_max: u64,
    /// How long an idempotency key is remembered after its answer, in seconds, 1 to 604,800 (a week). Default 86,400 (a day).
    pub request_keys_ttl_s: u64,
    /// Memory for idempotency keys, in bytes: about 200 each. With more, further keys are refused. 4 KiB to 1 TiB, default
    /// 64 MiB.
    pub request_keys_bytes_max: u64,
    /// How data files are encoded.
    pub parquet: ParquetSettings,
    /// Whether a run of the trace index is stored beside each commit. Default true; without, the files are searched until they
    /// are indexed.
    pub trace_index: bool,
}

/// Compression of the rows in a WAL frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalCompression {
    /// LZ4 frames, as Arrow IPC defines them.
    Lz4,
    /// As they are.
    None,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            wal_segment_bytes: 32 * MIB,
            wal_group_bytes_max: 8 * MIB,
            wal_compression: WalCompression::Lz4,
            memtable_bytes_max: 640 * MIB,
            freeze_bytes: 256 * MIB,
            freeze_rows: 1_000_000,
            freeze_age_ms: 60_000,
            frozen_max: 2,
            encode_threads: 2,
            retry_ms: 200,
            known_ids_max: 10_000_000,
            request_keys_ttl_s: 86_400,
            request_keys_bytes_max: 64 * MIB,
            parquet: ParquetSettings::default(),
            trace_index: true,
        }
    }
}

impl WriterSettings {
    /// Checks every bound.
    ///
    /// # Errors
    /// `Invalid`, naming all problems at once.
    pub fn validate(&self) -> Result<()> {
        let mut problems = Vec::new();
        let mut check = |name: &str, value: u64, min: u64, max: u64| {
            if !(min..=max).contains(&value) {
                problems.push(format!("{name} is {value}, must be {min} to {max}"));
            }
        };
        check("wal_segment_bytes", self.wal_segment_bytes, 64 * KIB, 4 << 30);
        check("wal_group_bytes_max", self.wal_group_bytes_max, 4 * KIB, 1 << 30);
        check("memtable_bytes_max", self.memtable_bytes_max, MIB, 1 << 40);
        check("freeze_bytes", self.freeze_bytes, 1, self.memtable_bytes_max / 2);
        check("freeze_rows", self.freeze_rows, 1, 1 << 31);
        check("freeze_age_ms", self.freeze_age_ms, 1, 86_400_000);
        check("frozen_max", self.frozen_max as u64, 1, 4);
        check("encode_threads", self.encode_threads as u64, 1, 64);
        check("retry_ms", self.retry_ms, 1, 60_000);
        check("known_ids_max", self.known_ids_max, 0, 1_000_000_000);
        check("request_keys_ttl_s", self.request_keys_ttl_s, 1, 604_800);
        check("request_keys_bytes_max", self.request_keys_bytes_max, 4 * KIB, 1 << 40);
        if let Err(error) = self.parquet.validate() {
            problems.push(error.to_string());
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, format!("writer settings: {}", problems.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        WriterSettings::default().validate().unwrap();
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let settings =
            WriterSettings { wal_segment_bytes: 1, freeze_rows: 0, encode_threads: 65, ..Default::default() };
        let message = settings.validate().unwrap_err().to_string();
        for name in ["wal_segment_bytes", "freeze_rows", "encode_threads"] {
            assert!(message.contains(name), "{message}");
        }
    }
}

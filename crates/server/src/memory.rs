//! [`MemoryPlan`]: one number of bytes, divided among all that holds memory in a server.
//!
//! The parts never come to more than the whole. Each part is enforced where its memory is taken: the writer counts its
//! memtables, DataFusion its pool, a [`Budget`] the requests in flight. What cannot be counted (encoding, the allocator's
//! slack, the code itself) lives in the reserve.

mod budget;
mod machine;

use std::fmt;

use serde::Serialize;

pub use budget::{Budget, Reservation};
pub use machine::machine_memory_bytes;

/// What one remembered event id costs at most: 17 bytes a place, in tables that are between half and seven eighths full, a
/// third more of them than the window.
pub const KNOWN_ID_BYTES: u64 = 52;

/// What the program takes before it holds anything: its code and its threads. The same for a small server and a large one.
const PROGRAM_BYTES: u64 = 48 << 20;

/// Freezing later than this makes files no better and a stop longer.
const FREEZE_BYTES_MAX: u64 = 256 << 20;

/// How memory is divided. Parts are in bytes; they and the reserve together are exactly `total_bytes`. Percents are of what the
/// program itself leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// All of it.
    pub total_bytes: u64,
    /// Rows that are in no file yet, waiting, active and frozen: 28%. The writer's `memtable_bytes_max`.
    pub memtable_bytes_max: u64,
    /// The part of `memtable_bytes_max` at which a memtable freezes: two fifths, at most 256 MiB. The writer's `freeze_bytes`.
    pub freeze_bytes: u64,
    /// Bodies of requests in flight and what they are decoded to: 15%.
    pub requests_bytes_max: u64,
    /// Sorts, joins and aggregates of all queries: 16%. The engine's `memory_bytes_max`.
    pub queries_bytes_max: u64,
    /// One of the two caches of file footers: 3% each. The engine's `metadata_cache_bytes_max`.
    pub metadata_cache_bytes_max: u64,
    /// Blocks of data files that lookups read again and again: 3%. The engine's `block_cache_bytes_max`.
    pub block_cache_bytes_max: u64,
    /// Pages of data files, unpacked, that lookups come back to: 4%. The engine's `page_cache_bytes_max`.
    pub page_cache_bytes_max: u64,
    /// Ids of known events: 7%, at most what all of them need.
    pub known_ids_bytes_max: u64,
    /// Answers to idempotency keys: 1%.
    pub idempotency_bytes_max: u64,
    /// The rest, a fifth and the program: encoding files, answers on their way, the allocator's slack, code and threads.
    pub reserve_bytes: u64,
}

impl MemoryPlan {
    /// Divides `total_bytes`; `known_ids_max` is how many event ids are wanted in memory. Below 256 MiB the parts become too
    /// small to work with (see [`MEMORY_BYTES_MIN`](crate::settings::MEMORY_BYTES_MIN)), but still add up.
    pub fn new(total_bytes: u64, known_ids_max: u64) -> Self {
        let shared_bytes = total_bytes.saturating_sub(PROGRAM_BYTES);
        let percent = |percent: u64| (u128::from(shared_bytes) * u128::from(percent) / 100) as u64;
        let memtable_bytes_max = percent(28);
        let metadata_cache_bytes_max = percent(3);
        let mut plan = Self {
            total_bytes,
            memtable_bytes_max,
            freeze_bytes: (memtable_bytes_max / 5 * 2).min(FREEZE_BYTES_MAX),
            requests_bytes_max: percent(15),
            queries_bytes_max: percent(16),
            metadata_cache_bytes_max,
            block_cache_bytes_max: percent(3),
            page_cache_bytes_max: percent(4),
            known_ids_bytes_max: percent(7).min(known_ids_max.saturating_mul(KNOWN_ID_BYTES)),
            idempotency_bytes_max: percent(1),
            reserve_bytes: 0,
        };
        plan.reserve_bytes = total_bytes - plan.parts_bytes();
        plan
    }

    /// How many of the last event ids are remembered.
    pub fn known_ids_window(&self) -> u64 {
        self.known_ids_bytes_max / KNOWN_ID_BYTES
    }

    /// The largest body that is let in where `wanted` bytes are asked for: never more than half of what all requests share,
    /// or one body could wait for ever, or keep everybody else waiting.
    pub fn request_bytes_max(&self, wanted: u64) -> u64 {
        wanted.min(self.requests_bytes_max / 2)
    }

    /// All parts but the reserve.
    fn parts_bytes(&self) -> u64 {
        self.memtable_bytes_max
            + self.requests_bytes_max
            + self.queries_bytes_max
            + 2 * self.metadata_cache_bytes_max
            + self.block_cache_bytes_max
            + self.page_cache_bytes_max
            + self.known_ids_bytes_max
            + self.idempotency_bytes_max
    }

    /// Name, bytes and meaning of every part, the whole first.
    pub fn parts(&self) -> [(&'static str, u64, String); 8] {
        [
            ("total", self.total_bytes, "all that the server plans with".to_owned()),
            (
                "memtables",
                self.memtable_bytes_max,
                format!("rows in no file yet; a memtable freezes at {}", mebibytes(self.freeze_bytes)),
            ),
            ("requests", self.requests_bytes_max, "bodies in flight and what they decode to".to_owned()),
            ("queries", self.queries_bytes_max, "sorts, joins and aggregates".to_owned()),
            (
                "caches",
                2 * self.metadata_cache_bytes_max + self.block_cache_bytes_max + self.page_cache_bytes_max,
                format!(
                    "file footers, {} for SQL and as much for searches; {} for blocks of files, {} for pages",
                    mebibytes(self.metadata_cache_bytes_max),
                    mebibytes(self.block_cache_bytes_max),
                    mebibytes(self.page_cache_bytes_max)
                ),
            ),
            (
                "known ids",
                self.known_ids_bytes_max,
                format!("the last {} event ids, to tell duplicates", self.known_ids_window()),
            ),
            ("idempotency", self.idempotency_bytes_max, "answers to idempotency keys".to_owned()),
            ("reserve", self.reserve_bytes, "encoding, answers on their way, allocator, code".to_owned()),
        ]
    }
}

/// A line for every part, in columns.
impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, bytes, meaning)) in self.parts().into_iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{name:<12}{:>14}  {meaning}", mebibytes(bytes))?;
        }
        Ok(())
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use annals_query::QuerySettings;
    use annals_writer::WriterSettings;
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;
    const IDS: u64 = 10_000_000;

    #[test]
    fn parts_come_to_the_total_and_suit_writer_and_engine_from_256_mib_to_a_tib() {
        for shift in 0..=12 {
            for total in [(256 * MIB) << shift, ((256 * MIB) << shift) + 1, ((384 * MIB) << shift) - 1] {
                let plan = MemoryPlan::new(total, IDS);
                assert_eq!(plan.parts_bytes() + plan.reserve_bytes, total);
                assert!(plan.reserve_bytes >= total / 5, "{plan}");
                let writer = WriterSettings {
                    memtable_bytes_max: plan.memtable_bytes_max,
                    freeze_bytes: plan.freeze_bytes,
                    ..WriterSettings::default()
                };
                writer.validate().unwrap();
                let query = QuerySettings {
                    memory_bytes_max: plan.queries_bytes_max as usize,
                    metadata_cache_bytes_max: plan.metadata_cache_bytes_max as usize,
                    block_cache_bytes_max: plan.block_cache_bytes_max as usize,
                    page_cache_bytes_max: plan.page_cache_bytes_max as usize,
                    ..QuerySettings::default()
                };
                query.validate().unwrap();
            }
        }
    }

    #[test]
    fn known_ids_take_no_more_than_they_need_and_fewer_fit_a_small_machine() {
        assert_eq!(MemoryPlan::new(64 << 30, IDS).known_ids_window(), IDS);
        assert_eq!(MemoryPlan::new(64 << 30, 0).known_ids_bytes_max, 0);
        let small = MemoryPlan::new(256 * MIB, IDS).known_ids_window();
        assert!((280_000..320_000).contains(&small), "{small}");
    }

    #[test]
    fn a_memtable_freezes_at_two_fifths_and_never_above_256_mib() {
        assert_eq!(MemoryPlan::new(1_048 * MIB, IDS).freeze_bytes, 112 * MIB);
        assert_eq!(MemoryPlan::new(1 << 40, IDS).freeze_bytes, 256 * MIB);
    }

    #[test]
    fn no_body_takes_more_than_half_of_what_requests_share() {
        let plan = MemoryPlan::new(256 * MIB, IDS);
        assert_eq!(plan.request_bytes_max(64 * MIB), plan.requests_bytes_max / 2);
        assert_eq!(plan.request_bytes_max(MIB), MIB);
        assert_eq!(MemoryPlan::new(8 << 30, IDS).request_bytes_max(64 * MIB), 64 * MIB);
    }

    #[test]
    fn every_part_is_told_on_a_line_of_its_own() {
        let text = MemoryPlan::new(1_048 * MIB, 1_000).to_string();
        for line in ["total           1048.0 MiB", "memtables        280.0 MiB", "the last 1000 event ids"] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(text.lines().count(), 8);
    }

    proptest! {
        #[test]
        fn no_total_overflows_or_is_exceeded(total: u64, ids: u64, shift in 0u32..64) {
            let plan = MemoryPlan::new(total >> shift, ids);
            prop_assert_eq!(plan.parts_bytes() + plan.reserve_bytes, total >> shift);
            prop_assert!(plan.freeze_bytes <= plan.memtable_bytes_max);
        }
    }
}

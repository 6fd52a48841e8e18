//! [`CommitIds`]: names for commits, by which a writer recognises its own after an unclear answer.
//!
//! An id must differ from every other id that competes for the same version, in this process and others. It is a hash of
//! the clock, a counter and a seed; nothing depends on it being unguessable.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annals_event::Clock;
use xxhash_rust::xxh3::xxh3_128;

/// A source of commit ids.
#[derive(Debug)]
pub(crate) struct CommitIds {
    clock: Arc<dyn Clock>,
    seed: u64,
    drawn: AtomicU64,
}

impl CommitIds {
    /// Ids from `seed`; without one no other process draws them, for the seed is the operating system's.
    pub(crate) fn new(clock: Arc<dyn Clock>, seed: Option<u64>) -> Self {
        // The one place that takes a seed from the system; two processes with one clock must not draw the same ids.
        let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        Self { clock, seed, drawn: AtomicU64::new(0) }
    }

    /// The next id, in the form of a UUID.
    pub(crate) fn next(&self) -> String {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.drawn.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        bytes[16..].copy_from_slice(&self.clock.now_us().to_le_bytes());
        let hash = xxh3_128(&bytes).to_le_bytes();
        uuid::Builder::from_random_bytes(hash).into_uuid().to_string()
    }
}

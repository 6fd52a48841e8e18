//! [`MetadataCache`]: footers of data files, kept by path and bounded by bytes.
//!
//! A data file never changes and its path is never used again, so an entry is never stale; it only takes room. What stays is
//! `quick_cache`'s choice: footers that were asked for again outlive those of a scan that passed once.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde::Serialize;

use crate::reader::footer::Footer;

/// What a footer takes or thereabouts: by it the number of entries is guessed.
const FOOTER_BYTES: usize = 16 << 10;

/// Footers of data files. Cheap to ask: one short lock, no I/O under it.
pub(crate) struct MetadataCache {
    footers: Cache<Arc<str>, Kept, ByBytes>,
}

/// How a cache stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// Bytes held, by its own estimate.
    pub bytes: u64,
    /// How often it had what was asked for, since it was made.
    pub hits: u64,
    /// How often it had not.
    pub misses: u64,
}

impl std::ops::Add for CacheStats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, hits: self.hits + other.hits, misses: self.misses + other.misses }
    }
}

#[derive(Clone)]
struct Kept {
    footer: Arc<Footer>,
    /// When it was put in: what a footer derives later must not change its weight.
    bytes: u64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Arc<str>, Kept> for ByBytes {
    fn weight(&self, _path: &Arc<str>, kept: &Kept) -> u64 {
        kept.bytes
    }
}

impl MetadataCache {
    /// A cache that holds at most `bytes_max` bytes of footers, by their own estimate; 0 keeps nothing.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes_max / FOOTER_BYTES).max(1))
            .weight_capacity(bytes_max as u64)
            .build()
            .expect("both capacities are given");
        let (hashes, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { footers: Cache::with_options(options, ByBytes, hashes, lifecycle) }
    }

    /// Bytes held, by the footers' own estimate.
    pub(crate) fn bytes(&self) -> usize {
        usize::try_from(self.footers.weight()).unwrap_or(usize::MAX)
    }

    /// How it stands. Cheap.
    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats { bytes: self.footers.weight(), hits: self.footers.hits(), misses: self.footers.misses() }
    }

    pub(crate) fn get(&self, path: &str) -> Option<Arc<Footer>> {
        self.footers.get(path).map(|kept| kept.footer)
    }

    /// As [`Self::get`], but it does not count as use.
    pub(crate) fn peek(&self, path: &str) -> Option<Arc<Footer>> {
        self.footers.peek(path).map(|kept| kept.footer)
    }

    /// Keeps a footer in place of the one that the path had, if it is worth its room.
    pub(crate) fn insert(&self, path: &str, footer: Arc<Footer>) {
        let bytes = (footer.memory_bytes() + path.len()) as u64;
        self.footers.insert(path.into(), Kept { footer, bytes });
    }
}

impl fmt::Debug for MetadataCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes_max, bytes) = (self.footers.capacity(), self.bytes());
        f.debug_struct("MetadataCache").field("bytes_max", &bytes_max).field("bytes", &bytes).finish()
    }
}

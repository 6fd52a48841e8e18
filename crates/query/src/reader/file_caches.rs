//! [`FileCaches`]: what is kept of the data files of one table.

use std::sync::Arc;

use super::block_cache::BlockCache;
use super::metadata_cache::{CacheStats, MetadataCache};

/// Footers and blocks of the data files of one table, for filter scans, lookups and the plans of SQL.
#[derive(Debug)]
pub struct FileCaches {
    pub(crate) footers: MetadataCache,
    pub(crate) blocks: Arc<BlockCache>,
}

impl FileCaches {
    /// Caches of at most so many bytes each, by their own estimates; 0 keeps nothing.
    pub fn new(footer_bytes_max: usize, block_bytes_max: usize) -> Self {
        Self { footers: MetadataCache::new(footer_bytes_max), blocks: Arc::new(BlockCache::new(block_bytes_max)) }
    }

    /// How the footers stand.
    pub fn footer_stats(&self) -> CacheStats {
        self.footers.stats()
    }

    /// How the blocks stand.
    pub fn block_stats(&self) -> CacheStats {
        self.blocks.stats()
    }
}

//! [`FileCaches`]: what is kept of the data files of one table.

use std::sync::Arc;

use super::block_cache::BlockCache;
use super::doorkeeper::Doorkeeper;
use super::metadata_cache::{CacheStats, MetadataCache};
use super::page_cache::PageCache;

/// Footers, blocks and pages of the data files of one table, for filter scans and lookups; footers for the plans of SQL too.
#[derive(Debug)]
pub struct FileCaches {
    pub(crate) footers: MetadataCache,
    pub(crate) blocks: Arc<BlockCache>,
    pub(crate) pages: Arc<PageCache>,
}

impl FileCaches {
    /// Caches of at most so many bytes each, by their own estimates; 0 keeps nothing. With `at_first` all is kept at its first read, as
    /// is worth it where that is a request over a network; without it pages are at their second, and blocks of indexes alone.
    pub fn new(footer_bytes_max: usize, block_bytes_max: usize, page_bytes_max: usize, at_first: bool) -> Self {
        Self {
            footers: MetadataCache::new(footer_bytes_max),
            blocks: Arc::new(BlockCache::new(block_bytes_max, at_first)),
            pages: Arc::new(PageCache::new(page_bytes_max, Doorkeeper::new(at_first))),
        }
    }

    /// How the footers stand.
    pub fn footer_stats(&self) -> CacheStats {
        self.footers.stats()
    }

    /// How the blocks stand.
    pub fn block_stats(&self) -> CacheStats {
        self.blocks.stats()
    }

    /// How the pages stand.
    pub fn page_stats(&self) -> CacheStats {
        self.pages.stats()
    }
}

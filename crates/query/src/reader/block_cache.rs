//! [`BlockCache`]: checked blocks of data files, kept by path and place and bounded by bytes.
//!
//! A lookup reads a block or two of many files, and the next lookup often the same ones: the words of an index, footers' neighbours,
//! the columns that every filter asks for. What is here costs no request, no sum and no way to another thread. Of local files
//! blocks of an index are kept alone: others are at hand in the system's memory, and unpacked in [`PageCache`](super::page_cache). A
//! data file never changes and its path is never used again, so a block is never stale.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annals_table::BlockSums;
use bytes::{Bytes, BytesMut};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::metadata_cache::CacheStats;
use super::place::{Place, PlaceRef};

/// Bytes of one read up to which it goes through the cache. Larger ones are scans: they would push out what lookups come
/// back to, and gain nothing.
pub(crate) const CACHED_READ_BYTES_MAX: u64 = 1 << 20;

/// What an entry takes beside its bytes: key, two counts of references, a place in the cache.
const ENTRY_BYTES: u64 = 160;
/// A block: by it the number of entries is guessed.
const BLOCK_BYTES: usize = 16 << 10;

/// Blocks of data files. Cheap to ask: one short lock a block, no I/O under it.
pub(crate) struct BlockCache {
    blocks: Cache<Place, Bytes, ByBytes>,
    keeps_all: bool,
}

/// What a block is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockOf {
    /// A word index, which whatever is looked up next asks too.
    Index,
    Data,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Place, Bytes> for ByBytes {
    fn weight(&self, place: &Place, block: &Bytes) -> u64 {
        block.len() as u64 + place.path.len() as u64 + ENTRY_BYTES
    }
}

impl BlockCache {
    /// A cache that holds at most `bytes_max` bytes, of indexes or of all there is; 0 keeps nothing.
    pub(crate) fn new(bytes_max: usize, keeps_all: bool) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes_max / BLOCK_BYTES).max(1))
            .weight_capacity(bytes_max as u64)
            .build()
            .expect("both capacities are given");
        let (hashes, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { blocks: Cache::with_options(options, ByBytes, hashes, lifecycle), keeps_all }
    }

    /// How it stands. Cheap.
    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats { bytes: self.blocks.weight(), hits: self.blocks.hits(), misses: self.blocks.misses() }
    }

    /// The bytes of `range`, which [`BlockSums::widen`] gave, if all of its blocks are here.
    pub(crate) fn get(&self, path: &str, sums: &BlockSums, range: &Range<u64>) -> Option<Bytes> {
        let mut blocks = pieces(sums, range).map(|piece| self.blocks.get(&PlaceRef { path, start: piece.start }));
        let first = blocks.next()??;
        if first.len() as u64 == range.end - range.start {
            return Some(first);
        }
        let mut joined = BytesMut::with_capacity((range.end - range.start) as usize);
        joined.extend_from_slice(&first);
        for block in blocks {
            joined.extend_from_slice(&block?);
        }
        Some(joined.freeze())
    }

    /// Keeps the blocks of a range whose sums fit, if it keeps such.
    pub(crate) fn insert(&self, path: &str, sums: &BlockSums, start: u64, bytes: &Bytes, of: BlockOf) {
        if self.blocks.capacity() == 0 || (of == BlockOf::Data && !self.keeps_all) {
            return;
        }
        let mut shared: Option<Arc<str>> = None;
        for piece in pieces(sums, &(start..start + bytes.len() as u64)) {
            let path = Arc::clone(shared.get_or_insert_with(|| path.into()));
            let block = &bytes[(piece.start - start) as usize..(piece.end - start) as usize];
            // A copy: a slice would keep all of the read in memory for as long as the block is kept.
            self.blocks.insert(Place { path, start: piece.start }, Bytes::copy_from_slice(block));
        }
    }
}

/// The blocks of a range that starts and ends where a sum does; of any two ranges, blocks with equal starts are equal.
fn pieces<'a>(sums: &'a BlockSums, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'a> {
    let (mut start, end) = (range.start, range.end);
    std::iter::from_fn(move || {
        let from = start;
        let next = sums.next_start(from + 1);
        // Behind the last block stands the tail, which has one sum.
        start = if next > from { next.min(end) } else { end };
        (from < end).then_some(from..start)
    })
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes_max = self.blocks.capacity();
        f.debug_struct("BlockCache").field("bytes_max", &bytes_max).field("bytes", &self.blocks.weight()).finish()
    }
}

#[cfg(test)]
mod tests;

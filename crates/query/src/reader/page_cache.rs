//! [`PageCache`]: pages of data files as they are unpacked, kept by path and place and bounded by bytes.
//!
//! Of one file the same pages are asked for again and again, whatever is searched: dictionaries, which are needed whole for a single
//! row, and the pages of the latest rows. Unpacking them is most of the work of a lookup whose blocks are at hand. Pages of which
//! only the beginning was unpacked are not kept, and neither are those of scans, which read whole row groups.

use std::fmt;
use std::sync::Arc;

use parquet::column::page::Page;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::doorkeeper::Doorkeeper;
use super::metadata_cache::CacheStats;
use super::place::{Place, PlaceRef};

/// What an entry takes beside its bytes: key, what its header says, counts of references, a place in the cache.
const ENTRY_BYTES: u64 = 256;

/// A page: by it the number of entries is guessed.
const PAGE_BYTES: usize = 32 << 10;

/// Unpacked pages of data files. Cheap to ask: one short lock, no I/O under it.
pub(crate) struct PageCache {
    pages: Cache<Place, Page, ByBytes>,
    doorkeeper: Doorkeeper,
}

/// The kept pages of one file. A data file never changes and its path is never used again, so a page is never stale.
#[derive(Clone, Debug)]
pub(crate) struct FilePages {
    cache: Arc<PageCache>,
    path: Arc<str>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Place, Page> for ByBytes {
    fn weight(&self, place: &Place, page: &Page) -> u64 {
        page.buffer().len() as u64 + place.path.len() as u64 + ENTRY_BYTES
    }
}

impl PageCache {
    /// A cache that holds at most `bytes_max` bytes; 0 keeps nothing.
    pub(crate) fn new(bytes_max: usize, doorkeeper: Doorkeeper) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes_max / PAGE_BYTES).max(1))
            .weight_capacity(bytes_max as u64)
            .build()
            .expect("both capacities are given");
        let (hashes, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { pages: Cache::with_options(options, ByBytes, hashes, lifecycle), doorkeeper }
    }

    /// How it stands. Cheap.
    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats { bytes: self.pages.weight(), hits: self.pages.hits(), misses: self.pages.misses() }
    }

    /// The pages of the file at `path`.
    pub(crate) fn of_file(self: &Arc<Self>, path: &str) -> FilePages {
        FilePages { cache: Arc::clone(self), path: path.into() }
    }
}

impl FilePages {
    /// The page that starts at this offset, unpacked.
    pub(crate) fn get(&self, start: u64) -> Option<Page> {
        self.cache.pages.get(&PlaceRef { path: &self.path, start })
    }

    /// Keeps a page that was unpacked to its end, and that holds on to no other memory than its own, if the doorkeeper lets it in.
    /// Dictionaries are let in at once: whatever is asked of the file next needs them.
    pub(crate) fn insert(&self, start: u64, page: &Page) {
        let is_admitted =
            || page.is_dictionary_page() || self.cache.doorkeeper.admits(&PlaceRef { path: &self.path, start });
        if self.cache.pages.capacity() > 0 && is_admitted() {
            self.cache.pages.insert(Place { path: Arc::clone(&self.path), start }, page.clone());
        }
    }
}

impl fmt::Debug for PageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes_max = self.pages.capacity();
        f.debug_struct("PageCache").field("bytes_max", &bytes_max).field("bytes", &self.pages.weight()).finish()
    }
}

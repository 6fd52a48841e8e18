//! [`Place`]: where something stands in a data file, by which the caches keep it.

use std::sync::Arc;

use quick_cache::Equivalent;

/// A path and the offset in its file at which a thing starts.
#[derive(Clone, Hash, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: Arc<str>,
    pub(crate) start: u64,
}

/// The same, borrowed. Hashes as [`Place`] does.
#[derive(Hash)]
pub(crate) struct PlaceRef<'a> {
    pub(crate) path: &'a str,
    pub(crate) start: u64,
}

impl Equivalent<Place> for PlaceRef<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        self.start == place.start && self.path == &*place.path
    }
}

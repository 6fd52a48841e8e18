//! [`Doorkeeper`]: who is let into a cache.
//!
//! What is read once and never again only costs in a cache: memory that has to be made and cleared, where what is forgotten at once
//! is used again for the next read. Most of what a lookup touches is such. So where reading is cheap, something is kept when it
//! is asked for a second time (as TinyLFU's doorkeeper does); where it is a request over a network, the first time.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use super::place::PlaceRef;

/// Places that are remembered, about: a new one takes the place of an old one that falls on the same mark.
const MARKS: usize = 1 << 15;

/// See the module.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    hasher: RandomState,
    /// Of what was asked for once; empty if everybody is let in.
    marks: Box<[AtomicU32]>,
}

impl Doorkeeper {
    /// Lets in at the first time, or at the second.
    pub(crate) fn new(at_first: bool) -> Self {
        let marks = if at_first { 0 } else { MARKS };
        Self { hasher: RandomState::new(), marks: std::iter::repeat_with(AtomicU32::default).take(marks).collect() }
    }

    /// Whether to keep what was read at this place. Counts as having been asked for.
    pub(crate) fn admits(&self, place: &PlaceRef<'_>) -> bool {
        let hash = self.hasher.hash_one(place);
        let Some(mark) = self.marks.get(hash as usize % MARKS) else { return true };
        // Never 0, which is no place.
        let sign = (hash >> 32) as u32 | 1;
        mark.swap(sign, Ordering::Relaxed) == sign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_again_is_let_in() {
        let (first, second) = (Doorkeeper::new(true), Doorkeeper::new(false));
        let again = PlaceRef { path: "a", start: 7 };
        assert!(first.admits(&again));
        assert!(!second.admits(&again));
        assert!(second.admits(&again));
    }

    #[test]
    fn whoever_comes_once_is_not() {
        let doorkeeper = Doorkeeper::new(false);
        let admitted = (0..20_000).filter(|start| doorkeeper.admits(&PlaceRef { path: "a", start: *start })).count();
        // Two places are taken for one another once in four billion times.
        assert!(admitted < 5, "{admitted}");
    }
}

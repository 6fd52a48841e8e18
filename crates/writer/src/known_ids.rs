//! [`KnownIds`]: the ids that clients gave to the newest events, so that one sent again is stored once.
//!
//! Owned by the WAL thread, which asks it in LSN order: of two equal ids the first in the log wins. An id is remembered as
//! half of a SHA-256 of project and id, so nobody can make an event of another project look known.
//!
//! Generations rather than a ring: each is a table of a third of the window, allocated whole, so that no insert ever waits
//! for a table to be rebuilt; the oldest is dropped when the newest is full. At least the newest `ids_max` are known.

use std::collections::VecDeque;

use annals_event::columns;
use arrow::array::{Array, AsArray, RecordBatch};
use hashbrown::HashTable;
use sha2::{Digest, Sha256};

/// Full generations that are kept beside the one that fills.
const GENERATIONS: usize = 3;

/// The first 16 bytes of SHA-256 of (project, NUL, id).
pub(crate) type IdHash = [u8; 16];

/// The hash of an event's id. A project id holds no NUL, so no two pairs are written alike.
pub(crate) fn id_hash(project: &str, id: &str) -> IdHash {
    let digest = Sha256::new().chain_update(project).chain_update([0]).chain_update(id).finalize();
    digest[..16].try_into().expect("SHA-256 has 32 bytes")
}

/// The rows of a batch (event schema) to which the client gave an id, ascending, with its hash.
pub(crate) fn client_ids(batch: &RecordBatch) -> Vec<(u32, IdHash)> {
    let ids = batch[columns::ID].as_string_view();
    if ids.null_count() == ids.len() {
        return Vec::new();
    }
    let projects = batch[columns::PROJECT_ID].as_string_view();
    let given = (0..ids.len()).filter(|row| ids.is_valid(*row));
    given.map(|row| (row as u32, id_hash(projects.value(row), ids.value(row)))).collect()
}

/// A set of the newest ids.
#[derive(Debug)]
pub(crate) struct KnownIds {
    /// Newest first.
    generations: VecDeque<HashTable<IdHash>>,
    generation_ids: usize,
    enabled: bool,
}

impl KnownIds {
    /// A set that knows at least the newest `ids_max`; 0 knows none.
    pub(crate) fn new(ids_max: u64) -> Self {
        let generation_ids = usize::try_from(ids_max).unwrap_or(usize::MAX).div_ceil(GENERATIONS).max(1);
        Self { generations: VecDeque::new(), generation_ids, enabled: ids_max > 0 }
    }

    /// Notes an id; `false` when it is known already.
    pub(crate) fn insert(&mut self, id: IdHash) -> bool {
        if !self.enabled {
            return true;
        }
        let hash = short(&id);
        if self.generations.iter().any(|generation| generation.find(hash, |other| *other == id).is_some()) {
            return false;
        }
        if self.generations.front().is_none_or(|newest| newest.len() >= self.generation_ids) {
            self.generations.truncate(GENERATIONS);
            self.generations.push_front(HashTable::with_capacity(self.generation_ids));
        }
        let newest = self.generations.front_mut().expect("one was just made where there was none");
        newest.insert_unique(hash, id, short);
        true
    }

    /// Forgets an id whose row was not logged after all.
    pub(crate) fn remove(&mut self, id: &IdHash) {
        for generation in &mut self.generations {
            if let Ok(entry) = generation.find_entry(short(id), |other| other == id) {
                entry.remove();
                return;
            }
        }
    }
}

fn short(id: &IdHash) -> u64 {
    u64::from_le_bytes(id[..8].try_into().expect("a slice of eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> IdHash {
        id_hash("p", &number.to_string())
    }

    #[test]
    fn at_least_the_newest_ids_are_known_and_memory_is_bounded() {
        let mut known = KnownIds::new(30);
        for number in 0..1_000 {
            assert!(known.insert(id(number)));
            for recent in number.saturating_sub(29)..=number {
                assert!(!known.insert(id(recent)), "{recent} of {number}");
            }
        }
        assert!(known.generations.len() <= GENERATIONS + 1);
        assert!(known.insert(id(0)), "an id beyond the window is new again");
    }

    #[test]
    fn an_id_that_was_taken_back_is_new_again() {
        let mut known = KnownIds::new(10);
        assert!(known.insert(id(1)));
        known.remove(&id(1));
        assert!(known.insert(id(1)));
    }

    #[test]
    fn the_same_id_in_two_projects_is_two_ids() {
        assert_ne!(id_hash("a", "x"), id_hash("b", "x"));
        assert_ne!(id_hash("ab", "c"), id_hash("a", "bc"));
    }

    #[test]
    fn a_window_of_none_knows_nothing() {
        let mut known = KnownIds::new(0);
        assert!(known.insert(id(1)) && known.insert(id(1)));
    }
}

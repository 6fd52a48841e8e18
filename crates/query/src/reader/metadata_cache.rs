//! [`MetadataCache`]: footers of data files, kept by path and bounded by bytes.
//!
//! A data file never changes and its path is never used again, so an entry is never stale; it only takes room. Eviction is
//! the clock's: an entry that was asked for since the hand last passed stays one more round.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::reader::footer::Footer;

/// Footers of data files. Cheap to ask: one short lock, no I/O under it.
pub struct MetadataCache {
    bytes_max: usize,
    entries: Mutex<Entries>,
    hits: AtomicU64,
    misses: AtomicU64,
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

#[derive(Default)]
struct Entries {
    by_path: HashMap<Arc<str>, Entry>,
    /// Every path once, in the order in which the hand meets them.
    ring: VecDeque<Arc<str>>,
    bytes: usize,
}

struct Entry {
    footer: Arc<Footer>,
    bytes: usize,
    asked: bool,
}

impl MetadataCache {
    /// A cache that holds at most `bytes_max` bytes of footers, by their own estimate; 0 keeps nothing.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, entries: Mutex::default(), hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// Bytes held, by the footers' own estimate.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// How it stands. Cheap.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            bytes: self.bytes() as u64,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Option<Arc<Footer>> {
        let found = self.find(path);
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn find(&self, path: &str) -> Option<Arc<Footer>> {
        let mut entries = self.lock();
        let entry = entries.by_path.get_mut(path)?;
        entry.asked = true;
        Some(Arc::clone(&entry.footer))
    }

    /// Keeps a footer in place of the one that the path had, and lets go of others until the bound holds.
    pub(crate) fn insert(&self, path: &str, footer: Arc<Footer>) {
        let bytes = footer.memory_bytes() + path.len();
        if bytes > self.bytes_max {
            return;
        }
        let mut entries = self.lock();
        let entries = &mut *entries;
        let entry = Entry { footer, bytes, asked: false };
        entries.bytes += bytes;
        match entries.by_path.get_mut(path) {
            Some(old) => {
                entries.bytes -= old.bytes;
                *old = entry;
            }
            None => {
                let path: Arc<str> = path.into();
                entries.by_path.insert(Arc::clone(&path), entry);
                entries.ring.push_back(path);
            }
        }
        while entries.bytes > self.bytes_max {
            let Some(path) = entries.ring.pop_front() else { break };
            let Some(entry) = entries.by_path.get_mut(&path) else { continue };
            if entry.asked {
                entry.asked = false;
                entries.ring.push_back(path);
            } else {
                entries.bytes -= entry.bytes;
                entries.by_path.remove(&path);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Every change is finished before anything can panic, so a poisoned lock still guards a sound map.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MetadataCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataCache").field("bytes_max", &self.bytes_max).field("bytes", &self.bytes()).finish()
    }
}

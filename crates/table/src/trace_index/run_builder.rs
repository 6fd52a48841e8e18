//! [`RunBuilder`]: collects the entries of a few data files, those of one commit, in any order, and makes a run of
//! them.

use std::collections::BTreeMap;

use super::block::Entry;
use super::paths::Paths;
use super::run_writer::{RunWriter, into_vec};

/// Holds all entries in memory: 16 bytes each.
#[derive(Debug, Default)]
pub(crate) struct RunBuilder {
    /// Paths with their numbers in the order of the calls.
    files: BTreeMap<String, u32>,
    /// By these numbers.
    entries: Vec<Entry>,
}

impl RunBuilder {
    /// A run without files.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The number of a data file, by which [`add`](Self::add) names it: the next one for a path that is new. From now
    /// on the run covers the file, even when nothing is added: it says then that the file holds no trace.
    pub(crate) fn file(&mut self, path: &str) -> u32 {
        if let Some(number) = self.files.get(path) {
            return *number;
        }
        let number = self.files.len() as u32;
        self.files.insert(path.to_owned(), number);
        number
    }

    /// Adds that a segment of a file has rows of the trace with this fingerprint. Repetitions are harmless.
    ///
    /// # Panics
    /// When `file` is no number that [`file`](Self::file) gave.
    pub(crate) fn add(&mut self, fingerprint: u64, file: u32, segment: u32) {
        assert!((file as usize) < self.files.len(), "a file has its number before it has entries");
        let entry = Entry { fingerprint, file, segment };
        // Rows of a trace often follow each other.
        if self.entries.last() != Some(&entry) {
            self.entries.push(entry);
        }
    }

    /// All bytes of the run. The same files and entries give the same bytes, whatever the order of calls.
    ///
    /// # Panics
    /// When the paths of all files have more than 128 MiB.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let mut ranks = vec![0; self.files.len()];
        for (rank, number) in self.files.values().enumerate() {
            ranks[*number as usize] = rank as u32;
        }
        for entry in &mut self.entries {
            entry.file = ranks[entry.file as usize];
        }
        self.entries.sort_unstable();
        let mut run = Vec::new();
        let mut writer = RunWriter::new(Paths::of_ascending(self.files.keys().map(String::as_str)), into_vec(&mut run));
        for entry in self.entries {
            writer.push(entry).expect("sorted entries of known files go into a vector");
        }
        writer.finish().expect("a vector takes the end");
        run
    }
}

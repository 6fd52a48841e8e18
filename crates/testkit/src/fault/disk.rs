//! [`Disk`]: the state of a model file system.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::model_fs::Unsynced;
use super::names::{Names, Node};
use super::pages::Pages;

/// Names, files, and how the disk stands.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) names: Names,
    pub(super) files: BTreeMap<u64, ModelFile>,
    /// Nothing works any more: power is lost, or the process was killed.
    pub(super) stopped: bool,
    /// Bytes that files may have, together.
    pub(super) capacity: Option<u64>,
    next_file: u64,
    /// Operations so far that change something, for choices that differ from one to the next.
    pub(super) operations: u64,
    pub(super) seed: u64,
}

/// One file.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelFile {
    pub(super) pages: Pages,
    pub(super) locked: bool,
    pub(super) modified_us: i64,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            names: Names::new(),
            files: BTreeMap::new(),
            stopped: false,
            capacity: None,
            next_file: 1,
            operations: 0,
            seed,
        }
    }

    /// Chance for the operation at hand.
    pub(super) fn chance(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ self.operations.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(super) fn create(&mut self, path: &Path, now_us: i64) -> io::Result<u64> {
        let number = self.next_file;
        self.names.put(path, Node::File(number))?;
        self.next_file += 1;
        self.files.insert(number, ModelFile { modified_us: now_us, ..ModelFile::default() });
        Ok(number)
    }

    /// # Errors
    /// `NotFound`, or `IsADirectory`.
    pub(super) fn file_at(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path)? {
            Node::File(number) => Ok(number),
            Node::Dir => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn file(&mut self, number: u64) -> &mut ModelFile {
        self.files.get_mut(&number).expect("files stay while handles may lead to them")
    }

    /// Bytes of `wanted` more that fit, of a file that is to grow by them.
    pub(super) fn room(&self, wanted: u64) -> u64 {
        let Some(capacity) = self.capacity else { return wanted };
        let used: u64 = self.names.files().map(|(_, number)| self.files[&number].pages.live().len() as u64).sum();
        wanted.min(capacity.saturating_sub(used))
    }

    /// The disk as the next process finds it after this one was killed: all is there, no lock is held.
    pub(super) fn killed(&self) -> Self {
        let mut next = self.clone();
        next.stopped = false;
        next.files.values_mut().for_each(|file| file.locked = false);
        next
    }

    /// The disk after a loss of power.
    pub(super) fn power_lost(&self, unsynced: Unsynced, seed: u64) -> Self {
        let mut next = self.killed();
        let mut chance = StdRng::seed_from_u64(seed);
        next.names.lose_power(unsynced, &mut chance);
        next.files.values_mut().for_each(|file| file.pages.lose_power(unsynced, &mut chance));
        next
    }

    /// Every file and its bytes.
    pub(super) fn image(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let bytes = |number: u64| self.files[&number].pages.live().to_vec();
        self.names.files().map(|(path, number)| (path.to_path_buf(), bytes(number))).collect()
    }
}

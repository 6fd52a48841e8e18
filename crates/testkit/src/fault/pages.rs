//! [`Pages`]: the bytes of one file, as programs see them and as the disk holds them.

use std::ops::Range;

use rand::Rng;
use rand::rngs::StdRng;

use super::model_fs::Unsynced;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A file's two images. The durable one follows at a sync, or in part when power is lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Written since the last sync, in no order.
    dirty: Vec<Range<usize>>,
}

impl Pages {
    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        grow(&mut self.live, end);
        self.live[offset..end].copy_from_slice(bytes);
        // Frames follow each other: one range then serves for all of them.
        match self.dirty.last_mut() {
            Some(last) if last.end == offset => last.end = end,
            _ => self.dirty.push(offset..end),
        }
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.live.truncate(len);
        grow(&mut self.live, len);
    }

    pub(super) fn sync(&mut self) {
        self.durable.truncate(self.live.len());
        grow(&mut self.durable, self.live.len());
        for range in std::mem::take(&mut self.dirty) {
            let range = range.start.min(self.live.len())..range.end.min(self.live.len());
            self.durable[range.clone()].copy_from_slice(&self.live[range]);
        }
    }

    /// A sync that failed: some sectors arrived, and the system takes all for clean, so no later sync writes the others.
    pub(super) fn fail_sync(&mut self, chance: &mut StdRng) {
        self.settle(chance);
        self.dirty.clear();
    }

    /// What a loss of power leaves.
    pub(super) fn lose_power(&mut self, unsynced: Unsynced, chance: &mut StdRng) {
        if unsynced == Unsynced::Reordered {
            self.settle(chance);
        }
        self.dirty.clear();
        self.live.clone_from(&self.durable);
    }

    /// Lets each unsynced sector, and an unsynced length, reach the disk or not.
    fn settle(&mut self, chance: &mut StdRng) {
        if self.durable.len() != self.live.len() && chance.random() {
            self.durable.truncate(self.live.len());
            grow(&mut self.durable, self.live.len());
        }
        for range in &self.dirty {
            let end = range.end.min(self.durable.len()).min(self.live.len());
            let mut at = range.start;
            while at < end {
                let next = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
                if chance.random() {
                    self.durable[at..next.min(end)].copy_from_slice(&self.live[at..next.min(end)]);
                }
                at = next;
            }
        }
    }
}

/// Extends with zeros up to `len`. Unoptimised, `resize` writes them one by one.
fn grow(bytes: &mut Vec<u8>, len: usize) {
    if let Some(missing) = len.checked_sub(bytes.len()) {
        bytes.extend_from_slice(&vec![0; missing]);
    }
}

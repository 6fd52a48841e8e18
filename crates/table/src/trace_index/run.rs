//! [`RunHead`]: what stays in memory of an open run, and how a fingerprint is looked up by it. Four bytes a block and
//! the paths of the files; the caller reads the blocks.

use std::ops::Range;

use super::block::{BLOCK_BYTES, Entry, block_range, decode_block};
use super::paths::Paths;
use crate::checksum::Damage;

/// Where rows of a trace may stand: a segment of one of the run's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Number of the file within the run, see [`RunHead::path`].
    pub(crate) file: u32,
    /// Number of the segment: rows from 4,096 times this one on.
    pub(crate) segment: u32,
}

/// Directory and paths of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunHead {
    pub(super) entries: u64,
    /// The upper half of the first fingerprint of each block; does not descend.
    pub(super) directory: Box<[u32]>,
    pub(super) paths: Paths,
}

impl RunHead {
    /// The bytes of the run, whole blocks, that may hold `fingerprint`: normally one block. `None` when it is not in
    /// the run.
    pub(crate) fn blocks_for(&self, fingerprint: u64) -> Option<Range<u64>> {
        let numbers = self.numbers_for(fingerprint);
        (!numbers.is_empty()).then(|| byte_range(&numbers))
    }

    /// The places of `fingerprint`, ascending, each once. `bytes` stand at `range_start` of the run: the range that
    /// [`blocks_for`](Self::blocks_for) gave, or a wider one that starts with a block.
    ///
    /// # Errors
    /// The first damaged block; the whole range when it is not wholly in `bytes`.
    pub(crate) fn find(&self, range_start: u64, bytes: &[u8], fingerprint: u64) -> Result<Vec<Place>, Damage> {
        let numbers = self.numbers_for(fingerprint);
        let mut places = Vec::new();
        if numbers.is_empty() {
            return Ok(places);
        }
        let range = byte_range(&numbers);
        let wanted = range.start.checked_sub(range_start).and_then(|from| {
            let from = usize::try_from(from).ok()?;
            bytes.get(from..)?.get(..usize::try_from(range.end - range.start).ok()?)
        });
        let wanted = wanted.ok_or(Damage::Block(range))?;
        let (mut entries, mut last) = (Vec::new(), None);
        for (number, block) in numbers.zip(wanted.chunks_exact(BLOCK_BYTES)) {
            self.read_block(number, block, last, &mut entries)?;
            last = entries.last().copied();
            let first = entries.partition_point(|entry| entry.fingerprint < fingerprint);
            let found = entries[first..].iter().take_while(|entry| entry.fingerprint == fingerprint);
            places.extend(found.map(|entry| Place { file: entry.file, segment: entry.segment }));
        }
        Ok(places)
    }

    /// The path of a file by its number, relative to the table root.
    ///
    /// # Panics
    /// When the run has no such file; the numbers that [`find`](Self::find) gives it has.
    pub(crate) fn path(&self, file: u32) -> &str {
        self.paths.get(file).expect("a file's number comes from this run")
    }

    /// The paths of all files that the run covers, by number, ascending; also of those without any trace.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter()
    }

    /// Number of files that the run covers.
    pub(crate) fn files(&self) -> usize {
        self.paths.len()
    }

    /// Number of entries.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// Number of bytes of all blocks, which stand at the start of the run: what a merge reads.
    pub(crate) fn blocks_bytes(&self) -> u64 {
        self.directory.len() as u64 * BLOCK_BYTES as u64
    }

    /// Bytes of memory that the head takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.directory.as_ref()) + self.paths.heap_bytes()
    }

    /// Number of blocks.
    pub(super) fn blocks(&self) -> u32 {
        self.directory.len() as u32
    }

    /// Checks and decodes one block into `entries`; `after` is the last entry of the block before, if that was read.
    /// Besides its sum, the block must agree with what else is known: the directory, the files, the block before.
    pub(super) fn read_block(
        &self,
        number: u32,
        block: &[u8],
        after: Option<Entry>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Damage> {
        decode_block(block, number, entries)?;
        let first = entries.first().copied();
        let in_directory = self.directory.get(number as usize).copied();
        let is_listed = first.map(|first| upper_half(first.fingerprint)) == in_directory;
        let has_files = entries.iter().all(|entry| (entry.file as usize) < self.paths.len());
        // `None`, nothing before, is below every entry.
        if is_listed && has_files && after < first { Ok(()) } else { Err(Damage::Block(block_range(number))) }
    }

    /// Numbers of the blocks that may hold `fingerprint`.
    fn numbers_for(&self, fingerprint: u64) -> Range<u32> {
        let upper = upper_half(fingerprint);
        let first = self.directory.partition_point(|start| *start < upper);
        let end = self.directory.partition_point(|start| *start <= upper);
        // The block before the first that starts with this half or above: the fingerprint may stand at its end.
        first.saturating_sub(1) as u32..end as u32
    }
}

/// The half of a fingerprint that a directory holds.
pub(super) fn upper_half(fingerprint: u64) -> u32 {
    (fingerprint >> 32) as u32
}

fn byte_range(numbers: &Range<u32>) -> Range<u64> {
    block_range(numbers.start).start..block_range(numbers.end).start
}

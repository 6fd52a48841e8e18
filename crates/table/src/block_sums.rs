//! [`BlockSums`]: reading parts of a Parquet file of ours so that no byte is used before its sum was compared.
//!
//! Pure: it says what to read, and judges what was read. The way of a reader: the end of the file first
//! ([`BlockSums::of_end`]), which proves the footer and the sums in it; then any ranges, widened to whole blocks
//! ([`BlockSums::widen`]), each checked ([`BlockSums::check`]) before a byte of it is looked at. Bytes: `FORMAT.md`,
//! 'Checksums'.

use std::ops::Range;

use crate::checksum::{Damage, FoundSums, find_damaged_block, find_sums, tail_sum};
use crate::error::{Error, ErrorKind};

/// Bytes up to which ranges that share a block are read as one. Beyond, the shared block is read twice: a part stays in
/// memory as long as anything of it is used.
const JOINED_BYTES_MAX: u64 = 4 << 20;

/// Most bytes that a footer with the page indexes before it may have. A damaged length or number asks for no more.
const TAIL_BYTES_MAX: u64 = 256 << 20;

/// The sums of one file, proven by the tail that they stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockSums {
    file_bytes: u64,
    /// Where the tail starts: block sums are of what is before.
    data_end: u64,
    /// Bytes under one of them.
    block_bytes: u64,
    blocks: Box<[u32]>,
    tail: u32,
    tail_digits: Range<u64>,
}

/// What the end of a file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEnd {
    /// The sums; the tail is whole.
    Checked(BlockSums),
    /// The tail starts before what is at hand: everything from this offset on is needed.
    NeedsFrom(u64),
}

impl BlockSums {
    /// Finds and checks the sums in `end`, the last bytes of a file of `file_bytes`.
    ///
    /// # Errors
    /// When the tail is damaged, or has no sums.
    pub fn of_end(end: &[u8], file_bytes: u64) -> Result<FileEnd, Damage> {
        match find_sums(end, file_bytes).ok_or(Damage::Footer)? {
            FoundSums::NeedsFrom(offset) if file_bytes - offset > TAIL_BYTES_MAX => Err(Damage::Footer),
            FoundSums::NeedsFrom(offset) => Ok(FileEnd::NeedsFrom(offset)),
            FoundSums::Found(found) => {
                let sums = Self {
                    file_bytes,
                    data_end: found.data_end,
                    block_bytes: found.block_bytes as u64,
                    blocks: found.blocks.into(),
                    tail: found.tail,
                    tail_digits: found.tail_digits,
                };
                sums.check_tail(end, file_bytes - end.len() as u64)?;
                Ok(FileEnd::Checked(sums))
            }
        }
    }

    /// Where the tail starts, which one sum covers.
    pub fn data_end(&self) -> u64 {
        self.data_end
    }

    /// What to read so that `ranges` (within the file) can be checked: ascending parts, each range wholly in one of them.
    /// An empty range needs nothing.
    pub fn widen(&self, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut wide: Vec<_> =
            ranges.iter().filter(|range| range.start < range.end).map(|range| self.whole(range)).collect();
        wide.sort_unstable_by_key(|range| (range.start, range.end));
        let mut parts: Vec<Range<u64>> = Vec::with_capacity(wide.len());
        for range in wide {
            match parts.last_mut() {
                Some(last) if range.end <= last.end => {}
                Some(last) if range.start < last.end && range.end - last.start <= JOINED_BYTES_MAX => {
                    last.end = range.end
                }
                _ => parts.push(range),
            }
        }
        parts
    }

    /// The first offset at or after `offset` at which a part that can be checked may start.
    pub fn next_start(&self, offset: u64) -> u64 {
        offset.next_multiple_of(self.block_bytes).min(self.data_end)
    }

    /// Checks one part as [`Self::widen`] gave it: `bytes` stand at `start` of the file.
    ///
    /// # Errors
    /// The first damaged range. Also when the part does not start and end where a sum does.
    pub fn check(&self, start: u64, bytes: &[u8]) -> Result<(), Damage> {
        let end = start + bytes.len() as u64;
        let misread = Err(Damage::Block(start..end));
        if start >= self.data_end {
            return if start == self.data_end { self.check_tail(bytes, start) } else { misread };
        }
        let ends_a_block = end.is_multiple_of(self.block_bytes) || end == self.data_end;
        let is_whole = end == self.file_bytes || (end <= self.data_end && ends_a_block);
        if !is_whole || !start.is_multiple_of(self.block_bytes) {
            return misread;
        }
        let data = &bytes[..(self.data_end.min(end) - start) as usize];
        let first = (start / self.block_bytes) as usize;
        if let Some(damaged) = find_damaged_block(&self.blocks, self.block_bytes as usize, first, data) {
            return Err(Damage::Block(damaged));
        }
        if end > self.data_end { self.check_tail(bytes, start) } else { Ok(()) }
    }

    /// Bytes of memory that the sums take.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.blocks.as_ref())
    }

    /// The range in whole blocks, with all of the tail if it reaches into it.
    fn whole(&self, range: &Range<u64>) -> Range<u64> {
        let block = self.block_bytes;
        let start = if range.start < self.data_end { range.start / block * block } else { self.data_end };
        let end = if range.end <= self.data_end {
            range.end.next_multiple_of(block).min(self.data_end)
        } else {
            self.file_bytes
        };
        start..end
    }

    fn check_tail(&self, end: &[u8], start: u64) -> Result<(), Damage> {
        let is_all = start + end.len() as u64 == self.file_bytes && start <= self.data_end;
        if is_all && tail_sum(end, start, self.data_end, &self.tail_digits) == self.tail {
            return Ok(());
        }
        Err(Damage::Tail(self.data_end..self.file_bytes))
    }
}

impl Damage {
    /// The error for whoever wanted to read `path`, `what` it is, which names both and what to do.
    pub fn of_file(&self, what: &str, path: &str) -> Error {
        let message = format!(
            "the {what} {path} is damaged: {self}; run `annals verify` to see all that is damaged, and restore the file \
             from a copy of the store"
        );
        Error::new(ErrorKind::Corrupt, message)
    }
}

#[cfg(test)]
mod tests;

//! [`RunCursor`]: the entries of a whole run, one after the other, while somebody else reads its blocks.

use bytes::Bytes;

use super::block::{BLOCK_BYTES, Entry, block_range};
use super::run::RunHead;
use crate::checksum::Damage;
use crate::error::Result;

/// What stops a cursor.
#[derive(Debug)]
pub(crate) enum CursorError {
    /// Bytes of the run are not what was written.
    Damaged(Damage),
    /// Its blocks could not be read.
    Unread(crate::error::Error),
}

/// Walks through a run; holds one part as it was read, and one block decoded.
pub(crate) struct RunCursor<'a, R> {
    head: &'a RunHead,
    next_part: R,
    /// Blocks that were read and are not decoded yet.
    part: Bytes,
    /// Number of the next block to decode.
    block: u32,
    entries: Vec<Entry>,
    /// Of the next entry among them.
    at: usize,
    /// Entries of the blocks before.
    passed: u64,
}

impl<'a, R: FnMut() -> Result<Option<Bytes>>> RunCursor<'a, R> {
    /// Starts before the first entry. `next_part` gives the blocks of the run from its first byte on, each time one or
    /// more whole blocks, and is not asked again after the last.
    pub(crate) fn new(head: &'a RunHead, next_part: R) -> Self {
        Self { head, next_part, part: Bytes::new(), block: 0, entries: Vec::new(), at: 0, passed: 0 }
    }

    /// The next entry; they ascend strictly. `None` after the last one.
    ///
    /// # Errors
    /// At the first block that is damaged or missing, or could not be read, and when the run has other than the number
    /// of entries that its head names. Nothing more comes then that could be used.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, CursorError> {
        if self.at == self.entries.len() && !self.next_block()? {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.entries[self.at - 1]))
    }

    /// Decodes the next block; `false` when there is none.
    fn next_block(&mut self) -> Result<bool, CursorError> {
        self.passed += self.entries.len() as u64;
        let last = self.entries.last().copied();
        self.at = 0;
        if self.block == self.head.blocks() {
            self.entries.clear();
            let all = Damage::Block(0..self.head.blocks_bytes());
            return if self.passed == self.head.entries() { Ok(false) } else { Err(CursorError::Damaged(all)) };
        }
        if self.part.is_empty() {
            self.part = self.read_part()?;
        }
        let block = self.part.split_to(BLOCK_BYTES);
        self.head.read_block(self.block, &block, last, &mut self.entries).map_err(CursorError::Damaged)?;
        self.block += 1;
        Ok(true)
    }

    /// The next part, which is some of the blocks that are left.
    fn read_part(&mut self) -> Result<Bytes, CursorError> {
        let part = (self.next_part)().map_err(CursorError::Unread)?.unwrap_or_default();
        let start = block_range(self.block).start;
        let left = self.head.blocks_bytes() - start;
        let is_whole = !part.is_empty() && part.len().is_multiple_of(BLOCK_BYTES) && part.len() as u64 <= left;
        let misread = Damage::Block(start..start + (part.len() as u64).clamp(BLOCK_BYTES as u64, left));
        if is_whole { Ok(part) } else { Err(CursorError::Damaged(misread)) }
    }
}

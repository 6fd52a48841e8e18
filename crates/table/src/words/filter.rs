//! Reads the word index of a data file: the header once, then one short row of blocks for each token asked.

use std::ops::Range;

use super::header::{Header, Sources};
use super::split_block::{BLOCK_BYTES, bits_of, block_of, has_bits, key_of};
use crate::error::{Error, ErrorKind, Result};

/// Where the blocks of a file's word index stand, and what they can tell.
#[derive(Clone, Debug)]
pub struct WordFilter {
    header: Header,
    header_bytes: u64,
    bytes: u64,
}

impl WordFilter {
    /// Reads the header of an index from its first bytes: the first [`HEADER_BYTES_MAX`](super::HEADER_BYTES_MAX), or all of a
    /// shorter index. `index_bytes` is the length of the whole index. `None` when a newer program wrote it by a rule that
    /// this one does not know: the file is to be searched without.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the bytes are not what was written.
    pub fn parse(header: &[u8], index_bytes: u64) -> Result<Option<Self>> {
        let Some((header, header_bytes)) = Header::decode(header)? else { return Ok(None) };
        let header_bytes = header_bytes as u64;
        let bytes =
            header.row_bytes().checked_mul(u64::from(header.blocks)).and_then(|bytes| bytes.checked_add(header_bytes));
        match bytes {
            Some(bytes) if bytes == index_bytes => Ok(Some(Self { header, header_bytes, bytes })),
            _ => Err(Error::new(ErrorKind::Corrupt, "the word index has not the length its header tells")),
        }
    }

    /// What of a row is in it. Only for these does a missing token prove anything.
    pub fn sources(&self) -> &Sources {
        &self.header.sources
    }

    /// Segments of the file, each of [`SEGMENT_ROWS`](super::SEGMENT_ROWS) rows but the last.
    pub fn segments(&self) -> usize {
        self.header.segments as usize
    }

    /// Bits a token has in an average segment; below 10 more segments are found for nothing.
    pub fn token_bits(&self) -> f64 {
        (self.bytes - self.header_bytes) as f64 * 8.0 / self.header.tokens.max(1) as f64
    }

    /// The bytes that tell of a token, counted from the start of the index: segments x 32.
    pub fn row_range(&self, token: u64) -> Range<u64> {
        let block = block_of(key_of(token), self.header.blocks);
        let start = self.header_bytes + u64::from(block) * self.header.row_bytes();
        start..start + self.header.row_bytes()
    }

    /// For each segment, whether it may hold all of `tokens`; where false, none of its rows does. `rows` are the bytes of
    /// each token's [`row_range`](Self::row_range), in the order of the tokens; one that is missing or not whole excludes nothing.
    pub fn segments_with(&self, tokens: &[u64], rows: &[&[u8]]) -> Vec<bool> {
        let mut segments = vec![true; self.segments()];
        for (token, row) in tokens.iter().zip(rows) {
            if row.len() as u64 != self.header.row_bytes() {
                continue;
            }
            let bits = bits_of(key_of(*token));
            for (segment, block) in segments.iter_mut().zip(row.chunks_exact(BLOCK_BYTES)) {
                *segment = *segment && has_bits(block, &bits);
            }
        }
        segments
    }
}

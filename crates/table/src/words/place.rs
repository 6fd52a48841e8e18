//! [`WordIndexPlace`]: where in a data file its word index stands, as its footer says.

use std::fmt;
use std::ops::Range;

use super::Token;
use super::bloom::{BLOCK_BYTES, block_of};
use crate::trace_places::SEGMENT_ROWS;

/// Footer key.
pub(crate) const WORDS_KEY: &str = "annals.words";

/// What a value begins with: it names all rules by which tokens and filters are made.
const VERSION: &str = "annals-words-2";

/// Where the filters of a file stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordIndexPlace {
    /// First byte in the file.
    pub(crate) offset: u64,
    /// Blocks of the filter of a segment.
    pub(crate) blocks: u32,
    /// Segments of the file.
    pub(crate) segments: u32,
}

impl WordIndexPlace {
    /// The key under which a footer holds it.
    pub const KEY: &str = WORDS_KEY;

    /// Reads the value of a footer's key; `None` when it is not of this kind, or not one of a file of `rows` rows and `file_bytes`
    /// bytes. Such a file has no index that can be used.
    pub fn read(value: &str, rows: u64, file_bytes: u64) -> Option<Self> {
        let mut numbers = value.strip_prefix(VERSION)?.split_ascii_whitespace();
        let mut number = |name: &str| numbers.next()?.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok();
        let (offset, blocks, segments) = (number("offset")?, number("blocks")?, number("segments")?);
        let place = Self { offset, blocks: u32::try_from(blocks).ok()?, segments: u32::try_from(segments).ok()? };
        let end = offset.checked_add(blocks.checked_mul(place.row_bytes())?)?;
        let fits = blocks > 0 && segments == rows.div_ceil(SEGMENT_ROWS) && end <= file_bytes;
        fits.then_some(place)
    }

    /// Number of segments.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// The bytes of the file in which a token can have its bits: one block of each segment.
    pub fn row(&self, token: Token) -> Range<u64> {
        let start = self.offset + u64::from(block_of(token.0, self.blocks)) * self.row_bytes();
        start..start + self.row_bytes()
    }

    /// All bytes of it.
    pub fn bytes(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.blocks) * self.row_bytes()
    }

    fn row_bytes(&self) -> u64 {
        u64::from(self.segments) * BLOCK_BYTES as u64
    }
}

impl fmt::Display for WordIndexPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION} offset={} blocks={} segments={}", self.offset, self.blocks, self.segments)
    }
}

//! The header of a file's word index: which rule its tokens follow, what of a row is in it, and its shape. Bytes:
//! `FORMAT.md`, 'Words'.

use super::split_block::BLOCK_BYTES;
use super::token::{Kind, TOKEN_RULE};
use crate::error::{Error, ErrorKind, Result};

/// Rows of a segment; the last one of a file may have fewer.
pub const SEGMENT_ROWS: usize = 4096;

const MAGIC: &[u8; 8] = b"annwords";
const VERSION: u16 = 1;
/// Bytes before the names.
const FIXED_BYTES: usize = 40;
const SUM_BYTES: usize = 4;
/// No header is longer, so reading this much of an index (or all of it) reads a whole header.
pub const HEADER_BYTES_MAX: usize = 4096;
/// More segments than a file can have (2^28 rows): bounds what a reader allocates for a row of blocks to 2 MiB.
const SEGMENTS_MAX: u32 = 1 << 16;

/// What a row's tokens come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Columns whose text is in, by its words.
    pub texts: Vec<(String, Kind)>,
    /// Columns whose values are in, each whole.
    pub values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) sources: Sources,
    pub(crate) segments: u32,
    /// Of each segment.
    pub(crate) blocks: u32,
    /// Of all segments together.
    pub(crate) tokens: u64,
}

impl Header {
    /// The bytes, sum included. `None` when they would be more than [`HEADER_BYTES_MAX`].
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&TOKEN_RULE.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(SEGMENT_ROWS as u32).to_le_bytes());
        bytes.extend_from_slice(&self.segments.to_le_bytes());
        bytes.extend_from_slice(&self.blocks.to_le_bytes());
        bytes.extend_from_slice(&self.tokens.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(self.sources.texts.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(self.sources.values.len()).ok()?.to_le_bytes());
        for (name, kind) in &self.sources.texts {
            bytes.push(match kind {
                Kind::Plain => 0,
                Kind::Json => 1,
            });
            put_name(&mut bytes, name)?;
        }
        for name in &self.sources.values {
            put_name(&mut bytes, name)?;
        }
        let length = bytes.len() + SUM_BYTES;
        bytes[12..16].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        (length <= HEADER_BYTES_MAX).then_some(bytes)
    }

    /// Reads the header at the start of `bytes`, with its length; `None` when it is of a version or rule that this program
    /// does not know.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the bytes are no header, not all of one, or not what was written.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>> {
        let mut fixed = Reader { rest: bytes };
        if fixed.take::<8>()? != *MAGIC {
            return Err(corrupt("does not start as one"));
        }
        let version = u16::from_le_bytes(fixed.take()?);
        let rule = u16::from_le_bytes(fixed.take()?);
        let length = u32::from_le_bytes(fixed.take()?) as usize;
        if !(FIXED_BYTES + SUM_BYTES..=HEADER_BYTES_MAX).contains(&length) {
            return Err(corrupt("has a header of impossible length"));
        }
        let header = bytes.get(..length).ok_or_else(|| corrupt("is cut short in its header"))?;
        let (header, sum) = header.split_at(length - SUM_BYTES);
        if crc32c::crc32c(header).to_le_bytes() != *sum {
            return Err(corrupt("has a header that is not what was written"));
        }
        if version != VERSION || rule != TOKEN_RULE {
            return Ok(None);
        }
        let mut fields = Reader { rest: &header[MAGIC.len() + 8..] };
        let segment_rows = u32::from_le_bytes(fields.take()?);
        let segments = u32::from_le_bytes(fields.take()?);
        let blocks = u32::from_le_bytes(fields.take()?);
        let tokens = u64::from_le_bytes(fields.take()?);
        let texts = u16::from_le_bytes(fields.take()?);
        let values = u16::from_le_bytes(fields.take()?);
        if segment_rows as usize != SEGMENT_ROWS || !(1..=SEGMENTS_MAX).contains(&segments) || blocks == 0 {
            return Err(corrupt("has an impossible shape"));
        }
        let mut sources = Sources::default();
        for _ in 0..texts {
            let kind = match fields.take()? {
                [0] => Kind::Plain,
                [1] => Kind::Json,
                _ => return Err(corrupt("names a text of unknown kind")),
            };
            sources.texts.push((fields.name()?, kind));
        }
        for _ in 0..values {
            sources.values.push(fields.name()?);
        }
        Ok(Some((Self { sources, segments, blocks, tokens }, length)))
    }

    /// Bytes of one block of all segments, side by side.
    pub(crate) fn row_bytes(&self) -> u64 {
        u64::from(self.segments) * BLOCK_BYTES as u64
    }
}

fn put_name(bytes: &mut Vec<u8>, name: &str) -> Option<()> {
    bytes.push(u8::try_from(name.len()).ok()?);
    bytes.extend_from_slice(name.as_bytes());
    Some(())
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the word index {what}"))
}

/// Takes fields off the front.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (field, rest) = self.rest.split_first_chunk().ok_or_else(|| corrupt("is cut short in its header"))?;
        self.rest = rest;
        Ok(*field)
    }

    fn name(&mut self) -> Result<String> {
        let [length] = self.take()?;
        let (name, rest) =
            self.rest.split_at_checked(usize::from(length)).ok_or_else(|| corrupt("is cut short in its header"))?;
        self.rest = rest;
        Ok(std::str::from_utf8(name).map_err(|_| corrupt("names a column that is no text"))?.to_owned())
    }
}

//! The end of a run, which makes its [`RunHead`]: directory, paths, and a closing part of fixed size. Bytes:
//! `FORMAT.md`, 'Trace index'.

use super::block::BLOCK_BYTES;
use super::paths::Paths;
use super::run::RunHead;
use crate::checksum::Damage;

/// Bytes of the closing part; whoever opens a run reads at least these.
pub(crate) const CLOSE_BYTES: usize = 40;
/// The closing part up to its own sum: entries, blocks, files, bytes of coded paths, bytes of all paths, sum of what is
/// between the blocks and the closing part.
const FIELDS_BYTES: usize = 8 + 5 * 4;
/// Last bytes of every run; the digits are the version of this format.
const MAGIC: &[u8; 8] = b"ANTRACE1";

/// What the end of a run tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// The head; all that it was read from is whole.
    Head(RunHead),
    /// The end starts before what is at hand: everything from this offset on is needed.
    NeedsFrom(u64),
}

impl RunHead {
    /// Finds and checks the head in `end`, the last bytes of a run of `run_bytes`.
    ///
    /// # Errors
    /// When this is not the end of a run, or not all of it is what was written.
    pub(crate) fn of_end(end: &[u8], run_bytes: u64) -> Result<RunEnd, Damage> {
        let start = run_bytes.checked_sub(end.len() as u64).ok_or(Damage::Footer)?;
        let Some(close_at) = end.len().checked_sub(CLOSE_BYTES) else {
            return run_bytes.checked_sub(CLOSE_BYTES as u64).map(RunEnd::NeedsFrom).ok_or(Damage::Footer);
        };
        let (before, close) = end.split_at(close_at);
        let close = Close::read(close).ok_or(Damage::Footer)?;
        // No length is believed that does not add up to the run's.
        let blocks_end = u64::from(close.blocks) * BLOCK_BYTES as u64;
        if blocks_end + close.listing_bytes() + CLOSE_BYTES as u64 != run_bytes {
            return Err(Damage::Footer);
        }
        let Some(listing_at) = blocks_end.checked_sub(start) else { return Ok(RunEnd::NeedsFrom(blocks_end)) };
        let head = close.head_of(&before[listing_at as usize..]);
        head.map(RunEnd::Head).ok_or(Damage::Tail(blocks_end..run_bytes))
    }

    /// All bytes behind the blocks.
    pub(super) fn encode_end(&self) -> Vec<u8> {
        let mut end = Vec::with_capacity(self.directory.len() * 4 + self.paths.text_bytes() + CLOSE_BYTES);
        for start in &self.directory {
            end.extend_from_slice(&start.to_le_bytes());
        }
        let paths_at = end.len();
        self.paths.encode(&mut end);
        let close = Close {
            entries: self.entries,
            blocks: self.blocks(),
            files: self.paths.len() as u32,
            coded_bytes: (end.len() - paths_at) as u32,
            text_bytes: self.paths.text_bytes() as u32,
            listing_sum: crc32c::crc32c(&end),
        };
        close.write(&mut end);
        end
    }
}

/// The fields of the closing part. The *listing* is directory and paths.
#[derive(Debug)]
struct Close {
    entries: u64,
    blocks: u32,
    files: u32,
    coded_bytes: u32,
    text_bytes: u32,
    listing_sum: u32,
}

impl Close {
    fn write(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&self.entries.to_le_bytes());
        for field in [self.blocks, self.files, self.coded_bytes, self.text_bytes, self.listing_sum] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        let sum = crc32c::crc32c(&out[at..]);
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(MAGIC);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (fields, rest) = bytes.split_at_checked(FIELDS_BYTES)?;
        let (sum, magic) = rest.split_at_checked(4)?;
        if magic != MAGIC || sum != crc32c::crc32c(fields).to_le_bytes() {
            return None;
        }
        let (entries, fields) = fields.split_first_chunk()?;
        let number = |at: usize| Some(u32::from_le_bytes(*fields.get(at * 4..)?.first_chunk()?));
        Some(Self {
            entries: u64::from_le_bytes(*entries),
            blocks: number(0)?,
            files: number(1)?,
            coded_bytes: number(2)?,
            text_bytes: number(3)?,
            listing_sum: number(4)?,
        })
    }

    fn listing_bytes(&self) -> u64 {
        u64::from(self.blocks) * 4 + u64::from(self.coded_bytes)
    }

    fn head_of(&self, listing: &[u8]) -> Option<RunHead> {
        if crc32c::crc32c(listing) != self.listing_sum {
            return None;
        }
        let (directory, coded) = listing.split_at_checked(self.blocks as usize * 4)?;
        let (starts, _) = directory.as_chunks();
        let directory: Box<[u32]> = starts.iter().map(|start| u32::from_le_bytes(*start)).collect();
        let paths = Paths::decode(coded, self.files, self.text_bytes)?;
        let head = RunHead { entries: self.entries, directory, paths };
        (head.directory.is_sorted() && head.has_room_for_entries()).then_some(head)
    }
}

impl RunHead {
    /// Whether as many entries as it names can stand in its blocks: at least one in each, at most all of three bytes.
    fn has_room_for_entries(&self) -> bool {
        let blocks = u64::from(self.blocks());
        (blocks..=blocks * (BLOCK_BYTES as u64 / 3)).contains(&self.entries)
    }
}

//! Checksums of a Parquet file of ours (a data file, a checkpoint): a CRC32C for every block of what was written before the
//! footer, one for the tail that holds them, and for a data file a hash of the whole. Bytes: `FORMAT.md`, 'Checksums'.
//!
//! The block sums stand in a footer key, so they cannot cover themselves. The tail sum does: it is computed with its own
//! eight digits as zeros, then patched in place. So any part of a file can be verified from the footer alone, and the
//! hash in a data file's name verifies all of it at once. Here they are made and found; [`BlockSums`](crate::BlockSums)
//! reads by them.

use std::fmt;
use std::ops::{Range, RangeInclusive};

/// Footer key of the checksums.
pub(crate) const CHECKSUMS_KEY: &str = "annals.checksums";

/// Bytes under one block sum in files that are written now (the last block is shorter): what is read at least of a column for one
/// row. Files say theirs; the first had 64 KiB, with which a row whose pages are 200 KiB was read as one MiB.
pub(crate) const BLOCK_BYTES: usize = 16 << 10;

/// Bytes under one sum that a file may have.
const BLOCK_BYTES_RANGE: RangeInclusive<usize> = 4 << 10..=1 << 20;

/// Start of the value, up to the digits of the tail sum; names the version of this format.
const PREFIX: &[u8] = b"annals-crc32c-1 tail=";
/// Digits of a sum.
const SUM_DIGITS: usize = 8;
/// Footer length (4 bytes, little-endian) and the closing magic.
pub(crate) const FOOTER_END_BYTES: usize = 8;
const MAGIC: &[u8] = b"PAR1";

/// The hash that stands in a data file's name: XXH3-64, seed 0, of all its bytes.
pub(crate) fn file_hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// Block sums of a file that is being written, taken as its bytes come.
#[derive(Clone, Debug)]
pub(crate) struct RunningSums {
    /// Bytes under one sum.
    block_bytes: usize,
    full: Vec<u32>,
    /// Of the bytes of the block that is not full yet.
    open: u32,
    bytes: usize,
}

impl Default for RunningSums {
    fn default() -> Self {
        Self::of_blocks(BLOCK_BYTES)
    }
}

impl RunningSums {
    /// Of blocks of so many bytes.
    pub(crate) fn of_blocks(block_bytes: usize) -> Self {
        Self { block_bytes, full: Vec::new(), open: 0, bytes: 0 }
    }

    /// Takes in the next bytes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.block_bytes - self.bytes % self.block_bytes;
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.open = crc32c::crc32c_append(self.open, now);
            self.bytes += now.len();
            if self.bytes.is_multiple_of(self.block_bytes) {
                self.full.push(std::mem::take(&mut self.open));
            }
            bytes = rest;
        }
    }

    /// The footer value for what was taken in, which is all before the tail; the tail sum is still zero.
    pub(crate) fn footer_value(&self) -> String {
        use std::fmt::Write as _;
        let mut value = String::with_capacity(96 + (self.full.len() + 1) * SUM_DIGITS);
        value.push_str(std::str::from_utf8(PREFIX).expect("the prefix is ASCII"));
        write!(value, "{:08x} data={} block={} sums=", 0, self.bytes, self.block_bytes).expect("writing to a string");
        let open = (!self.bytes.is_multiple_of(self.block_bytes)).then_some(&self.open);
        for sum in self.full.iter().chain(open) {
            write!(value, "{sum:08x}").expect("writing to a string");
        }
        value
    }
}

/// Computes the tail sum of a finished file and patches it in. `end` is its end, at least from where the tail starts; the
/// file has `file_bytes`. `None` when it has no checksums value.
pub(crate) fn seal_tail(end: &mut [u8], file_bytes: u64) -> Option<()> {
    let FoundSums::Found(sums) = find_sums(end, file_bytes)? else { return None };
    let start = file_bytes - end.len() as u64;
    let digits = format!("{:08x}", sums.tail_sum_of(end, start));
    end[within(&sums.tail_digits, start)].copy_from_slice(digits.as_bytes());
    Some(())
}

/// Looks for the first damaged part of a whole file, by its own sums; `None` when they all fit.
pub(crate) fn find_damage(bytes: &[u8]) -> Option<Damage> {
    let Some(FoundSums::Found(sums)) = find_sums(bytes, bytes.len() as u64) else { return Some(Damage::Footer) };
    // The block sums are worth nothing while the tail that holds them is damaged.
    if sums.tail_sum_of(bytes, 0) != sums.tail {
        return Some(Damage::Tail(sums.data_end..bytes.len() as u64));
    }
    find_damaged_block(&sums.blocks, sums.block_bytes, 0, &bytes[..sums.data_end as usize]).map(Damage::Block)
}

/// Compares `data`, whole blocks from block `first` on, with their sums; answers with the first that does not fit.
pub(crate) fn find_damaged_block(sums: &[u32], block_bytes: usize, first: usize, data: &[u8]) -> Option<Range<u64>> {
    let mut blocks = data.chunks(block_bytes).zip(sums.get(first..).unwrap_or_default());
    let damaged = blocks.position(|(block, sum)| crc32c::crc32c(block) != *sum)?;
    let start = damaged * block_bytes;
    let end = (start + block_bytes).min(data.len());
    let offset = (first * block_bytes) as u64;
    Some(offset + start as u64..offset + end as u64)
}

/// A damaged part of a file, as byte offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The footer cannot be found: cut short, or its end is overwritten.
    Footer,
    /// Page indexes, metadata or footer.
    Tail(Range<u64>),
    /// A block of pages.
    Block(Range<u64>),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Footer => f.write_str("the footer at its end is missing or damaged"),
            Self::Tail(range) => {
                write!(f, "the metadata at bytes {} to {} is not what was written", range.start, range.end)
            }
            Self::Block(range) => write!(f, "bytes {} to {} are not what was written", range.start, range.end),
        }
    }
}

/// What was found of a checksums value at the end of a file.
#[derive(Debug)]
pub(crate) enum FoundSums {
    /// The value; its tail is at hand but not checked.
    Found(Sums),
    /// More must be at hand: everything from this offset on.
    NeedsFrom(u64),
}

/// The checksums value as it stands in a file. Offsets are in the file.
#[derive(Debug)]
pub(crate) struct Sums {
    /// Where the digits of the tail sum stand.
    pub(crate) tail_digits: Range<u64>,
    pub(crate) tail: u32,
    /// Where the tail starts.
    pub(crate) data_end: u64,
    /// Bytes under one sum, a power of two.
    pub(crate) block_bytes: usize,
    pub(crate) blocks: Vec<u32>,
}

/// Looks for the value in `end`, the last bytes of a file of `file_bytes`. `None` when there is none, or not a whole one.
pub(crate) fn find_sums(end: &[u8], file_bytes: u64) -> Option<FoundSums> {
    let start = file_bytes.checked_sub(end.len() as u64)?;
    let Some(footer_end) = end.len().checked_sub(FOOTER_END_BYTES) else {
        let needed = file_bytes.checked_sub(FOOTER_END_BYTES as u64)?;
        return Some(FoundSums::NeedsFrom(needed));
    };
    let (length, magic) = end[footer_end..].split_at(4);
    if magic != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let footer_start = (start + footer_end as u64).checked_sub(u64::from(length))?;
    let Some(footer_at) = footer_start.checked_sub(start) else { return Some(FoundSums::NeedsFrom(footer_start)) };
    let footer = &end[footer_at as usize..footer_end];
    // The last one: keys come after the statistics of the columns, which may hold anything a client sent.
    let at = footer.windows(PREFIX.len()).rposition(|window| window == PREFIX)? + PREFIX.len();
    let value = footer.get(at..)?;
    let tail = read_sum(value.get(..SUM_DIGITS)?)?;
    let (data_end, rest) = read_number(value[SUM_DIGITS..].strip_prefix(b" data=")?)?;
    let (block_bytes, rest) = read_number(rest.strip_prefix(b" block=")?)?;
    let is_possible = block_bytes.is_power_of_two() && BLOCK_BYTES_RANGE.contains(&block_bytes);
    if !is_possible || data_end as u64 > footer_start {
        return None;
    }
    let sums = rest.strip_prefix(b" sums=")?.get(..data_end.div_ceil(block_bytes) * SUM_DIGITS)?;
    let blocks = sums.chunks(SUM_DIGITS).map(read_sum).collect::<Option<Vec<_>>>()?;
    let data_end = data_end as u64;
    if data_end < start {
        return Some(FoundSums::NeedsFrom(data_end));
    }
    let digits_start = footer_start + at as u64;
    let tail_digits = digits_start..digits_start + SUM_DIGITS as u64;
    Some(FoundSums::Found(Sums { tail_digits, tail, data_end, block_bytes, blocks }))
}

/// The sum of a tail, all bytes of a file from `data_end` on, with the digits of the sum itself as zeros. `end` stands at
/// `start` of the file and holds at least the tail.
pub(crate) fn tail_sum(end: &[u8], start: u64, data_end: u64, digits: &Range<u64>) -> u32 {
    let digits = within(digits, start);
    let sum = crc32c::crc32c(&end[(data_end - start) as usize..digits.start]);
    let sum = crc32c::crc32c_append(sum, &[b'0'; SUM_DIGITS]);
    crc32c::crc32c_append(sum, &end[digits.end..])
}

impl Sums {
    fn tail_sum_of(&self, end: &[u8], start: u64) -> u32 {
        tail_sum(end, start, self.data_end, &self.tail_digits)
    }
}

/// A range of the file as one of the bytes that stand at `start` of it.
fn within(range: &Range<u64>, start: u64) -> Range<usize> {
    (range.start - start) as usize..(range.end - start) as usize
}

/// Reads eight lower-case hex digits.
pub(crate) fn read_sum(digits: &[u8]) -> Option<u32> {
    let lower = digits.len() == SUM_DIGITS && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if lower { u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok() } else { None }
}

fn read_number(text: &[u8]) -> Option<(usize, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    Some((std::str::from_utf8(&text[..end]).ok()?.parse().ok()?, &text[end..]))
}

//! Checksums of a data file: a CRC32C for every block of what was written before the footer, one for the tail that holds
//! them, and a hash of the whole file. Bytes: `FORMAT.md`, 'Checksums'.
//!
//! The block sums stand in a footer key, so they cannot cover themselves. The tail sum does: it is computed with its own
//! eight digits as zeros, then patched in place. So any part of a file can be verified from the footer alone, and the
//! hash in the file's name verifies all of it at once.

use std::ops::Range;

/// Footer key of the checksums.
pub(crate) const CHECKSUMS_KEY: &str = "annals.checksums";

/// Bytes under one block sum (the last block is shorter).
pub(crate) const BLOCK_BYTES: usize = 64 * 1024;

/// Start of the value, up to the digits of the tail sum; names the version of this format.
const PREFIX: &[u8] = b"annals-crc32c-1 tail=";
const TAIL_DIGITS: usize = 8;
/// Footer length (4 bytes, little-endian) and the closing magic.
const FOOTER_END_BYTES: usize = 8;
const MAGIC: &[u8] = b"PAR1";

/// The hash that stands in a data file's name: XXH3-64, seed 0, of all its bytes.
pub(crate) fn file_hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// The footer value for `data`, all that is written so far; the tail sum is still zero.
pub(crate) fn checksums_of(data: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut value = String::with_capacity(96 + data.len().div_ceil(BLOCK_BYTES) * TAIL_DIGITS);
    value.push_str(std::str::from_utf8(PREFIX).expect("the prefix is ASCII"));
    write!(value, "{:08x} data={} block={BLOCK_BYTES} sums=", 0, data.len()).expect("writing to a string");
    for block in data.chunks(BLOCK_BYTES) {
        write!(value, "{:08x}", crc32c::crc32c(block)).expect("writing to a string");
    }
    value
}

/// Computes the tail sum of a finished file and patches it in. `None` when the file has no checksums value.
pub(crate) fn seal_tail(bytes: &mut [u8]) -> Option<()> {
    let checksums = Checksums::find(bytes)?;
    let digits = format!("{:08x}", checksums.tail_sum_of(bytes));
    bytes[checksums.tail_digits].copy_from_slice(digits.as_bytes());
    Some(())
}

/// Looks for the first damaged part of a file, by its own sums; `None` when they all fit.
pub(crate) fn find_damage(bytes: &[u8]) -> Option<Damage> {
    let Some(checksums) = Checksums::find(bytes) else { return Some(Damage::Footer) };
    // The block sums are worth nothing while the tail that holds them is damaged.
    if checksums.tail_sum_of(bytes) != checksums.tail {
        return Some(Damage::Tail(checksums.data_end..bytes.len()));
    }
    let data = &bytes[..checksums.data_end];
    let damaged =
        data.chunks(BLOCK_BYTES).zip(&checksums.blocks).position(|(block, sum)| crc32c::crc32c(block) != *sum)?;
    let start = damaged * BLOCK_BYTES;
    Some(Damage::Block(start..(start + BLOCK_BYTES).min(data.len())))
}

/// A damaged part of a file, as byte offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The footer cannot be found: cut short, or its end is overwritten.
    Footer,
    /// Page indexes, metadata or footer.
    Tail(Range<usize>),
    /// A block of pages.
    Block(Range<usize>),
}

/// The checksums value as found in a file.
#[derive(Debug)]
struct Checksums {
    /// Where the digits of the tail sum stand in the file.
    tail_digits: Range<usize>,
    tail: u32,
    /// Where the tail starts.
    data_end: usize,
    blocks: Vec<u32>,
}

impl Checksums {
    fn find(bytes: &[u8]) -> Option<Self> {
        let footer_end = bytes.len().checked_sub(FOOTER_END_BYTES)?;
        let (length, magic) = bytes[footer_end..].split_at(4);
        if magic != MAGIC {
            return None;
        }
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let footer_start = footer_end.checked_sub(length)?;
        let footer = &bytes[footer_start..footer_end];
        // The last one: keys come after the statistics of the columns, which may hold anything a client sent.
        let at = footer.windows(PREFIX.len()).rposition(|window| window == PREFIX)? + PREFIX.len();
        let value = footer.get(at..)?;
        let tail = read_hex(value.get(..TAIL_DIGITS)?)?;
        let (data_end, rest) = read_number(value[TAIL_DIGITS..].strip_prefix(b" data=")?)?;
        let (block_bytes, rest) = read_number(rest.strip_prefix(b" block=")?)?;
        if block_bytes != BLOCK_BYTES || data_end > footer_start {
            return None;
        }
        let sums = rest.strip_prefix(b" sums=")?.get(..data_end.div_ceil(BLOCK_BYTES) * TAIL_DIGITS)?;
        let blocks = sums.chunks(TAIL_DIGITS).map(read_hex).collect::<Option<Vec<_>>>()?;
        let tail_digits = footer_start + at..footer_start + at + TAIL_DIGITS;
        Some(Self { tail_digits, tail, data_end, blocks })
    }

    fn tail_sum_of(&self, bytes: &[u8]) -> u32 {
        let sum = crc32c::crc32c(&bytes[self.data_end..self.tail_digits.start]);
        let sum = crc32c::crc32c_append(sum, &[b'0'; TAIL_DIGITS]);
        crc32c::crc32c_append(sum, &bytes[self.tail_digits.end..])
    }
}

fn read_hex(digits: &[u8]) -> Option<u32> {
    let lower = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if lower { u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok() } else { None }
}

fn read_number(text: &[u8]) -> Option<(usize, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    Some((std::str::from_utf8(&text[..end]).ok()?.parse().ok()?, &text[end..]))
}

//! How far into a page of texts its first values reach.
//!
//! A page in `DELTA_LENGTH_BYTE_ARRAY` is the lengths of all texts and then their bytes, so who wants the third of a thousand texts
//! needs the first bytes of the page only. Layout: Parquet's `Encodings.md`, 'Delta-length byte array' and 'Delta encoding';
//! the levels before it as in a data page of version 1.

/// Bits of a length's difference at most: lengths are 32 bits long.
const DELTA_BITS_MAX: u8 = 32;

/// Bytes of a page, from its beginning, that hold its first `values` texts; `None` when `page`, the beginning of the page as far as
/// it is known, does not tell.
pub(crate) fn bytes_of_first(page: &[u8], has_levels: bool, values: usize) -> Option<usize> {
    let mut at = Reader { bytes: page, at: 0 };
    if has_levels {
        let levels = u32::from_le_bytes(at.take(4)?.try_into().ok()?);
        at.take(levels as usize)?;
    }
    let (block_values, miniblocks, count) = (at.number()?, at.number()?, at.number()?);
    let miniblock_values = block_values.checked_div(miniblocks).filter(|values| *values > 0 && values % 8 == 0)?;
    let mut length = at.signed()?;
    let mut texts = Texts { wanted: values.min(count), bytes: 0 };
    texts.add(length)?;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let delta_min = at.signed()?;
        let widths = at.take(miniblocks)?;
        for &width in widths {
            if left == 0 {
                break;
            }
            let packed = at.take(miniblock_values.checked_mul(usize::from(width))? / 8)?;
            let here = left.min(miniblock_values);
            left -= here;
            for index in 0..here.min(texts.wanted) {
                length = length.checked_add(delta_min)?.checked_add(unpacked(packed, index, width)?)?;
                texts.add(length)?;
            }
        }
    }
    at.at.checked_add(texts.bytes)
}

/// The texts that are still to be added up, and the bytes of those that were.
struct Texts {
    wanted: usize,
    bytes: usize,
}

impl Texts {
    fn add(&mut self, length: i64) -> Option<()> {
        if self.wanted > 0 {
            self.wanted -= 1;
            self.bytes = self.bytes.checked_add(usize::try_from(length).ok()?)?;
        }
        Some(())
    }
}

/// One of the numbers of `width` bits that are packed from the lowest bit of the first byte on.
fn unpacked(packed: &[u8], index: usize, width: u8) -> Option<i64> {
    if width == 0 {
        return Some(0);
    }
    if width > DELTA_BITS_MAX {
        return None;
    }
    let bit = index * usize::from(width);
    let mut word = [0; 8];
    let bytes = packed.get(bit / 8..)?;
    let known = bytes.len().min(word.len());
    word[..known].copy_from_slice(&bytes[..known]);
    let value = u64::from_le_bytes(word) >> (bit % 8) & ((1 << width) - 1);
    i64::try_from(value).ok()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// ULEB128.
    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn number(&mut self) -> Option<usize> {
        self.unsigned().and_then(|value| usize::try_from(value).ok())
    }

    /// Zigzag.
    fn signed(&mut self) -> Option<i64> {
        self.unsigned().map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn unsigned(bytes: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }

    fn signed(bytes: &mut Vec<u8>, value: i64) {
        unsigned(bytes, (value << 1 ^ value >> 63) as u64);
    }

    /// A page by the letter of the format: blocks of 128 values, four miniblocks each.
    fn page(lengths: &[i64], levels: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(levels) = levels {
            bytes.extend((levels.len() as u32).to_le_bytes());
            bytes.extend(levels);
        }
        [128, 4, lengths.len() as u64].into_iter().for_each(|number| unsigned(&mut bytes, number));
        signed(&mut bytes, lengths.first().copied().unwrap_or(0));
        let deltas: Vec<i64> = lengths.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for block in deltas.chunks(128) {
            let least = *block.iter().min().unwrap();
            signed(&mut bytes, least);
            let width = |part: &[i64]| part.iter().map(|delta| 64 - (delta - least).leading_zeros()).max().unwrap_or(0);
            let mut widths: Vec<u8> = block.chunks(32).map(|part| width(part) as u8).collect();
            let used = widths.clone();
            widths.resize(4, 0);
            bytes.extend(widths);
            for (part, width) in block.chunks(32).zip(used) {
                let mut packed = vec![0u8; 4 * usize::from(width)];
                for (index, delta) in part.iter().enumerate() {
                    for bit in (0..usize::from(width)).filter(|bit| (delta - least) >> bit & 1 == 1) {
                        let at = index * usize::from(width) + bit;
                        packed[at / 8] |= 1 << (at % 8);
                    }
                }
                bytes.extend(packed);
            }
        }
        bytes
    }

    #[test]
    fn the_first_texts_reach_as_far_as_their_lengths_say() {
        let mut chance = StdRng::seed_from_u64(1);
        for count in [0, 1, 2, 31, 32, 33, 128, 129, 130, 1_000] {
            for longest in [0, 1, 7, 900, 2_000_000] {
                let lengths: Vec<i64> = (0..count).map(|_| chance.random_range(0..=longest)).collect();
                for levels in [None, Some([7; 5].as_slice())] {
                    let head = page(&lengths, levels);
                    for first in [0, 1, 2, 32, 33, count / 2, count, count + 9] {
                        let texts: i64 = lengths.iter().take(first).sum();
                        let found = bytes_of_first(&head, levels.is_some(), first);
                        assert_eq!(found, Some(head.len() + texts as usize), "{first} of {count}, up to {longest}");
                    }
                    for left in 0..head.len().min(200) {
                        assert_eq!(bytes_of_first(&head[..left], levels.is_some(), count), None, "{left} bytes");
                    }
                }
            }
        }
    }

    #[test]
    fn rubbish_is_no_answer_and_no_panic() {
        let mut chance = StdRng::seed_from_u64(2);
        let whole = page(&(0..300).map(|n| n * 37 % 90).collect::<Vec<_>>(), None);
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..chance.random_range(1..6) {
                let at = chance.random_range(0..bytes.len());
                bytes[at] = chance.random();
            }
            bytes_of_first(&bytes, chance.random(), chance.random_range(0..400));
        }
    }
}

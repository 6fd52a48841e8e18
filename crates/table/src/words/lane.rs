//! Eight bytes of text at once: which of them belong to words, and their lower case.
//!
//! Arithmetic on a `u64` in place of a table lookup a byte: a word of up to eight bytes, which most are, costs one step and
//! no branch on its length.

/// The high bit of every byte: masks here have it set for the bytes they name.
pub(crate) const HIGH: u64 = 0x8080_8080_8080_8080;

/// Eight bytes, the first in the lowest place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    bytes: u64,
    letters: u64,
    digits: u64,
    underscores: u64,
}

impl Lane {
    /// The bytes from `at` on, filled up with zeros, which are separators.
    #[inline(always)]
    pub(crate) fn at(text: &[u8], at: usize) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        Self::of(match rest.first_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => load_short(rest),
        })
    }

    #[inline(always)]
    fn of(bytes: u64) -> Self {
        // Without the high bits no sum below carries into the next byte. Bytes that had them are taken out at the end.
        let ascii = bytes & !HIGH;
        let lower = ascii | every(0x20);
        let letters = at_least(lower, b'a') & !at_least(lower, b'z' + 1);
        let digits = at_least(ascii, b'0') & !at_least(ascii, b'9' + 1);
        let underscores = !at_least(ascii ^ every(b'_'), 1);
        let allowed = HIGH & !bytes;
        Self { bytes, letters: letters & allowed, digits: digits & allowed, underscores: underscores & allowed }
    }

    /// The bytes with ASCII letters in lower case.
    #[inline(always)]
    pub(crate) fn lower(self) -> u64 {
        self.bytes | self.letters >> 2
    }

    /// ASCII letters, digits and `_`.
    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        self.letters | self.digits | self.underscores
    }

    #[inline(always)]
    pub(crate) fn digits(self) -> u64 {
        self.digits
    }

    #[inline(always)]
    pub(crate) fn underscores(self) -> u64 {
        self.underscores
    }

    /// Parts of characters beyond ASCII.
    #[inline(always)]
    pub(crate) fn beyond_ascii(self) -> u64 {
        self.bytes & HIGH
    }

    #[inline(always)]
    pub(crate) fn backslashes(self) -> u64 {
        !at_least(self.bytes & !HIGH ^ every(b'\\'), 1) & HIGH & !self.bytes
    }
}

/// The high bit of every byte (below 128) that is at least `least`; the other bits are of no meaning.
#[inline(always)]
fn at_least(bytes: u64, least: u8) -> u64 {
    bytes + every(0x80 - least)
}

#[inline(always)]
const fn every(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// Fewer than eight bytes, filled up with zeros.
#[inline(always)]
pub(crate) fn load_short(bytes: &[u8]) -> u64 {
    let mut filled = [0; 8];
    for (to, from) in filled.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(filled)
}

//! Sixty-four bytes of text at once: which of them belong to words, one bit a byte.
//!
//! Loops over an array that compilers turn into vector instructions; words are then taken by counting bits.

/// Bytes of a window.
pub(crate) const WINDOW_BYTES: usize = 64;
type Bytes = [u8; WINDOW_BYTES];

/// A window of text. In its masks the lowest bit is the first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// In lower case, and zeros behind, so that eight bytes can be loaded from any place.
    lower: [u8; WINDOW_BYTES + 8],
    /// ASCII letters, digits and `_`.
    pub(crate) word: u64,
    pub(crate) digits: u64,
    pub(crate) underscores: u64,
    /// Parts of characters beyond ASCII, and backslashes.
    pub(crate) special: u64,
}

impl Window {
    /// The bytes from `at` on, filled up with zeros, which are separators.
    #[inline(always)]
    pub(crate) fn at(text: &[u8], at: usize) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(bytes) => Self::of(bytes),
            None => {
                let mut bytes = [0; WINDOW_BYTES];
                bytes[..rest.len()].copy_from_slice(rest);
                Self::of(&bytes)
            }
        }
    }

    #[inline(always)]
    fn of(bytes: &Bytes) -> Self {
        let mut lower = [0; WINDOW_BYTES + 8];
        for (to, byte) in lower.iter_mut().zip(bytes) {
            *to = byte.to_ascii_lowercase();
        }
        let digits = mask(bytes, |byte| byte.wrapping_sub(b'0') < 10);
        let underscores = mask(bytes, |byte| byte == b'_');
        let letters = mask(bytes, |byte| (byte | 0x20).wrapping_sub(b'a') < 26);
        Self {
            lower,
            word: letters | digits | underscores,
            digits,
            underscores,
            special: mask(bytes, |byte| byte >= 0x80 || byte == b'\\'),
        }
    }

    /// Eight bytes from `at` on, which is below [`WINDOW_BYTES`], in lower case.
    #[inline(always)]
    pub(crate) fn lower(&self, at: usize) -> u64 {
        self.lower.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |lane| u64::from_le_bytes(*lane))
    }
}

/// One bit for each byte of which `is` holds.
#[inline(always)]
fn mask(bytes: &Bytes, is: impl Fn(u8) -> bool) -> u64 {
    let marked = bytes.map(|byte| u8::from(is(byte)));
    let (lanes, _) = marked.as_chunks::<8>();
    let mut mask = 0;
    for (place, lane) in lanes.iter().enumerate() {
        // The product moves the bit of byte n to bit 56 + n, and no two sums meet.
        let bits = u64::from_le_bytes(*lane).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (place * 8);
    }
    mask
}

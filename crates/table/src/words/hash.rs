//! The hashes of tokens. Recorded in `FORMAT.md`, 'Words': a change is a new token rule.

/// What a word's hash starts from.
pub(crate) const WORD_SEED: u64 = 0x616e_6e61_6c73_2d77;
/// What the hash of a column's value starts from: a domain of its own.
const VALUE_SEED: u64 = 0x616e_6e61_6c73_2d76;
/// The odd multipliers of wyhash.
const STEP: u64 = 0xa076_1d64_78bd_642f;
const LAST: u64 = 0xe703_7ed1_a0b4_28db;
const TWIN: u64 = 0x8ebc_6af0_9c88_c6e3;

/// Takes in the next eight bytes, little-endian; the last ones are filled up with zeros.
#[inline(always)]
pub(crate) fn step(hash: u64, lane: u64) -> u64 {
    fold(hash ^ lane, STEP)
}

/// The hash of what was taken in.
#[inline(always)]
pub(crate) fn finish(hash: u64) -> u64 {
    fold(hash, LAST)
}

/// The second, independent hash of an id.
#[inline(always)]
pub(crate) fn twin(hash: u64) -> u64 {
    fold(hash, TWIN)
}

/// The hash of a word of at most [`WORD_BYTES_MAX`](super::token::WORD_BYTES_MAX) bytes in lower case.
pub(crate) fn word_hash(word: &[u8]) -> u64 {
    finish(absorb(WORD_SEED, word))
}

/// The token of `column=value`: exact, in a domain apart from words.
pub fn value_token(column: &str, value: &str) -> u64 {
    finish(absorb(absorb(VALUE_SEED, column.as_bytes()), value.as_bytes()))
}

fn absorb(mut hash: u64, bytes: &[u8]) -> u64 {
    let (lanes, rest) = bytes.as_chunks();
    for lane in lanes {
        hash = step(hash, u64::from_le_bytes(*lane));
    }
    if rest.is_empty() { hash } else { step(hash, load_short(rest)) }
}

/// Both halves of the product.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Fewer than eight bytes, filled up with zeros.
fn load_short(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |lane, byte| lane << 8 | u64::from(*byte))
}

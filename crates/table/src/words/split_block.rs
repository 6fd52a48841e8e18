//! One block of a split-block Bloom filter, as in Parquet: 32 bytes, in each of its eight words a token sets one bit.
//!
//! A token counts by its high 32 bits, the key: a builder holds four bytes a token, and among the 30,000 tokens of a segment
//! another one has the same key with chance 1 in 100,000, far below what the filter itself lets through.

/// Bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 32;
/// Eight 32-bit words, little-endian in a file.
pub(crate) type Block = [u32; 8];

/// Parquet's odd multipliers.
const SALTS: Block =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// What a filter keeps of a token.
#[inline(always)]
pub(crate) fn key_of(token: u64) -> u32 {
    (token >> 32) as u32
}

/// The block of a key, of `blocks`.
#[inline(always)]
pub(crate) fn block_of(key: u32, blocks: u32) -> u32 {
    ((u64::from(key) * u64::from(blocks)) >> 32) as u32
}

/// The bits of a key, one in each word.
#[inline(always)]
pub(crate) fn bits_of(key: u32) -> Block {
    // The keys of one block share their high bits, so these are mixed into the others first (finaliser of MurmurHash3).
    let mut mixed = key ^ key >> 16;
    mixed = mixed.wrapping_mul(0x85eb_ca6b);
    mixed ^= mixed >> 13;
    mixed = mixed.wrapping_mul(0xc2b2_ae35);
    mixed ^= mixed >> 16;
    SALTS.map(|salt| 1 << (mixed.wrapping_mul(salt) >> 27))
}

/// Whether a block, as bytes of a file, has all these bits; one that is not whole has.
pub(crate) fn has_bits(block: &[u8], bits: &Block) -> bool {
    let (words, rest) = block.as_chunks::<4>();
    !rest.is_empty()
        || words.len() != bits.len()
        || words.iter().zip(bits).all(|(word, bit)| u32::from_le_bytes(*word) & bit != 0)
}

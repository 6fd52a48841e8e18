//! The filter of one segment: a split-block Bloom filter as Parquet has it, blocks of 256 bits in which a token sets eight,
//! one in each word of 32.

/// Bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 32;

/// Of the Parquet format, 'Bloom Filter'.
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// In which of `blocks` blocks a hash sets its bits.
pub(crate) fn block_of(hash: u64, blocks: u32) -> u32 {
    (((hash >> 32) * u64::from(blocks)) >> 32) as u32
}

#[inline(always)]
fn bit_masks(hash: u64) -> [u32; 8] {
    SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

/// A filter of so many blocks that holds these hashes. Compiled for processors with and without wide registers.
#[multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"))]
pub(crate) fn filter_of(hashes: &[u64], blocks: usize) -> Vec<[u32; 8]> {
    let mut filter = vec![[0; 8]; blocks];
    for hash in hashes {
        insert(&mut filter, *hash);
    }
    filter
}

/// Sets the bits of a hash in a filter of whole blocks.
#[inline(always)]
fn insert(filter: &mut [[u32; 8]], hash: u64) {
    let block = &mut filter[block_of(hash, filter.len() as u32) as usize];
    block.iter_mut().zip(bit_masks(hash)).for_each(|(word, mask)| *word |= mask);
}

/// Of the blocks of all segments that a token may stand in, as they were read ([`WordIndexPlace::row`](super::WordIndexPlace::row)):
/// the segments that may hold the token, ascending.
pub fn may_hold(row: &[u8], token: super::Token) -> impl Iterator<Item = u32> {
    let masks = bit_masks(token.0);
    let has_all = move |block: &[u8]| {
        block
            .chunks_exact(4)
            .zip(masks)
            .all(|(word, mask)| u32::from_le_bytes(word.try_into().expect("four bytes")) & mask != 0)
    };
    row.chunks_exact(BLOCK_BYTES).zip(0..).filter(move |(block, _)| has_all(block)).map(|(_, segment)| segment)
}

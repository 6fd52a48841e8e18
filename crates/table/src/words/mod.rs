//! The words and ids of a data file: an index that tells which of its segments may hold a word, and the rules by which words are
//! cut from texts, searched and found. Pure: bytes come and go through the caller.
//!
//! A segment is 4,096 rows in a row. For each there is a split-block Bloom filter over its tokens, all of the same number of
//! blocks, stored block by block: block 0 of all segments, then block 1, … One token costs one read of segments x 32 bytes.
//! What the filters do not have is not there; what they have may be there. Bytes: `FORMAT.md`, 'Words'.
//!
//! ```text
//! rows -> WordFilterBuilder -> bytes in the data file -> WordFilter::parse
//! typed text -> query_words -> needles with tokens -> WordFilter::segments_with -> rows -> SearchText::matches_row
//! LIKE '%…%' -> tokens_inside -> tokens ------------^
//! ```

mod decode;
mod filter;
mod filter_builder;
mod hash;
mod header;
mod inside;
mod key_set;
mod needle;
mod split_block;
mod token;
mod window;

#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod tests;

pub use filter::WordFilter;
pub use filter_builder::WordFilterBuilder;
pub use hash::value_token;
pub use header::{HEADER_BYTES_MAX, SEGMENT_ROWS, Sources};
pub use inside::tokens_inside;
pub use needle::{FoldedTexts, Needle, SearchText, query_words};
pub use token::{Kind, for_each_word_hash};

//! Makes the word index of one data file, from its rows as they come.
//!
//! Memory: four bytes for each distinct token of a segment until the file ends, when the number of blocks is known, and
//! one table of up to sixteen bytes for each distinct token of the fullest segment. A file of a million rows like those of
//! the generator (27,000 tokens a segment) takes 28 MB, and its index 9 MB.

use super::hash::{twin, value_token};
use super::header::{Header, SEGMENT_ROWS, Sources};
use super::key_set::KeySet;
use super::split_block::{BLOCK_BYTES, Block, bits_of, block_of, key_of};
use super::token::{Kind, for_each_word};

/// Bits for each token of the fullest segment when there is room: one segment in a hundred is found for nothing.
const TOKEN_BITS: f64 = 10.5;
/// With fewer bits for each token of an average segment a filter is not worth its bytes.
const TOKEN_BITS_MIN: f64 = 6.0;
/// A segment fuller than this many average ones does not make the others larger: it is searched for nothing more often.
const FULLEST_TO_MEAN_MAX: f64 = 2.0;
/// Bits of a block.
const BLOCK_BITS: f64 = BLOCK_BYTES as f64 * 8.0;

/// Collects the tokens of a file's rows, which come in the order of the file.
#[derive(Debug)]
pub struct WordFilterBuilder {
    sources: Sources,
    /// Tokens of the segment that is being filled.
    open: KeySet,
    open_rows: usize,
    /// Keys of the full segments.
    segments: Vec<Box<[u32]>>,
}

impl WordFilterBuilder {
    /// A builder for a file of which `sources` are to be found. What a row has of them must be given, all of it: a reader
    /// takes for absent what the index does not have.
    pub fn new(sources: Sources) -> Self {
        Self { sources, open: KeySet::default(), open_rows: 0, segments: Vec::new() }
    }

    /// Takes in a text of the row at hand.
    pub fn text(&mut self, text: &str, kind: Kind) {
        let open = &mut self.open;
        for_each_word(text, kind, |word| {
            open.insert(key_of(word.hash));
            // Even when the first was there: another token may have the same key.
            if word.is_id {
                open.insert(key_of(twin(word.hash)));
            }
        });
    }

    /// Takes in a value of the row at hand.
    pub fn value(&mut self, column: &str, value: &str) {
        self.open.insert(key_of(value_token(column, value)));
    }

    /// Ends the row; the next text or value is of the next one.
    pub fn end_row(&mut self) {
        self.open_rows += 1;
        if self.open_rows == SEGMENT_ROWS {
            self.end_segment();
        }
    }

    /// The index, header first: 10.5 bits for each token of the fullest segment, or as many as fit into `bytes_max`. `None`
    /// when there are no rows, or when that leaves fewer than 6 bits a token: such a file is searched row by row.
    pub fn finish(mut self, bytes_max: usize) -> Option<Vec<u8>> {
        let last_rows = self.open_rows;
        if last_rows > 0 {
            self.end_segment();
        }
        let full = self.segments.len() - usize::from(last_rows > 0);
        let rows = full * SEGMENT_ROWS + last_rows;
        let segments = u32::try_from(self.segments.len()).ok().filter(|segments| *segments > 0)?;
        let tokens: usize = self.segments.iter().map(|keys| keys.len()).sum();
        let mut header = Header { sources: self.sources, segments, blocks: 1, tokens: tokens as u64 };
        let room = bytes_max.checked_sub(header.encode()?.len())? / header.row_bytes() as usize;
        let fullest = self.segments.iter().map(|keys| keys.len()).max()?;
        header.blocks = choose_blocks(tokens, rows, fullest, room)?;
        let mut index = header.encode()?;
        write_blocks(&mut index, &self.segments, header.blocks);
        Some(index)
    }

    fn end_segment(&mut self) {
        self.segments.push(self.open.take());
        self.open_rows = 0;
    }
}

/// The number of blocks of each segment, of which there may be `blocks_max`.
fn choose_blocks(tokens: usize, rows: usize, fullest: usize, blocks_max: usize) -> Option<u32> {
    // Of a segment with all its rows: a short last one must not make the others look emptier than they are.
    let mean = tokens as f64 * rows.min(SEGMENT_ROWS) as f64 / rows as f64;
    let wanted = TOKEN_BITS * (fullest as f64).min(mean * FULLEST_TO_MEAN_MAX);
    let least = TOKEN_BITS_MIN * mean;
    let blocks_of = |bits: f64| (bits / BLOCK_BITS).ceil().max(1.0) as usize;
    let blocks = blocks_of(wanted).min(blocks_max);
    if blocks < blocks_of(least) { None } else { u32::try_from(blocks).ok() }
}

/// Appends the filters, block 0 of all segments side by side, then block 1 of all.
fn write_blocks(index: &mut Vec<u8>, segments: &[Box<[u32]>], blocks: u32) {
    let start = index.len();
    let row_bytes = segments.len() * BLOCK_BYTES;
    index.resize(start + row_bytes * blocks as usize, 0);
    // One segment at a time, so that the bits are set within a few ten kilobytes and not all over the index.
    let mut filter: Vec<Block> = vec![Block::default(); blocks as usize];
    for (segment, keys) in segments.iter().enumerate() {
        filter.fill(Block::default());
        for key in keys {
            let block = &mut filter[block_of(*key, blocks) as usize];
            for (word, bit) in block.iter_mut().zip(bits_of(*key)) {
                *word |= bit;
            }
        }
        for (row, block) in index[start..].chunks_exact_mut(row_bytes).zip(&filter) {
            let (words, _) = row[segment * BLOCK_BYTES..(segment + 1) * BLOCK_BYTES].as_chunks_mut();
            for (to, word) in words.iter_mut().zip(block) {
                *to = word.to_le_bytes();
            }
        }
    }
}

//! [`WordFilterBuilder`]: the filters of a data file, made as its rows are encoded.
//!
//! All filters of a file have one size, which is settled by its first segments: their tokens are kept until then, later ones go
//! straight into filters. Memory: up to 16 bytes a distinct token of the first [`MEASURED_SEGMENTS`], then 10 bits a token; and the
//! last short texts.

use annals_event::columns;
use arrow::array::{Array, AsArray, RecordBatch};
use xxhash_rust::xxh3::xxh3_64;

use super::bloom::{BLOCK_BYTES, filter_of};
use super::distinct::DistinctCount;
use super::place::WordIndexPlace;
use super::runs::Runs;
use super::tokens::{column_seed, for_each_token, is_numbered, value_hash};
use super::{VALUE_COLUMNS, WORD_COLUMNS};
use crate::trace_places::SEGMENT_ROWS;

/// Bits for each distinct token of a segment: about 1.3% of the segments without it are taken to hold one.
const TOKEN_BITS: f64 = 10.0;
/// With less than this, a filter says so little that it is left out.
const TOKEN_BITS_MIN: f64 = 6.0;
/// Segments by which the size of filters is settled.
const MEASURED_SEGMENTS: usize = 8;
/// Of the hashes that came last, so many are remembered: names of members and usual words come again in every row.
const RECENT: usize = 4_096;
/// The same of texts of so many bytes at most.
const TEXTS: usize = 512;
const SHORT_TEXT_BYTES_MAX: usize = 256;

/// So many hashes are rid of those that came twice, and then again when twice as many remain.
const TIDIED_AT: usize = 1 << 18;

type Filter = Vec<[u32; 8]>;

/// Collects the tokens of rows.
pub(crate) struct WordFilterBuilder {
    /// Bytes of the filters at most, as a share of the file.
    share_max: f64,
    value_seeds: [u64; VALUE_COLUMNS.len()],
    segment: SegmentTokens,
    segment_rows: u64,
    /// The tokens of whole segments, as long as `blocks` is not settled.
    measured: Vec<Tokens>,
    blocks: Option<u32>,
    filters: Vec<Filter>,
    /// A segment had too many tokens for its filter.
    is_overfull: bool,
}

/// The tokens of one whole segment.
struct Tokens {
    /// Some more than once: that is cheaper than a set of them, and a filter comes out the same.
    hashes: Vec<u64>,
    /// Different ones, or thereabouts.
    distinct: usize,
}

/// Collects the tokens of one segment.
struct SegmentTokens {
    recent: Box<[u64; RECENT]>,
    /// Short texts whose tokens are taken in: messages are often the same. Whole, as a hash of them could be met by another text on
    /// purpose, whose tokens would be missing.
    texts: Box<[Vec<u8>]>,
    runs: Runs,
    hashes: Vec<u64>,
    tidied_at: usize,
    count: DistinctCount,
}

impl SegmentTokens {
    fn new() -> Self {
        Self {
            recent: Box::new([0; RECENT]),
            texts: vec![Vec::new(); TEXTS].into_boxed_slice(),
            runs: Runs::new(),
            hashes: Vec::new(),
            tidied_at: TIDIED_AT,
            count: DistinctCount::new(),
        }
    }

    fn add_value(&mut self, hash: u64) {
        add(&mut self.recent, &mut self.hashes, hash);
    }

    fn add_text(&mut self, text: &[u8]) {
        if text.len() <= SHORT_TEXT_BYTES_MAX {
            let known = &mut self.texts[xxh3_64(text) as usize % TEXTS];
            if known == text {
                return;
            }
            known.clear();
            known.extend_from_slice(text);
        }
        add_tokens(&mut self.recent, &mut self.hashes, &mut self.runs, text);
        if self.hashes.len() >= self.tidied_at {
            self.hashes.sort_unstable();
            self.hashes.dedup();
            self.tidied_at = TIDIED_AT.max(2 * self.hashes.len());
        }
    }

    fn take(&mut self) -> Tokens {
        self.recent.fill(0);
        self.texts.iter_mut().for_each(Vec::clear);
        self.tidied_at = TIDIED_AT;
        // Zero is what nothing was remembered by.
        self.hashes.push(0);
        let next = Vec::with_capacity(self.hashes.len());
        let hashes = std::mem::replace(&mut self.hashes, next);
        let distinct = self.count.of(&hashes);
        Tokens { hashes, distinct }
    }
}

#[inline(always)]
fn add(recent: &mut [u64; RECENT], hashes: &mut Vec<u64>, hash: u64) {
    let recent = &mut recent[hash as usize % RECENT];
    if *recent != hash {
        *recent = hash;
        hashes.push(hash);
    }
}

/// Compiled for processors with and without wide registers.
#[multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"))]
fn add_tokens(recent: &mut [u64; RECENT], hashes: &mut Vec<u64>, runs: &mut Runs, text: &[u8]) {
    for_each_token(text, runs, |hash| add(recent, hashes, hash));
}

impl WordFilterBuilder {
    /// For filters that take at most `share_max` of a file.
    pub(crate) fn new(share_max: f64) -> Self {
        Self {
            share_max,
            value_seeds: VALUE_COLUMNS.map(column_seed),
            segment: SegmentTokens::new(),
            segment_rows: 0,
            measured: Vec::new(),
            blocks: None,
            filters: Vec::new(),
            is_overfull: false,
        }
    }

    /// Takes in the next rows of the file. `row_bytes` says what a row takes in it, or thereabouts.
    pub(crate) fn add(&mut self, batch: &RecordBatch, row_bytes: impl Fn() -> f64) {
        let mut row = 0;
        while row < batch.num_rows() {
            let room = (SEGMENT_ROWS - self.segment_rows) as usize;
            let rows = room.min(batch.num_rows() - row);
            self.add_rows(&batch.slice(row, rows));
            row += rows;
            self.segment_rows += rows as u64;
            if self.segment_rows == SEGMENT_ROWS {
                self.close_segment();
                if self.measured.len() == MEASURED_SEGMENTS {
                    self.settle(row_bytes() * SEGMENT_ROWS as f64);
                }
            }
        }
    }

    fn add_rows(&mut self, rows: &RecordBatch) {
        let segment = &mut self.segment;
        for column in WORD_COLUMNS {
            for text in rows[column].as_string_view().iter().flatten() {
                segment.add_text(text.as_bytes());
            }
        }
        for (column, seed) in VALUE_COLUMNS.into_iter().zip(self.value_seeds) {
            let values = rows[column].as_string_view();
            if values.null_count() == values.len() {
                continue;
            }
            for value in values.iter().flatten() {
                if column != columns::ID || !is_numbered(value) {
                    segment.add_value(value_hash(seed, value));
                }
            }
        }
    }

    fn close_segment(&mut self) {
        let tokens = self.segment.take();
        self.segment_rows = 0;
        match self.blocks {
            None => self.measured.push(tokens),
            Some(blocks) => self.filter(&tokens, blocks),
        }
    }

    fn filter(&mut self, tokens: &Tokens, blocks: u32) {
        self.is_overfull |= bits(blocks) < TOKEN_BITS_MIN * tokens.distinct as f64;
        self.filters.push(filter_of(&tokens.hashes, blocks as usize));
    }

    /// Settles the size of filters: that which the tokens measured so far ask for, or as much as segments of so many bytes have
    /// room for.
    fn settle(&mut self, segment_bytes: f64) {
        let measured = std::mem::take(&mut self.measured);
        let most = measured.iter().map(|tokens| tokens.distinct).max().unwrap_or(0);
        let wanted = TOKEN_BITS * most as f64 / bits(1);
        let room = self.room(segment_bytes) / BLOCK_BYTES as f64;
        let blocks = (wanted.ceil().min(room.floor()) as u32).max(1);
        self.blocks = Some(blocks);
        measured.iter().for_each(|tokens| self.filter(tokens, blocks));
    }

    /// Bytes that filters may take beside so many other bytes.
    fn room(&self, bytes: f64) -> f64 {
        bytes * self.share_max / (1.0 - self.share_max)
    }

    /// The index of a file of `file_bytes` so far, to be put behind them; `None` when it would say too little for its size, so
    /// that the file goes without.
    pub(crate) fn finish(mut self, file_bytes: usize) -> Option<(WordIndexPlace, Vec<u8>)> {
        if self.segment_rows > 0 {
            self.close_segment();
        }
        if self.blocks.is_none() {
            self.settle(file_bytes as f64 / self.measured.len().max(1) as f64);
        }
        let (blocks, segments) = (self.blocks?, self.filters.len());
        let bytes_total = blocks as usize * segments * BLOCK_BYTES;
        if self.is_overfull || segments == 0 || bytes_total as f64 > self.room(file_bytes as f64) {
            return None;
        }
        let mut bytes = Vec::with_capacity(bytes_total);
        for block in 0..blocks as usize {
            for filter in &self.filters {
                bytes.extend(filter[block].iter().flat_map(|word| word.to_le_bytes()));
            }
        }
        let segments = u32::try_from(segments).ok()?;
        Some((WordIndexPlace { offset: file_bytes as u64, blocks, segments }, bytes))
    }
}

impl std::fmt::Debug for WordFilterBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WordFilterBuilder").field("filters", &self.filters.len()).finish_non_exhaustive()
    }
}

fn bits(blocks: u32) -> f64 {
    f64::from(blocks) * (8 * BLOCK_BYTES) as f64
}

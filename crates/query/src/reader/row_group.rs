//! [`RowGroup`]: the pages of one row group that a request needs, fetched and checked, as the decoder asks for them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use parquet::arrow::arrow_reader::{RowGroups, RowSelection, RowSelectionPolicy};
use parquet::basic::Compression;
use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::reader::unpacked_pages::UnpackedPages;

/// What to fetch of a row group.
#[derive(Debug)]
pub(crate) struct PageFetch {
    /// By leaf, ascending.
    ranges: Vec<(usize, Range<u64>)>,
    /// The rows that will be looked at, ascending; `None` for all.
    touched: Option<Vec<Range<usize>>>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct RowGroup {
    metadata: Arc<ParquetMetaData>,
    row_group: usize,
    chunks: BTreeMap<usize, Arc<Chunk>>,
    touched: Option<Vec<Range<usize>>>,
    /// Whether the file is ours, whose pages are known to say how long they are unpacked.
    is_ours: bool,
}

impl PageFetch {
    /// The pages of these leaves that hold selected rows, and the dictionaries before them; whole columns where a file does
    /// not say where its pages are.
    pub(crate) fn new(
        metadata: &ParquetMetaData,
        row_group: usize,
        leaves: &[usize],
        selection: Option<&RowSelection>,
    ) -> Self {
        let group = metadata.row_group(row_group);
        let touched = selection.map(|selection| touched(selection, group));
        let mut ranges = Vec::new();
        for &leaf in leaves {
            let (start, length) = group.column(leaf).byte_range();
            match (page_locations(metadata, row_group, leaf), &touched) {
                (Some(pages), Some(touched)) => {
                    if let Some(first) = pages.first().map(|page| page.offset as u64).filter(|first| *first > start) {
                        ranges.push((leaf, start..first));
                    }
                    ranges.extend(touched.scan_ranges(pages).into_iter().map(|range| (leaf, range)));
                }
                _ => ranges.push((leaf, start..start + length)),
            }
        }
        Self { ranges, touched: touched.map(|touched| selected(&touched)) }
    }

    /// The ranges of the file.
    pub(crate) fn ranges(&self) -> Vec<Range<u64>> {
        self.ranges.iter().map(|(_, range)| range.clone()).collect()
    }
}

/// The rows whose pages a decoder may touch: those of the selection, and where the selection is so dense that the decoder reads
/// what lies between and filters it, all from the first to the last.
fn touched(selection: &RowSelection, group: &RowGroupMetaData) -> RowSelection {
    let (rows, pieces) = selection.iter().fold((0, 0), |(rows, pieces), selector| {
        (rows + selector.row_count, pieces + usize::from(selector.row_count > 0))
    });
    // The decoder's own rule, which cannot be asked.
    let is_dense = match RowSelectionPolicy::default() {
        RowSelectionPolicy::Selectors => false,
        RowSelectionPolicy::Mask => true,
        RowSelectionPolicy::Auto { threshold } => rows < pieces * threshold,
    };
    let ranges = selected(selection);
    match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) if is_dense => {
            let all = usize::try_from(group.num_rows()).unwrap_or(0);
            RowSelection::from_consecutive_ranges(std::iter::once(first.start..last.end), all)
        }
        _ => selection.clone(),
    }
}

/// The rows of a selection.
fn selected(selection: &RowSelection) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut ranges = Vec::new();
    for selector in selection.iter() {
        if !selector.skip && selector.row_count > 0 {
            ranges.push(at..at + selector.row_count);
        }
        at += selector.row_count;
    }
    ranges
}

/// Of each page, how many of its rows, from its first to the last that is touched.
fn rows_within(pages: &[PageLocation], touched: &[Range<usize>]) -> Vec<usize> {
    let first_row = |page: &PageLocation| usize::try_from(page.first_row_index).unwrap_or(0);
    let ends = pages.iter().skip(1).map(first_row).chain(std::iter::once(usize::MAX));
    let rows = pages.iter().zip(ends).map(|(page, end)| {
        // The last range that begins before the page ends.
        let behind = touched.partition_point(|range| range.start < end);
        let last = behind.checked_sub(1).map_or(0, |at| touched[at].end.min(end));
        last.saturating_sub(first_row(page))
    });
    rows.collect()
}

fn page_locations(metadata: &ParquetMetaData, row_group: usize, leaf: usize) -> Option<&Vec<PageLocation>> {
    let pages = metadata.offset_index()?.get(row_group)?.get(leaf)?.page_locations();
    (!pages.is_empty()).then_some(pages)
}

impl RowGroup {
    /// The parts in the order of [`PageFetch::ranges`].
    pub(crate) fn new(
        metadata: Arc<ParquetMetaData>,
        row_group: usize,
        is_ours: bool,
        request: PageFetch,
        parts: Vec<Bytes>,
    ) -> Self {
        let mut found: BTreeMap<usize, Vec<(u64, Bytes)>> = BTreeMap::new();
        for ((leaf, range), bytes) in request.ranges.into_iter().zip(parts) {
            found.entry(leaf).or_default().push((range.start, bytes));
        }
        let chunks = found.into_iter().map(|(leaf, parts)| (leaf, Arc::new(Chunk { parts }))).collect();
        Self { metadata, row_group, chunks, touched: request.touched, is_ours }
    }

    fn group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.row_group)
    }

    fn page_reader(&self, leaf: usize) -> Result<Box<dyn PageReader>> {
        let Some(chunk) = self.chunks.get(&leaf) else { return Err(not_fetched()) };
        let pages = page_locations(&self.metadata, self.row_group, leaf).cloned();
        let (column, rows) = (self.group().column(leaf), self.num_rows());
        if !self.is_ours || !matches!(column.compression(), Compression::ZSTD(_)) {
            return Ok(Box::new(SerializedPageReader::new(Arc::clone(chunk), column, rows, pages)?));
        }
        let packed = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let within = match (&pages, &self.touched) {
            (Some(pages), Some(touched))
                if column.dictionary_page_offset().is_none() && column.column_descr().max_rep_level() == 0 =>
            {
                Some(rows_within(pages, touched))
            }
            _ => None,
        };
        let unpacked = UnpackedPages::new(SerializedPageReader::new(Arc::clone(chunk), &packed, rows, pages)?);
        let has_levels = column.column_descr().max_def_level() > 0;
        Ok(Box::new(match within {
            Some(rows) => unpacked.within(rows, has_levels),
            None => unpacked,
        }))
    }
}

impl RowGroups for RowGroup {
    fn num_rows(&self) -> usize {
        usize::try_from(self.group().num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        Ok(Box::new(OneChunk(Some(self.page_reader(leaf)?))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of one column of one row group.
struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

/// Parts of a column's bytes, by their offset in the file.
#[derive(Debug)]
struct Chunk {
    parts: Vec<(u64, Bytes)>,
}

impl Chunk {
    /// The bytes from an offset on, as far as they were fetched together.
    fn from(&self, offset: u64) -> Result<Bytes> {
        let behind = self.parts.partition_point(|(start, _)| *start <= offset);
        let (start, bytes) = behind.checked_sub(1).and_then(|at| self.parts.get(at)).ok_or_else(not_fetched)?;
        let skipped = usize::try_from(offset - start).map_err(|_| not_fetched())?;
        if skipped > bytes.len() {
            return Err(not_fetched());
        }
        Ok(bytes.slice(skipped..))
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.parts.last().map_or(0, |(start, bytes)| start + bytes.len() as u64)
    }
}

impl ChunkReader for Chunk {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(not_fetched());
        }
        Ok(bytes.slice(..length))
    }
}

/// A page that the decoder wants was not asked for: an error of ours, or a file that contradicts itself.
fn not_fetched() -> ParquetError {
    ParquetError::General("a page lies outside of what was read of its column".to_owned())
}

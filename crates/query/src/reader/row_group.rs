//! [`RowGroup`]: the pages of one row group that a request needs, fetched and checked, as the decoder asks for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageIterator, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::reader::page_cache::FilePages;
use crate::reader::page_fetch::{PageFetch, dictionary_range, page_locations, rows_within};
use crate::reader::unpacked_pages::{KeptPages, PageCodec, PagePlace, UnpackedPages};

/// See the module.
#[derive(Debug)]
pub(crate) struct RowGroup {
    metadata: Arc<ParquetMetaData>,
    row_group: usize,
    chunks: BTreeMap<usize, Arc<Chunk>>,
    /// Kept pages, by their offset in the file.
    held: Arc<HashMap<u64, Page>>,
    touched: Option<Vec<Range<usize>>>,
    /// Where pages of a file of ours are kept: those are known to say how long they are unpacked.
    kept: Option<FilePages>,
}

impl RowGroup {
    /// The parts in the order of [`PageFetch::ranges`].
    pub(crate) fn new(
        metadata: Arc<ParquetMetaData>,
        row_group: usize,
        kept: Option<FilePages>,
        fetch: PageFetch,
        parts: Vec<Bytes>,
    ) -> Self {
        let mut found: BTreeMap<usize, Vec<(u64, Bytes)>> = BTreeMap::new();
        for ((leaf, range), bytes) in fetch.ranges.into_iter().zip(parts) {
            found.entry(leaf).or_default().push((range.start, bytes));
        }
        let chunks = found.into_iter().map(|(leaf, parts)| (leaf, Arc::new(Chunk { parts }))).collect();
        Self { metadata, row_group, chunks, held: Arc::new(fetch.held), touched: fetch.touched, kept }
    }

    fn group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.row_group)
    }

    fn page_reader(&self, leaf: usize) -> Result<Box<dyn PageReader>> {
        let chunk = self.chunks.get(&leaf).cloned().unwrap_or_default();
        let pages = page_locations(&self.metadata, self.row_group, leaf);
        let column = self.group().column(leaf);
        let codec = PageCodec::of(column.compression());
        let (Some(kept), Some(codec)) = (&self.kept, codec) else {
            return Ok(Box::new(SerializedPageReader::new(chunk, column, self.num_rows(), pages.cloned())?));
        };
        let packed = as_stored(column)?;
        let stored = |pages| SerializedPageReader::new(Arc::clone(&chunk), &packed, self.num_rows(), pages);
        let mut packed_pages = stored(pages.cloned())?;
        let (Some(pages), Some(touched)) = (pages, &self.touched) else {
            return Ok(Box::new(UnpackedPages::new(packed_pages, codec)));
        };
        let rows = rows_within(pages, touched);
        let mut places: VecDeque<PagePlace> =
            pages.iter().zip(rows).map(|(page, rows)| PagePlace { start: page.offset as u64, rows }).collect();
        if let Some(dictionary) = dictionary_range(column.byte_range().0, pages) {
            let first = places.iter().position(|place| place.rows > 0);
            let is_used = match first.map(|at| (self.held.get(&places[at].start), &pages[at])) {
                Some((Some(page), _)) => uses_dictionary(page),
                Some((None, location)) => {
                    let mut alone = stored(Some(vec![location.clone()]))?;
                    // It takes what lies before the page for the dictionary.
                    alone.skip_next_page()?;
                    alone.get_next_page()?.is_none_or(|page| uses_dictionary(&page))
                }
                None => false,
            };
            if is_used {
                places.push_front(PagePlace { start: dictionary.start, rows: usize::MAX });
            } else {
                packed_pages.skip_next_page()?;
            }
        }
        let has_levels = column.column_descr().max_def_level() > 0;
        let kept = KeptPages { places, has_levels, held: Arc::clone(&self.held), cache: kept.clone() };
        Ok(Box::new(UnpackedPages::new(packed_pages, codec).through(kept)))
    }
}

/// The column without its compression, by which pages are handed on as they are stored.
fn as_stored(column: &ColumnChunkMetaData) -> Result<Cow<'_, ColumnChunkMetaData>> {
    if column.compression() == Compression::UNCOMPRESSED {
        return Ok(Cow::Borrowed(column));
    }
    Ok(Cow::Owned(column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?))
}

/// Whether a page's values are numbers of a dictionary. Our columns have one until it is full: the first page without it is followed
/// by none with it.
fn uses_dictionary(page: &Page) -> bool {
    matches!(page.encoding(), Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY)
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
#[derive(Debug, Default)]
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

//! [`Footer`]: what a data file says of itself: schema, row groups, statistics, page places, Bloom filters of trace ids.
//!
//! Opening is one read of the file's end, which for our files holds everything; what it does not hold is read when it is
//! needed. Parts are added by making a new footer, so that one in the cache never changes under its readers.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use annals_event::{columns, file_schema};
use annals_table::{BlockSums, WordIndexPlace};
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataPushDecoder, ParquetMetaDataReader,
    ParquetStatisticsPolicy, RowGroupMetaData,
};

use crate::error::Result;
use crate::reader::data_reader::DataReader;
use crate::reader::metadata_cache::MetadataCache;
use crate::reader::scan_stats::ScanStats;
use crate::reader::stored_file::Tail;

/// Read from a file's end at first, at least and at most.
const TAIL_BYTES: (u64, u64) = (64 << 10, 2 << 20);

/// The part of a file that its footer, page index and sums are less than: 0.42% of our large ones.
const TAIL_PART: u64 = 200;

/// The last eight bytes: length of the footer, then the magic.
const TRAILER_BYTES: usize = 8;
const MAGIC: &[u8; 4] = b"PAR1";

/// Room for what is derived later (Arrow schema and levels), in the estimate of a footer's size.
const DERIVED_BYTES: usize = 12 << 10;

/// Columns whose statistics can rule out a row group. Others' are not even parsed: opening a thousand files is mostly
/// this parsing. The positions are those of our own files; in another program's file statistics may be missing, and
/// missing statistics rule out nothing.
static PARSE_OPTIONS: LazyLock<Arc<ParquetMetaDataOptions>> = LazyLock::new(|| {
    let schema = file_schema();
    let kept: Vec<usize> = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| {
            !matches!(field.name().as_str(), columns::MESSAGE | columns::ERROR | columns::PAYLOAD | columns::ATTRIBUTES)
        })
        .map(|(index, _)| index)
        .collect();
    Arc::new(
        ParquetMetaDataOptions::new()
            .with_column_stats_policy(ParquetStatisticsPolicy::skip_except(&kept))
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll),
    )
});

/// The columns of our own files by name. A scan of a thousand files asks thousands of times.
static LEAVES: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    file_schema().fields().iter().enumerate().map(|(leaf, field)| (field.name().clone(), leaf)).collect()
});

/// The parsed end of one data file.
#[derive(Debug)]
pub(crate) struct Footer {
    metadata: Arc<ParquetMetaData>,
    /// By which the file's other parts are checked; `None` for another program's file.
    sums: Option<Arc<BlockSums>>,
    /// Whether the page places were looked for (a file may have none).
    has_pages: bool,
    /// One a row group, when they were looked for.
    blooms: Option<Arc<[Option<Sbbf>]>>,
    /// Where its word index stands, if it has one.
    words: Option<WordIndexPlace>,
    /// First row of each row group within the file.
    first_rows: Arc<[u64]>,
    /// Whether its columns are those of our own files, in their order.
    has_our_columns: bool,
    arrow: OnceLock<ArrowReaderMetadata>,
}

impl Footer {
    /// The footer of a file, from the cache or from its end; with Bloom filters if `with_blooms`.
    pub(crate) async fn open(
        reader: &DataReader,
        cache: &MetadataCache,
        with_blooms: bool,
        stats: &mut ScanStats,
    ) -> Result<OpenFooter> {
        stats.files_opened += 1;
        let path = reader.file.path.as_str();
        let mut tail = None;
        let mut footer = match cache.get(path) {
            Some(footer) => {
                stats.footers_cached += 1;
                footer
            }
            None => {
                if reader.file.bytes < TRAILER_BYTES as u64 {
                    return Err(reader.corrupt("it is too short for a Parquet file"));
                }
                let (sums, end) = reader.stored.open(tail_bytes(reader.file.bytes), stats).await?;
                let footer = Arc::new(Self::parse(reader, sums, &end, stats).await?);
                cache.insert(path, Arc::clone(&footer));
                tail = Some(end);
                footer
            }
        };
        if with_blooms && footer.blooms.is_none() {
            footer = Arc::new(footer.add_blooms(reader, tail.as_ref(), stats).await?);
            cache.insert(path, Arc::clone(&footer));
        }
        Ok(OpenFooter { footer, tail })
    }

    async fn parse(
        reader: &DataReader,
        sums: Option<Arc<BlockSums>>,
        tail: &Tail,
        stats: &mut ScanStats,
    ) -> Result<Self> {
        let Some((rest, trailer)) = tail.bytes().split_last_chunk::<TRAILER_BYTES>() else {
            return Err(reader.corrupt("it is too short for a Parquet file"));
        };
        let [a, b, c, d, magic @ ..] = *trailer;
        if magic != *MAGIC {
            return Err(reader.corrupt("it does not end as a Parquet file"));
        }
        let footer_end = tail.start() + rest.len() as u64;
        let Some(footer_start) = footer_end.checked_sub(u64::from(u32::from_le_bytes([a, b, c, d]))) else {
            return Err(reader.corrupt("its footer is longer than the file"));
        };
        let bytes = fetch(reader, sums.as_ref(), Some(tail), std::slice::from_ref(&(footer_start..footer_end)), stats)
            .await?
            .remove(0);
        let metadata = ParquetMetaDataReader::decode_metadata_with_options(&bytes, Some(&PARSE_OPTIONS))
            .map_err(|error| reader.undecodable(error))?;
        let mut first_rows = Vec::with_capacity(metadata.num_row_groups());
        let mut rows = 0u64;
        for group in metadata.row_groups() {
            first_rows.push(rows);
            let group_rows = u64::try_from(group.num_rows()).ok();
            let columns = metadata.file_metadata().schema_descr().num_columns();
            match group_rows.and_then(|group_rows| rows.checked_add(group_rows)) {
                Some(sum) if group.num_columns() == columns => rows = sum,
                _ => return Err(reader.corrupt("its row groups contradict its schema")),
            }
        }
        // The log's count of another program's file may be missing, and then reads as nothing.
        if reader.file.origin.is_some() && rows != reader.file.rows {
            return Err(reader.corrupt("its row count is not the one in the table log"));
        }
        // Only of a file of ours, whose bytes are proven.
        let words = sums.as_ref().and_then(|_| {
            let keys = metadata.file_metadata().key_value_metadata()?;
            let value = keys.iter().find(|pair| pair.key == WordIndexPlace::KEY)?.value.as_deref()?;
            WordIndexPlace::read(value, rows, reader.file.bytes)
        });
        let has_our_columns = has_our_columns(&metadata);
        Ok(Self {
            metadata: Arc::new(metadata),
            sums,
            has_pages: false,
            blooms: None,
            words,
            first_rows: first_rows.into(),
            has_our_columns,
            arrow: OnceLock::new(),
        })
    }

    async fn add_blooms(&self, reader: &DataReader, tail: Option<&Tail>, stats: &mut ScanStats) -> Result<Self> {
        let mut blooms = Vec::with_capacity(self.metadata.num_row_groups());
        let leaf = self.leaf(columns::TRACE_ID);
        for group in self.metadata.row_groups() {
            let place = leaf.and_then(|leaf| {
                let column = group.column(leaf);
                let start = u64::try_from(column.bloom_filter_offset()?).ok()?;
                let length = u64::try_from(column.bloom_filter_length()?).ok()?;
                Some(start..start.checked_add(length)?)
            });
            let bloom = match place {
                Some(range) => {
                    let bytes = fetch(reader, self.sums(), tail, &[range], stats).await?.remove(0);
                    // A filter that does not parse is no filter: it costs speed, never rows.
                    Sbbf::from_bytes(&bytes).ok().filter(|bloom| bloom.num_blocks() > 0)
                }
                None => None,
            };
            blooms.push(bloom);
        }
        Ok(Self { blooms: Some(blooms.into()), ..self.share() })
    }

    async fn add_pages(&self, reader: &DataReader, tail: Option<&Tail>, stats: &mut ScanStats) -> Result<Self> {
        let metadata = ParquetMetaData::clone(&self.metadata);
        let mut decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(reader.file.bytes, metadata)
            .map_err(|error| reader.undecodable(error))?
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        loop {
            match decoder.try_decode().map_err(|error| reader.undecodable(error))? {
                DecodeResult::NeedsData(ranges) => {
                    let parts = fetch(reader, self.sums(), tail, &ranges, stats).await?;
                    decoder.push_ranges(ranges, parts).map_err(|error| reader.undecodable(error))?;
                }
                DecodeResult::Data(metadata) => {
                    return Ok(Self { metadata: Arc::new(metadata), has_pages: true, ..self.share() });
                }
                DecodeResult::Finished => return Err(reader.corrupt("its page index has no end")),
            }
        }
    }

    /// The same parts; what was derived of them is derived again.
    fn share(&self) -> Self {
        Self {
            metadata: Arc::clone(&self.metadata),
            sums: self.sums.clone(),
            has_pages: self.has_pages,
            blooms: self.blooms.clone(),
            words: self.words,
            first_rows: Arc::clone(&self.first_rows),
            has_our_columns: self.has_our_columns,
            arrow: OnceLock::new(),
        }
    }

    pub(crate) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.row_groups()
    }

    /// By which the file's other parts are checked; `None` for another program's file.
    pub(crate) fn sums(&self) -> Option<&Arc<BlockSums>> {
        self.sums.as_ref()
    }

    /// Rows in a row group.
    pub(crate) fn row_group_rows(&self, row_group: usize) -> usize {
        usize::try_from(self.metadata.row_group(row_group).num_rows()).unwrap_or(0)
    }

    /// Bytes that a row takes uncompressed, on the average of its row group.
    pub(crate) fn row_bytes(&self, row: u64) -> u64 {
        let row_group = self.first_rows.partition_point(|first| *first <= row).saturating_sub(1);
        let bytes = u64::try_from(self.metadata.row_group(row_group).total_byte_size()).unwrap_or(0);
        bytes / self.row_group_rows(row_group).max(1) as u64
    }

    /// First row of each row group within the file.
    pub(crate) fn first_rows(&self) -> &[u64] {
        &self.first_rows
    }

    /// The Bloom filter over trace ids of a row group, if there is one and it was asked for.
    pub(crate) fn bloom(&self, row_group: usize) -> Option<&Sbbf> {
        self.blooms.as_ref()?.get(row_group)?.as_ref()
    }

    /// Where its word index stands, if it has one.
    pub(crate) fn words(&self) -> Option<&WordIndexPlace> {
        self.words.as_ref()
    }

    /// The leaf of a top-level column: by name, never by position.
    pub(crate) fn leaf(&self, name: &str) -> Option<usize> {
        if self.has_our_columns {
            return LEAVES.get(name).copied();
        }
        self.metadata.file_metadata().schema_descr().columns().iter().position(|column| column.path().parts() == [name])
    }

    /// What the decoder wants to know; made at the first call.
    pub(crate) fn arrow(&self) -> Result<ArrowReaderMetadata, ParquetError> {
        if let Some(arrow) = self.arrow.get() {
            return Ok(arrow.clone());
        }
        let arrow = self.derive_arrow()?;
        Ok(self.arrow.get_or_init(|| arrow).clone())
    }

    fn derive_arrow(&self) -> Result<ArrowReaderMetadata, ParquetError> {
        if self.has_our_columns {
            let options = ArrowReaderOptions::new().with_schema(file_schema());
            if let Ok(arrow) = ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options) {
                return Ok(arrow);
            }
        }
        ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), ArrowReaderOptions::new())
    }

    /// An estimate of the memory that this footer takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let blooms =
            self.blooms.as_ref().map_or(0, |blooms| blooms.iter().flatten().map(|bloom| bloom.num_blocks() * 32).sum());
        let sums = self.sums.as_ref().map_or(0, |sums| sums.memory_bytes());
        self.metadata.memory_size() + blooms + sums + DERIVED_BYTES
    }
}

/// Bytes from the end of a file of this length that most likely hold its footer and all that is needed with it.
pub(crate) fn tail_bytes(file_bytes: u64) -> u64 {
    (file_bytes / TAIL_PART).clamp(TAIL_BYTES.0, TAIL_BYTES.1)
}

fn has_our_columns(metadata: &ParquetMetaData) -> bool {
    let (ours, theirs) = (file_schema(), metadata.file_metadata().schema_descr());
    theirs.num_columns() == ours.fields().len()
        && ours
            .fields()
            .iter()
            .zip(theirs.columns())
            .all(|(field, column)| column.path().parts() == [field.name().as_str()])
}

/// A footer, with the bytes it was read from if it was not in the cache.
pub(crate) struct OpenFooter {
    pub(crate) footer: Arc<Footer>,
    tail: Option<Tail>,
}

impl OpenFooter {
    /// The footer with the places of pages, without which a selection of rows would read whole columns.
    pub(crate) async fn with_pages(
        self,
        reader: &DataReader,
        cache: &MetadataCache,
        stats: &mut ScanStats,
    ) -> Result<Arc<Footer>> {
        if self.footer.has_pages {
            return Ok(self.footer);
        }
        let footer = Arc::new(self.footer.add_pages(reader, self.tail.as_ref(), stats).await?);
        cache.insert(&reader.file.path, Arc::clone(&footer));
        Ok(footer)
    }
}

/// The bytes of `ranges`: from the file's end if that is at hand and has them all, else from the store.
async fn fetch(
    reader: &DataReader,
    sums: Option<&Arc<BlockSums>>,
    tail: Option<&Tail>,
    ranges: &[Range<u64>],
    stats: &mut ScanStats,
) -> Result<Vec<Bytes>> {
    match tail.and_then(|tail| ranges.iter().map(|range| tail.get(range)).collect()) {
        Some(parts) => Ok(parts),
        None => reader.stored.ranges(sums, ranges, stats).await,
    }
}

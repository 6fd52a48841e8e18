//! [`FileReaders`]: data files for DataFusion's Parquet source, read through the same checks as filter scans.
//!
//! In the place of DataFusion's own factory, which reads bytes as they are. Footers are cached with their sums.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annals_table::BlockSums;
use bytes::Bytes;
use datafusion::common::HashMap;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileMetrics;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadata, FileMetadataCache};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore};
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};

use crate::error::Result;
use crate::reader::{Part, ScanStats, StoredFile, Tail, tail_bytes};

/// Checked parts that a reader keeps for its next read: of a small file, the columns of the filter and those of the answer
/// stand in the same blocks.
const HELD_BYTES_MAX: usize = 1 << 20;

/// Makes a reader for each file of a scan.
pub(crate) struct FileReaders {
    store: Arc<dyn ObjectStore>,
    /// Of this table alone: it goes by paths within the table.
    cache: Arc<FileMetadataCache>,
}

impl FileReaders {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, cache: Arc<FileMetadataCache>) -> Self {
        Self { store, cache }
    }
}

impl fmt::Debug for FileReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReaders").field("store", &self.store).finish_non_exhaustive()
    }
}

impl ParquetFileReaderFactory for FileReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        partitioned_file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::common::Result<Box<dyn AsyncFileReader + Send>> {
        let meta = partitioned_file.object_meta;
        let metrics = ParquetFileMetrics::new(partition_index, meta.location.as_ref(), metrics);
        let stored = StoredFile::at(Arc::clone(&self.store), meta.location.clone(), meta.size);
        Ok(Box::new(FileReader { stored, meta, cache: Arc::clone(&self.cache), metrics, end: None, held: Vec::new() }))
    }
}

/// Reads one file for one partition of a scan.
struct FileReader {
    stored: StoredFile,
    meta: ObjectMeta,
    cache: Arc<FileMetadataCache>,
    metrics: ParquetFileMetrics,
    /// What is known of the file's end, once it was asked for.
    end: Option<End>,
    held: Vec<Part>,
}

#[derive(Clone)]
struct End {
    sums: Option<Arc<BlockSums>>,
    /// `None` when the sums came from the cache.
    tail: Option<Tail>,
}

/// A footer in the cache.
struct CachedFooter {
    metadata: Arc<ParquetMetaData>,
    sums: Option<Arc<BlockSums>>,
}

impl FileReader {
    async fn ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let End { sums, tail } = self.end().await?;
        if let Some(parts) = tail.and_then(|tail| ranges.iter().map(|range| tail.get(range)).collect()) {
            return Ok(parts);
        }
        if let Ok(parts) = self.stored.pick(&self.held, ranges) {
            return Ok(parts);
        }
        let mut stats = ScanStats::default();
        let found = match &sums {
            None => self.stored.ranges(None, ranges, &mut stats).await?,
            Some(sums) => {
                let parts = self.stored.parts(sums, ranges, &mut stats).await?;
                let found = self.stored.pick(&parts, ranges)?;
                let bytes: usize = parts.iter().map(Part::len).sum();
                self.held = if bytes <= HELD_BYTES_MAX { parts } else { Vec::new() };
                found
            }
        };
        self.count(&stats);
        Ok(found)
    }

    async fn metadata(&mut self, pages: PageIndexPolicy) -> Result<Arc<ParquetMetaData>> {
        let decoder = match self.cached() {
            Some((metadata, end)) => {
                self.end.get_or_insert(end);
                let has_pages = metadata.column_index().is_some() && metadata.offset_index().is_some();
                if has_pages || pages == PageIndexPolicy::Skip {
                    return Ok(metadata);
                }
                ParquetMetaDataPushDecoder::try_new_with_metadata(self.meta.size, ParquetMetaData::clone(&metadata))
            }
            None => ParquetMetaDataPushDecoder::try_new(self.meta.size),
        };
        let mut decoder = decoder.map_err(|error| self.undecodable(error))?.with_page_index_policy(pages);
        loop {
            match decoder.try_decode().map_err(|error| self.undecodable(error))? {
                DecodeResult::NeedsData(ranges) => {
                    let parts = self.ranges(&ranges).await?;
                    decoder.push_ranges(ranges, parts).map_err(|error| self.undecodable(error))?;
                }
                DecodeResult::Data(metadata) => {
                    let metadata = Arc::new(metadata);
                    let sums = self.end().await?.sums;
                    let footer = CachedFooter { metadata: Arc::clone(&metadata), sums };
                    let entry = CachedFileMetadataEntry::new(self.meta.clone(), Arc::new(footer));
                    self.cache.put(&self.meta.location, entry);
                    return Ok(metadata);
                }
                DecodeResult::Finished => return Err(self.stored.corrupt("its footer has no end")),
            }
        }
    }

    /// The file's end: what this reader knows of it, or the cache, or the store.
    async fn end(&mut self) -> Result<End> {
        if let Some(end) = self.end.clone().or_else(|| self.cached().map(|(_, end)| end)) {
            return Ok(self.end.insert(end).clone());
        }
        let mut stats = ScanStats::default();
        let (sums, tail) = self.stored.open(tail_bytes(self.meta.size), &mut stats).await?;
        self.count(&stats);
        Ok(self.end.insert(End { sums, tail: Some(tail) }).clone())
    }

    fn cached(&self) -> Option<(Arc<ParquetMetaData>, End)> {
        let entry = self.cache.get(&self.meta.location).filter(|entry| entry.is_valid_for(&self.meta))?;
        let footer = entry.file_metadata.as_any().downcast_ref::<CachedFooter>()?;
        Some((Arc::clone(&footer.metadata), End { sums: footer.sums.clone(), tail: None }))
    }

    fn count(&self, stats: &ScanStats) {
        self.metrics.bytes_scanned.add(usize::try_from(stats.bytes_read).unwrap_or(usize::MAX));
    }

    fn undecodable(&self, error: ParquetError) -> crate::error::Error {
        crate::reader::undecodable(self.meta.location.as_ref(), error)
    }
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move { Ok(self.ranges(std::slice::from_ref(&range)).await.map_err(external)?.remove(0)) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move { self.ranges(&ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        let pages = options.map_or(PageIndexPolicy::Optional, |options| options.column_index_policy());
        async move { self.metadata(pages).await.map_err(external) }.boxed()
    }
}

/// Carries an error of ours through Parquet and DataFusion; `Error::from_datafusion` finds it again.
fn external(error: crate::error::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl FileMetadata for CachedFooter {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn memory_size(&self) -> usize {
        self.metadata.memory_size() + self.sums.as_ref().map_or(0, |sums| sums.memory_bytes())
    }

    fn extra_info(&self) -> HashMap<String, String> {
        let has_pages = self.metadata.column_index().is_some() && self.metadata.offset_index().is_some();
        HashMap::from([("page_index".to_owned(), has_pages.to_string())])
    }
}

#[cfg(test)]
mod tests;

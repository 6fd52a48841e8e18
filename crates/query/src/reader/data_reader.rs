//! [`DataReader`]: one data file behind the store, read by byte ranges and by rows of chosen columns.

use std::ops::Range;
use std::sync::Arc;

use annals_table::DataFile;
use arrow::array::RecordBatch;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind, Result};
use crate::reader::footer::Footer;
use crate::reader::scan_stats::ScanStats;

/// A file to read. Holds no handle: each read is a request to the store.
#[derive(Clone, Debug)]
pub(crate) struct DataReader {
    pub(crate) file: Arc<DataFile>,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

/// Which rows of which columns of one row group to decode.
#[derive(Debug)]
pub(crate) struct RowRequest<'a> {
    pub(crate) row_group: usize,
    /// Rows within the row group, ascending, none twice.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Columns by name; those that the file does not have are left out.
    pub(crate) columns: &'a [&'a str],
    /// Most rows in a batch.
    pub(crate) batch_rows: usize,
}

impl DataReader {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, file: Arc<DataFile>) -> Result<Self> {
        let path = Path::parse(&file.path).map_err(|error| {
            Error::with_source(ErrorKind::Corrupt, format!("the table log names {:?}", file.path), error)
        })?;
        Ok(Self { file, store, path })
    }

    /// The bytes of `ranges`, in their order, each as long as asked for.
    pub(crate) async fn fetch(&self, ranges: &[Range<u64>], stats: &mut ScanStats) -> Result<Vec<Bytes>> {
        if ranges.iter().any(|range| range.start > range.end || range.end > self.file.bytes) {
            return Err(self.corrupt("it points outside itself"));
        }
        let parts = self.store.get_ranges(&self.path, ranges).await.map_err(|error| self.unreadable(error))?;
        if parts.len() != ranges.len()
            || parts.iter().zip(ranges).any(|(part, range)| part.len() as u64 != range.end - range.start)
        {
            return Err(self.corrupt("it is shorter than the table log says"));
        }
        stats.reads += 1;
        stats.bytes_read += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        Ok(parts)
    }

    pub(crate) async fn fetch_one(&self, range: Range<u64>, stats: &mut ScanStats) -> Result<Bytes> {
        Ok(self.fetch(std::slice::from_ref(&range), stats).await?.remove(0))
    }

    /// Fetches what the request needs; decoding is left to [`Rows::next`], off the runtime's threads.
    pub(crate) async fn rows(&self, footer: &Footer, request: RowRequest<'_>, stats: &mut ScanStats) -> Result<Rows> {
        let arrow = footer.arrow().map_err(|error| self.undecodable(error))?;
        let rows_total = footer.row_group_rows(request.row_group);
        let leaves: Vec<usize> = request.columns.iter().filter_map(|name| footer.leaf(name)).collect();
        let wanted: usize = request.ranges.iter().map(Range::len).sum();
        let mask = ProjectionMask::leaves(arrow.parquet_schema(), leaves);
        let mut builder = ParquetPushDecoderBuilder::new_with_metadata(arrow)
            .with_row_groups(vec![request.row_group])
            .with_projection(mask)
            .with_batch_size(request.batch_rows.min(wanted).max(1));
        if wanted < rows_total {
            builder = builder
                .with_row_selection(RowSelection::from_consecutive_ranges(request.ranges.into_iter(), rows_total));
        }
        let mut decoder = builder.build().map_err(|error| self.undecodable(error))?;
        loop {
            match decoder.try_next_reader().map_err(|error| self.undecodable(error))? {
                DecodeResult::NeedsData(ranges) => {
                    let parts = self.fetch(&ranges, stats).await?;
                    decoder.push_ranges(ranges, parts).map_err(|error| self.undecodable(error))?;
                }
                DecodeResult::Data(reader) => return Ok(Rows { reader: Some(reader), path: self.file.path.clone() }),
                DecodeResult::Finished => return Ok(Rows { reader: None, path: self.file.path.clone() }),
            }
        }
    }

    pub(crate) fn corrupt(&self, why: &str) -> Error {
        Error::new(ErrorKind::Corrupt, format!("the data file {} is damaged: {why}", self.file.path))
    }

    pub(crate) fn undecodable(&self, error: ParquetError) -> Error {
        undecodable(&self.file.path, error)
    }

    fn unreadable(&self, error: object_store::Error) -> Error {
        let kind = match error {
            object_store::Error::NotFound { .. } => ErrorKind::NotFound,
            _ => ErrorKind::Unavailable,
        };
        Error::with_source(kind, format!("the data file {} cannot be read", self.file.path), error)
    }
}

/// The rows of a [`RowRequest`], fetched and still to be decoded.
pub(crate) struct Rows {
    reader: Option<ParquetRecordBatchReader>,
    path: String,
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.as_mut()?.next()?;
        Some(batch.map_err(|error| undecodable(&self.path, error.into())))
    }
}

fn undecodable(path: &str, error: ParquetError) -> Error {
    Error::with_source(ErrorKind::Corrupt, format!("the data file {path} cannot be decoded"), error)
}

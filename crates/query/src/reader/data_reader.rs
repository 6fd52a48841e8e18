//! [`DataReader`]: one data file behind the store, read by byte ranges and by rows of chosen columns.

use std::ops::Range;
use std::sync::Arc;

use annals_table::DataFile;
use arrow::array::RecordBatch;
use object_store::ObjectStore;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind, Result};
use crate::reader::file_caches::FileCaches;
use crate::reader::footer::Footer;
use crate::reader::scan_stats::ScanStats;
use crate::reader::stored_file::StoredFile;

/// A file to read. Holds no handle: each read is a request to the store.
#[derive(Clone, Debug)]
pub(crate) struct DataReader {
    pub(crate) file: Arc<DataFile>,
    pub(crate) stored: StoredFile,
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
    pub(crate) fn new(store: Arc<dyn ObjectStore>, file: Arc<DataFile>, caches: &FileCaches) -> Result<Self> {
        let stored = StoredFile::of(store, &file)?.through(&caches.blocks);
        Ok(Self { file, stored })
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
                    let parts = self.stored.ranges(footer.sums(), &ranges, stats).await?;
                    decoder.push_ranges(ranges, parts).map_err(|error| self.undecodable(error))?;
                }
                DecodeResult::Data(reader) => return Ok(Rows { reader: Some(reader), path: self.file.path.clone() }),
                DecodeResult::Finished => return Ok(Rows { reader: None, path: self.file.path.clone() }),
            }
        }
    }

    pub(crate) fn corrupt(&self, why: &str) -> Error {
        self.stored.corrupt(why)
    }

    pub(crate) fn undecodable(&self, error: ParquetError) -> Error {
        undecodable(&self.file.path, error)
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

pub(crate) fn undecodable(path: &str, error: ParquetError) -> Error {
    Error::with_source(ErrorKind::Corrupt, format!("the data file {path} cannot be decoded"), error)
}

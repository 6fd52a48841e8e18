//! [`DataReader`]: one data file behind the store, read by byte ranges and by rows of chosen columns.

use std::ops::Range;
use std::sync::Arc;

use annals_table::DataFile;
use arrow::array::RecordBatch;
use object_store::ObjectStore;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind, Result};
use crate::reader::file_caches::FileCaches;
use crate::reader::footer::Footer;
use crate::reader::page_cache::FilePages;
use crate::reader::page_fetch::PageFetch;
use crate::reader::row_group::RowGroup;
use crate::reader::scan_stats::ScanStats;
use crate::reader::stored_file::StoredFile;

/// A file to read. Holds no handle: each read is a request to the store.
#[derive(Clone, Debug)]
pub(crate) struct DataReader {
    pub(crate) file: Arc<DataFile>,
    pub(crate) stored: StoredFile,
    pages: FilePages,
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
        let pages = caches.pages.of_file(&file.path);
        Ok(Self { file, stored, pages })
    }

    /// Fetches what the request needs; decoding is left to [`Rows::next`], off the runtime's threads.
    pub(crate) async fn rows(&self, footer: &Footer, request: RowRequest<'_>, stats: &mut ScanStats) -> Result<Rows> {
        let columns = request.columns;
        self.fetch(footer, request, stats).await?.rows(columns)
    }

    /// Fetches what the request needs.
    pub(crate) async fn fetch(
        &self,
        footer: &Footer,
        request: RowRequest<'_>,
        stats: &mut ScanStats,
    ) -> Result<Fetched> {
        let RowRequest { row_group, ranges, columns, batch_rows } = request;
        let arrow = footer.arrow().map_err(|error| self.undecodable(error))?;
        let leaves: Vec<usize> = columns.iter().filter_map(|name| footer.leaf(name)).collect();
        let (rows_total, wanted) = (footer.row_group_rows(row_group), ranges.iter().map(Range::len).sum::<usize>());
        let selection =
            (wanted < rows_total).then(|| RowSelection::from_consecutive_ranges(ranges.into_iter(), rows_total));
        let kept = footer.sums().is_some().then_some(&self.pages);
        let fetch = PageFetch::new(arrow.metadata(), row_group, &leaves, selection.as_ref(), kept);
        let parts = self.stored.ranges(footer.sums(), &fetch.ranges(), stats).await?;
        let group = RowGroup::new(Arc::clone(arrow.metadata()), row_group, kept.cloned(), fetch, parts);
        let path = self.file.path.clone();
        Ok(Fetched { group, arrow, selection, wanted, batch_rows, path })
    }

    pub(crate) fn corrupt(&self, why: &str) -> Error {
        self.stored.corrupt(why)
    }

    pub(crate) fn undecodable(&self, error: ParquetError) -> Error {
        undecodable(&self.file.path, error)
    }
}

/// What a [`RowRequest`] needs, out of which columns can be decoded, each by itself if that is wanted.
pub(crate) struct Fetched {
    group: RowGroup,
    arrow: ArrowReaderMetadata,
    selection: Option<RowSelection>,
    /// Rows.
    wanted: usize,
    batch_rows: usize,
    path: String,
}

impl Fetched {
    /// The rows with some of the columns that were asked for.
    pub(crate) fn rows(&self, columns: &[&str]) -> Result<Rows> {
        let failed = |error| undecodable(&self.path, error);
        let schema = self.arrow.parquet_schema();
        let names = schema.columns().iter().map(|column| column.path().parts());
        let leaves: Vec<usize> = names
            .enumerate()
            .filter(|(_, path)| columns.iter().any(|name| *path == [*name]))
            .map(|(leaf, _)| leaf)
            .collect();
        let path = self.path.clone();
        if leaves.is_empty() || self.wanted == 0 {
            return Ok(Rows { reader: None, path });
        }
        let mask = ProjectionMask::leaves(schema, leaves);
        let levels = parquet_to_arrow_field_levels(schema, mask, Some(self.arrow.schema().fields())).map_err(failed)?;
        let (batch_rows, selection) = (self.batch_rows.min(self.wanted).max(1), self.selection.clone());
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &self.group, batch_rows, selection);
        Ok(Rows { reader: Some(reader.map_err(failed)?), path })
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

#[cfg(test)]
mod tests;

//! [`DataFileRows`]: the rows of one whole data file in memory. No I/O.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use annals_event::file_schema;

use crate::error::{Error, ErrorKind, Result};
use crate::file_shape::FileShape;
use crate::verify::verify_data_file;

/// Decodes a data file batch by batch, in the order of its rows.
#[derive(Debug)]
pub struct DataFileRows {
    path: Arc<str>,
    reader: ParquetRecordBatchReader,
    shape: FileShape,
}

impl DataFileRows {
    /// The rows of the file at `path`, `batch_rows` at a time, after all its `bytes` were compared with the hash in its name.
    /// With `columns` only these, else all of the file schema.
    ///
    /// # Errors
    /// `Corrupt` for a damaged file, `Invalid` for one of another program.
    pub fn open(path: &str, bytes: Bytes, columns: Option<&[&str]>, batch_rows: usize) -> Result<Self> {
        verify_data_file(path, &bytes)?;
        let undecodable = |error| undecodable(path, error);
        let options = ArrowReaderOptions::new().with_schema(file_schema());
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options).map_err(undecodable)?;
        Self::build(path, builder, columns, batch_rows)
    }

    /// The rows of a file of another program, which has no hash to compare: those of `columns` that it has, in its own types.
    ///
    /// # Errors
    /// `Corrupt` for bytes that are no Parquet file.
    pub(crate) fn open_foreign(path: &str, bytes: Bytes, columns: &[&str], batch_rows: usize) -> Result<Self> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| undecodable(path, error))?;
        Self::build(path, builder, Some(columns), batch_rows)
    }

    fn build(
        path: &str,
        mut builder: ParquetRecordBatchReaderBuilder<Bytes>,
        columns: Option<&[&str]>,
        batch_rows: usize,
    ) -> Result<Self> {
        let shape = FileShape::of_file(builder.metadata());
        if let Some(columns) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
        }
        let reader = builder.with_batch_size(batch_rows).build().map_err(|error| undecodable(path, error))?;
        Ok(Self { path: path.into(), reader, shape })
    }

    /// How much it holds.
    pub fn shape(&self) -> &FileShape {
        &self.shape
    }
}

impl Iterator for DataFileRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|error| undecodable(&self.path, error)))
    }
}

fn undecodable(path: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::with_source(ErrorKind::Corrupt, format!("data file {path} cannot be decoded"), error)
}

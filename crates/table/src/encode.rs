//! Encoding one data file: sorted rows in, the bytes of a Parquet file with its checksums out. No I/O.
//!
//! The bytes depend on the rows and settings alone, so a flush that is run again makes the same file under the same name.

use annals_event::columns;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;

use crate::checksum::{CHECKSUMS_KEY, RunningSums, file_hash, seal_tail};
use crate::error::{Error, ErrorKind, Result};
use crate::parquet_settings::ParquetSettings;

/// A data file in memory.
#[derive(Clone, Debug)]
pub struct EncodedFile {
    /// All bytes of the file.
    pub bytes: Bytes,
    /// Number of rows.
    pub rows: u64,
    /// Earliest event, microseconds UTC.
    pub min_timestamp_us: i64,
    /// Latest event, microseconds UTC.
    pub max_timestamp_us: i64,
    /// XXH3-64 of all bytes: the last part of the file's name.
    pub hash: u64,
}

/// Encodes one partition's rows of one flush.
///
/// `batch` has [`annals_event::file_schema`], at least one row, no null `timestamp`, and is sorted by (timestamp, seq).
/// The file has no embedded Arrow schema: readers see plain strings, and timestamps as microseconds UTC.
///
/// # Errors
/// `Invalid` when the batch is not of that kind or `settings` are out of bounds; `Internal` when the encoder fails.
pub fn encode_data_file(batch: &RecordBatch, settings: &ParquetSettings) -> Result<EncodedFile> {
    let (min_timestamp_us, max_timestamp_us) = time_range(batch)?;
    let options =
        ArrowWriterOptions::new().with_properties(settings.writer_properties(batch)?).with_skip_arrow_metadata(true);
    let failed = |error| Error::with_source(ErrorKind::Internal, "cannot encode a data file", error);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    writer.flush().map_err(failed)?;
    writer.sync().map_err(|error| failed(error.into()))?;
    let mut sums = RunningSums::default();
    sums.update(writer.inner());
    writer.append_key_value_metadata(KeyValue::new(CHECKSUMS_KEY.to_owned(), sums.footer_value()));
    let mut bytes = writer.into_inner().map_err(failed)?;
    let file_bytes = bytes.len() as u64;
    seal_tail(&mut bytes, file_bytes).expect("the checksums were just written");
    let hash = file_hash(&bytes);
    Ok(EncodedFile { bytes: bytes.into(), rows: batch.num_rows() as u64, min_timestamp_us, max_timestamp_us, hash })
}

fn time_range(batch: &RecordBatch) -> Result<(i64, i64)> {
    let invalid = |message: &str| Error::new(ErrorKind::Invalid, format!("cannot encode a data file: {message}"));
    if batch.schema_ref().fields() != annals_event::file_schema().fields() {
        return Err(invalid("the batch is not of the file schema"));
    }
    let times = batch[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>();
    if times.null_count() > 0 {
        return Err(invalid("a row has no timestamp"));
    }
    if !times.values().is_sorted() {
        return Err(invalid("the rows are not sorted by timestamp"));
    }
    match (times.values().first(), times.values().last()) {
        (Some(first), Some(last)) => Ok((*first, *last)),
        _ => Err(invalid("there are no rows")),
    }
}

#[cfg(test)]
mod tests;

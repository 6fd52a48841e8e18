//! Encoding one data file: sorted rows in, the bytes of a Parquet file with its checksums out. No I/O.
//!
//! The bytes depend on the rows and settings alone, so a flush that is run again makes the same file under the same name.

use annals_event::columns;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;

use crate::checksum::{CHECKSUMS_KEY, RunningSums, file_hash, seal_tail};
use crate::error::{Error, ErrorKind, Result};
use crate::file_shape::FileShape;
use crate::parquet_settings::ParquetSettings;
use crate::trace_places::{TracePlace, TracePlaces};
use crate::words::{WORDS_KEY, WordFilterBuilder};

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
    /// The traces of its rows, ascending, each segment once.
    pub traces: Vec<TracePlace>,
}

/// Encodes one partition's rows of one flush.
///
/// `batch` has [`annals_event::file_schema`], at least one row, no null `timestamp`, and is sorted by (timestamp, seq).
/// The file has no embedded Arrow schema: readers see plain strings, and timestamps as microseconds UTC.
///
/// # Errors
/// `Invalid` when the batch is not of that kind or `settings` are out of bounds; `Internal` when the encoder fails.
pub fn encode_data_file(batch: &RecordBatch, settings: &ParquetSettings) -> Result<EncodedFile> {
    let mut encoder = DataFileEncoder::new(&FileShape::of_batch(batch), settings)?;
    encoder.push(batch)?;
    encoder.finish()
}

/// Encodes a data file whose rows come in batches.
///
/// Memory: the file as it is encoded, and what the Parquet writer holds of open pages.
#[derive(Debug)]
pub struct DataFileEncoder {
    writer: ArrowWriter<Vec<u8>>,
    /// Rows that the writer is given at a time.
    rows_at_once: usize,
    rows: u64,
    /// Earliest and latest event so far.
    times_us: Option<(i64, i64)>,
    traces: TracePlaces,
    /// `None` for a file without word index.
    words: Option<WordFilterBuilder>,
}

impl DataFileEncoder {
    /// A file without rows so far. What `shape` says wrong costs bytes or time, nothing else.
    ///
    /// # Errors
    /// `Invalid` when `settings` are out of bounds.
    pub fn new(shape: &FileShape, settings: &ParquetSettings) -> Result<Self> {
        let options = ArrowWriterOptions::new()
            .with_properties(settings.writer_properties(shape)?)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), annals_event::file_schema(), options);
        let words =
            (settings.word_index_share_max > 0.0).then(|| WordFilterBuilder::new(settings.word_index_share_max));
        let (traces, rows_at_once) = (TracePlaces::default(), settings.rows_at_once(shape));
        Ok(Self { writer: writer.map_err(failed)?, rows_at_once, rows: 0, times_us: None, traces, words })
    }

    /// Number of rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds rows: of the file schema, without a null `timestamp`, sorted by (timestamp, seq) and not before those so far.
    ///
    /// # Errors
    /// `Invalid` when they are not of that kind, `Internal` when the encoder fails. The file is then worth nothing.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some((first_us, last_us)) = time_range(batch)? else { return Ok(()) };
        self.times_us = match self.times_us {
            None => Some((first_us, last_us)),
            Some((_, latest_us)) if first_us < latest_us => {
                return Err(invalid("a batch begins before the one before it ends"));
            }
            Some((earliest_us, _)) => Some((earliest_us, last_us)),
        };
        let mut start = 0;
        while start < batch.num_rows() {
            let room = self.rows_at_once - (self.rows as usize + start) % self.rows_at_once;
            let rows = room.min(batch.num_rows() - start);
            self.writer.write(&batch.slice(start, rows)).map_err(failed)?;
            start += rows;
        }
        if let Some(words) = &mut self.words {
            let rows = self.rows + batch.num_rows() as u64;
            let row_bytes = || (self.writer.bytes_written() + self.writer.in_progress_size()) as f64 / rows as f64;
            words.add(batch, row_bytes);
        }
        self.traces.add(batch[columns::TRACE_ID].as_string_view(), self.rows);
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// `Invalid` when there are no rows, `Internal` when the encoder fails.
    pub fn finish(self) -> Result<EncodedFile> {
        let Self { mut writer, rows, times_us, traces, words, .. } = self;
        let Some((min_timestamp_us, max_timestamp_us)) = times_us else { return Err(invalid("there are no rows")) };
        writer.flush().map_err(failed)?;
        if let Some((place, filters)) = words.and_then(|words| words.finish(writer.bytes_written())) {
            writer.write_all(&filters).map_err(|error| failed(error.into()))?;
            writer.append_key_value_metadata(KeyValue::new(WORDS_KEY.to_owned(), place.to_string()));
        }
        writer.sync().map_err(|error| failed(error.into()))?;
        let mut sums = RunningSums::default();
        sums.update(writer.inner());
        writer.append_key_value_metadata(KeyValue::new(CHECKSUMS_KEY.to_owned(), sums.footer_value()));
        let mut bytes = writer.into_inner().map_err(failed)?;
        let file_bytes = bytes.len() as u64;
        seal_tail(&mut bytes, file_bytes).expect("the checksums were just written");
        let hash = file_hash(&bytes);
        let traces = traces.finish();
        Ok(EncodedFile { bytes: bytes.into(), rows, min_timestamp_us, max_timestamp_us, hash, traces })
    }
}

/// First and last timestamp of a batch that a data file can hold; `None` of one without rows.
fn time_range(batch: &RecordBatch) -> Result<Option<(i64, i64)>> {
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
    Ok(times.values().first().copied().zip(times.values().last().copied()))
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("cannot encode a data file: {message}"))
}

fn failed(error: ParquetError) -> Error {
    Error::with_source(ErrorKind::Internal, "cannot encode a data file", error)
}

#[cfg(test)]
mod tests;

//! [`ResultFormat`] and [`ResultWriter`]: an answer's record batches as JSON, NDJSON, CSV, Parquet or Arrow bytes.
//!
//! The one place that turns result batches into a wire format, for the command line now and for HTTP.

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use annals_event::event_schema;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use arrow_ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;

use crate::error::{Error, Result};

/// Bytes after which a row group of a Parquet answer is closed: an open one is held in memory.
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;

/// How result rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultFormat {
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180 with a header line.
    Csv,
    /// One Parquet file, zstd.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl ResultFormat {
    /// Whether the bytes are text that a terminal can show.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson | Self::Csv)
    }
}

impl FromStr for ResultFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            "arrow" => Self::Arrow,
            other => {
                return Err(Error::invalid(format!(
                    "unknown format {other:?}: use json, ndjson, csv, parquet or arrow"
                )));
            }
        })
    }
}

/// How JSON objects are made of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowShape {
    /// Members are the columns' names, values as they are typed.
    Columns,
    /// Whole events: wire names, payload and error as JSON, attributes spliced in (see `annals_event::write_event`).
    Events,
}

/// Writes batches of one schema to `out` in one format. Nothing is complete before [`finish`](Self::finish).
pub struct ResultWriter<W: Write + Send> {
    sink: Sink<W>,
    shape: RowShape,
}

enum Sink<W: Write + Send> {
    Json { out: W, rows: u64 },
    Ndjson { out: W },
    Csv { out: Box<arrow_csv::Writer<W>> },
    Parquet { out: Box<ArrowWriter<W>> },
    Arrow { out: Box<StreamWriter<W>> },
}

impl<W: Write + Send> ResultWriter<W> {
    /// A writer of batches of `schema`. `shape` matters to the JSON formats only.
    ///
    /// # Errors
    /// `Unavailable` when `out` fails.
    pub fn new(out: W, format: ResultFormat, shape: RowShape, schema: &SchemaRef) -> Result<Self> {
        debug_assert!(shape == RowShape::Columns || schema.fields().len() <= event_schema().fields().len());
        let sink = match format {
            ResultFormat::Json => Sink::Json { out, rows: 0 },
            ResultFormat::Ndjson => Sink::Ndjson { out },
            ResultFormat::Csv => {
                let mut writer = arrow_csv::WriterBuilder::new().with_header(true).build(out);
                // An empty batch makes the header stand even when no row follows.
                writer.write(&RecordBatch::new_empty(schema.clone())).map_err(Error::write)?;
                Sink::Csv { out: Box::new(writer) }
            }
            ResultFormat::Parquet => {
                let properties = parquet::file::properties::WriterProperties::builder()
                    .set_compression(parquet::basic::Compression::ZSTD(Default::default()))
                    .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
                    .build();
                let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(Error::write)?;
                Sink::Parquet { out: Box::new(writer) }
            }
            ResultFormat::Arrow => {
                Sink::Arrow { out: Box::new(StreamWriter::try_new(out, schema).map_err(Error::write)?) }
            }
        };
        Ok(Self { sink, shape })
    }

    /// Writes the rows of one batch.
    ///
    /// # Errors
    /// `Unavailable` when `out` fails.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match &mut self.sink {
            Sink::Json { out, rows } => {
                let lines = json_lines(batch, self.shape)?;
                for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    out.write_all(if *rows == 0 { b"[\n" } else { b",\n" }).map_err(Error::write)?;
                    out.write_all(line).map_err(Error::write)?;
                    *rows += 1;
                }
                Ok(())
            }
            Sink::Ndjson { out } => out.write_all(&json_lines(batch, self.shape)?).map_err(Error::write),
            Sink::Csv { out } => out.write(batch).map_err(Error::write),
            Sink::Parquet { out } => out.write(batch).map_err(Error::write),
            Sink::Arrow { out } => out.write(&compact(batch)?).map_err(Error::write),
        }
    }

    /// Writes what must come last and flushes.
    ///
    /// # Errors
    /// `Unavailable` when the sink fails.
    pub fn finish(self) -> Result<()> {
        match self.sink {
            Sink::Json { mut out, rows } => {
                out.write_all(if rows == 0 { b"[]\n" } else { b"\n]\n" }).map_err(Error::write)?;
                out.flush().map_err(Error::write)
            }
            Sink::Ndjson { mut out } => out.flush().map_err(Error::write),
            Sink::Csv { out } => out.into_inner().flush().map_err(Error::write),
            Sink::Parquet { out } => out.into_inner().map_err(Error::write)?.flush().map_err(Error::write),
            Sink::Arrow { mut out } => {
                out.finish().map_err(Error::write)?;
                out.into_inner().map_err(Error::write)?.flush().map_err(Error::write)
            }
        }
    }
}

/// The rows with text of their own: an Arrow stream carries whole buffers, and those of rows that were found among
/// others hold the others' text too.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()),
            DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
            _ => Arc::clone(column),
        }
    });
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns.collect(), &rows).map_err(Error::write)
}

/// The rows as JSON objects, one a line. Text never holds a raw line feed: JSON escapes it.
fn json_lines(batch: &RecordBatch, shape: RowShape) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    match shape {
        RowShape::Events => annals_event::write_ndjson(batch, &mut lines),
        RowShape::Columns => {
            let mut writer = arrow_json::LineDelimitedWriter::new(&mut lines);
            writer.write(batch).map_err(Error::write)?;
            writer.finish().map_err(Error::write)?;
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn two_rows() -> RecordBatch {
        let schema =
            Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("s", DataType::Utf8View, true)]);
        let columns: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), None])),
            Arc::new(StringViewArray::from(vec![Some("a\n\"b\""), Some("c,d")])),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    fn written(format: ResultFormat, batches: &[RecordBatch]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = ResultWriter::new(&mut out, format, RowShape::Columns, &two_rows().schema()).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
        out
    }

    #[test]
    fn json_is_one_array_even_when_empty_or_of_many_batches() {
        let empty: serde_json::Value = serde_json::from_slice(&written(ResultFormat::Json, &[])).unwrap();
        assert_eq!(empty, serde_json::json!([]));
        let full: serde_json::Value =
            serde_json::from_slice(&written(ResultFormat::Json, &[two_rows(), two_rows()])).unwrap();
        assert_eq!(full.as_array().unwrap().len(), 4);
        assert_eq!(full[0], serde_json::json!({"n": 1, "s": "a\n\"b\""}));
    }

    #[test]
    fn csv_has_one_header_and_quotes_what_needs_it() {
        let text = String::from_utf8(written(ResultFormat::Csv, &[two_rows()])).unwrap();
        assert_eq!(text, "n,s\n1,\"a\n\"\"b\"\"\"\n,\"c,d\"\n");
        assert_eq!(written(ResultFormat::Csv, &[]), b"n,s\n");
    }

    #[test]
    fn an_arrow_stream_carries_the_text_of_its_rows_only() {
        let texts = StringViewArray::from_iter_values((0..1_000).map(|n| format!("{n:>1000}")));
        let all = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
        let mut out = Vec::new();
        let mut writer = ResultWriter::new(&mut out, ResultFormat::Arrow, RowShape::Columns, &all.schema()).unwrap();
        writer.write(&all.slice(500, 2)).unwrap();
        writer.finish().unwrap();
        assert!((2_000..4_000).contains(&out.len()), "{}", out.len());
    }

    #[test]
    fn binary_formats_read_back() {
        let arrow = written(ResultFormat::Arrow, &[two_rows()]);
        let batches: Vec<_> =
            arrow_ipc::reader::StreamReader::try_new(arrow.as_slice(), None).unwrap().map(|b| b.unwrap()).collect();
        assert_eq!(batches, vec![two_rows()]);
        let parquet = bytes::Bytes::from(written(ResultFormat::Parquet, &[two_rows()]));
        let mut reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(parquet, 10).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().num_rows(), 2);
    }
}

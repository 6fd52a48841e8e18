//! [`Encoding`]: rows to bytes, a slice at a time.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::StreamExt;

use super::{Rows, Stats};
use crate::format::{ResultFormat, ResultWriter};
use crate::http::Problem;
use crate::http::pace::Pace;

/// Bytes that are encoded without a break, about.
const SLICE_BYTES: usize = 64 << 10;

/// Encodes the rows of one answer.
pub(super) struct Encoding {
    rows: Rows,
    /// `None` once the last row is written.
    writer: Option<ResultWriter<Chunk>>,
    chunk: Chunk,
    /// The batch under way and its first row that is not written.
    under_way: Option<(RecordBatch, usize)>,
    pace: Pace,
}

impl Encoding {
    /// # Errors
    /// 422 when the format cannot hold these columns.
    pub(super) fn new(rows: Rows) -> Result<Self, Problem> {
        let chunk = Chunk::default();
        if rows.format == ResultFormat::Json {
            chunk.append(rows.before.as_bytes());
        }
        let writer = ResultWriter::new(chunk.clone(), rows.format, rows.shape, &rows.schema)
            .map_err(|error| unwritable(&error))?;
        Ok(Self { rows, writer: Some(writer), chunk, under_way: None, pace: Pace::towards(SLICE_BYTES) })
    }

    /// Encodes until at least `bytes` wait to be taken; whether that was all.
    ///
    /// # Errors
    /// What the query meets, and 422 for values that the format cannot hold.
    pub(super) async fn fill(&mut self, bytes: usize) -> Result<bool, Problem> {
        while self.chunk.len() < bytes {
            let Some((batch, at)) = self.under_way.take() else {
                match self.rows.batches.next().await {
                    Some(batch) => self.under_way = Some((batch?, 0)),
                    None => {
                        self.finish()?;
                        return Ok(true);
                    }
                }
                continue;
            };
            let rows = self.pace.rows().min(batch.num_rows() - at);
            if rows == 0 {
                continue;
            }
            let before = self.chunk.len();
            if let Some(writer) = &mut self.writer {
                writer.write(&batch.slice(at, rows)).map_err(|error| unwritable(&error))?;
            }
            self.pace.took(rows, self.chunk.len() - before);
            self.under_way = Some((batch, at + rows));
            // Other requests of this thread get their turn between slices.
            tokio::task::yield_now().await;
        }
        Ok(false)
    }

    fn finish(&mut self) -> Result<(), Problem> {
        if let Some(writer) = self.writer.take() {
            writer.finish().map_err(|error| unwritable(&error))?;
        }
        if self.rows.format == ResultFormat::Json {
            let stats = self.stats_json()?;
            self.chunk.append(format!("{}\"stats\":{stats}}}", self.rows.after).as_bytes());
        }
        Ok(())
    }

    /// What it took so far.
    pub(super) fn stats_json(&self) -> Result<String, Problem> {
        Stats::json(&self.rows.stats)
    }

    /// The bytes that wait.
    pub(super) fn take(&mut self) -> Bytes {
        self.chunk.take()
    }
}

/// Memory never refuses a write, so it is the rows: a type that the format does not know, a number that JSON has no
/// text for.
fn unwritable(error: &crate::Error) -> Problem {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let detail = format!(
        "the rows cannot be written in this format ({cause}): cast the column to text or ask for another format"
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// A buffer that its writer and its reader share.
#[derive(Clone, Default)]
struct Chunk(Arc<Mutex<Vec<u8>>>);

impl Chunk {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn append(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Chunk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! [`SqlAnswer`]: the rows of one statement as they come, within the settings' limits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};

use crate::deadline::time_exceeded;
use crate::error::{Error, ErrorKind, Result};
use crate::settings::QuerySettings;
use crate::sql_stats::SqlStats;

/// The answer to one SQL statement.
pub struct SqlAnswer {
    /// Schema of every batch.
    pub schema: SchemaRef,
    /// The rows. Errors become an [`Error`] by [`Error::from_datafusion`]. Dropping it cancels the query.
    pub stream: SendableRecordBatchStream,
    /// Version of the table that was read.
    pub version: u64,
    /// What it takes: read it once the stream has ended.
    pub stats: SqlStats,
}

impl SqlAnswer {
    /// All batches, in memory.
    ///
    /// # Errors
    /// `Exhausted` when a limit is reached, else what the stream meets.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.stream.next().await {
            batches.push(batch.map_err(Error::from_datafusion)?);
        }
        Ok(batches)
    }
}

impl std::fmt::Debug for SqlAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlAnswer")
            .field("schema", &self.schema)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Ends a stream with an error that names the limit, as soon as a limit is passed; tells the stats when it ended.
pub(crate) struct LimitedStream {
    inner: SendableRecordBatchStream,
    stats: Option<SqlStats>,
    rows_left: Option<u64>,
    rows_max: u64,
    deadline: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    time_ms_max: u64,
    done: bool,
}

impl LimitedStream {
    /// The time limit starts now; the stream must be polled within a tokio runtime that has its timer enabled.
    pub(crate) fn new(inner: SendableRecordBatchStream, settings: &QuerySettings) -> Self {
        let deadline = settings.time_ms_max.map(|ms| {
            let never = tokio::time::timeout(Duration::from_millis(ms), std::future::pending::<()>());
            Box::pin(async move {
                // The only way out of a timeout on what never happens is that the time has passed.
                let _elapsed = never.await;
            }) as Pin<Box<dyn Future<Output = ()> + Send>>
        });
        Self {
            inner,
            stats: None,
            rows_left: settings.rows_max,
            rows_max: settings.rows_max.unwrap_or(u64::MAX),
            deadline,
            time_ms_max: settings.time_ms_max.unwrap_or(u64::MAX),
            done: false,
        }
    }

    /// Lets `stats` know when the stream has ended.
    pub(crate) fn told_to(mut self, stats: SqlStats) -> Self {
        self.stats = Some(stats);
        self
    }

    fn end(&mut self) {
        self.done = true;
        if let Some(stats) = self.stats.take() {
            stats.end();
        }
    }

    fn end_with(&mut self, error: Error) -> Poll<Option<Result<RecordBatch, DataFusionError>>> {
        self.end();
        Poll::Ready(Some(Err(DataFusionError::External(Box::new(error)))))
    }
}

impl Stream for LimitedStream {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            let error = time_exceeded(self.time_ms_max);
            return self.end_with(error);
        }
        let batch = match self.inner.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(batch))) => batch,
            Poll::Ready(other) => {
                self.end();
                return Poll::Ready(other);
            }
            Poll::Pending => return Poll::Pending,
        };
        if let Some(left) = self.rows_left {
            match left.checked_sub(batch.num_rows() as u64) {
                Some(left) => self.rows_left = Some(left),
                None => {
                    let rows = self.rows_max;
                    return self.end_with(Error::new(
                        ErrorKind::Exhausted,
                        format!(
                            "the answer has more rows than the limit rows_max of {rows}: add LIMIT or raise the limit"
                        ),
                    ));
                }
            }
        }
        Poll::Ready(Some(Ok(batch)))
    }
}

impl RecordBatchStream for LimitedStream {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    use super::*;

    #[tokio::test]
    async fn a_query_that_never_answers_ends_at_its_time_limit() {
        let never = RecordBatchStreamAdapter::new(Schema::empty().into(), futures::stream::pending());
        let settings = QuerySettings { time_ms_max: Some(1), ..QuerySettings::default() };
        let mut stream = LimitedStream::new(Box::pin(never), &settings);
        let error = Error::from_datafusion(stream.next().await.unwrap().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert!(error.to_string().contains("time_ms_max of 1 ms"), "{error}");
        assert!(stream.next().await.is_none());
    }
}

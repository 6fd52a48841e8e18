//! [`Rows`]: record batches on their way to a client, encoded as they are sent.
//!
//! An answer is never held as a whole: a few chunks are encoded ahead of the reader, then the query waits for it. What is
//! small goes out at once, with its length. Invariant: an answer that looks complete is complete. Whatever goes wrong once
//! the head is out ends the connection in the middle of the body.

mod body;
mod encoding;

use annals_query::{EventPage, ScanStats, SqlStats};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, TRAILER};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::OwnedSemaphorePermit;

use super::Problem;
use super::negotiate::media_type;
use crate::format::{ResultFormat, RowShape};
use body::AnswerBody;
use encoding::Encoding;

/// What an answer took, as JSON.
pub(crate) const STATS: HeaderName = HeaderName::from_static("annals-stats");
/// Where the next page starts.
pub(crate) const NEXT: HeaderName = HeaderName::from_static("annals-next");

/// Bytes up to which an answer is sent whole.
const WHOLE_BYTES_MAX: usize = 256 << 10;

/// Rows to answer, and how.
pub(crate) struct Rows {
    /// In which format.
    pub(crate) format: ResultFormat,
    /// How JSON objects are made of rows.
    pub(crate) shape: RowShape,
    /// Schema of every batch.
    pub(crate) schema: SchemaRef,
    /// The rows as they come. Dropping it cancels the query.
    pub(crate) batches: BoxStream<'static, annals_query::Result<RecordBatch>>,
    /// In JSON, what stands before the array of rows: `{"events":`.
    pub(crate) before: String,
    /// In JSON, what stands between the rows and `"stats"`: `,"next":null,`.
    pub(crate) after: String,
    /// What it takes.
    pub(crate) stats: Stats,
    /// The query's place, kept until the last batch is read.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is held, not read"))]
    pub(crate) permit: OwnedSemaphorePermit,
}

/// What an answer takes.
pub(crate) enum Stats {
    /// Known before the rows are sent.
    Known(ScanStats),
    /// Known when the last row was read.
    AtEnd(SqlStats),
}

impl Stats {
    fn json(&self) -> Result<String, Problem> {
        let stats = match self {
            Self::Known(stats) => *stats,
            Self::AtEnd(stats) => stats.read(),
        };
        serde_json::to_string(&stats).map_err(|error| Problem::defect(&error))
    }
}

/// The answer that is a page of events.
///
/// # Errors
/// 500 when the rows cannot be written.
pub(crate) async fn page(
    page: EventPage,
    format: ResultFormat,
    permit: OwnedSemaphorePermit,
) -> Result<Response, Problem> {
    // A cursor is hexadecimal: it needs no escaping.
    let next = page.next.as_ref().map(ToString::to_string);
    let after = match &next {
        Some(next) => format!(",\"next\":\"{next}\","),
        None => ",\"next\":null,".to_owned(),
    };
    let rows = Rows {
        format,
        shape: RowShape::Events,
        schema: page.events.schema(),
        batches: futures::stream::iter([Ok(page.events)]).boxed(),
        before: "{\"events\":".to_owned(),
        after,
        stats: Stats::Known(page.stats),
        permit,
    };
    let mut response = rows.respond().await?;
    if format != ResultFormat::Json
        && let Some(next) = next
    {
        response.headers_mut().insert(NEXT, header_value(next)?);
    }
    Ok(response)
}

impl Rows {
    /// The answer, whose head is out as soon as the rows are known to be more than a few.
    ///
    /// # Errors
    /// What the query meets before that, and 422 for rows that the format cannot hold.
    pub(crate) async fn respond(self) -> Result<Response, Problem> {
        let format = self.format;
        let known = match &self.stats {
            Stats::Known(_) if format != ResultFormat::Json => Some(self.stats.json()?),
            _ => None,
        };
        let mut encoding = Encoding::new(self)?;
        let complete = encoding.fill(WHOLE_BYTES_MAX).await?;
        let is_json = format == ResultFormat::Json;
        let mut response = if complete {
            let stats = if is_json { None } else { Some(encoding.stats_json()?) };
            let mut response = Body::from(encoding.take()).into_response();
            if let Some(stats) = stats {
                response.headers_mut().insert(STATS, header_value(stats)?);
            }
            response
        } else {
            let with_trailer = !is_json && known.is_none();
            let mut response = Body::new(AnswerBody::start(encoding, with_trailer)).into_response();
            if let Some(stats) = known {
                response.headers_mut().insert(STATS, header_value(stats)?);
            } else if with_trailer {
                response.headers_mut().insert(TRAILER, HeaderValue::from_static("annals-stats"));
            }
            response
        };
        let content_type = match format {
            ResultFormat::Csv => "text/csv; charset=utf-8; header=present",
            other => media_type(other),
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(response)
    }
}

fn header_value(text: String) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text).map_err(|error| Problem::defect(&error))
}

#[cfg(test)]
mod tests;

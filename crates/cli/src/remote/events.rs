//! [`EventsPost`] and [`EventsAnswer`]: events sent to a server, and what became of them.

use std::time::Duration;

use annals_event::ProjectId;
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::client::Client;
use super::failure::Failure;
use super::retry::{RetryPolicy, pause};

/// Bytes of an answer that are read; it tells of a hundred refusals at most.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How long one request may take, its answer included.
const REQUEST_S_MAX: u64 = 120;

/// One body of events.
#[derive(Clone, Debug)]
pub(crate) struct EventsPost<'a> {
    /// NDJSON or a JSON array, compressed where `encoding` says so.
    pub(crate) body: Bytes,
    /// Whether the body is one JSON array.
    pub(crate) is_array: bool,
    /// `Content-Encoding`.
    pub(crate) encoding: Option<&'static str>,
    /// Project of the events that name none.
    pub(crate) project: Option<&'a ProjectId>,
    /// Marks the body, so that it is stored once however often it is sent.
    pub(crate) key: String,
}

/// What became of a body. Members that are not known here are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct EventsAnswer {
    /// Events that were stored.
    pub(crate) accepted: u64,
    /// Events that the store knew already.
    pub(crate) duplicates: u64,
    /// Records that were refused.
    pub(crate) refused: u64,
    /// The first of those.
    pub(crate) refusals: Vec<RefusedRecord>,
    /// First and last LSN.
    pub(crate) lsn: Option<(u64, u64)>,
}

/// A refused record of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct RefusedRecord {
    /// Its place in the body, from 0.
    pub(crate) index: u64,
    /// The body's line on which it starts, from 1.
    pub(crate) line: u64,
    pub(crate) reason: String,
}

impl EventsAnswer {
    /// Reads the body of an answer; `None` when it is none.
    pub(crate) fn parse(status: StatusCode, body: &[u8]) -> Option<Self> {
        // A body of which no record was good is answered like any other, but for its status.
        #[derive(Deserialize)]
        struct Told {
            #[serde(rename = "accepted")]
            _accepted: u64,
        }
        if status != StatusCode::OK && status != StatusCode::UNPROCESSABLE_ENTITY {
            return None;
        }
        serde_json::from_slice::<Told>(body).ok()?;
        serde_json::from_slice(body).ok()
    }
}

impl Client {
    /// Sends a body until the server answers for it, for some minutes. `goes_on` is asked after every failure that may pass.
    ///
    /// What an earlier attempt stored counts as accepted, not as known already.
    pub(crate) async fn deliver(
        &self,
        post: &EventsPost<'_>,
        goes_on: impl Fn(&Failure) -> bool,
    ) -> Result<EventsAnswer, Failure> {
        let mut failures = 0;
        loop {
            let failure = match self.post_events(post).await {
                Ok(mut answer) => {
                    if failures > 0 {
                        answer.accepted += std::mem::take(&mut answer.duplicates);
                    }
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            failures += 1;
            let length = RetryPolicy::EVENTS.pause(failures, &failure).filter(|_| goes_on(&failure));
            let Some(length) = length else { return Err(failure) };
            tracing::info!(%failure, "sending the events again");
            pause(length).await;
        }
    }

    /// Sends a body once, to be synced before it is answered.
    pub(super) async fn post_events(&self, post: &EventsPost<'_>) -> Result<EventsAnswer, Failure> {
        let content_type = if post.is_array { "application/json" } else { "application/x-ndjson" };
        let mut request = self
            .request(Method::POST, "/v1/events")
            .query(&[("ack", "wal")])
            .header(CONTENT_TYPE, content_type)
            .header("idempotency-key", &post.key)
            .timeout(Duration::from_secs(REQUEST_S_MAX))
            .body(post.body.clone());
        if let Some(project) = post.project {
            request = request.query(&[("project", project.as_str())]);
        }
        if let Some(encoding) = post.encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        let response = self.send_any(request).await?;
        let status = response.status();
        if status != StatusCode::OK && status != StatusCode::UNPROCESSABLE_ENTITY {
            return Err(self.refusal(response).await);
        }
        let body = self.body(response, ANSWER_BYTES_MAX).await?;
        EventsAnswer::parse(status, &body).ok_or_else(|| Failure::refused(status, &body, None))
    }
}

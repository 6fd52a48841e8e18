//! [`LogSink`]: where the events that were log records go.

use std::future::Future;

use annals_event::ProjectId;
use bytes::Bytes;

/// Takes the events of a request: decodes them, has them written, and says what became of each.
pub(crate) trait LogSink: Send + Sync + 'static {
    /// Room for a request, from before its body is read until it is answered.
    type Place: Send;

    /// Takes room for a request whose body is `bytes` long once decompressed, at most. Asked before it is read.
    ///
    /// # Errors
    /// What [`submit`](Self::submit) would answer now whatever it is given.
    fn admit(&self, bytes: u64) -> impl Future<Output = Result<Self::Place, SinkError>> + Send;

    /// Longest JSON text of one event that is accepted, in bytes.
    fn event_bytes_max(&self) -> usize;

    /// Takes the events of one request.
    ///
    /// `body` is NDJSON, one event on each line, none blank, at most [`BODY_BYTES_MAX`](super::BODY_BYTES_MAX) bytes.
    /// `project` is that of events which name none. `source` tells the ways in apart, for metrics.
    ///
    /// # Errors
    /// When none of the events was taken, whatever they are; events that break a rule are refusals in the receipt.
    fn submit(
        &self,
        body: Bytes,
        project: Option<ProjectId>,
        source: &'static str,
    ) -> impl Future<Output = Result<SinkReceipt, SinkError>> + Send;
}

/// What became of the events of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SinkReceipt {
    /// Events that are in.
    pub(crate) accepted: u64,
    /// Events that were in already.
    pub(crate) duplicates: u64,
    /// Events that break a rule.
    pub(crate) refused: u64,
    /// The first of the refused ones, in order: line of the body, from 0, and the reason.
    pub(crate) refusals: Vec<(u64, String)>,
}

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SinkError {
    /// Too much at once.
    Busy {
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// The store is not open, or no longer.
    Unavailable {
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// The disk is full.
    Full,
    /// The request breaks a rule: which, and what to do.
    Invalid(String),
    /// A defect of the server.
    Internal,
}

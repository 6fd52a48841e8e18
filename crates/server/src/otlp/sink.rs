//! [`LogSink`]: where the events that were log records go, and the bounds that requests share on their way there.

use std::future::Future;
use std::time::Duration;

use annals_event::ProjectId;
use axum::body::Body;
use axum::http::HeaderMap;
use bytes::Bytes;

/// Takes the events of a request: decodes them, has them written, and says what became of each.
pub(crate) trait LogSink: Send + Sync + 'static {
    /// Memory that a request holds.
    type Place: Place;

    /// The bounds in force.
    ///
    /// # Errors
    /// `Unavailable` while there is no open store.
    fn bounds(&self) -> Result<SinkBounds, SinkError>;

    /// Receives the body of an HTTP request, decompresses it as its headers say, and holds room for it.
    ///
    /// # Errors
    /// When there is no room (before the body is read, as far as its length is told), when it is longer than
    /// [`SinkBounds::body_bytes_max`], or not what its headers say.
    fn receive(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> impl Future<Output = Result<(Bytes, Self::Place), SinkError>> + Send;

    /// Holds room for a request of which nothing was read yet; it grows with what comes.
    ///
    /// # Errors
    /// When there is none.
    fn admit(&self) -> impl Future<Output = Result<Self::Place, SinkError>> + Send;

    /// Takes the events of one request.
    ///
    /// `body` is NDJSON, one event on each line, none blank. `place` holds room for it. `project` is that of events which
    /// name none. `source` tells the ways in apart, for metrics.
    ///
    /// # Errors
    /// When none of the events was taken, whatever they are; events that break a rule are refusals in the receipt.
    fn submit(
        &self,
        body: Bytes,
        place: Self::Place,
        project: Option<ProjectId>,
        source: &'static str,
    ) -> impl Future<Output = Result<SinkReceipt, SinkError>> + Send;
}

/// Memory that a request holds, out of what all requests share; given back when it is dropped.
pub(crate) trait Place: Send + 'static {
    /// Grows it to hold this many bytes of the request and of the events made of it.
    ///
    /// # Errors
    /// `Busy` when there is no room now, `TooLarge` when there never is.
    fn cover(&mut self, request_bytes: usize, event_bytes: usize) -> Result<(), SinkError>;
}

/// Bounds on a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkBounds {
    /// Longest JSON text of one event that is accepted, in bytes.
    pub(crate) event_bytes_max: usize,
    /// Longest body once it is decompressed, and most bytes of events that it may become.
    pub(crate) body_bytes_max: usize,
    /// Longest that a body may stand still.
    pub(crate) body_idle_max: Duration,
}

/// What became of the events of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SinkReceipt {
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
    /// The request is too large: how it should be.
    TooLarge(String),
    /// A defect of the server.
    Internal,
}

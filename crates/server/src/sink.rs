//! [`IntakeSink`]: the way in for log records, as the OTLP protocols see it.

use std::sync::Arc;

use annals_event::ProjectId;
use annals_writer::Ack;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use crate::app::{App, Phase};
use crate::error::{Error, ErrorKind};
use crate::http::Problem;
use crate::intake::Submission;
use crate::metrics::{Source, Taken};
use crate::node::Node;
use crate::otlp::{LogSink, Place, SinkBounds, SinkError, SinkReceipt};
use crate::upload::{Room, UNKNOWN_BYTES};

/// Seconds after which an exporter tries again.
const RETRY_S: u32 = 1;

/// Hands the events of log records to the intake.
#[derive(Debug)]
pub(crate) struct IntakeSink {
    app: Arc<App>,
}

impl IntakeSink {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    fn node(&self) -> Result<Arc<Node>, SinkError> {
        match self.app.phase() {
            Phase::Ready(node) => Ok(node),
            Phase::Starting | Phase::Stopping => Err(SinkError::Unavailable { retry_after_s: RETRY_S }),
        }
    }
}

impl LogSink for IntakeSink {
    type Place = Room;

    fn bounds(&self) -> Result<SinkBounds, SinkError> {
        let node = self.node()?;
        let (body_bytes_max, body_idle_max) = node.uploads.bounds();
        let body_bytes_max = usize::try_from(body_bytes_max).unwrap_or(usize::MAX);
        Ok(SinkBounds { event_bytes_max: node.intake.event_bytes_max(), body_bytes_max, body_idle_max })
    }

    async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<(Bytes, Room), SinkError> {
        let upload = self.node()?.uploads.receive(headers, body).await.map_err(|problem| refused(&problem))?;
        Ok((upload.bytes, upload.room))
    }

    async fn admit(&self) -> Result<Room, SinkError> {
        self.node()?.uploads.admit(UNKNOWN_BYTES).await.ok_or(SinkError::Busy { retry_after_s: RETRY_S })
    }

    async fn submit(
        &self,
        body: Bytes,
        place: Room,
        project: Option<ProjectId>,
        source: &'static str,
    ) -> Result<SinkReceipt, SinkError> {
        let node = self.node()?;
        let bytes = body.len() as u64;
        let submission = Submission { body, project, ack: Ack::Wal, source, claim: None, room: Some(place) };
        let receipt = node.intake.submit(submission).await.map_err(|error| failed(&error))?;
        let (accepted, duplicates, refused) = (receipt.accepted, receipt.duplicates, receipt.refused);
        let from = if source == "otlp_grpc" { Source::OtlpGrpc } else { Source::OtlpHttp };
        self.app.metrics.took(from, Taken { accepted, duplicates, refused, bytes });
        let refusals = receipt.refusals.into_iter().map(|refusal| (refusal.line - 1, refusal.reason)).collect();
        Ok(SinkReceipt { refused, refusals })
    }
}

impl Place for Room {
    fn cover(&mut self, request_bytes: usize, event_bytes: usize) -> Result<(), SinkError> {
        if self.covers_events(request_bytes as u64, event_bytes as u64) {
            return Ok(());
        }
        if self.could_cover_events(request_bytes as u64, event_bytes as u64) {
            return Err(SinkError::Busy { retry_after_s: RETRY_S });
        }
        Err(SinkError::TooLarge(
            "the request is more than the server's memory has room for: send the records in smaller requests".into(),
        ))
    }
}

/// What the receiving of a body says, without what HTTP adds.
fn refused(problem: &Problem) -> SinkError {
    let detail = problem.detail().to_owned();
    match problem.status() {
        StatusCode::TOO_MANY_REQUESTS => SinkError::Busy { retry_after_s: RETRY_S },
        StatusCode::SERVICE_UNAVAILABLE => SinkError::Unavailable { retry_after_s: RETRY_S },
        StatusCode::PAYLOAD_TOO_LARGE => SinkError::TooLarge(detail),
        status if status.is_client_error() => SinkError::Invalid(detail),
        _ => SinkError::Internal,
    }
}

fn failed(error: &Error) -> SinkError {
    match error.kind() {
        ErrorKind::Invalid => SinkError::Invalid(error.to_string()),
        ErrorKind::Exhausted => SinkError::Busy { retry_after_s: RETRY_S },
        ErrorKind::Full => SinkError::Full,
        ErrorKind::Unavailable | ErrorKind::Closed => SinkError::Unavailable { retry_after_s: RETRY_S },
        ErrorKind::Internal => {
            tracing::error!(error = error as &dyn std::error::Error, "log records could not be taken in");
            SinkError::Internal
        }
    }
}

//! [`IntakeSink`]: the way in for log records, as the OTLP protocols see it.

use std::sync::Arc;

use annals_event::ProjectId;
use annals_writer::Ack;
use bytes::Bytes;

use crate::app::{App, Phase};
use crate::error::{Error, ErrorKind};
use crate::intake::Submission;
use crate::metrics::{Source, Taken};
use crate::otlp::{LogSink, SinkError, SinkReceipt};
use crate::upload::Room;

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
}

impl LogSink for IntakeSink {
    type Place = Room;

    async fn admit(&self, bytes: u64) -> Result<Room, SinkError> {
        match self.app.phase() {
            // What comes in is mapped to events before they are decoded: both are held at once.
            Phase::Ready(node) => node.uploads.admit(2 * bytes).await.ok_or(SinkError::Busy { retry_after_s: RETRY_S }),
            Phase::Starting | Phase::Stopping => Err(SinkError::Unavailable { retry_after_s: RETRY_S }),
        }
    }

    fn event_bytes_max(&self) -> usize {
        match self.app.phase() {
            Phase::Ready(node) => node.intake.event_bytes_max(),
            Phase::Starting | Phase::Stopping => 0,
        }
    }

    async fn submit(
        &self,
        body: Bytes,
        project: Option<ProjectId>,
        source: &'static str,
    ) -> Result<SinkReceipt, SinkError> {
        let Phase::Ready(node) = self.app.phase() else {
            return Err(SinkError::Unavailable { retry_after_s: RETRY_S });
        };
        let bytes = body.len() as u64;
        let submission = Submission { body, project, ack: Ack::Wal, source, claim: None, room: None };
        let receipt = node.intake.submit(submission).await.map_err(|error| failed(&error))?;
        let (accepted, duplicates, refused) = (receipt.accepted, receipt.duplicates, receipt.refused);
        let from = if source == "otlp_grpc" { Source::OtlpGrpc } else { Source::OtlpHttp };
        self.app.metrics.took(from, Taken { accepted, duplicates, refused, bytes });
        let refusals = receipt.refusals.into_iter().map(|refusal| (refusal.line - 1, refusal.reason)).collect();
        Ok(SinkReceipt { accepted, duplicates, refused, refusals })
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

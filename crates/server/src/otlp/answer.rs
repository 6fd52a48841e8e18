//! What an exporter hears: success, partial success, or a [`Failure`], over HTTP and over gRPC.
//!
//! OTLP lets a client try again after 429 and 503, after `UNAVAILABLE`, and after `RESOURCE_EXHAUSTED` that carries
//! `RetryInfo`; anything else makes it drop the records. So whatever may pass is one of these, a full disk too.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;
use tonic::{Code, Status};

use super::export::{Exported, Wire};
use super::sink::SinkError;

/// How long a client should wait for an operator to make room on the disk, in seconds.
const FULL_RETRY_AFTER_S: u32 = 30;

/// Why nothing of a request was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It breaks a rule: which, and what to do.
    Invalid(String),
    /// It is too large: how it should be.
    TooLarge(String),
    Busy {
        retry_after_s: u32,
    },
    Unavailable {
        retry_after_s: u32,
    },
    Full,
    Internal,
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Busy { retry_after_s } => Self::Busy { retry_after_s },
            SinkError::Unavailable { retry_after_s } => Self::Unavailable { retry_after_s },
            SinkError::Full => Self::Full,
            SinkError::Invalid(reason) => Self::Invalid(reason),
            SinkError::TooLarge(reason) => Self::TooLarge(reason),
            SinkError::Internal => Self::Internal,
        }
    }
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } | Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::TooLarge(_) => Code::InvalidArgument,
            Self::Busy { .. } => Code::ResourceExhausted,
            Self::Unavailable { .. } | Self::Full => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Invalid(reason) | Self::TooLarge(reason) => reason.clone(),
            Self::Busy { retry_after_s } => {
                format!("more is coming in than can be written: try again in {retry_after_s} s")
            }
            Self::Unavailable { retry_after_s } => {
                format!("the server is starting or stopping: try again in {retry_after_s} s")
            }
            Self::Full => "the server's disk is full: make room on it, and try again".to_owned(),
            Self::Internal => "the server failed: its log says why".to_owned(),
        }
    }

    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Busy { retry_after_s } | Self::Unavailable { retry_after_s } => Some(*retry_after_s),
            Self::Full => Some(FULL_RETRY_AFTER_S),
            Self::Invalid(_) | Self::TooLarge(_) | Self::Internal => None,
        }
    }

    /// The answer over HTTP: `google.rpc.Status` in the request's encoding.
    pub(super) fn http(&self, wire: Wire) -> Response {
        let (code, message) = (self.code() as i32, self.message());
        let body = match wire {
            Wire::Protobuf => RpcStatus { code, message, details: Vec::new() }.encode_to_vec(),
            Wire::Json => serde_json::json!({ "code": code, "message": message }).to_string().into_bytes(),
        };
        let mut response = response(self.status(), wire, body);
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The answer over gRPC, with `RetryInfo` when the client should try again.
    pub(super) fn grpc(&self) -> Status {
        let Some(seconds) = self.retry_after_s() else { return Status::new(self.code(), self.message()) };
        let retry = RetryInfo { retry_delay: Some(Duration { seconds: i64::from(seconds), nanos: 0 }) };
        let details = RpcStatus {
            code: self.code() as i32,
            message: self.message(),
            details: vec![Packed {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: retry.encode_to_vec(),
            }],
        };
        Status::with_details(self.code(), self.message(), details.encode_to_vec().into())
    }
}

impl Exported {
    /// The answer over HTTP.
    pub(super) fn http(self, wire: Wire) -> Response {
        let body = match wire {
            Wire::Protobuf => self.message().encode_to_vec(),
            Wire::Json => match self.message().partial_success {
                // 64-bit integers are strings in protobuf's JSON.
                Some(partial) => serde_json::json!({ "partialSuccess": {
                    "rejectedLogRecords": partial.rejected_log_records.to_string(),
                    "errorMessage": partial.error_message,
                } })
                .to_string()
                .into_bytes(),
                None => b"{}".to_vec(),
            },
        };
        response(StatusCode::OK, wire, body)
    }

    /// The message that answers the request; without `partial_success` when all was taken, as OTLP demands.
    pub(super) fn message(self) -> ExportLogsServiceResponse {
        let partial = (self.rejected > 0).then(|| ExportLogsPartialSuccess {
            rejected_log_records: i64::try_from(self.rejected).unwrap_or(i64::MAX),
            error_message: self.explanation,
        });
        ExportLogsServiceResponse { partial_success: partial }
    }
}

fn response(status: StatusCode, wire: Wire, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(wire.content_type()));
    response
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Packed>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Packed {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<Duration>,
}

/// `google.protobuf.Duration`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Duration {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

//! What the tests of this module stand on: values in few words, and a sink that keeps what it is given.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_event::{DecodeSettings, EventDecoder, ProjectId, write_ndjson};
use axum::body::Body;
use axum::http::HeaderMap;
use bytes::Bytes;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::export::Wire;
use super::json::map_json;
use super::map::{MapError, MapLimits, Mapped, Mapper};
use super::protobuf::map_protobuf;
use super::sink::{LogSink, Place, SinkBounds, SinkError, SinkReceipt};
use crate::coding::Coding;

/// 2026-05-31T12:00:00Z
pub(super) const NOW_US: i64 = 1_780_228_800_000_000;

/// The same in nanoseconds, and a few more.
pub(super) const NOW_NS: u64 = 1_780_228_800_000_000_789;

pub(super) const LIMITS: MapLimits = MapLimits { record_bytes_max: 1 << 20, body_bytes_max: 16 << 20 };

pub(super) fn any_value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(super) fn string(text: &str) -> AnyValue {
    any_value(Value::StringValue(text.to_owned()))
}

pub(super) fn pair(key: &str, number: i64) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any_value(Value::IntValue(number))), key_strindex: 0 }
}

pub(super) fn text(key: &str, text: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(string(text)), key_strindex: 0 }
}

/// A request of these records, of one resource that has these attributes.
pub(super) fn request(resource: Vec<KeyValue>, records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource { attributes: resource, ..Resource::default() }),
            scope_logs: vec![ScopeLogs {
                scope: Some(InstrumentationScope::default()),
                log_records: records,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

/// What a request becomes, sent in protobuf.
pub(super) fn mapped(request: &ExportLogsServiceRequest, has_default_project: bool) -> Mapped {
    mapped_bytes(Wire::Protobuf, &request.encode_to_vec(), has_default_project).unwrap()
}

pub(super) fn mapped_bytes(wire: Wire, request: &[u8], has_default_project: bool) -> Result<Mapped, MapError> {
    let mut place = TestPlace { room_bytes: usize::MAX };
    let mapper = Mapper::new(LIMITS, has_default_project, &mut place, request.len());
    match wire {
        Wire::Protobuf => map_protobuf(request, mapper),
        Wire::Json => map_json(request, mapper),
    }
}

/// The lines of a request as JSON values.
pub(super) fn lines(mapped: &Mapped) -> Vec<serde_json::Value> {
    mapped
        .body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Bytes of a request's body that a [`TestSink`] takes.
pub(super) const BODY_BYTES_MAX: usize = 8 << 20;

/// A sink that decodes what it is given and keeps the events, or answers an error.
#[derive(Debug)]
pub(super) struct TestSink {
    error: Option<SinkError>,
    room_bytes: usize,
    body_idle_max: Duration,
    kept: Mutex<Vec<serde_json::Value>>,
}

/// So much room, and no more.
#[derive(Debug)]
pub(super) struct TestPlace {
    pub(super) room_bytes: usize,
}

impl Place for TestPlace {
    fn cover(&mut self, request_bytes: usize, event_bytes: usize) -> Result<(), SinkError> {
        if request_bytes.saturating_add(event_bytes) > self.room_bytes {
            return Err(SinkError::Busy { retry_after_s: 7 });
        }
        Ok(())
    }
}

impl Default for TestSink {
    fn default() -> Self {
        Self { error: None, room_bytes: usize::MAX, body_idle_max: Duration::from_secs(10), kept: Mutex::default() }
    }
}

impl TestSink {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A sink in which each request has room for so many bytes.
    pub(super) fn with_room(room_bytes: usize) -> Arc<Self> {
        Arc::new(Self { room_bytes, ..Self::default() })
    }

    pub(super) fn failing(error: SinkError) -> Arc<Self> {
        Arc::new(Self { error: Some(error), ..Self::default() })
    }

    /// A sink that waits for the parts of a body so long.
    pub(super) fn waiting(body_idle_max: Duration) -> Arc<Self> {
        Arc::new(Self { body_idle_max, ..Self::default() })
    }

    /// The events so far, as they would be read back.
    pub(super) fn events(&self) -> Vec<serde_json::Value> {
        self.kept.lock().unwrap().clone()
    }
}

impl LogSink for TestSink {
    type Place = TestPlace;

    fn bounds(&self) -> Result<SinkBounds, SinkError> {
        Ok(SinkBounds { event_bytes_max: 1 << 20, body_bytes_max: BODY_BYTES_MAX, body_idle_max: self.body_idle_max })
    }

    async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<(Bytes, TestPlace), SinkError> {
        let body = body.collect().await.map_err(|error| SinkError::Invalid(error.to_string()))?.to_bytes();
        let coding = Coding::of(headers).map_err(|problem| SinkError::Invalid(problem.detail().to_owned()))?;
        let mut plain = Vec::new();
        coding
            .reader(&body)
            .and_then(|mut reader| reader.read_to_end(&mut plain))
            .map_err(|error| SinkError::Invalid(error.to_string()))?;
        if plain.len() > BODY_BYTES_MAX {
            return Err(SinkError::TooLarge("too large".to_owned()));
        }
        Ok((plain.into(), TestPlace { room_bytes: self.room_bytes }))
    }

    async fn admit(&self) -> Result<TestPlace, SinkError> {
        Ok(TestPlace { room_bytes: self.room_bytes })
    }

    async fn submit(
        &self,
        body: Bytes,
        _place: TestPlace,
        project: Option<ProjectId>,
        _source: &'static str,
    ) -> Result<SinkReceipt, SinkError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let decoded = EventDecoder::new(DecodeSettings::default(), project).decode_ndjson(&body, NOW_US);
        let mut read_back = Vec::new();
        write_ndjson(&decoded.batch, &mut read_back);
        let mut kept = self.kept.lock().unwrap();
        kept.extend(
            read_back
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap()),
        );
        Ok(SinkReceipt {
            refused: decoded.refused,
            refusals: decoded.refusals.into_iter().map(|refusal| (refusal.index, refusal.reason)).collect(),
        })
    }
}

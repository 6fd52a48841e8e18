//! What the tests of this module stand on: values in few words, and a sink that keeps what it is given.

use std::sync::{Arc, Mutex};

use annals_event::{DecodeSettings, EventDecoder, ProjectId, write_ndjson};
use bytes::Bytes;
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
use super::sink::{LogSink, SinkError, SinkReceipt};

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
    let mapper = Mapper::new(LIMITS, has_default_project);
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

/// A sink that decodes what it is given and keeps the events, or answers an error.
#[derive(Debug, Default)]
pub(super) struct TestSink {
    pub(super) error: Option<SinkError>,
    kept: Mutex<Vec<serde_json::Value>>,
}

impl TestSink {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(super) fn failing(error: SinkError) -> Arc<Self> {
        Arc::new(Self { error: Some(error), ..Self::default() })
    }

    /// The events so far, as they would be read back.
    pub(super) fn events(&self) -> Vec<serde_json::Value> {
        self.kept.lock().unwrap().clone()
    }
}

impl LogSink for TestSink {
    type Place = ();

    async fn admit(&self, _bytes: u64) -> Result<(), SinkError> {
        Ok(())
    }

    fn event_bytes_max(&self) -> usize {
        1 << 20
    }

    async fn submit(
        &self,
        body: Bytes,
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
            accepted: decoded.batch.num_rows() as u64,
            duplicates: 0,
            refused: decoded.refused,
            refusals: decoded.refusals.into_iter().map(|refusal| (refusal.index, refusal.reason)).collect(),
        })
    }
}

use std::collections::BTreeSet;

use annals_event::{DecodeSettings, EventDecoder, ProjectId, write_ndjson};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use super::super::export::Wire;
use super::super::protobuf::map_protobuf;
use super::super::testing::{
    LIMITS, NOW_NS, NOW_US, TestPlace, any_value, lines, mapped, mapped_bytes, request, string, text,
};
use super::*;

#[test]
fn resource_and_scope_stand_in_every_event() {
    let record = LogRecord { body: Some(string("m")), ..LogRecord::default() };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![
            ResourceLogs {
                resource: Some(Resource {
                    attributes: vec![text("host.name", "h"), text("annals.project_id", "p1")],
                    dropped_attributes_count: 2,
                    entity_refs: vec![EntityRef { r#type: "host".into(), ..EntityRef::default() }],
                }),
                scope_logs: vec![
                    ScopeLogs {
                        scope: Some(InstrumentationScope {
                            name: "lib".into(),
                            version: "1".into(),
                            attributes: vec![text("a", "b")],
                            dropped_attributes_count: 1,
                        }),
                        log_records: vec![record.clone(), record.clone()],
                        schema_url: "urn:scope".into(),
                    },
                    ScopeLogs { log_records: vec![record.clone()], ..ScopeLogs::default() },
                ],
                schema_url: "urn:resource".into(),
            },
            ResourceLogs {
                scope_logs: vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }],
                ..ResourceLogs::default()
            },
        ],
    };
    let around_resource = json!({
        "projectId": "p1", "message": "m", "resource": {"host.name": "h"},
        "otel": {"resource": {
            "schemaUrl": "urn:resource", "droppedAttributesCount": 2,
            "entityRefs": [{"type": "host", "schemaUrl": "", "idKeys": [], "descriptionKeys": []}],
        }},
    });
    let mut in_scope = around_resource.clone();
    in_scope["scope"] = json!({
        "name": "lib", "version": "1", "schemaUrl": "urn:scope", "attributes": {"a": "b"}, "droppedAttributesCount": 1,
    });
    let expected = vec![in_scope.clone(), in_scope, around_resource, json!({"message": "m"})];
    assert_eq!(lines(&mapped(&request, false)), expected);
}

#[test]
fn a_resource_behind_its_records_is_still_theirs() {
    let of =
        |resource_logs: ResourceLogs| ExportLogsServiceRequest { resource_logs: vec![resource_logs] }.encode_to_vec();
    let records = ScopeLogs {
        log_records: vec![LogRecord { body: Some(string("m")), ..LogRecord::default() }],
        ..ScopeLogs::default()
    };
    let resource = Resource { attributes: vec![text("service.name", "s")], ..Resource::default() };
    // Two messages one behind the other are one with the fields of both, in this order.
    let message = [
        ResourceLogs { scope_logs: vec![records], ..ResourceLogs::default() }.encode_to_vec(),
        ResourceLogs { resource: Some(resource), ..ResourceLogs::default() }.encode_to_vec(),
    ]
    .concat();
    let mut bytes = of(ResourceLogs::default());
    bytes.clear();
    bytes.push(1 << 3 | 2);
    prost::encoding::encode_varint(message.len() as u64, &mut bytes);
    bytes.extend_from_slice(&message);
    let mapped = mapped_bytes(Wire::Protobuf, &bytes, false).unwrap();
    assert_eq!(lines(&mapped)[0]["type"], "s");
}

#[test]
fn a_record_that_cannot_be_read_is_refused_alone() {
    let good = LogRecord { body: Some(string("good")), ..LogRecord::default() };
    let mut bytes =
        request(vec![], vec![good.clone(), LogRecord { body: Some(string("bad")), ..good }]).encode_to_vec();
    let at = bytes.windows(3).position(|window| window == b"bad").unwrap();
    bytes[at] = 0xff;
    let mapped = mapped_bytes(Wire::Protobuf, &bytes, false).unwrap();
    assert_eq!(lines(&mapped), [json!({"message": "good"})]);
    assert_eq!((mapped.records, mapped.unreadable.len(), mapped.unreadable[0].0), (2, 1, 1));
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
        {"traceId":"xyz"},{"body":{"stringValue":"good"}},7,{"attributes":{}}]}]}]}"#;
    let mapped = mapped_bytes(Wire::Json, json.as_bytes(), false).unwrap();
    assert_eq!(lines(&mapped), [json!({"message": "good"})]);
    assert_eq!(mapped.unreadable.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(mapped.record_of_line(0), 1);
    assert!(mapped.unreadable[0].1.contains("\"xyz\" is not hexadecimal"), "{:?}", mapped.unreadable[0]);
}

#[test]
fn too_many_unreadable_records_are_an_unreadable_request() {
    let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[0{}]}}]}}]}}"#, ",0".repeat(UNREADABLE_MAX));
    assert!(matches!(mapped_bytes(Wire::Json, json.as_bytes(), false), Err(MapError::Malformed(_))));
}

#[test]
fn small_bytes_that_would_become_much_are_refused() {
    // Two bytes each, and each to be a line with all of the resource.
    let resource = vec![text("padding", &"x".repeat(10_000))];
    let bytes = request(resource, vec![LogRecord::default(); 10_000]).encode_to_vec();
    assert!(bytes.len() < 40_000);
    let limits = MapLimits { body_bytes_max: 1 << 20, ..LIMITS };
    assert!(matches!(mapped_within(limits, usize::MAX, &bytes), Err(MapError::TooLarge(_))));
    let limits = MapLimits { record_bytes_max: 1_000, ..LIMITS };
    assert!(matches!(mapped_within(limits, usize::MAX, &bytes), Err(MapError::TooLarge(_))));
    assert!(matches!(mapped_within(LIMITS, 1 << 20, &bytes), Err(MapError::NoRoom(_))));
    let long = request(vec![], vec![LogRecord { body: Some(string(&"x".repeat(1_001))), ..LogRecord::default() }]);
    let refused = mapped_within(limits, usize::MAX, &long.encode_to_vec()).unwrap();
    assert_eq!((refused.lines(), refused.unreadable.len()), (0, 1));
}

fn mapped_within(limits: MapLimits, room_bytes: usize, request: &[u8]) -> Result<Mapped, MapError> {
    map_protobuf(request, Mapper::new(limits, false, &mut TestPlace { room_bytes }, request.len()))
}

#[test]
fn what_is_no_request_is_malformed() {
    for bytes in [&b"\x0a\x05abc"[..], b"\x0b", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"{}"] {
        assert!(matches!(mapped_bytes(Wire::Protobuf, bytes, false), Err(MapError::Malformed(_))), "{bytes:?}");
    }
    for text in ["", "[]", "7", "{", r#"{"resourceLogs":7}"#, r#"{"resourceLogs":[7]}"#, r#"{"resourceLogs":[[]]}"#] {
        assert!(matches!(mapped_bytes(Wire::Json, text.as_bytes(), false), Err(MapError::Malformed(_))), "{text}");
    }
    for text in ["{}", r#"{"resourceLogs":null}"#, r#"{"resourceLogs":[{}],"more":1}"#] {
        assert_eq!(mapped_bytes(Wire::Json, text.as_bytes(), false).unwrap().records, 0, "{text}");
    }
}

/// Keys that mean something somewhere, and some that do not.
const KEYS: [&str; 44] = [
    "id",
    "annals.id",
    "log.record.uid",
    "type",
    "annals.type",
    "level",
    "annals.level",
    "message",
    "annals.message",
    "timestamp",
    "annals.timestamp",
    "traceId",
    "trace_id",
    "annals.trace_id",
    "requestId",
    "request_id",
    "userId",
    "user_id",
    "user.id",
    "endUserId",
    "end_user_id",
    "credentialId",
    "integration",
    "integrationId",
    "eventName",
    "event.name",
    "projectId",
    "project_id",
    "annals.projectId",
    "status",
    "error",
    "annals.error",
    "payload",
    "annals.payload",
    "exception.type",
    "exception.message",
    "spanId",
    "resource",
    "scope",
    "otel",
    "seq",
    "receivedAt",
    "",
    "day",
];

/// Marks a text that has no meaning; [`number_marks`] makes each of them another.
const MARK: &str = "~";

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(MARK.to_owned()),
        1 => "[\\PC\n\u{0}\u{7}\"\\\\]{0,6}",
        1 => prop::sample::select(vec!["warn", "2026-05-31T12:00:00Z", "2026-05-30", "p1", "", "9"]).prop_map(String::from),
    ]
}

fn values() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        6 => texts().prop_map(Value::StringValue),
        1 => any::<i64>().prop_map(Value::IntValue),
        1 => any::<f64>().prop_map(Value::DoubleValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        1 => prop::collection::vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        let inner = inner.prop_map(|value| AnyValue { value: Some(value) });
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            prop::collection::vec((keys(), inner), 0..4).prop_map(|pairs| {
                let values =
                    pairs.into_iter().map(|(key, value)| KeyValue { key, value: Some(value), key_strindex: 0 });
                Value::KvlistValue(KeyValueList { values: values.collect() })
            }),
        ]
    });
    value.prop_map(|value| AnyValue { value: Some(value) })
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![3 => prop::sample::select(KEYS.to_vec()).prop_map(String::from), 1 => "[a-c.]{1,2}"]
}

fn pairs(most: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = (keys(), values()).prop_map(|(key, value)| KeyValue { key, value: Some(value), key_strindex: 0 });
    prop::collection::vec(pair, 0..most)
}

fn records() -> impl Strategy<Value = LogRecord> {
    let times = prop_oneof![Just(0), Just(NOW_NS), any::<u64>()];
    let ids = prop::collection::vec(any::<u8>(), 0..17);
    let severities = prop_oneof![0..26, any::<i32>()];
    (
        (times.clone(), times, severities, texts(), prop::option::of(values()), pairs(24)),
        (0..3_u32, 0..3_u32, ids.clone(), ids, texts()),
    )
        .prop_map(|((time, observed, severity, severity_text, body, attributes), rest)| LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: observed,
            severity_number: severity,
            severity_text,
            body,
            attributes,
            dropped_attributes_count: rest.0,
            flags: rest.1,
            trace_id: rest.2,
            span_id: rest.3,
            event_name: rest.4,
        })
}

fn requests() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let resources = (pairs(5), 0..2_u32).prop_map(|(attributes, dropped)| Resource {
        attributes,
        dropped_attributes_count: dropped,
        entity_refs: vec![],
    });
    let scopes = (texts(), texts(), pairs(3)).prop_map(|(name, version, attributes)| InstrumentationScope {
        name,
        version,
        attributes,
        dropped_attributes_count: 0,
    });
    let scope_logs = (prop::option::of(scopes), prop::collection::vec(records(), 0..3), texts())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resource_logs = (prop::option::of(resources), prop::collection::vec(scope_logs, 0..3), texts())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    prop::collection::vec(resource_logs, 0..3)
        .prop_map(|resource_logs| number_marks(ExportLogsServiceRequest { resource_logs }))
}

/// Gives every text that is [`MARK`] a number of its own.
fn number_marks(mut request: ExportLogsServiceRequest) -> ExportLogsServiceRequest {
    let mut number = 0;
    each_text(&mut request, &mut |text| {
        if text == MARK {
            number += 1;
            *text = format!("~{number}~");
        }
    });
    request
}

fn each_text(request: &mut ExportLogsServiceRequest, visit: &mut impl FnMut(&mut String)) {
    for resource_logs in &mut request.resource_logs {
        visit(&mut resource_logs.schema_url);
        resource_logs.resource.iter_mut().for_each(|resource| each_text_of_pairs(&mut resource.attributes, visit));
        for scope_logs in &mut resource_logs.scope_logs {
            visit(&mut scope_logs.schema_url);
            if let Some(scope) = &mut scope_logs.scope {
                visit(&mut scope.name);
                visit(&mut scope.version);
                each_text_of_pairs(&mut scope.attributes, visit);
            }
            scope_logs.log_records.iter_mut().for_each(|record| each_text_of_record(record, visit));
        }
    }
}

fn each_text_of_record(record: &mut LogRecord, visit: &mut impl FnMut(&mut String)) {
    visit(&mut record.severity_text);
    visit(&mut record.event_name);
    record.body.iter_mut().for_each(|body| each_text_of_value(body, visit));
    each_text_of_pairs(&mut record.attributes, visit);
}

fn each_text_of_pairs(pairs: &mut [KeyValue], visit: &mut impl FnMut(&mut String)) {
    pairs.iter_mut().filter_map(|pair| pair.value.as_mut()).for_each(|value| each_text_of_value(value, visit));
}

fn each_text_of_value(value: &mut AnyValue, visit: &mut impl FnMut(&mut String)) {
    match &mut value.value {
        Some(Value::StringValue(text)) => visit(text),
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(|value| each_text_of_value(value, visit)),
        Some(Value::KvlistValue(list)) => each_text_of_pairs(&mut list.values, visit),
        _ => {}
    }
}

/// All records of a request, each with what it and its surroundings say.
fn marks_by_record(request: &ExportLogsServiceRequest) -> Vec<BTreeSet<String>> {
    let mut all = Vec::new();
    for resource_logs in &request.resource_logs {
        for scope_logs in &resource_logs.scope_logs {
            for record in &scope_logs.log_records {
                let alone = ResourceLogs {
                    scope_logs: vec![ScopeLogs { log_records: vec![record.clone()], ..scope_logs.clone() }],
                    ..resource_logs.clone()
                };
                let mut marks = BTreeSet::new();
                each_text(&mut ExportLogsServiceRequest { resource_logs: vec![alone] }, &mut |text| {
                    if text.starts_with(MARK) && text.ends_with(MARK) {
                        marks.insert(text.clone());
                    }
                });
                all.push(marks);
            }
        }
    }
    all
}

/// Rules of events that any client may break; a line that is refused for another reason is our mistake.
const EXPECTED_REFUSALS: [&str; 5] = ["timestamp", "project id", "projectId", "nested deeper", "more members"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_one_event_that_says_all_that_the_record_said(request in requests(), has_project: bool) {
        let mapped = mapped(&request, has_project);
        let marks = marks_by_record(&request);
        prop_assert_eq!(mapped.records as usize, marks.len());
        prop_assert_eq!(mapped.lines() as usize, lines(&mapped).len());
        prop_assert!(mapped.unreadable.is_empty());
        let project = has_project.then(|| ProjectId::new("default").unwrap());
        let decoded = EventDecoder::new(DecodeSettings::default(), project).decode_ndjson(&mapped.body, NOW_US);
        prop_assert_eq!(decoded.batch.num_rows() as u64 + decoded.refused, mapped.records);
        let mut refused = BTreeSet::new();
        for refusal in &decoded.refusals {
            prop_assert!(EXPECTED_REFUSALS.iter().any(|rule| refusal.reason.contains(rule)), "{}", refusal.reason);
            refused.insert(refusal.index as usize);
        }
        let mut read_back = Vec::new();
        write_ndjson(&decoded.batch, &mut read_back);
        let read_back = String::from_utf8(read_back).unwrap();
        let taken = (0..marks.len()).filter(|index| !refused.contains(index));
        for (index, event) in taken.zip(read_back.lines()) {
            for mark in &marks[index] {
                prop_assert!(event.contains(mark.as_str()), "{} is not in {}", mark, event);
            }
        }
    }
}

proptest! {
    // The crate's own reader of JSON, compared with here, is slow.
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn json_and_protobuf_of_a_request_become_the_same(request in requests()) {
        // The crate cannot write some requests (a number that JSON lacks becomes null): those are not compared.
        let json = serde_json::to_vec(&request).unwrap();
        let same: ExportLogsServiceRequest = serde_json::from_slice(&json).unwrap();
        let of_json = mapped_bytes(Wire::Json, &json, true).unwrap();
        prop_assert_eq!(
            String::from_utf8(of_json.body).unwrap(),
            String::from_utf8(super::super::testing::mapped(&same, true).body).unwrap()
        );
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = mapped_bytes(Wire::Protobuf, &bytes, true);
        let _ = mapped_bytes(Wire::Json, &bytes, true);
    }

    #[test]
    fn no_broken_request_panics(request in requests(), breaks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        for (wire, mut bytes) in [
            (Wire::Protobuf, request.encode_to_vec()),
            (Wire::Json, serde_json::to_vec(&request).unwrap()),
        ] {
            for (at, byte) in &breaks {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            if let Ok(mapped) = mapped_bytes(wire, &bytes, true) {
                prop_assert_eq!(lines(&mapped).len() as u64, mapped.lines());
            }
        }
    }
}

#[test]
fn nesting_is_bounded_by_the_decoders() {
    let mut deep = string("bottom");
    for _ in 0..200 {
        deep = any_value(Value::ArrayValue(ArrayValue { values: vec![deep] }));
    }
    let record = LogRecord { body: Some(deep), ..LogRecord::default() };
    let refused = mapped(&request(vec![], vec![record]), true);
    assert_eq!((refused.lines(), refused.unreadable.len()), (0, 1));
    let deep = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(20_000), "]}}".repeat(20_000));
    let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{deep}}}]}}]}}]}}"#);
    let refused = mapped_bytes(Wire::Json, json.as_bytes(), true).unwrap();
    assert_eq!((refused.lines(), refused.unreadable.len()), (0, 1));
}

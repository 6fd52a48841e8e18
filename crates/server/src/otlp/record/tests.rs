use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValueList};
use serde_json::{Value as Json, json};

use super::super::testing::{NOW_NS, any_value, lines, mapped, pair, request, string, text};
use super::*;

/// The event that a record of this resource becomes.
fn event_of(resource: Vec<KeyValue>, record: LogRecord) -> Json {
    lines(&mapped(&request(resource, vec![record]), true)).remove(0)
}

fn event(record: LogRecord) -> Json {
    event_of(vec![], record)
}

fn with(attributes: Vec<KeyValue>) -> LogRecord {
    LogRecord { body: Some(string("hello")), attributes, ..LogRecord::default() }
}

#[test]
fn an_ordinary_record_is_an_ordinary_event() {
    let record = LogRecord {
        time_unix_nano: NOW_NS,
        observed_time_unix_nano: NOW_NS + 1,
        severity_number: 13,
        severity_text: "WARN".into(),
        body: Some(string("disk is nearly full")),
        attributes: vec![text("host.disk", "sda"), pair("workflow_id", 7), text("annals.persona_id", "p")],
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        flags: 1,
        ..LogRecord::default()
    };
    assert_eq!(
        event_of(vec![text("service.name", "billing")], record),
        json!({
            "timestamp": "2026-05-31T12:00:00.000000Z", "level": "WARN", "type": "billing",
            "message": "disk is nearly full", "traceId": "0102030405060708090a0b0c0d0e0f10",
            "personaId": "p", "workflowId": 7, "spanId": "0102030405060708", "flags": 1,
            "observedTimestamp": "2026-05-31T12:00:00.000000790Z",
            "resource": {"service.name": "billing"}, "host.disk": "sda",
        })
    );
}

#[test]
fn the_empty_record_is_an_event_of_the_default_type() {
    assert_eq!(event(LogRecord::default()), json!({"type": "custom"}));
}

#[test]
fn severity_is_level_and_what_the_level_does_not_say_is_kept() {
    for (number, spelling, expected) in [
        (9, "INFO", json!({"level": "INFO"})),
        (9, "", json!({"level": "INFO"})),
        (10, "INFO2", json!({"level": "INFO", "severityNumber": 10, "severityText": "INFO2"})),
        (21, "FATAL", json!({"level": "ERROR", "severityNumber": 21, "severityText": "FATAL"})),
        (1, "", json!({"level": "DEBUG", "severityNumber": 1})),
        (0, "warning", json!({"level": "WARN", "severityText": "warning"})),
        (0, "audit", json!({"severityText": "audit"})),
        (99, "ERROR", json!({"level": "ERROR", "severityNumber": 99})),
        (-1, "", json!({"severityNumber": -1})),
    ] {
        let mut expected = expected;
        expected["type"] = json!("custom");
        let record = LogRecord { severity_number: number, severity_text: spelling.into(), ..LogRecord::default() };
        assert_eq!(event(record), expected, "{number} {spelling}");
    }
}

#[test]
fn a_level_that_no_severity_says_may_come_from_an_attribute() {
    assert_eq!(event(with(vec![text("level", "warning")]))["level"], "warning");
    assert_eq!(event(with(vec![pair("level", 17)]))["level"], 17);
    let unknown = event(with(vec![text("level", "loud")]));
    assert_eq!(unknown, json!({"message": "hello", "otel": {"attributes": {"level": "loud"}}}));
    let both = LogRecord { severity_number: 9, ..with(vec![text("level", "error"), text("annals.level", "debug")]) };
    assert_eq!(
        event(both),
        json!({"level": "debug", "message": "hello", "severityNumber": 9, "otel": {"attributes": {"level": "error"}}})
    );
}

#[test]
fn the_time_of_observation_stands_in_for_a_time_that_is_unknown() {
    let observed = LogRecord { observed_time_unix_nano: NOW_NS, ..with(vec![]) };
    assert_eq!(event(observed), json!({"timestamp": "2026-05-31T12:00:00.000000Z", "message": "hello"}));
    let same = LogRecord { time_unix_nano: NOW_NS, observed_time_unix_nano: NOW_NS, ..with(vec![]) };
    assert_eq!(event(same).get("observedTimestamp"), None);
    let explicit = LogRecord {
        time_unix_nano: NOW_NS,
        observed_time_unix_nano: NOW_NS,
        ..with(vec![text("annals.timestamp", "2026-01-01"), text("timestamp", "2026-01-02"), pair("annals.seq", 1)])
    };
    assert_eq!(
        event(explicit),
        json!({
            "timestamp": "2026-01-01", "message": "hello", "observedTimestamp": "2026-05-31T12:00:00.000000789Z",
            "annals.seq": 1,
            "otel": {"timeUnixNano": "1780228800000000789", "attributes": {"timestamp": "2026-01-02"}},
        })
    );
    assert_eq!(event(with(vec![text("timestamp", "2026-01-02")]))["timestamp"], "2026-01-02");
    assert_eq!(event(with(vec![text("timestamp", "soon")]))["otel"]["attributes"]["timestamp"], "soon");
}

#[test]
fn a_body_that_is_no_text_is_the_payload_and_a_message_is_made_of_it() {
    let of = |body: Value| LogRecord { body: Some(any_value(body)), ..LogRecord::default() };
    let map = |pairs: Vec<KeyValue>| Value::KvlistValue(KeyValueList { values: pairs });
    let said = event(of(map(vec![text("msg", "paid"), pair("amount", 3)])));
    assert_eq!(said, json!({"message": "paid", "payload": {"msg": "paid", "amount": 3}}));
    let event_named = LogRecord { event_name: "paid".into(), ..of(map(vec![pair("amount", 3)])) };
    assert_eq!(event(event_named), json!({"message": "paid", "eventName": "paid", "payload": {"amount": 3}}));
    let attribute = LogRecord { attributes: vec![text("event.name", "paid")], ..of(Value::BoolValue(true)) };
    assert_eq!(event(attribute), json!({"message": "paid", "eventName": "paid", "payload": true}));
    let bytes = event(of(Value::BytesValue(vec![1, 2, 3])));
    assert_eq!(bytes, json!({"message": "3 bytes", "payload": "AQID"}));
    let long = event(of(Value::ArrayValue(ArrayValue { values: vec![string(&"é".repeat(300))] })));
    let message = long["message"].as_str().unwrap();
    assert!(message.starts_with("[\"éé") && message.ends_with('…') && message.len() <= 203, "{message}");
    assert_eq!(long["payload"][0].as_str().unwrap().chars().count(), 300);
    let number = event(of(Value::IntValue(i64::MAX)));
    assert_eq!(number, json!({"message": "9223372036854775807", "payload": i64::MAX}));
}

#[test]
fn a_message_or_payload_attribute_gives_way_to_the_body() {
    let record = LogRecord { body: Some(string("body")), ..with(vec![text("message", "attribute")]) };
    assert_eq!(event(record), json!({"message": "body", "otel": {"attributes": {"message": "attribute"}}}));
    let record = LogRecord { body: None, ..with(vec![text("message", "attribute"), pair("payload", 1)]) };
    assert_eq!(event(record), json!({"message": "attribute", "payload": 1}));
    let explicit = with(vec![text("annals.message", "said"), pair("annals.payload", 1)]);
    assert_eq!(event(explicit), json!({"message": "said", "payload": 1, "otel": {"body": "hello"}}));
    let number = LogRecord { body: Some(any_value(Value::IntValue(5))), ..with(vec![pair("annals.payload", 1)]) };
    assert_eq!(event(number), json!({"message": "5", "payload": 1, "otel": {"body": 5}}));
}

#[test]
fn an_exception_is_the_error() {
    let record = with(vec![
        text("exception.type", "ValueError"),
        text("exception.message", "no such id"),
        text("exception.stacktrace", "at line 1\nat line 2"),
        text("error", "beaten"),
        text("exception.type", "again"),
        text("error.type", "kept"),
    ]);
    assert_eq!(
        event(record),
        json!({
            "message": "hello",
            "error": {"type": "ValueError", "message": "no such id", "stacktrace": "at line 1\nat line 2"},
            "exception.type": "again", "error.type": "kept", "otel": {"attributes": {"error": "beaten"}},
        })
    );
    let silent = LogRecord { body: None, ..with(vec![text("exception.message", "no such id")]) };
    assert_eq!(event(silent), json!({"message": "no such id", "error": {"message": "no such id"}}));
    let explicit = with(vec![text("exception.type", "E"), text("annals.error", "mine")]);
    assert_eq!(event(explicit), json!({"message": "hello", "error": "mine", "exception.type": "E"}));
}

#[test]
fn ids_are_hexadecimal_of_whatever_length_and_zeros_are_none() {
    let record = LogRecord { trace_id: vec![0; 16], span_id: vec![0; 8], ..with(vec![text("requestId", "r")]) };
    assert_eq!(event(record), json!({"message": "hello", "traceId": "r"}));
    let record = LogRecord { trace_id: vec![0xab, 1], span_id: vec![7], ..with(vec![text("requestId", "r")]) };
    assert_eq!(event(record), json!({"message": "hello", "traceId": "ab01", "spanId": "07", "requestId": "r"}));
    let record = LogRecord { trace_id: vec![0xab], ..with(vec![text("annals.traceId", "t"), text("trace_id", "u")]) };
    assert_eq!(event(record), json!({"message": "hello", "traceId": "t", "trace_id": "u", "otel": {"traceId": "ab"}}));
}

#[test]
fn an_alias_gives_way_and_stays_under_its_own_name() {
    let record =
        with(vec![text("user.id", "b"), text("endUserId", "a"), text("userId", "c"), text("annals.user_id", "")]);
    assert_eq!(
        event(record),
        json!({"message": "hello", "endUserId": "a", "user.id": "b", "userId": "c", "annals.user_id": ""})
    );
    assert_eq!(event(with(vec![text("enduser.id", "e")])), json!({"message": "hello", "endUserId": "e"}));
}

#[test]
fn an_attribute_named_id_does_not_make_events_one() {
    let record = with(vec![text("id", "42"), text("log.record.uid", "01J"), text("seq", "1"), text("otel", "x")]);
    assert_eq!(
        event(record),
        json!({"id": "01J", "message": "hello", "otel": {"attributes": {"id": "42", "seq": "1", "otel": "x"}}})
    );
}

#[test]
fn attributes_that_collide_or_repeat_are_kept() {
    let object = KeyValue {
        value: Some(any_value(Value::KvlistValue(KeyValueList { values: vec![pair("a", 1)] }))),
        ..pair("status", 0)
    };
    let record = LogRecord {
        span_id: vec![1],
        ..with(vec![
            object,
            KeyValue { value: None, ..pair("type", 0) },
            KeyValue { value: Some(AnyValue { value: None }), ..pair("empty", 0) },
            text("spanId", "mine"),
            pair("n", 1),
            pair("n", 2),
            pair("n", 3),
            text("resource", "mine too"),
        ])
    };
    assert_eq!(
        event_of(vec![text("a", "b")], record),
        json!({
            "message": "hello", "spanId": "01", "resource": {"a": "b"}, "empty": null, "n": 1,
            "otel": {
                "attributes": {"status": {"a": 1}, "type": null, "spanId": "mine", "n": 2, "resource": "mine too"},
                "repeated": [{"key": "n", "value": 3}],
            },
        })
    );
}

#[test]
fn a_project_comes_from_the_record_then_the_resource_and_from_a_plain_attribute_only_when_nothing_else_names_one() {
    let resource = vec![text("annals.project_id", "of-resource"), text("service.name", "s")];
    let inherited = event_of(resource.clone(), with(vec![text("project_id", "plain")]));
    assert_eq!(
        inherited,
        json!({
            "projectId": "of-resource", "type": "s", "message": "hello",
            "project_id": "plain", "resource": {"service.name": "s"},
        })
    );
    let own = event_of(resource, with(vec![text("annals.projectId", "own")]));
    assert_eq!(own["projectId"], "own");
    assert_eq!(own["otel"], json!({"resourceProjectId": "of-resource"}));
    let plain = |default: bool| {
        let records = vec![with(vec![text("projectId", "plain")]), with(vec![text("projectId", "not / valid")])];
        lines(&mapped(&request(vec![], records), default))
    };
    assert_eq!(plain(false)[0], json!({"projectId": "plain", "message": "hello"}));
    assert_eq!(plain(true)[0], json!({"message": "hello", "otel": {"attributes": {"projectId": "plain"}}}));
    assert_eq!(plain(false)[1]["otel"]["attributes"]["projectId"], "not / valid");
}

#[test]
fn the_name_that_an_sdk_makes_up_for_a_service_is_no_type() {
    let made_up = event_of(vec![text("service.name", "unknown_service:node")], with(vec![]));
    assert_eq!(made_up.get("type"), None);
    let given = event_of(vec![text("service.name", "billing")], with(vec![text("type", "refund")]));
    assert_eq!(given["type"], "refund");
}

//! Maps by their parts, and the built-in ones on the samples in `data/samples`.

use serde_json::{Value, json};

use super::*;
use crate::{DecodeSettings, EventDecoder};

fn apply(map: &str, record: &Value) -> (MapOutcome, Vec<Value>) {
    let mut out = Vec::new();
    let outcome = EventMap::from_toml(map).unwrap().apply(record.to_string().as_bytes(), &mut out).unwrap();
    (outcome, String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn one(map: &str, record: &Value) -> Value {
    let (outcome, mut events) = apply(map, record);
    assert_eq!((outcome, events.len()), (MapOutcome::Event, 1));
    events.remove(0)
}

#[test]
fn paths_reach_into_objects_arrays_and_dotted_names() {
    let map = r#"
        [fields]
        message = "a.list.1.text"
        endUserId = '"id.orig_h"'
        traceId = 'a."x.y".z'
        status = "a.list.9.text"
    "#;
    let record = json!({"a": {"list": [{}, {"text": "found"}], "x.y": {"z": 7}}, "id.orig_h": "10.0.0.1"});
    let event = one(map, &record);
    assert_eq!(
        (&event["message"], &event["endUserId"], &event["traceId"]),
        (&json!("found"), &json!("10.0.0.1"), &json!(7))
    );
    assert_eq!(event.get("status"), None);
    assert_eq!(event["payload"], record);
}

#[test]
fn the_first_value_that_will_do_is_taken() {
    let map = r#"
        [fields]
        traceId = ["none", "null", "empty", "object", "trace"]
        timestamp = ["never", "zero", "text", "time"]
        projectId = ["bad_project", { const = "fallback" }]
        status = [{ const = "failed", when = [{ path = "code" }] }, { const = "success" }]
    "#;
    let record = json!({
        "null": null, "empty": "", "object": {}, "trace": "t1", "zero": 0, "never": "1970-01-01T00:00:00Z", "text": "soon",
        "time": "2026-05-31T12:00:00Z", "bad_project": "a/b",
    });
    let event = one(map, &record);
    assert_eq!(event["traceId"], "t1");
    assert_eq!(event["timestamp"], "2026-05-31T12:00:00Z");
    assert_eq!((&event["projectId"], &event["status"]), (&json!("fallback"), &json!("success")));
}

#[test]
fn templates_and_objects_need_their_values() {
    let map = r#"
        [fields]
        message = [{ template = "{verb} {name}: {missing}" }, { template = "{verb} {name}" }]
        error = { object = { code = "code", text = "why" } }
        extra = { object = { a = "no", b = "such" } }
    "#;
    let event = one(map, &json!({"verb": "say \"hi\"", "name": 3, "code": 5}));
    assert_eq!(event["message"], "say \"hi\" 3");
    assert_eq!((&event["error"], event.get("extra")), (&json!({"code": 5}), None));
}

#[test]
fn the_first_level_rule_that_holds_gives_the_level() {
    let map = r#"
        [fields]
        type = { const = "t" }
        [[level]]
        from = "severity"
        [[level]]
        when = [{ path = "kind", is = ["bad", "worse"] }, { path = "known", absent = true }]
        level = "ERROR"
        [[level]]
        when = [{ path = "kind", is = "odd" }]
        level = "warning"
    "#;
    let level = |record: Value| one(map, &record).get("level").map(|level| level.as_str().unwrap().to_owned());
    assert_eq!(level(json!({"severity": "NOTICE", "kind": "bad"})).as_deref(), Some("INFO"));
    assert_eq!(level(json!({"severity": "UNSPECIFIED", "kind": "bad"})).as_deref(), Some("ERROR"));
    assert_eq!(level(json!({"kind": "bad", "known": true})), None);
    assert_eq!(level(json!({"kind": "odd"})).as_deref(), Some("WARN"));
}

#[test]
fn arrays_of_records_are_unrolled_and_action_lines_skipped() {
    let map = r#"
        unroll = "Records"
        [[skip]]
        when = [{ path = "index" }]
        [fields]
        type = "kind"
    "#;
    let (outcome, events) = apply(map, &json!({"Records": [{"kind": "a"}, {"index": 1}, {"kind": "b"}]}));
    assert_eq!((outcome, events.len()), (MapOutcome::Event, 2));
    assert_eq!(events[1]["payload"], json!({"kind": "b"}));
    assert_eq!(apply(map, &json!({"index": {}})), (MapOutcome::Skipped, vec![]));
    assert_eq!(apply(map, &json!({"Records": []})), (MapOutcome::Skipped, vec![]));
    assert_eq!(apply(map, &json!({"kind": "single"})).1.len(), 1);
    let mut out = b"before".to_vec();
    let error = EventMap::from_toml(map).unwrap().apply(br#"{"Records":[{"kind":"a"},7]}"#, &mut out).unwrap_err();
    assert!(error.to_string().contains("not a JSON object"));
    assert_eq!(out, b"before");
}

#[test]
fn the_rest_is_the_record_less_what_was_moved_unchanged() {
    let map = r#"
        payload = "rest"
        [fields]
        traceId = "trace"
        timestamp = "time"
        message = { template = "{what}" }
        workflowId = "deep.id"
    "#;
    let event =
        one(map, &json!({"trace": "t", "time": "2026-05-31T12:00:00Z", "what": "w", "deep": {"id": 1}, "null": null}));
    assert_eq!(event["payload"], json!({"time": "2026-05-31T12:00:00Z", "what": "w", "deep": {"id": 1}, "null": null}));
}

#[test]
fn maps_that_make_no_sense_are_refused_with_the_part() {
    for (map, part) in [
        ("", "fields"),
        ("[fields]\nlevel = \"x\"", "[[level]]"),
        ("[fields]\npayload = \"x\"", "record"),
        ("[fields]\ntype = 3", "field type"),
        ("[fields]\ntype = []", "field type"),
        ("[fields]\ntype = { constant = \"x\" }", "constant"),
        ("[fields]\ntype = { template = \"{x\" }", "not closed"),
        ("[fields]\ntype = \"a..b\"", "empty part"),
        ("[fields]\ntype = '\"a'", "not closed"),
        ("unrol = \"x\"\n[fields]", "unrol"),
        ("[fields]\n[[level]]\nlevel = \"loud\"", "loud"),
        ("[fields]\n[[level]]\nwhen = []", "[[level]]"),
    ] {
        let error = EventMap::from_toml(map).unwrap_err().to_string();
        assert!(error.contains(part), "{map}: {error}");
    }
}

#[test]
fn records_that_are_no_json_object_are_refused() {
    let map = EventMap::from_toml("[fields]").unwrap();
    for record in [&b""[..], b"[]", b"7", b"{} {}", b"{\"a\":}", b"\xff", b"{\"a\":\"\xff\"}"] {
        assert!(map.apply(record, &mut Vec::new()).is_err(), "{record:?}");
    }
}

#[test]
fn built_in_maps_turn_their_samples_into_events() {
    let samples = [
        ("cloudtrail", include_str!("../../../../data/samples/cloudtrail.ndjson"), 4),
        ("github", include_str!("../../../../data/samples/github.ndjson"), 4),
        ("zeek", include_str!("../../../../data/samples/zeek.ndjson"), 5),
    ];
    assert_eq!(samples.map(|(name, ..)| name), EventMap::builtin_names());
    for (name, lines, expected) in samples {
        let map = EventMap::builtin(name).unwrap();
        let mut out = Vec::new();
        for line in lines.lines() {
            map.apply(line.as_bytes(), &mut out).unwrap();
        }
        let decoded = EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(&out, 1_780_228_800_000_000);
        assert_eq!(decoded.refusals, [], "{name}");
        assert_eq!(decoded.batch.num_rows(), expected, "{name}");
    }
    assert!(EventMap::builtin("no-such-map").is_none());
}

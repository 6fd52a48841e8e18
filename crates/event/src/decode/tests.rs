//! The rules of the event model, one by one, and 'what went in comes out' over random objects.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::member;
use crate::schema::columns;
use crate::{DecodeLimits, parse_timestamp, write_event, write_ndjson};

const NOW: &str = "2026-05-31T12:00:00Z";

fn now_us() -> i64 {
    parse_timestamp(NOW).unwrap()
}

fn decoder() -> EventDecoder {
    EventDecoder::new(DecodeSettings::default(), None)
}

fn decode(body: &str) -> Decoded {
    decoder().decode(body.as_bytes(), now_us()).unwrap()
}

/// Decodes one record, which must be accepted, and answers what comes out of it again.
fn echo(record: &Value) -> Value {
    let decoded = decode(&record.to_string());
    assert_eq!(decoded.refusals, []);
    let mut out = Vec::new();
    write_event(&decoded.batch, 0, &mut out);
    serde_json::from_slice(&out).unwrap()
}

fn reason(record: &Value) -> String {
    let decoded = decode(&record.to_string());
    assert_eq!(decoded.batch.num_rows(), 0, "{record}");
    decoded.refusals.into_iter().next().unwrap().reason
}

fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = batch[column].as_string_view();
    column.is_valid(row).then(|| column.value(row).to_owned())
}

#[test]
fn absent_members_take_their_defaults() {
    let decoded = decode(r#"{"message":"m","projectId":"p"}"#);
    let batch = &decoded.batch;
    assert_eq!(text(batch, columns::LEVEL, 0).unwrap(), "INFO");
    assert_eq!(text(batch, columns::TYPE, 0).unwrap(), "custom");
    assert_eq!(batch[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>().value(0), now_us());
    assert_eq!(batch[columns::RECEIVED_AT].as_primitive::<TimestampMicrosecondType>().value(0), now_us());
    assert_eq!(batch[columns::DAY].as_primitive::<Date32Type>().value(0), 20_604);
    for column in [columns::ID, columns::SEQ, columns::PAYLOAD, columns::ATTRIBUTES] {
        assert!(batch[column].is_null(0), "{column}");
    }
}

#[test]
fn the_requests_project_is_used_where_the_event_names_none() {
    let project = ProjectId::new("fallback").unwrap();
    let decoder = EventDecoder::new(DecodeSettings::default(), Some(project));
    let body = b"{\"type\":\"t\"}\n{\"type\":\"t\",\"projectId\":\"own\"}\n{\"type\":\"t\",\"projectId\":null}\n";
    let decoded = decoder.decode_ndjson(body, now_us());
    let projects: Vec<_> = (0..3).map(|row| text(&decoded.batch, columns::PROJECT_ID, row).unwrap()).collect();
    assert_eq!(projects, ["fallback", "own", "fallback"]);
}

#[test]
fn events_that_break_a_rule_are_refused_with_what_to_do() {
    for (record, expected) in [
        (json!({"projectId": "p"}), "needs a message or a type"),
        (json!({"projectId": "p", "message": {"text": "m"}}), "needs a message or a type"),
        (json!({"type": "t"}), "needs a projectId"),
        (json!({"type": "t", "projectId": "../etc"}), "must match [A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
        (json!({"type": "t", "projectId": ["p"]}), "projectId must be a text, not an array"),
        (json!({"type": "t", "projectId": "p", "level": "loud"}), "use DEBUG, INFO, WARN, ERROR"),
        (json!({"type": "t", "projectId": "p", "id": {"a": 1}}), "id must be a text, not an object"),
        (json!({"type": "t", "projectId": "p", "timestamp": "yesterday"}), "use RFC 3339"),
        (json!({"type": "t", "projectId": "p", "timestamp": true}), "use RFC 3339"),
        (json!({"type": "t", "projectId": "p", "timestamp": 1_000}), "before the year 2000"),
        (json!({"type": "t", "projectId": "p", "timestamp": "1999-12-31T23:59:59Z"}), "before the year 2000"),
        (json!({"type": "t", "projectId": "p", "timestamp": "2026-06-01T12:00:01Z"}), "ahead of the time of receipt"),
        (json!([]), "JSON object"),
        (json!("x"), "JSON object"),
    ] {
        // A lone array would be taken for an array of events.
        let record = if record.is_array() { json!([record]) } else { record };
        let reason = reason(&record);
        assert!(reason.contains(expected), "{record}: {reason}");
    }
}

#[test]
fn times_of_any_kind_mean_the_same_moment() {
    let us = parse_timestamp("2026-05-30T10:00:00.250Z").unwrap();
    for given in [
        json!("2026-05-30T12:00:00.250+02:00"),
        json!(us / 1_000),
        json!(us),
        json!(us * 1_000),
        json!((us / 1_000).to_string()),
        json!(us as f64 / 1e6),
    ] {
        let out = echo(&json!({"type": "t", "projectId": "p", "timestamp": given}));
        assert_eq!(out["timestamp"], "2026-05-30T10:00:00.250000Z", "{given}");
    }
}

#[test]
fn old_times_are_accepted_where_a_setting_says_so() {
    let settings = DecodeSettings { allow_before_2000: true, ..DecodeSettings::default() };
    let body = br#"{"type":"t","projectId":"p","timestamp":"1970-01-01T00:00:00Z"}"#;
    let batch = EventDecoder::new(settings, None).decode_ndjson(body, now_us()).batch;
    assert_eq!(batch[columns::DAY].as_primitive::<Date32Type>().value(0), 0);
}

#[test]
fn an_alias_gives_way_to_its_canonical_name_and_stays_when_it_differs() {
    let base = json!({"type": "t", "projectId": "p"});
    let with = |members: Value| {
        let mut record = base.clone();
        record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        echo(&record)
    };
    let out = with(json!({"userId": "u", "requestId": "r", "credentialId": "c", "integration": "i"}));
    assert_eq!([&out["endUserId"], &out["traceId"]], ["u", "r"]);
    assert_eq!([&out["connectCredentialId"], &out["integrationId"]], ["c", "i"]);
    assert!(out.get("userId").is_none());
    let out = with(json!({"userId": "u", "endUserId": "e"}));
    assert_eq!([&out["endUserId"], &out["userId"]], ["e", "u"]);
    let out = with(json!({"userId": "u", "endUserId": "u"}));
    assert_eq!((&out["endUserId"], out.get("userId")), (&json!("u"), None));
    let out = with(json!({"userId": "u", "endUserId": null}));
    assert_eq!(out["endUserId"], "u");
    let out = with(json!({"userId": ["u"]}));
    assert_eq!((out.get("endUserId"), &out["userId"]), (None, &json!(["u"])));
}

#[test]
fn scalars_become_text_and_what_is_no_text_stays_as_an_attribute() {
    let record = json!({
        "type": 7, "projectId": 318_651_349, "id": 12, "level": 17, "traceId": 1.50, "workflowId": true,
        "status": {"code": 2}, "webhookId": null, "error": null, "payload": null,
    });
    let decoded = decode(&record.to_string());
    let batch = &decoded.batch;
    assert_eq!(text(batch, columns::PROJECT_ID, 0).unwrap(), "318651349");
    assert_eq!(text(batch, columns::ID, 0).unwrap(), "12");
    assert_eq!(text(batch, columns::LEVEL, 0).unwrap(), "ERROR");
    assert_eq!(text(batch, columns::TRACE_ID, 0).unwrap(), "1.5");
    assert_eq!(text(batch, columns::STATUS, 0), None);
    assert_eq!(text(batch, columns::ERROR, 0), None);
    let out = echo(&record);
    assert_eq!(out["status"], json!({"code": 2}));
    for name in ["webhookId", "error", "payload"] {
        assert_eq!(out.get(name), Some(&Value::Null), "{name}");
    }
}

#[test]
fn payload_error_and_unknown_members_keep_their_original_text() {
    let body = "[{\"type\":\"t\",\"projectId\":\"p\",\"payload\": [1.50,\n 1e400, \"\\u0041\\ud800\"] ,\
                \"error\":{\"a\":1,\"a\":2},\"x y\" : -0.0}]";
    let decoded = decode(body);
    assert_eq!(decoded.refusals, []);
    assert_eq!(text(&decoded.batch, columns::PAYLOAD, 0).unwrap(), "[1.50,\n 1e400, \"\\u0041\\ud800\"]");
    assert_eq!(text(&decoded.batch, columns::ERROR, 0).unwrap(), "{\"a\":1,\"a\":2}");
    assert_eq!(text(&decoded.batch, columns::ATTRIBUTES, 0).unwrap(), "{\"x y\":-0.0}");
    let mut out = Vec::new();
    write_ndjson(&decoded.batch, &mut out);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[test]
fn half_a_surrogate_pair_stays_raw_where_text_is_free_and_is_refused_where_it_is_not() {
    let decoded = decode("{\"type\":\"t\",\"projectId\":\"p\",\"message\":\"\\ud800\"}");
    assert_eq!(text(&decoded.batch, columns::MESSAGE, 0), None);
    assert_eq!(text(&decoded.batch, columns::ATTRIBUTES, 0).unwrap(), "{\"message\":\"\\ud800\"}");
    let decoded = decode("{\"type\":\"\\ud800\",\"projectId\":\"p\"}");
    assert!(decoded.refusals[0].reason.contains("surrogate"));
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    for record in [
        r#"{"type":"t","type":"t","projectId":"p"}"#.to_owned(),
        r#"{"type":"t","projectId":"p","x":1,"x":2}"#.to_owned(),
        r#"{"type":"t","projectId":"p","\u0078":1,"x":2}"#.to_owned(),
        r#"{"typ\u0065":"t","projectId":"p","type":"t"}"#.to_owned(),
        {
            let members: Vec<_> = (0..40).map(|n| format!("\"m{}\":0", n % 39)).collect();
            format!("{{\"type\":\"t\",\"projectId\":\"p\",{}}}", members.join(","))
        },
    ] {
        let decoded = decode(&record);
        assert_eq!(decoded.batch.num_rows(), 0);
        assert!(decoded.refusals[0].reason.contains("stands twice"), "{record}");
    }
}

#[test]
fn only_the_bad_lines_are_refused_and_each_is_named() {
    let mut body = b"\xef\xbb\xbf{\"type\":\"a\",\"projectId\":\"p\"}\r\n\r\n".to_vec();
    body.extend_from_slice(b"{\"type\":\"\xff\",\"projectId\":\"p\"}\n   \n{\"type\":\"b\",\"projectId\":\"p\"} x\n");
    body.extend_from_slice(b"not json\n{\"type\":\"c\",\"projectId\":\"p\"}");
    let decoded = decoder().decode(&body, now_us()).unwrap();
    assert_eq!(decoded.batch.num_rows(), 2);
    let named: Vec<_> = decoded.refusals.iter().map(|refusal| (refusal.index, refusal.line)).collect();
    assert_eq!(named, [(1, 3), (2, 5), (3, 6)]);
    assert!(decoded.refusals[0].reason.contains("UTF-8"));
    assert_eq!(decoded.refusals[2].raw, b"not json");
}

#[test]
fn an_array_keeps_its_good_elements_up_to_the_broken_one() {
    let good = r#"{"type":"t","projectId":"p"}"#;
    let deep = format!(r#"{{"type":"t","projectId":"p","payload":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    let decoded = decode(&format!("\n[{good},\n{{\"type\":\"t\"}},\n{deep}, 7 ,{good},\n{{\"type\":,}}, {good}]"));
    assert_eq!(decoded.batch.num_rows(), 2);
    let named: Vec<_> = decoded.refusals.iter().map(|refusal| (refusal.index, refusal.line)).collect();
    assert_eq!(named, [(1, 3), (2, 4), (3, 4), (5, 5)]);
    assert!(decoded.refusals[1].reason.contains("limit of 64"));
    assert!(decoded.refusals[3].reason.contains("the elements after it were not read"));
}

#[test]
fn arrays_that_end_badly_say_so() {
    let good = r#"{"type":"t","projectId":"p"}"#;
    for (body, rows, refused) in [
        ("[]".to_owned(), 0, 0),
        (" [ ] \n".to_owned(), 0, 0),
        (format!("[{good}]"), 1, 0),
        (format!("[{good},]"), 1, 1),
        (format!("[{good},"), 1, 1),
        (format!("[{good},{good}"), 1, 1),
        (format!("[{good}}}]"), 0, 1),
        (format!("[{good}] {good}"), 1, 1),
        ("[".to_owned(), 0, 1),
    ] {
        let decoded = decode(&body);
        assert_eq!((decoded.batch.num_rows(), decoded.refusals.len()), (rows, refused), "{body}");
    }
    assert!(decoder().decode_array(b"{}", 0).is_err());
    assert!(decoder().decode_array(b"", 0).is_err());
}

#[test]
fn limits_hold_for_every_part_of_an_event() {
    let limits = DecodeLimits { event_bytes_max: 2_000, depth_max: 4, members_max: 32, ..DecodeLimits::default() };
    let decoder = EventDecoder::new(DecodeSettings { limits, ..DecodeSettings::default() }, None);
    let with = |rest: &str| format!("{{\"type\":\"t\",\"projectId\":\"p\",{rest}}}");
    let members = |count: usize| (0..count).map(|n| format!("\"m{n}\":{n}")).collect::<Vec<_>>().join(",");
    for (rest, expected) in [
        (format!("\"payload\":\"{}\"", "x".repeat(2_000)), Some("limit of 2000")),
        ("\"payload\":[[[1]]]".to_owned(), None),
        ("\"payload\":[[[[1]]]]".to_owned(), Some("deeper than the limit of 4")),
        ("\"other\":{\"a\":{\"b\":{\"c\":{}}}}".to_owned(), Some("deeper than the limit of 4")),
        (members(30), None),
        (members(31), Some("more members than the limit of 32")),
        (format!("\"payload\":{{{}}}", members(33)), Some("more members than the limit of 32")),
    ] {
        for body in [with(&rest), format!("[{}]", with(&rest))] {
            let decoded = decoder.decode(body.as_bytes(), now_us()).unwrap();
            let reason = decoded.refusals.first().map(|refusal| refusal.reason.as_str());
            assert_eq!(reason.is_none(), expected.is_none(), "{rest}: {reason:?}");
            assert!(reason.unwrap_or_default().contains(expected.unwrap_or_default()), "{reason:?}");
        }
    }
}

#[test]
fn a_refusal_keeps_a_bounded_part_of_its_record() {
    let body = format!("{{\"type\":\"{}", "x".repeat(100_000));
    assert_eq!(decode(&body).refusals[0].raw.len(), REFUSAL_RAW_BYTES_MAX);
    let body = "[".repeat(1 << 20);
    assert_eq!(decode(&body).refusals[0].raw.len(), REFUSAL_RAW_BYTES_MAX);
}

#[test]
fn the_own_names_of_the_log_are_kept_but_do_not_hide_its_values() {
    let record =
        json!({"type": "t", "projectId": "p", "receivedAt": "mine", "seq": "mine", "day": 3, "attributes": {"a": 1}});
    let batch = crate::assign(&decode(&record.to_string()).batch, 5, 1).unwrap();
    assert!(text(&batch, columns::ATTRIBUTES, 0).unwrap().contains(r#""receivedAt":"mine""#));
    let mut out = Vec::new();
    write_event(&batch, 0, &mut out);
    let out: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(out["receivedAt"], "2026-05-31T12:00:00.000000Z");
    assert_eq!((&out["seq"], &out["day"], &out["attributes"]), (&json!(5), &json!(3), &json!({"a": 1})));
}

#[test]
fn columns_of_other_text_types_encode_alike() {
    let decoded = decode(&json!({"type": "t", "projectId": "p", "payload": {"a": 1}, "x": 1}).to_string());
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    write_event(&decoded.batch, 0, &mut expected);
    let schema = decoded.batch.schema();
    let fields = decoded.batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let is_text = *column.data_type() == arrow::datatypes::DataType::Utf8View;
        let wanted = if is_text { arrow::datatypes::DataType::Utf8 } else { column.data_type().clone() };
        (field.name().clone(), arrow::compute::cast(column, &wanted).unwrap())
    });
    write_event(&RecordBatch::try_from_iter(fields.collect::<Vec<_>>()).unwrap(), 0, &mut found);
    assert_eq!(String::from_utf8(found), String::from_utf8(expected));
}

#[test]
fn the_sample_events_are_accepted_and_of_known_kinds() {
    let decoded = decode(include_str!("../../../../data/samples/events.ndjson"));
    assert_eq!((decoded.batch.num_rows(), decoded.refusals.len()), (6, 0));
    for row in 0..6 {
        let (kind, message) = (text(&decoded.batch, columns::TYPE, row), text(&decoded.batch, columns::MESSAGE, row));
        let (kind, message) = (kind.unwrap(), message.unwrap());
        let known = crate::Catalog::builtin().match_message(&kind, &message).unwrap();
        assert_eq!(text(&decoded.batch, columns::LEVEL, row).unwrap(), known.level.as_str(), "{message}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Few enough digits for `serde_json` to read them exactly.
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 16.0)),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn scalar_or_any() -> impl Strategy<Value = Value> {
    prop_oneof![3 => ".{0,20}".prop_map(Value::from), 1 => any::<i32>().prop_map(Value::from), 1 => any_json()]
}

/// Records that are accepted: anything under any name, but for the few members that have a form.
fn record() -> impl Strategy<Value = Map<String, Value>> {
    let free: Vec<usize> = (3..member::SLOTS)
        .filter(|slot| ![member::ATTRIBUTES, member::PROJECT_ID, member::TIMESTAMP].contains(slot))
        .collect();
    let known = prop::collection::btree_map(
        prop::sample::select(free).prop_map(|slot| member::wire_name(slot).to_owned()),
        scalar_or_any(),
        0..10,
    );
    let unknown = prop::collection::btree_map(".{1,10}", any_json(), 0..6);
    let form = (
        prop::option::of(".{0,12}"),
        prop::option::of(prop::sample::select(vec!["DEBUG", "INFO", "WARN", "ERROR"])),
        prop::option::of(946_684_800_000_000_i64..1_780_228_800_000_000),
        prop::option::of(".{0,12}"),
    );
    (unknown, known, form).prop_map(|(unknown, known, (kind, level, timestamp, id))| {
        let mut record: Map<String, Value> = unknown.into_iter().chain(known).collect();
        record.insert("projectId".into(), "p".into());
        record.insert("type".into(), kind.unwrap_or_else(|| "custom".to_owned()).into());
        record.insert("level".into(), level.unwrap_or("INFO").into());
        record.insert("timestamp".into(), crate::format_timestamp(timestamp.unwrap_or_else(now_us)).into());
        if let Some(id) = id {
            record.insert("id".into(), id.into());
        }
        record
    })
}

/// What the documentation of `decode.rs` says comes out of an accepted record.
fn canonical(mut record: Map<String, Value>) -> Map<String, Value> {
    for (name, alias) in member::ALIASES.map(|(name, alias)| (member::wire_name(name), member::wire_name(alias))) {
        let is_text =
            record.get(alias).is_some_and(|value| value.is_string() || value.is_number() || value.is_boolean());
        match record.get(name) {
            None | Some(Value::Null) if is_text => {
                let value = record.remove(alias).unwrap();
                record.insert(name.to_owned(), value);
            }
            Some(value) if !value.is_null() && record.get(alias) == Some(value) => {
                record.remove(alias);
            }
            _ => {}
        }
    }
    for (_, name) in crate::TEXT_COLUMNS {
        let is_json = matches!(name, "error" | "payload" | "attributes");
        if let Some(value) = record.get_mut(name).filter(|value| !is_json && (value.is_number() || value.is_boolean()))
        {
            *value = value.to_string().into();
        }
    }
    record.insert("receivedAt".into(), "2026-05-31T12:00:00.000000Z".into());
    record
}

proptest! {
    #[test]
    fn what_went_in_comes_out(record in record(), in_array: bool) {
        let expected = Value::from(canonical(record.clone()));
        let text = Value::from(record).to_string();
        let decoded = decode(&if in_array { format!("[{text}]") } else { text });
        prop_assert_eq!(&decoded.refusals, &[]);
        let mut out = Vec::new();
        write_ndjson(&decoded.batch, &mut out);
        let first: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(&first, &expected);
        // Once canonical, it stays: only `receivedAt` is now also the client's, and kept as an attribute.
        let mut again = Vec::new();
        write_ndjson(&decoder().decode(&out, now_us()).unwrap().batch, &mut again);
        prop_assert_eq!(&serde_json::from_slice::<Value>(&again).unwrap(), &expected);
    }

    #[test]
    fn no_bytes_panic_and_every_record_is_answered(bytes: Vec<u8>) {
        if let Ok(decoded) = decoder().decode(&bytes, now_us()) {
            let mut out = Vec::new();
            write_ndjson(&decoded.batch, &mut out);
        }
    }

    #[test]
    fn damaged_bodies_never_panic_and_lose_no_line(records in prop::collection::vec(record(), 1..4), at: prop::sample::Index, with: u8) {
        let mut body: Vec<u8> = records.iter().flat_map(|record| format!("{}\n", Value::from(record.clone())).into_bytes()).collect();
        let at = at.index(body.len());
        body[at] = with;
        let decoded = decoder().decode_ndjson(&body, now_us());
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        prop_assert_eq!(decoded.batch.num_rows() + decoded.refusals.len(), lines);
        let mut array = b"[".to_vec();
        array.extend(body.iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }));
        let _ = decoder().decode_array(&array, now_us());
    }
}

use serde_json::json;

use super::*;

fn value(text: &str) -> Result<Option<Value>, serde_json::Error> {
    serde_json::from_str::<Any>(text).map(|any| any.0)
}

#[test]
fn values_are_read_in_every_spelling_of_protobufs_json() {
    for (text, expected) in [
        (r#"{"stringValue":"a"}"#, Value::StringValue("a".into())),
        (r#"{"string_value":"a","unknown":[{}]}"#, Value::StringValue("a".into())),
        (r#"{"intValue":"-7"}"#, Value::IntValue(-7)),
        (r#"{"intValue":7}"#, Value::IntValue(7)),
        (r#"{"intValue":7.0}"#, Value::IntValue(7)),
        (r#"{"intValue":"9223372036854775807"}"#, Value::IntValue(i64::MAX)),
        (r#"{"intValue":1e21}"#, Value::DoubleValue(1e21)),
        (r#"{"doubleValue":1}"#, Value::DoubleValue(1.0)),
        (r#"{"doubleValue":"-Infinity"}"#, Value::DoubleValue(f64::NEG_INFINITY)),
        (r#"{"boolValue":false,"stringValue":null}"#, Value::BoolValue(false)),
        (r#"{"bytesValue":"AP8"}"#, Value::BytesValue(vec![0, 255])),
        (r#"{"arrayValue":{}}"#, Value::ArrayValue(ArrayValue::default())),
        (r#"{"kvlistValue":{"values":null}}"#, Value::KvlistValue(KeyValueList::default())),
    ] {
        assert_eq!(value(text).unwrap(), Some(expected), "{text}");
    }
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#).unwrap(), Some(Value::DoubleValue(number)) if number.is_nan()));
    for text in ["{}", r#"{"stringValue":null}"#, r#"{"somethingNew":1}"#, "null"] {
        assert_eq!(value(text).unwrap(), None, "{text}");
    }
}

#[test]
fn what_is_no_value_is_refused() {
    for text in [
        "7",
        r#""text""#,
        "[]",
        r#"{"intValue":"seven"}"#,
        r#"{"stringValue":7}"#,
        r#"{"boolValue":"true"}"#,
        r#"{"bytesValue":"?"}"#,
        r#"{"arrayValue":[7]}"#,
    ] {
        assert!(value(text).is_err(), "{text}");
    }
}

#[test]
fn half_a_surrogate_pair_is_replaced_and_a_whole_one_read() {
    let read = |text: &str| serde_json::from_str::<Text>(text).unwrap().0;
    assert_eq!(read(r#""a\ud83d\ude00b""#), "a\u{1f600}b");
    let cut = read(r#""a\ud83d""#);
    assert!(cut.starts_with('a') && cut.contains('\u{fffd}'), "{cut}");
}

#[test]
fn severities_are_numbers_or_names() {
    for (text, number) in [("9", 9), ("\"9\"", 9), ("\"SEVERITY_NUMBER_WARN2\"", 14), ("-3", -3)] {
        assert_eq!(serde_json::from_str::<Severity>(text).unwrap().0, number, "{text}");
    }
    for text in ["\"loud\"", "9.5", "{}", "99999999999"] {
        assert!(serde_json::from_str::<Severity>(text).is_err(), "{text}");
    }
}

#[test]
fn unsigned_numbers_hold_their_range() {
    assert_eq!(serde_json::from_str::<Unsigned64>("\"18446744073709551615\"").unwrap().0, u64::MAX);
    assert_eq!(serde_json::from_str::<Unsigned64>("1.7e18").unwrap().0, 1_700_000_000_000_000_000);
    assert_eq!(serde_json::from_str::<Unsigned32>("1").unwrap().0, 1);
    for text in ["-1", "1.5", "1e20", "\"NaN\"", "true", "[]"] {
        assert!(serde_json::from_str::<Unsigned64>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Unsigned32>("4294967296").is_err());
}

#[test]
fn ids_are_pairs_of_hexadecimal_digits_in_any_case() {
    assert_eq!(serde_json::from_value::<Hex>(json!("0aFF")).unwrap().0, [0x0a, 0xff]);
    assert_eq!(serde_json::from_value::<Hex>(json!("")).unwrap().0, [0u8; 0]);
    for text in ["abc", "xy", "0x0a", "é0"] {
        assert!(serde_json::from_value::<Hex>(json!(text)).is_err(), "{text}");
    }
}

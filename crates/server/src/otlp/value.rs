//! OTLP values as JSON text.
//!
//! Every value has one form: texts and bytes (base64) are strings, 64-bit integers are exact numbers, a floating-point
//! number that JSON cannot say is one of the strings `NaN`, `Infinity`, `-Infinity`, an unset value is null. A list of
//! keys and values is an object, or, should a key stand in it twice, an array of `{"key":…,"value":…}`.

use std::collections::HashSet;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use super::base64;

/// Keys that are compared one by one; more go through a set.
const PAIRWISE_KEYS_MAX: usize = 16;

/// Appends `value`. Recurses as deep as the value is nested, which its decoder has bounded.
pub(super) fn write_value(value: Option<&AnyValue>, out: &mut Vec<u8>) {
    match value.and_then(|value| value.value.as_ref()) {
        // A reference into the dictionary of a profile: in a log record it is to be read as absent.
        None | Some(Value::StringValueStrindex(_)) => out.extend_from_slice(b"null"),
        Some(Value::StringValue(text)) => write_string(text, out),
        Some(Value::BoolValue(value)) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Some(Value::IntValue(number)) => write_display(number, out),
        Some(Value::DoubleValue(number)) => write_double(*number, out),
        Some(Value::BytesValue(bytes)) => {
            out.push(b'"');
            base64::encode(bytes, out);
            out.push(b'"');
        }
        Some(Value::ArrayValue(array)) => {
            out.push(b'[');
            for (at, value) in array.values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(Some(value), out);
            }
            out.push(b']');
        }
        Some(Value::KvlistValue(list)) => write_pairs(list.values.iter(), out),
    }
}

/// Appends a list of keys and values.
pub(super) fn write_pairs<'a>(pairs: impl Iterator<Item = &'a KeyValue> + Clone, out: &mut Vec<u8>) {
    let mut keys = Keys::default();
    if pairs.clone().all(|pair| keys.insert(&pair.key)) {
        out.push(b'{');
        for (at, pair) in pairs.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_string(&pair.key, out);
            out.push(b':');
            write_value(pair.value.as_ref(), out);
        }
        out.push(b'}');
    } else {
        write_pair_list(pairs, out);
    }
}

/// Appends a list of keys and values as an array of `{"key":…,"value":…}`.
pub(super) fn write_pair_list<'a>(pairs: impl Iterator<Item = &'a KeyValue>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, pair) in pairs.enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"key\":" } else { b"{\"key\":" });
        write_string(&pair.key, out);
        out.extend_from_slice(b",\"value\":");
        write_value(pair.value.as_ref(), out);
        out.push(b'}');
    }
    out.push(b']');
}

/// Appends `text` as a JSON string.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text always has a JSON form and memory always takes it");
}

/// Appends what prints as a JSON number.
pub(super) fn write_display(number: impl std::fmt::Display, out: &mut Vec<u8>) {
    use std::io::Write;
    write!(out, "{number}").expect("memory always takes it");
}

/// Appends `bytes` as a string of lowercase hexadecimal digits.
pub(super) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
    }
    out.push(b'"');
}

fn write_double(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        serde_json::to_writer(out, &number).expect("a finite number always has a JSON form");
    } else if number.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if number > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}

/// Names that were met so far.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    few: Vec<&'a str>,
    many: HashSet<&'a str>,
}

impl<'a> Keys<'a> {
    /// Adds a name; false when it was there.
    pub(super) fn insert(&mut self, key: &'a str) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(key);
        }
        if self.few.contains(&key) {
            return false;
        }
        self.few.push(key);
        if self.few.len() > PAIRWISE_KEYS_MAX {
            self.many.extend(self.few.drain(..));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
    use serde_json::json;

    use super::super::testing::{any_value, pair};
    use super::*;

    fn written(value: Value) -> String {
        let mut out = Vec::new();
        write_value(Some(&any_value(value)), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_of_value_has_its_json() {
        for (value, text) in [
            (Value::StringValue("a\"\n\u{1f600}".into()), "\"a\\\"\\n\u{1f600}\""),
            (Value::BoolValue(true), "true"),
            (Value::IntValue(i64::MIN), "-9223372036854775808"),
            (Value::IntValue(9_007_199_254_740_993), "9007199254740993"),
            (Value::DoubleValue(0.1), "0.1"),
            (Value::DoubleValue(1e300), "1e+300"),
            (Value::DoubleValue(-0.0), "-0.0"),
            (Value::DoubleValue(f64::NAN), "\"NaN\""),
            (Value::DoubleValue(f64::INFINITY), "\"Infinity\""),
            (Value::DoubleValue(f64::NEG_INFINITY), "\"-Infinity\""),
            (Value::BytesValue(vec![0, 255]), "\"AP8=\""),
            (Value::StringValueStrindex(3), "null"),
        ] {
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn lists_of_pairs_are_objects_unless_a_key_repeats() {
        let list = |pairs: Vec<KeyValue>| Value::KvlistValue(KeyValueList { values: pairs });
        let array = any_value(Value::ArrayValue(ArrayValue {
            values: vec![AnyValue { value: None }, any_value(list(vec![]))],
        }));
        let plain = list(vec![pair("b", 1), KeyValue { value: Some(array), ..pair("a", 0) }]);
        assert_eq!(written(plain), r#"{"b":1,"a":[null,{}]}"#);
        let repeated = list(vec![pair("b", 1), pair("b", 2)]);
        assert_eq!(written(repeated), r#"[{"key":"b","value":1},{"key":"b","value":2}]"#);
        let mut many: Vec<_> = (0..40).map(|number| pair(&format!("k{number}"), number)).collect();
        let object: serde_json::Value = serde_json::from_str(&written(list(many.clone()))).unwrap();
        assert_eq!(object["k39"], json!(39));
        many.push(pair("k3", 3));
        let pairs: serde_json::Value = serde_json::from_str(&written(list(many))).unwrap();
        assert_eq!(pairs[40], json!({"key": "k3", "value": 3}));
    }

    #[test]
    fn ids_are_lowercase_hexadecimal() {
        let mut out = Vec::new();
        write_hex(&[0x0a, 0xff], &mut out);
        assert_eq!(out, b"\"0aff\"");
    }
}

//! The scanner against `serde_json`, and its limits.

use proptest::prelude::*;

use super::*;

fn scanner() -> Scanner {
    Scanner::new(&DecodeLimits::default())
}

/// Whether the whole of `text` is one JSON value to the scanner.
fn accepts(text: &[u8]) -> bool {
    let start = space(text, 0);
    scanner().value(text, start, 0).is_ok_and(|value| space(text, value.span.end) == text.len())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Into::into),
        ".*".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
            prop::collection::vec((".{0,12}", inner), 0..8)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json_on_json(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert!(accepts(text.as_bytes()));
    }

    #[test]
    fn agrees_with_serde_json_on_damaged_json(value in json(), at: prop::sample::Index, with: u8, cut: bool) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        if cut { text.truncate(at) } else { text[at] = with }
        let Ok(text) = std::str::from_utf8(&text) else { return Ok(()) };
        // `RawValue` is checked for syntax only, as here: no range of numbers, no pairs of surrogates.
        let expected = serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
        prop_assert_eq!(accepts(text.as_bytes()), expected, "{}", text);
    }

    #[test]
    fn strings_read_as_serde_json_reads_them(text in ".*", ascii: bool) {
        let mut json = serde_json::to_string(&text).unwrap();
        if ascii {
            json = json.chars().flat_map(|c| {
                let mut units = [0; 2];
                let plain = c.is_ascii();
                let escaped: String = c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}")).collect();
                if plain { vec![c] } else { escaped.chars().collect() }
            }).collect();
        }
        let value = scanner().value(json.as_bytes(), 0, 0).unwrap();
        prop_assert_eq!(unescape(value.inside().of_text(&json), value.kind).unwrap(), text);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = accepts(&bytes);
        let _ = skip_unproven(&bytes, 0);
    }
}

#[test]
fn control_characters_quotes_and_backslashes_are_found_at_every_offset() {
    for stop in [b'"', b'\\', 0, 0x1f, b'\n'] {
        for at in 0..40 {
            let mut text = vec![b'x'; 40];
            text[at] = stop;
            text[at / 2] = if at / 2 < at { 0xff } else { stop };
            assert_eq!(ordinary(&text, 0), at, "{stop} at {at}");
        }
    }
    assert_eq!(ordinary(b"!#[]\x7f\x80\xff ~", 0), 9);
}

#[test]
fn a_hundred_thousand_brackets_are_a_limit_and_not_a_crash() {
    for open in ["[", "{\"a\":"] {
        let text = open.repeat(100_000);
        let error = scanner().value(text.as_bytes(), 0, 0).unwrap_err();
        assert_eq!(error.problem, Problem::Depth(64));
    }
}

#[test]
fn depth_and_members_are_allowed_up_to_the_limit_and_no_further() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(accepts(nested(64).as_bytes()));
    assert!(!accepts(nested(65).as_bytes()));
    let wide = |members: usize| {
        let members: Vec<_> = (0..members).map(|i| format!("\"m{i}\":{i}")).collect();
        format!("[{{{}}}]", members.join(","))
    };
    assert!(accepts(wide(1_000).as_bytes()));
    assert!(!accepts(wide(1_001).as_bytes()));
}

#[test]
fn half_a_surrogate_pair_is_json_but_no_text() {
    for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800x""#, r#""\ud800\n""#] {
        let value = scanner().value(text.as_bytes(), 0, 0).unwrap();
        assert_eq!(unescape(value.inside().of_text(text), value.kind), None, "{text}");
    }
}

#[test]
fn an_unproven_value_is_stepped_over_by_its_brackets() {
    let text = br#"{"a":"]}\"","b":[{}]}, next"#;
    assert_eq!(&text[skip_unproven(text, 0)..], b", next");
    assert_eq!(skip_unproven(b"[\"\\", 0), 3);
}

//! Words, needles and pieces of text against slow oracles, and the promise between them: what is found was indexed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::decode::fold;
use super::hash::{twin, word_hash};
use super::inside::certain_tokens;
use super::token::is_word_char;
use super::*;

fn tokens_of(text: &str, kind: Kind) -> BTreeSet<u64> {
    let mut tokens = BTreeSet::new();
    for_each_word_hash(text, kind, |token| _ = tokens.insert(token));
    tokens
}

/// The rule as it is written down, on decoded text.
fn tokens_by_the_rule(text: &str) -> BTreeSet<u64> {
    let mut tokens = BTreeSet::new();
    for word in text.split(|char| !is_word_char(char)) {
        let parts = if word.contains('_') { word.split('_').collect() } else { Vec::new() };
        for word in std::iter::once(word).chain(parts) {
            let word: Vec<u8> = word.to_ascii_lowercase().bytes().take(64).collect();
            let digit = word.iter().any(|byte| byte.is_ascii_digit());
            if word.len() < if digit { 5 } else { 3 } {
                continue;
            }
            let hash = word_hash(&word);
            tokens.insert(hash);
            if digit && word.len() >= 8 {
                tokens.insert(twin(hash));
            }
        }
    }
    tokens
}

/// The characters of valid JSON text with its strings decoded by serde_json.
fn decode_by_serde(json: &str) -> String {
    let mut decoded = String::new();
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        decoded.push_str(&rest[..start]);
        let mut strings = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<String>();
        let string = strings.next().unwrap().unwrap();
        decoded.push('"');
        decoded.push_str(&string);
        decoded.push('"');
        rest = &rest[start + strings.byte_offset()..];
    }
    decoded + rest
}

/// Every place looked at.
fn found_by_looking(needle: &str, starts: bool, ends: bool, decoded: &str) -> bool {
    let (needle, decoded) = (needle.to_ascii_lowercase(), decoded.to_ascii_lowercase());
    let starts = starts && needle.starts_with(is_word_char);
    let ends = ends && needle.ends_with(is_word_char);
    decoded.char_indices().any(|(at, _)| {
        decoded[at..].starts_with(&needle)
            && !(starts && decoded[..at].ends_with(is_word_char))
            && !(ends && decoded[at + needle.len()..].starts_with(is_word_char))
    })
}

fn decoded(text: &str, kind: Kind) -> String {
    let mut folded = String::new();
    fold(text, kind, &mut folded);
    folded
}

fn kinds() -> impl Strategy<Value = Kind> {
    select(vec![Kind::Plain, Kind::Json])
}

/// Pieces of text that meet at all the places where a rule has an edge.
fn texts() -> impl Strategy<Value = String> {
    let long = "l0ng".repeat(16);
    let longer = format!("{long}er");
    let mut pieces: Vec<String> = [
        "a",
        "B",
        "n",
        "u",
        "f",
        "ab",
        "foo",
        "Bar",
        "abcdefg",
        "ABCDEFGH",
        "sync_id",
        "_",
        "_",
        "__",
        "-",
        " ",
        ".",
        "/",
        "\"",
        "\\",
        "\\",
        "\\\\",
        "\\n",
        "\\t",
        "\\\"",
        "\\/",
        "\\x",
        "\\u",
        "\\u00",
        "\\u0041",
        "\\u00e9",
        "\\u000a",
        "\\ud83d",
        "\\ude00",
        "\\ud83d\\ude00",
        "\\uD840\\uDC00",
        "\\u005f",
        "\\u0031",
        "d83d",
        "0041",
        "é",
        "É",
        "日本",
        "😀",
        "–",
        "×",
        "𠀀",
        "\u{fffd}",
        "\n",
        "1",
        "12",
        "404",
        "2026",
        "12345",
        "deadbeef01",
        "v2",
        "a1b2c3d4e5f6",
    ]
    .map(str::to_owned)
    .into();
    pieces.push(long);
    pieces.push(longer);
    prop::collection::vec(select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

/// A string as any writer of JSON may write it.
fn json_strings() -> impl Strategy<Value = String> {
    let chars = select(vec![
        'a', 'B', 'n', '_', '1', ' ', '"', '\\', '/', '\n', '\t', '\u{1}', 'é', '日', '😀', '𠀀', '-', 'u', 'x',
    ]);
    prop::collection::vec((chars, 0..4_u8), 0..30).prop_map(|chars| {
        let mut json = String::from("\"");
        for (char, how) in chars {
            match (char, how) {
                ('"' | '\\' | '/', 1..) => json.extend(['\\', char]),
                ('\n', 1..) => json.push_str("\\n"),
                ('\t', 1..) => json.push_str("\\t"),
                (_, 0) | ('\u{1}', _) => {
                    let mut units = [0; 2];
                    char.encode_utf16(&mut units).iter().for_each(|unit| json.push_str(&format!("\\u{unit:04x}")));
                }
                _ => json.push(char),
            }
        }
        json + "\""
    })
}

fn json_texts() -> impl Strategy<Value = String> {
    prop::collection::vec((json_strings(), json_strings(), 0..100_000_u32), 0..4).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(name, value, number)| format!("{name}:[{value},{number},null]")).collect();
        format!("{{{}}}", members.join(", "))
    })
}

/// A piece of `text` between two characters.
fn piece<'a>(text: &'a str, ends: &(Index, Index)) -> &'a str {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let (a, b) = (*ends.0.get(&places), *ends.1.get(&places));
    &text[a.min(b)..a.max(b)]
}

fn pieces() -> impl Strategy<Value = (Index, Index)> {
    any::<(Index, Index)>()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn words_are_cut_by_the_rule(text in texts(), kind in kinds()) {
        prop_assert_eq!(tokens_of(&text, kind), tokens_by_the_rule(&decoded(&text, kind)));
    }

    #[test]
    fn json_is_decoded_as_serde_does(json in json_texts()) {
        prop_assert_eq!(decoded(&json, Kind::Json), decode_by_serde(&json).to_ascii_lowercase());
        prop_assert_eq!(tokens_of(&json, Kind::Json), tokens_by_the_rule(&decode_by_serde(&json)));
    }

    #[test]
    fn a_needle_is_found_where_looking_finds_it(
        json in json_texts(), ends in pieces(), open in any::<(bool, bool)>(), other in json_texts(), in_other in any::<bool>(),
    ) {
        let text = decode_by_serde(&json);
        let needle = piece(&text, &ends);
        prop_assume!(!needle.is_empty());
        let searched = if in_other { &other } else { &json };
        let found = Needle::new(needle, !open.0, !open.1).matches(searched, Kind::Json);
        prop_assert_eq!(found, found_by_looking(needle, !open.0, !open.1, &decode_by_serde(searched)));
    }

    #[test]
    fn short_needles_are_found_where_looking_finds_them(
        needle in "[ab_ .-]{1,4}", text in "[aAbB_ .-]{0,30}", open in any::<(bool, bool)>(),
    ) {
        let found = Needle::new(&needle, !open.0, !open.1).matches(&text, Kind::Plain);
        prop_assert_eq!(found, found_by_looking(&needle, !open.0, !open.1, &text));
    }

    /// The promise on which pruning rests.
    #[test]
    fn what_is_found_has_all_tokens_of_the_needle(
        text in texts(), kind in kinds(), ends in pieces(), open in any::<(bool, bool)>(),
    ) {
        let whole = decoded(&text, kind);
        let needle = piece(&whole, &ends);
        prop_assume!(!needle.is_empty());
        let needle = Needle::new(needle, !open.0, !open.1);
        prop_assert_eq!(needle.matches(&text, kind), found_by_looking(needle.text(), !open.0, !open.1, &whole));
        if needle.matches(&text, kind) {
            let tokens = tokens_of(&text, kind);
            for token in needle.tokens() {
                prop_assert!(tokens.contains(token), "{:?} in {:?}", needle, text);
            }
        }
    }

    #[test]
    fn what_is_typed_is_found_only_with_its_tokens(text in texts(), typed in texts(), kind in kinds()) {
        let search = query_words(&typed);
        prop_assert!(search.needles().iter().all(|needle| !needle.text().is_empty()));
        if search.matches(&text, kind) {
            prop_assert!(search.tokens().all(|token| tokens_of(&text, kind).contains(&token)));
        }
    }

    #[test]
    fn a_piece_of_stored_text_has_only_tokens_of_the_text(text in texts(), kind in kinds(), ends in pieces()) {
        let tokens = tokens_of(&text, kind);
        let needle = piece(&text, &ends);
        for token in tokens_inside(needle, kind) {
            prop_assert!(tokens.contains(&token), "{:?} in {:?}", needle, text);
        }
    }

    #[test]
    fn a_piece_of_stored_json_has_only_tokens_of_the_text(json in json_texts(), ends in pieces()) {
        let tokens = tokens_of(&json, Kind::Json);
        prop_assert!(tokens_inside(piece(&json, &ends), Kind::Json).iter().all(|token| tokens.contains(token)));
    }

    #[test]
    fn any_text_is_cut_and_searched(text in any::<String>(), typed in any::<String>(), kind in kinds()) {
        prop_assert_eq!(tokens_of(&text, kind), tokens_by_the_rule(&decoded(&text, kind)));
        query_words(&typed).matches(&text, kind);
        tokens_inside(&text, kind);
    }
}

fn all_of(words: &[&str]) -> BTreeSet<u64> {
    words.iter().flat_map(|word| certain_tokens(word, Kind::Plain, true, true)).collect()
}

#[test]
fn an_event_is_cut_as_documented() {
    let json = r#"{"syncId":"d3f0d261-57fd-4936-a7ae-e80dbc19a336","line":"rate\nlimit \u00e9t\u00e9","n":2026,"EVENT_STATUS":99}"#;
    let words = ["syncid", "d3f0d261", "e80dbc19a336", "line", "rate", "limit", "été", "event_status"];
    assert_eq!(tokens_of(json, Kind::Json), all_of(&words));
    assert_eq!(tokens_of("rate\\nlimit", Kind::Plain), all_of(&["rate", "nlimit"]));
    assert_eq!(all_of(&["d3f0d261"]).len(), 2, "an id has two tokens");
    assert_eq!(all_of(&["event_status"]), all_of(&["EVENT_STATUS", "event", "Status"]));
    assert_eq!(tokens_of("at 57fd 12 v1 is 404", Kind::Plain), BTreeSet::new());
}

#[test]
fn typed_text_is_read_as_needles() {
    let search = query_words(r#"  Fail* "rate limit"* *:443 "a "b" c""#);
    let needles: Vec<_> = search.needles().iter().map(|needle| (needle.text(), needle.starts, needle.ends)).collect();
    let expected = [
        ("fail", true, false),
        ("rate limit", true, false),
        (":443", false, true),
        ("a ", true, false),
        ("b\"", true, false),
        ("c\"", true, false),
    ];
    assert_eq!(needles, expected);
    assert!(query_words(" * ** \"\" ").is_empty());
}

#[test]
fn a_needle_is_a_whole_word_unless_starred() {
    let json = r#"{"error":"Connection_reset by\npeer","url":"/v1/contacts"}"#;
    for typed in [
        "ERROR",
        "\"by\npeer\"",
        "connection_reset",
        "connection*",
        "*reset",
        "*tion_res*",
        "/v1/",
        "contact*",
        "peer by",
    ] {
        assert!(query_words(typed).matches(json, Kind::Json), "{typed}");
    }
    for typed in ["err", "connection", "reset", "npeer", "contact", "*contac", "peer reset"] {
        assert!(!query_words(typed).matches(json, Kind::Json), "{typed}");
    }
    let texts = [("peer gone", Kind::Plain), (json, Kind::Json)];
    assert!(query_words("gone contacts").matches_row(&texts, &mut FoldedTexts::default()));
    assert!(!query_words("gone contact").matches_row(&texts, &mut FoldedTexts::default()));
}

#[test]
fn needles_ask_for_what_is_certain() {
    let asked = |typed: &str| query_words(typed).tokens().collect::<BTreeSet<_>>();
    assert_eq!(asked("\"Connection reset by\""), all_of(&["connection", "reset"]));
    assert_eq!(asked("reset*"), BTreeSet::new());
    assert_eq!(asked("connection_res*"), all_of(&["connection"]));
    let inside = |needle: &str| tokens_inside(needle, Kind::Json).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(inside("tion reset by"), all_of(&["reset"]));
    assert_eq!(inside("a_first_second_b"), all_of(&["first", "second"]));
    assert_eq!(inside(r"x\nreset\tpeer "), all_of(&["reset", "peer"]));
    assert_eq!(inside(r"\nreset peer "), all_of(&["peer"]), "the backslash may be the second half of one");
    assert_eq!(inside(r" reset\"), BTreeSet::new(), "any escape may follow");
    assert_eq!(inside(r" reset\u00e9peer "), BTreeSet::new());
}

#[test]
fn a_long_word_counts_by_its_start() {
    let long = "x1".repeat(40);
    assert_eq!(tokens_of(&long, Kind::Plain), all_of(&[&long[..64]]));
    assert_eq!(query_words(&format!("{long}*")).tokens().count(), 2);
}

/// What stands in files must not change without a new version of the rule. Computed by another program from `FORMAT.md`.
#[test]
fn hashes_are_those_of_version_1() {
    for (word, hash) in GOLDEN_HASHES {
        assert_eq!(word_hash(word.as_bytes()), hash, "{word}");
    }
    assert_eq!(twin(word_hash(b"deadbeef01")), GOLDEN_TWIN);
    assert_eq!(value_token("trace_id", "25e5a1f3-1d0f-4d00-889d-554e344ebc76"), GOLDEN_VALUE);
}

const GOLDEN_HASHES: [(&str, u64); 3] =
    [("foo", 0x51e1_1916_c969_1b76), ("hubspot_deals", 0xc29f_7f63_3d3f_42eb), ("été", 0xcb93_0608_bc9c_e68b)];
const GOLDEN_TWIN: u64 = 0x02e6_ba3c_8890_fe71;
const GOLDEN_VALUE: u64 = 0x523e_dd0e_15e1_efc8;

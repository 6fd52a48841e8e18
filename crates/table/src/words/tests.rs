use std::collections::BTreeSet;
use std::sync::Arc;

use annals_event::{columns, file_schema};
use arrow::array::{ArrayRef, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_null_array};
use parquet::file::metadata::ParquetMetaDataReader;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::runs::Runs;
use super::tokens::for_each_token;
use super::*;
use crate::encode::{EncodedFile, encode_data_file};
use crate::parquet_settings::ParquetSettings;

const WHOLE: TokenEdges = TokenEdges { start: true, end: true };
const PART: TokenEdges = TokenEdges { start: false, end: false };

fn hashes(text: &str) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for_each_token(text.as_bytes(), &mut Runs::new(), |hash| {
        found.insert(hash);
    });
    found
}

fn inside(part: &str, edges: TokenEdges) -> BTreeSet<u64> {
    tokens_inside(part, edges, |_| true).into_iter().map(|token| token.0).collect()
}

/// Rows with a message and a payload each, one a second.
fn rows(texts: &[(String, String)]) -> RecordBatch {
    let arrays: Vec<ArrayRef> = file_schema()
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                columns::TIMESTAMP => Arc::new(
                    TimestampMicrosecondArray::from_iter_values((0..texts.len()).map(|row| row as i64 * 1_000_000))
                        .with_timezone("UTC"),
                ),
                columns::MESSAGE => {
                    Arc::new(StringViewArray::from_iter_values(texts.iter().map(|(message, _)| message)))
                }
                columns::PAYLOAD => {
                    Arc::new(StringViewArray::from_iter_values(texts.iter().map(|(_, payload)| payload)))
                }
                columns::END_USER_ID => Arc::new(StringViewArray::from_iter_values(
                    (0..texts.len()).map(|row| format!("user-{}", row / 5_000)),
                )),
                _ => new_null_array(field.data_type(), texts.len()),
            }
        })
        .collect();
    RecordBatch::try_new(file_schema(), arrays).unwrap()
}

fn place(file: &EncodedFile) -> Option<WordIndexPlace> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file.bytes).unwrap();
    let keys = metadata.file_metadata().key_value_metadata().unwrap();
    let value = keys.iter().find(|pair| pair.key == WORDS_KEY)?.value.as_deref()?;
    Some(WordIndexPlace::read(value, file.rows, file.bytes.len() as u64).expect("our own place can be read"))
}

/// The segments of a file that may hold a token.
fn segments(file: &EncodedFile, place: &WordIndexPlace, token: Token) -> Vec<u32> {
    let row = place.row(token);
    may_hold(&file.bytes[row.start as usize..row.end as usize], token).collect()
}

/// Texts of which each has a word and an id of its own.
fn texts(count: usize) -> Vec<(String, String)> {
    let mut chance = StdRng::seed_from_u64(7);
    let mut id =
        || (0..12).map(|_| char::from(*b"abcdefghjk0123456789".choose(&mut chance).unwrap())).collect::<String>();
    (0..count)
        .map(|row| {
            let payload = format!(r#"{{"record":"rec{row:07}x","token":"{}-{}","state":"DONE"}}"#, id(), id());
            (format!("Contact {row} was synced by {}", id()), payload)
        })
        .collect()
}

#[test]
fn a_token_is_a_run_of_letters_and_digits_of_some_length() {
    for (text, count) in [
        ("", 0),
        ("a b c", 0),
        ("ab", 1),
        ("123 12 1234", 1),
        ("a1 12a", 2),
        ("rate_limit-exceeded.now", 4),
        ("naïve café", 2),
        ("contact contact CONTACT", 1),
        ("0063x00000AbCdE", 2),
        ("abcdefghijk", 1),
        // The first group twice, those inside together, the last.
        ("269c5ca0-7768-4afd-946c-24be04b7062b", 4),
        ("-7768-4afd-946c-", 1),
        ("7768-4afd-946c", 2),
        ("-7768-4afd-946x-", 1),
        ("24be04b7062b", 1),
        ("24be04b7062x", 2),
    ] {
        assert_eq!(hashes(text).len(), count, "{text}");
    }
    assert_eq!(hashes(&"x".repeat(128)).len(), 1);
    assert_eq!(hashes(&"x".repeat(129)).len(), 0);
    assert_eq!(hashes("Rate LIMIT"), hashes("rate limit"));
    assert_ne!(hashes("ab"), hashes("ba"));
    assert_ne!(hashes("abcdefgh"), hashes("abcdefghabcdefgh"));
}

#[test]
fn four_digits_are_asked_for_where_they_cannot_be_of_a_uuid() {
    for (part, edges, count) in [
        ("7768", WHOLE, 0),
        ("-7768-", PART, 0),
        (":7768,", PART, 1),
        ("7768,", WHOLE, 1),
        ("code 7768", WHOLE, 2),
        ("dead", WHOLE, 0),
        ("deaf", WHOLE, 0),
        ("dean", WHOLE, 1),
        ("77681", WHOLE, 1),
    ] {
        assert_eq!(inside(part, edges).len(), count, "{part}");
    }
}

#[test]
fn a_uuid_in_the_middle_of_a_pattern_is_asked_for_by_its_inner_groups() {
    let uuid = "269c5ca0-7768-4afd-946c-24be04b7062b";
    assert_eq!(inside(uuid, PART), inside("-7768-4AFD-946C-", PART));
    assert_eq!(inside(uuid, PART).len(), 1);
    assert_eq!(inside(uuid, WHOLE), hashes(uuid));
    for text in [uuid.to_owned(), format!("x{uuid}x"), format!(r#"{{"id":"{uuid}"}}"#), format!("{uuid}{uuid}")] {
        assert!(inside(uuid, PART).is_subset(&hashes(&text)), "{text}");
    }
    assert!(inside("7768-4afd-946c", PART).is_empty(), "hyphens may stand beside it, or not");
    // A word begins there in both, and only in one of them a hyphen stands before.
    for text in [" 7768-4afd-946c-", "-7768-4afd-946c-"] {
        assert!(inside("7768-4afd-946c-", WHOLE).is_subset(&hashes(text)), "{text}");
    }
}

#[test]
fn letters_that_are_written_as_escapes_are_told() {
    for (text, is_told) in [
        (r"\u0041bc", true),
        (r"ab\u002dcd", true),
        (r"ab\u0039", true),
        // An escaped backslash before a `u` looks the same: it is told for nothing.
        (r"\\u0041bc", true),
        (r"ab\u003cdiv", false),
        (r"ab\u00e9cd", false),
        (r"ab\u0141cd", false),
        (r"ab\ncd", false),
        ("abu0041", false),
    ] {
        assert_eq!(hashes(text).contains(&Token::ESCAPED.0), is_told, "{text}");
    }
}

#[test]
fn what_follows_an_escape_is_a_token_too() {
    let text = r#"one\ntwo\u003cdiv\u003e C:\new\Users"#;
    for word in ["one", "two", "ntwo", "div", "u003cdiv", "ew", "new", "users"] {
        assert!(inside(word, WHOLE).is_subset(&hashes(text)), "{word}");
    }
    assert!(!inside("sers", WHOLE).is_subset(&hashes(text)));
}

#[test]
fn runs_are_found_across_the_seams_of_blocks() {
    for lead in 0..140 {
        for length in [2, 7, 8, 9, 60, 64, 65, 128] {
            let word: String = "abcdefghij".chars().cycle().take(length).collect();
            let text = format!("{}{word}{}", " ".repeat(lead), ".".repeat(lead % 3));
            assert_eq!(hashes(&text), inside(&word, WHOLE), "{length} bytes after {lead}");
        }
    }
}

/// A word that has room behind it is read whole at once, another one in parts.
#[test]
fn a_token_has_the_same_hashes_wherever_it_stands() {
    for letters in ["abcdefghij", "0123456789", "a1B2c3D4e5", "éàü"] {
        for length in 1..=40 {
            let word: String = letters.chars().cycle().take(length).collect();
            let at_end = hashes(&word);
            for behind in 1..20 {
                let text = format!("{word}{}", "-x".repeat(behind));
                assert_eq!(hashes(&text), at_end, "{text}");
            }
        }
    }
}

#[test]
fn every_part_of_a_text_asks_only_for_tokens_of_the_text() {
    let letters: Vec<String> = "abk01 _--\\\"nu0é{}:".chars().map(String::from).collect();
    // Of UUIDs, whole and not.
    let groups =
        ["-", "-", " ", "x", "1ccd", "-449f", "-a036-", "-1ccd-449f-a036-", "24be04b7062b", r"\u0041", "269c5ca0"];
    let groups = groups.map(String::from);
    let mut chance = StdRng::seed_from_u64(11);
    for _ in 0..100_000 {
        let chance = &mut chance;
        let (pieces, most) = if chance.random_bool(0.5) { (&letters[..], 200) } else { (&groups[..], 12) };
        let length = chance.random_range(0..most);
        let text: String = (0..length).map(|_| pieces.choose(chance).unwrap().as_str()).collect();
        let text: Vec<char> = text.chars().collect();
        let from = chance.random_range(0..=text.len());
        let to = chance.random_range(from..=text.len());
        let part: String = text[from..to].iter().collect();
        let (before, whole): (String, String) = (text[..from].iter().collect(), text.iter().collect());
        let bytes = whole.as_bytes();
        // Where a word begins or ends beside the part, its outer tokens count as well.
        let edges =
            TokenEdges { start: begins_word(bytes, before.len()), end: ends_word(bytes, before.len() + part.len()) };
        for edges in [PART, edges] {
            assert!(inside(&part, edges).is_subset(&hashes(&whole)), "{part:?} of {whole:?}, {edges:?}");
        }
    }
}

#[test]
fn every_word_of_a_file_is_found_in_its_segments_and_few_others_are() {
    let texts = texts(20_000);
    // These rows are little else than ids.
    let settings = ParquetSettings { word_index_share_max: 0.5, ..ParquetSettings::default() };
    let file = encode_data_file(&rows(&texts), &settings).unwrap();
    let place = place(&file).expect("there is room for an index");
    assert_eq!(place.segments(), 5);
    let (mut asked, mut wrong) = (0, 0);
    for (row, (message, payload)) in texts.iter().enumerate() {
        let segment = (row as u64 / crate::SEGMENT_ROWS) as u32;
        for text in [message, payload] {
            for token in tokens_inside(text, WHOLE, |_| true) {
                let found = segments(&file, &place, token);
                assert!(found.contains(&segment), "row {row}: {text}");
            }
        }
        let user = Token::of_value(columns::END_USER_ID, &format!("user-{}", row / 5_000)).unwrap();
        assert!(segments(&file, &place, user).contains(&segment));
        let (absent, other) = (format!("absent{row}"), format!("missing{}", row as u64 * 7_919));
        for token in tokens_inside(&absent, WHOLE, |_| true).into_iter().take(1) {
            asked += u64::from(place.segments());
            wrong += segments(&file, &place, token).len() as u64;
        }
        // An id asks for twice as many bits: a false segment is one of some thousands.
        let both = tokens_inside(&other, WHOLE, |_| true);
        assert_eq!(both.len(), 2);
    }
    let share = wrong as f64 / asked as f64;
    assert!(share < 0.02, "{share} of the segments without a word are taken to hold it");
}

#[test]
fn an_id_that_tells_its_place_is_not_indexed() {
    assert!(Token::of_value(columns::ID, "019dff2e-3b6c-8000-8000-3f00000001a4").is_none());
    assert!(Token::of_value(columns::EVENT_ID, "019dff2e-3b6c-8000-8000-3f00000001a4").is_some());
    assert!(Token::of_value(columns::ID, "019dff2e-3b6c-7000-8000-3f00000001a4").is_some());
    assert!(Token::of_value(columns::ID, "order-8").is_some());
}

#[test]
fn an_index_that_would_be_too_large_is_left_out() {
    let texts = texts(5_000);
    let encode = |share| {
        let settings = ParquetSettings { word_index_share_max: share, ..ParquetSettings::default() };
        encode_data_file(&rows(&texts), &settings).unwrap()
    };
    let (without, little, much) = (encode(0.0), encode(0.02), encode(0.5));
    assert!(place(&without).is_none());
    assert!(place(&little).is_none(), "six bits a token do not fit in 2%");
    let place = place(&much).unwrap();
    let bytes = place.bytes();
    assert_eq!(much.bytes[..bytes.start as usize], without.bytes[..bytes.start as usize], "rows are stored as without");
}

#[test]
fn a_place_that_does_not_fit_its_file_is_none() {
    let place = WordIndexPlace { offset: 100, blocks: 3, segments: 2 };
    let value = place.to_string();
    assert_eq!(value, "annals-words-2 offset=100 blocks=3 segments=2");
    assert_eq!(WordIndexPlace::read(&value, 5_000, 292), Some(place));
    assert_eq!(WordIndexPlace::read(&value, 5_000, 291), None, "it would reach behind the file");
    assert_eq!(WordIndexPlace::read(&value, 9_000, 292), None, "the file has three segments");
    for wrong in [
        "",
        "annals-words-1 offset=100 blocks=3 segments=2",
        "annals-words-2 offset=100 blocks=0 segments=2",
        "annals-words-2 offset=100 blocks=3",
        "annals-words-2 offset=18446744073709551615 blocks=3 segments=2",
    ] {
        assert_eq!(WordIndexPlace::read(wrong, 5_000, 292), None, "{wrong}");
    }
}

//! Indexes of files: nothing that is in a file is missed, little that is not is found, and foreign bytes are refused.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

fn sources() -> Sources {
    Sources {
        texts: vec![("message".to_owned(), Kind::Plain), ("payload".to_owned(), Kind::Json)],
        values: vec!["trace_id".to_owned(), "workflow_id".to_owned()],
    }
}

/// An index of `rows` rows, each with ten words and ids of its own.
fn index(rows: usize, bytes_max: usize) -> Option<Vec<u8>> {
    let mut builder = WordFilterBuilder::new(sources());
    for row in 0..rows {
        builder.text(&message(row), Kind::Plain);
        builder.value("trace_id", &format!("trace-{row}"));
        builder.end_row();
    }
    builder.finish(bytes_max)
}

fn message(row: usize) -> String {
    (0..4).map(|word| format!("w{:07x} ", row * 4 + word)).collect()
}

fn parse(index: &[u8]) -> WordFilter {
    WordFilter::parse(&index[..index.len().min(HEADER_BYTES_MAX)], index.len() as u64).unwrap().unwrap()
}

fn segments_with(index: &[u8], tokens: &[u64]) -> Vec<bool> {
    let filter = parse(index);
    let rows: Vec<&[u8]> = tokens
        .iter()
        .map(|token| {
            let range = filter.row_range(*token);
            &index[range.start as usize..range.end as usize]
        })
        .collect();
    filter.segments_with(tokens, &rows)
}

#[test]
fn every_row_is_found_in_its_segment() {
    let rows = SEGMENT_ROWS * 2 + 700;
    for bytes_max in [usize::MAX, 90_000] {
        let index = index(rows, bytes_max).unwrap();
        assert_eq!(parse(&index).segments(), 3);
        for row in 0..rows {
            let mut tokens: Vec<u64> = query_words(&message(row)).tokens().collect();
            tokens.push(value_token("trace_id", &format!("trace-{row}")));
            assert!(segments_with(&index, &tokens)[row / SEGMENT_ROWS], "row {row}");
        }
    }
}

#[test]
fn about_one_segment_in_a_hundred_is_found_for_nothing() {
    let index = index(SEGMENT_ROWS * 4, usize::MAX).unwrap();
    let asked = 20_000;
    let found = |column: &str| -> usize {
        (0..asked)
            .map(|id| segments_with(&index, &[value_token(column, &format!("absent-{id}"))]))
            .map(|segments| segments.iter().filter(|segment| **segment).count())
            .sum()
    };
    let share = found("trace_id") as f64 / (asked * 4) as f64;
    assert!((0.004..0.015).contains(&share), "{share}");
    let ids: usize = (0..asked)
        .map(|id| segments_with(&index, &query_words(&format!("f{id:012x}")).tokens().collect::<Vec<_>>()))
        .map(|segments| segments.iter().filter(|segment| **segment).count())
        .sum();
    assert!(ids < 40, "an id asks for two tokens: {ids}");
}

#[test]
fn a_value_is_another_token_than_a_word_or_another_columns_value() {
    let mut builder = WordFilterBuilder::new(sources());
    builder.value("trace_id", "checkout");
    builder.end_row();
    let index = builder.finish(usize::MAX).unwrap();
    assert_eq!(segments_with(&index, &[value_token("trace_id", "checkout")]), [true]);
    for absent in [value_token("workflow_id", "checkout"), value_token("trace_id", "Checkout")] {
        assert_eq!(segments_with(&index, &[absent]), [false]);
    }
    assert_eq!(segments_with(&index, &query_words("checkout").tokens().collect::<Vec<_>>()), [false]);
}

#[test]
fn an_index_shrinks_to_its_room_or_is_left_out() {
    let whole = index(SEGMENT_ROWS, usize::MAX).unwrap();
    let token_bits = parse(&whole).token_bits();
    assert!((10.5..10.6).contains(&token_bits), "{token_bits}");
    let room = whole.len() * 6 / 10;
    let small = index(SEGMENT_ROWS, room).unwrap();
    assert!(small.len() <= room && small.len() + 32 > room);
    assert!(index(SEGMENT_ROWS, whole.len() / 2).is_none(), "less than 6 bits a token");
    assert!(index(0, usize::MAX).is_none());
    assert!(index(1, 10).is_none());
    let blank = {
        let mut builder = WordFilterBuilder::new(sources());
        builder.end_row();
        builder.finish(usize::MAX).unwrap()
    };
    assert_eq!(segments_with(&blank, &[value_token("trace_id", "1")]), [false]);
}

/// One row with a huge text must not cost the others their index.
#[test]
fn one_full_segment_does_not_size_the_others() {
    let mut builder = WordFilterBuilder::new(sources());
    for row in 0..SEGMENT_ROWS * 10 {
        builder.text(&message(row), Kind::Plain);
        if row == 5 {
            (0..SEGMENT_ROWS * 30).for_each(|other| builder.text(&message(other), Kind::Plain));
        }
        builder.end_row();
    }
    let index = builder.finish(usize::MAX).unwrap();
    assert!(parse(&index).token_bits() <= 21.1, "{}", parse(&index).token_bits());
    assert!(segments_with(&index, &query_words("w0000001").tokens().collect::<Vec<_>>())[0]);
}

#[test]
fn a_header_tells_what_is_in() {
    let index = index(10, usize::MAX).unwrap();
    let filter = parse(&index);
    assert_eq!(*filter.sources(), sources());
    assert_eq!(filter.row_range(u64::MAX).end, index.len() as u64);
    assert_eq!((index.len() as u64 - filter.row_range(0).start) % 32, 0);
}

#[test]
fn a_newer_rule_is_passed_over_and_damage_is_named() {
    let mut index = index(10, usize::MAX).unwrap();
    let length = index.len() as u64;
    let header = parse(&index).row_range(0).start as usize;
    assert_eq!(WordFilter::parse(&index, length + 1).unwrap_err().kind(), ErrorKind::Corrupt);
    index[10] = 2;
    assert_eq!(WordFilter::parse(&index, length).unwrap_err().kind(), ErrorKind::Corrupt, "the sum");
    let sum = crc32c::crc32c(&index[..header - 4]).to_le_bytes();
    index[header - 4..header].copy_from_slice(&sum);
    assert!(WordFilter::parse(&index, length).unwrap().is_none());
}

#[test]
fn rows_that_are_not_whole_exclude_nothing() {
    let index = index(SEGMENT_ROWS * 2, usize::MAX).unwrap();
    let token = value_token("trace_id", "absent-1");
    assert_eq!(parse(&index).segments_with(&[token], &[&[0; 63]]), [true, true]);
    assert_eq!(parse(&index).segments_with(&[token], &[]), [true, true]);
    assert_eq!(parse(&index).segments_with(&[token], &[&[0; 64]]), [false, false]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn foreign_headers_are_errors(flips in prop::collection::vec((0..200_usize, any::<u8>()), 0..4), cut in 0..400_usize, resum in any::<bool>(), bytes in any::<u64>()) {
        let mut header = index(3, usize::MAX).unwrap();
        let end = parse(&header).row_range(0).start as usize;
        for (at, byte) in flips {
            header[at % end] ^= byte;
        }
        if resum {
            let sum = crc32c::crc32c(&header[..end - 4]).to_le_bytes();
            header[end - 4..end].copy_from_slice(&sum);
        }
        let length = if bytes % 2 == 0 { header.len() as u64 } else { bytes };
        if let Ok(Some(filter)) = WordFilter::parse(&header[..header.len().min(cut)], length) {
            prop_assert!(filter.row_range(bytes).end <= length);
            filter.segments_with(&[bytes], &[&header]);
        }
    }
}

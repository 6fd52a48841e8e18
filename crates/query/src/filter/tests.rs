//! Each condition on a small batch, and the rules that all of them keep: null matches nothing, cursors narrow time.

use std::sync::Arc;

use annals_event::event_schema;
use arrow::array::{StringArray, TimestampMicrosecondArray, new_null_array};

use super::*;
use crate::cursor::Cursor;

/// Three rows at 10, 20 and 30 us; `columns` replace nulls.
fn batch(columns: &[(&str, [Option<&str>; 3])]) -> RecordBatch {
    let schema = event_schema();
    let arrays = schema.fields().iter().map(|field| -> ArrayRef {
        if field.name() == columns::TIMESTAMP {
            return Arc::new(TimestampMicrosecondArray::from(vec![10, 20, 30]).with_timezone("UTC"));
        }
        match columns.iter().find(|(name, _)| name == field.name()) {
            Some((_, values)) => Arc::new(StringViewArray::from(values.to_vec())),
            None => new_null_array(field.data_type(), 3),
        }
    });
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}

fn matching(query: &EventQuery, batch: &RecordBatch) -> Vec<usize> {
    Filter::new(query).unwrap().tail_rows(batch).unwrap().set_indices().collect()
}

#[test]
fn null_matches_no_value_and_no_text() {
    let batch = batch(&[(columns::STATUS, [Some("OK"), None, Some("FAILED")])]);
    let status = |value: &str| EventQuery { statuses: vec![value.to_owned()], ..EventQuery::default() };
    assert_eq!(matching(&status("OK"), &batch), [0]);
    assert_eq!(matching(&status(""), &batch), [0; 0]);
    let users = EventQuery { end_user_ids: vec!["u".to_owned()], ..EventQuery::default() };
    assert_eq!(matching(&users, &batch), [0; 0]);
    let text = EventQuery { text: Some("o".to_owned()), ..EventQuery::default() };
    assert_eq!(matching(&text, &batch), [0; 0]);
}

#[test]
fn from_is_inclusive_and_until_is_exclusive() {
    let batch = batch(&[]);
    let between = |from, until| EventQuery { from_us: Some(from), until_us: Some(until), ..EventQuery::default() };
    assert_eq!(matching(&between(10, 30), &batch), [0, 1]);
    assert_eq!(matching(&between(11, 31), &batch), [1, 2]);
    assert!(Filter::new(&between(20, 20)).unwrap().is_empty());
    assert!(Filter::new(&between(i64::MIN, i64::MIN)).unwrap().is_empty());
}

#[test]
fn a_cursor_narrows_time_but_keeps_its_own_moment() {
    let after = |order| EventQuery { after: Some(Cursor::new(20, 1, "x")), order, ..EventQuery::default() };
    assert_eq!(matching(&after(Order::NewestFirst), &batch(&[])), [0, 1]);
    assert_eq!(matching(&after(Order::OldestFirst), &batch(&[])), [1, 2]);
}

#[test]
fn few_and_many_values_match_alike() {
    let batch = batch(&[(columns::TYPE, [Some("a"), Some("type-with-a-long-name"), None])]);
    let mut query =
        EventQuery { types: vec!["type-with-a-long-name".to_owned(), "b".to_owned()], ..EventQuery::default() };
    assert_eq!(matching(&query, &batch), [1]);
    query.types.extend((0..20).map(|number| format!("other-{number}")));
    assert_eq!(matching(&query, &batch), [1]);
}

#[test]
fn excluded_values_are_left_out_and_null_is_not() {
    let batch = batch(&[
        (columns::TYPE, [Some("a"), Some("b"), None]),
        (columns::STATUS, [Some("OK"), Some("OK"), Some("FAILED")]),
    ]);
    let without = |excluded: &[&str]| {
        let excluded = excluded.iter().map(|text| text.parse().unwrap()).collect();
        EventQuery { excluded, ..EventQuery::default() }
    };
    assert_eq!(matching(&without(&["type:a"]), &batch), [1, 2]);
    assert_eq!(matching(&without(&["type:a", "type:b"]), &batch), [2]);
    assert_eq!(matching(&without(&["type:a", "status:FAILED"]), &batch), [1]);
    let many: Vec<String> = (0..20).map(|number| format!("type:other-{number}")).chain(["type:b".to_owned()]).collect();
    assert_eq!(matching(&without(&many.iter().map(String::as_str).collect::<Vec<_>>()), &batch), [0, 2]);
    let both = EventQuery { types: vec!["a".to_owned(), "b".to_owned()], ..without(&["type:a"]) };
    assert_eq!(matching(&both, &batch), [1]);
}

#[test]
fn an_excluded_value_narrows_no_index() {
    let excluded = vec!["trace:x".parse().unwrap(), "user:u".parse().unwrap()];
    let filter = Filter::new(&EventQuery { excluded, ..EventQuery::default() }).unwrap();
    assert!(filter.trace_ids().is_none() && !filter.seeks() && filter.words.is_empty());
}

#[test]
fn text_is_found_in_each_searched_column_in_either_case() {
    let batch = batch(&[
        (columns::MESSAGE, [Some("Sync FAILED"), Some("x"), Some("x")]),
        (columns::PAYLOAD, [None, Some(r#"{"a":"failed"}"#), None]),
        (columns::ERROR, [None, None, Some("Failed")]),
    ]);
    let text = |text: &str| EventQuery { text: Some(text.to_owned()), ..EventQuery::default() };
    assert_eq!(matching(&text("fAiLeD"), &batch), [0, 1, 2]);
    assert_eq!(matching(&text("sync failed"), &batch), [0]);
    assert_eq!(matching(&text("synced"), &batch), [0; 0]);
}

#[test]
fn text_of_another_width_is_compared_as_well() {
    let term = Term::new(columns::TYPE, &["a".to_owned()]).unwrap();
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]));
    let batch = RecordBatch::try_from_iter([(columns::TYPE, values)]).unwrap();
    assert_eq!(term.rows(&batch).unwrap().set_indices().collect::<Vec<_>>(), [0]);
}

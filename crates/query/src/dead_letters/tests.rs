//! Dead letters as a SQL table and as events, beside the table of events.

use annals_event::{Day, event_schema};
use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;
use crate::engine::Engine;
use crate::event_query::EventQuery;
use crate::fixture::{NOON_US, TestStore, batch, ids, plain_rows};

/// Two dead letters: one with everything said, one with nothing but a reason.
fn letters() -> RecordBatch {
    let text = |values: [Option<&str>; 2]| -> ArrayRef { Arc::new(StringViewArray::from(values.to_vec())) };
    let schema = event_schema();
    let arrays = schema.fields().iter().map(|field| match field.name().as_str() {
        columns::ID => text([Some("d1"), Some("d2")]),
        columns::TIMESTAMP | columns::RECEIVED_AT => {
            Arc::new(TimestampMicrosecondArray::from(vec![NOON_US, NOON_US + 1]).with_timezone("UTC"))
        }
        columns::SEQ => Arc::new(Int64Array::from(vec![1, 2])),
        columns::DAY => Arc::new(Date32Array::from_value(Day::of_us(NOON_US).days(), 2)),
        columns::PROJECT_ID => text([Some("acme"), Some("acme")]),
        columns::LEVEL => text([Some("ERROR"), Some("ERROR")]),
        columns::TYPE => text([Some("dead_letter"), Some("dead_letter")]),
        columns::STATUS => text([Some("REFUSED"), Some("REFUSED")]),
        columns::MESSAGE => text([Some("timestamp is no time"), Some("not JSON")]),
        columns::PAYLOAD => text([Some(r#""{\"type\":\"t\",\"ü\":1}\n""#), None]),
        columns::ERROR => text([
            Some(r#"{"source":"http","index":0,"line":3,"bytes":18,"truncated":false,"encoding":"utf-8"}"#),
            None,
        ]),
        _ => new_null_array(field.data_type(), 2),
    });
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}

/// Fifty events and two dead letters, with one path the same in both tables.
fn store() -> TestStore {
    let store = TestStore::new();
    store.flush(&batch(&plain_rows(50)), 1);
    store.flush_to(&store.dead_letters, &letters(), 1);
    store
}

fn sql(store: &TestStore, engine: &Engine, statement: &str) -> Vec<Vec<String>> {
    let batches = store.block_on(async { engine.sql(statement).await.unwrap().collect().await.unwrap() });
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|c| c.value(row).to_string()).collect()));
    }
    rows
}

#[test]
fn a_dead_letter_shows_its_parts() {
    let store = store();
    let engine = store.engine_with_dead_letters();
    let rows = sql(&store, &engine, "select * from dead_letters order by id");
    let raw = "{\"type\":\"t\",\"ü\":1}\n";
    let whole = [
        "d1",
        "2026-06-01T12:00:00Z",
        "acme",
        "2026-06-01",
        "timestamp is no time",
        "http",
        "0",
        "3",
        "18",
        "false",
        raw,
    ];
    assert_eq!(rows[0], whole);
    assert_eq!(rows[1][4..], ["not JSON", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"]);
    let narrowed = "select id from dead_letters where refused_at > '2026-06-01T12:00:00Z' and project_id = 'acme'";
    assert_eq!(sql(&store, &engine, narrowed), [["d2"]]);
    assert_eq!(sql(&store, &engine, "select id from dead_letters where line = 3 and source = 'http'"), [["d1"]]);
    let described = sql(&store, &engine, "describe dead_letters");
    let types: Vec<_> = described.iter().map(|column| (column[0].as_str(), column[1].as_str())).collect();
    assert_eq!(
        types[5..10],
        [
            ("source", "Utf8"),
            ("record_index", "Int64"),
            ("line", "Int64"),
            ("bytes", "Int64"),
            ("truncated", "Boolean"),
        ]
    );
}

#[test]
fn both_tables_are_read_in_one_statement() {
    let store = store();
    let engine = store.engine_with_dead_letters();
    let counts = "select (select count(*) from events) as e, (select count(*) from dead_letters) as d";
    assert_eq!(sql(&store, &engine, counts), [["50", "2"]]);
    let joined = "select count(*) from events e join dead_letters d on e.project_id = d.project_id";
    assert_eq!(sql(&store, &engine, joined), [["100"]]);
}

#[test]
fn tables_are_named_only_where_they_are() {
    let store = store();
    let names = |engine: &Engine| sql(&store, engine, "show tables").into_iter().map(|row| row[0].clone()).collect();
    let with: Vec<String> = names(&store.engine_with_dead_letters());
    assert_eq!(with, ["dead_letters", "event_kinds", "events", "files", "traces"]);
    let without: Vec<String> = names(&store.engine());
    assert_eq!(without, ["event_kinds", "events", "files", "traces"]);
    let refused = |engine: Engine| store.block_on(engine.sql("select * from dead_leters")).unwrap_err().to_string();
    let message = refused(store.engine_with_dead_letters());
    assert!(message.contains("did you mean \"dead_letters\"?"), "{message}");
    let message = refused(store.engine());
    assert!(!message.contains("dead_letters"), "{message}");
}

#[test]
fn dead_letters_are_searched_as_events() {
    let store = store();
    let engine = store.engine_with_dead_letters();
    let letters = engine.dead_letters().unwrap();
    let query = EventQuery { text: Some("no time".to_owned()), ..EventQuery::default() };
    assert_eq!(ids(&store.block_on(letters.search(&query)).unwrap().events), ["d1"]);
    assert_eq!(ids(&store.block_on(letters.search(&EventQuery::default())).unwrap().events), ["d2", "d1"]);
    assert!(store.engine().dead_letters().is_none());
}

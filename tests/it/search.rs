//! Filter and trace scans against SQL over the same rows: two ways to the rows that share no code but the file index.

use annals_event::{Level, ProjectId, columns};
use annals_query::{Cursor, Engine, EventQuery, Order, TraceQuery};
use annals_testkit::GeneratorSettings;
use arrow::array::{AsArray, RecordBatch};

use crate::support::{TestStore, generated};

/// A store with the events of three flushes.
fn store() -> TestStore {
    let store = TestStore::new();
    let lines = generated(GeneratorSettings { events: 3_000, ..GeneratorSettings::default() });
    let ends: Vec<usize> = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let mut start = 0;
    for flush in 1..=3 {
        let end = ends[flush * ends.len() / 3 - 1];
        store.ingest(&lines[start..end]);
        start = end;
    }
    store
}

fn ids(batch: &RecordBatch) -> Vec<String> {
    let ids = batch.column_by_name(columns::ID).unwrap().as_string_view();
    ids.iter().map(|id| id.unwrap().to_owned()).collect()
}

/// Walks all pages of a query.
fn walk(store: &TestStore, engine: &Engine, query: &EventQuery) -> Vec<String> {
    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let page = store.runtime.block_on(engine.search(&query)).unwrap();
        found.extend(ids(&page.events));
        match page.next {
            Some(next) => query.after = Some(next.to_string().parse::<Cursor>().unwrap()),
            None => return found,
        }
    }
}

/// Ids that SQL finds under a condition, in the order of the query.
fn sql_ids(store: &TestStore, engine: &Engine, condition: &str, order: Order) -> Vec<String> {
    let way = match order {
        Order::NewestFirst => "desc",
        Order::OldestFirst => "asc",
    };
    let statement = format!("select id from events where {condition} order by timestamp {way}, seq {way}, id {way}");
    store.sql(engine, &statement).into_iter().flatten().collect()
}

/// The first value of a statement's answer.
fn one(store: &TestStore, engine: &Engine, statement: &str) -> String {
    store.sql(engine, statement)[0][0].clone()
}

#[test]
fn filter_scans_equal_sql() {
    let store = store();
    let engine = store.engine();
    let project = one(&store, &engine, "select project_id from events group by 1 order by count(*) desc limit 1");
    let kind = one(&store, &engine, "select type from events group by 1 order by count(*) desc limit 1");
    let user = one(
        &store,
        &engine,
        "select end_user_id from events where end_user_id is not null group by 1 order by count(*) desc, 1 limit 1",
    );
    let in_project = EventQuery { projects: vec![ProjectId::new(&project).unwrap()], ..EventQuery::default() };
    let cases = [
        (EventQuery::default(), "true".to_owned()),
        (in_project.clone(), format!("project_id = '{project}'")),
        (
            EventQuery { levels: vec![Level::Error, Level::Warn], ..in_project },
            format!("project_id = '{project}' and level in ('ERROR', 'WARN')"),
        ),
        (EventQuery { types: vec![kind.clone()], ..EventQuery::default() }, format!("type = '{kind}'")),
        (EventQuery { end_user_ids: vec![user.clone()], ..EventQuery::default() }, format!("end_user_id = '{user}'")),
        (
            EventQuery { text: Some("FAILED".to_owned()), ..EventQuery::default() },
            "lower(concat_ws(' ', message, payload, error)) like '%failed%'".to_owned(),
        ),
        (EventQuery { text: Some("no event says this".to_owned()), ..EventQuery::default() }, "false".to_owned()),
    ];
    for (query, condition) in cases {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let expected = sql_ids(&store, &engine, &condition, order);
            for limit in [97, 5_000] {
                let query = EventQuery { order, limit, ..query.clone() };
                assert_eq!(walk(&store, &engine, &query), expected, "{condition}, {order:?}, pages of {limit}");
            }
        }
    }
}

#[test]
fn a_trace_is_all_of_its_events_in_time_order() {
    let store = store();
    let engine = store.engine();
    let traces = store.sql(
        &engine,
        "select trace_id from events where trace_id is not null group by 1 order by count(*) desc, 1 limit 5",
    );
    assert_eq!(traces.len(), 5);
    for trace_id in traces.into_iter().flatten() {
        let expected = sql_ids(&store, &engine, &format!("trace_id = '{trace_id}'"), Order::OldestFirst);
        let query = TraceQuery { trace_id, project: None, from_us: None, until_us: None, limit: 1_000 };
        let page = store.runtime.block_on(engine.trace(&query)).unwrap();
        assert_eq!(ids(&page.events), expected);
        assert!(page.next.is_none());
    }
}

#[test]
fn whole_rows_equal_those_of_sql() {
    let store = store();
    let engine = store.engine();
    let query = EventQuery { limit: 5_000, ..EventQuery::default() };
    let page = store.runtime.block_on(engine.search(&query)).unwrap();
    let sql = store.sql(&engine, "select * from events order by timestamp desc, seq desc, id desc");
    assert_eq!(crate::support::text_rows(&[page.events]), sql);
}

use std::sync::Arc;
use std::time::Duration;

use annals_event::ProjectId;
use annals_query::{Cursor, EventQuery};
use annals_server::{ResultFormat, ResultWriter, RowShape};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use futures::TryStreamExt;
use tokio::runtime::Runtime;

use super::*;
use crate::stub_server::{Reply, StubServer};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn client(server: &StubServer) -> Client {
    Client::new(server.url(), None).unwrap()
}

fn numbers(values: &[i64]) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
}

fn arrow(batches: &[RecordBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer =
        ResultWriter::new(&mut out, ResultFormat::Arrow, RowShape::Columns, &numbers(&[]).schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    out
}

fn search(server: &StubServer, query: &EventQuery) -> anyhow::Result<crate::source::Page> {
    runtime().block_on(client(server).search(query))
}

#[test]
fn rows_come_as_the_batches_that_were_sent() {
    let server = StubServer::start(|_| Reply::ok(arrow(&[numbers(&[1, 2]), numbers(&[3])])));
    let batches: Vec<_> = runtime().block_on(async {
        let rows = client(&server).sql("select 1").await.unwrap();
        assert_eq!(rows.schema, numbers(&[]).schema());
        rows.stream.try_collect().await.unwrap()
    });
    assert_eq!(batches, [numbers(&[1, 2]), numbers(&[3])]);
    let asked = &server.received()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/sql"));
    assert_eq!(asked.body, r#"{"sql":"select 1"}"#);
    assert_eq!(asked.header("accept"), Some("application/vnd.apache.arrow.stream"));
}

#[test]
fn what_a_statement_took_is_known_behind_its_last_row() {
    let server =
        StubServer::start(|_| Reply::ok(arrow(&[numbers(&[1])])).with_header("annals-stats", "{\"requests\":3}"));
    runtime().block_on(async {
        let rows = client(&server).sql("select 1").await.unwrap();
        let stats = rows.stats.clone();
        rows.stream.try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(stats.json().as_deref(), Some("{\"requests\":3}"));
    });
}

#[test]
fn an_answer_without_rows_has_a_schema() {
    let server = StubServer::start(|_| Reply::ok(arrow(&[])));
    let rows = runtime().block_on(client(&server).sql("select 1")).unwrap();
    assert_eq!(rows.schema, numbers(&[]).schema());
}

#[test]
fn what_is_no_whole_arrow_stream_is_an_error() {
    let whole = arrow(&[numbers(&[1, 2, 3])]);
    let cut = whole[..whole.len() - 40].to_vec();
    for body in [b"<html>hello, this is another server</html>".to_vec(), Vec::new(), cut] {
        let server = StubServer::start(move |_| Reply::ok(body.clone()));
        let answer =
            runtime().block_on(async { client(&server).sql("select 1").await?.stream.try_collect::<Vec<_>>().await });
        assert!(answer.is_err());
    }
}

#[test]
fn a_search_asks_for_its_filters_and_takes_cursor_and_stats_from_the_headers() {
    let server = StubServer::start(|_| {
        Reply::ok(arrow(&[numbers(&[1])]))
            .with_header("annals-next", "c0ffee")
            .with_header("annals-stats", "{\"requests\":3}")
    });
    let query = EventQuery {
        projects: vec![ProjectId::new("acme").unwrap()],
        text: Some("50 % & more".to_owned()),
        limit: 1,
        after: Some(Cursor::new(1, 2, "id")),
        ..EventQuery::default()
    };
    let page = search(&server, &query).unwrap();
    assert_eq!((page.next.as_deref(), page.stats.as_slice()), (Some("c0ffee"), &["{\"requests\":3}".to_owned()][..]));
    let asked = &server.received()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/v1/events"));
    assert_eq!(asked.parameter("project"), Some("acme"));
    assert_eq!(asked.parameter("q"), Some("50 % & more"));
    assert_eq!(asked.parameter("limit"), Some("1"));
    assert_eq!(asked.parameter("after"), Some(Cursor::new(1, 2, "id").to_string().as_str()));
}

#[test]
fn a_limit_above_what_one_answer_holds_is_met_by_several() {
    let server = StubServer::start(|request| {
        let limit: i64 = request.parameter("limit").unwrap().parse().unwrap();
        Reply::ok(arrow(&[numbers(&(0..limit).collect::<Vec<_>>())]))
            .with_header("annals-next", &format!("c{}", request.nth))
    });
    let page = search(&server, &EventQuery { limit: 25_000, ..EventQuery::default() }).unwrap();
    assert_eq!(page.events.num_rows(), 25_000);
    assert_eq!(page.next.as_deref(), Some("c2"));
    let asked = server.received();
    let part = |name| asked.iter().map(|request| request.parameter(name).map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(part("limit"), ["10000", "10000", "5000"].map(|limit| Some(limit.to_owned())));
    assert_eq!(part("after"), [None, Some("c0".to_owned()), Some("c1".to_owned())]);
}

#[test]
fn a_server_that_starts_is_asked_again() {
    let server = StubServer::start(|request| match request.nth {
        0 => Reply::problem(503, "the server is starting").with_header("retry-after", "0"),
        _ => Reply::ok(arrow(&[])),
    });
    search(&server, &EventQuery::default()).unwrap();
    assert_eq!(server.received().len(), 2);
}

#[test]
fn what_the_server_refuses_is_told_in_its_words_and_not_asked_again() {
    let server = StubServer::start(|_| Reply::problem(400, "there is no column \"lvl\": did you mean level?"));
    let told = runtime().block_on(client(&server).sql("select lvl")).err().unwrap().to_string();
    assert_eq!(told, "the server answered 400 Bad Request: there is no column \"lvl\": did you mean level?");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn where_no_server_is_the_error_says_how_to_start_one() {
    let url = StubServer::start(|_| Reply::HangUp).url();
    let failure = runtime().block_on(Client::new(url, None).unwrap().sql("select 1")).err().unwrap().to_string();
    assert!(failure.contains("annals serve") && failure.contains("--server"), "{failure}");
}

#[test]
fn the_token_goes_along() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let server = StubServer::start(|_| Reply::ok(arrow(&[])));
    let client = Client::new(server.url(), Some(&Token::read(&file).unwrap())).unwrap();
    runtime().block_on(client.sql("select 1")).unwrap();
    assert_eq!(server.received()[0].header("authorization"), Some("Bearer s3cret"));
    assert!(!format!("{client:?}").contains("s3cret"));
}

#[test]
fn events_are_posted_with_their_key_and_an_answer_of_refusals_only_is_an_answer() {
    let server = StubServer::start(|request| match request.nth {
        0 => Reply::ok(r#"{"ack":"wal","accepted":2,"duplicates":1,"refused":0,"refusals":[],"lsn":[7,8],"more":1}"#),
        1 => Reply::Answer(
            422,
            Vec::new(),
            br#"{"accepted":0,"refused":1,"refusals":[{"index":0,"line":1,"reason":"no"}],"lsn":null}"#.to_vec(),
        ),
        2 => Reply::problem(422, "the body is no array"),
        _ => Reply::problem(429, "no room").with_header("retry-after", "3"),
    });
    let (client, project) = (client(&server), ProjectId::new("acme").unwrap());
    let post = EventsPost {
        body: "{}\n".into(),
        is_array: false,
        encoding: Some("zstd"),
        project: Some(&project),
        key: "run-1".to_owned(),
    };
    let runtime = runtime();
    let send = || runtime.block_on(client.post_events(&post));
    let answer = send().unwrap();
    assert_eq!((answer.accepted, answer.duplicates, answer.lsn), (2, 1, Some((7, 8))));
    assert_eq!(send().unwrap().refusals[0], RefusedRecord { index: 0, line: 1, reason: "no".to_owned() });
    assert!(send().unwrap_err().to_string().contains("the body is no array"));
    let Failure::Refused { retry_after, .. } = send().unwrap_err() else { panic!("it was refused") };
    assert_eq!(retry_after, Some(Duration::from_secs(3)));
    let asked = &server.received()[0];
    assert_eq!(asked.parameter("ack"), Some("wal"));
    assert_eq!(asked.parameter("project"), Some("acme"));
    assert_eq!(asked.header("idempotency-key"), Some("run-1"));
    assert_eq!(asked.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(asked.header("content-encoding"), Some("zstd"));
}

#[test]
fn a_connection_that_breaks_is_not_taken_for_one_that_never_was() {
    let server = StubServer::start(|_| Reply::HangUp);
    let post =
        EventsPost { body: "{}\n".into(), is_array: false, encoding: None, project: None, key: "run-1".to_owned() };
    let failure = runtime().block_on(client(&server).post_events(&post)).unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure}");
}

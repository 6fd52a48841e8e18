//! SQL: formats, streaming, limits and broken answers.

use annals_query::QuerySettings;
use axum::body::{Body, HttpBody};
use axum::http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::bed::{Bed, EVENTS, request};
use crate::http::Reads;

/// More rows than fit into an answer that is sent whole.
const MANY: &str = "select a.id, b.message, c.payload from events a, events b, events c";
const MANY_ROWS: usize = EVENTS * EVENTS * EVENTS;

#[test]
fn a_small_answer_comes_whole_with_columns_rows_and_stats() {
    let bed = Bed::new();
    let answer = bed.sql("select level, count(*) as n from events group by level order by n", "*/*");
    let body = answer.json();
    assert_eq!(body["columns"][1], json!({"name": "n", "type": "Int64"}));
    assert_eq!(body["rows"], json!([{"level": "ERROR", "n": 4}, {"level": "INFO", "n": 36}]));
    assert_eq!(body["stats"]["files_total"], json!(2));
    let names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["columns", "rows", "stats"]);

    let none = bed.sql("select id from events where false", "*/*").json();
    assert_eq!((&none["rows"], &none["columns"][0]["name"]), (&json!([]), &json!("id")));
}

#[test]
fn a_statement_may_come_as_json() {
    let bed = Bed::new();
    let ask = |content_type, body| {
        bed.ask(request(Method::POST, "/v1/sql?format=csv", &[("content-type", content_type)], body))
    };
    assert_eq!(ask("application/json", r#"{"sql":"select 1 as one"}"#).text(), "one\n1\n");
    ask("application/json", r#"{"query":"select 1"}"#).problem(400);
    ask("application/x-www-form-urlencoded", "sql=select+1").problem(415);
    ask("text/plain", &" ".repeat((1 << 20) + 1)).problem(413);
}

#[test]
fn every_format_carries_the_same_rows() {
    let bed = Bed::new();
    let statement = "select id, level from events order by id limit 2";
    let ndjson = bed.sql(statement, "application/x-ndjson");
    assert_eq!(ndjson.text(), "{\"id\":\"event-0\",\"level\":\"ERROR\"}\n{\"id\":\"event-1\",\"level\":\"INFO\"}\n");
    assert_eq!(bed.sql(statement, "text/csv").text(), "id,level\nevent-0,ERROR\nevent-1,INFO\n");
    let parquet = bed.sql(statement, "application/vnd.apache.parquet");
    assert_eq!(parquet.header("content-type"), Some("application/vnd.apache.parquet"));
    let mut rows = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(parquet.body.clone(), 10).unwrap();
    assert_eq!(rows.next().unwrap().unwrap().num_rows(), 2);
    let arrow = bed.sql(statement, "application/vnd.apache.arrow.stream");
    let rows: Vec<_> = arrow_ipc::reader::StreamReader::try_new(&arrow.body[..], None).unwrap().collect();
    assert_eq!(rows[0].as_ref().unwrap().num_rows(), 2);
    for answer in [ndjson, parquet, arrow] {
        let stats: Value = serde_json::from_str(answer.header("annals-stats").unwrap()).unwrap();
        assert!(stats["total_ms"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn a_large_answer_is_streamed_and_ends_with_its_stats() {
    let bed = Bed::new();
    let csv = bed.sql(MANY, "text/csv");
    assert_eq!((csv.header("trailer"), csv.header("annals-stats")), (Some("annals-stats"), None));
    assert_eq!(csv.headers.get("content-length"), None);
    let trailers = csv.trailers.as_ref().unwrap();
    let stats: Value = serde_json::from_str(trailers["annals-stats"].to_str().unwrap()).unwrap();
    assert!(stats["total_ms"].as_f64().unwrap() > 0.0);
    // The payload's line feeds are escaped in JSON, so a line is a row.
    assert_eq!(csv.text().lines().count(), MANY_ROWS + 1);

    let body = bed.sql(MANY, "application/json").json();
    assert_eq!(body["rows"].as_array().unwrap().len(), MANY_ROWS);
    assert!(body["stats"]["total_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_is_wrong_with_a_statement_is_told_with_400() {
    let bed = Bed::new();
    for (statement, part) in [
        ("", "empty"),
        ("select", "SQL"),
        ("select lvl from events", "did you mean \"level\"?"),
        ("select * from event", "did you mean \"events\"?"),
        ("drop table events", "DROP is not answered"),
        ("select 1; select 2", "one statement at a time"),
        ("select 1/0", "ivide"),
    ] {
        let detail = bed.sql(statement, "*/*").problem(400);
        assert!(detail.contains(part), "{part} in {detail}");
    }
    bed.sql("select 1", "text/html").problem(406);
}

#[test]
fn an_answer_that_breaks_off_has_no_proper_end() {
    let bed = Bed::new();
    let statement = format!("select *, 1 / ({} - row_number() over ()) as n from ({MANY}) as many", MANY_ROWS - 10);
    for accept in ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"] {
        let response = bed.response(request(Method::POST, "/v1/sql", &[("accept", accept)], &statement));
        assert_eq!(response.status(), 200, "{accept}");
        let error = bed.runtime.block_on(response.into_body().collect()).unwrap_err();
        assert!(error.to_string().contains("broke off"), "{accept}: {error}");
    }
    bed.wait_for_places();
}

/// The first bytes of a body.
fn first_frame(bed: &Bed, body: &mut Body) -> usize {
    bed.runtime.block_on(body.frame()).unwrap().unwrap().into_data().unwrap().len()
}

#[test]
fn a_reader_that_leaves_ends_the_query() {
    let bed = Bed::with(Reads::new(1), QuerySettings::default());
    let endless = format!("select * from ({MANY}) as many, events d, events e");
    let mut body = bed.response(request(Method::POST, "/v1/sql", &[], &endless)).into_body();
    assert!(first_frame(&bed, &mut body) > 0);
    assert!(!body.is_end_stream());
    assert_eq!(bed.node.reads.queries_running(), 1);
    drop(body);
    bed.wait_for_places();
}

#[test]
fn a_query_that_waits_for_its_reader_gives_way_at_its_time_limit() {
    let settings = QuerySettings { time_ms_max: Some(300), ..QuerySettings::default() };
    let bed = Bed::with(Reads::new(1), settings);
    let endless = format!("select * from ({MANY}) as many, events d, events e");
    let response = bed.response(request(Method::POST, "/v1/sql", &[], &endless));
    assert_eq!(response.status(), 200);
    assert!(bed.runtime.block_on(response.into_body().collect()).is_err());
    bed.wait_for_places();
}

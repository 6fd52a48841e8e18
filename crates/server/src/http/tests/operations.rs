//! Health, phases, metrics, and paths and methods that are not there.

use axum::http::Method;

use super::bed::{Bed, EVENTS, request};
use crate::app::Phase;

/// Every path that needs an open store.
const NEEDY: [&str; 7] =
    ["/v1/events", "/v1/events/x", "/v1/traces/x", "/v1/histogram", "/v1/facets", "/v1/tail", "/v1/dead-letters"];

#[test]
fn a_server_that_starts_or_stops_says_so() {
    let bed = Bed::new();
    assert_eq!(bed.get("/readyz").text(), r#"{"status":"ready"}"#);
    for (phase, part, retry) in [(Phase::Starting, "starting", "1"), (Phase::Stopping, "stopping", "5")] {
        bed.app.enter(phase);
        for uri in NEEDY.into_iter().chain(["/readyz"]) {
            let answer = bed.get(uri);
            assert!(answer.problem(503).contains(part), "{uri}");
            assert_eq!(answer.header("retry-after"), Some(retry), "{uri}");
        }
        bed.sql("select 1", "*/*").problem(503);
        assert_eq!(bed.get("/healthz").text(), r#"{"status":"ok"}"#);
        assert_eq!(bed.get("/metrics").status, 200);
        assert_eq!(bed.get("/openapi.json").status, 200);
    }
}

#[test]
fn metrics_tell_how_the_store_stands() {
    let bed = Bed::new();
    bed.get("/v1/events");
    bed.get("/v1/events?x=1");
    bed.get("/nowhere");
    let answer = bed.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = answer.text();
    let (half, all) = (EVENTS / 2, EVENTS);
    for line in [
        "annals_requests_total{route=\"/v1/events\",status=\"200\"} 1".to_owned(),
        "annals_requests_total{route=\"/v1/events\",status=\"400\"} 1".to_owned(),
        "annals_requests_total{route=\"other\",status=\"404\"} 1".to_owned(),
        "annals_requests_in_flight 1".to_owned(),
        format!("annals_memtable_rows {half}"),
        format!("annals_table_rows {half}"),
        "annals_table_files 2".to_owned(),
        format!("annals_next_lsn {}", all + 1),
        format!("annals_durable_lsn {all}"),
        format!("annals_watermark_lsn {half}"),
        "annals_writer_failing 0".to_owned(),
        "annals_queries_running 0".to_owned(),
        "annals_tails_open 0".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(!text.contains("annals_wal_bytes 0") && text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn paths_and_methods_that_are_not_there_are_told_what_is() {
    let bed = Bed::new();
    assert!(bed.get("/v1/evnts").problem(404).contains("/v1/events"));
    bed.get("/nowhere").problem(404);
    bed.get("/v1/events/").problem(404);
    let answer = bed.ask(request(Method::DELETE, "/v1/traces/x", &[], ""));
    assert!(answer.problem(405).contains("use GET"));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    let answer = bed.ask(request(Method::GET, "/v1/sql", &[], ""));
    assert!(answer.problem(405).contains("use POST"));
}

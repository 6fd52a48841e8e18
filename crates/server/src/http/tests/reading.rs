//! Events by filters, ids and traces; counts of them; dead letters.

use annals_query::QuerySettings;
use axum::http::Method;
use serde_json::{Value, json};

use super::bed::{Answer, Bed, EVENTS, request};
use crate::http::Reads;

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("event-{number}")).collect()
}

#[test]
fn events_come_newest_first_with_cursor_and_stats() {
    let bed = Bed::new();
    let answer = bed.get("/v1/events?limit=3");
    assert_eq!(ids(&answer), numbered(0..3));
    let body = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(body["stats"]["total_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(body["stats"]["files_total"], json!(2));
    let event = &body["events"][1];
    assert_eq!(event["payload"], json!({"number": 1, "text": "a \"quoted\"\nword"}));
    assert_eq!((&event["pipeline"], &event["timestamp"]), (&json!("contacts"), &json!("2026-05-28T20:24:40.000000Z")));
    let names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["events", "next", "stats"]);
}

#[test]
fn pages_join_to_all_events_and_the_last_has_no_cursor() {
    let bed = Bed::new();
    for (order, expected) in [("newest", numbered(0..EVENTS)), ("oldest", numbered((0..EVENTS).rev()))] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let answer = bed.get(&format!("/v1/events?limit=7&order={order}{after}"));
            found.extend(ids(&answer));
            match &answer.json()["next"] {
                Value::String(next) => after = format!("&after={next}"),
                next => {
                    assert_eq!(*next, Value::Null);
                    break;
                }
            }
        }
        assert_eq!(found, expected, "{order}");
    }
}

#[test]
fn filters_narrow_each_other_and_widen_within() {
    let bed = Bed::new();
    for (query, expected) in [
        ("level=error&project=beta", numbered([0, 20])),
        ("level=error&level=INFO&limit=2", numbered([0, 1])),
        ("trace=trace-7&type=actionkit", numbered([35, 37, 39])),
        ("since=5m&user=user-0", numbered([0, 3])),
        ("since=2026-05-28T20:00:00Z&until=2026-05-28T20:02:00Z", numbered([24, 25])),
        ("q=NUMBER+39", numbered([39])),
        ("id=event-5&id=event-30", numbered([5, 30])),
        ("id=nothing", vec![]),
    ] {
        assert_eq!(ids(&bed.get(&format!("/v1/events?{query}"))), expected, "{query}");
    }
}

#[test]
fn other_formats_carry_rows_and_tell_the_rest_in_headers() {
    let bed = Bed::new();
    let ndjson = bed.get_as("/v1/events?limit=2", "application/x-ndjson");
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = ndjson.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["id"]), (2, &json!("event-1")));
    let stats: Value = serde_json::from_str(ndjson.header("annals-stats").unwrap()).unwrap();
    assert_eq!(stats["files_total"], json!(2));
    let next = ndjson.header("annals-next").unwrap();
    let rest = bed.get_as(&format!("/v1/events?limit=100&after={next}"), "application/x-ndjson");
    assert_eq!((rest.text().lines().count(), rest.header("annals-next")), (EVENTS - 2, None));

    let csv = bed.get("/v1/events?limit=2&format=csv");
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    assert!(csv.text().starts_with("id,timestamp,received_at,seq,level,"), "{}", csv.text());

    let arrow = bed.get_as("/v1/events", "application/vnd.apache.arrow.stream");
    assert_eq!(arrow.header("content-type"), Some("application/vnd.apache.arrow.stream"));
    let rows: usize = arrow_ipc::reader::StreamReader::try_new(&arrow.body[..], None)
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(rows, EVENTS);
}

#[test]
fn one_event_is_found_by_its_id_or_is_404() {
    let bed = Bed::new();
    for number in [3, 33] {
        let answer = bed.get(&format!("/v1/events/event-{number}"));
        assert_eq!(answer.json()["message"], json!(format!("Start number {number}")));
        assert!(answer.header("annals-stats").unwrap().starts_with('{'));
    }
    assert_eq!(bed.get("/v1/events/event-3?project=acme").status, 200);
    assert!(bed.get("/v1/events/event-3?project=beta").problem(404).contains("\"event-3\""));
    bed.get("/v1/events/no%2Fsuch").problem(404);
    bed.get("/v1/events/%ff").problem(400);
    bed.get_as("/v1/events/event-3", "text/csv").problem(406);
}

#[test]
fn a_trace_comes_oldest_first_in_pages() {
    let bed = Bed::new();
    assert_eq!(ids(&bed.get("/v1/traces/trace-4")), numbered((20..25).rev()));
    assert_eq!(ids(&bed.get("/v1/traces/trace-4?project=beta")), numbered([24, 20]));
    assert_eq!(ids(&bed.get("/v1/traces/nothing")), Vec::<String>::new());
    let first = bed.get("/v1/traces/trace-4?limit=3");
    let next = first.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(ids(&bed.get(&format!("/v1/traces/trace-4?limit=3&after={next}"))), numbered([21, 20]));
    assert!(bed.get("/v1/traces/trace-4?level=INFO").problem(400).contains("\"level\""));
}

#[test]
fn a_histogram_counts_levels_over_time() {
    let bed = Bed::new();
    let body = bed.get("/v1/histogram?since=2026-05-28T20:00:00Z&until=2026-05-28T20:30:00Z&buckets=6").json();
    assert_eq!((&body["bucket_ms"], &body["from"]), (&json!(300_000), &json!("2026-05-28T20:00:00.000000Z")));
    let buckets = body["buckets"].as_array().unwrap();
    let totals: Vec<u64> = buckets.iter().map(|bucket| bucket["total"].as_u64().unwrap()).collect();
    assert_eq!(totals, [5, 5, 5, 5, 5, 1]);
    assert_eq!(buckets[5]["counts"], json!({"DEBUG": 0, "INFO": 0, "WARN": 0, "ERROR": 1}));
    assert!(body["stats"]["total_ms"].as_f64().is_some());
    let all = bed.get("/v1/histogram").json();
    let total: u64 = all["buckets"].as_array().unwrap().iter().map(|bucket| bucket["total"].as_u64().unwrap()).sum();
    assert_eq!(total, EVENTS as u64);
    assert_eq!(bed.get("/v1/histogram?user=nobody").status, 200);
    bed.get("/v1/histogram?buckets=1001").problem(400);
    bed.get_as("/v1/histogram", "text/csv").problem(406);
}

#[test]
fn facets_list_the_most_frequent_values() {
    let bed = Bed::new();
    let body = bed.get("/v1/facets?fields=level,user&values=2").json();
    assert_eq!(
        body["facets"],
        json!({
            "level": [{"value": "INFO", "count": 36}, {"value": "ERROR", "count": 4}],
            "user": [{"value": "user-0", "count": 14}, {"value": "user-1", "count": 13}],
        })
    );
    let names: Vec<_> =
        bed.get("/v1/facets?project=beta").json()["facets"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["integration", "level", "status", "type"]);
    assert!(bed.get("/v1/facets?fields=payload").problem(400).contains("use one of level"));
}

#[test]
fn dead_letters_are_events_about_what_was_refused() {
    let bed = Bed::new();
    let answer = bed.get("/v1/dead-letters?project=acme&since=1h");
    let letters = answer.json();
    assert_eq!(letters["events"][0]["message"], json!("level \"loud\" is not known"));
    assert_eq!((letters["events"].as_array().unwrap().len(), &letters["next"]), (1, &Value::Null));
    assert_eq!(bed.get_as("/v1/dead-letters", "application/x-ndjson").text().lines().count(), 1);
    bed.get_as("/v1/dead-letters", "text/csv").problem(406);
    assert_eq!(bed.get("/v1/dead-letters?project=beta").json()["events"], json!([]));
}

#[test]
fn wrong_parameters_are_told_all_at_once() {
    let bed = Bed::new();
    let detail = bed.get("/v1/events?lvl=ERROR&limit=0&since=soon").problem(400);
    for part in ["did you mean \"level\"?", "limit: \"0\"", "since: \"soon\""] {
        assert!(detail.contains(part), "{part} in {detail}");
    }
    bed.get("/healthz?verbose=1").problem(400);
}

#[test]
fn a_head_is_the_answer_without_its_body() {
    let bed = Bed::new();
    let head = bed.ask(request(Method::HEAD, "/v1/events?format=ndjson", &[], ""));
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), Some("application/x-ndjson"));
    assert!(head.header("annals-stats").is_some());
}

#[test]
fn a_query_over_its_time_is_422_and_says_what_to_do() {
    let settings = QuerySettings { rows_max: Some(3), ..QuerySettings::default() };
    let bed = Bed::with(Reads::new(1), settings);
    let detail = bed.sql("select * from events", "*/*").problem(422);
    assert!(detail.contains("rows_max of 3"), "{detail}");
    bed.wait_for_places();
}

#[test]
fn a_query_without_a_place_is_429() {
    let bed = Bed::with(Reads::narrow(1, 1), QuerySettings::default());
    let _place = bed.runtime.block_on(bed.node.reads.query()).unwrap();
    for uri in ["/v1/events", "/v1/events/x", "/v1/traces/x", "/v1/histogram", "/v1/facets", "/v1/dead-letters"] {
        let answer = bed.get(uri);
        answer.problem(429);
        assert_eq!(answer.header("retry-after"), Some("5"), "{uri}");
    }
    bed.sql("select 1", "*/*").problem(429);
    assert_eq!(bed.get("/healthz").status, 200);
}

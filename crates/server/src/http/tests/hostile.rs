//! Whatever a client sends, it is answered, and never with a failure of the server.

use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::bed::Bed;
use crate::http::routes::ROUTES;

/// A path of the interface, or something like it.
fn paths() -> impl Strategy<Value = String> {
    let known = prop::sample::select(ROUTES.iter().map(|route| route.path).collect::<Vec<_>>());
    let segment = prop_oneof![
        Just("event-1".to_owned()),
        Just("trace-1".to_owned()),
        "[a-z0-9._~-]{0,12}",
        "(%[0-9a-fA-F]{2}){1,6}",
        Just("..".to_owned()),
        Just("x".repeat(5_000)),
    ];
    prop_oneof![
        8 => (known, segment.clone()).prop_map(|(path, segment)| {
            match path.split_once('{') {
                Some((before, _)) => format!("{before}{segment}"),
                None => path.to_owned(),
            }
        }),
        1 => segment.prop_map(|segment| format!("/v1/{segment}")),
    ]
}

/// Parameters that are right, wrong and strange.
fn queries() -> impl Strategy<Value = String> {
    let names: Vec<&str> =
        ROUTES.iter().flat_map(|route| route.params.iter().copied().flatten()).map(|param| param.name).collect();
    let name = prop_oneof![9 => prop::sample::select(names).prop_map(str::to_owned), 1 => "[a-z%_]{0,8}"];
    let value = prop_oneof![
        4 => prop::sample::select(vec![
            "ERROR", "info", "acme", "beta", "1", "0", "10000", "-1", "24h", "0ms", "now", "2026-05-28", "9999-12-31",
            "0000-01-01", "999999999w", "newest", "oldest", "json", "ndjson", "csv", "arrow", "parquet", "type,level",
            "trace-1", "event-1", "user-1", "a", "%C3%BC", "%00", "+", "", "00000000-1", "9223372036854775807",
        ]).prop_map(str::to_owned),
        1 => "[!-~&&[^#&]]{0,30}",
        1 => "(%[0-9a-fA-F]{2}){1,8}",
        1 => "[0-9a-f]{40,60}",
    ];
    prop::collection::vec((name, value), 0..4)
        .prop_map(|pairs| pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let name = prop::sample::select(vec!["accept", "content-type", "content-encoding", "last-event-id", "te", "range"]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "*/*",
            "application/json",
            "text/csv",
            "text/event-stream",
            "application/x-ndjson;q=0.1, */*;q=0",
            "text/plain",
            "application/json; charset=utf-16",
            "gzip",
            "00000000-1",
            ";;;,,,=q",
            "a/b;q=9",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(0x20..=0xff_u8, 0..20)
            .prop_map(|bytes| { bytes.into_iter().filter(|byte| *byte != 0x7f).collect() }),
    ];
    prop::collection::vec((name, value), 0..3)
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![
            "select 1",
            "select * from events limit 3",
            "select payload->>'number' from events",
            "{\"sql\":\"select count(*) from traces\"}",
            "{\"sql\":1}",
            "explain select 1",
            "select \0",
            "select 'a' + 1, now(), interval '1 day', {}",
            "select * from dead_letters",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
        "[a-z*(), ]{0,30}".prop_map(|rest| format!("select {rest}").into_bytes()),
    ]
}

#[test]
fn no_request_fails_the_server() {
    let bed = Bed::new();
    let method = prop::sample::select(vec![
        Method::GET,
        Method::GET,
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ]);
    let requests = (method, paths(), queries(), headers(), bodies());
    let answered = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 4_000, failure_persistence: None, ..Config::default() });
    let ran = runner.run(&requests, |(method, path, query, headers, body)| {
        let Ok(uri) = format!("{path}?{query}").parse::<Uri>() else { return Ok(()) };
        // SQL is asked by its own method more often than chance has it.
        let method = if path == "/v1/sql" { Method::POST } else { method };
        let mut request = Request::builder().method(method).uri(uri.clone());
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request = request.header(HeaderName::from_static(name), value);
            }
        }
        let status = bed.response(request.body(body.into()).unwrap()).status();
        prop_assert!(!status.is_server_error(), "{status} for {uri}");
        answered.set(answered.get() + usize::from(status.is_success()));
        Ok(())
    });
    ran.unwrap();
    assert!(answered.get() > 100, "only {} requests were right: the test asks too strangely", answered.get());
}

#[test]
fn statements_that_nest_or_run_on_are_answered() {
    let bed = Bed::new();
    for statement in [
        format!("select {}1", "1+".repeat(500_000)),
        format!("select {}1", "1+".repeat(98)),
        format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("select {}", "cast(".repeat(1_000)),
        format!("select 1 from events where {}true", "level = 'a' or ".repeat(90)),
        format!("select 1 from events where level in ('a'{})", ",'a'".repeat(5_000)),
        format!("select {}", "case when true then ".repeat(1_000)),
        format!("select count(*) from events where false {}", "union select count(*) from events ".repeat(90)),
        format!("select id{}", ",id".repeat(4_000)),
        format!("select * from (values (1){})", ",(1)".repeat(5_000)),
    ] {
        let status = bed.sql(&statement, "*/*").status;
        assert!(!status.is_server_error(), "{status} for {}…", &statement[..40]);
    }
}

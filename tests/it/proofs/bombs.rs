//! Promise 19: what a small request becomes is bounded. Bodies that decompress a thousandfold, nest a hundred thousand deep
//! or have a million members are refused, and cost a real server less than 64 MiB each.

use std::io::Write;

use super::Proof;
use crate::server::{Serving, Site};

/// What one such request may cost.
const GROWTH_BYTES_MAX: u64 = 64 << 20;
/// Decompressed bytes: far more than the server may hold at all.
const PLAIN_BYTES: usize = 1 << 30;

/// One request, and the statuses that it may be answered with.
struct Bomb {
    name: &'static str,
    path: &'static str,
    media_type: &'static str,
    coding: &'static str,
    body: Vec<u8>,
    statuses: &'static [u16],
}

#[test]
fn bombs_are_refused_and_cost_less_than_64_mib_each() {
    let site = Site::new();
    let server = site.serve(&[]);
    // What is allocated once, whoever asks first, is nobody's cost.
    warm_up(&server);
    let mut proof = Proof { promise: 19, what: "bombs over HTTP", ..Proof::default() };
    for bomb in bombs() {
        let Bomb { name, path, media_type, coding, body, statuses } = bomb;
        let sent = body.len() as u64;
        let before = server.memory_bytes("VmRSS");
        server.forget_peak();
        let request =
            server.request("POST", path).header("content-type", media_type).header("content-encoding", coding);
        let answer = server.ask(request.body(body));
        let growth = server.memory_bytes("VmHWM").saturating_sub(before);
        println!("{name}: {} bytes sent, {} MiB more memory, {}", sent, growth >> 20, answer.status);
        let is_told = !answer.body.is_empty();
        if !statuses.contains(&answer.status) || !is_told || growth >= GROWTH_BYTES_MAX {
            println!("{name}: {}", answer.text());
            proof.wrong += 1;
        }
        proof.runs += 1;
    }
    for alarm in server.alarms() {
        println!("{alarm}");
        proof.wrong += 1;
    }
    let good = server.post("/v1/events", r#"{"type":"t","projectId":"p"}"#);
    assert_eq!(good.json()["accepted"], 1, "it goes on");
    proof.tell();
}

/// Requests of every kind that are as they should be.
fn warm_up(server: &Serving<'_>) {
    let line = format!(r#"{{"type":"t","projectId":"p","payload":"{}"}}"#, "x".repeat(500));
    let body = vec![line; 2_000].join("\n").into_bytes();
    for (coding, body) in [("gzip", gzip(&body, 1)), ("zstd", zstd::encode_all(body.as_slice(), 1).unwrap())] {
        let request = server.request("POST", "/v1/events").header("content-encoding", coding);
        assert_eq!(server.ask(request.body(body)).json()["accepted"], 2_000);
    }
    assert_eq!(server.post("/v1/events", "7").status, 422);
    let request = server.request("POST", "/v1/logs").header("content-type", "application/json");
    assert_eq!(server.ask(request.body("{}")).status, 200);
}

fn bombs() -> Vec<Bomb> {
    const EVENTS: &str = "/v1/events?project=p";
    const LOGS: &str = "/v1/logs";
    const JSON: &str = "application/json";
    const PROTOBUF: &str = "application/x-protobuf";
    let mut all = Vec::new();
    let mut add = |name, path, media_type, coding, body, statuses| {
        all.push(Bomb { name, path, media_type, coding, body, statuses });
    };
    let (gzipped, compressed) = (gzip_of_zeros(), zstd_of_zeros());
    assert!(gzipped.len() * 900 < PLAIN_BYTES && compressed.len() * 1_000 < PLAIN_BYTES);
    add("a gigabyte in gzip", EVENTS, JSON, "gzip", gzipped.clone(), &[413]);
    add("a gigabyte in zstd", EVENTS, JSON, "zstd", compressed.clone(), &[413]);
    add("a gigabyte in gzip, OTLP", LOGS, PROTOBUF, "gzip", gzipped, &[413]);
    add("a gigabyte in zstd, OTLP", LOGS, JSON, "zstd", compressed, &[413]);
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let event = |payload: &str| format!(r#"{{"type":"t","projectId":"p","payload":{payload}}}"#).into_bytes();
    add("arrays in a payload", EVENTS, JSON, "identity", event(&deep("[", "]")), &[422]);
    add("objects in a payload", EVENTS, JSON, "identity", event(&deep(r#"{"a":"#, "}")), &[422]);
    add("arrays alone", EVENTS, JSON, "identity", deep("[", "]").into_bytes(), &[422]);
    add("arrays without an end", EVENTS, JSON, "identity", vec![b'['; 1_000_000], &[422]);
    let logs = |body: &str| {
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{body}}}]}}]}}]}}"#).into_bytes()
    };
    let nested = deep(r#"{"arrayValue":{"values":["#, "]}}").replace('1', "{}");
    add("arrays in an OTLP record", LOGS, JSON, "identity", logs(&nested), &[200, 400]);
    add("objects around OTLP", LOGS, JSON, "identity", deep(r#"{"resourceLogs":"#, "}").into_bytes(), &[200, 400]);
    let keys: Vec<String> = (0..1_000_000).map(|number| format!(r#""k{number}":1"#)).collect();
    let keys = keys.join(",");
    add(
        "a million members",
        EVENTS,
        JSON,
        "identity",
        format!(r#"{{"type":"t","projectId":"p",{keys}}}"#).into_bytes(),
        &[422],
    );
    add("a million members of a payload", EVENTS, JSON, "identity", event(&format!("{{{keys}}}")), &[422]);
    add("a million members, compressed", EVENTS, JSON, "gzip", gzip(&event(&format!("{{{keys}}}")), 6), &[422]);
    let values = vec![r#"{"key":"k","value":{"intValue":1}}"#; 300_000].join(",");
    let many = format!(r#"{{"kvlistValue":{{"values":[{values}]}}}}"#);
    add("many members of an OTLP record", LOGS, JSON, "identity", logs(&many), &[200, 400, 413]);
    // Two bytes are an empty record, and a line feed ends one that is refused.
    add("a million refused records", EVENTS, JSON, "identity", b"7\n".repeat(1_000_000), &[422]);
    all
}

fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Members of 16 MiB each, one after the other: what is compressed once is sent many times.
fn gzip_of_zeros() -> Vec<u8> {
    gzip(&vec![b' '; 16 << 20], 9).repeat(PLAIN_BYTES >> 24)
}

fn zstd_of_zeros() -> Vec<u8> {
    zstd::encode_all(vec![b' '; 16 << 20].as_slice(), 19).unwrap().repeat(PLAIN_BYTES >> 24)
}

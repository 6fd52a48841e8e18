//! The server as its clients meet it: acknowledgements, crashes, stops, bounds, and the command line beside it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Serving, Site};

fn event(number: usize) -> String {
    format!(r#"{{"type":"t","projectId":"acme","message":"event {number}","traceId":"trace-{number}"}}"#)
}

fn rows(server: &Serving<'_>) -> Value {
    server.sql("select count(*) from events")
}

#[test]
fn a_receipt_tells_of_every_record_and_the_next_query_sees_what_was_accepted() {
    let site = Site::new();
    let server = site.serve(&[]);
    let body = [event(1), "not json".to_owned(), String::new(), event(2), r#"{"type":"t"}"#.to_owned()].join("\n");
    let answer = server.post("/v1/events", body);
    assert_eq!(answer.status, 200);
    let receipt = answer.json();
    assert_eq!((&receipt["ack"], &receipt["accepted"], &receipt["refused"]), (&json!("wal"), &json!(2), &json!(2)));
    assert_eq!(receipt["lsn"], json!([1, 2]));
    assert_eq!((&receipt["refusals"][0]["index"], &receipt["refusals"][0]["line"]), (&json!(1), &json!(2)));
    assert_eq!(receipt["refusals"][1]["line"], json!(5));
    assert_eq!(rows(&server), json!(2));
    assert_eq!(server.sql("select count(*) from dead_letters"), json!(2));
    let none = server.post("/v1/events", "[7]");
    assert_eq!((none.status, &none.json()["lsn"]), (422, &Value::Null));
    assert_eq!(server.post("/v1/events", "").status, 200, "nothing was sent and nothing refused");
    let stored = server.post("/v1/events?ack=memory&project=beta", r#"[{"type":"x"}]"#).json();
    assert_eq!((&stored["ack"], &stored["accepted"]), (&json!("memory"), &json!(1)));
}

#[test]
fn a_load_that_is_killed_in_the_middle_loses_doubles_and_invents_nothing() {
    let site = Site::new();
    let ledger = site.path("ledger.ndjson");
    for round in 0..3 {
        let server = site.serve(&[]);
        let arguments = [
            "load",
            "--server",
            &server.url,
            "--connections",
            "4",
            "--batch",
            "50",
            "--seconds",
            "3",
            "--ids",
            "--idempotency-keys",
            "--ledger",
            ledger.to_str().unwrap(),
        ];
        let load = site.annals(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut load = load;
        // As soon as something was acknowledged and more is under way.
        while rows(&server).as_u64().unwrap() < 2_000 * (round + 1) {
            std::thread::yield_now();
        }
        server.kill();
        load.wait().unwrap();
        let again = site.serve(&[]);
        site.audit(&again.url, &ledger);
        again.kill();
        std::fs::remove_file(&ledger).unwrap();
    }
}

#[test]
fn a_request_with_a_key_is_stored_once_across_kills_and_stops() {
    let site = Site::new();
    let keyed = |server: &Serving<'_>, key: &str, body: &str| {
        server.ask(server.request("POST", "/v1/events").header("idempotency-key", key).body(body.to_owned()))
    };
    let server = site.serve(&[]);
    let body = event(1) + "\nbad";
    let first = keyed(&server, "k-1", &body);
    assert_eq!(first.json()["refused"], json!(1));
    assert_eq!(keyed(&server, "k-1", &body).json(), first.json());
    assert_eq!(keyed(&server, "k-1", &event(2)).status, 422);
    server.kill();
    let server = site.serve(&[]);
    assert_eq!(keyed(&server, "k-1", &body).json(), first.json(), "after a kill");
    assert_eq!(server.stop().code(), Some(0));
    let server = site.serve(&[]);
    assert_eq!(keyed(&server, "k-1", &body).json(), first.json(), "after a flush and a stop");
    assert_eq!(rows(&server), json!(1));
    assert_eq!(keyed(&server, " ", &body).status, 400);
}

#[test]
fn equal_requests_at_the_same_time_are_one() {
    let site = Site::new();
    let server = site.serve(&[]);
    let body: String = (0..200).map(|number| event(number) + "\n").collect();
    let answers: Vec<Value> = site.runtime.block_on(async {
        let requests = (0..16).map(|_| {
            let request = server.request("POST", "/v1/events").header("idempotency-key", "same").body(body.clone());
            async move {
                let body = request.send().await.unwrap().bytes().await.unwrap();
                serde_json::from_slice(&body).unwrap()
            }
        });
        futures::future::join_all(requests).await
    });
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer["accepted"] == 200), "{answers:?}");
    assert_eq!(rows(&server), json!(200));
}

#[test]
fn a_stop_answers_what_is_in_flight_and_leaves_nothing_to_replay() {
    let site = Site::new();
    let server = site.serve(&[]);
    assert_eq!(server.post("/v1/events", event(1)).status, 200);
    // Half a body is sent, then the server is told to stop, then the rest.
    let body = event(2);
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let head = format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    while !server.get("/metrics").text().contains("annals_requests_in_flight 2") {
        std::thread::yield_now();
    }
    let url = server.url.clone();
    let stopped = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| server.stop());
        // New connections are refused once it stops; the one in flight is not.
        while TcpStream::connect(url.trim_start_matches("http://")).is_ok() {
            std::thread::yield_now();
        }
        stream.write_all(&body.as_bytes()[10..]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"accepted\":1"), "{answer}");
        stopping.join().unwrap()
    });
    assert_eq!(stopped.code(), Some(0));
    let info = site.annals(&["info"]).output().unwrap();
    let said = String::from_utf8_lossy(&info.stdout).into_owned();
    assert!(said.contains("0 events wait"), "{said}");
    assert_eq!(rows(&site.serve(&[])), json!(2));
}

#[test]
fn bodies_come_compressed_chunked_large_and_within_bounds() {
    let site = Site::new();
    let server = site.serve(&[]);
    let post = |encoding: &str, body: Vec<u8>| {
        server.ask(server.request("POST", "/v1/events").header("content-encoding", encoding).body(body))
    };
    let gzip = |plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(post("gzip", gzip(event(1).as_bytes())).json()["accepted"], 1);
    assert_eq!(post("zstd", zstd::encode_all(event(2).as_bytes(), 1).unwrap()).json()["accepted"], 1);
    let chunks = [event(3) + "\n", event(4)].map(Ok::<_, std::io::Error>);
    let chunked = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    assert_eq!(server.post("/v1/events", chunked).json()["accepted"], 2);
    let large = format!(r#"{{"type":"t","projectId":"p","payload":"{}"}}"#, "x".repeat(1_000_000));
    assert_eq!(server.post("/v1/events", large).json()["accepted"], 1);

    let bomb = gzip(&vec![b' '; 100 << 20]);
    assert!(bomb.len() < 200_000);
    assert_eq!(post("gzip", bomb).status, 413);
    assert_eq!(post("gzip", b"plain".to_vec()).status, 400);
    assert_eq!(post("br", b"x".to_vec()).status, 415);
    let wrong = server.ask(server.request("POST", "/v1/events").header("content-type", "image/png").body("x"));
    assert_eq!(wrong.status, 415);
    assert_eq!(server.post("/v1/events?lvl=x", "x").status, 400);
    assert_eq!(server.post("/v1/events?project=../x", "x").status, 400);
    let deep = format!(r#"{{"type":"t","projectId":"p","payload":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(server.post("/v1/events", deep).status, 422);
    assert_eq!(rows(&server), json!(5));
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn only_those_who_may_ask_are_answered() {
    let site = Site::new();
    let open = site.annals(&["serve", "--http", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(open.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&open.stderr).contains("token_file"));

    let token_file = site.path("token");
    std::fs::write(&token_file, "correct-horse-battery-staple\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&token_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let token_file = token_file.to_str().unwrap();
    let server = site.serve(&["--token-file", token_file]);
    for path in ["/v1/events", "/healthz", "/metrics", "/nowhere"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    let with = |token: &str| server.ask(server.request("GET", "/v1/events").bearer_auth(token)).status;
    assert_eq!((with("wrong-horse-battery-staple"), with("correct-horse-battery-staple")), (401, 200));
    let foreign = |name: &str, value: &str| {
        let request = server.request("POST", "/v1/events").bearer_auth("correct-horse-battery-staple");
        server.ask(request.header(name, value).body(event(1))).status
    };
    assert_eq!(foreign("origin", "https://evil.example"), 403);
    assert_eq!(foreign("host", "evil.example"), 403);
    assert_eq!(foreign("origin", &server.url), 200);
    // The command line brings the token.
    let searched = site.annals(&["search", "--format", "ndjson", "--token-file", token_file]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&searched.stdout).lines().count(), 1);
}

#[test]
fn the_command_line_reads_and_writes_through_the_server_that_holds_the_store() {
    let site = Site::new();
    let server = site.serve(&[]);
    let file = site.path("events.ndjson");
    let lines: Vec<_> = (0..30).map(event).chain(["bad".to_owned()]).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let ingested = site.annals(&["ingest", file.to_str().unwrap(), "--quiet"]).output().unwrap();
    let said = String::from_utf8_lossy(&ingested.stderr).into_owned();
    assert!(ingested.status.success() && said.contains("30 events accepted, 1 refused"), "{said}");
    assert!(said.contains("events.ndjson:31"), "{said}");
    let output = |arguments: &[&str]| String::from_utf8(site.annals(arguments).output().unwrap().stdout).unwrap();
    assert_eq!(output(&["search", "--limit", "7", "--format", "ndjson"]).lines().count(), 7);
    assert!(output(&["trace", "trace-3"]).contains("event 3"));
    assert_eq!(output(&["sql", "select count(*) as n from events", "--format", "csv"]), "n\n30\n");
    assert!(output(&["dead-letters"]).contains("bad"));
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(output(&["sql", "select count(*) as n from events", "--format", "csv"]), "n\n30\n");
    assert!(output(&["dead-letters"]).contains("bad"), "without a server too");
}

#[test]
fn whole_expired_days_leave_the_table() {
    let site = Site::new();
    let server = site.serve(&[]);
    let old = r#"{"type":"t","projectId":"p","timestamp":"2020-05-01T12:00:00Z"}"#;
    server.post("/v1/events", format!("{old}\n{}", event(1)));
    assert_eq!(server.stop().code(), Some(0));
    let server = site.serve(&["--keep", "30d"]);
    while rows(&server) != json!(1) {
        std::thread::yield_now();
    }
    assert_eq!(server.sql("select count(*) from events where project_id = 'p'"), json!(0));
}

#[test]
fn idle_slow_and_broken_connections_hold_nobody_up() {
    let site = Site::new();
    let server = site.serve(&["--header-timeout-s", "1", "--body-idle-timeout-s", "1"]);
    let address = server.url.trim_start_matches("http://").to_owned();
    let idle: Vec<_> = (0..400).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let mut half_head = TcpStream::connect(&address).unwrap();
    half_head.write_all(b"POST /v1/ev").unwrap();
    let mut half_body = TcpStream::connect(&address).unwrap();
    half_body.write_all(b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{").unwrap();
    let mut rubbish = TcpStream::connect(&address).unwrap();
    rubbish.write_all(&[0xff; 1_000]).unwrap();
    assert_eq!(server.post("/v1/events", event(1)).status, 200);
    let ended = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        String::from_utf8_lossy(&said).into_owned()
    };
    assert!(ended(&mut half_body).starts_with("HTTP/1.1 408"));
    ended(&mut half_head);
    ended(&mut rubbish);
    // The idle ones are still there, and may ask.
    let mut late = idle.into_iter().next_back().unwrap();
    late.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    assert!(ended(&mut late).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_tail_hears_of_events_as_they_come_and_goes_on_after_a_restart() {
    let site = Site::new();
    let server = site.serve(&[]);
    server.post("/v1/events", event(0));
    let tail = |server: &Serving<'_>, last: Option<String>| {
        let mut request = server.request("GET", "/v1/tail?project=acme");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        site.runtime.block_on(request.send()).unwrap()
    };
    let next = |response: &mut reqwest::Response, text: &mut String| loop {
        let frame = text.split_once("\n\n").map(|(frame, rest)| (frame.to_owned(), rest.to_owned()));
        if let Some((frame, rest)) = frame {
            *text = rest;
            if frame.contains("data: ") {
                let line = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
                let event: Value = serde_json::from_str(&line("data: ")).unwrap();
                return (line("id: "), event["message"].as_str().unwrap().to_owned());
            }
            continue;
        }
        let chunk = site.runtime.block_on(response.chunk()).unwrap().expect("the tail goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    };
    let (mut open, mut text) = (tail(&server, None), String::new());
    server.post("/v1/events", event(1));
    let (id, message) = next(&mut open, &mut text);
    assert_eq!(message, "event 1");
    server.post("/v1/events", [event(2), event(3)].join("\n"));
    drop(open);
    assert_eq!(server.stop().code(), Some(0), "an open tail holds no stop up");
    let server = site.serve(&[]);
    server.post("/v1/events", event(4));
    let (mut open, mut text) = (tail(&server, Some(id)), String::new());
    let messages: Vec<_> = (0..3).map(|_| next(&mut open, &mut text).1).collect();
    assert_eq!(messages, ["event 2", "event 3", "event 4"]);
}

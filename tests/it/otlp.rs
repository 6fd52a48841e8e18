//! What other programs send over their own protocols comes back as `data/otlp.md` says, every record once.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::server::{Serving, Site};
use crate::support::json_lines;

/// Records that each sender sends: more than its batches hold, so that several come at once.
const RECORDS: usize = 500;

/// The project that the senders name.
const PROJECT: &str = "senders";

const OTLP: [&str; 5] = ["--otlp", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"];

/// All events of the project that have this type.
fn events(server: &Serving<'_>, event_type: &str) -> Vec<Value> {
    let answer = server.get(&format!("/v1/events?project={PROJECT}&type={event_type}&limit=10000"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["events"].as_array().unwrap().clone()
}

/// Runs a sender, which prints what each of its records must come back as, and compares.
fn check_sender(server: &Serving<'_>, sender: &mut Command, event_type: &str) {
    let output = sender.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = json_lines(&output.stdout);
    assert_eq!(expected.len(), RECORDS);
    let found = events(server, event_type);
    assert_eq!(found.len(), RECORDS);
    let found: BTreeMap<u64, &Value> =
        found.iter().map(|event| (event["test.number"].as_u64().unwrap(), event)).collect();
    for expected in &expected {
        let event = found[&expected["test.number"].as_u64().unwrap()];
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&event[member], value, "{member} of {event}");
        }
    }
    let traces = format!("select count(distinct trace_id) from events where project_id = '{PROJECT}'");
    assert_eq!(server.sql(&traces), json!(RECORDS));
}

/// A request in JSON of one record with these members.
fn record(members: Value) -> Value {
    json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [members] }] }] })
}

#[test]
fn records_in_json_are_taken_by_both_listeners_and_refused_ones_named() {
    let site = Site::new();
    let server = site.serve(&OTLP);
    let (otlp, _) = server.otlp.clone().unwrap();
    for (number, url) in [&server.url, &format!("http://{otlp}")].into_iter().enumerate() {
        let good = json!({ "body": { "stringValue": "good" }, "attributes":
            [{ "key": "log.record.uid", "value": { "stringValue": format!("record-{number}") } }] });
        let mut request = record(good);
        let records = &mut request["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        records.as_array_mut().unwrap().push(json!({ "timeUnixNano": "1" }));
        let post = || {
            let post = site.client.post(format!("{url}/v1/logs")).header("annals-project", "p");
            server.ask(post.header("content-type", "application/json").body(request.to_string()))
        };
        for answer in [post(), post()] {
            assert_eq!(answer.status, 200, "{}", answer.text());
            let partial = answer.json()["partialSuccess"].clone();
            assert_eq!(partial["rejectedLogRecords"], "1");
            assert!(partial["errorMessage"].as_str().unwrap().starts_with("record 1: timestamp"), "{partial}");
        }
    }
    assert_eq!(server.sql("select count(*) from events where message = 'good'"), json!(2), "each id once");
    assert_eq!(server.sql("select count(*) from dead_letters"), json!(4));
}

#[test]
fn a_request_that_no_server_could_take_is_refused_and_the_next_one_taken() {
    let site = Site::new();
    let server = site.serve(&OTLP);
    let post = |body: Vec<u8>, coding: &str| {
        let post = server.request("POST", "/v1/logs?project=p").header("content-type", "application/json");
        server.ask(post.header("content-encoding", coding).body(body))
    };
    let bomb = gzip(&[b' '; 1 << 20]).repeat(80);
    assert_eq!(post(bomb, "gzip").status, 413);
    // Small, but each of its records would have the resource in it.
    let attributes = json!([{ "key": "padding", "value": { "stringValue": "x".repeat(500_000) } }]);
    let many = json!({ "resourceLogs": [{ "resource": { "attributes": attributes },
        "scopeLogs": [{ "logRecords": vec![Map::new(); 1_000] }] }] });
    let answer = post(many.to_string().into_bytes(), "identity");
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!(3)), "{}", answer.text());
    let good = record(json!({ "body": { "stringValue": "good" } })).to_string();
    assert_eq!(post(gzip(good.as_bytes()), "gzip").status, 200);
    assert_eq!(server.sql("select count(*) from events"), json!(1));
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

mod needs_python {
    use super::*;
    use crate::support::package_dir;

    fn send(protocol: &str, endpoint: &str) -> Command {
        let python = std::env::var_os("ANNALS_PYTHON_OTLP")
            .expect("this test needs OpenTelemetry's clients for Python: run `cargo xtask test --only python`");
        let mut command = Command::new(python);
        command.arg(package_dir().join("otlp").join("send_logs.py"));
        command.args([protocol, endpoint, &RECORDS.to_string(), PROJECT]);
        command
    }

    #[test]
    fn records_sent_over_http_come_back_as_the_table_says() {
        let site = Site::new();
        let server = site.serve(&OTLP);
        let endpoint = format!("http://{}/v1/logs", server.otlp.as_ref().unwrap().0);
        check_sender(&server, &mut send("http", &endpoint), "python-sender");
    }

    #[test]
    fn records_sent_over_grpc_come_back_as_the_table_says() {
        let site = Site::new();
        let server = site.serve(&OTLP);
        check_sender(&server, &mut send("grpc", &server.otlp.as_ref().unwrap().1), "python-sender");
    }
}

mod needs_node {
    use super::*;

    fn send(protocol: &str, url: &str) -> Command {
        let folder = std::env::var_os("ANNALS_NODE")
            .expect("this test needs OpenTelemetry's clients for Node: run `cargo xtask test --only node`");
        let mut command = Command::new("node");
        command.current_dir(folder).args(["send_logs.mjs", protocol, url, &RECORDS.to_string(), PROJECT]);
        command
    }

    #[test]
    fn records_sent_as_json_come_back_as_the_table_says() {
        let site = Site::new();
        let server = site.serve(&OTLP);
        check_sender(&server, &mut send("json", &format!("{}/v1/logs", server.url)), "node-sender");
    }

    #[test]
    fn records_sent_as_protobuf_come_back_as_the_table_says() {
        let site = Site::new();
        let server = site.serve(&OTLP);
        let url = format!("http://{}/v1/logs", server.otlp.as_ref().unwrap().0);
        check_sender(&server, &mut send("proto", &url), "node-sender");
    }

    #[test]
    fn records_sent_over_grpc_come_back_as_the_table_says() {
        let site = Site::new();
        let server = site.serve(&OTLP);
        let url = format!("http://{}", server.otlp.as_ref().unwrap().1);
        check_sender(&server, &mut send("grpc", &url), "node-sender");
    }
}

mod needs_syslog_ng {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::process::{Child, Stdio};
    use std::time::Duration;

    use super::*;
    use crate::support::package_dir;

    /// How long the events are waited for.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A syslog-ng that sends to a server; it ends when dropped.
    struct SyslogNg {
        child: Child,
        port: u16,
    }

    impl SyslogNg {
        fn start(site: &Site, server: &Serving<'_>) -> Self {
            let program = std::env::var_os("ANNALS_SYSLOG_NG")
                .expect("this test needs syslog-ng: run `cargo xtask test --only syslog-ng`");
            // Free at this moment; nobody else here listens on ports that they do not take at once.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = Command::new(program)
                .args(["--foreground", "--no-caps", "--cfgfile"])
                .arg(package_dir().join("otlp").join("syslog-ng.conf"))
                .arg("--persist-file")
                .arg(site.path("syslog-ng.persist"))
                .arg("--pidfile")
                .arg(site.path("syslog-ng.pid"))
                .arg("--control")
                .arg(site.path("syslog-ng.ctl"))
                .env("SYSLOG_PORT", port.to_string())
                .env("ANNALS_URL", &server.url)
                .env("ANNALS_PROJECT", PROJECT)
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            Self { child, port }
        }

        fn connect(&mut self, site: &Site) -> TcpStream {
            let port = self.port;
            let connection = poll(site, || {
                assert!(self.child.try_wait().unwrap().is_none(), "syslog-ng ended: run it by hand to see why");
                TcpStream::connect(("127.0.0.1", port)).ok()
            });
            connection.expect("syslog-ng does not listen")
        }
    }

    impl Drop for SyslogNg {
        fn drop(&mut self) {
            // A test that failed must not leave it behind.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Asks again and again until there is an answer, or patience ends.
    fn poll<T>(site: &Site, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
        let mut moments = site.runtime.block_on(async { tokio::time::interval(Duration::from_millis(50)) });
        for _ in 0..PATIENCE.as_millis() / 50 {
            site.runtime.block_on(moments.tick());
            if let Some(answer) = ask() {
                return Some(answer);
            }
        }
        None
    }

    #[test]
    fn messages_forwarded_in_batches_come_back_every_one_once() {
        const SEVERITIES: [&str; 8] = ["ERROR", "ERROR", "ERROR", "ERROR", "WARN", "INFO", "INFO", "DEBUG"];
        let site = Site::new();
        let server = site.serve(&[]);
        let mut syslog_ng = SyslogNg::start(&site, &server);
        let mut connection = syslog_ng.connect(&site);
        for number in 0..RECORDS {
            // Facility 16, and each severity in turn.
            let priority = 16 << 3 | (number % 8);
            let line = format!(
                "<{priority}>1 2026-01-31T12:00:00.{number:06}Z host-{} app 42 - - message {number} \"é\\\"\n",
                number % 3
            );
            connection.write_all(line.as_bytes()).unwrap();
        }
        drop(connection);
        let found = poll(&site, || Some(events(&server, "app")).filter(|events| events.len() >= RECORDS));
        let found = found.expect("not all messages arrived");
        assert_eq!(found.len(), RECORDS);
        let by_message: BTreeMap<&str, &Value> =
            found.iter().map(|event| (event["message"].as_str().unwrap(), event)).collect();
        for number in 0..RECORDS {
            let event = by_message[&*format!("message {number} \"é\\\"")];
            assert_eq!(event["level"], SEVERITIES[number % 8], "{event}");
            assert_eq!(event["timestamp"], format!("2026-01-31T12:00:00.{number:06}Z"));
            assert_eq!(event["host"], format!("host-{}", number % 3));
            assert_eq!((&event["facility"], &event["pid"]), (&json!("local0"), &json!("42")));
            assert!(event["id"].as_str().unwrap().starts_with("syslog-"));
        }
    }
}

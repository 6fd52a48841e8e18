//! Ingest through a server, against a stub of one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use annals_event::{DecodeSettings, EventDecoder};
use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{Cli, Command};
use crate::stub_server::{Received, Reply, StubServer};

/// A folder with files to ingest.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn ingest(server: &str, file: &Path, more: &[&str]) -> anyhow::Result<()> {
    let mut arguments = vec!["annals", "ingest", "--quiet", "--server", server, file.to_str().unwrap()];
    arguments.extend(more);
    let cli = Cli::try_parse_from(arguments).unwrap();
    let Command::Ingest(command) = &cli.command else { panic!("it is an ingest") };
    super::run(&cli.common, command)
}

/// Answers as a server does that decodes the body and forgets it.
fn take(request: &Received) -> Reply {
    let project = request.parameter("project").map(|id| annals_event::ProjectId::new(id).unwrap());
    let decoder = EventDecoder::new(DecodeSettings::default(), project);
    let decoded = decoder.decode(&request.body, 1_780_000_000_000_000).unwrap();
    let refusals: Vec<Value> = decoded
        .refusals
        .iter()
        .take(100)
        .map(|refusal| json!({"index": refusal.index, "line": refusal.line, "reason": refusal.reason}))
        .collect();
    let accepted = decoded.batch.num_rows();
    let body = json!({"accepted": accepted, "duplicates": 0, "refused": decoded.refused, "refusals": refusals});
    Reply::Answer(if accepted > 0 { 200 } else { 422 }, Vec::new(), body.to_string().into())
}

fn event(message: &str) -> String {
    format!("{{\"projectId\":\"acme\",\"message\":\"{message}\"}}\n")
}

fn refused_lines(path: &Path) -> Vec<(u64, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    text.lines().map(record).map(|r| (r["line"].as_u64().unwrap(), r["record"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn blocks_are_sent_with_keys_of_their_own_and_all_of_their_lines() {
    let (place, server) = (Place::new(), StubServer::start(take));
    let text = event(&"x".repeat(1_000)).repeat(12_000);
    ingest(&server.url().to_string(), &place.file("events.ndjson", &text), &["--project", "beta"]).unwrap();
    let asked = server.received();
    assert!(asked.len() > 2);
    assert_eq!(asked.iter().map(|request| request.body.len()).sum::<usize>(), text.len());
    let keys: BTreeSet<_> = asked.iter().map(|request| request.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(keys.len(), asked.len());
    assert!(asked.iter().all(|request| request.parameter("project") == Some("beta")));
}

#[test]
fn a_block_that_meets_trouble_is_sent_again_under_the_same_key() {
    let place = Place::new();
    let server = StubServer::start(|request| match request.nth {
        0 => take(request),
        1 => Reply::problem(429, "no room").with_header("retry-after", "0"),
        2 => Reply::HangUp,
        3 => Reply::ok(r#"{"accepted":0,"duplicates":1,"refused":0,"refusals":[]}"#),
        _ => Reply::problem(500, "asked too often"),
    });
    let url = server.url().to_string();
    ingest(&url, &place.file("first.ndjson", &event("one")), &[]).unwrap();
    ingest(&url, &place.file("second.ndjson", &event("two")), &[]).unwrap();
    let asked = server.received();
    let keys: BTreeSet<_> = asked[1..].iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!((asked.len(), keys.len()), (4, 1));
    assert!(asked[1..].iter().all(|request| request.body == asked[1].body));
}

#[test]
fn refused_records_are_kept_under_their_lines_of_the_file() {
    let (place, server) = (Place::new(), StubServer::start(take));
    // More than one block, and in the last one more refusals than a server tells of.
    let good = event(&"x".repeat(1_000)).repeat(5_000);
    let bad: String = (0..150).map(|n| format!("bad {n}\n")).collect();
    let file = place.file("mixed.ndjson", &format!("oops\n{good}{bad}{}", event("last")));
    let refused = place.0.path().join("refused");
    ingest(&server.url().to_string(), &file, &["--refused", refused.to_str().unwrap()]).unwrap();
    let mut lines = refused_lines(&refused);
    lines.sort();
    assert_eq!(lines.len(), 151);
    assert_eq!(lines[0], (1, "oops".to_owned()));
    assert_eq!(lines[150], (5_151, "bad 149".to_owned()));
}

#[test]
fn a_map_is_applied_before_sending_and_lines_stay_those_of_the_source() {
    let (place, server) = (Place::new(), StubServer::start(take));
    let good = r#"{"type":"PushEvent","id":"1","created_at":"2015-01-01T15:00:00Z","actor":{"login":"a"},"repo":{"name":"r/n"}}"#;
    let file = place.file("github.json", &format!("\n{good}\nnot json\n{good}\n"));
    let refused = place.0.path().join("refused");
    ingest(&server.url().to_string(), &file, &["--map", "github", "--refused", refused.to_str().unwrap()]).unwrap();
    assert_eq!(refused_lines(&refused), [(3, "not json".to_owned())]);
    let sent = server.received();
    assert_eq!(sent[0].body.iter().filter(|byte| **byte == b'\n').count(), 2);
}

#[test]
fn nothing_is_sent_for_a_file_of_blank_lines() {
    let (place, server) = (Place::new(), StubServer::start(take));
    ingest(&server.url().to_string(), &place.file("blank.ndjson", "\n \n\n"), &[]).unwrap();
    assert!(server.received().is_empty());
}

#[test]
fn an_array_is_sent_whole() {
    let (place, server) = (Place::new(), StubServer::start(take));
    let refused = place.0.path().join("refused");
    let file = place.file("array.json", &format!(" [{},\n{}, 7]", event("one").trim(), event("two").trim()));
    ingest(&server.url().to_string(), &file, &["--refused", refused.to_str().unwrap()]).unwrap();
    assert_eq!(refused_lines(&refused), [(2, "7".to_owned())]);
    assert_eq!(server.received()[0].header("content-type"), Some("application/json"));
}

#[test]
fn a_wrong_address_and_a_final_no_end_the_ingest_at_once() {
    let place = Place::new();
    let file = place.file("events.ndjson", &event("one"));
    let gone = StubServer::start(take).url().to_string();
    assert!(format!("{:#}", ingest(&gone, &file, &[]).unwrap_err()).contains("annals serve"));

    let server = StubServer::start(|_| Reply::problem(507, "the disk is full: make room"));
    let told = format!("{:#}", ingest(&server.url().to_string(), &file, &[]).unwrap_err());
    assert!(told.contains("the disk is full: make room") && told.contains("events.ndjson"), "{told}");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn when_no_record_is_good_the_ingest_fails() {
    let (place, server) = (Place::new(), StubServer::start(take));
    let told = ingest(&server.url().to_string(), &place.file("rubbish", "a\nb\n"), &[]).unwrap_err().to_string();
    assert!(told.contains("no record was accepted"), "{told}");
}

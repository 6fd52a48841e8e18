//! Sending again, through a stub of a server and into a store.

use std::sync::Arc;

use annals_server::{ResultFormat, ResultWriter, RowShape};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use clap::Parser;

use crate::command::{Cli, Command};
use crate::stub_server::{Received, Reply, StubServer};

/// Two whole records of one project, one of another, one that was cut and one of which nothing was kept.
fn letters() -> Vec<u8> {
    let text = |values: [Option<&str>; 5]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let batch = RecordBatch::try_from_iter([
        ("project_id", text(["acme", "beta", "acme", "acme", "acme"].map(Some))),
        ("truncated", Arc::new(BooleanArray::from(vec![false, false, false, true, false])) as ArrayRef),
        ("raw", text([Some("{\"a\":\n1}"), Some("{\"b\":2}"), Some("not json"), Some("{\"cut"), None])),
    ])
    .unwrap();
    let mut out = Vec::new();
    let mut writer = ResultWriter::new(&mut out, ResultFormat::Arrow, RowShape::Columns, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    out
}

fn dead_letters(server: &StubServer, more: &[&str]) -> anyhow::Result<()> {
    let url = server.url().to_string();
    let mut arguments = vec!["annals", "dead-letters", "--server", &url];
    arguments.extend(more);
    let cli = Cli::try_parse_from(arguments).unwrap();
    let Command::DeadLetters(command) = &cli.command else { panic!("it is about dead letters") };
    super::run(&cli.common, command)
}

fn answer(request: &Received) -> Reply {
    match request.path.as_str() {
        "/v1/sql" => Reply::ok(letters()),
        _ => Reply::ok(r#"{"accepted":1,"duplicates":0,"refused":1,"refusals":[]}"#),
    }
}

#[test]
fn whole_records_are_sent_again_under_their_projects() {
    let server = StubServer::start(answer);
    dead_letters(&server, &["--retry", "--project", "acme", "--project", "beta"]).unwrap();
    let asked = server.received();
    assert!(String::from_utf8_lossy(&asked[0].body).contains("in ('acme', 'beta')"));
    let sent: Vec<_> = asked[1..]
        .iter()
        .map(|request| (request.parameter("project").unwrap(), String::from_utf8(request.body.to_vec()).unwrap()))
        .collect();
    assert_eq!(sent, [("acme", "{\"a\": 1}\nnot json\n".to_owned()), ("beta", "{\"b\":2}\n".to_owned())]);
    assert_ne!(asked[1].header("idempotency-key"), asked[2].header("idempotency-key"));
}

#[test]
fn what_the_server_says_against_it_is_told() {
    let server = StubServer::start(|_| Reply::problem(404, "this server keeps no dead letters"));
    let told = format!("{:#}", dead_letters(&server, &["--retry"]).unwrap_err());
    assert!(told.contains("this server keeps no dead letters"), "{told}");
    assert!(dead_letters(&server, &["--since", "rubbish"]).unwrap_err().to_string().contains("--since"));
}

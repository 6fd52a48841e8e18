//! Sending again, through a stub of a server and into a store.

use std::sync::Arc;

use annals_server::{ResultFormat, ResultWriter, RowShape};
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use clap::Parser;

use crate::command::{Cli, Command};
use crate::stub_server::{Received, Reply, StubServer};

/// Two whole records of one project, one of another, one of none; one that was cut, one of which nothing was kept, one that
/// was no text and is kept as digits.
fn letters() -> Vec<u8> {
    let text = |values: [Option<&str>; 7]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let projects = ["acme", "beta", "acme", "annals.unassigned", "acme", "acme", "acme"];
    let raw = ["{\"a\":\n1}", "{\"b\":2}", "not json", "{\"c\":3}", "{\"cut", "", "ff"];
    let bytes: ArrayRef = Arc::new(Int64Array::from(vec![8, 7, 8, 7, 900, 0, 1]));
    let batch = RecordBatch::try_from_iter([
        ("project_id", text(projects.map(Some))),
        ("bytes", bytes),
        ("truncated", Arc::new(BooleanArray::from_iter((0..7).map(|nth| Some(nth == 4)))) as ArrayRef),
        ("raw", text(raw.map(|raw| Some(raw).filter(|raw| !raw.is_empty())))),
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
        .map(|request| (request.parameter("project"), String::from_utf8(request.body.to_vec()).unwrap()))
        .collect();
    let expected = [(None, "{\"c\":3}\n"), (Some("acme"), "{\"a\": 1}\nnot json\n"), (Some("beta"), "{\"b\":2}\n")];
    assert_eq!(sent, expected.map(|(project, body)| (project, body.to_owned())));
    assert_ne!(asked[1].header("idempotency-key"), asked[2].header("idempotency-key"));
}

#[test]
fn what_the_server_says_against_it_is_told() {
    let server = StubServer::start(|_| Reply::problem(404, "this server keeps no dead letters"));
    let told = format!("{:#}", dead_letters(&server, &["--retry"]).unwrap_err());
    assert!(told.contains("this server keeps no dead letters"), "{told}");
    assert!(dead_letters(&server, &["--since", "rubbish"]).unwrap_err().to_string().contains("--since"));
}

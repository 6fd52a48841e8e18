//! The command line as a user meets it: the real binary, its output, its exit codes.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder, SystemClock};
use annals_table::{FileSystem, OsFileSystem, Store, Table, TableOptions};
use annals_writer::{Ack, Writer, WriterOptions, WriterSettings};
use serde_json::Value;
use tempfile::TempDir;

/// The `annals` binary of this build.
fn annals_path() -> PathBuf {
    if let Some(path) = std::env::var_os("ANNALS_BIN") {
        return path.into();
    }
    // target/<profile>/deps/it-<hash> -> target/<profile>/annals
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("annals");
    assert!(path.exists(), "{} is not built: run `cargo build -p annals-cli`, or `cargo xtask test`", path.display());
    path
}

/// A store of its own for one test.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(annals_path());
        command.args(arguments).env("ANNALS_STORE", self.path("store")).env_remove("ANNALS_WAL");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that must fail with `code`.
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        stderr(&output)
    }

    fn ingest(&self, text: &str) {
        let file = self.write("events.ndjson", text);
        self.ok(&["ingest", file.to_str().unwrap()]);
    }

    fn ndjson(&self, arguments: &[&str]) -> Vec<Value> {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--format", "ndjson"]);
        self.ok(&arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn event(project: &str, minute: u32, message: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-05-01T10:{minute:02}:00Z\",\"projectId\":\"{project}\",\"type\":\"t\",\"message\":\"{message}\",\
         \"traceId\":\"trace-{minute}\",\"payload\":{{\"n\":{minute}}},\"extra\":[1,2]}}\n"
    )
}

#[test]
fn what_is_ingested_is_found_traced_queried_and_verified() {
    let place = Place::new();
    let text: String =
        (0..30).map(|minute| event(if minute % 2 == 0 { "acme" } else { "beta" }, minute, "hello")).collect();
    place.ingest(&text);

    let events = place.ndjson(&["search", "--project", "acme", "--limit", "3"]);
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["timestamp"], "2026-05-01T10:28:00.000000Z");
    assert_eq!(events[0]["payload"], serde_json::json!({"n": 28}));
    assert_eq!(events[0]["extra"], serde_json::json!([1, 2]));

    let trace = place.ndjson(&["trace", "trace-7"]);
    assert_eq!(trace.len(), 1);
    assert_eq!(trace[0]["projectId"], "beta");
    assert!(place.ok(&["trace", "no-such-trace"]).contains("no event has this trace id"));

    let rows = place.ndjson(&[
        "sql",
        "select project_id, count(*) as n, sum((payload->>'n')::int) as s from events group by 1 order by 1",
    ]);
    assert_eq!(
        rows,
        vec![
            serde_json::json!({"project_id": "acme", "n": 15, "s": 210}),
            serde_json::json!({"project_id": "beta", "n": 15, "s": 225}),
        ]
    );
    assert!(place.ok(&["verify"]).contains("0 damaged"));
    let info = place.ok(&["info"]);
    assert!(info.contains("acme") && info.contains("beta") && info.contains("bytes an event"), "{info}");
}

#[test]
fn pages_follow_each_other_by_cursor_without_gap_or_repeat() {
    let place = Place::new();
    place.ingest(&(0..25).map(|minute| event("acme", minute, "hello")).collect::<String>());
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["search", "--limit", "10"];
        if let Some(cursor) = &after {
            arguments.extend(["--after", cursor]);
        }
        let output = place.run(&arguments);
        assert!(output.status.success());
        let note = stderr(&output);
        let shown = String::from_utf8(output.stdout).unwrap();
        seen.extend(shown.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()));
        match note.split("--after ").nth(1) {
            Some(cursor) => after = Some(cursor.trim().to_owned()),
            None => break,
        }
    }
    let mut expected: Vec<_> = (0..25).map(|minute| format!("2026-05-01T10:{minute:02}:00.000000Z")).collect();
    expected.reverse();
    assert_eq!(seen, expected);
    assert!(place.fails(1, &["search", "--after", "rubbish"]).contains("--after"));
}

#[test]
fn exit_codes_tell_ran_from_error_from_usage() {
    let place = Place::new();
    assert!(place.fails(1, &["search"]).contains("there is no store"));
    place.fails(2, &["search", "--no-such-flag"]);
    place.fails(2, &["search", "--level", "LOUD"]);
    place.fails(2, &["search", "--project", "../etc"]);
    place.ingest(&event("acme", 1, "hello"));
    assert_eq!(place.ok(&["search", "--project", "nobody"]), "");
    assert!(place.fails(1, &["sql", "drop table events"]).contains("read"));
    assert!(place.fails(1, &["sql", "select no_such_column from events"]).contains("no_such_column"));
    assert!(place.fails(1, &["ingest", "/no/such/file"]).contains("/no/such/file"));
}

#[test]
fn refused_records_are_named_by_line_and_kept_apart_from_the_good_ones() {
    let place = Place::new();
    let text =
        format!("{}not json\n\n{{\"projectId\":\"acme\"}}\n{}", event("acme", 1, "one"), event("acme", 2, "two"));
    let (file, refused) = (place.write("mixed.ndjson", &text), place.path("refused.ndjson"));
    let output = place.run(&["ingest", file.to_str().unwrap(), "--refused", refused.to_str().unwrap()]);
    assert!(output.status.success());
    let told = stderr(&output);
    assert!(told.contains("mixed.ndjson:2:") && told.contains("mixed.ndjson:4:"), "{told}");
    assert!(told.contains("2 events accepted, 2 refused"), "{told}");
    let kept: Vec<Value> =
        std::fs::read_to_string(refused).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.iter().map(|record| record["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(kept[0]["record"], "not json");
    assert_eq!(place.ndjson(&["search"]).len(), 2);

    let rubbish = place.write("rubbish.bin", "\u{0}\u{1}\u{2}not\nan\nevent");
    assert!(place.fails(1, &["ingest", rubbish.to_str().unwrap()]).contains("no record was accepted"));
}

#[test]
fn foreign_json_becomes_events_by_a_map_of_the_users_own() {
    let place = Place::new();
    place.ok(&["ingest", "--map", "zeek", samples().join("zeek.ndjson").to_str().unwrap()]);
    let count = place.ndjson(&["sql", "select count(*) as n from events where type like 'zeek.%'"]);
    assert!(count[0]["n"].as_u64().unwrap() > 0);
    let told = place.fails(1, &["ingest", "--map", "no-such-map", samples().join("zeek.ndjson").to_str().unwrap()]);
    assert!(told.contains("cloudtrail") && told.contains("github") && told.contains("zeek"), "{told}");
}

#[test]
fn verify_names_the_damaged_file() {
    let place = Place::new();
    place.ingest(&(0..59).map(|minute| event("acme", minute, "hello")).collect::<String>());
    let file = first_parquet(&place.path("store/events")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&file, bytes).unwrap();
    let output = place.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains(file.file_name().unwrap().to_str().unwrap()), "{shown}");
}

/// Appends events to a table's log as a server does, with a flush or without, and closes it.
fn append(place: &Place, options: TableOptions, wal: &str, text: &str, flush: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (fs, clock): (Arc<dyn FileSystem>, Arc<dyn Clock>) = (Arc::new(OsFileSystem), Arc::new(SystemClock));
    let url = place.path("store");
    let store = Store::open(url.to_str().unwrap(), Arc::clone(&fs), runtime.handle().clone()).unwrap();
    let table = Arc::new(Table::open_or_create(&store, options, Arc::clone(&clock)).unwrap());
    let (settings, wal_dir) = (WriterSettings::default(), place.path(wal));
    let options = WriterOptions { settings, wal_dir, store, table, fs, clock: Arc::clone(&clock), seed: 3 };
    let writer = Writer::open(options).unwrap();
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    for line in text.lines() {
        let decoded = decoder.decode_ndjson(line.as_bytes(), clock.now_us());
        writer.append(decoded.batch, Ack::Wal).unwrap().wait().unwrap();
    }
    writer.close(flush).unwrap();
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn verify_looks_at_dead_letters_and_table_logs_too() {
    let place = Place::new();
    place.ingest(&event("acme", 1, "hello"));
    append(&place, TableOptions::dead_letters(), "store/wal/dead_letters", &event("acme", 2, "refused"), true);
    let shown = place.ok(&["verify"]);
    assert!(shown.contains("2 data files") && shown.contains("0 damaged"), "{shown}");
    let letters = first_parquet(&place.path("store/dead_letters")).unwrap();
    let commit = place.path("store/events/_delta_log/00000000000000000001.json");
    let ledger = place.path("store/wal/known-end");
    assert!(!ledger.exists(), "all is in the table");
    for (path, at, shown) in [(&letters, 700, "dead_letters/project_id=acme"), (&commit, 40, "events/_delta_log/0000")]
    {
        let whole = std::fs::read(path).unwrap();
        flip(path, at);
        let output = place.run(&["verify"]);
        let told = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&format!("damaged {shown}")), "{told}");
        std::fs::write(path, whole).unwrap();
    }
    assert!(place.ok(&["verify"]).contains("0 damaged"));
}

#[test]
fn a_damaged_log_says_what_to_do_and_is_repaired() {
    let place = Place::new();
    place.ingest(&event("acme", 0, "stored"));
    let lines: String = (1..=9).map(|minute| event("acme", minute, "waiting")).collect();
    append(&place, TableOptions::events(), "store/wal", &lines, false);
    assert!(place.ok(&["verify"]).contains("0 damaged"));
    let mut segments: Vec<_> = std::fs::read_dir(place.path("store/wal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "wal"))
        .collect();
    segments.sort();
    let segment = segments.last().unwrap();
    flip(segment, 40 + 100);
    let name = segment.file_name().unwrap().to_str().unwrap();
    let output = place.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains(name));
    for command in [vec!["search", "--limit", "5"], vec!["ingest", "-"]] {
        let told = place.fails(1, &command);
        assert!(told.contains("annals repair") && told.contains(name), "{told}");
    }
    let shown = place.ok(&["repair"]);
    assert!(shown.contains("lost rows 2 to 2") && shown.contains("quarantine"), "{shown}");
    assert!(place.ok(&["verify"]).contains("0 damaged"));
    let count = place.ndjson(&["sql", "select count(*) as n from events"]);
    assert_eq!(count[0]["n"], 9);
    assert!(place.ok(&["repair"]).contains("is not damaged"));
}

#[test]
fn a_store_that_another_process_writes_to_says_who_it_is() {
    let place = Place::new();
    place.ingest(&event("acme", 1, "committed"));
    let mut holder = place.command(&["ingest", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The holder has the log once its folder names its process id.
    let pid = holder.id().to_string();
    let told = loop {
        let output = place.run(&["search"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains("committed"));
        let told = stderr(&output);
        if told.contains(&pid) {
            break told;
        }
    };
    assert!(told.contains("not committed yet"), "{told}");
    let file = place.write("second.ndjson", &event("acme", 2, "second"));
    assert!(place.fails(1, &["ingest", file.to_str().unwrap()]).contains(&pid));
    holder.stdin.take().unwrap().write_all(event("acme", 3, "held").as_bytes()).unwrap();
    assert!(holder.wait().unwrap().success());
    assert_eq!(place.ndjson(&["search"]).len(), 2);
}

#[test]
fn generated_events_are_equal_for_equal_seeds_and_a_closed_pipe_is_no_error() {
    let place = Place::new();
    let generate = |seed: &str| place.ok(&["generate", "--events", "500", "--seed", seed, "--end", "2026-05-31"]);
    assert_eq!(generate("7"), generate("7"));
    assert_ne!(generate("7"), generate("8"));
    assert_eq!(generate("7").lines().count(), 500);

    let mut endless = place.command(&["generate", "--events", "10000000"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(endless.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(serde_json::from_str::<Value>(&first).is_ok());
    assert!(endless.wait().unwrap().success());
}

#[test]
fn the_demo_runs_says_that_it_ran_and_never_removes_a_real_store() {
    let place = Place::new();
    let shown = place.ok(&["demo", "--no-serve", "--events", "3000"]);
    assert!(shown.contains("3,000 events") && shown.contains("annals trace ") && shown.contains("Try next"), "{shown}");
    assert!(place.ok(&["demo", "--no-serve", "--events", "3000"]).contains("there already"));
    assert!(place.ok(&["demo", "--no-serve", "--fresh", "--events", "2000"]).contains("2,000 events"));

    let real = Place::new();
    real.ingest(&event("acme", 1, "precious"));
    assert!(real.fails(1, &["demo", "--fresh"]).contains("was not made by the demo"));
    assert!(real.fails(1, &["demo"]).contains("not one that the demo made"));
    assert_eq!(real.ndjson(&["search"]).len(), 1);
}

#[test]
fn every_format_is_written_and_binary_ones_are_whole() {
    let place = Place::new();
    place.ingest(&(0..5).map(|minute| event("acme", minute, "a,\\\"b\\\"")).collect::<String>());
    let array: Value = serde_json::from_str(&place.ok(&["search", "--format", "json"])).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 5);
    let csv = place.ok(&["sql", "select message, timestamp from events order by timestamp limit 1", "--format", "csv"]);
    assert_eq!(csv.lines().next(), Some("message,timestamp"));
    assert!(csv.contains("\"a,\"\"b\"\"\""), "{csv}");
    let parquet = place.run(&["search", "--format", "parquet"]);
    assert!(parquet.stdout.starts_with(b"PAR1") && parquet.stdout.ends_with(b"PAR1"));
    assert!(!place.run(&["sql", "select 1", "--format", "arrow"]).stdout.is_empty());
}

fn samples() -> PathBuf {
    crate::support::package_dir().join("../data/samples")
}

fn first_parquet(dir: &Path) -> Option<PathBuf> {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("_delta_log")
                && let Some(found) = first_parquet(&path)
            {
                return Some(found);
            }
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            return Some(path);
        }
    }
    None
}

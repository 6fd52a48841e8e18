//! Decoding against the outside world: all of JSONTestSuite as payloads, and every record of the real data sets.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which may")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use annals_event::{DecodeSettings, EventDecoder, EventEncoder, EventMap, MapOutcome, columns, parse_timestamp};
use arrow::array::{Array, AsArray, RecordBatch};
use flate2::read::GzDecoder;
use serde_json::Value;

const RECEIVED_AT: &str = "2026-05-31T12:00:00Z";

fn received_at_us() -> i64 {
    parse_timestamp(RECEIVED_AT).unwrap()
}

fn decoder() -> EventDecoder {
    EventDecoder::new(DecodeSettings::default(), None)
}

/// The files of a folder of the shared data, by name; those that end on one of `endings`.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)))
        .collect();
    files.sort();
    files
}

mod needs_shared {
    use super::*;

    #[test]
    fn every_case_of_jsontestsuite_ends_as_its_name_says() {
        let shared =
            crate::shared_dir().expect("set ANNALS_SHARED to the folder of the shared data, or run `cargo xtask test`");
        let mut cases = BTreeMap::from([('y', 0), ('n', 0), ('i', 0)]);
        for path in files(&shared.join("suites/JSONTestSuite/test_parsing"), &[".json"]) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let payload = std::fs::read(&path).unwrap();
            let body = [&br#"[{"type":"t","projectId":"p","payload":"#[..], &payload, b"}]"].concat();
            let decoded = decoder().decode_array(&body, received_at_us()).unwrap();
            let outcome = (decoded.batch.num_rows(), decoded.refusals.len());
            let case = name.chars().next().unwrap();
            match case {
                'y' => {
                    assert_eq!(outcome, (1, 0), "{name}: {:?}", decoded.refusals);
                    let stored = decoded.batch[columns::PAYLOAD].as_string_view();
                    let expected = std::str::from_utf8(&payload).unwrap().trim_ascii();
                    if expected == "null" {
                        assert!(stored.is_null(0), "{name}");
                    } else {
                        assert_eq!(stored.value(0), expected, "{name}");
                    }
                }
                'n' => assert_eq!(outcome, (0, 1), "{name}"),
                _ => assert_eq!(outcome.0 + outcome.1, 1, "{name}"),
            }
            *cases.entry(case).or_default() += 1;
        }
        assert_eq!(cases, BTreeMap::from([('y', 95), ('n', 188), ('i', 35)]));
    }

    /// What a data set became.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Mapped {
        lines: usize,
        events: usize,
        skipped: usize,
        refused: usize,
    }

    /// Maps and decodes every line of a file; `check` sees each event beside the line it came from.
    fn map_file(path: &Path, map: &EventMap, mut check: impl FnMut(&str, &RecordBatch, usize)) -> Mapped {
        let mut text = String::new();
        BufReader::new(GzDecoder::new(File::open(path).unwrap())).read_to_string(&mut text).unwrap();
        let mut mapped = Mapped::default();
        let mut body = Vec::new();
        let mut sources = Vec::new();
        for line in text.lines() {
            mapped.lines += 1;
            match map.apply(line.as_bytes(), &mut body) {
                Ok(MapOutcome::Event) => sources.push(line),
                Ok(MapOutcome::Skipped) => mapped.skipped += 1,
                Err(_) => mapped.refused += 1,
            }
        }
        let decoded = decoder().decode_ndjson(&body, received_at_us());
        mapped.refused += decoded.refusals.len();
        mapped.events = decoded.batch.num_rows();
        if decoded.refusals.is_empty() {
            for (row, line) in sources.into_iter().enumerate() {
                check(line, &decoded.batch, row);
            }
        }
        mapped
    }

    #[test]
    fn every_record_of_the_real_data_becomes_an_event_that_holds_it() {
        let shared =
            crate::shared_dir().expect("set ANNALS_SHARED to the folder of the shared data, or run `cargo xtask test`");
        let data = shared.join("data");
        let mut found = BTreeMap::new();
        for (folder, name) in [("github-events", "github"), ("cloudtrail", "cloudtrail"), ("zeek-wrccdc", "zeek")] {
            let map = EventMap::builtin(name).unwrap();
            let mut sum = Mapped::default();
            for path in files(&data.join(folder), &[".gz"]) {
                let mapped = map_file(&path, &map, |line, batch, row| {
                    assert_eq!(batch[columns::PAYLOAD].as_string_view().value(row), line, "{}", path.display());
                });
                sum.lines += mapped.lines;
                sum.events += mapped.events;
                sum.skipped += mapped.skipped;
                sum.refused += mapped.refused;
            }
            found.insert(name, sum);
        }
        let all = |events, skipped| Mapped { lines: events + skipped, events, skipped, refused: 0 };
        // 800 + 2,000 of GH Archive, 273 webhook bodies, 100 of a bulk file whose other 100 lines are actions.
        let expected =
            BTreeMap::from([("github", all(3_173, 100)), ("cloudtrail", all(3_210, 0)), ("zeek", all(158_439, 0))]);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_fields_of_the_real_data_are_those_of_the_source() {
        let shared =
            crate::shared_dir().expect("set ANNALS_SHARED to the folder of the shared data, or run `cargo xtask test`");
        let data = shared.join("data");
        let text = |batch: &RecordBatch, column: &str, row: usize| {
            let column = batch[column].as_string_view();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let source = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let own = |value: &Value| value.as_str().map(str::to_owned);

        let map = EventMap::builtin("cloudtrail").unwrap();
        for path in files(&data.join("cloudtrail"), &[".gz"]) {
            map_file(&path, &map, |line, batch, row| {
                let record = source(line);
                let project = own(&record["recipientAccountId"]).or_else(|| own(&record["userIdentity"]["accountId"]));
                assert_eq!(text(batch, columns::PROJECT_ID, row), project.or(Some("cloudtrail".into())), "{line}");
                let kind =
                    format!("{}:{}", record["eventSource"].as_str().unwrap(), record["eventName"].as_str().unwrap());
                assert_eq!(text(batch, columns::TYPE, row), Some(kind), "{line}");
                let level = if record.get("errorCode").is_some() { "ERROR" } else { "INFO" };
                assert_eq!(text(batch, columns::LEVEL, row).as_deref(), Some(level), "{line}");
                assert_eq!(time(batch, row), parse_timestamp(record["eventTime"].as_str().unwrap()).unwrap());
            });
        }

        let map = EventMap::builtin("github").unwrap();
        for path in files(&data.join("github-events"), &["2021-07-21-few-hours.ndjson.gz", "2016-07-07.ndjson.gz"]) {
            map_file(&path, &map, |line, batch, row| {
                let record = source(line);
                assert_eq!(text(batch, columns::PROJECT_ID, row), Some(record["repo"]["id"].to_string()), "{line}");
                assert_eq!(text(batch, columns::END_USER_ID, row), own(&record["actor"]["login"]), "{line}");
                assert_eq!(text(batch, columns::TYPE, row), own(&record["type"]), "{line}");
                assert_eq!(time(batch, row), parse_timestamp(record["created_at"].as_str().unwrap()).unwrap());
            });
        }

        let map = EventMap::builtin("zeek").unwrap();
        for path in files(&data.join("zeek-wrccdc"), &["rdp.json.gz", "syslog.json.gz", "loaded_scripts.json.gz"]) {
            map_file(&path, &map, |line, batch, row| {
                let record = source(line);
                assert_eq!(text(batch, columns::TRACE_ID, row), own(&record["uid"]), "{line}");
                assert_eq!(text(batch, columns::END_USER_ID, row), own(&record["id.orig_h"]), "{line}");
                let expected = own(&record["ts"]).map_or_else(received_at_us, |ts| parse_timestamp(&ts).unwrap());
                assert_eq!(time(batch, row), expected, "{line}");
            });
        }
    }

    fn time(batch: &RecordBatch, row: usize) -> i64 {
        batch[columns::TIMESTAMP].as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(row)
    }

    #[test]
    fn real_events_encode_to_what_decodes_to_them_again() {
        let shared =
            crate::shared_dir().expect("set ANNALS_SHARED to the folder of the shared data, or run `cargo xtask test`");
        let map = EventMap::builtin("github").unwrap();
        for path in files(&shared.join("data/github-events"), &[".gz"]) {
            let mut body = Vec::new();
            for line in BufReader::new(GzDecoder::new(File::open(&path).unwrap())).lines() {
                map.apply(line.unwrap().as_bytes(), &mut body).unwrap();
            }
            let batch = decoder().decode_ndjson(&body, received_at_us()).batch;
            let encoder = EventEncoder::new(&batch);
            let mut again = Vec::new();
            for row in 0..batch.num_rows() {
                encoder.write_event(row, &mut again);
                again.push(b'\n');
            }
            let decoded = decoder().decode_ndjson(&again, received_at_us());
            assert_eq!(decoded.refusals, []);
            for column in [columns::TIMESTAMP, columns::TYPE, columns::PROJECT_ID, columns::TRACE_ID, columns::PAYLOAD]
            {
                assert_eq!(decoded.batch[column].as_ref(), batch[column].as_ref(), "{} {column}", path.display());
            }
        }
    }
}

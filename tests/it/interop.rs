//! The table is open: readers that know nothing of us find the same events in it, before and after more come in.

mod needs_python {
    use std::collections::BTreeMap;

    use annals_testkit::GeneratorSettings;
    use serde_json::{Value, json};

    use crate::support::{TestStore, counts, generated, json_lines, python};

    /// What every reader is asked for, computed from the events as they were sent.
    fn expected(events: &[Value]) -> Value {
        let text = |event: &Value, member: &str| event[member].as_str().unwrap_or_default().to_owned();
        let times = events.iter().map(|event| text(event, "timestamp"));
        let projects: BTreeMap<String, u64> = counts(events.iter().map(|event| text(event, "projectId")));
        let days: BTreeMap<String, u64> = counts(events.iter().map(|event| text(event, "timestamp")[..10].to_owned()));
        json!({
            "events": events.len(),
            "message_chars": events.iter().map(|event| text(event, "message").chars().count()).sum::<usize>(),
            "errors": events.iter().filter(|event| event["level"] == "ERROR").count(),
            "traces": counts(events.iter().map(|event| text(event, "traceId"))).len(),
            "first": times.clone().min().map(|time| time.replace('Z', "000Z")),
            "last": times.max().map(|time| time.replace('Z', "000Z")),
            "projects": projects,
            "days": days,
        })
    }

    #[test]
    fn other_readers_see_the_same_events_before_and_after_more_ingest() {
        let store = TestStore::new();
        let lines =
            generated(GeneratorSettings { events: 20_000, days: 3, projects: 7, ..GeneratorSettings::default() });
        let events = json_lines(&lines);
        let middle = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(11_999).unwrap().0 + 1;
        let mut seen = 0;
        for part in [&lines[..middle], &lines[middle..]] {
            store.ingest(part);
            seen += json_lines(part).len();
            let output = python("read_store.py").arg(store.table_dir()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let answers: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(answers.keys().collect::<Vec<_>>(), ["chdb", "deltalake", "duckdb", "polars", "pyarrow"]);
            let expected = expected(&events[..seen]);
            for (reader, answer) in &answers {
                assert_eq!(*answer, expected, "{reader} after {seen} events");
            }
        }
    }
}

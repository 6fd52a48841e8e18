//! The table is open: readers that know nothing of us find the same events in it, before and after more come in.

mod needs_python {
    use std::collections::BTreeMap;

    use annals_query::TraceQuery;
    use annals_table::FileFilter;
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

    /// Writes a checkpoint and removes the commits that it stands for, so that every reader must read it.
    fn rest_on_checkpoint(store: &TestStore) {
        store.table.refresh().unwrap();
        store.table.checkpoint().unwrap();
        let log = store.table_dir().join("_delta_log");
        for version in 0..store.table.snapshot().version() {
            match std::fs::remove_file(log.join(format!("{version:020}.json"))) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
                _ => {}
            }
        }
    }

    #[test]
    fn a_table_that_another_program_compacted_is_read_and_written_on() {
        let mut store = TestStore::new();
        let lines =
            generated(GeneratorSettings { events: 1_500, days: 1, projects: 2, ..GeneratorSettings::default() });
        let ends: Vec<usize> =
            lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
        let (first, second) = (ends[499], ends[999]);
        store.ingest(&lines[..first]);
        store.ingest(&lines[first..second]);
        let rows = |store: &TestStore| store.sql(&store.engine(), "select id, payload from events order by id");
        let before = rows(&store);
        let output = python("compact_store.py").arg(store.table_dir()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Their commits and their checkpoint have no sums of ours.
        let version: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        store.reopen();
        let snapshot = store.table.snapshot();
        assert_eq!(snapshot.version(), version);
        let theirs = snapshot.files(&FileFilter::all()).iter().filter(|file| file.origin.is_none()).count();
        assert!(theirs > 0);
        assert!(rows(&store) == before, "the same events after the compaction");
        let tended = store.table.tend_trace_index(&store.store, || true).unwrap();
        assert_eq!((tended.files_left, tended.files_indexed), (0, theirs as u64), "theirs are indexed too");
        let trace =
            store.sql(&store.engine(), "select trace_id, count(*) from events group by 1 order by 2 desc limit 1");
        let query =
            TraceQuery { trace_id: trace[0][0].clone(), project: None, from_us: None, until_us: None, limit: 100 };
        let page = store.runtime.block_on(store.engine().trace(&query)).unwrap();
        assert_eq!(page.events.num_rows().to_string(), trace[0][1]);
        assert_eq!(page.stats.index.traces, Some(0), "{:?}", page.stats);
        store.ingest(&lines[second..]);
        store.reopen();
        assert_eq!(rows(&store).len(), before.len() + 500);
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
            rest_on_checkpoint(&store);
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

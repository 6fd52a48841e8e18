//! The trace index: a trace is found by it, without it and by half of it, and always the same; across flush, compaction,
//! retention, and damage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use annals_event::{Day, columns};
use annals_query::{Engine, IndexUse, TraceQuery};
use annals_table::{FileFilter, ParquetSettings};
use annals_testkit::GeneratorSettings;
use annals_writer::{CompactionPlan, CompactionSettings, compact, expire};
use arrow::array::AsArray;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::{TestStore, generated};

const FLUSHES: usize = 12;

/// A store of several flushes, and the ids of each trace's events.
fn store() -> (TestStore, BTreeMap<String, BTreeSet<String>>) {
    let store = TestStore::new();
    let lines = generated(GeneratorSettings { events: 12_000, projects: 5, days: 3, ..GeneratorSettings::default() });
    let ends: Vec<usize> = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let mut start = 0;
    for flush in 1..=FLUSHES {
        let end = ends[flush * ends.len() / FLUSHES - 1];
        store.ingest(&lines[start..end]);
        start = end;
    }
    let traces = traces(&store);
    (store, traces)
}

/// What SQL says, which knows no index.
fn traces(store: &TestStore) -> BTreeMap<String, BTreeSet<String>> {
    let mut traces: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in store.sql(&store.engine(), "select trace_id, id from events where trace_id is not null") {
        traces.entry(row[0].clone()).or_default().insert(row[1].clone());
    }
    traces
}

fn found(store: &TestStore, engine: &Engine, trace: &str) -> (BTreeSet<String>, annals_query::ScanStats) {
    let query = TraceQuery { trace_id: trace.to_owned(), project: None, from_us: None, until_us: None, limit: 1_000 };
    let page = store.runtime.block_on(engine.trace(&query)).unwrap();
    let ids = page.events.column_by_name(columns::ID).unwrap().as_string_view();
    let times = page.events.column_by_name(columns::TIMESTAMP).unwrap();
    assert!(times.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().values().is_sorted());
    (ids.iter().map(|id| id.unwrap().to_owned()).collect(), page.stats)
}

/// Looks up traces that are there and some that are not.
fn check(store: &TestStore, traces: &BTreeMap<String, BTreeSet<String>>, chance: &mut StdRng, when: &str) -> IndexUse {
    let engine = store.engine();
    let mut index = IndexUse::Files;
    let all: Vec<_> = traces.iter().collect();
    for lookup in 0..200 {
        if lookup % 4 == 3 {
            let absent = format!("{:032x}", chance.random::<u128>());
            assert_eq!(found(store, &engine, &absent).0, BTreeSet::new(), "{when}");
            continue;
        }
        let (trace, events) = all[chance.random_range(0..all.len())];
        let (ids, stats) = found(store, &engine, trace);
        assert_eq!(&ids, events, "{when}: trace {trace}, {stats:?}");
        index = stats.index;
    }
    index
}

fn runs(store: &TestStore) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(store.table_dir().join("_index")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn compact_all(store: &TestStore) {
    let settings = CompactionSettings::default();
    let snapshot = store.table.refresh().unwrap();
    let plan = CompactionPlan::whole(&snapshot, &FileFilter::all(), &settings);
    assert!(!plan.groups.is_empty());
    for group in plan.groups {
        let now_us = store.clock.now_us();
        compact(&store.table, &store.store, &group, &ParquetSettings::default(), &settings, now_us).unwrap();
    }
}

#[test]
fn a_trace_is_the_same_with_the_index_without_it_and_with_half_of_it() {
    let (mut store, mut traces) = store();
    let mut chance = StdRng::seed_from_u64(7);
    let indexed = IndexUse::Traces { unindexed: 0 };
    assert_eq!(check(&store, &traces, &mut chance, "as flushed"), indexed);
    assert_eq!(runs(&store).len(), FLUSHES, "a run beside each commit");
    store.reopen();
    assert_eq!(check(&store, &traces, &mut chance, "by another process"), indexed);

    for run in runs(&store).iter().step_by(2) {
        std::fs::remove_file(run).unwrap();
    }
    store.reopen();
    let unindexed = match check(&store, &traces, &mut chance, "with half of the index") {
        IndexUse::Traces { unindexed } | IndexUse::Scan { unindexed } => unindexed,
        IndexUse::Files => panic!("the index was not asked"),
    };
    let files = store.table.snapshot().file_count();
    assert!(unindexed > 0 && unindexed < files, "{unindexed} of {files}");

    compact_all(&store);
    assert_eq!(check(&store, &traces, &mut chance, "after compaction"), indexed);
    let tended = store.table.tend_trace_index(&store.store, || true).unwrap();
    assert_eq!((tended.files_indexed, tended.files_left), (0, 0));
    assert!(runs(&store).len() < 12, "{tended:?}");
    check(&store, &traces, &mut chance, "after merging runs");

    for run in runs(&store) {
        std::fs::remove_file(run).unwrap();
    }
    store.reopen();
    let files = store.table.snapshot().file_count();
    assert_eq!(check(&store, &traces, &mut chance, "without index"), IndexUse::Traces { unindexed: files });
    let tended = store.table.tend_trace_index(&store.store, || true).unwrap();
    assert_eq!((tended.files_indexed, tended.index.runs), (files, 1));
    assert_eq!(check(&store, &traces, &mut chance, "indexed again"), indexed);

    let rebuilt = store.table.rebuild_trace_index(&store.store, |_| {}).unwrap();
    assert_eq!((rebuilt.files_indexed, runs(&store).len()), (files, 1));
    assert_eq!(check(&store, &traces, &mut chance, "rebuilt"), indexed);

    let last_day: String = store.sql(&store.engine(), "select max(day) from events")[0][0].clone();
    expire(&store.table, last_day.parse::<Day>().unwrap()).unwrap();
    let kept = self::traces(&store);
    assert!(!kept.is_empty() && kept.len() < traces.len());
    for (trace, events) in &mut traces {
        *events = kept.get(trace).cloned().unwrap_or_default();
    }
    assert_eq!(check(&store, &traces, &mut chance, "after retention"), indexed);
}

#[test]
fn a_damaged_run_costs_a_look_into_its_files_and_no_row() {
    let (mut store, traces) = store();
    let mut chance = StdRng::seed_from_u64(8);
    for (at, run) in runs(&store).iter().enumerate() {
        let mut bytes = std::fs::read(run).unwrap();
        match at % 3 {
            0 => bytes[100] ^= 1,
            1 => bytes.truncate(chance.random_range(0..bytes.len())),
            _ => bytes.iter_mut().for_each(|byte| *byte = 0),
        }
        std::fs::write(run, bytes).unwrap();
    }
    store.reopen();
    check(&store, &traces, &mut chance, "with a damaged index");
    let tended = store.table.tend_trace_index(&store.store, || true).unwrap();
    assert!(tended.files_indexed > 0, "{tended:?}");
    assert_eq!(check(&store, &traces, &mut chance, "mended"), IndexUse::Traces { unindexed: 0 });
}

#[test]
fn a_trace_opens_only_the_files_and_segments_that_hold_it() {
    let (store, traces) = store();
    compact_all(&store);
    let engine = store.engine();
    let files = store.table.snapshot().file_count();
    for (trace, events) in traces.iter().step_by(50) {
        let (ids, stats) = found(&store, &engine, trace);
        assert_eq!(&ids, events);
        assert!(stats.files_opened <= 3 && stats.files_considered == files, "{stats:?}");
        assert!(stats.rows_decoded <= 3 * 4_096, "{stats:?}");
    }
    let absent = found(&store, &engine, "no such trace").1;
    assert_eq!((absent.files_opened, absent.rows_decoded, absent.index), (0, 0, IndexUse::Traces { unindexed: 0 }));
}

#[test]
fn sql_finds_traces_by_the_index_and_says_so() {
    let (store, traces) = store();
    compact_all(&store);
    let engine = store.engine();
    let all: Vec<_> = traces.iter().collect();
    for pair in all.chunks(2).step_by(40) {
        let [(one, its), (other, others)] = pair else { continue };
        let ids = |condition: &str| -> BTreeSet<String> {
            let rows = store.sql(&engine, &format!("select id from events where {condition}"));
            rows.into_iter().flatten().collect()
        };
        assert_eq!(&ids(&format!("trace_id = '{one}'")), *its);
        assert_eq!(ids(&format!("trace_id in ('{one}', '{other}', 'none')")), *its | *others);
        assert_eq!(ids(&format!("trace_id = '{one}' or '{other}' = trace_id")), *its | *others);
        assert_eq!(ids(&format!("trace_id = '{one}' and trace_id = '{other}'")), BTreeSet::new());
        let first = its.first().unwrap();
        assert_eq!(ids(&format!("trace_id = '{one}' or id = '{first}'")), **its);
        let count = store.sql(&engine, &format!("select count(*) from events where trace_id = '{one}'"));
        assert_eq!(count[0][0], its.len().to_string());
        let not =
            store.sql(&engine, &format!("select count(*) from events where trace_id <> '{one}' or trace_id is null"));
        assert_eq!(not[0][0], (12_000 - its.len()).to_string());
    }
    let plan = store.sql(&engine, &format!("explain select id from events where trace_id = '{}'", all[0].0));
    let plan = plan.into_iter().flatten().collect::<Vec<_>>().join("\n");
    assert!(plan.contains("index=[traces]") && plan.contains("segments=1"), "{plan}");
}

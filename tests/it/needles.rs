//! The indexes: a trace, a word, an id is found by them, without them and by half of them, and always the same; across flush,
//! compaction,
//! retention, and damage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use annals_event::{Day, columns};
use annals_query::{Engine, EventQuery, IndexUse, PAGE_EVENTS_MAX, TraceQuery};
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
    let mut index = IndexUse::default();
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

fn by_traces(unindexed: u64) -> IndexUse {
    IndexUse { traces: Some(unindexed), ..IndexUse::default() }
}

fn runs(store: &TestStore) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(store.table_dir().join("_index")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn compact_all(store: &TestStore) {
    compact_with(store, |_| ParquetSettings::default());
}

/// Merges all files, each group of them by settings of its own.
fn compact_with(store: &TestStore, parquet: impl Fn(usize) -> ParquetSettings) {
    let settings = CompactionSettings::default();
    let snapshot = store.table.refresh().unwrap();
    let plan = CompactionPlan::whole(&snapshot, &FileFilter::all(), &settings);
    assert!(!plan.groups.is_empty());
    for (number, group) in plan.groups.iter().enumerate() {
        let now_us = store.clock.now_us();
        compact(&store.table, &store.store, group, &parquet(number), &settings, now_us).unwrap();
    }
}

#[test]
fn a_trace_is_the_same_with_the_index_without_it_and_with_half_of_it() {
    let (mut store, mut traces) = store();
    let mut chance = StdRng::seed_from_u64(7);
    let indexed = by_traces(0);
    assert_eq!(check(&store, &traces, &mut chance, "as flushed"), indexed);
    assert_eq!(runs(&store).len(), FLUSHES, "a run beside each commit");
    store.reopen();
    assert_eq!(check(&store, &traces, &mut chance, "by another process"), indexed);

    for run in runs(&store).iter().step_by(2) {
        std::fs::remove_file(run).unwrap();
    }
    store.reopen();
    let half = check(&store, &traces, &mut chance, "with half of the index");
    let unindexed = half.traces.expect("the index is asked");
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
    assert_eq!(check(&store, &traces, &mut chance, "without index"), by_traces(files));
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
    assert_eq!(check(&store, &traces, &mut chance, "mended"), by_traces(0));
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
    assert_eq!((absent.files_opened, absent.rows_decoded, absent.index), (0, 0, by_traces(0)));
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

/// An event as a search sees it.
struct Stored {
    id: String,
    user: String,
    /// Message, payload and error in lower case.
    texts: [String; 3],
}

fn stored(store: &TestStore) -> Vec<Stored> {
    let rows = store.sql(&store.engine(), "select id, end_user_id, message, payload, error from events");
    let event = |row: Vec<String>| Stored {
        id: row[0].clone(),
        user: row[1].clone(),
        texts: [&row[2], &row[3], &row[4]].map(|text| text.to_ascii_lowercase()),
    };
    rows.into_iter().map(event).collect()
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || !character.is_ascii()
}

/// Whether `word`, which begins and ends with a letter, stands whole in one of the texts, worked out the plain way.
fn has_word(texts: &[String; 3], word: &str) -> bool {
    let is_whole = |text: &str, at: usize| {
        let (before, behind) = (&text[..at], &text[at + word.len()..]);
        let begins =
            !before.ends_with(is_letter) || ["\\n", "\\r", "\\t"].iter().any(|escape| before.ends_with(escape));
        begins && !behind.starts_with(is_letter)
    };
    texts.iter().any(|text| text.match_indices(word).any(|(at, _)| is_whole(text, at)))
}

/// A word, an id or several words together of some text.
fn needle(text: &str, chance: &mut StdRng) -> Option<String> {
    let words: Vec<&str> = text.split(|character| !is_letter(character)).filter(|word| !word.is_empty()).collect();
    let word = words.get(chance.random_range(0..words.len().max(1)))?;
    if !chance.random_bool(0.3) {
        return Some((*word).to_owned());
    }
    let at = text.find(word)?;
    let end = at + text[at..].match_indices(|character| !is_letter(character)).nth(2)?.0;
    Some(text[at..end].trim_end_matches(|character| !is_letter(character)).to_owned())
}

/// Searches for words of events and for some that are nowhere, and compares with reading everything.
fn check_words(store: &TestStore, events: &[Stored], chance: &mut StdRng, when: &str) -> IndexUse {
    let engine = store.engine();
    let mut index = IndexUse::default();
    for lookup in 0..150 {
        let event = &events[chance.random_range(0..events.len())];
        if lookup % 5 == 1 && event.user.is_empty() {
            continue;
        }
        let mut query = EventQuery { limit: PAGE_EVENTS_MAX, ..EventQuery::default() };
        let word = match lookup % 5 {
            0 => Some(format!("absent{}", chance.random::<u32>())),
            1 => None,
            _ => needle(&event.texts[chance.random_range(0..2)], chance),
        };
        if word.is_none() {
            query.end_user_ids = vec![event.user.clone()];
        }
        // Texts of these events have no quotes in their first words, but JSON has between others.
        query.text = word.as_ref().map(|word| format!("\"{}\"", word.replace('"', "\\\"")));
        let page = store.runtime.block_on(engine.search(&query)).unwrap();
        let ids = page.events.column_by_name(columns::ID).unwrap().as_string_view();
        let found: BTreeSet<&str> = ids.iter().flatten().collect();
        let matches = |event_found: &&Stored| match &word {
            Some(word) => has_word(&event_found.texts, word),
            None => event_found.user == event.user,
        };
        let expected: BTreeSet<&str> = events.iter().filter(matches).map(|event| event.id.as_str()).collect();
        assert_eq!(found, expected, "{when}: {query:?}, {:?}", page.stats);
        let counted = store.runtime.block_on(engine.histogram(&query, 10)).unwrap();
        assert_eq!(
            counted.buckets.iter().map(|bucket| bucket.total).sum::<u64>(),
            expected.len() as u64,
            "{when}: {query:?}"
        );
        index += page.stats.index;
    }
    index
}

#[test]
fn a_word_is_the_same_with_the_index_without_it_and_with_half_of_it() {
    let (store, _) = store();
    let events = stored(&store);
    let mut chance = StdRng::seed_from_u64(9);
    let without = |index: IndexUse| index.words.expect("words are asked").unindexed;
    assert_eq!(without(check_words(&store, &events, &mut chance, "as flushed")), 0);
    compact_all(&store);
    assert_eq!(without(check_words(&store, &events, &mut chance, "after compaction")), 0);

    // Of another writer, so with other ids.
    let (store, _) = self::store();
    let events = stored(&store);
    let half = |number: usize| ParquetSettings {
        word_index_share_max: if number.is_multiple_of(2) { 0.0 } else { 0.12 },
        ..ParquetSettings::default()
    };
    compact_with(&store, half);
    let index = check_words(&store, &events, &mut chance, "with half of the index").words.unwrap();
    assert!(index.unindexed > 0 && index.files > 0, "{index:?}");
}

#[test]
fn a_word_opens_only_the_files_and_segments_that_hold_it() {
    let (store, _) = store();
    compact_all(&store);
    let engine = store.engine();
    let search = |text: &str| {
        let query = EventQuery { text: Some(text.to_owned()), limit: 1_000, ..EventQuery::default() };
        store.runtime.block_on(engine.search(&query)).unwrap()
    };
    let rows = store.sql(
        &engine,
        "select json_get_str(payload, 'syncInstanceId') from events where payload like '%syncInstanceId%' limit 500",
    );
    for id in rows.into_iter().flatten().filter(|id| !id.is_empty()).step_by(25) {
        let page = search(&id);
        assert!(page.events.num_rows() > 0, "{id}");
        assert!(page.stats.segments_read <= 3, "{id}: {:?}", page.stats);
        // Words that are everywhere do not widen it.
        let both = search(&format!("{id} syncInstanceId"));
        assert_eq!((both.events, both.stats.segments_read), (page.events, page.stats.segments_read), "{id}");
        let both = search(&format!("syncInstanceId {id}"));
        assert!(both.stats.segments_read <= 3, "{id}: {:?}", both.stats);
    }
    let absent = search("nowhere12345");
    assert_eq!((absent.stats.segments_read, absent.stats.rows_decoded), (0, 0), "{:?}", absent.stats);
}

#[test]
fn sql_finds_words_by_the_index_and_says_so() {
    let (store, _) = store();
    compact_all(&store);
    let engine = store.engine();
    let events = stored(&store);
    let mut chance = StdRng::seed_from_u64(10);
    let ids = |condition: &str| -> BTreeSet<String> {
        let rows = store.sql(&engine, &format!("select id from events where {condition}"));
        rows.into_iter().flatten().collect()
    };
    for _ in 0..40 {
        let event = &events[chance.random_range(0..events.len())];
        let texts = [&event.texts[0], &event.texts[1]];
        let text = texts[chance.random_range(0..2)];
        // Any part of the text, whatever it begins and ends with.
        let from = chance.random_range(0..text.len().max(1));
        let Some(part) = text.get(from..(from + chance.random_range(1..40)).min(text.len())) else { continue };
        if part.contains(['%', '_', '\\', '\'']) {
            continue;
        }
        // Positions are no pattern: nothing can be pruned by them.
        let plain = |column: &str| format!("strpos(lower({column}), '{part}') > 0");
        for column in ["message", "payload"] {
            assert_eq!(ids(&format!("lower({column}) like '%{part}%'")), ids(&plain(column)), "{part}");
            assert_eq!(ids(&format!("{column} ilike '%{part}%'")), ids(&plain(column)), "{part}");
            let exact = format!("strpos({column}, '{part}') > 0");
            assert_eq!(ids(&format!("{column} like '%{part}%'")), ids(&exact), "{part}");
            assert_eq!(ids(&format!("contains({column}, '{part}')")), ids(&exact), "{part}");
        }
        let either = format!("message like '%{part}%' or payload like '%{part}%'");
        assert_eq!(
            ids(&either),
            ids(&format!("strpos(message, '{part}') > 0 or strpos(payload, '{part}') > 0")),
            "{part}"
        );
    }
    let explain = |condition: &str| {
        let plan = store.sql(&engine, &format!("explain select id from events where {condition}"));
        plan.into_iter().flatten().collect::<Vec<_>>().join("\n")
    };
    let plan = explain("payload like '%\"nowhere12345\"%'");
    assert!(plan.contains("index=[words]") && plan.contains("segments=0"), "{plan}");
    let plan = explain(&format!("end_user_id = '{}'", events[0].user));
    assert!(plan.contains("index=[words]"), "{plan}");
    let plan = explain("payload like '%where%'");
    assert!(plan.contains("index=[scan: the text has no whole word]"), "{plan}");
}

#[test]
fn a_damaged_word_index_costs_a_look_into_its_file_and_no_row() {
    let (mut store, _) = store();
    let events = stored(&store);
    compact_all(&store);
    let snapshot = store.table.snapshot();
    for file in snapshot.files(&FileFilter::all()) {
        let path = store.table_dir().join(&file.path);
        let mut bytes = std::fs::read(&path).unwrap();
        let key = bytes.windows(21).rposition(|window| window == b"annals-words-1 offset").expect("a word index");
        let value = String::from_utf8_lossy(&bytes[key..key + 80]).into_owned();
        let number = |name: &str| -> usize {
            let digits = value.split(name).nth(1).unwrap();
            digits[..digits.find(|digit: char| !digit.is_ascii_digit()).unwrap()].parse().unwrap()
        };
        let (start, length) = (number("offset="), 32 * number("blocks=") * number("segments="));
        // The rows of a block of sums that the index shares with them are damaged with it: only what lies behind is hit.
        let first = start.next_multiple_of(65_536);
        if first < start + length {
            bytes[first] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    store.reopen();
    let mut chance = StdRng::seed_from_u64(11);
    let index = check_words(&store, &events, &mut chance, "with damaged indexes").words.unwrap();
    assert!(index.unindexed > 0, "{index:?}");
}

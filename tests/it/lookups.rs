//! [`Lookups`]: random traces, words and ids looked up in a store, and what must be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use annals_event::columns;
use annals_query::{Engine, EventQuery, IndexUse, PAGE_EVENTS_MAX, TraceQuery};
use annals_table::{FileFilter, ParquetSettings};
use annals_testkit::GeneratorSettings;
use annals_writer::{CompactionPlan, CompactionSettings, compact};
use arrow::array::AsArray;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::{TestStore, generated};

pub(crate) const FLUSHES: usize = 12;

/// A store of several flushes, and the ids of each trace's events.
pub(crate) fn store() -> (TestStore, BTreeMap<String, BTreeSet<String>>) {
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
pub(crate) fn traces(store: &TestStore) -> BTreeMap<String, BTreeSet<String>> {
    let mut traces: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in store.sql(&store.engine(), "select trace_id, id from events where trace_id is not null") {
        traces.entry(row[0].clone()).or_default().insert(row[1].clone());
    }
    traces
}

pub(crate) fn found(store: &TestStore, engine: &Engine, trace: &str) -> (BTreeSet<String>, annals_query::ScanStats) {
    let query = TraceQuery { trace_id: trace.to_owned(), project: None, from_us: None, until_us: None, limit: 1_000 };
    let page = store.runtime.block_on(engine.trace(&query)).unwrap();
    let ids = page.events.column_by_name(columns::ID).unwrap().as_string_view();
    let times = page.events.column_by_name(columns::TIMESTAMP).unwrap();
    assert!(times.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().values().is_sorted());
    (ids.iter().map(|id| id.unwrap().to_owned()).collect(), page.stats)
}

pub(crate) fn by_traces(unindexed: u64) -> IndexUse {
    IndexUse { traces: Some(unindexed), ..IndexUse::default() }
}

pub(crate) fn runs(store: &TestStore) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(store.table_dir().join("_index")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

pub(crate) fn compact_all(store: &TestStore) {
    compact_with(store, |_| ParquetSettings::default());
}

/// Merges all files, each group of them by settings of its own.
pub(crate) fn compact_with(store: &TestStore, parquet: impl Fn(usize) -> ParquetSettings) {
    let settings = CompactionSettings::default();
    let snapshot = store.table.refresh().unwrap();
    let plan = CompactionPlan::whole(&snapshot, &FileFilter::all(), &settings);
    assert!(!plan.groups.is_empty());
    for (number, group) in plan.groups.iter().enumerate() {
        let now_us = store.clock.now_us();
        compact(&store.table, &store.store, group, &parquet(number), &settings, now_us).unwrap();
    }
}

/// An event as a search sees it.
pub(crate) struct Stored {
    id: String,
    pub(crate) user: String,
    /// Message, payload and error in lower case.
    pub(crate) texts: [String; 3],
}

pub(crate) fn stored(store: &TestStore) -> Vec<Stored> {
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

/// Random lookups, each compared with what is known without an index.
pub(crate) struct Lookups {
    chance: StdRng,
    /// So many in every state of a store.
    each: u64,
    /// So many there were.
    pub(crate) done: u64,
}

impl Lookups {
    pub(crate) fn new(seed: u64, each: u64) -> Self {
        Self { chance: StdRng::seed_from_u64(seed), each, done: 0 }
    }

    /// Looks up traces that are there and some that are not, by the road that skips the planner and now and then in SQL.
    pub(crate) fn traces(
        &mut self,
        store: &TestStore,
        traces: &BTreeMap<String, BTreeSet<String>>,
        when: &str,
    ) -> IndexUse {
        let engine = store.engine();
        let mut index = IndexUse::default();
        let all: Vec<_> = traces.iter().collect();
        let none = BTreeSet::new();
        for lookup in 0..self.each {
            let absent = (lookup % 4 == 3).then(|| format!("{:032x}", self.chance.random::<u128>()));
            let (trace, events) = match &absent {
                Some(absent) => (absent, &none),
                None => all[self.chance.random_range(0..all.len())],
            };
            let (ids, stats) = found(store, &engine, trace);
            assert_eq!(&ids, events, "{when}: trace {trace}, {stats:?}");
            if absent.is_none() {
                index = stats.index;
            }
            if lookup % 20 < 4 {
                let rows = store.sql(&engine, &format!("select id from events where trace_id = '{trace}'"));
                assert_eq!(rows.len(), events.len(), "{when}: trace {trace} in SQL");
                assert!(rows.iter().flatten().all(|id| events.contains(id)), "{when}: trace {trace} in SQL");
                self.done += 1;
            }
            self.done += 1;
        }
        index
    }

    /// Searches for words and users of events and for words that are nowhere.
    pub(crate) fn words(&mut self, store: &TestStore, events: &[Stored], when: &str) -> IndexUse {
        let engine = store.engine();
        let mut index = IndexUse::default();
        for lookup in 0..self.each {
            let event = &events[self.chance.random_range(0..events.len())];
            if lookup % 5 == 1 && event.user.is_empty() {
                continue;
            }
            let mut query = EventQuery { limit: PAGE_EVENTS_MAX, ..EventQuery::default() };
            let word = match lookup % 5 {
                0 => Some(format!("absent{}", self.chance.random::<u32>())),
                1 => None,
                _ => needle(&event.texts[self.chance.random_range(0..2)], &mut self.chance),
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
            let counted = counted.buckets.iter().map(|bucket| bucket.total).sum::<u64>();
            assert_eq!(counted, expected.len() as u64, "{when}: {query:?}");
            index += page.stats.index;
            self.done += 2;
        }
        index
    }
}

//! The indexes: what they open, what they say of themselves in SQL, and what damage to them costs.
//!
//! That answers are the same with them, without them and with half of them is `proofs::lookups`.

use std::collections::BTreeSet;

use annals_query::EventQuery;
use annals_table::FileFilter;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::lookups::{Lookups, by_traces, compact_all, found, runs, store, stored};
use crate::support::TestStore;

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
    let mut lookups = Lookups::new(8, 200);
    lookups.traces(&store, &traces, "with a damaged index");
    let tended = store.table.tend_trace_index(&store.store, || true).unwrap();
    assert!(tended.files_indexed > 0, "{tended:?}");
    assert_eq!(lookups.traces(&store, &traces, "mended"), by_traces(0));
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

/// `value` as JSON may write it: some characters, up to all of them, as escapes.
fn written(value: &str, escaped: f64, chance: &mut StdRng) -> String {
    let mut text = String::new();
    for character in value.chars() {
        match character {
            _ if chance.random_bool(escaped) => {
                let code = format!("{:04x}", character as u32);
                text.push_str(r"\u");
                text.push_str(&if chance.random_bool(0.5) { code.to_uppercase() } else { code });
            }
            '\n' => text.push_str(r"\n"),
            '"' | '\\' => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text
}

#[test]
fn sql_finds_members_of_json_however_they_are_written() {
    const VALUES: [&str; 8] = [
        "269c5ca0-7768-4afd-946c-24be04b7062b",
        "noah.novak@oakridge.example",
        "rate limit\nexceeded, 4711 times",
        "C:\\new\\users",
        "naïve café",
        "say \"never\"",
        "bearer-1ccd-449f-a036-token",
        "rec0001x",
    ];
    let store = TestStore::new();
    let mut chance = StdRng::seed_from_u64(12);
    let line = |number: usize, member: &str| {
        format!(
            r#"{{"timestamp":"2026-05-01T00:00:{:02}Z","projectId":"acme","level":"INFO","type":"t","message":"m","payload":{{"member":"{member}","n":{number}}}}}
"#,
            number % 60
        )
    };
    // Each value in a file of its own as it reads, and in one as each writer fancied.
    for (at, value) in VALUES.iter().enumerate() {
        store.ingest(line(at, &written(value, 0.0, &mut chance)).as_bytes());
        let fancied: String = [0.1, 0.5, 1.0].map(|escaped| line(at, &written(value, escaped, &mut chance))).concat();
        store.ingest(fancied.as_bytes());
    }
    let engine = store.engine();
    let ids = |condition: &str| -> BTreeSet<String> {
        let rows = store.sql(&engine, &format!("select id from events where {condition}"));
        rows.into_iter().flatten().collect()
    };
    let explain = |condition: &str| {
        let plan = store.sql(&engine, &format!("explain select id from events where {condition}"));
        plan.into_iter().flatten().collect::<Vec<_>>().join("\n")
    };
    for (value, next) in VALUES.iter().zip(VALUES.iter().cycle().skip(1)) {
        let member = |value: &str| format!("payload->>'member' = '{value}'");
        assert_eq!(ids(&member(value)).len(), 4, "{value}");
        assert_eq!(ids(&format!("payload->>'member' in ('{value}', '{next}')")).len(), 8, "{value}, {next}");
        let either = format!("{} or json_get_str(payload, 'member') = '{next}'", member(value));
        assert_eq!(ids(&either).len(), 8, "{either}");
    }
    let files_read = |plan: &str| {
        let number = |name: &str| -> usize {
            let digits = plan.split(name).nth(1).unwrap();
            digits[..digits.find(|digit: char| !digit.is_ascii_digit()).unwrap()].parse().unwrap()
        };
        assert!(plan.contains("index=[words]"), "{plan}");
        number("files_total=") - number("files_pruned=")
    };
    // The file in which it reads so, and those with escapes; of the other seven hardly one.
    let plan = explain("payload->>'member' = '269c5ca0-7768-4afd-946c-24be04b7062b'");
    assert!((9..=11).contains(&files_read(&plan)), "{plan}");
    let plan = explain("payload like '%269c5ca0-7768-4afd-946c-24be04b7062b%'");
    assert!((1..=3).contains(&files_read(&plan)), "{plan}");
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
        let key = bytes.windows(21).rposition(|window| window == b"annals-words-2 offset").expect("a word index");
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
    let index = Lookups::new(11, 150).words(&store, &events, "with damaged indexes").words.unwrap();
    assert!(index.unindexed > 0, "{index:?}");
}

//! Promise 11: what was acknowledged is found by every lookup, whatever is there of the indexes: as flushed, after compaction and
//! retention, with all of them, half of them and none, and no less than by reading everything.

use annals_event::Day;
use annals_query::IndexUse;
use annals_table::ParquetSettings;
use annals_writer::expire;

use super::{Form, Proof, seed};
use crate::lookups::{
    FLUSHES, Lookups, by_traces, compact_all, compact_with, runs, store, stored, traces as stored_traces,
};

/// A lookup that finds something else ends the test where it happens.
fn proof(lookups: &Lookups) -> Proof {
    Proof { promise: 11, runs: lookups.done, ..Proof::default() }
}

#[test]
fn a_trace_is_the_same_with_the_index_without_it_and_with_half_of_it() {
    let (mut store, mut traces) = store();
    let mut lookups = Lookups::new(seed(), Form::asked().of(200, 10_000));
    let indexed = by_traces(0);
    assert_eq!(lookups.traces(&store, &traces, "as flushed"), indexed);
    assert_eq!(runs(&store).len(), FLUSHES, "a run beside each commit");
    store.reopen();
    assert_eq!(lookups.traces(&store, &traces, "by another process"), indexed);

    for run in runs(&store).iter().step_by(2) {
        std::fs::remove_file(run).unwrap();
    }
    store.reopen();
    let half = lookups.traces(&store, &traces, "with half of the index");
    let unindexed = half.traces.expect("the index is asked");
    let files = store.table.snapshot().file_count();
    assert!(unindexed > 0 && unindexed < files, "{unindexed} of {files}");

    compact_all(&store);
    assert_eq!(lookups.traces(&store, &traces, "after compaction"), indexed);
    let tended = store.table.tend_trace_index(&store.store, || true).unwrap();
    assert_eq!((tended.files_indexed, tended.files_left), (0, 0));
    assert!(runs(&store).len() < 12, "{tended:?}");
    lookups.traces(&store, &traces, "after merging runs");

    for run in runs(&store) {
        std::fs::remove_file(run).unwrap();
    }
    store.reopen();
    let files = store.table.snapshot().file_count();
    assert_eq!(lookups.traces(&store, &traces, "without index"), by_traces(files));
    let tended = store.table.tend_trace_index(&store.store, || true).unwrap();
    assert_eq!((tended.files_indexed, tended.index.runs), (files, 1));
    assert_eq!(lookups.traces(&store, &traces, "indexed again"), indexed);

    let rebuilt = store.table.rebuild_trace_index(&store.store, |_| {}).unwrap();
    assert_eq!((rebuilt.files_indexed, runs(&store).len()), (files, 1));
    assert_eq!(lookups.traces(&store, &traces, "rebuilt"), indexed);

    let last_day: String = store.sql(&store.engine(), "select max(day) from events")[0][0].clone();
    expire(&store.table, last_day.parse::<Day>().unwrap()).unwrap();
    let kept = stored_traces(&store);
    assert!(!kept.is_empty() && kept.len() < traces.len());
    for (trace, events) in &mut traces {
        *events = kept.get(trace).cloned().unwrap_or_default();
    }
    assert_eq!(lookups.traces(&store, &traces, "after retention"), indexed);
    Proof { what: "traces looked up, by index, half of it and none, in SQL too", ..proof(&lookups) }.tell();
}
#[test]
fn a_word_is_the_same_with_the_index_without_it_and_with_half_of_it() {
    let (store, _) = store();
    let events = stored(&store);
    let mut lookups = Lookups::new(seed(), Form::asked().of(150, 4_000));
    let without = |index: IndexUse| index.words.expect("words are asked").unindexed;
    assert_eq!(without(lookups.words(&store, &events, "as flushed")), 0);
    compact_all(&store);
    assert_eq!(without(lookups.words(&store, &events, "after compaction")), 0);

    // Of another writer, so with other ids.
    let (store, _) = self::store();
    let events = stored(&store);
    let half = |number: usize| ParquetSettings {
        word_index_share_max: if number.is_multiple_of(2) { 0.0 } else { 0.12 },
        ..ParquetSettings::default()
    };
    compact_with(&store, half);
    let index = lookups.words(&store, &events, "with half of the index").words.unwrap();
    assert!(index.unindexed > 0 && index.files > 0, "{index:?}");
    Proof { what: "words, phrases and users looked up, by index and half of it", ..proof(&lookups) }.tell();
}

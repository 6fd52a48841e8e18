//! An event is found by its id wherever it is, and at little cost where its id tells.

use annals_event::{Level, assigned_id};
use annals_table::{Lsn, WriterId};

use super::*;
use crate::fixture::{BASE_US, NOON_US, Row, TestStore, WRITER, batch, ids, plain_rows};

fn assigned(writer: u32, seq: u64) -> String {
    String::from_utf8(assigned_id(NOON_US, writer, seq).to_vec()).unwrap()
}

/// Rows with these seqs and the ids that the log gives them.
fn assigned_rows(seqs: std::ops::RangeInclusive<u64>) -> Vec<Row> {
    let mut rows = plain_rows(seqs.clone().count());
    for (row, seq) in rows.iter_mut().zip(seqs) {
        row.seq = seq as i64;
        row.id = assigned(WRITER.0, seq);
    }
    rows
}

/// Four flushes of ten events.
fn store() -> TestStore {
    let store = TestStore::new();
    for first in [1, 11, 21, 31] {
        store.flush(&batch(&assigned_rows(first..=first + 9)), first);
    }
    store
}

fn find(store: &TestStore, id: &str) -> Option<(Vec<String>, ScanStats)> {
    let found = store.block_on(store.engine().event(id, None)).unwrap();
    found.map(|(event, stats)| (ids(&event), stats))
}

#[test]
fn an_assigned_id_costs_the_files_of_its_flush() {
    let store = store();
    let (event, stats) = find(&store, &assigned(WRITER.0, 25)).unwrap();
    assert_eq!(event, [assigned(WRITER.0, 25)]);
    assert_eq!((stats.files_total, stats.files_considered, stats.files_opened), (4, 1, 1));
}

#[test]
fn an_id_that_looks_assigned_is_found_where_it_cannot_have_been_assigned() {
    let store = store();
    // As if given by clients: of another writer, of a seq that a flush has for another row, of a seq that is to come.
    for (first, id) in [(41, assigned(9, 25)), (42, assigned(WRITER.0, 25)), (43, assigned(WRITER.0, 1_000))] {
        let mut rows = plain_rows(1);
        rows[0] = Row { timestamp: BASE_US, seq: first, id: id.clone(), level: Level::Warn, ..rows[0].clone() };
        store.flush(&batch(&rows), first as u64);
        assert_eq!(find(&store, &id).unwrap().0, [id]);
    }
}

#[test]
fn any_other_id_is_found_and_one_that_is_not_there_is_not() {
    let store = store();
    store.flush(&batch(&plain_rows(3)), 41);
    assert_eq!(find(&store, "id-00002").unwrap().0, ["id-00002"]);
    assert!(find(&store, "id-00003").is_none());
    assert!(find(&store, &assigned(WRITER.0, 99)).is_none());
    assert!(find(&store, "").is_none());
}

#[test]
fn the_project_narrows() {
    let store = store();
    let engine = store.engine();
    let id = assigned(WRITER.0, 5);
    let find = |project: &str| store.block_on(engine.event(&id, Some(&ProjectId::new(project).unwrap()))).unwrap();
    assert!(find("acme").is_some());
    assert!(find("beta").is_none());
}

#[test]
fn only_files_of_the_flush_may_hold_an_assigned_row() {
    let id = parse_assigned_id(&assigned(0xffff_ffff, 7)).unwrap();
    let origin =
        |writer, first, last| Some(FileOrigin { writer: WriterId(writer), first_lsn: Lsn(first), last_lsn: Lsn(last) });
    for (origin, expected) in [
        (None, true),
        (origin(0xffff_ffff, 7, 7), true),
        (origin(0x003f_ffff, 1, 9), true),
        (origin(0x001f_ffff, 1, 9), false),
        (origin(0xffff_ffff, 8, 9), false),
        (origin(0xffff_ffff, 1, 6), false),
        // Beyond what an id can say.
        (origin(0xffff_ffff, SEQ_MAX, SEQ_MAX + 1), true),
    ] {
        assert_eq!(may_hold(origin, id), expected, "{origin:?}");
    }
}

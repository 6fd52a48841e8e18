use std::path::Path;
use std::sync::Arc;

use annals_table::{Lsn, OsFileSystem};
use bytes::Bytes;

use super::{FILE_BYTES_MAX, Ledger, LedgerEntry};
use crate::known_ids::{IdHash, id_hash};
use crate::receipt::{Ack, Receipt};
use crate::request_key::{KeyRecord, KnownReceipt, RequestHash, RequestKey};

const HOUR_US: i64 = 3_600_000_000;

fn open(dir: &Path, ids_max: u64) -> (Ledger, Vec<IdHash>, Vec<KeyRecord>) {
    let (mut ids, mut requests) = (Vec::new(), Vec::new());
    let ledger = Ledger::open(
        Arc::new(OsFileSystem),
        dir,
        ids_max,
        24 * HOUR_US,
        |id| ids.push(id),
        |record| requests.push(record),
    );
    (ledger.unwrap(), ids, requests)
}

fn record(number: u8, at_us: i64) -> KeyRecord {
    let receipt = Receipt { ack: Ack::Stored, accepted: 5, duplicates: 2, lsn: Lsn(11)..=Lsn(15) };
    let known = KnownReceipt { receipt, note: Bytes::from(vec![b'n'; usize::from(number)]) };
    KeyRecord { key: RequestKey([number; 16]), request: RequestHash([7; 16]), at_us, known }
}

fn entry(ids: std::ops::Range<u32>, requests: Vec<KeyRecord>) -> LedgerEntry {
    let ids = ids.map(|number| id_hash("p", &number.to_string())).collect();
    LedgerEntry { last_lsn: Lsn(1), ids, requests }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_appended_is_told_at_the_next_open() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, ids, requests) = open(dir.path(), 100);
    assert!(ids.is_empty() && requests.is_empty());
    let entries = [entry(0..3, vec![record(1, 0), record(2, 5)]), entry(3..4, vec![]), entry(0..0, vec![record(0, 6)])];
    ledger.append(&entries, 10).unwrap();
    ledger.append(&[entry(4..6, vec![])], 10).unwrap();
    let (_, ids, requests) = open(dir.path(), 100);
    assert_eq!(ids, entry(0..6, vec![]).ids);
    assert_eq!(requests, [record(1, 0), record(2, 5), record(0, 6)]);
}

#[test]
fn a_torn_or_damaged_end_tells_what_stands_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, ..) = open(dir.path(), 100);
    ledger.append(&[entry(0..2, vec![])], 0).unwrap();
    ledger.append(&[entry(2..4, vec![])], 0).unwrap();
    let path = dir.path().join(&names(dir.path())[0]);
    let whole = std::fs::read(&path).unwrap();
    let first_block = whole.len() - (16 + 32);
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let expected = if cut >= first_block { 2 } else { 0 };
        assert_eq!(open(dir.path(), 100).1.len(), expected, "cut at {cut}");
    }
    for at in first_block..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(open(dir.path(), 100).1.len(), 2, "damaged at {at}");
    }
}

#[test]
fn files_of_ids_leave_when_newer_ones_hold_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let per_file = (FILE_BYTES_MAX / 16) as u32;
    let (mut ledger, ..) = open(dir.path(), u64::from(per_file));
    for round in 0..4 {
        ledger.append(&[entry(round * per_file..(round + 1) * per_file, vec![])], 0).unwrap();
    }
    assert_eq!(names(dir.path()).len(), 1);
    let (mut ledger, ids, _) = open(dir.path(), u64::from(per_file));
    assert_eq!(ids.last(), entry(4 * per_file - 1..4 * per_file, vec![]).ids.first());
    ledger.append(&[entry(0..1, vec![])], 0).unwrap();
    assert_eq!(names(dir.path()).len(), 2, "one id more does not hold the window");
}

#[test]
fn files_of_requests_of_a_clock_that_ran_ahead_leave_in_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, ..) = open(dir.path(), 100);
    let ahead_us = 100_000 * HOUR_US;
    ledger.append(&[entry(0..0, vec![record(1, ahead_us)])], ahead_us).unwrap();
    let (mut ledger, _, requests) = open(dir.path(), 100);
    assert_eq!(requests.len(), 1);
    for hour in 0..25 {
        assert_eq!(names(dir.path()).len(), 1, "{hour}");
        ledger.append(&[], hour * HOUR_US).unwrap();
    }
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn files_of_requests_leave_when_all_their_keys_expired() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, ..) = open(dir.path(), 100);
    for hour in 0..40 {
        let now_us = hour * HOUR_US;
        ledger.append(&[entry(0..0, vec![record(hour as u8, now_us)])], now_us).unwrap();
    }
    assert!(names(dir.path()).len() <= 26, "{}", names(dir.path()).len());
    let (_, _, requests) = open(dir.path(), 100);
    assert_eq!(requests.iter().filter(|record| record.at_us > (39 - 24) * HOUR_US).count(), 24);
}

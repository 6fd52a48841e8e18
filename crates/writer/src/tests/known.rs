//! What is stored once: events with ids, and requests with keys.

use std::path::Path;

use bytes::Bytes;

use super::*;
use crate::{Claim, KeyClaim, KnownReceipt, RequestHash, RequestKey, Share, ShareKey};

const REQUEST: RequestHash = RequestHash([2; 16]);

fn with_ids(ids: &[&str]) -> RecordBatch {
    let lines: Vec<_> = ids.iter().map(|id| format!(r#"{{"type":"t","projectId":"p","id":"{id}"}}"#)).collect();
    EventDecoder::new(DecodeSettings::default(), None)
        .decode_ndjson(lines.join("\n").as_bytes(), SystemClock.now_us())
        .batch
}

fn append(writer: &Writer, ids: &[&str]) -> (u64, u64) {
    let receipt = writer.append(with_ids(ids), Ack::Wal).unwrap().wait().unwrap();
    (receipt.accepted, receipt.duplicates)
}

fn claim(writer: &Writer, key: u8) -> KeyClaim {
    match writer.claim(RequestKey([key; 16]), REQUEST) {
        Claim::New(claim) => claim,
        other => panic!("expected a new key, found {other:?}"),
    }
}

fn known(writer: &Writer, key: u8) -> KnownReceipt {
    match writer.claim(RequestKey([key; 16]), REQUEST) {
        Claim::Known(known) => known,
        other => panic!("expected a known key, found {other:?}"),
    }
}

fn keyed(claim: KeyClaim, rows: u32) -> Share {
    let key = ShareKey { claim, note: Bytes::from_static(b"told") };
    Share { rows, ack: Ack::Wal, key: Some(key) }
}

fn stored_rows(writer: &Writer, table: &Table) -> u64 {
    writer.flush().unwrap();
    table.snapshot().totals().rows
}

#[test]
fn an_id_sent_again_is_stored_once_across_flush_and_restart() {
    let bed = Bed::new();
    let (writer, table) = bed.open();
    assert_eq!(append(&writer, &["a", "b", "a"]), (2, 1));
    assert_eq!(append(&writer, &["b", "c"]), (1, 1));
    assert_eq!(stored_rows(&writer, &table), 3);
    assert_eq!(append(&writer, &["c", "a"]), (0, 2));
    writer.close(false).unwrap();
    let (writer, _) = bed.open();
    assert_eq!(append(&writer, &["d", "b"]), (1, 1));
    writer.close(false).unwrap();
    let (writer, table) = bed.open();
    assert_eq!(append(&writer, &["d", "e"]), (1, 1));
    assert_eq!(stored_rows(&writer, &table), 5);
}

#[test]
fn each_share_hears_of_its_own_rows() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    append(&writer, &["a", "d"]);
    let share = |rows| Share { rows, ack: Ack::Wal, key: None };
    let shares = vec![share(2), share(0), share(2), share(1)];
    let tickets = writer.append_shares(with_ids(&["a", "b", "c", "b", "d"]), shares).unwrap();
    let receipts: Vec<_> = tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect();
    let told: Vec<_> = receipts.iter().map(|receipt| (receipt.accepted, receipt.duplicates)).collect();
    assert_eq!(told, [(1, 1), (0, 0), (1, 1), (0, 1)]);
    assert_eq!((receipts[0].lsn.clone(), receipts[2].lsn.clone()), (Lsn(3)..=Lsn(3), Lsn(4)..=Lsn(4)));
    assert!(receipts[1].lsn.is_empty() && receipts[3].lsn.is_empty());
    assert_eq!(writer.append_shares(with_ids(&["z"]), vec![share(2)]).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_key_is_answered_alike_before_and_after_flush_and_restart() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    let tickets = writer.append_shares(batch(3), vec![keyed(claim(&writer, 1), 3)]).unwrap();
    let first = tickets.into_iter().next().unwrap().wait().unwrap();
    let expected = KnownReceipt { receipt: first, note: Bytes::from_static(b"told") };
    assert_eq!(known(&writer, 1), expected);
    assert!(matches!(writer.claim(RequestKey([1; 16]), RequestHash([9; 16])), Claim::OtherRequest));
    writer.close(false).unwrap();
    let (writer, _) = bed.open();
    assert_eq!(known(&writer, 1), expected, "from the log");
    writer.close(true).unwrap();
    let (writer, _) = bed.open();
    assert_eq!(known(&writer, 1), expected, "after the log was cut");
    writer.close(false).unwrap();
    let (writer, _) = bed.open();
    assert_eq!(known(&writer, 1), expected, "after another start");
}

#[test]
fn a_key_of_a_request_without_new_rows_is_remembered_too() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    append(&writer, &["a"]);
    let tickets = writer.append_shares(with_ids(&["a"]), vec![keyed(claim(&writer, 5), 1)]).unwrap();
    assert_eq!(tickets.into_iter().next().unwrap().wait().unwrap().duplicates, 1);
    let empty = writer.append_shares(with_ids(&[]), vec![keyed(claim(&writer, 6), 0)]).unwrap();
    assert_eq!(empty.into_iter().next().unwrap().wait().unwrap().accepted, 0);
    writer.close(false).unwrap();
    let (writer, table) = bed.open();
    assert_eq!(known(&writer, 5).receipt.duplicates, 1);
    assert_eq!(known(&writer, 6).receipt.accepted, 0);
    assert_eq!(writer.status().next_lsn, Lsn(2));
    assert_eq!(stored_rows(&writer, &table), 1);
}

#[test]
fn a_refused_append_frees_its_key_and_its_ids() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    let wrong = Share { rows: 7, ..keyed(claim(&writer, 1), 7) };
    writer.append_shares(with_ids(&["a"]), vec![wrong]).unwrap_err();
    drop(claim(&writer, 1));
    assert_eq!(append(&writer, &["a"]), (1, 0));
}

#[test]
fn a_kill_between_any_two_steps_of_a_flush_forgets_no_key_and_no_id() {
    // What a kill leaves is what stands on disk: all of it is copied while the writer works.
    let mut bed = Bed::new();
    bed.settings = WriterSettings { freeze_rows: 5, ..bed.settings };
    let (writer, _) = bed.open();
    for turn in 0..30_u8 {
        let id = format!("id-{turn}");
        let tickets = writer.append_shares(with_ids(&[&id, "same"]), vec![keyed(claim(&writer, turn), 2)]).unwrap();
        for ticket in tickets {
            ticket.wait().unwrap();
        }
        if turn % 5 != 0 {
            continue;
        }
        let copy = Bed { dir: tempfile::tempdir().unwrap(), ..Bed::new() };
        copy_as_killed(bed.dir.path(), copy.dir.path());
        let (later, _) = copy.open();
        for earlier in 0..=turn {
            assert_eq!(known(&later, earlier).note, "told", "key {earlier} after {turn}");
        }
        assert_eq!(append(&later, &[&id, "same"]), (0, 2));
    }
}

/// Copies log and table in the order in which each part rests on the next: what is cut while we copy stands in what is
/// copied afterwards.
fn copy_as_killed(from: &Path, to: &Path) {
    let is_in = |part: &'static str| move |path: &Path| path.to_string_lossy().contains(part);
    copy(from, to, &is_in("segment-"));
    copy(from, to, &is_in("_delta_log"));
    copy(from, to, &is_in(".parquet"));
    copy(from, to, &is_in("ledger-"));
}

fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&path, &target, wanted);
        } else if wanted(&path) {
            // A segment that was cut meanwhile is not there any more.
            let _ = std::fs::copy(&path, target);
        }
    }
}

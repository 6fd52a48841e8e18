//! Damaged logs: what stops a start, what a repair makes of it, and what a report says.

use std::path::Path;

use super::*;
use crate::{Repair, WalReport, verify_wal};

/// Rows of each append.
const ROWS: usize = 10;

/// A closed log of `appends` frames in several segments, of which nothing is in the table.
fn closed_log(appends: usize) -> Bed {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    for _ in 0..appends {
        writer.append(noisy(ROWS), Ack::Wal).unwrap().wait().unwrap();
    }
    writer.close(false).unwrap();
    bed
}

/// Rows that do not compress to nothing, so that segments fill.
fn noisy(rows: usize) -> RecordBatch {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut lines = String::new();
    for _ in 0..rows {
        let mut noise = String::new();
        for _ in 0..64 {
            let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            noise.push_str(&format!("{:016x}", number ^ number.rotate_left(29)));
        }
        lines.push_str(&format!(r#"{{"type":"t","projectId":"p","payload":{{"noise":"{noise}"}}}}"#));
        lines.push('\n');
    }
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    decoder.decode_ndjson(lines.as_bytes(), SystemClock.now_us()).batch
}

impl Bed {
    /// The segments' files, ascending.
    fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.wal_dir()).unwrap().map(|entry| entry.unwrap().path());
        let mut segments: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|ending| ending == "wal")).collect();
        segments.sort();
        segments
    }

    #[track_caller]
    fn refused(&self, file: &Path) {
        let error = self.try_open(Arc::new(OsFileSystem)).expect_err("the damage stops the start");
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{message}");
        assert!(message.contains(file.file_name().unwrap().to_str().unwrap()), "{message}");
        assert!(message.contains("annals repair"), "{message}");
        let error = replay_tail(&self.wal_dir(), Arc::new(OsFileSystem), &self.table()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "a reader stops as well: {error}");
    }

    fn repair(&self) -> (Repair, Arc<Table>) {
        let (table, clock): (_, Arc<dyn Clock>) = (self.table(), Arc::new(SystemClock));
        let (fs, settings): (Arc<dyn FileSystem>, _) = (Arc::new(OsFileSystem), self.settings.clone());
        let (store, wal_dir) = (self.store(Arc::clone(&fs)), self.wal_dir());
        let table_too = Arc::clone(&table);
        (
            Writer::repair(WriterOptions { settings, wal_dir, store, table: table_too, fs, clock, seed: 9 }).unwrap(),
            table,
        )
    }

    fn report(&self) -> WalReport {
        verify_wal(&self.wal_dir(), &OsFileSystem, Some(&self.table())).unwrap()
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}

/// Offset and rows of every frame in a segment, as `WAL.md` has them.
fn frames(path: &Path) -> Vec<(usize, u64)> {
    let bytes = std::fs::read(path).unwrap();
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut at = 40;
    let mut frames = Vec::new();
    while bytes.get(at..at + 4) == Some(b"ANFR") {
        frames.push((at, long(at + 32)));
        at += 56 + long(at + 48) as usize;
    }
    frames
}

#[test]
fn a_repair_keeps_all_rows_that_can_be_read_and_says_which_are_lost() {
    let bed = closed_log(12);
    assert!(bed.segments().len() >= 3, "{:?}", bed.segments());
    let damaged = bed.segments()[1].clone();
    let whole = std::fs::read(&damaged).unwrap();
    let before: u64 = frames(&bed.segments()[0]).iter().map(|(_, rows)| rows).sum();
    flip(&damaged, frames(&damaged)[0].0 + 100);
    bed.refused(&damaged);
    let report = bed.report();
    assert_eq!((report.damaged.len(), report.waiting_rows), (1, 11 * ROWS as u64));

    let (repair, table) = bed.repair();
    let lost = Lsn(before + 1)..=Lsn(before + ROWS as u64);
    assert_eq!((repair.lost.clone(), repair.findings.len()), (vec![lost], 1));
    assert_eq!(table.snapshot().totals().rows, 11 * ROWS as u64);
    let aside = std::fs::read(&repair.set_aside[0]).unwrap();
    assert_eq!(aside.len(), whole.len());
    let report = std::fs::read_to_string(&repair.set_aside[1]).unwrap();
    assert!(report.contains(&format!("lost rows {} to {}", before + 1, before + ROWS as u64)), "{report}");

    // The store goes on, with other numbers for other rows.
    let (writer, table) = bed.open();
    let receipt = writer.append(noisy(1), Ack::Wal).unwrap().wait().unwrap();
    assert_eq!(receipt.lsn, Lsn(12 * ROWS as u64 + 1)..=Lsn(12 * ROWS as u64 + 1));
    writer.close(true).unwrap();
    assert_eq!(table.snapshot().totals().rows, 11 * ROWS as u64 + 1);
    assert!(bed.repair().0.findings.is_empty(), "there is nothing left to repair");
}

#[test]
fn damage_to_the_last_rows_of_a_closed_log_is_no_torn_tail() {
    let bed = closed_log(3);
    let segment = bed.segments().last().unwrap().clone();
    let whole = std::fs::read(&segment).unwrap();
    let last = frames(&segment).last().unwrap().0;
    let known_end = bed.wal_dir().join("known-end");
    for damage in 0..4 {
        let mut bytes = whole.clone();
        match damage {
            0 => bytes[last + 70] ^= 1,
            1 => bytes[last..].fill(0),
            2 => bytes.truncate(last),
            _ => bytes.truncate(last + 60),
        }
        std::fs::write(&segment, &bytes).unwrap();
        bed.refused(&segment);
        assert_eq!(bed.report().damaged.len(), 1);
    }
    // After a crash nobody knows whether the last rows were synced.
    std::fs::remove_file(&known_end).unwrap();
    let report = bed.report();
    assert_eq!((report.damaged.len(), report.torn.len(), report.waiting_rows), (0, 1, 2 * ROWS as u64));
    let (writer, _) = bed.open();
    assert_eq!(tail_rows(&writer), 2 * ROWS);
    drop(writer);
    // What a start found was synced by it.
    assert!(known_end.exists());
}

#[test]
fn rows_lost_from_the_end_keep_their_numbers_after_a_repair() {
    let bed = closed_log(3);
    for segment in bed.segments() {
        std::fs::remove_file(segment).unwrap();
    }
    let error = bed.try_open(Arc::new(OsFileSystem)).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("known-end"), "{error}");
    let (repair, table) = bed.repair();
    assert_eq!((repair.lost.clone(), table.snapshot().totals().rows), (vec![Lsn(1)..=Lsn(3 * ROWS as u64)], 0));
    let (writer, _) = bed.open();
    assert_eq!(writer.status().next_lsn, Lsn(3 * ROWS as u64 + 1));
}

#[test]
fn a_segment_without_a_readable_header_is_set_aside_whole() {
    let bed = closed_log(12);
    let damaged = bed.segments()[1].clone();
    let rows: u64 = frames(&damaged).iter().map(|(_, rows)| rows).sum();
    flip(&damaged, 20);
    bed.refused(&damaged);
    let (repair, table) = bed.repair();
    assert_eq!(repair.findings.len(), 2, "the header, and the rows that are missing behind it");
    assert_eq!(table.snapshot().totals().rows, 12 * ROWS as u64 - rows);
    assert!(!damaged.exists() && repair.set_aside[0].exists());
    bed.open();
}

#[test]
fn a_damaged_ledger_stops_the_start_and_is_named() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    for flush in 0..3 {
        let line = format!(r#"{{"type":"t","projectId":"p","id":"given-{flush}"}}"#);
        let decoded =
            EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(line.as_bytes(), SystemClock.now_us());
        writer.append(decoded.batch, Ack::Wal).unwrap().wait().unwrap();
        writer.flush().unwrap();
    }
    writer.close(true).unwrap();
    let ledger = bed.wal_dir().join("ledger-0000000000000001.ids");
    let whole = std::fs::read(&ledger).unwrap();
    assert_eq!(whole.len(), 16 + 3 * 32);
    for (at, stops) in [(3, true), (17, true), (40, true), (50, true), (16 + 64 + 20, false)] {
        std::fs::write(&ledger, &whole).unwrap();
        flip(&ledger, at);
        let report = bed.report();
        assert_eq!((report.damaged.len(), report.torn.len()), if stops { (1, 0) } else { (0, 1) }, "byte {at}");
        if stops {
            let error = bed.try_open(Arc::new(OsFileSystem)).unwrap_err();
            let message = error.to_string();
            assert!(error.kind() == ErrorKind::Corrupt && message.contains("ledger-0000000000000001.ids"), "{message}");
        } else {
            bed.open();
        }
    }
}

//! Tests of the whole writer, one for each rule of the way in.

mod compaction;
mod damaged;
mod failing_commit;
mod faulty;
mod known;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use annals_event::{Clock, DecodeSettings, EventDecoder, SystemClock};
use annals_table::{FileFilter, FileSystem, Lsn, OsFileSystem, Store, Table, TableOptions};
use arrow::array::RecordBatch;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::faulty::FaultyFileSystem;
use crate::{Ack, ErrorKind, Writer, WriterOptions, WriterSettings, replay_tail};

/// A store in a folder of its own.
struct Bed {
    runtime: Runtime,
    dir: TempDir,
    settings: WriterSettings,
}

impl Bed {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let settings = WriterSettings { wal_segment_bytes: 64 << 10, retry_ms: 1, ..WriterSettings::default() };
        Self { runtime, dir: tempfile::tempdir().unwrap(), settings }
    }

    fn wal_dir(&self) -> PathBuf {
        self.dir.path().join("wal")
    }

    fn store(&self, fs: Arc<dyn FileSystem>) -> Store {
        let url = self.dir.path().join("store");
        Store::open(url.to_str().unwrap(), fs, self.runtime.handle().clone()).unwrap()
    }

    fn table(&self) -> Arc<Table> {
        self.table_of(&self.store(Arc::new(OsFileSystem)))
    }

    fn table_of(&self, store: &Store) -> Arc<Table> {
        Arc::new(Table::open_or_create(store, TableOptions::events(), Arc::new(SystemClock)).unwrap())
    }

    /// A writer whose log is on `fs`.
    fn try_open(&self, fs: Arc<dyn FileSystem>) -> crate::Result<(Writer, Arc<Table>)> {
        self.try_open_over(Arc::new(OsFileSystem), fs)
    }

    /// A writer whose table is on `store_fs` and whose log is on `fs`.
    fn try_open_over(
        &self,
        store_fs: Arc<dyn FileSystem>,
        fs: Arc<dyn FileSystem>,
    ) -> crate::Result<(Writer, Arc<Table>)> {
        let store = self.store(store_fs);
        let table = self.table_of(&store);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (settings, wal_dir) = (self.settings.clone(), self.wal_dir());
        let options = WriterOptions { settings, wal_dir, store, table: Arc::clone(&table), fs, clock, seed: 5 };
        Writer::open(options).map(|writer| (writer, table))
    }

    fn open(&self) -> (Writer, Arc<Table>) {
        self.try_open(Arc::new(OsFileSystem)).unwrap()
    }
}

fn batch(rows: usize) -> RecordBatch {
    let body =
        vec![r#"{"type":"t","projectId":"p","payload":{"text":"long enough to be out of line"}}"#; rows].join("\n");
    EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(body.as_bytes(), SystemClock.now_us()).batch
}

fn tail_rows(writer: &Writer) -> usize {
    let view = writer.tail().view();
    view.memtables.iter().flat_map(|memtable| memtable.batches.iter()).map(RecordBatch::num_rows).sum()
}

#[test]
fn rows_move_from_the_tail_to_the_table_and_leave_the_log() {
    let bed = Bed::new();
    let (writer, table) = bed.open();
    let receipt = writer.append(batch(3), Ack::Wal).unwrap().wait().unwrap();
    assert_eq!((receipt.accepted, receipt.lsn), (3, Lsn(1)..=Lsn(3)));
    assert_eq!((tail_rows(&writer), table.snapshot().totals().rows), (3, 0));
    let stored = writer.append(batch(2), Ack::Stored).unwrap();
    writer.flush().unwrap();
    assert_eq!(*stored.wait().unwrap().lsn.end(), Lsn(5));
    assert_eq!((tail_rows(&writer), table.snapshot().totals().rows), (0, 5));
    assert_eq!(writer.status().memtable_bytes, 0);
    writer.close(false).unwrap();
}

#[test]
fn a_start_replays_what_the_table_does_not_hold_and_keeps_the_writer_id() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    writer.append(batch(3), Ack::Wal).unwrap().wait().unwrap();
    writer.flush().unwrap();
    writer.append(batch(4), Ack::Wal).unwrap().wait().unwrap();
    let id = writer.status().writer;
    let before = writer.tail().view();
    writer.close(false).unwrap();
    let read_only = replay_tail(&bed.wal_dir(), Arc::new(OsFileSystem), &bed.table()).unwrap().unwrap();
    let seen = annals_table::TailSource::view(&read_only);
    assert_eq!(seen.memtables[0].batches[0], before.memtables[0].batches[0]);
    let (writer, table) = bed.open();
    assert_eq!((writer.status().writer, writer.status().next_lsn, tail_rows(&writer)), (id, Lsn(8), 4));
    writer.close(true).unwrap();
    assert_eq!(table.snapshot().totals().rows, 7);
}

#[test]
fn the_next_lsn_is_above_the_watermark_when_the_log_lost_its_end() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    writer.append(batch(3), Ack::Memory).unwrap().wait().unwrap();
    writer.close(true).unwrap();
    // The frame is gone as if it had never been synced; the segment's header stays.
    for entry in std::fs::read_dir(bed.wal_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wal") {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[40..].fill(0);
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let (writer, table) = bed.open();
    assert_eq!(writer.append(batch(1), Ack::Wal).unwrap().wait().unwrap().lsn, Lsn(4)..=Lsn(4));
    writer.close(false).unwrap();
    let (writer, _) = bed.open();
    assert_eq!(tail_rows(&writer), 1);
    drop(table);
}

#[test]
fn a_second_writer_is_refused_with_the_holder_named() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    writer.announce_http("http://127.0.0.1:7").unwrap();
    let error = bed.try_open(Arc::new(OsFileSystem)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let message = error.to_string();
    assert!(message.contains(&std::process::id().to_string()) && message.contains("http://127.0.0.1:7"), "{message}");
    drop(writer);
    bed.open();
}

#[test]
fn a_failed_sync_is_not_acknowledged_and_closes_the_writer() {
    let bed = Bed::new();
    let faulty = Arc::new(FaultyFileSystem::default());
    let (writer, _) = bed.try_open(Arc::clone(&faulty) as _).unwrap();
    writer.append(batch(1), Ack::Wal).unwrap().wait().unwrap();
    faulty.fail_syncs();
    assert_eq!(writer.append(batch(1), Ack::Wal).unwrap().wait().unwrap_err().kind(), ErrorKind::Closed);
    faulty.heal();
    let again = writer.append(batch(1), Ack::Wal).and_then(|ticket| ticket.wait()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Closed);
    assert_eq!(tail_rows(&writer), 1);
    assert!(writer.close(false).is_err());
    let (writer, _) = bed.open();
    assert!(tail_rows(&writer) >= 1);
}

#[test]
fn one_failed_sync_is_enough_to_close_the_writer() {
    let bed = Bed::new();
    let faulty = Arc::new(FaultyFileSystem::default());
    let (writer, _) = bed.try_open(Arc::clone(&faulty) as _).unwrap();
    writer.append(batch(1), Ack::Wal).unwrap().wait().unwrap();
    // The next one would succeed, as it does on Linux, where the pages that could not be written count as clean.
    faulty.fail_one_sync_of("segment-0000000000000001.wal");
    assert_eq!(writer.append(batch(1), Ack::Wal).unwrap().wait().unwrap_err().kind(), ErrorKind::Closed);
    // Taken before the writer knew that it failed, or not at all: in no case acknowledged.
    let again = writer.append(batch(1), Ack::Wal).and_then(|ticket| ticket.wait()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Closed);
}

#[test]
fn flushes_in_flight_commit_in_lsn_order_and_memory_stays_within_its_bound() {
    let mut bed = Bed::new();
    bed.settings =
        WriterSettings { freeze_rows: 10, memtable_bytes_max: 1 << 20, freeze_bytes: 1 << 19, ..bed.settings };
    let (writer, table) = bed.open();
    for _ in 0..60 {
        writer.append_wait(batch(10), Ack::Wal).unwrap();
        assert!(writer.status().memtable_bytes <= 1 << 20);
        assert!(writer.status().frozen <= 2);
    }
    writer.close(true).unwrap();
    let files = table.snapshot().files(&FileFilter::all());
    let mut ranges: Vec<_> =
        files.iter().map(|file| file.origin.unwrap()).map(|from| (from.first_lsn, from.last_lsn)).collect();
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[1].0.0 == pair[0].1.0 + 1), "{ranges:?}");
    assert_eq!(table.snapshot().totals().rows, 600);
}

/// Appends large and small batches in turn, each a freeze of its own, so that of two flushes in flight the later one is
/// encoded first; meanwhile `check` looks on from another thread, with the rows acknowledged before and handed over after.
fn while_flushing(check: impl Fn(&Writer, &Table, &mut dyn FnMut() -> u64, &mut dyn FnMut() -> u64) + Sync) {
    let mut bed = Bed::new();
    bed.settings = WriterSettings { freeze_rows: 10, ..bed.settings };
    let (writer, table) = bed.open();
    let (acknowledged, handed_over, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) || looks == 0 {
                let (mut before, mut after) =
                    (|| acknowledged.load(Ordering::SeqCst), || handed_over.load(Ordering::SeqCst));
                check(&writer, &table, &mut before, &mut after);
                looks += 1;
            }
            looks
        });
        for turn in 0..24 {
            let rows = if turn % 2 == 0 { 2_000 } else { 10 };
            handed_over.fetch_add(rows, Ordering::SeqCst);
            writer.append_wait(batch(rows as usize), Ack::Wal).unwrap().wait().unwrap();
            acknowledged.fetch_add(rows, Ordering::SeqCst);
        }
        writer.flush().unwrap();
        done.store(true, Ordering::SeqCst);
        assert!(looking.join().unwrap() > 0);
    });
    assert_eq!(table.snapshot().totals().rows, acknowledged.load(Ordering::SeqCst));
}

#[test]
fn a_row_is_seen_exactly_once_while_it_moves_from_memory_to_file() {
    while_flushing(|writer, table, acknowledged, handed_over| {
        let least = acknowledged();
        // The order that readers keep: tail first, then the snapshot.
        let tail = writer.tail().view();
        let snapshot = table.snapshot();
        let watermark = snapshot.watermark(tail.writer).unwrap_or_default();
        let waiting = tail.memtables.iter().filter(|memtable| memtable.last_lsn > watermark);
        let seen = snapshot.totals().rows + waiting.map(|m| m.last_lsn.0 - m.first_lsn.0 + 1).sum::<u64>();
        let most = handed_over();
        assert!((least..=most).contains(&seen), "{seen} rows seen, {least} acknowledged, {most} handed over");
    });
}

#[test]
fn every_version_holds_the_rows_up_to_its_watermark_and_no_other() {
    while_flushing(|writer, table, _, _| {
        let snapshot = table.snapshot();
        let watermark = snapshot.watermark(writer.status().writer).unwrap_or_default();
        assert_eq!(snapshot.totals().rows, watermark.0, "commits are prefixes of the log");
    });
}

#[test]
fn nothing_is_committed_that_is_not_synced() {
    while_flushing(|writer, _, _, _| {
        let status = writer.status();
        assert!(status.watermark <= status.durable_lsn, "{status:?}");
    });
}

#[test]
fn a_batch_that_no_file_could_hold_is_refused_before_it_is_logged() {
    let bed = Bed::new();
    let (writer, _) = bed.open();
    let mut columns = batch(1).columns().to_vec();
    let at = columns.len() - 1;
    columns[at] = Arc::new(arrow::array::Date32Array::from(vec![0]));
    let wrong = RecordBatch::try_new(annals_event::event_schema(), columns).unwrap();
    assert_eq!(writer.append(wrong, Ack::Wal).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(writer.append(batch(0), Ack::Wal).unwrap().wait().unwrap().accepted, 0);
    assert_eq!(writer.status().next_lsn, Lsn(1));
}

#[test]
fn whole_days_expire_and_the_first_kept_day_stays() {
    let bed = Bed::new();
    let (writer, table) = bed.open();
    let lines: Vec<_> = ["2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z", "2026-03-03T12:00:00Z", "2026-02-01"]
        .iter()
        .map(|time| format!(r#"{{"type":"t","projectId":"p","timestamp":"{time}"}}"#))
        .collect();
    let decoded = EventDecoder::new(DecodeSettings::default(), None)
        .decode_ndjson(lines.join("\n").as_bytes(), 1_780_000_000_000_000);
    assert_eq!(decoded.refused, 0, "{:?}", decoded.refusals);
    writer.append(decoded.batch, Ack::Wal).unwrap().wait().unwrap();
    writer.flush().unwrap();
    let before = table.snapshot().version();
    let expired = crate::expire(&table, "2026-03-02".parse().unwrap()).unwrap();
    assert_eq!((expired.files.len(), expired.rows), (2, 2));
    assert_eq!((table.snapshot().totals().rows, table.snapshot().version()), (2, before + 1));
    assert!(crate::expire(&table, "2026-03-02".parse().unwrap()).unwrap().files.is_empty());
    assert_eq!(table.snapshot().version(), before + 1, "nothing to do commits nothing");
    // The writer goes on as before.
    writer.append(batch(1), Ack::Wal).unwrap().wait().unwrap();
    writer.close(true).unwrap();
    assert_eq!(table.snapshot().totals().rows, 3);
}

#[test]
fn a_follower_is_given_what_it_has_not_seen_and_no_batch_more() {
    let mut bed = Bed::new();
    bed.settings.freeze_rows = 1_000;
    let (writer, _) = bed.open();
    for rows in [3, 1, 4] {
        writer.append(batch(rows), Ack::Wal).unwrap().wait().unwrap();
    }
    let left = |after| {
        let view = writer.tail().since(Lsn(after));
        let counts = |memtable: &annals_table::TailMemtable| (memtable.first_lsn.0, memtable.batches.len());
        view.memtables.iter().map(counts).collect::<Vec<_>>()
    };
    assert_eq!((left(0), left(2), left(3)), (vec![(1, 3)], vec![(1, 3)], vec![(4, 2)]));
    assert_eq!((left(4), left(7), left(8), left(u64::MAX)), (vec![(5, 1)], vec![(5, 1)], vec![], vec![]));
}

//! Stopping a writer at any moment, and what the next start finds.
//!
//! A child process appends and is killed (SIGKILL) at a random moment, then the store is opened and counted: what the
//! child saw acknowledged is there exactly once, what it did not see once or not at all, no LSN twice, no file too many.
//! ANNALS_CRASH_RUNS sets the number of kills, ANNALS_CRASH_SEED repeats a run's choices.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use annals_event::{Clock, SystemClock, columns};
use annals_table::{FileFilter, FileSystem, OsFileSystem, Store, Table, TableOptions, TailView};
use annals_writer::{Writer, WriterOptions, WriterSettings, replay_tail};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Runtime;

/// Kills in an ordinary run.
const RUNS_DEFAULT: u64 = 200;
/// Kills that one store survives before a fresh one takes its place.
const KILLS_A_STORE: u64 = 10;
/// Acknowledgements that a child gives at most before it is killed.
const ACKS_MAX: u64 = 60;

#[test]
fn a_killed_writer_loses_and_doubles_nothing() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let runs = number("ANNALS_CRASH_RUNS").unwrap_or(RUNS_DEFAULT);
    let seed = number("ANNALS_CRASH_SEED").unwrap_or_else(|| SystemClock.now_us() as u64);
    println!("{runs} kills, ANNALS_CRASH_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut acknowledged = 0;
    let mut done = 0;
    while done < runs {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::default();
        for producer in 0..KILLS_A_STORE.min(runs - done) {
            run_and_kill(dir.path(), producer, &mut chance, &mut ledger);
            check(dir.path(), &runtime, &ledger, chance.random(), producer);
            done += 1;
        }
        acknowledged += ledger.acknowledged.len();
    }
    println!("{acknowledged} events acknowledged");
    assert!(acknowledged > 0, "no child lived long enough to be worth killing");
}

#[derive(Default)]
struct Ledger {
    acknowledged: HashSet<(u64, u64)>,
}

fn run_and_kill(dir: &Path, producer: u64, chance: &mut StdRng, ledger: &mut Ledger) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crash_child"))
        .args([dir.to_str().unwrap(), &producer.to_string(), &chance.random::<u64>().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acks = chance.random_range(0..ACKS_MAX);
    let mut take = |line: String| {
        let (first, last) = line.split_once(' ').unwrap();
        let range = first.parse::<u64>().unwrap()..=last.parse::<u64>().unwrap();
        ledger.acknowledged.extend(range.map(|sequence| (producer, sequence)));
    };
    for _ in 0..acks {
        take(lines.next().expect("a child runs until it is killed").unwrap());
    }
    // Up to some hundred microseconds more, so that the kill is not tied to an acknowledgement.
    for _ in 0..chance.random_range(0..200_000) {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it wrote before it died counts; a line that was cut off does not.
    lines.map_while(Result::ok).filter(|line| is_whole(line)).for_each(take);
}

/// The pipe may end within a line only if the write was cut; both numbers must be there, and they ascend.
fn is_whole(line: &str) -> bool {
    line.split_once(' ').is_some_and(|(first, last)| {
        first.parse::<u64>().is_ok_and(|first| last.parse::<u64>().is_ok_and(|last| first <= last && last < first + 60))
    })
}

fn check(dir: &Path, runtime: &Runtime, ledger: &Ledger, seed: u64, kill: u64) {
    let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(dir.to_str().unwrap(), Arc::clone(&fs), runtime.handle().clone()).unwrap();
    let table = Arc::new(Table::open_or_create(&store, TableOptions::events(), Arc::clone(&clock)).unwrap());
    let wal_dir = dir.join("wal");
    let read = replay_tail(&wal_dir, Arc::clone(&fs), &table).unwrap();
    let seen_read_only =
        read.map(|tail| annals_table::TailSource::view(&tail)).map(|view| Seen::of(dir, &table, &view));
    let settings = WriterSettings { wal_segment_bytes: 128 << 10, ..WriterSettings::default() };
    let writer =
        Writer::open(WriterOptions { settings, wal_dir, store, table: Arc::clone(&table), fs, clock, seed }).unwrap();
    let seen = Seen::of(dir, &table, &writer.tail().view());
    if let Some(read_only) = seen_read_only {
        assert_eq!(read_only.ids, seen.ids, "kill {kill}: a reader and the next writer see the same rows");
    }
    for event in &ledger.acknowledged {
        assert_eq!(seen.events.get(event), Some(&1), "kill {kill}: acknowledged event {event:?}");
    }
    for (event, count) in &seen.events {
        assert_eq!(*count, 1, "kill {kill}: event {event:?}");
    }
    let rows: u64 = seen.events.values().sum();
    assert_eq!(seen.lsns.len() as u64, rows, "kill {kill}: an LSN stands twice");
    assert_eq!(seen.ids.len() as u64, rows, "kill {kill}: an id stands twice");
    let next = writer.status().next_lsn.0 as i64;
    assert!(seen.lsns.last().is_none_or(|last| *last < next), "kill {kill}: LSN {next} would be given twice");
    let live: BTreeSet<PathBuf> =
        table.snapshot().files(&FileFilter::all()).iter().map(|file| dir.join("events").join(&file.path)).collect();
    let mut stored = BTreeSet::new();
    parquet_files(&dir.join("events"), &mut stored);
    assert_eq!(stored, live, "kill {kill}: files that no snapshot names");
    writer.close(false).unwrap();
}

/// All rows that a reader sees.
#[derive(Default)]
struct Seen {
    events: HashMap<(u64, u64), u64>,
    lsns: BTreeSet<i64>,
    ids: BTreeSet<String>,
}

impl Seen {
    fn of(dir: &Path, table: &Table, tail: &TailView) -> Self {
        let snapshot = table.snapshot();
        let mut seen = Self::default();
        let watermark = snapshot.watermark(tail.writer).unwrap_or_default();
        for memtable in tail.memtables.iter().filter(|memtable| memtable.last_lsn > watermark) {
            memtable.batches.iter().for_each(|batch| seen.add(batch));
        }
        for file in snapshot.files(&FileFilter::all()) {
            let opened = std::fs::File::open(dir.join("events").join(&file.path)).unwrap();
            for batch in ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap() {
                seen.add(&batch.unwrap());
            }
        }
        seen
    }

    fn add(&mut self, batch: &RecordBatch) {
        let text = |name: &str| arrow::compute::cast(&batch[name], &arrow::datatypes::DataType::Utf8).unwrap();
        let (payloads, ids) = (text(columns::PAYLOAD), text(columns::ID));
        let lsns = batch[columns::SEQ].as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let payload: serde_json::Value = serde_json::from_str(payloads.as_string::<i32>().value(row)).unwrap();
            let event = (payload["producer"].as_u64().unwrap(), payload["sequence"].as_u64().unwrap());
            *self.events.entry(event).or_default() += 1;
            self.lsns.insert(lsns.value(row));
            self.ids.insert(ids.as_string::<i32>().value(row).to_owned());
        }
    }
}

fn parquet_files(dir: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("_delta_log") {
            parquet_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.insert(path);
        }
    }
}

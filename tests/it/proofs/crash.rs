//! Promise 1, against the death of a process: a writer is killed at any moment, and what the next start finds.
//!
//! A child process appends and is killed (SIGKILL) at a random moment, then the store is opened and counted: what the
//! child saw acknowledged is there exactly once, what it did not see once or not at all, what it did not send never; each
//! event as it was sent, no LSN and no id twice, no file too many.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use annals_event::{Clock, SystemClock, columns};
use annals_table::{FileFilter, FileSystem, OsFileSystem, Store, Table, TableOptions, TailView};
use annals_tests::NumberedEvent;
use annals_writer::{Writer, WriterOptions, WriterSettings, replay_tail};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Runtime;

use super::sim::Findings;
use super::{Form, Proof, seed};

/// Kills that one store survives before a fresh one takes its place.
const KILLS_A_STORE: u64 = 10;

/// How much a child is given to do.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Events of an append, at most.
    batch_max: u64,
    in_flight_max: u64,
    /// Acknowledgements that a child gives at most before it is killed.
    acks_max: u64,
}

const SMALL: Load = Load { batch_max: 59, in_flight_max: 4, acks_max: 60 };
const LARGE: Load = Load { batch_max: 2_000, in_flight_max: 8, acks_max: 40 };

#[test]
fn a_killed_writer_loses_and_doubles_nothing() {
    let form = Form::asked();
    let mut chance = StdRng::seed_from_u64(seed());
    let mut proof = Proof { promise: 1, what: "kill -9 of a writer at work", ..Proof::default() };
    // Small appends meet every step between two others; large ones many rows in flight.
    for (kills, load) in [(form.of(24, 400), SMALL), (form.of(0, 600), LARGE)] {
        let stores = (0..kills.div_ceil(KILLS_A_STORE)).map(|_| chance.random()).collect::<Vec<u64>>();
        for (number, seed) in stores.into_iter().enumerate() {
            let kills = KILLS_A_STORE.min(kills - number as u64 * KILLS_A_STORE);
            let (acknowledged, findings) = kill_repeatedly(seed, kills, load);
            for told in &findings.told {
                println!("{told}");
            }
            let Findings { lost, doubled, invented, wrong, .. } = findings;
            proof.runs += kills;
            proof.acknowledged += acknowledged;
            proof.lost += lost;
            proof.doubled += doubled;
            proof.invented += invented;
            proof.wrong += wrong;
        }
    }
    assert!(proof.acknowledged > 0, "no child lived long enough to be worth killing");
    proof.tell();
}

/// One store, and as many children that write to it one after the other. Answers what they saw acknowledged.
fn kill_repeatedly(seed: u64, kills: u64, load: Load) -> (u64, Findings) {
    let mut chance = StdRng::seed_from_u64(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    let mut findings = Findings::default();
    for producer in 0..kills {
        run_and_kill(dir.path(), producer, &mut chance, load, &mut ledger);
        check(dir.path(), &runtime, &ledger, chance.random(), producer, &mut findings);
    }
    (ledger.acknowledged.len() as u64, findings)
}

/// What the children said.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: HashSet<NumberedEvent>,
    /// How many events each producer announced.
    sent: HashMap<u64, u64>,
}

impl Ledger {
    /// Takes in a line; one that was cut off by the kill is none.
    fn take(&mut self, producer: u64, line: &str) {
        let number = |text: &str| text.parse::<u64>().ok();
        match line.split_once(' ') {
            Some(("sent", last)) => {
                let Some(last) = number(last) else { return };
                let sent = self.sent.entry(producer).or_default();
                *sent = (*sent).max(last + 1);
            }
            Some((first, last)) => {
                let Some((first, last)) = number(first).zip(number(last)) else { return };
                // A number that lost digits is below the first, or was announced all the same.
                let range = first..=last.min(self.sent.get(&producer).map_or(0, |sent| sent - 1));
                self.acknowledged.extend(range.map(|sequence| NumberedEvent { producer, sequence }));
            }
            None => {}
        }
    }

    fn was_sent(&self, event: NumberedEvent) -> bool {
        self.sent.get(&event.producer).is_some_and(|sent| event.sequence < *sent)
    }
}

fn run_and_kill(dir: &Path, producer: u64, chance: &mut StdRng, load: Load, ledger: &mut Ledger) {
    let numbers = [producer, chance.random(), load.batch_max, load.in_flight_max];
    let mut child = Command::new(env!("CARGO_BIN_EXE_crash_child"))
        .arg(dir)
        .args(numbers.map(|number| number.to_string()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acks = chance.random_range(0..load.acks_max);
    while acks > 0 {
        let line = lines.next().expect("a child runs until it is killed").unwrap();
        acks -= u64::from(!line.starts_with("sent"));
        ledger.take(producer, &line);
    }
    // Up to some hundred microseconds more, so that the kill is not tied to an acknowledgement.
    for _ in 0..chance.random_range(0..200_000) {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it wrote before it died counts.
    lines.map_while(Result::ok).for_each(|line| ledger.take(producer, &line));
}

fn check(dir: &Path, runtime: &Runtime, ledger: &Ledger, seed: u64, kill: u64, findings: &mut Findings) {
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
    let mut require = |holds: bool, what: &str| {
        if !holds {
            findings.wrong(format!("kill {kill}: {what}"));
        }
    };
    if let Some(read_only) = seen_read_only {
        require(read_only.ids == seen.ids, "a reader and the next writer see other rows");
    }
    let rows: u64 = seen.events.values().sum();
    require(seen.lsns.len() as u64 == rows, "an LSN stands twice");
    require(seen.ids.len() as u64 == rows, "an id stands twice");
    require(seen.foreign == 0, "events are not as they were sent");
    let next = writer.status().next_lsn.0 as i64;
    require(seen.lsns.last().is_none_or(|last| *last < next), "an LSN would be given twice");
    let live: BTreeSet<PathBuf> =
        table.snapshot().files(&FileFilter::all()).iter().map(|file| dir.join("events").join(&file.path)).collect();
    let mut stored = BTreeSet::new();
    parquet_files(&dir.join("events"), &mut stored);
    require(stored == live, "there are files that no snapshot names");
    writer.close(false).unwrap();

    findings.lost += ledger.acknowledged.iter().filter(|event| !seen.events.contains_key(event)).count() as u64;
    findings.doubled += seen.events.values().map(|count| count - 1).sum::<u64>();
    findings.invented += seen.events.keys().filter(|event| !ledger.was_sent(**event)).count() as u64;
}

/// All rows that a reader sees.
#[derive(Default)]
struct Seen {
    events: HashMap<NumberedEvent, u64>,
    lsns: BTreeSet<i64>,
    ids: BTreeSet<String>,
    /// Rows that are none that any child sends.
    foreign: u64,
}

impl Seen {
    fn of(dir: &Path, table: &Table, tail: &TailView) -> Self {
        let snapshot = table.snapshot();
        let mut seen = Self::default();
        let watermark = snapshot.watermark(tail.writer).unwrap_or_default();
        for memtable in tail.memtables.iter().filter(|memtable| memtable.last_lsn > watermark) {
            memtable.batches.iter().for_each(|batch| seen.add(batch, None));
        }
        for file in snapshot.files(&FileFilter::all()) {
            let opened = std::fs::File::open(dir.join("events").join(&file.path)).unwrap();
            for batch in ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap() {
                seen.add(&batch.unwrap(), Some(file.project_id.as_str()));
            }
        }
        seen
    }

    /// `project` is that of the file, where the rows are in one.
    fn add(&mut self, batch: &RecordBatch, project: Option<&str>) {
        let text = |name: &str| cast(&batch[name], &DataType::Utf8).unwrap();
        let (payloads, ids) = (text(columns::PAYLOAD), text(columns::ID));
        let projects = project.is_none().then(|| text(columns::PROJECT_ID));
        let lsns = batch[columns::SEQ].as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let Some(event) = NumberedEvent::of_payload(payloads.as_string::<i32>().value(row)) else {
                self.foreign += 1;
                continue;
            };
            let own = projects.as_ref().map(|projects| projects.as_string::<i32>().value(row));
            self.foreign += u64::from(project.or(own) != Some(event.project().as_str()));
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

//! A writer that is made to be killed: appends numbered events and says on standard output which are acknowledged.
//!
//! Arguments: store directory, producer number, seed. Each line `first last` names a range of acknowledged sequence
//! numbers of that producer. Runs until it is killed, or until its input ends.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder, SystemClock};
use annals_table::{FileSystem, OsFileSystem, Store, Table, TableOptions};
use annals_writer::{Ack, AppendTicket, Writer, WriterOptions, WriterSettings};
use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Appends that wait for their acknowledgement at the same time, at most.
const IN_FLIGHT_MAX: usize = 4;
/// Events of one run, so that a forgotten child ends.
const EVENTS_MAX: u64 = 200_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, producer, seed] = arguments.as_slice() else { anyhow::bail!("usage: crash_child DIR PRODUCER SEED") };
    let (producer, seed): (u64, u64) = (producer.parse()?, seed.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(dir, Arc::clone(&fs), runtime.handle().clone())?;
    let table = Arc::new(Table::open_or_create(&store, TableOptions::events(), Arc::clone(&clock))?);
    let wal_dir = PathBuf::from(dir).join("wal");
    // Small bounds: segments are cut, memtables freeze and commits overlap many times a second.
    let settings = WriterSettings {
        wal_segment_bytes: 128 << 10,
        wal_group_bytes_max: 64 << 10,
        freeze_rows: 700,
        freeze_bytes: 1 << 20,
        memtable_bytes_max: 8 << 20,
        ..WriterSettings::default()
    };
    let writer = Writer::open(WriterOptions { settings, wal_dir, store, table, fs, clock: Arc::clone(&clock), seed })?;

    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let mut chance = StdRng::seed_from_u64(seed);
    let mut out = std::io::stdout().lock();
    let mut in_flight: VecDeque<(u64, u64, AppendTicket)> = VecDeque::new();
    let mut next = 0;
    while next < EVENTS_MAX {
        let count = chance.random_range(1..60);
        let ack = [Ack::Memory, Ack::Wal, Ack::Wal][chance.random_range(0..3)];
        let mut lines = String::new();
        for sequence in next..next + count {
            let project = chance.random_range(0..4);
            let filler = "x".repeat(chance.random_range(0..400));
            writeln!(
                lines,
                r#"{{"type":"t","projectId":"p{project}","payload":{{"producer":{producer},"sequence":{sequence},"f":"{filler}"}}}}"#
            )?;
        }
        let batch = decoder.decode_ndjson(lines.as_bytes(), clock.now_us()).batch;
        in_flight.push_back((next, next + count - 1, writer.append_wait(batch, ack)?));
        next += count;
        while in_flight.len() >= IN_FLIGHT_MAX {
            let (first, last, ticket) = in_flight.pop_front().context("the queue is not empty")?;
            ticket.wait()?;
            writeln!(out, "{first} {last}")?;
            out.flush()?;
        }
    }
    writer.close(false)?;
    Ok(())
}

//! A writer that is made to be killed: appends numbered events and says on standard output which are acknowledged.
//!
//! Arguments: store directory, producer number, seed, most events of one append, most appends in flight. A line `sent N` says
//! that the events up to sequence number N are about to be appended; a line `FIRST LAST` names a range of them that is
//! acknowledged. Runs until it is killed, or until it has sent all that it may.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder, SystemClock};
use annals_table::{FileSystem, OsFileSystem, Store, Table, TableOptions};
use annals_tests::NumberedEvent;
use annals_writer::{Ack, AppendTicket, Writer, WriterOptions, WriterSettings};
use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Events of one run, in units of the most that one append has, so that a forgotten child ends.
const APPENDS_MAX: u64 = 4_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, numbers @ ..] = arguments.as_slice() else { anyhow::bail!("usage: crash_child DIR NUMBER…") };
    let numbers: Vec<u64> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let &[producer, seed, batch_max, in_flight_max] = numbers.as_slice() else {
        anyhow::bail!("usage: crash_child DIR PRODUCER SEED BATCH_MAX IN_FLIGHT_MAX");
    };
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
        freeze_rows: 12 * batch_max,
        freeze_bytes: 4 << 20,
        memtable_bytes_max: 16 << 20,
        ..WriterSettings::default()
    };
    let writer = Writer::open(WriterOptions { settings, wal_dir, store, table, fs, clock: Arc::clone(&clock), seed })?;

    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let mut chance = StdRng::seed_from_u64(seed);
    let mut out = std::io::stdout().lock();
    let mut in_flight: VecDeque<(u64, u64, AppendTicket)> = VecDeque::new();
    let mut next = 0;
    while next < APPENDS_MAX * batch_max {
        let count = chance.random_range(1..=batch_max);
        let ack = [Ack::Memory, Ack::Wal, Ack::Wal][chance.random_range(0..3)];
        let lines: Vec<String> =
            (next..next + count).map(|sequence| NumberedEvent { producer, sequence }.line()).collect();
        let batch = decoder.decode_ndjson(lines.join("\n").as_bytes(), clock.now_us()).batch;
        // Before the append: what may be found must have been announced.
        writeln!(out, "sent {}", next + count - 1)?;
        out.flush()?;
        in_flight.push_back((next, next + count - 1, writer.append_wait(batch, ack)?));
        next += count;
        while in_flight.len() as u64 >= in_flight_max {
            let (first, last, ticket) = in_flight.pop_front().context("the queue is not empty")?;
            ticket.wait()?;
            writeln!(out, "{first} {last}")?;
            out.flush()?;
        }
    }
    writer.close(false)?;
    Ok(())
}

//! A write-ahead log as a crash leaves it: `wal_fill STORE EVENTS` logs generated events, every one synced, flushes none, and
//! ends without closing. What replays it is then measured from outside, as `benches/peers/replay.py` does.
//!
//! Workload: `annals_testkit` events of about 1 kB, 20 projects, one day. Memory holds all of them: about 1.3 kB each.
#![allow(clippy::print_stdout, reason = "the result of a bench goes to standard output")]

use std::path::Path;
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder, SystemClock};
use annals_table::{FileSystem, OsFileSystem, Store, Table, TableOptions};
use annals_testkit::{Generator, GeneratorSettings};
use annals_writer::{Ack, Writer, WriterOptions, WriterSettings};
use anyhow::{Context, Result, ensure};

/// Events of one append.
const BATCH: usize = 1_000;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [store, events] = words.as_slice() else {
        println!("usage: wal_fill STORE EVENTS (`cargo xtask bench replay` runs it)");
        return Ok(());
    };
    let events: u64 = events.parse().context("EVENTS")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let root = std::path::absolute(Path::new(store))?;
    let store = Store::open(store, Arc::clone(&fs), runtime.handle().clone())?;
    let table = Arc::new(Table::open_or_create(&store, TableOptions::events(), Arc::clone(&clock))?);
    let settings = WriterSettings {
        memtable_bytes_max: 1 << 40,
        freeze_bytes: 1 << 39,
        freeze_rows: 1 << 31,
        freeze_age_ms: 86_400_000,
        ..WriterSettings::default()
    };
    let wal_dir = root.join("wal");
    let seed = 1;
    let writer = Writer::open(WriterOptions { settings, wal_dir, store, table, fs, clock: Arc::clone(&clock), seed })?;
    let end_us = clock.now_us();
    let mut generator = Generator::new(GeneratorSettings { events, days: 1, end_us, ..GeneratorSettings::default() });
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let mut lines = Vec::new();
    let mut last = None;
    while generator.write_ndjson(&mut lines, BATCH) > 0 {
        let decoded = decoder.decode_ndjson(&lines, clock.now_us());
        ensure!(decoded.refused == 0, "a generated event was refused");
        last = Some(writer.append(decoded.batch, Ack::Wal)?);
        lines.clear();
    }
    if let Some(ticket) = last {
        ticket.wait()?;
    }
    println!("{}", writer.status().wal_bytes);
    // No flush, no closing: what a kill leaves.
    std::process::exit(0)
}

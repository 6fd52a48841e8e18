//! `annals ingest`: files to blocks, blocks to batches on every core, batches to the writer in file order.
//!
//! One thread reads, [`decoders`] threads decode; a turnstile lets their batches into the writer in the order in which
//! their blocks stood in the input, so LSNs follow the file. Every queue is bounded, so memory does not grow with the file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use annals_event::{Clock, DecodeSettings, EventDecoder, EventMap, MapOutcome, Refusal};
use annals_writer::{Ack, AppendTicket, Writer};
use anyhow::{Context, Result, bail};

use crate::command::{Common, Ingest};
use crate::input::{Block, Input};
use crate::paint::{duration, size, thousands};
use crate::progress::Progress;
use crate::session::Session;
use crate::stopwatch::Stopwatch;

/// Refusals that are shown one by one; all are counted, and all are written with `--refused`.
const REFUSALS_SHOWN_MAX: u64 = 20;

/// What an ingest did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) skipped: u64,
    /// Uncompressed bytes of the blocks.
    pub(crate) bytes: u64,
}

/// One block on its way, with its place in the order of all blocks.
struct Work {
    place: u64,
    file: Arc<PathBuf>,
    block: Block,
    is_array: bool,
}

/// What every decoding thread shares.
struct Pipeline<'a> {
    decoder: EventDecoder,
    map: Option<EventMap>,
    writer: &'a Writer,
    clock: Arc<dyn Clock>,
    turnstile: Turnstile,
    refusals: Mutex<RefusalLog>,
    totals: Mutex<Totals>,
}

pub(crate) fn run(common: &Common, command: &Ingest) -> Result<()> {
    let session = Session::connect(common)?;
    let map = command.map.as_deref().map(load_map).transpose()?;
    let mut settings = DecodeSettings { allow_before_2000: command.allow_before_2000, ..DecodeSettings::default() };
    // A block is small, and `--refused` keeps every record.
    settings.limits.refusals_max = usize::MAX;
    let refusals = RefusalLog::create(command.refused.as_deref())?;
    let (table, writer) = session.writer()?;
    let watch = Stopwatch::start();
    let pipeline = Pipeline {
        decoder: EventDecoder::new(settings, command.project.clone()),
        map,
        writer: &writer,
        clock: Arc::clone(&session.clock),
        turnstile: Turnstile::default(),
        refusals: Mutex::new(refusals),
        totals: Mutex::default(),
    };
    let outcome = pipeline.run(&command.files, command.quiet);
    let totals = *lock(&pipeline.totals);
    let shown = lock(&pipeline.refusals).finish();
    drop(pipeline);
    // What was accepted before a failure is in the log; commit it either way, then say what went wrong.
    let committed = writer.flush();
    let elapsed = watch.elapsed();
    writer.close(false).context("cannot close the write-ahead log")?;
    committed.context(
        "cannot commit the events to the table; they are safe in the write-ahead log: run any command that \
                       writes to this store again",
    )?;
    report(&totals, elapsed, session.store.url(), table.snapshot().version());
    shown?;
    outcome?;
    if totals.accepted == 0 && totals.refused > 0 {
        bail!("no record was accepted: see the reasons above, or use --map to turn foreign JSON into events");
    }
    Ok(())
}

/// Threads that decode: the cores, for flushing and the log share them anyway.
fn decoders() -> usize {
    std::thread::available_parallelism().map_or(2, NonZero::get)
}

impl Pipeline<'_> {
    /// Reads, decodes and appends everything; returns once all of it is synced to the log.
    fn run(&self, files: &[PathBuf], quiet: bool) -> Result<()> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let total_bytes = files.iter().map(|path| std::fs::metadata(path).ok().map(|m| m.len())).sum::<Option<u64>>();
        let progress = Progress::over_bytes(total_bytes.filter(|_| files.iter().all(|f| f.as_os_str() != "-")), quiet);
        let watch = Stopwatch::start();
        let (send, receive) = sync_channel::<Work>(1);
        let receive = Mutex::new(receive);
        let (tickets_send, tickets_receive) = sync_channel::<AppendTicket>(256);
        let outcome = std::thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> = (0..decoders())
                .map(|_| {
                    let tickets = tickets_send.clone();
                    scope.spawn(|| self.work(&receive, tickets))
                })
                .collect();
            drop(tickets_send);
            let acknowledged = scope.spawn(|| self.await_acknowledgements(tickets_receive));
            let read = self.read(files, &send, &bytes_read, |_| {
                let accepted = lock(&self.totals).accepted;
                let rate = accepted as f64 / watch.elapsed().as_secs_f64().max(0.001);
                progress.set(
                    bytes_read.load(Ordering::Relaxed),
                    format!("{} events  {}/s", thousands(accepted), thousands(rate as u64)),
                );
            });
            drop(send);
            for worker in workers {
                join(worker)?;
            }
            join(acknowledged)?;
            read
        });
        progress.finish();
        outcome
    }

    /// Sends every block of every file, in order.
    fn read(
        &self,
        files: &[PathBuf],
        send: &SyncSender<Work>,
        bytes_read: &Arc<AtomicU64>,
        mut each: impl FnMut(&Block),
    ) -> Result<()> {
        let mut place = 0;
        for path in files {
            let mut input = Input::open(path, Arc::clone(bytes_read))?;
            let file = Arc::new(path.clone());
            loop {
                let block = input.next_block().with_context(|| format!("{}", path.display()))?;
                let Some(block) = block else { break };
                each(&block);
                let work = Work { place, file: Arc::clone(&file), block, is_array: input.is_array() };
                if self.turnstile.is_closed() || send.send(work).is_err() {
                    // A decoder or the log failed: theirs is the error worth telling.
                    return Ok(());
                }
                place += 1;
            }
        }
        Ok(())
    }

    /// One decoding thread.
    fn work(&self, receive: &Mutex<Receiver<Work>>, tickets: SyncSender<AppendTicket>) -> Result<()> {
        let outcome = (|| {
            loop {
                let next = lock(receive).recv();
                let Ok(work) = next else { return Ok(()) };
                let decoded = self.decode(&work)?;
                let Some(_turn) = self.turnstile.pass(work.place) else { return Ok(()) };
                lock(&self.refusals).extend(&work.file, &decoded.refusals)?;
                let mut accepted = 0;
                if decoded.batch.num_rows() > 0 {
                    accepted = decoded.batch.num_rows() as u64;
                    let ticket =
                        self.writer.append_wait(decoded.batch, Ack::Wal).context("cannot append to the log")?;
                    if tickets.send(ticket).is_err() {
                        return Ok(());
                    }
                }
                let mut totals = lock(&self.totals);
                totals.accepted += accepted;
                totals.refused += decoded.refusals.len() as u64;
                totals.skipped += decoded.skipped;
                totals.bytes += work.block.bytes.len() as u64;
            }
        })();
        if outcome.is_err() {
            self.turnstile.close();
        }
        // The reader may be waiting for room: let it see that the work has ended.
        while lock(receive).recv().is_ok() {}
        outcome
    }

    fn decode(&self, work: &Work) -> Result<DecodedBlock> {
        let now_us = self.clock.now_us();
        let first_line = work.block.first_line;
        let Some(map) = &self.map else {
            let mut decoded = if work.is_array {
                self.decoder.decode_array(&work.block.bytes, now_us).with_context(|| work.file.display().to_string())?
            } else {
                self.decoder.decode_ndjson(&work.block.bytes, now_us)
            };
            for refusal in &mut decoded.refusals {
                refusal.line += first_line - 1;
            }
            return Ok(DecodedBlock { batch: decoded.batch, refusals: decoded.refusals, skipped: 0 });
        };
        if work.is_array {
            bail!("{}: a map works on one record a line; use `jq -c '.[]'` to unroll the array", work.file.display());
        }
        let mut events = Vec::with_capacity(work.block.bytes.len() * 2);
        let mut source_lines = Vec::new();
        let (mut refusals, mut skipped) = (Vec::new(), 0);
        for (offset, line) in work.block.bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let number = first_line + offset as u64;
            let before = events.len();
            match map.apply(line, &mut events) {
                Ok(MapOutcome::Event) => {
                    let made = memchr::memchr_iter(b'\n', &events[before..]).count();
                    source_lines.extend(std::iter::repeat_n(number, made));
                }
                Ok(MapOutcome::Skipped) => skipped += 1,
                Err(error) => {
                    events.truncate(before);
                    refusals.push(Refusal {
                        index: offset as u64,
                        line: number,
                        reason: error.to_string(),
                        raw: line.to_vec(),
                    });
                }
            }
        }
        let decoded = self.decoder.decode_ndjson(&events, now_us);
        refusals.extend(decoded.refusals.into_iter().map(|mut refusal| {
            // Point at the line of the source, not of what the map made of it.
            refusal.line = source_lines.get(refusal.line as usize - 1).copied().unwrap_or(refusal.line);
            refusal
        }));
        Ok(DecodedBlock { batch: decoded.batch, refusals, skipped })
    }

    fn await_acknowledgements(&self, tickets: Receiver<AppendTicket>) -> Result<()> {
        for ticket in tickets {
            if let Err(error) = ticket.wait() {
                self.turnstile.close();
                return Err(error).context("the write-ahead log failed");
            }
        }
        Ok(())
    }
}

struct DecodedBlock {
    batch: arrow::array::RecordBatch,
    refusals: Vec<Refusal>,
    skipped: u64,
}

/// Lets block after block pass in order of their places.
#[derive(Default)]
struct Turnstile {
    state: Mutex<TurnstileState>,
    moved: Condvar,
}

#[derive(Default)]
struct TurnstileState {
    next: u64,
    closed: bool,
}

/// The right to go; dropping it lets the next block pass.
struct Turn<'a>(&'a Turnstile);

impl Turnstile {
    /// Waits for the turn of `place`; `None` once closed.
    fn pass(&self, place: u64) -> Option<Turn<'_>> {
        let state = lock(&self.state);
        let state = self
            .moved
            .wait_while(state, |state| state.next != place && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.closed).then_some(Turn(self))
    }

    fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Turns everyone away, for good.
    fn close(&self) {
        lock(&self.state).closed = true;
        self.moved.notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).next += 1;
        self.0.moved.notify_all();
    }
}

/// Tells of refused records: the first on standard error, all in a file where one was asked for.
struct RefusalLog {
    file: Option<BufWriter<File>>,
    count: u64,
}

impl RefusalLog {
    fn create(path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| File::create(path).with_context(|| format!("cannot create {}", path.display())))
            .transpose()?
            .map(BufWriter::new);
        Ok(Self { file, count: 0 })
    }

    #[expect(clippy::print_stderr, reason = "refusals are told to the person at the terminal")]
    fn extend(&mut self, source: &Path, refusals: &[Refusal]) -> Result<()> {
        for refusal in refusals {
            self.count += 1;
            if self.count <= REFUSALS_SHOWN_MAX {
                eprintln!("refused {}:{}: {}", source.display(), refusal.line, refusal.reason);
            }
            if let Some(file) = &mut self.file {
                let line = serde_json::json!({
                    "file": source.display().to_string(),
                    "line": refusal.line,
                    "reason": refusal.reason,
                    "record": String::from_utf8_lossy(&refusal.raw),
                });
                writeln!(file, "{line}").context("cannot write the refused records")?;
            }
        }
        Ok(())
    }

    #[expect(clippy::print_stderr, reason = "refusals are told to the person at the terminal")]
    fn finish(&mut self) -> Result<()> {
        if self.count > REFUSALS_SHOWN_MAX {
            let hint = if self.file.is_some() { "" } else { "; --refused FILE keeps them all" };
            eprintln!("… and {} more refused{hint}", thousands(self.count - REFUSALS_SHOWN_MAX));
        }
        match &mut self.file {
            Some(file) => file.flush().context("cannot write the refused records"),
            None => Ok(()),
        }
    }
}

/// A map by built-in name or by file.
fn load_map(name: &str) -> Result<EventMap> {
    if let Some(map) = EventMap::builtin(name) {
        return Ok(map);
    }
    let text = std::fs::read_to_string(name).with_context(|| {
        format!("no map {name:?}: built in are {}; or give a TOML file", EventMap::builtin_names().join(", "))
    })?;
    EventMap::from_toml(&text).with_context(|| format!("the map {name} is not valid"))
}

#[expect(clippy::print_stderr, reason = "the summary is for the person; standard output stays empty")]
fn report(totals: &Totals, elapsed: std::time::Duration, url: &str, version: u64) {
    let seconds = elapsed.as_secs_f64().max(1e-6);
    eprintln!(
        "{} events accepted, {} refused{} in {} ({} events/s, {}/s) -> {url}, version {version}",
        thousands(totals.accepted),
        thousands(totals.refused),
        if totals.skipped > 0 { format!(", {} skipped by the map", thousands(totals.skipped)) } else { String::new() },
        duration(elapsed),
        thousands((totals.accepted as f64 / seconds) as u64),
        size((totals.bytes as f64 / seconds) as u64),
    );
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join<T>(handle: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

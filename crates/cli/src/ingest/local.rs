//! Ingest into a store that this process opens: blocks to batches on every core, batches to the writer in file order.
//!
//! One thread reads, [`decoders`] threads decode; a turnstile lets their batches into the writer in the order in which
//! their blocks stood in the input, so LSNs follow the file. Every queue is bounded, so memory does not grow with the file.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use annals_event::{Clock, EventDecoder, EventMap, Refusal};
use annals_table::ParquetSettings;
use annals_writer::{Ack, AppendTicket, Writer, WriterSettings};
use anyhow::{Context, Result, bail};

use super::feed::{Feed, Work};
use super::mapped::MappedBlock;
use super::refusal_log::RefusalLog;
use super::turnstile::Turnstile;
use super::{Ingesting, Totals, join, lock};
use crate::session::Session;
use crate::stopwatch::Stopwatch;

/// What every decoding thread shares.
struct Pipeline<'a> {
    decoder: EventDecoder,
    map: Option<&'a EventMap>,
    writer: &'a Writer,
    clock: Arc<dyn Clock>,
    turnstile: Turnstile,
    refusals: Mutex<RefusalLog>,
    totals: Mutex<Totals>,
}

/// Ingests and commits.
pub(super) fn run(session: &Session, ingesting: &Ingesting<'_>) -> Result<Totals> {
    let refusals = RefusalLog::create(ingesting.command.refused.as_deref())?;
    let parquet = ParquetSettings::with_word_index(!ingesting.command.no_word_index);
    let (table, writer) = session.writer_with(WriterSettings { parquet, ..WriterSettings::default() })?;
    let watch = Stopwatch::start();
    let pipeline = Pipeline {
        decoder: ingesting.decoder(),
        map: ingesting.map.as_ref(),
        writer: &writer,
        clock: Arc::clone(&session.clock),
        turnstile: Turnstile::default(),
        refusals: Mutex::new(refusals),
        totals: Mutex::default(),
    };
    let outcome = pipeline.run(Feed::new(&ingesting.command.files, ingesting.command.quiet));
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
    totals.report(elapsed, &format!("{}, version {}", session.store.url(), table.snapshot().version()));
    shown?;
    outcome?;
    Ok(totals)
}

/// Threads that decode: the cores, for flushing and the log share them anyway.
fn decoders() -> usize {
    std::thread::available_parallelism().map_or(2, NonZero::get)
}

impl Pipeline<'_> {
    /// Reads, decodes and appends everything; returns once all of it is synced to the log.
    fn run(&self, feed: Feed<'_>) -> Result<()> {
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
            let read = feed.run(&send, || self.turnstile.is_closed(), || lock(&self.totals).accepted);
            drop(send);
            for worker in workers {
                join(worker)?;
            }
            join(acknowledged)?;
            read
        });
        feed.finish();
        outcome
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
        let Some(map) = self.map else {
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
        let mut mapped = MappedBlock::of(map, &work.block);
        let decoded = self.decoder.decode_ndjson(&mapped.events, now_us);
        let mut refusals = std::mem::take(&mut mapped.refusals);
        refusals.extend(decoded.refusals.into_iter().map(|mut refusal| {
            // Point at the line of the source, not of what the map made of it.
            refusal.line = mapped.source_line(refusal.line);
            refusal
        }));
        Ok(DecodedBlock { batch: decoded.batch, refusals, skipped: mapped.skipped })
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

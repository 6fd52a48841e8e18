//! Ingest through a server: the blocks as requests, [`REQUESTS_MAX`] under way at a time.
//!
//! Every block carries a key of its own, so it is sent again until the server answers and yet is stored once. Requests
//! overtake each other: the order of events within a block is kept, that of the blocks is not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use annals_event::{Clock, Refusal};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::runtime::Runtime;

use super::feed::{Feed, Work};
use super::mapped::MappedBlock;
use super::refusal_log::RefusalLog;
use super::refusals::refusals;
use super::{Ingesting, Totals, join, lock};
use crate::remote::{Client, EventsAnswer, EventsPost, Failure};
use crate::stopwatch::Stopwatch;

/// Requests under way at a time: enough to keep the server's log busy while the next ones travel.
const REQUESTS_MAX: usize = 4;
/// Bodies that leave this machine are compressed; the fastest level already makes a network the smaller cost.
const ZSTD_LEVEL: i32 = 1;

/// What every sending thread shares.
struct Delivery<'a> {
    ingesting: &'a Ingesting<'a>,
    client: &'a Client,
    runtime: &'a Runtime,
    clock: &'a dyn Clock,
    run: u64,
    /// Whether the server has answered once: before that, a refused connection is a wrong address.
    reached: AtomicBool,
    closed: AtomicBool,
    refusals: Mutex<RefusalLog>,
    totals: Mutex<Totals>,
}

/// Sends everything; returns once all of it is synced to the server's log. `run` is a number of this run alone.
pub(super) fn run(
    client: &Client,
    runtime: &Runtime,
    clock: &dyn Clock,
    run: u64,
    ingesting: &Ingesting<'_>,
) -> Result<Totals> {
    if ingesting.command.allow_before_2000 {
        bail!("which times are believed is the server's to say: leave --allow-before-2000 away and set it there");
    }
    let delivery = Delivery {
        ingesting,
        client,
        runtime,
        clock,
        run,
        reached: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        refusals: Mutex::new(RefusalLog::create(ingesting.command.refused.as_deref())?),
        totals: Mutex::default(),
    };
    let watch = Stopwatch::start();
    let outcome = delivery.run(Feed::new(&ingesting.command.files, ingesting.command.quiet));
    let totals = *lock(&delivery.totals);
    totals.report(watch.elapsed(), &client.url().to_string());
    lock(&delivery.refusals).finish()?;
    outcome?;
    Ok(totals)
}

/// A block as it is sent.
struct Prepared {
    body: Bytes,
    is_array: bool,
    first_line: u64,
    /// What the map made of the block, where there is a map.
    mapped: Option<MappedBlock>,
}

impl Prepared {
    /// The line of the file behind a line of the body.
    fn file_line(&self, line: u64) -> u64 {
        match &self.mapped {
            Some(mapped) => mapped.source_line(line),
            None => self.first_line + line.saturating_sub(1),
        }
    }
}

impl Delivery<'_> {
    fn run(&self, feed: Feed<'_>) -> Result<()> {
        let (send, receive) = sync_channel::<Work>(1);
        let receive = Mutex::new(receive);
        let outcome = std::thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> = (0..REQUESTS_MAX).map(|_| scope.spawn(|| self.work(&receive))).collect();
            let read = feed.run(&send, || self.closed.load(Ordering::Relaxed), || lock(&self.totals).accepted);
            drop(send);
            for worker in workers {
                join(worker)?;
            }
            read
        });
        feed.finish();
        outcome
    }

    /// One sending thread.
    fn work(&self, receive: &Mutex<Receiver<Work>>) -> Result<()> {
        let outcome = (|| {
            loop {
                let next = lock(receive).recv();
                let Ok(work) = next else { return Ok(()) };
                if self.closed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                self.deliver(work)?;
            }
        })();
        if outcome.is_err() {
            self.closed.store(true, Ordering::Relaxed);
        }
        // The reader may be waiting for room: let it see that the work has ended.
        while lock(receive).recv().is_ok() {}
        outcome
    }

    fn deliver(&self, work: Work) -> Result<()> {
        let bytes = work.block.bytes.len() as u64;
        let (place, file) = (work.place, Arc::clone(&work.file));
        let mut prepared = self.prepare(work)?;
        let mapped = prepared.mapped.as_mut();
        let (mut refused, skipped) =
            mapped.map_or((Vec::new(), 0), |mapped| (std::mem::take(&mut mapped.refusals), mapped.skipped));
        let mut answer = EventsAnswer::default();
        if !prepared.body.trim_ascii().is_empty() {
            answer = self.send(place, &prepared).with_context(|| format!("{}", file.display()))?;
            refused.extend(self.refusals(&prepared, &answer));
        }
        refused.sort_by_key(|refusal| refusal.line);
        lock(&self.refusals).extend(&file, &refused)?;
        let mut totals = lock(&self.totals);
        totals.accepted += answer.accepted;
        totals.known += answer.duplicates;
        // The server counts all it refused, and may tell of fewer.
        totals.refused += answer.refused.max(refused.len() as u64);
        totals.skipped += skipped;
        totals.bytes += bytes;
        Ok(())
    }

    fn prepare(&self, work: Work) -> Result<Prepared> {
        let first_line = work.block.first_line;
        let Some(map) = &self.ingesting.map else {
            return Ok(Prepared { body: work.block.bytes.into(), is_array: work.is_array, first_line, mapped: None });
        };
        if work.is_array {
            bail!("{}: a map works on one record a line; use `jq -c '.[]'` to unroll the array", work.file.display());
        }
        let mut mapped = MappedBlock::of(map, &work.block);
        let body = std::mem::take(&mut mapped.events).into();
        Ok(Prepared { body, is_array: false, first_line, mapped: Some(mapped) })
    }

    /// Sends a block until the server answers for it.
    fn send(&self, place: u64, prepared: &Prepared) -> Result<EventsAnswer> {
        let (body, encoding) = if self.client.url().is_loopback() {
            (prepared.body.clone(), None)
        } else {
            let compressed = zstd::bulk::compress(&prepared.body, ZSTD_LEVEL).context("cannot compress")?;
            (compressed.into(), Some("zstd"))
        };
        let post = EventsPost {
            body,
            is_array: prepared.is_array,
            encoding,
            project: self.ingesting.command.project.as_ref(),
            key: format!("{:016x}-{place}", self.run),
        };
        let goes_on = |failure: &Failure| {
            let is_wrong_address =
                matches!(failure, Failure::Unreachable { .. }) && !self.reached.load(Ordering::Relaxed);
            !is_wrong_address && !self.closed.load(Ordering::Relaxed)
        };
        let answer = self.runtime.block_on(self.client.deliver(&post, goes_on))?;
        self.reached.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    /// The refused records with their lines in the file and their bytes.
    fn refusals(&self, prepared: &Prepared, answer: &EventsAnswer) -> Vec<Refusal> {
        if answer.refused == 0 {
            return Vec::new();
        }
        let mut told =
            refusals(&prepared.body, prepared.is_array, answer, &self.ingesting.decoder(), self.clock.now_us());
        for refusal in &mut told {
            refusal.line = prepared.file_line(refusal.line);
        }
        told
    }
}

//! [`World`]: a place, the process that runs there, and the oracle that knows what its producers were told.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use annals_event::ProjectId;
use annals_query::{EventQuery, Order};
use annals_testkit::fault::Unsynced;
use annals_writer::{Ack, Receipt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::events::{Sent, batch};
use super::node::{FREEZE_AGE_MS, Node};
use super::oracle::Oracle;
use super::place::Place;

/// Projects of a world.
const PROJECTS: u8 = 2;
/// Traces of a world.
const TRACES: u16 = 12;
/// How far from now an event's time may be: days apart in one world of four, and within a day in the others, which have
/// less files for as many events and so more operations a second.
const SPREADS_US: [i64; 4] = [10 * HOUR_US, HOUR_US, HOUR_US, HOUR_US];
const HOUR_US: i64 = 3_600 * 1_000_000;

type Answer = Pin<Box<dyn Future<Output = annals_writer::Result<Receipt>> + Send>>;

/// An append that was not answered yet.
struct InFlight {
    events: Vec<Sent>,
    answer: Answer,
}

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) node: Option<Node>,
    pub(crate) oracle: Oracle,
    pub(crate) chance: StdRng,
    in_flight: Vec<InFlight>,
    lives: u64,
    /// The writer took an append no more.
    refusing: bool,
    next: u64,
    spread_us: i64,
}

impl World {
    pub(crate) fn new(place: Place) -> Self {
        let chance = StdRng::seed_from_u64(place.seed);
        let (oracle, in_flight) = Default::default();
        let spread_us = SPREADS_US[(place.seed / 2 % 4) as usize];
        Self { place, node: None, oracle, chance, in_flight, lives: 0, refusing: false, next: 0, spread_us }
    }

    /// Starts the process; an error when the place is not fit for it.
    pub(crate) fn open(&mut self) -> anyhow::Result<()> {
        self.lives += 1;
        self.refusing = false;
        self.node = Some(Node::open(&self.place, self.lives)?);
        Ok(())
    }

    /// Which life of the process this is.
    pub(crate) fn life(&self) -> u64 {
        self.lives
    }

    /// Whether the process runs and takes nothing any more: an operator would start it anew.
    pub(crate) fn has_failed(&self) -> bool {
        self.refusing
    }

    /// A start that failed must not take a store of its own making for a damaged one.
    pub(crate) fn check_start_error(&mut self, error: &anyhow::Error) {
        let writer = error.downcast_ref::<annals_writer::Error>().map(annals_writer::Error::kind);
        let table = error.downcast_ref::<annals_table::Error>().map(annals_table::Error::kind);
        if writer == Some(annals_writer::ErrorKind::Corrupt) || table == Some(annals_table::ErrorKind::Corrupt) {
            self.oracle.findings.wrong(format!("a start takes the store for damaged: {error:#}"));
        }
    }

    /// Hands an append of up to `events_max` new events to the writer.
    pub(crate) fn append(&mut self, events_max: usize, ack: Ack) {
        let count = self.chance.random_range(1..=events_max);
        let has_id = self.chance.random_bool(0.5);
        let now_us = self.place.now_us();
        let new = |world: &mut Self| {
            world.next += 1;
            Sent {
                number: world.next,
                project: world.chance.random_range(0..PROJECTS),
                trace: world.chance.random_range(0..TRACES),
                timestamp_us: now_us + world.chance.random_range(-world.spread_us..world.spread_us),
                has_id,
            }
        };
        let events: Vec<Sent> = (0..count).map(|_| new(self)).collect();
        self.send(events, ack);
    }

    /// Sends some events again whose producer never heard of them: those with ids must be stored once all the same.
    pub(crate) fn send_again(&mut self, ack: Ack) {
        let mut events = self.oracle.unanswered();
        // After a jump back of the clock they would be refused as of the future.
        let latest_us = self.place.now_us() + self.spread_us;
        events.retain(|event| event.has_id && event.timestamp_us < latest_us);
        events.truncate(10);
        if !events.is_empty() {
            events.iter().for_each(|event| self.oracle.sent_again(event.number));
            self.send(events, ack);
        }
    }

    fn send(&mut self, events: Vec<Sent>, ack: Ack) {
        let Some(node) = &self.node else { return };
        let rows = batch(&events, self.place.now_us());
        events.iter().for_each(|event| self.oracle.sent(event));
        match node.writer.append(rows, ack) {
            Ok(ticket) => self.in_flight.push(InFlight { events, answer: Box::pin(ticket.received()) }),
            // Nothing was taken.
            Err(_) => {
                self.refusing = true;
                events.iter().for_each(|event| self.oracle.refused(event.number));
            }
        }
    }

    /// Tells the oracle which appends were answered.
    pub(crate) fn hear(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for mut append in std::mem::take(&mut self.in_flight) {
            match append.answer.as_mut().poll(&mut context) {
                Poll::Pending => self.in_flight.push(append),
                Poll::Ready(Ok(receipt)) => self.acknowledged(&append.events, &receipt),
                // They may or may not be found after a restart.
                Poll::Ready(Err(_)) => {}
            }
        }
    }

    fn acknowledged(&mut self, events: &[Sent], receipt: &Receipt) {
        let synced = receipt.ack != Ack::Memory;
        // Which of the events were known the receipt does not say: then only that all are there.
        let lsns: Vec<i64> = (receipt.lsn.start().0..=receipt.lsn.end().0).map(|lsn| lsn as i64).collect();
        if receipt.accepted + receipt.duplicates != events.len() as u64 {
            self.oracle.findings.wrong(format!("{} events were answered with {receipt:?}", events.len()));
        }
        for (at, event) in events.iter().enumerate() {
            let lsn = if receipt.duplicates == 0 { lsns.get(at).copied() } else { None };
            self.oracle.acknowledged(event.number, synced, lsn);
        }
    }

    /// Takes a step of the log.
    pub(crate) fn log(&mut self) {
        let Some(mut log) = self.node.as_mut().and_then(|node| node.log.take()) else { return };
        log.take();
        if let Some(node) = &mut self.node {
            node.log = Some(log);
        }
        self.hear();
    }

    /// Takes a step of the flush.
    pub(crate) fn flush(&mut self) {
        let Some(flush) = self.node.as_mut().and_then(|node| node.flush.take()) else { return };
        flush.take();
        if let Some(node) = &mut self.node {
            node.flush = Some(flush);
        }
        self.hear();
    }

    /// Merges files. `fails` says whether disk or store may fail at present.
    pub(crate) fn compact(&mut self, fails: bool) {
        let now_us = self.place.now_us();
        let Some(node) = &self.node else { return };
        if let Err(error) = node.compact(now_us)
            && !fails
            && !self.place.fs.is_stopped()
        {
            self.oracle.findings.wrong(format!("a compaction failed: {error:#}"));
        }
        self.hear();
    }

    /// Lets so much time pass that rows in memory are old enough to be flushed.
    pub(crate) fn wait(&mut self) {
        self.place.clock.advance(FREEZE_AGE_MS as i64 * 1_000 + 1);
        self.log();
    }

    /// Asks a query that chance picks, and compares its answer with what it must be.
    pub(crate) fn read(&mut self, when: &str) {
        self.hear();
        let Some(node) = &self.node else { return };
        let mut query = EventQuery { limit: self.chance.random_range(1..200), ..EventQuery::default() };
        if self.chance.random() {
            query.order = Order::OldestFirst;
        }
        let (project, trace) = (self.chance.random_range(0..PROJECTS), self.chance.random_range(0..TRACES));
        let at_us = self.place.now_us() + self.chance.random_range(-self.spread_us..self.spread_us);
        let asked: Box<dyn Fn(&Sent) -> bool> = match self.chance.random_range(0..4) {
            0 => {
                query.trace_ids = vec![format!("trace-{trace}")];
                Box::new(move |event| event.trace == trace)
            }
            1 => {
                query.projects = vec![ProjectId::new(&format!("p{project}")).unwrap()];
                query.from_us = Some(at_us);
                Box::new(move |event| event.project == project && event.timestamp_us >= at_us)
            }
            _ => Box::new(|_| true),
        };
        let found = self.place.runtime.block_on(Node::search(&node.engine, &query));
        match found {
            Ok(rows) => {
                let findings = self.oracle.compare(&rows, asked, when);
                self.oracle.findings.add(findings);
            }
            // A disk that stopped, or a store that fails, answers no query: that is no wrong answer.
            Err(error) if self.place.fs.is_stopped() || is_unavailable(&error) => {}
            Err(error) => self.oracle.findings.wrong(format!("{when}: a query failed: {error:#}")),
        }
    }

    /// Ends the process. Appends that it did not answer stay open.
    pub(crate) fn end(&mut self) {
        self.place.fs.stop();
        self.hear();
        if let Some(node) = self.node.take() {
            node.writer.stop();
        }
        self.hear();
        self.in_flight.clear();
    }

    /// Kills the process, or takes the power away, where `unsynced` says what becomes of what was not synced. Leaves the
    /// world without a process.
    pub(crate) fn crash(&mut self, unsynced: Option<Unsynced>) {
        self.end();
        match unsynced {
            None => self.place.kill(),
            Some(unsynced) => {
                let seed = self.chance.random();
                self.place.lose_power(unsynced, seed);
                self.oracle.power_lost();
            }
        }
    }

    /// Reads everything after a restart and settles what was open; compares before.
    pub(crate) fn look(&mut self, when: &str) {
        let Some(node) = &self.node else { return };
        let query = EventQuery { limit: 100_000, ..EventQuery::default() };
        match self.place.runtime.block_on(Node::search(&node.engine, &query)) {
            Ok(rows) => {
                let findings = self.oracle.compare(&rows, |_| true, when);
                self.oracle.findings.add(findings);
                self.oracle.restarted(&rows);
            }
            Err(error) if self.place.fs.is_stopped() || is_unavailable(&error) => {}
            Err(error) => self.oracle.findings.wrong(format!("{when}: reading everything failed: {error:#}")),
        }
    }
}

fn is_unavailable(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<annals_query::Error>()
        .is_some_and(|error| error.kind() == annals_query::ErrorKind::Unavailable)
}

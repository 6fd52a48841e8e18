//! Promise 11: an acknowledged event is visible to the next query, exactly once, also while it moves from memory to file.
//!
//! One thread appends numbered events in order while flushes run all the time; others ask, each in a way that chance picks,
//! for a range of numbers near the end. What was acknowledged before a query began must be in its answer once; what was not
//! handed over when it ended must not be.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;

use annals_event::{columns, format_timestamp};
use annals_query::{Engine, EventQuery, Order, TraceQuery};
use annals_writer::{Writer, WriterSettings};
use arrow::array::{AsArray, RecordBatch};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::sim::Findings;
use super::{Form, Proof, seed};
use crate::support::TestStore;

/// 2026-06-01T12:00:00Z; the time of event number 0.
const FIRST_US: i64 = 1_780_315_200_000_000;
/// From one event to the next.
const STEP_US: i64 = 1_000;
/// Events of one trace.
const TRACE_EVENTS: u64 = 10;
/// Rows after which memory is flushed: the more flushes, the more moves are met.
const FREEZE_ROWS: u64 = 60;
/// Events of one store, about: with more, queries take longer and meet fewer moves.
const STORE_EVENTS_MAX: u64 = 5_000;
/// Queries of one store.
const STORE_QUERIES: u64 = 2_500;
/// Threads that ask.
const READERS: u64 = 2;

#[test]
fn every_query_sees_each_acknowledged_event_exactly_once() {
    let queries = Form::asked().of(2_500, 1_000_000);
    let seed = seed();
    let mut proof = Proof { promise: 11, what: "queries during flushes", ..Proof::default() };
    let (mut rounds, mut flushes) = (0, 0);
    while proof.runs < queries {
        let round = Round::new(STORE_QUERIES.min(queries - proof.runs));
        let (asked, acknowledged, commits, findings) = round.run(seed ^ proof.runs);
        (rounds, flushes) = (rounds + 1, flushes + commits);
        findings.told.iter().for_each(|told| println!("{told}"));
        proof.runs += asked;
        proof.acknowledged += acknowledged;
        proof.lost += findings.lost;
        proof.doubled += findings.doubled;
        proof.invented += findings.invented;
        proof.wrong += findings.wrong;
    }
    // On a machine that is busy elsewhere a round may have few: what counts is all of them.
    assert!(flushes > 5 * rounds, "only {flushes} flushes went on meanwhile, in {rounds} rounds");
    proof.tell();
}

/// What the appending and the asking threads share.
struct Round {
    queries: u64,
    asked: AtomicU64,
    /// Events below this number were handed over.
    handed_over: AtomicU64,
    /// Events below this number were acknowledged.
    acknowledged: AtomicU64,
    /// The readers are through, or somebody failed.
    done: AtomicBool,
    findings: Mutex<Findings>,
}

impl Round {
    fn new(queries: u64) -> Self {
        let (asked, handed_over, acknowledged, done, findings) = Default::default();
        Self { queries, asked, handed_over, acknowledged, done, findings }
    }

    /// Answers the number of queries, of acknowledged events and of commits.
    fn run(self, seed: u64) -> (u64, u64, u64, Findings) {
        let store = TestStore::new();
        let writer = store.writer_with(WriterSettings {
            freeze_rows: FREEZE_ROWS,
            wal_segment_bytes: 64 << 10,
            ..WriterSettings::default()
        });
        let engine = store.engine_with(&writer);
        let appender = std::thread::current();
        std::thread::scope(|scope| {
            for reader in 0..READERS {
                let (round, store, engine, appender) = (&self, &store, &engine, appender.clone());
                scope.spawn(move || {
                    round.ask_repeatedly(store, engine, seed ^ reader << 32, &appender);
                    // Whatever ended it: nobody must wait for its questions.
                    round.done.store(true, Ordering::SeqCst);
                    appender.unpark();
                });
            }
            let _stop = StopOnDrop(&self.done);
            self.append_repeatedly(&store, &writer, seed);
        });
        let commits = store.table.snapshot().version();
        writer.close(false).unwrap();
        (self.asked.into_inner(), self.acknowledged.into_inner(), commits, self.findings.into_inner().unwrap())
    }

    /// Appends as fast as the questions go, so that all of them meet rows on the move.
    fn append_repeatedly(&self, store: &TestStore, writer: &Writer, seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut next = 0;
        while !self.done.load(Ordering::SeqCst) {
            if next * self.queries > self.asked.load(Ordering::SeqCst) * STORE_EVENTS_MAX + self.queries * 200 {
                std::thread::park();
                continue;
            }
            let count = chance.random_range(1..=40);
            let lines: String = (next..next + count).map(line).collect();
            self.handed_over.store(next + count, Ordering::SeqCst);
            assert_eq!(store.append(writer, lines.as_bytes()) as u64, count);
            self.acknowledged.store(next + count, Ordering::SeqCst);
            next += count;
        }
    }

    fn ask_repeatedly(&self, store: &TestStore, engine: &Engine, seed: u64, appender: &Thread) {
        let mut chance = StdRng::seed_from_u64(seed);
        while !self.done.load(Ordering::SeqCst) && self.asked.load(Ordering::SeqCst) < self.queries {
            let acknowledged = self.acknowledged.load(Ordering::SeqCst);
            let end = acknowledged.saturating_add_signed(chance.random_range(-60..60)).max(1);
            let range = end.saturating_sub(chance.random_range(1..300))..end;
            let way = chance.random_range(0..16);
            let asked = Asked { store, engine, range, newest: chance.random() };
            let seen = match way {
                0 => asked.by_sql(),
                1..5 => asked.by_histogram(),
                5..9 => asked.by_trace(),
                _ => asked.by_search(),
            };
            let handed_over = self.handed_over.load(Ordering::SeqCst);
            self.check(&seen, acknowledged, handed_over);
            self.asked.fetch_add(1, Ordering::SeqCst);
            appender.unpark();
        }
    }

    fn check(&self, seen: &Seen, acknowledged: u64, handed_over: u64) {
        let mut findings = self.findings.lock().unwrap();
        let (range, told) = (&seen.range, format!("{} of {:?}, {acknowledged} acknowledged", seen.way, seen.range));
        let must = (range.start..range.end.min(acknowledged)).count() as u64;
        let may = (range.start..range.end.min(handed_over)).count() as u64;
        match &seen.what {
            What::Count(count) if *count < must => {
                findings.lost += must - count;
                findings.told.push(format!("{told}: {count}, and {must} must be there"));
            }
            What::Count(count) if *count > may => {
                findings.doubled += count - may;
                findings.told.push(format!("{told}: {count}, and {may} may be there"));
            }
            What::Count(_) => {}
            What::Numbers(numbers) => {
                let mut sorted = numbers.clone();
                sorted.sort_unstable();
                sorted.dedup();
                let doubled = (numbers.len() - sorted.len()) as u64;
                let lost = must
                    - sorted.iter().filter(|number| **number < acknowledged && range.contains(number)).count() as u64;
                let foreign =
                    sorted.iter().filter(|number| **number >= handed_over || !range.contains(number)).count() as u64;
                if doubled + lost + foreign > 0 {
                    findings.told.push(format!("{told}: {numbers:?}"));
                }
                findings.doubled += doubled;
                findings.lost += lost;
                findings.invented += foreign;
                if !seen.in_order(numbers) {
                    findings.wrong(format!("{told}: out of order: {numbers:?}"));
                }
            }
        }
    }
}

/// Ends the readers, however the appending thread ends.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// An answer, as far as it is compared.
struct Seen {
    way: &'static str,
    range: std::ops::Range<u64>,
    newest: bool,
    what: What,
}

enum What {
    Numbers(Vec<u64>),
    Count(u64),
}

impl Seen {
    fn in_order(&self, numbers: &[u64]) -> bool {
        if self.newest { numbers.is_sorted_by(|a, b| a >= b) } else { numbers.is_sorted() }
    }
}

/// One question.
struct Asked<'a> {
    store: &'a TestStore,
    engine: &'a Engine,
    range: std::ops::Range<u64>,
    newest: bool,
}

impl Asked<'_> {
    fn query(&self) -> EventQuery {
        let order = if self.newest { Order::NewestFirst } else { Order::OldestFirst };
        let (from_us, until_us) = (Some(time_us(self.range.start)), Some(time_us(self.range.end)));
        EventQuery { from_us, until_us, order, limit: 10_000, ..EventQuery::default() }
    }

    fn seen(self, way: &'static str, what: What) -> Seen {
        Seen { way, range: self.range, newest: self.newest, what }
    }

    fn by_search(self) -> Seen {
        let page = self.store.runtime.block_on(self.engine.search(&self.query())).unwrap();
        self.seen("a search", What::Numbers(numbers(&page.events)))
    }

    /// One trace, whose events are asked for without a time: its range is that of the trace.
    fn by_trace(self) -> Seen {
        let trace = self.range.start / TRACE_EVENTS;
        let query = TraceQuery {
            trace_id: format!("trace-{trace}"),
            project: None,
            from_us: None,
            until_us: None,
            limit: 1_000,
        };
        let page = self.store.runtime.block_on(self.engine.trace(&query)).unwrap();
        let range = trace * TRACE_EVENTS..(trace + 1) * TRACE_EVENTS;
        Seen { way: "a trace", range, newest: false, what: What::Numbers(numbers(&page.events)) }
    }

    fn by_histogram(self) -> Seen {
        let histogram = self.store.runtime.block_on(self.engine.histogram(&self.query(), 50)).unwrap();
        let count = histogram.buckets.iter().map(|bucket| bucket.total).sum();
        self.seen("a histogram", What::Count(count))
    }

    fn by_sql(self) -> Seen {
        let [from, until] = [self.range.start, self.range.end].map(|number| format_timestamp(time_us(number)));
        let statement = format!(
            "select message from events where timestamp >= '{from}' and timestamp < '{until}' order by timestamp"
        );
        let rows = self.store.sql(self.engine, &statement);
        let numbers = rows.iter().map(|row| row[0].parse().unwrap()).collect();
        Seen { way: "SQL", range: self.range, newest: false, what: What::Numbers(numbers) }
    }
}

fn time_us(number: u64) -> i64 {
    FIRST_US + number as i64 * STEP_US
}

fn line(number: u64) -> String {
    format!(
        "{{\"type\":\"t\",\"projectId\":\"p{}\",\"traceId\":\"trace-{}\",\"timestamp\":\"{}\",\"message\":\"{number}\"}}\n",
        number % 3,
        number / TRACE_EVENTS,
        format_timestamp(time_us(number)),
    )
}

fn numbers(batch: &RecordBatch) -> Vec<u64> {
    batch[columns::MESSAGE].as_string_view().iter().map(|text| text.unwrap().parse().unwrap()).collect()
}

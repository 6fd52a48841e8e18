//! A run against a stub of a server, and the check against a real store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annals_event::{Clock, DecodeSettings, EventDecoder, SystemClock};
use annals_writer::Ack;
use bytes::BytesMut;
use clap::Parser;
use serde_json::json;

use super::audit::Verdict;
use super::ledger::{Entry, Ledger, LedgerWriter, Status};
use super::marker::RunId;
use super::run::{Ended, RunPlan, run};
use super::template::{Pool, PoolPlan};
use super::{Encoding, check};
use crate::command::Cli;
use crate::session::Session;
use crate::source::Source;
use crate::stub_server::{Received, Reply, StubServer};

fn pool_plan() -> PoolPlan {
    PoolPlan {
        run: RunId::new(0xfeed),
        batch: 10,
        events: 100,
        seed: 1,
        projects: 3,
        ids: false,
        event_bytes: 0,
        end_us: SystemClock.now_us(),
        spread_us: 60_000_000,
    }
}

fn run_plan(server: &StubServer) -> RunPlan {
    RunPlan {
        run: RunId::new(0xfeed),
        server: server.url(),
        authorization: None,
        connections: 2,
        batch: 10,
        duration: Duration::from_secs(1),
        rate: 400,
        ack: "wal",
        ids: false,
        keys: true,
        encoding: Encoding::Identity,
        overload: false,
        idle: 0,
        slow: 0,
    }
}

/// Runs for a second at 40 batches a second.
fn load(plan: RunPlan) -> (Ended, Ledger) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ledger = LedgerWriter::create(Ledger::new(plan.run, plan.batch, 0), None).unwrap();
    let mut ended = runtime.block_on(run(plan, Pool::build(&pool_plan()).unwrap(), Some(ledger), |_, _| {})).unwrap();
    let ledger = ended.ledger.take().unwrap().finish().unwrap();
    (ended, ledger)
}

fn taken(_: &Received) -> Reply {
    Reply::ok(json!({"accepted": 10, "duplicates": 0, "refused": 0, "lsn": [1, 10]}).to_string())
}

fn statuses(ledger: &Ledger) -> Vec<Status> {
    ledger.batches().map(|(_, _, entry)| entry.status).collect()
}

#[test]
fn every_batch_is_sent_once_with_its_own_markers_and_key() {
    let server = StubServer::start(taken);
    let (ended, ledger) = load(run_plan(&server));
    assert!(ended.failure.is_none());
    let asked = server.received();
    assert_eq!(ended.tally.counts.acked_events, asked.len() as u64 * 10);
    assert_eq!(statuses(&ledger), vec![Status::Acked; asked.len()]);
    // The open loop's schedule has 40 batches; the last ones may not get their turn on a busy machine.
    assert!((1..=40).contains(&asked.len()), "{}", asked.len());
    let mut markers = BTreeSet::new();
    for request in &asked {
        assert_eq!((request.path.as_str(), request.parameter("ack")), ("/v1/events", Some("wal")));
        let key = request.header("idempotency-key").unwrap();
        for line in request.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: serde_json::Value = serde_json::from_slice(line).unwrap();
            let marker = event["load"].as_str().unwrap().to_owned();
            assert!(marker.starts_with(key), "{marker} {key}");
            assert!(markers.insert(marker));
        }
    }
    assert_eq!(markers.len(), asked.len() * 10);
}

#[test]
fn a_batch_that_is_turned_away_or_cut_off_is_sent_again_under_its_key() {
    let server = StubServer::start(|request| match request.nth {
        0 => Reply::problem(429, "no room").with_header("retry-after", "0"),
        1 => Reply::HangUp,
        2 => Reply::problem(500, "trouble"),
        _ => taken(request),
    });
    let (ended, ledger) = load(RunPlan { connections: 1, ..run_plan(&server) });
    assert!(ended.failure.is_none());
    let asked = server.received();
    assert!(asked.len() >= 4);
    assert!(asked[..4].iter().all(|request| request.body == asked[0].body));
    assert!(statuses(&ledger).iter().all(|status| *status == Status::Acked));
    assert_eq!((ended.tally.counts.rejected, ended.tally.counts.errors), (1, 1));
}

#[test]
fn without_keys_a_batch_that_was_cut_off_stays_unknown_and_one_turned_away_is_refused_in_overload() {
    let server = StubServer::start(|request| match request.nth {
        0 => Reply::HangUp,
        1 => Reply::problem(429, "no room").with_header("retry-after", "0"),
        _ => taken(request),
    });
    let plan = RunPlan { connections: 1, keys: false, overload: true, ..run_plan(&server) };
    let (ended, ledger) = load(plan);
    assert_eq!(statuses(&ledger)[..2], [Status::Unknown, Status::Refused]);
    assert_eq!((ended.tally.counts.unknown_batches, ended.tally.counts.refused_batches), (1, 1));
}

#[test]
fn a_wrong_request_ends_the_run_with_the_servers_words() {
    let server = StubServer::start(|_| Reply::problem(401, "a token is needed"));
    let (ended, _) = load(run_plan(&server));
    assert!(ended.failure.unwrap().to_string().contains("a token is needed"));
    assert!(server.received().len() <= 2);
}

/// A store that holds three batches of a run, the middle one twice.
fn doubled_store(dir: &tempfile::TempDir) -> (Session, RunId) {
    let store = dir.path().join("store");
    let cli = Cli::try_parse_from(["annals", "--store", store.to_str().unwrap(), "info"]).unwrap();
    let session = Session::connect(&cli.common).unwrap();
    let (_, writer) = session.writer().unwrap();
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let (plan, mut body) = (pool_plan(), BytesMut::new());
    let pool = Pool::build(&plan).unwrap();
    for batch in [0, 1, 1, 2] {
        pool.fill(3, batch, &mut body);
        let decoded = decoder.decode_ndjson(&body, plan.end_us);
        assert_eq!(decoded.refusals, []);
        writer.append_wait(decoded.batch, Ack::Wal).unwrap().wait().unwrap();
    }
    writer.flush().unwrap();
    writer.close(false).unwrap();
    (session, plan.run)
}

#[test]
fn a_check_finds_what_the_store_has_of_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let (session, run) = doubled_store(&dir);
    let source = Source::Local(Box::new(session.reader().unwrap()));
    let since_us = SystemClock.now_us() - 3_600_000_000;
    let verdict = |batches: &[(u64, Status)]| {
        let mut ledger = Ledger::new(run, 10, since_us);
        for (batch, status) in batches {
            let events = if *status == Status::Acked { 10 } else { 0 };
            ledger.put(3, *batch, Entry { status: *status, events }).unwrap();
        }
        session.runtime.block_on(check::check(&source, &ledger, |_, _| {})).unwrap()
    };
    use Status::{Acked, Refused, Unknown};
    let seen = verdict(&[(0, Acked), (1, Acked), (2, Acked)]);
    assert_eq!(seen, Verdict { acked: 30, doubled: 10, ..Verdict::default() });
    let seen = verdict(&[(0, Unknown), (1, Refused), (2, Acked), (3, Acked), (4, Unknown)]);
    let expected = Verdict { acked: 20, lost: 10, doubled: 10, invented: 10, unknown: 20, unknown_found: 10 };
    assert_eq!(seen, expected);
    assert_eq!(verdict(&[(0, Acked)]).invented, 20);
}

#[test]
fn another_run_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _) = doubled_store(&dir);
    let source = Source::Local(Box::new(session.reader().unwrap()));
    let ledger = Ledger::new(RunId::new(1), 10, 0);
    let verdict = session.runtime.block_on(check::check(&source, &ledger, |_, _| {})).unwrap();
    assert_eq!(verdict, Verdict::default());
}

#[test]
fn latency_counts_from_when_a_batch_was_due() {
    let server = StubServer::start(|request| {
        // Long enough that the batches behind it, due every 25 ms on one connection, have to wait.
        if request.nth == 0 {
            let started = crate::stopwatch::Stopwatch::start();
            while started.elapsed() < Duration::from_millis(200) {
                std::thread::yield_now();
            }
        }
        taken(request)
    });
    let (mut ended, _) = load(RunPlan { connections: 1, ..run_plan(&server) });
    let counts = ended.tally.counts.clone();
    // The first took 200 ms, the second was due after 25 ms and so took about 175, and so on.
    assert!(ended.tally.latencies().p90 > 50.0, "{:?} {counts:?}", ended.tally.latencies());
}

#[test]
fn shared_state_can_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Arc<super::run::Run>>();
}

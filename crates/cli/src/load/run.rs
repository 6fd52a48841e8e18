//! [`Run`]: what all producers of a run share, and how a run is started, watched and ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::header::HeaderValue;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::bystanders::Bystanders;
use super::connection::Connection;
use super::encoding::Encoding;
use super::ledger::LedgerWriter;
use super::marker::RunId;
use super::producer::Producer;
use super::tally::{Second, Tally};
use super::template::Pool;
use crate::remote::{Failure, ServerUrl};

/// What to do.
#[derive(Clone, Debug)]
pub(super) struct RunPlan {
    pub(super) run: RunId,
    pub(super) server: ServerUrl,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) connections: u16,
    pub(super) batch: u32,
    pub(super) duration: Duration,
    /// Events a second of an open loop; 0 is a closed loop, as fast as answers come.
    pub(super) rate: u64,
    /// Acknowledgement level, as the server names it.
    pub(super) ack: &'static str,
    pub(super) ids: bool,
    pub(super) keys: bool,
    pub(super) encoding: Encoding,
    /// Leave a batch that finds no room, instead of sending it again.
    pub(super) overload: bool,
    /// Connections beside the load that only stay open.
    pub(super) idle: u32,
    /// Connections beside the load that read one large answer byte by byte.
    pub(super) slow: u32,
}

/// A run under way, shared by its producers.
pub(super) struct Run {
    pub(super) plan: RunPlan,
    pub(super) pool: Pool,
    pub(super) start: Instant,
    pub(super) stop: watch::Receiver<bool>,
    tally: Mutex<Tally>,
    ledger: Option<Mutex<LedgerWriter>>,
}

impl Run {
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ledger(&self) -> Option<MutexGuard<'_, LedgerWriter>> {
        self.ledger.as_ref().map(|ledger| ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When no further batch is started.
    pub(super) fn end(&self) -> Instant {
        self.start + self.plan.duration
    }
}

/// What a run leaves behind.
pub(super) struct Ended {
    pub(super) tally: Tally,
    pub(super) ledger: Option<LedgerWriter>,
    /// How long it sent, and to the last acknowledgement where that came later.
    pub(super) elapsed: Duration,
    /// Why it ended before its time, if it did.
    pub(super) failure: Option<anyhow::Error>,
}

/// Runs to the end of its time, until Ctrl-C, or until the server says that the requests are wrong. `each` hears of every
/// second that passed.
///
/// # Errors
/// When no connection comes about at the start, or Ctrl-C comes twice.
pub(super) async fn run(
    plan: RunPlan,
    pool: Pool,
    ledger: Option<LedgerWriter>,
    mut each: impl FnMut(u64, Second),
) -> Result<Ended> {
    let authority = plan.server.authority();
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        let connection = Connection::open(&authority).await;
        connections.push(connection.map_err(|error| Failure::Unreachable {
            url: plan.server.clone(),
            cause: error.root_cause().to_string(),
        })?);
    }
    let bystanders = Bystanders::open(&authority, plan.authorization.as_ref(), plan.idle, plan.slow).await?;
    let (stop_send, stop) = watch::channel(false);
    let run = Arc::new(Run {
        plan,
        pool,
        start: Instant::now(),
        stop,
        tally: Mutex::new(Tally::new()?),
        ledger: ledger.map(Mutex::new),
    });
    let mut producers = JoinSet::new();
    for (number, connection) in (0..).zip(connections) {
        producers.spawn(Producer::new(Arc::clone(&run), number, connection)?.run());
    }
    let second = Duration::from_secs(1);
    let mut seconds = interval_at(run.start + second, second);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failure = None;
    loop {
        tokio::select! {
            ended = producers.join_next() => match ended {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    failure.get_or_insert(error);
                    stop_send.send_replace(true);
                }
                Some(Err(error)) => return Err(error).context("a producer stopped unexpectedly"),
            },
            now = seconds.tick() => {
                each((now - run.start).as_secs(), run.tally().end_second());
                if let Some(mut ledger) = run.ledger()
                    && let Err(error) = ledger.flush()
                {
                    failure.get_or_insert(error);
                    stop_send.send_replace(true);
                }
            }
            // A run that is told to stop ends as one whose time is over; told again, it does not wait for answers.
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("cannot listen for Ctrl-C")?;
                if stop_send.send_replace(true) {
                    bail!("interrupted: batches that were under way are not in the ledger");
                }
            }
        }
    }
    drop(bystanders);
    let sending = run.start.elapsed().min(run.plan.duration);
    let run = Arc::into_inner(run).ok_or_else(|| anyhow!("a producer outlived its run"))?;
    let tally = run.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Ended {
        elapsed: sending.max(tally.last_ack()),
        tally,
        ledger: run.ledger.map(|ledger| ledger.into_inner().unwrap_or_else(PoisonError::into_inner)),
        failure,
    })
}

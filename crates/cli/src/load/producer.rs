//! [`Producer`]: one connection's worth of a run. It sends one batch after the other and settles what became of each.
//!
//! A batch that may have been stored is sent again only where that is safe: with client-given ids or idempotency keys.
//! Otherwise it is noted as unknown, and the next one goes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::connection::{Answered, Connection};
use super::encoding::Encoder;
use super::judgement::{Judgement, judge};
use super::ledger::{Entry, Status};
use super::pace::Pace;
use super::run::Run;
use crate::remote::EventsAnswer;

/// How long an answer may take.
const REQUEST_S_MAX: u64 = 60;
/// How long answers are waited for when the run is over.
const GRACE_S: u64 = 30;
/// Pause after a failed connection or a failing server.
const TROUBLE_PAUSE: Duration = Duration::from_millis(100);

/// One producer.
pub(super) struct Producer {
    run: Arc<Run>,
    number: u16,
    connection: Option<Connection>,
    encoder: Encoder,
    pace: Option<Pace>,
    path: String,
    headers: HeaderMap,
    stop: watch::Receiver<bool>,
}

/// What became of a batch.
enum Outcome {
    Acked(EventsAnswer),
    Unknown,
    Refused,
}

impl Producer {
    pub(super) fn new(run: Arc<Run>, number: u16, connection: Connection) -> Result<Self> {
        let plan = &run.plan;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(&plan.server.authority())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        if let Some(encoding) = plan.encoding.header() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Some(token) = &plan.authorization {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let pace = (plan.rate > 0).then(|| Pace::new(plan.rate, plan.batch, plan.connections, number));
        let path = format!("{}?ack={}", plan.server.join("/v1/events").path(), plan.ack);
        let (encoder, stop) = (Encoder::new(plan.encoding)?, run.stop.clone());
        Ok(Self { run, number, connection: Some(connection), encoder, pace, path, headers, stop })
    }

    /// Sends batches until the time is over.
    ///
    /// # Errors
    /// When the server says that the requests are wrong, or the ledger cannot be written.
    pub(super) async fn run(mut self) -> Result<()> {
        for batch in 0.. {
            // In an open loop a batch's time counts from when it was due, also when it had to wait for the one before.
            let due = match &self.pace {
                Some(pace) => self.run.start + pace.due(batch),
                None => Instant::now(),
            };
            if due >= self.run.end() || !self.rest(due).await {
                break;
            }
            let (pool, number) = (&self.run.pool, self.number);
            let (body, plain_bytes) = self.encoder.encode(|out| pool.fill(number, batch, out))?;
            let sent_bytes = body.len() as u64;
            let outcome = self.deliver(batch, &body).await?;
            self.settle(batch, due, outcome, plain_bytes, sent_bytes)?;
            self.encoder.reclaim(body);
        }
        Ok(())
    }

    /// Sends a batch until its fate is known, cannot be known, or the time is over.
    async fn deliver(&mut self, batch: u64, body: &Bytes) -> Result<Outcome> {
        let is_repeatable = self.run.plan.ids || self.run.plan.keys;
        // Whether an attempt may have stored the batch.
        let mut is_open = false;
        loop {
            let judgement = match self.attempt(batch, body).await? {
                None => return Ok(given_up(is_open)),
                Some(Err(())) => {
                    self.run.tally().counts.errors += 1;
                    self.connection = None;
                    Judgement::Unclear(String::new())
                }
                Some(Ok(answer)) => {
                    self.run.tally().answered(answer.status.as_u16());
                    judge(answer.status, answer.retry_after, &answer.body)
                }
            };
            let pause = match judgement {
                Judgement::Acked(answer) => return Ok(Outcome::Acked(answer)),
                Judgement::Final(told) => bail!("{told}"),
                Judgement::Busy(pause) => {
                    self.run.tally().counts.rejected += 1;
                    if self.run.plan.overload {
                        return Ok(given_up(is_open));
                    }
                    pause
                }
                Judgement::Unclear(told) => {
                    if !told.is_empty() {
                        tracing::info!(told, "a batch failed");
                    }
                    is_open = true;
                    TROUBLE_PAUSE
                }
            };
            // What may be stored and must not be stored twice is left at that, but a server in trouble gets its pause.
            let goes_on = self.rest(Instant::now() + pause).await;
            if !goes_on || (is_open && !is_repeatable) {
                return Ok(given_up(is_open));
            }
        }
    }

    /// Sends a batch once, over a new connection where there is none. `None` when the time is over before one came about;
    /// `Err` when the answer did not come.
    async fn attempt(&mut self, batch: u64, body: &Bytes) -> Result<Option<Result<Answered, ()>>> {
        let request = self.request(batch, body)?;
        let time_max = Duration::from_secs(REQUEST_S_MAX)
            .min((self.run.end() + Duration::from_secs(GRACE_S)).saturating_duration_since(Instant::now()));
        let Some(connection) = self.connect().await else { return Ok(None) };
        let answer = connection.send(request, time_max).await;
        if let Err(error) = &answer {
            tracing::info!("a request has no answer: {error:#}");
        }
        Ok(Some(answer.map_err(|_| ())))
    }

    fn request(&self, batch: u64, body: &Bytes) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::post(self.path.as_str()).body(Full::new(body.clone()))?;
        *request.headers_mut() = self.headers.clone();
        if self.run.plan.keys {
            let key = self.run.plan.run.batch_key(self.number, batch);
            request.headers_mut().insert("idempotency-key", HeaderValue::from_str(&key)?);
        }
        Ok(request)
    }

    /// The open connection, made anew as often as it takes; `None` once the time is over.
    async fn connect(&mut self) -> Option<&mut Connection> {
        if self.connection.as_ref().is_some_and(Connection::is_closed) {
            self.connection = None;
        }
        while self.connection.is_none() {
            match Connection::open(&self.run.plan.server.authority()).await {
                Ok(connection) => self.connection = Some(connection),
                Err(_) => {
                    self.run.tally().counts.errors += 1;
                    if !self.rest(Instant::now() + TROUBLE_PAUSE).await {
                        return None;
                    }
                }
            }
        }
        self.connection.as_mut()
    }

    fn settle(&mut self, batch: u64, due: Instant, outcome: Outcome, plain_bytes: u64, sent_bytes: u64) -> Result<()> {
        let (entry, lsn) = match outcome {
            Outcome::Acked(answer) => {
                let events = answer.accepted + answer.duplicates;
                let now = Instant::now();
                let mut tally = self.run.tally();
                tally.acknowledged(now.saturating_duration_since(due), now - self.run.start);
                tally.counts.acked_events += events;
                tally.counts.known_events += answer.duplicates;
                tally.counts.refused_events += answer.refused;
                tally.counts.acked_bytes += plain_bytes;
                tally.counts.sent_bytes += sent_bytes;
                let events = u32::try_from(events).unwrap_or(u32::MAX);
                (Entry { status: Status::Acked, events }, answer.lsn)
            }
            Outcome::Unknown => {
                self.run.tally().counts.unknown_batches += 1;
                (Entry { status: Status::Unknown, events: 0 }, None)
            }
            Outcome::Refused => {
                self.run.tally().counts.refused_batches += 1;
                (Entry { status: Status::Refused, events: 0 }, None)
            }
        };
        match self.run.ledger() {
            Some(mut ledger) => ledger.put(self.number, batch, entry, lsn),
            None => Ok(()),
        }
    }

    /// Waits until `until`; `false` when the run ends first.
    async fn rest(&mut self, until: Instant) -> bool {
        if *self.stop.borrow() {
            return false;
        }
        let now = Instant::now();
        if until <= now {
            return now < self.run.end();
        }
        tokio::select! {
            () = sleep_until(until.min(self.run.end())) => until < self.run.end(),
            _ = self.stop.changed() => false,
        }
    }
}

/// What is left of a batch that is not sent again.
fn given_up(is_open: bool) -> Outcome {
    if is_open { Outcome::Unknown } else { Outcome::Refused }
}

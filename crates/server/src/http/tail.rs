//! `GET /v1/tail`: events as they become visible, as server-sent events.
//!
//! A tail is a position in the log, and reads on from there when its client has taken what it read before: a slow reader
//! falls behind on its own and costs a few kilobytes. Only some tails at a time read far ahead, to catch up sooner. The body is done when the server stops; a client comes back with the
//! id of its last event and misses none.

mod frame;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use annals_query::{ErrorKind, EventQuery, Position};
use annals_table::Lsn;
use arrow::array::RecordBatch;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Problem;
use super::filters::filters;
use super::negotiate::accepts;
use super::pace::Pace;
use super::params::{Params, shown};
use super::routes;
use crate::app::App;
use crate::node::Node;

/// Time between two signs of life.
const PING: Duration = Duration::from_secs(15);
/// Least time between two looks at the log: events that come faster are told in groups.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes that are read ahead of the client, about.
const AHEAD_BYTES: usize = 32 << 10;
/// How much more a tail reads ahead that has leave to: a step through files costs the same for many rows as for few.
const LEAD: usize = 16;
/// Tries of a step whose files vanish.
const STEP_TRIES: u32 = 3;
/// The header that a client comes back with.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Follows the log.
pub(crate) async fn follow(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let node = app.node()?;
    let mut params = Params::read(uri.query(), routes::TAIL.params);
    let query = filters(&mut params, node.clock.now_us());
    accepts(&headers, "text/event-stream")?;
    let now = node.engine.position().ok_or_else(|| Problem::unavailable("no log is open to follow: try again", 1))?;
    let resumed = resumed_at(&headers, &mut params, now);
    params.check()?;
    query.validate()?;
    let tail = Tail::new(app, node, query, resumed.unwrap_or(now))?;
    let body = Body::from_stream(futures::stream::unfold(tail, |mut tail| async move {
        tail.next().await.map(|bytes| (Ok::<_, Infallible>(bytes), tail))
    }));
    let mut response = body.into_response();
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that know it then pass each event on at once.
    head.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Where the request wants to go on. The header is newer than the parameter: a browser that comes back sends both.
fn resumed_at(headers: &HeaderMap, params: &mut Params, now: Position) -> Option<Position> {
    let header = headers.get(LAST_EVENT_ID).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(id) = header.filter(|id| !id.is_empty()) {
        return match position(&id, now) {
            Ok(position) => Some(position),
            Err(problem) => {
                params.refuse(format!("Last-Event-ID: {problem}"));
                None
            }
        };
    }
    params.parsed_one("last_event_id", |id| position(id, now))
}

/// Reads the id of an event or a ping. One ahead of the log was given before a loss of power took rows that were
/// acknowledged in memory only: what comes next is new to its client too.
fn position(id: &str, now: Position) -> Result<Position, String> {
    let Ok(position) = id.parse::<Position>() else {
        return Err(format!("{} is not the id of an event of a tail: leave it out to begin now", shown(id)));
    };
    if position.writer != now.writer {
        let writer = now.writer;
        return Err(format!("{} is of another log than this one, {writer}: leave it out to begin now", shown(id)));
    }
    Ok(Position { lsn: position.lsn.min(now.lsn), ..position })
}

/// One open tail.
struct Tail {
    app: Arc<App>,
    node: Arc<Node>,
    query: EventQuery,
    /// Everything up to here was told or filtered out.
    position: Position,
    visible: watch::Receiver<Lsn>,
    ping: Interval,
    pause: Interval,
    pace: Pace,
    /// Whether the last look left rows behind.
    is_behind: bool,
    lead: Option<OwnedSemaphorePermit>,
    step: Step,
    _permit: OwnedSemaphorePermit,
}

/// What a tail does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Greet,
    Look,
    Wait,
    Pause,
    End,
}

/// What a look at the log found.
enum Looked {
    /// Frames for the client.
    Events(Bytes),
    /// Rows that the filters leave out; there may be more.
    LeftOut,
    /// The end of the log.
    Nothing,
}

impl Tail {
    fn new(app: Arc<App>, node: Arc<Node>, query: EventQuery, position: Position) -> Result<Self, Problem> {
        let permit = node.reads.tail()?;
        let mut ping = interval(PING);
        ping.reset();
        let mut pause = interval(LOOK);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let visible = node.visible.clone();
        Ok(Self {
            app,
            node,
            query,
            position,
            visible,
            ping,
            pause,
            pace: Pace::towards(AHEAD_BYTES),
            is_behind: false,
            lead: None,
            step: Step::Greet,
            _permit: permit,
        })
    }

    /// The next bytes for the client; `None` when the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        let app = Arc::clone(&self.app);
        // The client took what was read before.
        self.lead = None;
        loop {
            match self.step {
                Step::Greet => {
                    self.step = Step::Look;
                    return Some(frame::greeting());
                }
                Step::Look => {
                    // Before a look rather than beside it: a look that takes long is not begun again for a ping.
                    if self.ping.tick().now_or_never().is_some() {
                        return Some(frame::ping(self.position));
                    }
                    let looked = tokio::select! {
                        biased;
                        () = app.stopping() => return None,
                        looked = self.look() => looked,
                    };
                    match looked {
                        Ok(Looked::Events(events)) => return Some(events),
                        Ok(Looked::LeftOut) => {}
                        Ok(Looked::Nothing) => self.step = Step::Wait,
                        Err(problem) => {
                            self.step = Step::End;
                            return Some(frame::problem(&problem));
                        }
                    }
                }
                Step::Wait => tokio::select! {
                    biased;
                    () = app.stopping() => return None,
                    _ = self.ping.tick() => return Some(frame::ping(self.position)),
                    changed = self.visible.changed() => {
                        self.step = if changed.is_ok() { Step::Pause } else { Step::End };
                    }
                },
                Step::Pause => {
                    tokio::select! {
                        biased;
                        () = app.stopping() => return None,
                        _ = self.pause.tick() => {}
                    }
                    self.step = Step::Look;
                }
                Step::End => return None,
            }
        }
    }

    async fn look(&mut self) -> Result<Looked, Problem> {
        // What becomes visible from here on wakes the wait that follows.
        self.visible.borrow_and_update();
        self.lead = if self.is_behind { self.node.reads.tail_lead() } else { None };
        let rows_max = self.pace.rows() * if self.lead.is_some() { LEAD } else { 1 };
        let (rows, position) = self.step_on(rows_max).await?;
        let moved = position != self.position;
        self.position = position;
        self.is_behind = rows.num_rows() == rows_max;
        if rows.num_rows() == 0 {
            return Ok(if moved { Looked::LeftOut } else { Looked::Nothing });
        }
        let events = frame::events(&rows, position.writer);
        self.pace.took(rows.num_rows(), events.len());
        Ok(Looked::Events(events))
    }

    /// One step along the log. A file that was removed in the middle of it, by a compaction, is looked for anew.
    async fn step_on(&self, rows_max: usize) -> Result<(RecordBatch, Position), Problem> {
        let mut tries_left = STEP_TRIES;
        loop {
            let _turn = self.node.reads.tail_read().await;
            tries_left -= 1;
            match self.node.engine.rows_after(&self.query, self.position, rows_max).await {
                Err(error) if error.kind() == ErrorKind::NotFound && tries_left > 0 => {}
                step => return Ok(step?),
            }
        }
    }
}

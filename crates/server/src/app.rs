//! [`App`]: the server from its first accepted connection to its last answer, and the phase it is in.
//!
//! The listener is open before the store is: a client that comes early hears that the server is starting, not silence.

use std::sync::Arc;

use tokio::sync::watch;

use crate::http::{Guard, Problem};
use crate::metrics::Metrics;
use crate::node::Node;

/// How far the server is.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// The store is being opened; the write-ahead log may be replaying.
    Starting,
    /// Requests are answered.
    Ready(Arc<Node>),
    /// What is in flight is answered, nothing new is taken.
    Stopping,
}

/// What every connection shares.
#[derive(Debug)]
pub(crate) struct App {
    phase: watch::Sender<Phase>,
    /// Who may ask.
    pub(crate) guard: Guard,
    /// What is counted from the first connection on.
    pub(crate) metrics: Metrics,
}

impl App {
    /// A server whose store is not open yet. It started at `started_us`, microseconds UTC.
    pub(crate) fn starting(guard: Guard, started_us: i64) -> Self {
        Self { phase: watch::Sender::new(Phase::Starting), guard, metrics: Metrics::new(started_us) }
    }

    /// The phase now.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Moves on to `phase`.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until the server is stopping.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub(crate) async fn stopping(&self) {
        // The sender lives as long as `self`, so this ends by the phase only.
        let _ = self.phase.subscribe().wait_for(|phase| matches!(phase, Phase::Stopping)).await;
    }

    /// The open store.
    ///
    /// # Errors
    /// 503 with `Retry-After` while starting or stopping.
    pub(crate) fn node(&self) -> Result<Arc<Node>, Problem> {
        match self.phase() {
            Phase::Ready(node) => Ok(node),
            Phase::Starting => Err(Problem::unavailable("the server is starting: try again in a moment", 1)),
            Phase::Stopping => Err(Problem::unavailable("the server is stopping: send the request to another one", 5)),
        }
    }
}

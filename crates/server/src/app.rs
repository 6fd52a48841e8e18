//! [`App`]: the server from its first accepted connection to its last answer, and the phase it is in.
//!
//! The listener is open before the store is: a client that comes early hears that the server is starting, not silence.

use std::sync::{Arc, PoisonError, RwLock};

use crate::http::Problem;
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
    phase: RwLock<Phase>,
}

impl App {
    /// A server whose store is not open yet.
    pub(crate) fn starting() -> Self {
        Self { phase: RwLock::new(Phase::Starting) }
    }

    /// The phase now.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves on to `phase`.
    pub(crate) fn enter(&self, phase: Phase) {
        *self.phase.write().unwrap_or_else(PoisonError::into_inner) = phase;
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

//! [`Node`]: what a started server answers from, the open store and the bounds around it.

use std::sync::Arc;

use annals_event::Clock;
use annals_query::Engine;
use annals_writer::Writer;

/// An open store and everything that requests share.
#[derive(Debug)]
pub(crate) struct Node {
    /// Answers queries over the events, the tail included.
    pub(crate) engine: Arc<Engine>,
    /// Takes events in.
    pub(crate) writer: Arc<Writer>,
    /// Time of day.
    pub(crate) clock: Arc<dyn Clock>,
}

//! Time comes in by constructor: everything that needs "now" is handed a [`Clock`].

use std::fmt;

/// A source of wall-clock time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Microseconds since the Unix epoch, UTC. May jump in either direction.
    fn now_us(&self) -> i64;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient clock")]
    fn now_us(&self) -> i64 {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        }
    }
}

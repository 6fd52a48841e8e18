//! [`SimClock`]: the time that a test says it is.

use std::sync::atomic::{AtomicI64, Ordering};

use annals_event::Clock;

/// A clock that stands still until it is moved, forward or back.
#[derive(Debug)]
pub struct SimClock(AtomicI64);

impl SimClock {
    /// Stands at `now_us`, microseconds since the Unix epoch, UTC.
    pub fn new(now_us: i64) -> Self {
        Self(AtomicI64::new(now_us))
    }

    /// Moves by `by_us` microseconds.
    pub fn advance(&self, by_us: i64) {
        self.0.fetch_add(by_us, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

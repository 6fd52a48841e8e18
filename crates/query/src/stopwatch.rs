//! [`Stopwatch`]: how long an answer took, for its stats.

use std::time::Instant;

/// Runs from its start on. Nothing is decided by it, so no test needs to stand in for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the one place that measures; no answer depends on it")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start, in whole microseconds.
    pub(crate) fn ms(self) -> f64 {
        self.0.elapsed().as_micros() as f64 / 1_000.0
    }
}

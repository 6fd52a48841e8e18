//! [`Tally`]: counts and latencies of a run, in all and for the second under way.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies are kept to three digits, from a microsecond up to an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;
const LATENCY_DIGITS: u8 = 3;

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Events that were acknowledged, those the server knew already included.
    pub(super) acked_events: u64,
    /// Of those, the ones that the server knew already.
    pub(super) known_events: u64,
    /// Events that the server refused in batches that it answered.
    pub(super) refused_events: u64,
    /// Bytes of acknowledged batches, before compression.
    pub(super) acked_bytes: u64,
    /// Bytes of acknowledged batches as they were sent.
    pub(super) sent_bytes: u64,
    /// Batches that were acknowledged.
    pub(super) acked_batches: u64,
    /// Batches that were not taken and not sent again.
    pub(super) refused_batches: u64,
    /// Batches of which it is not known.
    pub(super) unknown_batches: u64,
    /// Answers 429 and 503.
    pub(super) rejected: u64,
    /// Connections that did not come about or broke, and requests without an answer in time.
    pub(super) errors: u64,
    /// Answers by status.
    pub(super) statuses: BTreeMap<u16, u64>,
}

/// Latencies of acknowledged batches in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Latencies {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

/// What happened in the second before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Second {
    pub(super) events: u64,
    pub(super) p99_ms: f64,
    pub(super) rejected: u64,
    pub(super) errors: u64,
}

/// Counts and latencies, taken one by one.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    latency: Histogram<u64>,
    second: Histogram<u64>,
    /// The counts when the second began: events, rejected, errors.
    before: (u64, u64, u64),
    /// Time of the last acknowledgement, since the start of the run.
    last_ack: Duration,
}

impl Tally {
    pub(super) fn new() -> Result<Self> {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS).context("cannot keep latencies");
        Ok(Self {
            counts: Counts::default(),
            latency: histogram()?,
            second: histogram()?,
            before: (0, 0, 0),
            last_ack: Duration::ZERO,
        })
    }

    /// Notes how long an acknowledged batch took, and when in the run its acknowledgement came.
    pub(super) fn acknowledged(&mut self, latency: Duration, at: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.second.saturating_record(us);
        self.counts.acked_batches += 1;
        self.last_ack = self.last_ack.max(at);
    }

    /// Notes the status of an answer.
    pub(super) fn answered(&mut self, status: u16) {
        *self.counts.statuses.entry(status).or_default() += 1;
    }

    /// Ends the second under way.
    pub(super) fn end_second(&mut self) -> Second {
        let counts = &self.counts;
        let now = (counts.acked_events, counts.rejected, counts.errors);
        let second = Second {
            events: now.0 - self.before.0,
            p99_ms: ms(self.second.value_at_quantile(0.99)),
            rejected: now.1 - self.before.1,
            errors: now.2 - self.before.2,
        };
        self.before = now;
        self.settle();
        second
    }

    /// Latencies of the whole run.
    pub(super) fn latencies(&mut self) -> Latencies {
        self.settle();
        let at = |quantile| ms(self.latency.value_at_quantile(quantile));
        Latencies { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: ms(self.latency.max()) }
    }

    /// When the last acknowledgement came.
    pub(super) fn last_ack(&self) -> Duration {
        self.last_ack
    }

    /// Moves the second's latencies to the run's.
    fn settle(&mut self) {
        self.latency.add(&self.second).expect("both histograms have the same bounds");
        self.second.reset();
    }
}

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_told_apart_and_the_run_has_them_all() {
        let mut tally = Tally::new().unwrap();
        for ms in 1..=100 {
            tally.counts.acked_events += 10;
            tally.acknowledged(Duration::from_millis(ms), Duration::from_secs(1));
        }
        let first = tally.end_second();
        assert_eq!(first.events, 1_000);
        assert!((98.9..99.2).contains(&first.p99_ms), "{first:?}");
        assert_eq!(tally.end_second(), Second::default());
        tally.counts.acked_events += 1;
        tally.acknowledged(Duration::from_secs(2), Duration::from_secs(3));
        let run = tally.latencies();
        assert!((50.0..51.2).contains(&run.p50), "{run:?}");
        assert!((1_999.0..2_002.0).contains(&run.max), "{run:?}");
        assert_eq!(tally.last_ack(), Duration::from_secs(3));
    }

    #[test]
    fn a_latency_beyond_all_bounds_is_kept_as_the_longest() {
        let mut tally = Tally::new().unwrap();
        tally.acknowledged(Duration::MAX, Duration::ZERO);
        assert!(tally.latencies().max >= 3_600_000.0);
    }
}

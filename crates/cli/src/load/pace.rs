//! [`Pace`]: when a producer's batches are due in an open loop, whether or not the ones before were answered in time.

use std::time::Duration;

/// The schedule of one producer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    first_s: f64,
    interval_s: f64,
}

impl Pace {
    /// Shares `events_per_s` out over `producers` that send `batch` events each time; their first batches are spread over one
    /// interval.
    pub(super) fn new(events_per_s: u64, batch: u32, producers: u16, producer: u16) -> Self {
        let interval_s = f64::from(batch) * f64::from(producers) / events_per_s as f64;
        Self { first_s: interval_s * f64::from(producer) / f64::from(producers), interval_s }
    }

    /// When batch `nth` is due, since the start of the run.
    pub(super) fn due(&self, nth: u64) -> Duration {
        Duration::from_secs_f64(self.first_s + self.interval_s * nth as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_producers_together_send_at_the_rate() {
        let paces: Vec<_> = (0..4).map(|producer| Pace::new(8_000, 1_000, 4, producer)).collect();
        let mut due: Vec<_> = paces.iter().flat_map(|pace| (0..3).map(|nth| pace.due(nth))).collect();
        due.sort();
        let expected: Vec<_> = (0..12).map(|nth| Duration::from_millis(125 * nth)).collect();
        assert_eq!(due, expected);
    }

    #[test]
    fn a_schedule_does_not_drift() {
        let pace = Pace::new(3, 1, 1, 0);
        assert_eq!(pace.due(3_000_000).as_secs(), 1_000_000);
    }
}

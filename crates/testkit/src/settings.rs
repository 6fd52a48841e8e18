//! [`GeneratorSettings`]: how many events, whose, over which days, and the seed that fixes them all.

use annals_event::DAY_US;

/// What to generate. Two equal settings give the same bytes, on every platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorSettings {
    /// Events in all. Default 100,000.
    pub events: u64,
    /// Chooses every name, id, order and number. Default 1.
    pub seed: u64,
    /// Projects, the first much busier than the last (Zipf, exponent 1). Default 20, at least 1.
    pub projects: u32,
    /// End users over all projects, shared out like the traffic. Default 50,000, at least 1.
    pub users: u32,
    /// Workflows over all projects, shared out like the traffic. Default 2,000, at least 1.
    pub workflows: u32,
    /// Days over which the events are spread, ending at `end_us`. Default 14, at least 1.
    pub days: u32,
    /// No event is later than this: microseconds since the epoch, UTC. Default 2026-05-31T00:00:00Z.
    pub end_us: i64,
}

impl Default for GeneratorSettings {
    fn default() -> Self {
        Self {
            events: 100_000,
            seed: 1,
            projects: 20,
            users: 50_000,
            workflows: 2_000,
            days: 14,
            end_us: 20_604 * DAY_US,
        }
    }
}

impl GeneratorSettings {
    /// The earliest time an event may have, microseconds UTC.
    pub(crate) fn start_us(&self) -> i64 {
        self.end_us - i64::from(self.days.max(1)) * DAY_US
    }
}

//! [`DemoStory`]: what happened to four end users of one project, for people who try Annals: told in events, and to be found
//! among the generator's traffic.
//!
//! Four plots, one a file, all of the project that the [`Generator`](crate::Generator) of the same seed keeps busiest:
//!
//! - `quota`: a Salesforce sync that fails on a Tuesday, since an import used up the daily quota of API calls;
//! - `storm`: a webhook that calls some hundred times within 90 seconds, and is not always served;
//! - `agent`: an agent that calls tools, one of them with wrong parameters first;
//! - `revoked`: a HubSpot credential that can no longer be refreshed, and the syncs that need it.
//!
//! Everything follows from the seed and the end: ids from the one, times from the other. What every event says is of the
//! catalogue, which also gives it its level.

mod agent;
mod quota;
mod revoked;
mod sheet;
mod storm;
mod sync;
#[cfg(test)]
mod tests;

use annals_event::{DAY_US, Day};

use crate::chance::{Chance, mix, mix_wide};
use crate::population::Population;
use crate::settings::GeneratorSettings;
use sheet::{Actor, Sheet, time, uuid};

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;

/// Place of the story's project in the population: the first is the busiest.
const PROJECT: u32 = 0;
/// Days since a Tuesday, for the day 1970-01-01.
const DAYS_SINCE_TUESDAY: i32 = 2;
/// The Tuesday of the story began at least this long before its end: what came of it is told as well.
const AFTERMATH_US: i64 = 36 * HOUR_US;
/// Keeps the numbers of the story apart from those of the population.
const STORY: u64 = 1_000;

/// A story of a week that ends at a given time.
#[derive(Debug)]
pub struct DemoStory {
    seed: u64,
    end_us: i64,
    population: Population,
}

/// A question that the story answers, and where on the page to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// The question, as somebody in support would ask it.
    pub question: String,
    /// Path and query on Annals' page, without scheme and host.
    pub address: String,
}

impl DemoStory {
    /// The story among the traffic of a generator with this seed; nothing in it is later than `end_us`, microseconds since the
    /// epoch, UTC.
    pub fn new(seed: u64, end_us: i64) -> Self {
        let population = Population::new(&GeneratorSettings { seed, ..GeneratorSettings::default() });
        // Times are written with milliseconds.
        Self { seed, end_us: end_us - end_us.rem_euclid(1_000), population }
    }

    /// Appends all events, one JSON object and a newline each, oldest first, and returns how many. Equal stories give equal
    /// bytes.
    pub fn write_ndjson(&self, out: &mut Vec<u8>) -> u64 {
        let mut sheet = Sheet::new(self.project());
        quota::tell(self, &mut sheet);
        storm::tell(self, &mut sheet);
        agent::tell(self, &mut sheet);
        revoked::tell(self, &mut sheet);
        sheet.write(out)
    }

    /// The project that it happens in.
    pub fn project(&self) -> String {
        uuid(self.population.project(PROJECT).id)
    }

    /// The day on which the Salesforce sync fails: the last Tuesday that began at least 36 hours before the end.
    pub fn failure_day(&self) -> Day {
        let latest = Day::of_us(self.end_us - AFTERMATH_US).days();
        Day::from_days(latest - (latest + DAYS_SINCE_TUESDAY).rem_euclid(7))
    }

    /// The earliest time an event may have, microseconds UTC: a week before the end, or the start of the failure day where
    /// that is earlier (of a story that ends on a Tuesday, or on a Wednesday before noon).
    pub fn start_us(&self) -> i64 {
        (self.end_us - 7 * DAY_US).min(self.failure_day().start_us())
    }

    /// What to ask, and where to look.
    pub fn leads(&self) -> Vec<Lead> {
        let project = self.project();
        let day = self.failure_day();
        let of_day = |time_us: i64| time(day.start_us() + time_us);
        let since = if self.start_us() < self.end_us - 7 * DAY_US { "9d" } else { "7d" };
        let lead = |question: String, address: String| Lead { question, address };
        let (mira, priya) = (quota::USER, revoked::USER);
        let storm_us = storm::start_us(self);
        vec![
            lead(
                format!("Why did the Salesforce sync of {mira} fail on Tuesday, {day}, and how often this week?"),
                format!("/?project={project}&user={mira}&type=managed_sync&level=ERROR&level=WARN&since={since}"),
            ),
            lead(
                "What happened right before?".to_owned(),
                format!(
                    "/?project={project}&user={mira}&since={}&until={}",
                    of_day(quota::LIMITED_FROM_US - 30 * MINUTE_US),
                    of_day(quota::LIMITED_FROM_US + 15 * MINUTE_US),
                ),
            ),
            lead(
                "Did it recover?".to_owned(),
                format!(
                    "/?project={project}&user={mira}&since={}&until={}",
                    of_day(quota::RECOVERED_AT_US - 30 * MINUTE_US),
                    of_day(quota::RECOVERED_AT_US + 45 * MINUTE_US),
                ),
            ),
            lead(
                format!("What was the burst of webhooks of {}, and what of it was lost?", storm::USER),
                format!(
                    "/?project={project}&user={}&type=webhook_trigger&since={}&until={}",
                    storm::USER,
                    time(storm_us - 5 * MINUTE_US),
                    time(storm_us + 5 * MINUTE_US),
                ),
            ),
            lead(
                format!("Which tools did {} call, and what went wrong?", agent::PERSONA),
                format!("/trace/{}?project={project}", uuid(agent::trace(self))),
            ),
            lead(
                format!("Whose HubSpot credential expired, and does {priya} still wait for a sync?"),
                format!("/?project={project}&user={priya}&type=user_credential&type=managed_sync&since=12h"),
            ),
        ]
    }

    /// A user of an integration, with a credential and a persona of its own.
    fn actor(&self, user: &'static str, integration: &str) -> Actor {
        let name = user.bytes().fold(STORY, |state, byte| mix(&[state, u64::from(byte)]));
        Actor::new(&self.population, mix(&[self.seed, name]), user, integration)
    }

    /// An id that no other `parts` of this story give.
    fn id(&self, parts: [u64; 2]) -> u128 {
        mix_wide(&[self.seed, STORY, parts[0], parts[1]])
    }

    /// The numbers of one plot.
    fn chance(&self, plot: u64) -> Chance {
        Chance::new(mix(&[self.seed, STORY, plot]))
    }
}

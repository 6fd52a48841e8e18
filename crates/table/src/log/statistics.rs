//! The statistics of one file in the log: JSON text with row count and the range of `timestamp`.
//!
//! Delta keeps timestamps of statistics in whole milliseconds, cut down. So the minimum is exact enough, and to the
//! maximum belong all microseconds of its millisecond.

use std::borrow::Cow;

use chrono::DateTime;
use serde::Deserialize;

/// What is added to a maximum from the log: the microseconds that its millisecond may hide.
const HIDDEN_US: i64 = 999;

/// Row count and time range of one file, as far as the log knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStatistics {
    pub(super) rows: u64,
    pub(super) min_timestamp_us: i64,
    pub(super) max_timestamp_us: i64,
}

#[derive(Deserialize)]
struct Statistics<'a> {
    #[serde(rename = "numRecords", default)]
    rows: Option<u64>,
    #[serde(rename = "minValues", borrow, default)]
    min: Option<Bound<'a>>,
    #[serde(rename = "maxValues", borrow, default)]
    max: Option<Bound<'a>>,
}

#[derive(Deserialize)]
struct Bound<'a> {
    #[serde(borrow, default)]
    timestamp: Option<Cow<'a, str>>,
}

impl FileStatistics {
    /// What is known of a file without statistics: nothing, so it may hold any event.
    pub(super) const UNKNOWN: Self = Self { rows: 0, min_timestamp_us: i64::MIN, max_timestamp_us: i64::MAX };

    /// Reads the statistics of one log entry. What is absent or not understood is unknown, never an error: statistics
    /// only save work.
    pub(super) fn parse(json: Option<&str>) -> Self {
        let Some(statistics) = json.and_then(|json| serde_json::from_str::<Statistics<'_>>(json).ok()) else {
            return Self::UNKNOWN;
        };
        let micros = |bound: Option<Bound<'_>>| {
            let text = bound?.timestamp?;
            Some(DateTime::parse_from_rfc3339(&text).ok()?.timestamp_micros())
        };
        let max = micros(statistics.max).map(|us| us.saturating_add(HIDDEN_US));
        Self {
            rows: statistics.rows.unwrap_or(Self::UNKNOWN.rows),
            min_timestamp_us: micros(statistics.min).unwrap_or(Self::UNKNOWN.min_timestamp_us),
            max_timestamp_us: max.unwrap_or(Self::UNKNOWN.max_timestamp_us),
        }
    }

    /// The range as a reader of the log will see it.
    pub(super) fn as_read(min_timestamp_us: i64, max_timestamp_us: i64) -> (i64, i64) {
        let (min, max) = (whole_ms(min_timestamp_us), whole_ms(max_timestamp_us));
        (min, max.saturating_add(HIDDEN_US))
    }
}

/// Microseconds cut down to a whole millisecond.
pub(super) fn whole_ms(us: i64) -> i64 {
    us.saturating_sub(us.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maximum_covers_the_microseconds_that_its_millisecond_hides() {
        let json = r#"{"numRecords":7,"minValues":{"timestamp":"2026-05-31T00:00:00.001Z","seq":4},
            "maxValues":{"timestamp":"2026-05-31T00:00:00.002Z"},"nullCount":{"id":0}}"#;
        let read = FileStatistics::parse(Some(json));
        let start = 1_780_185_600_000_000;
        assert_eq!(read, FileStatistics { rows: 7, min_timestamp_us: start + 1_000, max_timestamp_us: start + 2_999 });
        assert_eq!(FileStatistics::as_read(start + 1_500, start + 2_500), (start + 1_000, start + 2_999));
        assert_eq!(FileStatistics::as_read(-1, -1), (-1_000, -1));
    }

    #[test]
    fn absent_or_unreadable_statistics_rule_nothing_out() {
        for json in [None, Some(""), Some("{}"), Some("[]"), Some(r#"{"numRecords":"many"}"#)] {
            assert_eq!(FileStatistics::parse(json), FileStatistics::UNKNOWN, "{json:?}");
        }
        let odd = FileStatistics::parse(Some(r#"{"numRecords":3,"minValues":{"timestamp":"yesterday"}}"#));
        assert_eq!(odd, FileStatistics { rows: 3, ..FileStatistics::UNKNOWN });
    }
}

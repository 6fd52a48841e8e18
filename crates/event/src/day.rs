//! [`Day`]: a UTC date, the second partition key.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Microseconds in a day.
pub const DAY_US: i64 = 86_400_000_000;

/// A UTC date as days since 1970-01-01 (Arrow's `Date32`). Shown as `2026-05-31`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i32);

impl Day {
    /// The day that is `days` after 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// The day that holds a timestamp in microseconds since the epoch, UTC.
    pub const fn of_us(timestamp_us: i64) -> Self {
        Self(timestamp_us.div_euclid(DAY_US) as i32)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// First microsecond of the day.
    pub const fn start_us(self) -> i64 {
        self.0 as i64 * DAY_US
    }

    /// First microsecond of the day after.
    pub const fn end_us(self) -> i64 {
        self.start_us() + DAY_US
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match chrono::NaiveDate::from_epoch_days(self.0) {
            Some(date) => write!(f, "{}", date.format("%Y-%m-%d")),
            None => write!(f, "day {}", self.0),
        }
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Day {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(|date| Self(date.to_epoch_days()))
            .map_err(|_| Error::invalid(format!("{text:?} is not a date like 2026-05-31")))
    }
}

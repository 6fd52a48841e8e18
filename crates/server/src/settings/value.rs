//! What settings hold beyond numbers, and the texts of sizes and durations.
//!
//! Errors here are the words for a person who typed the text; who knows where it stands puts that before.

use std::fmt;
use std::str::FromStr;

use annals_event::parse_duration_us;
use serde::{Deserialize, Deserializer, Serialize};

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// How much memory the server plans with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MemoryLimit {
    /// Percent of what the machine, or the container, has: 1 to 100.
    Share(u8),
    /// Bytes.
    Size(u64),
}

impl MemoryLimit {
    /// Bytes, on a machine with `machine_bytes` of memory.
    pub fn bytes_of(self, machine_bytes: u64) -> u64 {
        match self {
            Self::Share(percent) => (u128::from(machine_bytes) * u128::from(percent) / 100) as u64,
            Self::Size(bytes) => bytes,
        }
    }
}

impl FromStr for MemoryLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            return match percent.trim_end().parse() {
                Ok(percent @ 1..=100) => Ok(Self::Share(percent)),
                _ => Err(format!("{} is no share from 1% to 100%", quoted(text))),
            };
        }
        match parse_size(text) {
            Ok(bytes) => Ok(Self::Size(bytes)),
            Err(_) => Err(format!("{} is neither a share like 50% nor a size like 2GiB", quoted(text))),
        }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(percent) => write!(f, "{percent}%"),
            Self::Size(bytes) => f.write_str(&format_size(*bytes)),
        }
    }
}

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Keep {
    /// Until it is removed by hand. Written `forever`.
    Forever,
    /// Whole days, 1 to [`DAYS_MAX`](Self::DAYS_MAX). Written `30d`.
    Days(u32),
}

impl Keep {
    /// Most days that can be asked for, about a century.
    pub const DAYS_MAX: u32 = 36_500;

    /// The days, or `None` for ever.
    pub fn days(self) -> Option<u32> {
        match self {
            Self::Forever => None,
            Self::Days(days) => Some(days),
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("forever") {
            return Ok(Self::Forever);
        }
        let Ok(us) = parse_duration_us(text) else {
            return Err(format!("{} is no duration in days like 30d, nor forever", quoted(text)));
        };
        let days = u32::try_from(us / DAY_US).unwrap_or(u32::MAX);
        if us % DAY_US != 0 || !(1..=Self::DAYS_MAX).contains(&days) {
            return Err(format!(
                "{} is out of bounds: whole days, 1d to {}d, or forever",
                quoted(text),
                Self::DAYS_MAX
            ));
        }
        Ok(Self::Days(days))
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::Days(days) => write!(f, "{days}d"),
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line of text, for people.
    Text,
    /// A JSON object a line, for machines.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("{} is neither text nor json", quoted(other))),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )*};
}
serde_as_text!(MemoryLimit, Keep);

/// Reads bytes: a whole number (`_` may part its digits), alone or with a unit: `1048576`, `64MiB`, `10 MB`. KiB, MiB, GiB,
/// TiB are powers of 1,024; kB, MB, GB, TB powers of 1,000; upper and lower case are alike.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{} is no size like 64MiB, 10MB or 1048576", quoted(text));
    let text = text.trim();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'_').count();
    let unit: u64 = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    parse_whole(&text[..digits]).and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

/// Writes bytes so that [`parse_size`] reads the same number: in the largest binary unit that divides it.
pub(crate) fn format_size(bytes: u64) -> String {
    for (unit, name) in [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes > 0 && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

/// Reads a whole number; `_` may part its digits.
pub(crate) fn parse_whole(text: &str) -> Option<u64> {
    text.bytes().next().filter(u8::is_ascii_digit)?;
    text.replace('_', "").parse().ok()
}

/// Reads a time as a number of `unit_s`, or as a duration that is a whole number of them.
pub(crate) fn parse_time(text: &str, unit_s: u64) -> Option<u64> {
    let text = text.trim();
    if let Some(number) = parse_whole(text) {
        return Some(number);
    }
    let us = u64::try_from(parse_duration_us(text).ok()?).ok()?;
    let unit_us = unit_s * SECOND_US as u64;
    us.is_multiple_of(unit_us).then_some(us / unit_us)
}

/// Text from outside, cut and escaped for a message.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.trim().chars().take(40).collect();
    format!("{shown:?}")
}

/// Serde: bytes as a number, or a text that [`parse_size`] reads.
pub(crate) fn size_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    let bytes = match Either::deserialize(deserializer)? {
        Either::Number(bytes) => bytes,
        Either::Text(text) => parse_size(&text).map_err(serde::de::Error::custom)?,
    };
    usize::try_from(bytes).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_read_in_both_families_of_units() {
        for (text, bytes) in [
            ("1048576", 1 << 20),
            ("1_048_576", 1 << 20),
            ("64MiB", 64 << 20),
            (" 64 mib ", 64 << 20),
            ("1GiB", 1 << 30),
            ("10MB", 10_000_000),
            ("3kB", 3_000),
            ("2TiB", 2 << 40),
            ("7B", 7),
            ("0", 0),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example() {
        for text in ["", "MiB", "64M", "1.5GiB", "-1", "_1", "64 MiB/s", "99999999999999999999", "99999999TiB", "6é"] {
            let message = parse_size(text).unwrap_err();
            assert!(message.contains("64MiB"), "{message}");
        }
    }

    #[test]
    fn memory_is_a_share_or_a_size() {
        assert_eq!("50%".parse(), Ok(MemoryLimit::Share(50)));
        assert_eq!("100 %".parse(), Ok(MemoryLimit::Share(100)));
        assert_eq!("2GiB".parse(), Ok(MemoryLimit::Size(2 << 30)));
        for text in ["0%", "101%", "half", "%", "-5%", "50.5%"] {
            assert!(text.parse::<MemoryLimit>().is_err(), "{text}");
        }
        assert_eq!(MemoryLimit::Share(50).bytes_of(1_000), 500);
        assert_eq!(MemoryLimit::Share(100).bytes_of(u64::MAX), u64::MAX);
        assert_eq!(MemoryLimit::Size(7).bytes_of(1_000), 7);
    }

    #[test]
    fn keeping_is_for_ever_or_whole_days() {
        assert_eq!("forever".parse(), Ok(Keep::Forever));
        assert_eq!("30d".parse(), Ok(Keep::Days(30)));
        assert_eq!("48h".parse(), Ok(Keep::Days(2)));
        assert_eq!("2w".parse(), Ok(Keep::Days(14)));
        for text in ["30", "12h", "25h", "0d", "36501d", "a month", "99999999999d"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_numbers_of_their_unit_or_durations() {
        assert_eq!(parse_time("90", 1), Some(90));
        assert_eq!(parse_time("90s", 1), Some(90));
        assert_eq!(parse_time("30m", 1), Some(1_800));
        assert_eq!(parse_time("24h", 3_600), Some(24));
        assert_eq!(parse_time("7d", 3_600), Some(168));
        for (text, unit_s) in [("500ms", 1), ("90m", 3_600), ("-1s", 1), ("", 1), ("1.5h", 1)] {
            assert_eq!(parse_time(text, unit_s), None, "{text}");
        }
    }

    #[test]
    fn quoting_escapes_and_cuts() {
        assert_eq!(quoted("a\x1b[2J"), "\"a\\u{1b}[2J\"");
        assert_eq!(quoted(&"x".repeat(1_000)).len(), 42);
    }

    proptest! {
        #[test]
        fn written_sizes_read_as_the_same_number(bytes: u64, shift in 0u32..64) {
            for bytes in [bytes, bytes >> shift, (bytes >> shift) << 10] {
                prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
            }
        }

        #[test]
        fn no_text_panics_a_parser(text in any::<String>()) {
            let _ = parse_size(&text);
            let _ = parse_time(&text, 3_600);
            let _ = text.parse::<MemoryLimit>();
            let _ = text.parse::<Keep>();
            let _ = text.parse::<LogFormat>();
            quoted(&text);
        }
    }
}

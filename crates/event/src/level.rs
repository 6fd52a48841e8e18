//! [`Level`]: severity, and every spelling of it that is understood.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Severity of an event, ordered from least to most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Detail for developers; `trace` and `verbose` count as this.
    Debug,
    /// The ordinary course of things; the default.
    Info,
    /// Something to look at; `notice` counts as [`Level::Info`], `warning` as this.
    Warn,
    /// A failure; `fatal`, `critical`, `alert`, `emergency` and `panic` count as this.
    Error,
}

impl Level {
    /// All levels, least severe first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The text that is stored: `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    /// The level of an OpenTelemetry severity number: 1-8 trace and debug, 9-12 info, 13-16 warn, 17-24 error and fatal.
    /// Any other number is `None`.
    pub const fn from_otlp(severity_number: i64) -> Option<Self> {
        match severity_number {
            1..=8 => Some(Self::Debug),
            9..=12 => Some(Self::Info),
            13..=16 => Some(Self::Warn),
            17..=24 => Some(Self::Error),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = Error;

    /// Understands, in any case and with or without a number behind (`INFO2`): the four names, their common synonyms
    /// (syslog's and those of logging libraries), `SEVERITY_NUMBER_…` of OpenTelemetry and its numbers 1 to 24.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "DEBUG" => return Ok(Self::Debug),
            "INFO" => return Ok(Self::Info),
            "WARN" => return Ok(Self::Warn),
            "ERROR" => return Ok(Self::Error),
            _ => {}
        }
        let unknown = || {
            let shown: String = text.chars().take(40).collect();
            Error::invalid(format!(
                "level {shown:?} is not known: use DEBUG, INFO, WARN, ERROR or a severity number 1 to 24"
            ))
        };
        if text.len() > 40 {
            return Err(unknown());
        }
        if let Ok(number) = text.parse() {
            return Self::from_otlp(number).ok_or_else(unknown);
        }
        let lower = text.trim().to_ascii_lowercase();
        let name = lower.strip_prefix("severity_number_").unwrap_or(&lower);
        let name = match name.strip_suffix(['2', '3', '4']) {
            Some(base) if ["trace", "debug", "info", "warn", "error", "fatal"].contains(&base) => base,
            _ => name,
        };
        match name {
            "trace" | "debug" | "verbose" | "fine" | "finer" | "finest" | "dbg" | "silly" => Ok(Self::Debug),
            "info" | "information" | "informational" | "notice" | "log" | "default" | "ok" | "success" => {
                Ok(Self::Info)
            }
            "warn" | "warning" => Ok(Self::Warn),
            "error" | "err" | "fatal" | "critical" | "crit" | "severe" | "alert" | "emergency" | "emerg" | "panic"
            | "failure" => Ok(Self::Error),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reads_as_its_level() {
        for (text, level) in [
            ("debug", Level::Debug),
            ("TRACE", Level::Debug),
            ("Info", Level::Info),
            ("NOTICE", Level::Info),
            ("warning", Level::Warn),
            ("WARN3", Level::Warn),
            ("err", Level::Error),
            ("FATAL4", Level::Error),
            ("SEVERITY_NUMBER_ERROR2", Level::Error),
            ("5", Level::Debug),
            ("9", Level::Info),
            ("13", Level::Warn),
            ("24", Level::Error),
        ] {
            assert_eq!(text.parse::<Level>().unwrap(), level, "{text}");
        }
    }

    #[test]
    fn unknown_levels_are_refused_with_the_known_ones() {
        for text in ["", "loud", "0", "25", "-1", "debug9"] {
            assert!(text.parse::<Level>().unwrap_err().to_string().contains("DEBUG, INFO, WARN, ERROR"), "{text}");
        }
    }

    #[test]
    fn order_is_severity() {
        assert!(Level::ALL.is_sorted());
        assert!(Level::Error > Level::Warn);
    }
}

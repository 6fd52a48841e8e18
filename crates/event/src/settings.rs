//! Settings of the decoder: what one event may be, and which times are believed.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Bounds on one event, checked before anything is stored of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeLimits {
    /// Longest JSON text of an event, in bytes. Default 1 MiB; 1 KiB to 64 MiB.
    pub event_bytes_max: usize,
    /// Deepest nesting of objects and arrays, the event itself being 1. Default 64; 2 to 1,024.
    pub depth_max: usize,
    /// Most members of any one object of an event, the event itself included. Default 1,000; 32 to 1,000,000.
    pub members_max: usize,
    /// Most refused records that one body's answer tells of; more are counted only. Default 10,000; 1 to 100,000,000.
    pub refusals_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { event_bytes_max: 1 << 20, depth_max: 64, members_max: 1_000, refusals_max: 10_000 }
    }
}

/// Settings of [`EventDecoder`](crate::EventDecoder).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeSettings {
    /// Bounds on one event.
    pub limits: DecodeLimits,
    /// Accept timestamps before the year 2000. Default false: most such times are seconds taken for milliseconds, or 0.
    pub allow_before_2000: bool,
    /// How far ahead of the time of receipt a timestamp may be, in seconds. Default 86,400 (a day); 0 to 315,360,000
    /// (ten years).
    pub ahead_max_s: u64,
}

impl Default for DecodeSettings {
    fn default() -> Self {
        Self { limits: DecodeLimits::default(), allow_before_2000: false, ahead_max_s: 86_400 }
    }
}

impl DecodeSettings {
    /// Checks every bound.
    ///
    /// # Errors
    /// `Invalid`, naming every setting that is out of bounds.
    pub fn validate(&self) -> Result<()> {
        let limits = &self.limits;
        let bounds = [
            ("limits.event_bytes_max", limits.event_bytes_max as u64, 1 << 10, 64 << 20),
            ("limits.depth_max", limits.depth_max as u64, 2, 1_024),
            ("limits.members_max", limits.members_max as u64, 32, 1_000_000),
            ("limits.refusals_max", limits.refusals_max as u64, 1, 100_000_000),
            ("ahead_max_s", self.ahead_max_s, 0, 315_360_000),
        ];
        let problems: Vec<_> = bounds
            .into_iter()
            .filter(|(_, value, min, max)| !(min..=max).contains(&value))
            .map(|(name, value, min, max)| format!("{name} is {value} but must be {min} to {max}"))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        DecodeSettings::default().validate().unwrap();
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let settings = DecodeSettings {
            limits: DecodeLimits { event_bytes_max: 1, depth_max: 0, ..DecodeLimits::default() },
            ahead_max_s: u64::MAX,
            ..DecodeSettings::default()
        };
        let message = settings.validate().unwrap_err().to_string();
        for name in ["event_bytes_max", "depth_max", "ahead_max_s"] {
            assert!(message.contains(name), "{message}");
        }
        assert!(!message.contains("members_max"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert!(toml::from_str::<DecodeSettings>("ahead_max = 3").is_err());
        assert!(toml::from_str::<DecodeSettings>("[limits]\ndepth_max = 8").unwrap().limits.depth_max == 8);
    }
}

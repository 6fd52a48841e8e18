//! [`RunId`] and markers: the fixed-width text that names one event of one run, `<run8>-<producer4>-<batch10>-<index6>`.
//!
//! Every digit has its place, so a sent body is made from a template by writing over digits, and markers sort as text in the
//! order of producer, batch and index.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail};

/// Bytes of a marker's part that names its batch: `<run8>-<producer4>-<batch10>`.
pub(super) const BATCH_KEY_BYTES: usize = 24;
/// Where the digits of producer and batch stand in a marker.
const PATCH_OFFSET: usize = 9;
const PATCH_BYTES: usize = BATCH_KEY_BYTES - PATCH_OFFSET;
/// Most connections of a run.
pub(super) const PRODUCERS_MAX: u16 = 9_999;
/// Most events of a batch.
pub(super) const BATCH_EVENTS_MAX: u32 = 1_000_000;
const BATCH_NUMBER_MAX: u64 = 9_999_999_999;

/// Names one run: eight lowercase hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunId(u32);

impl RunId {
    pub(super) fn new(number: u32) -> Self {
        Self(number)
    }

    /// What every marker of the run starts with.
    pub(super) fn prefix(self) -> String {
        format!("{self}-")
    }

    /// The first text behind all markers of the run: `.` follows `-` in ASCII.
    pub(super) fn end(self) -> String {
        format!("{self}.")
    }

    /// The part of a marker that names a batch.
    pub(super) fn batch_key(self, producer: u16, batch: u64) -> String {
        format!("{self}-{producer:04}-{batch:010}")
    }

    /// The marker of event `index` in the first batch of the first producer.
    pub(super) fn template_marker(self, index: u32) -> String {
        format!("{}-{index:06}", self.batch_key(0, 0))
    }

    /// Producer and batch of a text that [`batch_key`](Self::batch_key) made.
    pub(super) fn parse_batch_key(self, key: &str) -> Option<(u16, u64)> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let rest = key.strip_prefix(self.prefix().as_str()).filter(|_| key.len() == BATCH_KEY_BYTES)?;
        let (producer, batch) = rest.split_once('-')?;
        if producer.len() != 4 || !digits(producer) || !digits(batch) {
            return None;
        }
        Some((producer.parse().ok()?, batch.parse().ok()?))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match u32::from_str_radix(text, 16) {
            Ok(number) if Self(number).to_string() == text => Ok(Self(number)),
            _ => bail!("{text:?} is no id of a run: it has eight lowercase hex digits"),
        }
    }
}

/// Writes producer and batch over the digits of the markers that start at `offsets`.
///
/// # Panics
/// When a marker would reach beyond the body, or `batch` has more than ten digits.
pub(super) fn patch(body: &mut [u8], offsets: &[u32], producer: u16, batch: u64) {
    assert!(producer <= PRODUCERS_MAX && batch <= BATCH_NUMBER_MAX, "a marker has room for the numbers of its batch");
    let digits = format!("{producer:04}-{batch:010}");
    for offset in offsets {
        let start = *offset as usize + PATCH_OFFSET;
        body[start..start + PATCH_BYTES].copy_from_slice(digits.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patching_changes_the_digits_and_nothing_else() {
        let run = RunId::new(0xbeef);
        let first = run.template_marker(17);
        assert_eq!(first.len(), 31);
        let mut body = format!("{{\"load\":\"{first}\"}}").into_bytes();
        patch(&mut body, &[9], 42, 1_234_567_890);
        assert_eq!(String::from_utf8(body).unwrap(), "{\"load\":\"0000beef-0042-1234567890-000017\"}");
    }

    #[test]
    fn a_batch_key_is_read_back_and_no_other_text_is() {
        let run = RunId::new(7);
        let key = run.batch_key(12, 345);
        assert_eq!(key.len(), BATCH_KEY_BYTES);
        assert_eq!(run.parse_batch_key(&key), Some((12, 345)));
        for wrong in
            ["", "00000007-0012", "00000008-0012-0000000345", "00000007-+012-0000000345", "00000007-00012-000000345"]
        {
            assert_eq!(run.parse_batch_key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn all_markers_of_a_run_lie_between_its_bounds() {
        let run = RunId::new(7);
        let last = format!("{}-999999", run.batch_key(PRODUCERS_MAX, BATCH_NUMBER_MAX));
        assert!(run.prefix() < run.template_marker(0) && last < run.end());
        assert!(RunId::new(8).prefix() > run.end());
    }

    #[test]
    fn a_run_is_named_one_way_only() {
        assert_eq!("0000beef".parse::<RunId>().unwrap(), RunId::new(0xbeef));
        for wrong in ["beef", "0000BEEF", "+000beef", "0000beefs"] {
            assert!(wrong.parse::<RunId>().is_err(), "{wrong}");
        }
    }
}

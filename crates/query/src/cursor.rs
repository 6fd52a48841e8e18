//! [`Cursor`]: where a page of events ended, so that the next one starts there.
//!
//! A cursor names a row by what never changes about it (timestamp, seq, id), not by where it is stored: a flush or a
//! compaction between two pages moves rows from the tail to files, and no row is skipped or repeated.
//!
//! Text form: hexadecimal of version (1 byte), timestamp and seq (8 bytes each, big endian), the id's bytes, and a CRC32C
//! of all of them (4 bytes, big endian). The checksum catches cut and mistyped text; it is no signature.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Longest id in a cursor's text. Longer text than that allows is refused before it is decoded.
const ID_BYTES_MAX: usize = 1 << 20;

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 1 + 8 + 8;
const CHECKSUM_BYTES: usize = 4;

/// The place of one row among all rows. [`fmt::Display`] gives its opaque text, [`FromStr`] takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    timestamp_us: i64,
    seq: i64,
    id: String,
}

impl Cursor {
    /// The place of the row with this timestamp (microseconds UTC), seq and id.
    pub fn new(timestamp_us: i64, seq: i64, id: impl Into<String>) -> Self {
        Self { timestamp_us, seq, id: id.into() }
    }

    /// The row's timestamp, microseconds UTC.
    pub fn timestamp_us(&self) -> i64 {
        self.timestamp_us
    }

    /// The row's seq.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// The row's id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.id.len() + CHECKSUM_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.timestamp_us.to_be_bytes());
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// # Errors
    /// `Invalid` for any text that [`fmt::Display`] did not make.
    fn from_str(text: &str) -> Result<Self> {
        decode(text).map_err(|why| {
            let shown: String = text.chars().take(40).collect();
            Error::invalid(format!("{shown:?} is not a cursor: {why}; pass the text that the page before gave as next"))
        })
    }
}

fn decode(text: &str) -> Result<Cursor, &'static str> {
    if text.len() > 2 * (FIXED_BYTES + ID_BYTES_MAX + CHECKSUM_BYTES) {
        return Err("it is too long");
    }
    let bytes = unhex(text.as_bytes()).ok_or("it is not lowercase hexadecimal")?;
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or("it is cut short")?;
    let (version, rest) = body.split_first().ok_or("it is cut short")?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*checksum) {
        return Err("its checksum does not match");
    }
    if *version != VERSION {
        return Err("another version of this program made it");
    }
    let (timestamp, rest) = rest.split_first_chunk::<8>().ok_or("it is cut short")?;
    let (seq, id) = rest.split_first_chunk::<8>().ok_or("it is cut short")?;
    let id = std::str::from_utf8(id).map_err(|_| "its id is not UTF-8")?;
    Ok(Cursor::new(i64::from_be_bytes(*timestamp), i64::from_be_bytes(*seq), id))
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    proptest! {
        #[test]
        fn text_comes_back_as_the_same_cursor(timestamp: i64, seq: i64, id in "\\PC{0,60}") {
            let cursor = Cursor::new(timestamp, seq, id);
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }

        #[test]
        fn hostile_text_is_refused_as_invalid(text in "\\PC{0,200}") {
            let error = text.parse::<Cursor>().unwrap_err();
            prop_assert_eq!(error.kind(), ErrorKind::Invalid);
        }

        #[test]
        fn hostile_hexadecimal_is_refused(text in "[0-9a-f]{0,200}") {
            prop_assert!(text.parse::<Cursor>().is_err());
        }

        #[test]
        fn one_changed_character_is_noticed(timestamp: i64, seq: i64, at: prop::sample::Index, to in "[0-9a-fA-Fx .]") {
            let text = Cursor::new(timestamp, seq, "0190-a").to_string();
            let at = at.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert!(changed == text || changed.parse::<Cursor>().is_err());
        }
    }

    #[test]
    fn text_that_was_cut_is_refused() {
        let text = Cursor::new(1_700_000_000_000_000, 7, "an-id").to_string();
        for end in 0..text.len() {
            assert!(text[..end].parse::<Cursor>().is_err(), "cut at {end}");
        }
    }

    #[test]
    fn another_version_says_so() {
        let mut bytes = vec![9];
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let message = text.parse::<Cursor>().unwrap_err().to_string();
        assert!(message.contains("another version"), "{message}");
    }
}

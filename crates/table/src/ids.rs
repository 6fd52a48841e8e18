//! Newtypes for ids and positions.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// Log sequence number: the position of one row in its writer's WAL. Starts at 1, never reused by that writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Identity of one writer (one WAL), drawn at random when the WAL is created. Shown as eight hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriterId(pub u32);

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WriterId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() == 8
            && let Ok(id) = u32::from_str_radix(text, 16)
        {
            return Ok(Self(id));
        }
        Err(Error::new(ErrorKind::Invalid, format!("{text:?} is not a writer id of eight hex digits")))
    }
}

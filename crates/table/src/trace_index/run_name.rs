//! [`RunName`]: the name of a run, which is the hash of its bytes: the same entries and paths have the same name.

use std::fmt;
use std::str::FromStr;

use crate::checksum::file_hash;
use crate::error::{Error, ErrorKind, Result};

/// Folder of the index, below the table root.
pub(crate) const FOLDER: &str = "_index";

/// Names a run by XXH3-64, seed 0, of all its bytes: `trace-{hash:016x}.run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RunName {
    /// The hash.
    pub(crate) hash: u64,
}

impl RunName {
    /// The name of a run with these bytes.
    pub(crate) fn of_bytes(run: &[u8]) -> Self {
        Self { hash: file_hash(run) }
    }

    /// The name at the end of `path`, whatever folders stand before it; `None` when it is no run.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        path.rsplit('/').next()?.parse().ok()
    }

    /// The path relative to the table root.
    pub(crate) fn path(self) -> String {
        format!("{FOLDER}/{self}")
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace-{:016x}.run", self.hash)
    }
}

impl FromStr for RunName {
    type Err = Error;

    /// Reads exactly what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix("trace-").and_then(|rest| rest.strip_suffix(".run"));
        let name = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(|hash| Self { hash });
        name.filter(|name| name.to_string() == text).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("{text:?} is not the name of a run of the trace index"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_exactly_of_its_form() {
        let name = RunName { hash: 0xc0_ffee };
        assert_eq!(name.to_string(), "trace-0000000000c0ffee.run");
        assert_eq!(RunName::of_path(&name.path()), Some(name));
        for text in [
            "",
            "trace-.run",
            "trace-c0ffee.run",
            "trace-0000000000C0FFEE.run",
            "trace-+000000000c0ffee.run",
            "trace-0000000000c0ffee.run.tmp",
        ] {
            assert!(text.parse::<RunName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_the_hash_of_all_bytes() {
        assert_eq!(RunName::of_bytes(b""), RunName { hash: 0x2d06_8005_38d3_94c2 });
    }
}

//! [`DataFileName`]: the name of a data file, which carries what the table log has no place for.
//!
//! `part-{writer}-{first LSN}-{last LSN}-{hash}.parquet`, every part of fixed width, so that one writer's names sort by
//! LSN and a name either is exactly of this form or is not ours. Bytes: `FORMAT.md`, 'Layout'.

use std::fmt;
use std::str::FromStr;

use crate::data_file::FileOrigin;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Lsn, WriterId};

/// Who wrote a data file, the LSN range of its flush, and the hash of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataFileName {
    /// The writer.
    pub writer: WriterId,
    /// First LSN of the flush (or of all files that a compaction merged).
    pub first_lsn: Lsn,
    /// Last LSN of the flush.
    pub last_lsn: Lsn,
    /// XXH3-64 of all bytes of the file.
    pub hash: u64,
}

impl DataFileName {
    /// The name at the end of `path`, whatever folders stand before it; `None` when the file is not one of ours.
    pub fn of_path(path: &str) -> Option<Self> {
        path.rsplit('/').next()?.parse().ok()
    }

    /// Writer and LSN range.
    pub fn origin(&self) -> FileOrigin {
        FileOrigin { writer: self.writer, first_lsn: self.first_lsn, last_lsn: self.last_lsn }
    }
}

impl fmt::Display for DataFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writer, first_lsn, last_lsn, hash } = self;
        write!(f, "part-{writer}-{:020}-{:020}-{hash:016x}.parquet", first_lsn.0, last_lsn.0)
    }
}

impl FromStr for DataFileName {
    type Err = Error;

    /// Reads exactly what [`Display`](fmt::Display) writes: any other text, also one that differs only in case or
    /// padding, is `Invalid`.
    fn from_str(text: &str) -> Result<Self> {
        read(text).filter(|name| name.to_string() == text).ok_or_else(|| {
            let shown: String = text.chars().take(120).collect();
            Error::new(
                ErrorKind::Invalid,
                format!("{shown:?} is not a data file name of the form part-{{writer}}-{{first LSN}}-{{last LSN}}-{{hash}}.parquet"),
            )
        })
    }
}

fn read(text: &str) -> Option<DataFileName> {
    let mut parts = text.strip_prefix("part-")?.strip_suffix(".parquet")?.split('-');
    let name = DataFileName {
        writer: parts.next()?.parse().ok()?,
        first_lsn: Lsn(parts.next()?.parse().ok()?),
        last_lsn: Lsn(parts.next()?.parse().ok()?),
        hash: u64::from_str_radix(parts.next()?, 16).ok()?,
    };
    (parts.next().is_none() && name.first_lsn <= name.last_lsn).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "part-0000beef-00000000000000000007-00000000000000200006-00c0ffee00000001.parquet";

    #[test]
    fn a_name_has_its_parts_at_fixed_width() {
        let name = DataFileName {
            writer: WriterId(0xbeef),
            first_lsn: Lsn(7),
            last_lsn: Lsn(200_006),
            hash: 0xc0_ffee_0000_0001,
        };
        assert_eq!(name.to_string(), NAME);
        assert_eq!(DataFileName::of_path(&format!("project_id=a/day=2026-01-01/{NAME}")), Some(name));
    }

    #[test]
    fn anything_but_the_exact_form_is_refused() {
        for text in [
            "",
            "part-.parquet",
            &NAME.to_uppercase(),
            &NAME.replace("beef", "BEEF"),
            &NAME.replace("beef", "+eef"),
            &NAME.replace("-0000000000000000000", "-000000000000000000"),
            &NAME.replace("-00000000000000000007", "-+0000000000000000007"),
            &NAME.replace("00000000000000000007", "00000000000000200007"),
            &NAME.replace("00000000000000200006", "99999999999999999999"),
            &NAME.replace(".parquet", "-1.parquet"),
            &NAME.replace(".parquet", ".parquet.tmp"),
            &format!("{NAME}\n"),
            "part-00000-3f1c2a77-9b1e-4c39-8a3b-5f2e6a1d7c10-c000.snappy.parquet",
        ] {
            assert!(text.parse::<DataFileName>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_written_name_reads_back_and_sorts_by_lsn(writer: u32, a in 0..u64::MAX, b in 0..u64::MAX, hash: u64) {
            let name = |first: u64| DataFileName { writer: WriterId(writer), first_lsn: Lsn(first), last_lsn: Lsn(u64::MAX), hash };
            prop_assert_eq!(name(a).to_string().parse::<DataFileName>().unwrap(), name(a));
            prop_assert_eq!(name(a).to_string().cmp(&name(b).to_string()), a.cmp(&b));
        }
    }
}

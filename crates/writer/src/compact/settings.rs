//! [`CompactionSettings`]: how large files should be, and what making them may take.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Limits of compaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompactionSettings {
    /// Bytes of a data file that is large enough, 1 MiB to 1 GiB; one of more than half of it is left alone. Default 128 MiB.
    pub file_bytes: u64,
    /// Files of about one size that are worth merging in a partition that still grows, 2 to 1,024. Default 8: a row is then
    /// written again once for each eightfold size.
    pub files_min: usize,
    /// Minutes after its last file after which a partition counts as grown: then two files are enough, 0 to 10,080. Default 30.
    pub quiet_minutes: u64,
    /// Memory of one merge, 16 MiB to 64 GiB: the files as they are stored, their open pages, and the result. Default 512 MiB.
    pub memory_bytes_max: u64,
}

impl Default for CompactionSettings {
    fn default() -> Self {
        Self { file_bytes: 128 << 20, files_min: 8, quiet_minutes: 30, memory_bytes_max: 512 << 20 }
    }
}

impl CompactionSettings {
    /// Checks every bound.
    ///
    /// # Errors
    /// `Invalid`, naming all problems.
    pub fn validate(&self) -> Result<()> {
        let mut problems = Vec::new();
        let mut check = |name: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                problems.push(format!("{name} is {value} but must be {low} to {high}"));
            }
        };
        check("file_bytes", self.file_bytes, 1 << 20, 1 << 30);
        check("files_min", self.files_min as u64, 2, 1_024);
        check("quiet_minutes", self.quiet_minutes, 0, 10_080);
        check("memory_bytes_max", self.memory_bytes_max, 16 << 20, 64 << 30);
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, format!("compaction settings: {}", problems.join("; "))))
    }

    /// Bytes of stored files that one merge may take in: they and the result are held, and the open pages besides.
    pub(crate) fn inputs_bytes_max(&self) -> u64 {
        self.memory_bytes_max / 4
    }

    /// Bytes of open pages that one merge may hold.
    pub(crate) fn pages_bytes_max(&self) -> u64 {
        self.memory_bytes_max / 4
    }
}

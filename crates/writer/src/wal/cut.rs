//! Cutting the WAL: segments whose rows are all in the table go, oldest first, whole files only.

use std::path::Path;

use annals_table::{FileSystem, Lsn};

use super::segment::segment_path;
use crate::error::{Error, Result};

/// A segment that is no longer written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClosedSegment {
    pub id: u64,
    /// Last LSN in it or in any segment before it.
    pub last_lsn: Lsn,
    pub bytes: u64,
}

/// How many of `closed` (oldest first) may go when everything up to `watermark` is in the table.
pub(crate) fn removable(closed: &[ClosedSegment], watermark: Lsn) -> usize {
    closed.iter().take_while(|segment| segment.last_lsn <= watermark).count()
}

/// Removes `segments` in the given order.
///
/// # Durability
/// Not waited for: a segment that comes back holds only rows at or below the watermark, which replay skips.
pub(crate) fn remove_segments(fs: &dyn FileSystem, dir: &Path, segments: &[ClosedSegment]) -> Result<()> {
    for segment in segments {
        let path = segment_path(dir, segment.id);
        match fs.remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("removing", &path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

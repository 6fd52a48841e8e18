//! [`CheckpointEnd`]: what the end of a checkpoint tells of its sums, and reading the rest by them.
//!
//! A checkpoint's name carries no hash, so whether it must have sums is told by two marks in its footer, one at either end
//! of it: the root of its schema, and the key of the sums. No lost sector takes both away.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

type Result<T, E = object_store::Error> = std::result::Result<T, E>;

use super::objects::{damaged, generic};
use crate::block_sums::{BlockSums, FileEnd};
use crate::checksum::{CHECKSUMS_KEY, Damage, FOOTER_END_BYTES};

/// Name of the root of a checkpoint's Parquet schema, where we wrote it; readers do not look at it.
pub(super) const SCHEMA_ROOT: &str = "annals_checkpoint";

/// Bytes read from a checkpoint's end at first: the footers of its some sixty columns are smaller.
const END_BYTES: u64 = 64 << 10;

/// Bytes of a checkpoint that are checked at once.
const CHECKED_BYTES: u64 = 4 << 20;

/// How a checkpoint is read.
#[derive(Debug)]
pub(super) struct CheckpointEnd {
    /// `None` for one that another program wrote.
    sums: Option<BlockSums>,
}

/// Reads and judges the end of a checkpoint.
pub(super) async fn read_end(store: &dyn ObjectStore, path: &Path) -> Result<CheckpointEnd> {
    let size = store.head(path).await?.size;
    read_end_at(store, path, size).await?.map_err(|damage| of_checkpoint(path, &damage))
}

/// Checks all of a checkpoint of `size` bytes. Answers whether it has sums of ours, or what is wrong with it.
pub(crate) async fn check_checkpoint(store: &dyn ObjectStore, path: &Path, size: u64) -> Result<Result<bool, String>> {
    let sums = match read_end_at(store, path, size).await? {
        Ok(CheckpointEnd { sums: Some(sums) }) => sums,
        Ok(CheckpointEnd { sums: None }) => return Ok(Ok(false)),
        Err(damage) => return Ok(Err(damage.to_string())),
    };
    let mut start = 0;
    while start < sums.data_end() {
        let end = sums.next_start(start + CHECKED_BYTES);
        let part = store.get_range(path, start..end).await?;
        if let Err(damage) = sums.check(start, &part) {
            return Ok(Err(damage.to_string()));
        }
        start = end;
    }
    Ok(Ok(true))
}

async fn read_end_at(store: &dyn ObjectStore, path: &Path, size: u64) -> Result<Result<CheckpointEnd, Damage>> {
    let mut start = size.saturating_sub(END_BYTES);
    let mut end = if start < size { store.get_range(path, start..size).await? } else { Bytes::new() };
    loop {
        match BlockSums::of_end(&end, size) {
            Ok(FileEnd::Checked(sums)) => return Ok(Ok(CheckpointEnd { sums: Some(sums) })),
            Ok(FileEnd::NeedsFrom(offset)) if offset < start => {
                let before = store.get_range(path, offset..start).await?;
                let mut joined = BytesMut::with_capacity(before.len() + end.len());
                joined.extend_from_slice(&before);
                joined.extend_from_slice(&end);
                (start, end) = (offset, joined.freeze());
            }
            Err(Damage::Footer) if is_foreign(&end, start) => return Ok(Ok(CheckpointEnd { sums: None })),
            Ok(FileEnd::NeedsFrom(_)) => return Ok(Err(Damage::Footer)),
            Err(damage) => return Ok(Err(damage)),
        }
    }
}

impl CheckpointEnd {
    /// The bytes of `ranges`, in their order.
    pub(super) async fn read(&self, store: &dyn ObjectStore, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let Some(sums) = &self.sums else { return store.get_ranges(path, ranges).await };
        let wide = sums.widen(ranges);
        let parts = store.get_ranges(path, &wide).await?;
        for (range, part) in wide.iter().zip(&parts) {
            sums.check(range.start, part).map_err(|damage| of_checkpoint(path, &damage))?;
        }
        let pick = |range: &Range<u64>| {
            if range.start >= range.end {
                return Ok(Bytes::new());
            }
            let part = wide.iter().zip(&parts).find(|(wide, _)| wide.start <= range.start && range.end <= wide.end);
            let part = part
                .map(|(wide, part)| part.slice((range.start - wide.start) as usize..(range.end - wide.start) as usize));
            part.ok_or_else(|| generic("a range was not read".into()))
        };
        ranges.iter().map(pick).collect()
    }
}

fn of_checkpoint(path: &Path, damage: &Damage) -> object_store::Error {
    damaged("checkpoint", path, &damage.to_string())
}

/// Whether the end of a file, which has no sums, is that of a Parquet file that we did not write.
fn is_foreign(end: &[u8], start: u64) -> bool {
    let Some((rest, trailer)) = end.split_last_chunk::<FOOTER_END_BYTES>() else { return false };
    let [a, b, c, d, magic @ ..] = *trailer;
    let footer_fits = u64::from(u32::from_le_bytes([a, b, c, d])) <= start + rest.len() as u64;
    let has = |mark: &str| end.windows(mark.len()).any(|window| window == mark.as_bytes());
    magic == *b"PAR1" && footer_fits && !has(SCHEMA_ROOT) && !has(CHECKSUMS_KEY)
}

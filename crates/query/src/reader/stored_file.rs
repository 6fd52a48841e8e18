//! [`StoredFile`]: the bytes of one data file, checked as they are read.
//!
//! The one way from the store to a data file's bytes, for filter scans and for SQL. A file of ours is read in whole blocks
//! and none of its bytes is handed on before its sum fits; what does not fit is an error that names file and place. Files
//! of other programs have no sums and are read as they are.

use std::ops::Range;
use std::sync::Arc;

use annals_table::{BlockSums, Damage, DataFile, DataFileName, FileEnd};
use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::error::{Error, ErrorKind, Result};
use crate::reader::block_cache::{BlockCache, BlockOf, CACHED_READ_BYTES_MAX};
use crate::reader::scan_stats::ScanStats;
use crate::reader::window::on_cpu;

/// Bytes that are checked where they are read; more of them are worth the way to another thread (a hundred microseconds).
const CHECKED_IN_PLACE_BYTES_MAX: usize = 1 << 20;

/// What is wrong with a file that was cut.
const SHORTER: &str = "it is shorter than the table log says";

/// A file to read. Holds no handle: each read is a request to the store.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// Size, as the table log says.
    bytes: u64,
    /// Whether it is ours and so must have sums.
    is_summed: bool,
    /// Where blocks of small reads are kept.
    blocks: Option<Arc<BlockCache>>,
}

/// Proven bytes of a file's end, or those of another program's file as they are.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    start: u64,
    bytes: Bytes,
}

/// A part of a file whose sums fit.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    start: u64,
    bytes: Bytes,
}

impl StoredFile {
    pub(crate) fn of(store: Arc<dyn ObjectStore>, file: &DataFile) -> Result<Self> {
        let path = Path::parse(&file.path).map_err(|error| {
            Error::with_source(ErrorKind::Corrupt, format!("the table log names {:?}", file.path), error)
        })?;
        Ok(Self::at(store, path, file.bytes))
    }

    pub(crate) fn at(store: Arc<dyn ObjectStore>, path: Path, bytes: u64) -> Self {
        let is_summed = DataFileName::of_path(path.as_ref()).is_some();
        Self { store, path, bytes, is_summed, blocks: None }
    }

    /// The same, with small reads through a cache, which must be of this store alone.
    pub(crate) fn through(self, blocks: &Arc<BlockCache>) -> Self {
        Self { blocks: Some(Arc::clone(blocks)), ..self }
    }

    /// Reads the end of the file, about `wanted` bytes, and the sums in it; `None` for a file of another program. Of our
    /// files the tail is at hand whole, however long.
    pub(crate) async fn open(&self, wanted: u64, stats: &mut ScanStats) -> Result<(Option<Arc<BlockSums>>, Tail)> {
        let start = self.bytes.saturating_sub(wanted);
        let bytes = self.get_one(start..self.bytes, stats).await?;
        let mut end = Tail { start, bytes };
        if !self.is_summed {
            return Ok((None, end));
        }
        let sums = loop {
            match BlockSums::of_end(&end.bytes, self.bytes).map_err(|damage| self.damaged(&damage))? {
                FileEnd::Checked(sums) => break sums,
                FileEnd::NeedsFrom(offset) if offset < end.start => {
                    let before = self.get_one(offset..end.start, stats).await?;
                    let mut joined = BytesMut::with_capacity(before.len() + end.bytes.len());
                    joined.extend_from_slice(&before);
                    joined.extend_from_slice(&end.bytes);
                    end = Tail { start: offset, bytes: joined.freeze() };
                }
                FileEnd::NeedsFrom(_) => return Err(self.damaged(&Damage::Footer)),
            }
        };
        Ok((Some(Arc::new(sums.clone())), end.proven(&sums)))
    }

    /// The bytes of `ranges`, in their order, each as long as asked for. `sums` are those that [`Self::open`] gave.
    pub(crate) async fn ranges(
        &self,
        sums: Option<&Arc<BlockSums>>,
        ranges: &[Range<u64>],
        stats: &mut ScanStats,
    ) -> Result<Vec<Bytes>> {
        self.ranges_of(BlockOf::Data, sums, ranges, stats).await
    }

    /// The same, of an index or of anything else.
    pub(crate) async fn ranges_of(
        &self,
        of: BlockOf,
        sums: Option<&Arc<BlockSums>>,
        ranges: &[Range<u64>],
        stats: &mut ScanStats,
    ) -> Result<Vec<Bytes>> {
        let Some(sums) = sums else { return self.get(ranges, stats).await };
        let parts = self.parts_of(of, sums, ranges, stats).await?;
        self.pick(&parts, ranges)
    }

    /// Checked parts of the file that hold `ranges`, in no particular order.
    pub(crate) async fn parts(
        &self,
        sums: &Arc<BlockSums>,
        ranges: &[Range<u64>],
        stats: &mut ScanStats,
    ) -> Result<Vec<Part>> {
        self.parts_of(BlockOf::Data, sums, ranges, stats).await
    }

    async fn parts_of(
        &self,
        of: BlockOf,
        sums: &Arc<BlockSums>,
        ranges: &[Range<u64>],
        stats: &mut ScanStats,
    ) -> Result<Vec<Part>> {
        self.check_ranges(ranges)?;
        let wide = sums.widen(ranges);
        if wide.is_empty() {
            return Ok(Vec::new());
        }
        let total: u64 = wide.iter().map(|range| range.end - range.start).sum();
        let Some(blocks) = self.blocks.as_deref().filter(|_| total <= CACHED_READ_BYTES_MAX) else {
            return self.read_checked(sums, wide, stats).await;
        };
        let path = self.path.as_ref();
        let (mut held, mut missing) = (Vec::with_capacity(wide.len()), Vec::new());
        for range in wide {
            match blocks.get(path, sums, &range) {
                Some(bytes) => held.push(Part { start: range.start, bytes }),
                None => missing.push(range),
            }
        }
        if !missing.is_empty() {
            let read = self.read_checked(sums, missing, stats).await?;
            read.iter().for_each(|part| blocks.insert(path, sums, part.start, &part.bytes, of));
            held.extend(read);
        }
        Ok(held)
    }

    /// Ranges as [`BlockSums::widen`] gave them, read in one request and checked.
    async fn read_checked(
        &self,
        sums: &Arc<BlockSums>,
        wide: Vec<Range<u64>>,
        stats: &mut ScanStats,
    ) -> Result<Vec<Part>> {
        let found = self.get(&wide, stats).await?;
        let parts: Vec<Part> =
            wide.into_iter().zip(found).map(|(range, bytes)| Part { start: range.start, bytes }).collect();
        let check =
            |sums: &BlockSums, parts: &[Part]| parts.iter().try_for_each(|part| sums.check(part.start, &part.bytes));
        let total: usize = parts.iter().map(|part| part.bytes.len()).sum();
        let (parts, outcome) = if total <= CHECKED_IN_PLACE_BYTES_MAX {
            let outcome = check(sums, &parts);
            (parts, outcome)
        } else {
            let sums = Arc::clone(sums);
            on_cpu(move || {
                let outcome = check(&sums, &parts);
                Ok((parts, outcome))
            })
            .await?
        };
        outcome.map_err(|damage| self.damaged(&damage))?;
        Ok(parts)
    }

    /// The bytes of `ranges` out of checked parts.
    pub(crate) fn pick(&self, parts: &[Part], ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let pick = |range: &Range<u64>| {
            if range.start >= range.end {
                return Some(Bytes::new());
            }
            parts.iter().find_map(|part| slice(part.start, &part.bytes, range))
        };
        ranges
            .iter()
            .map(|range| pick(range).ok_or_else(|| Error::new(ErrorKind::Internal, "a range was not read")))
            .collect()
    }

    /// What is wrong with the file.
    pub(crate) fn damaged(&self, damage: &Damage) -> Error {
        damage.of_file("data file", self.path.as_ref()).into()
    }

    pub(crate) fn corrupt(&self, why: &str) -> Error {
        let message = format!(
            "the data file {} is damaged: {why}; run `annals verify` to see all that is damaged, and restore the file from a \
             copy of the store",
            self.path
        );
        Error::new(ErrorKind::Corrupt, message)
    }

    async fn get_one(&self, range: Range<u64>, stats: &mut ScanStats) -> Result<Bytes> {
        Ok(self.get(std::slice::from_ref(&range), stats).await?.remove(0))
    }

    /// Bytes as they stand in the store.
    async fn get(&self, ranges: &[Range<u64>], stats: &mut ScanStats) -> Result<Vec<Bytes>> {
        self.check_ranges(ranges)?;
        let parts = match self.store.get_ranges(&self.path, ranges).await {
            Ok(parts) => parts,
            Err(error) => return Err(self.unreadable(error).await),
        };
        if parts.len() != ranges.len()
            || parts.iter().zip(ranges).any(|(part, range)| part.len() as u64 != range.end - range.start)
        {
            return Err(self.corrupt(SHORTER));
        }
        stats.requests += 1;
        stats.bytes_read += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        Ok(parts)
    }

    fn check_ranges(&self, ranges: &[Range<u64>]) -> Result<()> {
        if ranges.iter().any(|range| range.start > range.end || range.end > self.bytes) {
            return Err(self.corrupt("it points outside itself"));
        }
        Ok(())
    }

    async fn unreadable(&self, error: object_store::Error) -> Error {
        let kind = match error {
            object_store::Error::NotFound { .. } => ErrorKind::NotFound,
            // Stores differ in what they answer to a range behind the end.
            _ if self.store.head(&self.path).await.is_ok_and(|found| found.size < self.bytes) => {
                return self.corrupt(SHORTER);
            }
            _ => ErrorKind::Unavailable,
        };
        Error::with_source(kind, format!("the data file {} cannot be read", self.path), error)
    }
}

impl Tail {
    /// Offset of the first byte.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        slice(self.start, &self.bytes, range)
    }

    /// What of it is proven: the tail, and the whole blocks before it unless one is damaged. That one is told when it is
    /// asked for, if ever.
    fn proven(self, sums: &BlockSums) -> Self {
        let from = |start: u64| self.bytes.slice((start - self.start) as usize..);
        for start in [sums.next_start(self.start), sums.data_end()] {
            let bytes = from(start);
            if start == sums.data_end() || sums.check(start, &bytes).is_ok() {
                return Self { start, bytes };
            }
        }
        unreachable!("the tail was checked")
    }
}

impl Part {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn slice(start: u64, bytes: &Bytes, range: &Range<u64>) -> Option<Bytes> {
    let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
    (from <= to && to <= bytes.len()).then(|| bytes.slice(from..to))
}

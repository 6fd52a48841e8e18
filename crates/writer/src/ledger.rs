//! The ledger: what must be known of the log after it was cut, the newest client-given ids and the answered requests.
//!
//! Two runs of files beside the WAL's segments, one of ids and one of requests. A flush appends what its rows brought
//! before the WAL is cut, so at any moment each id and key stands in a segment, in the ledger, or in both: taking one in
//! twice changes nothing. A start always opens new files; a torn end is cut off by its checksum, and its content still
//! stands in the WAL. Files leave when all that they tell is outside the window. Bytes: `WAL.md`, 'Ledger'.

mod block;
mod file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_table::{FileSystem, Lsn};

pub(crate) use self::block::{decode_request, encode_request};
use self::file::{LedgerContent, LedgerFile, LedgerKind, files};
use crate::error::{Error, ErrorKind, Result};
use crate::known_ids::IdHash;
use crate::request_key::KeyRecord;
use crate::verify::WalReport;

/// Bytes of a file after which the next one begins.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Parts of the time for which keys are remembered that one file of requests may span.
const TTL_PARTS: i64 = 24;

/// Reads all files of the ledger in `dir` into `report`.
///
/// # Errors
/// `Unavailable` when a file cannot be read.
pub(crate) fn verify_ledger(fs: &dyn FileSystem, dir: &Path, report: &mut WalReport) -> Result<()> {
    for (_, kind, path) in files(fs, dir)? {
        report.files += 1;
        report.bytes += fs.metadata(&path).map_err(|error| Error::io("reading", &path, error))?.len;
        match file::read(fs, &path, kind) {
            Ok(LedgerContent { torn_at: None, .. }) => {}
            Ok(LedgerContent { torn_at: Some(offset), .. }) => {
                report.torn.push(format!("{} is not whole from offset {offset} on", path.display()));
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => report.damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What one group of the log brought that outlives its segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct LedgerEntry {
    /// Everything of it is at or below this LSN.
    pub last_lsn: Lsn,
    pub ids: Vec<IdHash>,
    pub requests: Vec<KeyRecord>,
}

/// What files were written before and can be dropped one day.
#[derive(Debug)]
struct Past {
    path: PathBuf,
    /// How many ids it tells of.
    ids: u64,
    /// When the newest of its requests was answered.
    newest_us: i64,
}

/// The end of the ledger. One process owns it.
#[derive(Debug)]
pub(crate) struct Ledger {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    ids_max: u64,
    ttl_us: i64,
    next_number: u64,
    ids: Run,
    requests: Run,
}

#[derive(Debug)]
struct Run {
    kind: LedgerKind,
    current: Option<(LedgerFile, Past, i64)>,
    /// Oldest first.
    past: Vec<Past>,
}

impl Ledger {
    /// Reads the ledger in `dir`, oldest first, and hands every id and request to `ids` and `requests`. Changes nothing.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be read, `Corrupt` when what was synced is damaged.
    pub(crate) fn open(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
        ids_max: u64,
        ttl_us: i64,
        mut ids: impl FnMut(IdHash),
        mut requests: impl FnMut(KeyRecord),
    ) -> Result<Self> {
        let mut past_ids = Vec::new();
        let mut past_requests = Vec::new();
        let mut next_number = 1;
        for (number, kind, path) in files(fs.as_ref(), dir)? {
            next_number = number + 1;
            let mut past = Past { path: path.clone(), ids: 0, newest_us: i64::MIN };
            let LedgerContent { blocks: content, torn_at } = file::read(fs.as_ref(), &path, kind)?;
            if let Some(offset) = torn_at {
                tracing::warn!(path = %path.display(), offset, "the end of a ledger file is not whole and is passed over");
            }
            match kind {
                LedgerKind::Ids => {
                    for id in block::ids(&content) {
                        past.ids += 1;
                        ids(id);
                    }
                    past_ids.push(past);
                }
                LedgerKind::Requests => {
                    for record in block::requests(&content) {
                        past.newest_us = past.newest_us.max(record.at_us);
                        requests(record);
                    }
                    past_requests.push(past);
                }
            }
        }
        let ids = Run { kind: LedgerKind::Ids, current: None, past: past_ids };
        let requests = Run { kind: LedgerKind::Requests, current: None, past: past_requests };
        Ok(Self { fs, dir: dir.to_owned(), ids_max, ttl_us, next_number, ids, requests })
    }

    /// Appends what the rows up to some LSN brought.
    ///
    /// # Errors
    /// `Exhausted` when the disk is full, `Unavailable` otherwise. Call again with the same entries: what was written then
    /// stands twice, which is harmless.
    ///
    /// # Durability
    /// Synced when this returns: the segments that held it may go.
    pub(crate) fn append(&mut self, entries: &[LedgerEntry], now_us: i64) -> Result<()> {
        let ids: Vec<IdHash> = entries.iter().flat_map(|entry| entry.ids.iter().copied()).collect();
        if !ids.is_empty() {
            self.write(LedgerKind::Ids, &block::encode_ids(&ids), ids.len() as u64, i64::MIN, now_us)?;
            self.drop_ids();
        }
        let requests: Vec<&KeyRecord> = entries.iter().flat_map(|entry| &entry.requests).collect();
        if let Some(newest_us) = requests.iter().map(|record| record.at_us).max() {
            self.write(LedgerKind::Requests, &block::encode_requests(&requests), 0, newest_us, now_us)?;
        }
        self.drop_requests(now_us);
        Ok(())
    }

    fn write(&mut self, kind: LedgerKind, block: &[u8], ids: u64, newest_us: i64, now_us: i64) -> Result<()> {
        let part_us = self.ttl_us / TTL_PARTS;
        let run = if kind == LedgerKind::Ids { &mut self.ids } else { &mut self.requests };
        let is_full = |(file, _, since_us): &(LedgerFile, Past, i64)| {
            file.bytes() >= FILE_BYTES_MAX || (kind == LedgerKind::Requests && now_us - since_us >= part_us)
        };
        if let Some((_, past, _)) = run.current.take_if(|current| is_full(current)) {
            run.past.push(past);
        }
        let mut current = match run.current.take() {
            Some(current) => current,
            None => {
                let number = self.next_number;
                self.next_number += 1;
                let file = LedgerFile::create(self.fs.as_ref(), &self.dir, number, run.kind)?;
                let past = Past { path: file.path().to_owned(), ids: 0, newest_us: i64::MIN };
                (file, past, now_us)
            }
        };
        // After a failed write the file is left behind: its valid blocks are read at the next start like any other's.
        let written = current.0.append(block);
        current.1.ids += ids;
        current.1.newest_us = current.1.newest_us.max(newest_us);
        match written {
            Ok(()) => run.current = Some(current),
            Err(_) => run.past.push(current.1),
        }
        written
    }

    /// Removes the oldest files of ids as long as the newer ones hold the whole window.
    fn drop_ids(&mut self) {
        let current = self.ids.current.as_ref().map_or(0, |(_, past, _)| past.ids);
        let mut newer = current + self.ids.past.iter().map(|past| past.ids).sum::<u64>();
        while let Some(oldest) = self.ids.past.first()
            && newer - oldest.ids >= self.ids_max
        {
            newer -= oldest.ids;
            self.ids.drop_oldest(self.fs.as_ref());
        }
    }

    fn drop_requests(&mut self, now_us: i64) {
        // Files of a clock that ran ahead must not stay until it has come so far again.
        self.requests.past.iter_mut().for_each(|past| past.newest_us = past.newest_us.min(now_us));
        while self.requests.past.first().is_some_and(|oldest| oldest.newest_us.saturating_add(self.ttl_us) <= now_us) {
            self.requests.drop_oldest(self.fs.as_ref());
        }
    }
}

impl Run {
    fn drop_oldest(&mut self, fs: &dyn FileSystem) {
        let oldest = self.past.remove(0);
        if let Err(error) = fs.remove_file(&oldest.path) {
            // It is read at the next start once more, and dropped then.
            tracing::warn!(%error, "a file of the ledger could not be removed");
        }
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

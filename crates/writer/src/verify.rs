//! Verifying a write-ahead log: every frame and every block of the ledger, changing nothing.

use std::path::Path;

use annals_table::{ErrorKind, FileSystem, Lsn, Table};

use crate::error::{Error, Result};
use crate::ledger::verify_ledger;
use crate::wal::{Damaged, Replay, WalHolder, read_frame, segment_ids, segment_path};

/// How a write-ahead log is.
#[derive(Clone, Debug, Default)]
pub struct WalReport {
    /// Files looked at: segments, and those of the ledger.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whole frames.
    pub frames: u64,
    /// Rows that are not in the table.
    pub waiting_rows: u64,
    /// What is damaged: a start stops at it.
    pub damaged: Vec<Error>,
    /// What is not whole and need not be, because a crash leaves it so: the next start cuts it. After damage to the last
    /// rows before a crash it looks the same.
    pub torn: Vec<String>,
}

/// Reads the whole log in `wal_dir`, of which `table` holds the rows up to its watermark. Blocks.
///
/// # Errors
/// `Conflict`, naming the holder, when a process holds the log; `Unavailable` when it cannot be read. Damage is no error but
/// stands in the report.
pub fn verify_wal(wal_dir: &Path, fs: &dyn FileSystem, table: Option<&Table>) -> Result<WalReport> {
    if let Some(holder) = WalHolder::of(wal_dir, fs)? {
        let message = format!("the write-ahead log {} is held by {holder}: stop it first", wal_dir.display());
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let snapshot = table.map(Table::snapshot);
    let watermark = |writer| snapshot.as_ref().and_then(|snapshot| snapshot.watermark(writer)).unwrap_or(Lsn(0));
    let mut report = WalReport::default();
    for id in segment_ids(fs, wal_dir)? {
        let path = segment_path(wal_dir, id);
        report.files += 1;
        report.bytes += fs.metadata(&path).map_err(|error| Error::io("reading", &path, error))?.len;
    }
    let replay = Replay::read_past(fs, wal_dir, watermark, Damaged::IsPassed)?;
    report.damaged.extend(replay.loss.findings.iter().cloned());
    if let Some((segment, offset)) = replay.torn() {
        let path = segment_path(wal_dir, segment);
        report.torn.push(format!("{} is not whole from offset {offset} on", path.display()));
    }
    for (place, is_waiting) in
        replay.settled.iter().map(|place| (place, false)).chain(replay.frames.iter().map(|place| (place, true)))
    {
        report.frames += 1;
        match read_frame(fs, wal_dir, place) {
            Ok(_) if is_waiting => report.waiting_rows += place.header.rows,
            Ok(_) => {}
            Err(error) => report.damaged.push(error),
        }
    }
    verify_ledger(fs, wal_dir, &mut report)?;
    Ok(report)
}

//! The tail of a WAL that nobody holds, for readers: the rows that a stopped writer logged but did not commit.

use std::path::Path;
use std::sync::Arc;

use annals_table::{FileSystem, Lsn, Table, TailMemtable, TailSource, TailView};

use crate::error::{Error, ErrorKind, Result};
use crate::wal::{Replay, WalHolder, read_frame};

/// Rows of a closed WAL, as they were when it was read.
#[derive(Clone, Debug)]
pub struct WalTail {
    view: TailView,
}

impl TailSource for WalTail {
    fn view(&self) -> TailView {
        self.view.clone()
    }
}

/// Reads the rows in the WAL in `wal_dir` that `table` did not hold when it was last refreshed. Blocks, changes no byte,
/// takes no ownership. `None` when there is no WAL.
///
/// Each frame is a memtable of its own: a writer that starts meanwhile may commit any number of whole frames.
///
/// # Errors
/// `Conflict`, naming the holder, when a process holds the WAL; `Corrupt` as at [`Writer::open`](crate::Writer::open);
/// `Unavailable` when files vanish because a writer has just started: try again.
pub fn replay_tail(wal_dir: &Path, fs: Arc<dyn FileSystem>, table: &Table) -> Result<Option<WalTail>> {
    if let Some(holder) = WalHolder::of(wal_dir, fs.as_ref())? {
        let message = format!("the write-ahead log {} is held by {holder}: ask that process", wal_dir.display());
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let snapshot = table.snapshot();
    let replay = Replay::read(fs.as_ref(), wal_dir, |writer| snapshot.watermark(writer).unwrap_or(Lsn(0)))?;
    let Some(writer) = replay.writer else { return Ok(None) };
    let mut memtables = Vec::with_capacity(replay.frames.len());
    for place in &replay.frames {
        let batches = read_frame(fs.as_ref(), wal_dir, place)?.batches;
        if batches.is_empty() {
            continue;
        }
        let (first_lsn, last_lsn) = (place.header.first_lsn, place.header.last_lsn());
        memtables.push(TailMemtable { first_lsn, last_lsn, batches: batches.into() });
    }
    Ok(Some(WalTail { view: TailView { writer, memtables } }))
}

//! [`Repair`]: what [`Writer::repair`](crate::Writer::repair) went past, and where it put it.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use annals_table::{CommitOutcome, ErrorKind, FileSystem, Lsn, Table, TableChange, WriterId};

use crate::error::{Error, Result};
use crate::wal::{Loss, Replay};

/// The outcome of a repair.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    /// What was damaged; empty when nothing was.
    pub findings: Vec<Error>,
    /// Rows that were acknowledged and are nowhere, ascending. When the last segment could not be read, rows behind them may
    /// be lost as well.
    pub lost: Vec<RangeInclusive<Lsn>>,
    /// The damaged segments, as they were, and the report of the repair, which says this.
    pub set_aside: Vec<PathBuf>,
}

impl Repair {
    /// Sets aside what a salvage found damaged.
    pub(crate) fn of(replay: &Replay, fs: &dyn FileSystem, dir: &Path) -> Result<Self> {
        let Loss { findings, rows, segments, .. } = &replay.loss;
        let mut repair = Self { findings: findings.clone(), lost: rows.clone(), set_aside: Vec::new() };
        if segments.is_empty() {
            return Ok(repair);
        }
        repair.set_aside = replay.quarantine(fs, dir)?;
        if let Some(folder) = repair.set_aside.first().and_then(|path| path.parent()) {
            let path = folder.join(format!("report-{:016x}.txt", replay.last_segment));
            let failed = |error| Error::io("writing", &path, error);
            match fs.create_new(&path) {
                Ok(file) => {
                    file.write_all_at(repair.to_string().as_bytes(), 0).map_err(failed)?;
                    file.sync_data().map_err(failed)?;
                    fs.sync_dir(folder).map_err(failed)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
            repair.set_aside.push(path);
        }
        Ok(repair)
    }
}

impl Repair {
    /// Lifts the writer's watermark over the rows that are lost, so that no later start misses them and their numbers are not
    /// given to others.
    pub(crate) fn settle(&self, table: &Table, writer: WriterId) -> Result<()> {
        let Some(last) = self.lost.iter().map(|rows| *rows.end()).max() else { return Ok(()) };
        if table.snapshot().watermark(writer).is_some_and(|watermark| watermark >= last) {
            return Ok(());
        }
        let watermark = Some((writer, last));
        let change = TableChange::write(Vec::new(), watermark);
        match table.commit(change)? {
            CommitOutcome::Committed(_) => Ok(()),
            CommitOutcome::Conflict(conflict) => {
                let message = format!("the table changed while the log was repaired ({conflict:?}); repair it again");
                Err(Error::new(ErrorKind::Conflict, message))
            }
        }
    }
}

/// The report.
impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "damaged {finding}")?;
        }
        for rows in &self.lost {
            writeln!(f, "lost rows {} to {}", rows.start(), rows.end())?;
        }
        self.set_aside.iter().try_for_each(|path| writeln!(f, "set aside {}", path.display()))
    }
}

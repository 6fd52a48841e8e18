//! [`compact`]: one group of files becomes few, checked, stored and committed.

use annals_table::{
    CommitOutcome, Conflict, DataFile, DataFileEncoder, DataFileName, DataFileRows, EncodedFile, FileShape, NewObject,
    ParquetSettings, Snapshot, Store, Table, TableChange, trace_run,
};

use super::fingerprint::{FINGERPRINT_COLUMNS, Fingerprint};
use super::merge::Merge;
use super::plan::CompactionGroup;
use super::settings::CompactionSettings;
use crate::error::{Error, ErrorKind, Result};

/// Rows of a decoded batch: as few as keep the open pages of many files small, as many as make work worth while, and a page of
/// payloads of the usual length.
const BATCH_ROWS: usize = 1_280;
/// Rows that are decoded at a time to be checked.
const CHECK_ROWS: usize = 8_192;
/// How often a commit is tried anew under the next number, after another compaction of other files took the one before.
const COMMITS_MAX: u32 = 16;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files before and after.
    pub files: (u64, u64),
    /// Bytes before and after.
    pub bytes: (u64, u64),
    /// Rows, the same before and after.
    pub rows: u64,
}

impl std::ops::AddAssign for Compacted {
    fn add_assign(&mut self, other: Self) {
        self.files = (self.files.0 + other.files.0, self.files.1 + other.files.1);
        self.bytes = (self.bytes.0 + other.bytes.0, self.bytes.1 + other.bytes.1);
        self.rows += other.rows;
    }
}

/// How a compaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactionOutcome {
    /// The files are replaced.
    Done(Compacted),
    /// Others changed the files meanwhile: retention, or another compactor. The table is as they left it.
    Overtaken,
}

/// Merges the files of `group` and replaces them in `table`, of `store`. Blocks.
///
/// Count and ids of the rows are compared between what was read of the files and what is read of the result, before
/// anything is stored.
///
/// # Errors
/// `Corrupt` for a damaged file, whose group is left as it is; `Unavailable` when the store does not answer: the commit MAY have
/// happened, and a plan of the next snapshot will tell; `Internal` when the result differs, which is a defect.
///
/// # Durability
/// The new files are durable before the commit.
pub fn compact(
    table: &Table,
    store: &Store,
    group: &CompactionGroup,
    parquet: &ParquetSettings,
    settings: &CompactionSettings,
    now_us: i64,
) -> Result<CompactionOutcome> {
    let files = match merged(table, group, parquet, settings) {
        // Whoever replaced a file may have removed its object since.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(CompactionOutcome::Overtaken),
        files => files?,
    };
    if files.len() >= group.files.len() {
        // The pages did not shrink: nothing is gained, and the next plan would do the same again.
        return Ok(CompactionOutcome::Overtaken);
    }
    let traces: Vec<_> = files.iter().map(|file| file.traces.clone()).collect();
    let (adds, mut objects): (Vec<_>, Vec<_>) =
        files.into_iter().map(|file| described(group, file, now_us.div_euclid(1_000))).unzip();
    let run = trace_run(adds.iter().zip(&traces).map(|(file, places)| (file.path.as_str(), places.as_slice())));
    run.iter().for_each(|run| table.adopt_trace_run(run));
    objects.extend(run);
    store.put_files(table.name(), objects)?;
    let done = Compacted {
        files: (group.files.len() as u64, adds.len() as u64),
        bytes: (group.bytes(), adds.iter().map(|file| file.bytes).sum()),
        rows: group.rows(),
    };
    replace(table, group, adds)
        .map(|replaced| if replaced { CompactionOutcome::Done(done) } else { CompactionOutcome::Overtaken })
}

/// Commits the replacement; `false` when the files are not all live any more.
fn replace(table: &Table, group: &CompactionGroup, adds: Vec<DataFile>) -> Result<bool> {
    let removes: Vec<DataFile> = group.files.iter().map(|file| DataFile::clone(file)).collect();
    let mut snapshot = table.snapshot();
    for _ in 0..COMMITS_MAX {
        let number = snapshot.compactions() + 1;
        match table.commit(TableChange::compact(adds.clone(), removes.clone(), number))? {
            CommitOutcome::Committed(_) => return Ok(true),
            CommitOutcome::Conflict(Conflict::Compaction { .. }) => snapshot = refreshed(table)?,
            CommitOutcome::Conflict(_) => return Ok(false),
        }
    }
    Err(Error::new(ErrorKind::Conflict, "a compaction was overtaken by others again and again; try later"))
}

fn refreshed(table: &Table) -> Result<std::sync::Arc<Snapshot>> {
    Ok(table.refresh()?)
}

/// The files that the group's rows make.
fn merged(
    table: &Table,
    group: &CompactionGroup,
    parquet: &ParquetSettings,
    settings: &CompactionSettings,
) -> Result<Vec<EncodedFile>> {
    let mut shape = FileShape::default();
    let mut inputs = Vec::with_capacity(group.files.len());
    for file in &group.files {
        let rows = DataFileRows::open(&file.path, table.read_file(file)?, None, BATCH_ROWS)?;
        shape.add(rows.shape());
        inputs.push(rows);
    }
    let parts = usize::try_from(group.bytes().div_ceil(settings.file_bytes).max(1)).unwrap_or(usize::MAX);
    let part_rows = group.rows().div_ceil(parts as u64).max(1);
    let shape = shape.divided(parts);

    let mut merge = Merge::new(inputs)?;
    let (mut before, mut after) = (Fingerprint::default(), Fingerprint::default());
    let mut files = Vec::with_capacity(parts);
    let mut encoder = DataFileEncoder::new(&shape, parquet)?;
    while let Some(batch) = merge.next()? {
        before.add(&batch)?;
        let mut rest = batch;
        while rest.num_rows() > 0 {
            let room = usize::try_from(part_rows - encoder.rows()).unwrap_or(usize::MAX).min(rest.num_rows());
            encoder.push(&rest.slice(0, room))?;
            rest = rest.slice(room, rest.num_rows() - room);
            if encoder.rows() == part_rows {
                let full = std::mem::replace(&mut encoder, DataFileEncoder::new(&shape, parquet)?);
                files.push(full.finish()?);
            }
        }
    }
    if encoder.rows() > 0 {
        files.push(encoder.finish()?);
    }
    for file in &files {
        check(group, file, &mut after)?;
    }
    if before != after || before.rows() != group.rows() {
        let message = format!(
            "a compaction of {} files of project {} on {} made {} rows of {} and was given up: nothing was changed",
            group.files.len(),
            group.project_id,
            group.day,
            after.rows(),
            group.rows(),
        );
        return Err(Error::new(ErrorKind::Internal, message));
    }
    Ok(files)
}

/// Reads a new file as anyone would, and takes in what it holds.
fn check(group: &CompactionGroup, file: &EncodedFile, found: &mut Fingerprint) -> Result<()> {
    let name = name_of(group, file).to_string();
    for batch in DataFileRows::open(&name, file.bytes.clone(), Some(&FINGERPRINT_COLUMNS), CHECK_ROWS)? {
        found.add(&batch?)?;
    }
    Ok(())
}

fn name_of(group: &CompactionGroup, file: &EncodedFile) -> DataFileName {
    let (first_lsn, last_lsn) = group.lsns();
    DataFileName { writer: group.writer, first_lsn, last_lsn, hash: file.hash }
}

fn described(group: &CompactionGroup, file: EncodedFile, modified_ms: i64) -> (DataFile, NewObject) {
    let name = name_of(group, &file);
    let path = format!("project_id={}/day={}/{name}", group.project_id, group.day);
    let data_file = DataFile {
        path: path.clone(),
        project_id: group.project_id.clone(),
        day: group.day,
        bytes: file.bytes.len() as u64,
        rows: file.rows,
        min_timestamp_us: file.min_timestamp_us,
        max_timestamp_us: file.max_timestamp_us,
        modified_ms,
        origin: Some(name.origin()),
    };
    (data_file, NewObject { path, bytes: file.bytes })
}

//! Replay: from log entries to the file index and the watermarks, whole or since a version.
//!
//! The kernel decides which files are live; here its rows become [`DataFile`]s. The `txn` actions are read beside it,
//! because a writer asks for its watermark without naming itself beforehand. Newest wins: batches come newest first.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, MapArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::Int64Type;
use delta_kernel::actions::LOG_TXN_SCHEMA;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::{Engine, EngineData, KernelError, SnapshotRef};

use annals_event::columns::{DAY, PROJECT_ID};
use annals_event::{Day, ProjectId};

use super::statistics::FileStatistics;
use crate::data_file::DataFile;
use crate::error::ErrorKind;
use crate::file_name::DataFileName;
use crate::ids::{Lsn, WriterId};
use crate::index::{FileIndex, PARTITION_PREFIX};
use crate::snapshot::Snapshot;
use crate::transactions::{Newer, Transactions};

/// Start of the application ids under which writers keep their watermark.
pub(super) const APP_ID_PREFIX: &str = "annals-";

/// The application id of a writer's `txn` actions.
pub(super) fn app_id(writer: WriterId) -> String {
    format!("{APP_ID_PREFIX}{writer}")
}

/// The application id under which compactions are counted.
pub(super) const COMPACTION_APP_ID: &str = "annals-compaction";

/// Why a log could not be replayed.
#[derive(Debug)]
pub(super) enum ReplayError {
    /// The kernel failed.
    Kernel(KernelError),
    /// An entry is not what we can read.
    Entry(ErrorKind, String),
}

impl<E: Into<KernelError>> From<E> for ReplayError {
    fn from(error: E) -> Self {
        Self::Kernel(error.into())
    }
}

/// The whole state at `kernel`'s version.
pub(super) fn whole(engine: &dyn Engine, kernel: &SnapshotRef) -> Result<(FileIndex, Transactions), ReplayError> {
    let mut reader = FileReader::default();
    let scan = Arc::clone(kernel).scan_builder().without_row_transforms().build()?;
    for rows in scan.scan_metadata(engine)? {
        reader.read_scanned(rows?.scan_files)?;
    }
    let mut found = Newer::default();
    for batch in kernel.log_segment().read_actions(engine, LOG_TXN_SCHEMA.clone())? {
        read_transactions(batch?.actions, &mut found)?;
    }
    let mut transactions = Transactions::default();
    transactions.extend(&found);
    Ok((FileIndex::empty().with([], reader.files), transactions))
}

/// The state at `kernel`'s version, derived from `base`; `None` when the commits in between are not at hand.
pub(super) fn since(
    engine: &dyn Engine,
    kernel: &SnapshotRef,
    base: &Snapshot,
) -> Result<Option<(FileIndex, Transactions)>, ReplayError> {
    let Some(changes) = Arc::clone(kernel).incremental_scan_builder(base.version()).build(engine)? else {
        return Ok(None);
    };
    let changes = changes.into_listing()?;
    let mut reader = FileReader::default();
    for rows in changes.add_files {
        reader.read_added(rows)?;
    }
    // A remove with a deletion vector would be of a file that was refused when it came.
    let removed = changes.summary.removes.iter().map(|key| key.path());
    let index = base.index().with(removed, reader.files);

    let commits = kernel.log_segment().listed.ascending_commit_files.iter().rev();
    let commits: Vec<_> = commits.filter(|log| log.version > base.version()).map(|log| log.location.clone()).collect();
    let mut newer = Newer::default();
    for batch in engine.json_handler().read_json_files(&commits, LOG_TXN_SCHEMA.clone(), None)? {
        read_transactions(batch?, &mut newer)?;
    }
    let mut transactions = base.transactions().clone();
    transactions.extend(&newer);
    Ok(Some((index, transactions)))
}

/// Takes in a batch of `txn` actions.
fn read_transactions(batch: Box<dyn EngineData>, found: &mut Newer) -> Result<(), ReplayError> {
    let batch = ArrowEngineData::try_from_engine_data(batch)?;
    let transactions = struct_column(batch.record_batch().column_by_name("txn"), "txn")?;
    let app_ids = text_column(transactions, "appId")?;
    let versions = integer_column(transactions, "version")?;
    for row in (0..transactions.len()).filter(|row| transactions.is_valid(*row) && app_ids.is_valid(*row)) {
        let app_id = app_ids.value(row);
        let version = || {
            u64::try_from(versions.value(row)).map_err(|_| {
                ReplayError::Entry(ErrorKind::Corrupt, format!("{app_id} has the version {}", versions.value(row)))
            })
        };
        if app_id == COMPACTION_APP_ID {
            found.compactions(version()?);
        } else if let Some(writer) = app_id.strip_prefix(APP_ID_PREFIX).and_then(|id| id.parse::<WriterId>().ok()) {
            found.watermark(writer, Lsn(version()?));
        }
    }
    Ok(())
}

/// Turns rows of the log into data files. Remembers names of projects and days, which repeat.
#[derive(Default)]
struct FileReader {
    files: Vec<Arc<DataFile>>,
    projects: HashMap<String, ProjectId>,
    days: HashMap<String, Day>,
}

/// The columns of live files, wherever they stand in a batch.
struct FileColumns<'a> {
    paths: &'a StringArray,
    sizes: &'a Int64Array,
    modified: &'a Int64Array,
    statistics: &'a StringArray,
    deletion_vectors: &'a StructArray,
    partitions: &'a MapArray,
}

impl FileReader {
    /// Reads rows of a scan.
    fn read_scanned(&mut self, rows: FilteredEngineData) -> Result<(), ReplayError> {
        let (data, selected) = rows.into_parts();
        let data = ArrowEngineData::try_from_engine_data(data)?;
        let batch = StructArray::from(RecordBatch::from(*data));
        let constants = struct_column(batch.column_by_name("fileConstantValues"), "fileConstantValues")?;
        self.read(&FileColumns::new(&batch, constants)?, &selected)
    }

    /// Reads `add` actions of an incremental scan.
    fn read_added(&mut self, rows: FilteredEngineData) -> Result<(), ReplayError> {
        let (data, selected) = rows.into_parts();
        let data = ArrowEngineData::try_from_engine_data(data)?;
        let adds = struct_column(data.record_batch().column_by_name("add"), "add")?;
        self.read(&FileColumns::new(adds, adds)?, &selected)
    }

    fn read(&mut self, columns: &FileColumns<'_>, selected: &[bool]) -> Result<(), ReplayError> {
        self.files.reserve(columns.paths.len());
        for row in 0..columns.paths.len() {
            if selected.get(row).copied().unwrap_or(true) {
                let file = self.file(columns, row)?;
                self.files.push(Arc::new(file));
            }
        }
        Ok(())
    }

    fn file(&mut self, columns: &FileColumns<'_>, row: usize) -> Result<DataFile, ReplayError> {
        let path = columns.paths.value(row);
        let refuse = |kind, why: String| ReplayError::Entry(kind, format!("file {path} {why}"));
        if columns.deletion_vectors.is_valid(row) {
            let why = "has a deletion vector, which this program cannot read; purge them (REORG TABLE … APPLY (PURGE))";
            return Err(refuse(ErrorKind::Invalid, why.into()));
        }
        if path.contains(['%', ':']) || path.starts_with('/') {
            let why = "lies outside the table or has a name that needs decoding, which this program does not do";
            return Err(refuse(ErrorKind::Invalid, why.into()));
        }
        let (project, day) = columns.partition(row);
        let (Some(project), Some(day)) = (project, day) else {
            return Err(refuse(ErrorKind::Corrupt, "has no value for a partition column".into()));
        };
        if path.starts_with(PARTITION_PREFIX) && !path_names_partition(path, project, day) {
            return Err(refuse(ErrorKind::Corrupt, format!("is not in its partition {project}, {day}")));
        }
        let project_id = match self.projects.get(project) {
            Some(id) => id.clone(),
            None => {
                let id =
                    ProjectId::new(project).map_err(|error| refuse(ErrorKind::Invalid, format!("has a {error}")))?;
                self.projects.entry(project.to_owned()).or_insert(id).clone()
            }
        };
        let day = match self.days.get(day) {
            Some(day) => *day,
            None => {
                let parsed = day.parse().map_err(|_| refuse(ErrorKind::Corrupt, format!("has {day:?} for a day")))?;
                *self.days.entry(day.to_owned()).or_insert(parsed)
            }
        };
        let bytes = u64::try_from(columns.sizes.value(row))
            .map_err(|_| refuse(ErrorKind::Corrupt, "has a negative size".into()))?;
        let statistics = columns.statistics.is_valid(row).then(|| columns.statistics.value(row));
        let statistics = FileStatistics::parse(statistics);
        Ok(DataFile {
            path: path.to_owned(),
            project_id,
            day,
            bytes,
            rows: statistics.rows,
            min_timestamp_us: statistics.min_timestamp_us,
            max_timestamp_us: statistics.max_timestamp_us,
            modified_ms: columns.modified.value(row),
            origin: DataFileName::of_path(path).map(|name| name.origin()),
        })
    }
}

impl<'a> FileColumns<'a> {
    fn new(files: &'a StructArray, constants: &'a StructArray) -> Result<Self, ReplayError> {
        let partitions = constants.column_by_name("partitionValues").and_then(|column| column.as_map_opt());
        Ok(Self {
            paths: text_column(files, "path")?,
            sizes: integer_column(files, "size")?,
            modified: integer_column(files, "modificationTime")?,
            statistics: text_column(files, "stats")?,
            deletion_vectors: struct_column(files.column_by_name("deletionVector"), "deletionVector")?,
            partitions: partitions.ok_or_else(|| unexpected("partitionValues"))?,
        })
    }

    /// The partition values of a row, as text.
    fn partition(&self, row: usize) -> (Option<&'a str>, Option<&'a str>) {
        let (mut project, mut day) = (None, None);
        let (Some(keys), Some(values)) =
            (self.partitions.keys().as_string_opt::<i32>(), self.partitions.values().as_string_opt::<i32>())
        else {
            return (None, None);
        };
        let offsets = self.partitions.value_offsets();
        for entry in offsets[row] as usize..offsets[row + 1] as usize {
            let value = values.is_valid(entry).then(|| values.value(entry));
            match keys.value(entry) {
                PROJECT_ID => project = value,
                DAY => day = value,
                _ => {}
            }
        }
        (project, day)
    }
}

fn path_names_partition(path: &str, project: &str, day: &str) -> bool {
    let rest = path.strip_prefix(PARTITION_PREFIX).and_then(|rest| rest.strip_prefix(project));
    rest.and_then(|rest| rest.strip_prefix("/day="))
        .and_then(|rest| rest.strip_prefix(day))
        .is_some_and(|rest| rest.starts_with('/'))
}

fn struct_column<'a>(column: Option<&'a Arc<dyn Array>>, name: &str) -> Result<&'a StructArray, ReplayError> {
    column.and_then(|column| column.as_struct_opt()).ok_or_else(|| unexpected(name))
}

fn text_column<'a>(parent: &'a StructArray, name: &str) -> Result<&'a StringArray, ReplayError> {
    parent.column_by_name(name).and_then(|column| column.as_string_opt()).ok_or_else(|| unexpected(name))
}

fn integer_column<'a>(parent: &'a StructArray, name: &str) -> Result<&'a Int64Array, ReplayError> {
    parent
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| unexpected(name))
}

fn unexpected(column: &str) -> ReplayError {
    ReplayError::Entry(ErrorKind::Internal, format!("the kernel gave no column {column} of the expected type"))
}

//! Tending the trace index: runs for files that have none, runs merged, the index made anew.
//!
//! Beside each commit one run is stored ([`trace_run`]); here is everything else, which a process does when it has time: files
//! that no run covers are read and indexed, and runs are merged by size. All of it is derived: what fails costs speed until the
//! next time.

use std::sync::Arc;

use annals_event::columns;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use crate::data_file::DataFile;
use crate::decode::DataFileRows;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Lsn;
use crate::snapshot::{FileFilter, Snapshot};
use crate::store::{NewObject, Store};
use crate::table::Table;
use crate::trace_index::tiers::{RunSize, choose};
use crate::trace_index::{FOLDER, MergeError, MergeInput, RunBuilder, RunName, merge};
use crate::trace_places::{TracePlace, TracePlaces};
use crate::trace_runs::{OpenRun, TraceHits, TraceIndexSize};

/// Bytes of a run that are read at once.
const PART_BYTES: u64 = 1 << 20;
/// Runs larger than this together are not merged: the merged one is made in memory.
const MERGED_BYTES_MAX: u64 = 512 << 20;
/// Files that one run is made of when they are read again.
const FILES_A_RUN: usize = 256;
const CHECK_ROWS: usize = 8_192;

/// What was done to the trace index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// Files that were read and indexed.
    pub files_indexed: u64,
    /// Files that could not be: damaged, or another program's of a strange schema.
    pub files_left: u64,
    /// Runs that went into others.
    pub runs_merged: u64,
    /// What there is now.
    pub index: TraceIndexSize,
}

/// The run for data files that are to be committed together, to be stored before the commit; `None` when there are none.
pub fn trace_run<'a>(files: impl IntoIterator<Item = (&'a str, &'a [TracePlace])>) -> Option<NewObject> {
    let mut builder = RunBuilder::new();
    let mut is_empty = true;
    for (path, places) in files {
        is_empty = false;
        let file = builder.file(path);
        places.iter().for_each(|place| builder.add(place.fingerprint, file, place.segment));
    }
    (!is_empty).then(|| {
        let bytes: Bytes = builder.finish().into();
        NewObject { path: RunName::of_bytes(&bytes).path(), bytes }
    })
}

impl Table {
    /// Uses a run that this process has stored, from now on.
    pub fn adopt_trace_run(&self, run: &NewObject) {
        self.trace_runs().adopt(&run.bytes);
    }

    /// How much of the trace index this process has open. Cheap.
    pub fn trace_index_size(&self) -> TraceIndexSize {
        self.trace_runs().size()
    }

    /// Where rows of the traces `ids` may be among the files of `snapshot`, a version of this table.
    ///
    /// Costs one small read for each run of the index, and a listing when there are files that none covers. Never fails: what
    /// the index cannot tell of is told as uncovered.
    pub async fn find_traces(&self, snapshot: &Snapshot, ids: &[String]) -> TraceHits {
        self.trace_runs().find(snapshot, ids).await
    }

    /// Indexes files that have no run, and merges runs. Blocks. `goes_on` is asked between steps.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer. What was done by then stays.
    pub fn tend_trace_index(&self, store: &Store, goes_on: impl Fn() -> bool) -> Result<Tended> {
        let snapshot = self.snapshot();
        self.list_trace_runs(&snapshot);
        let mut tended = Tended::default();
        // First, so that runs which are made anew of the same rows, and have the same names, stay.
        self.remove_runs(self.trace_runs().take_unusable());
        let uncovered = self.trace_runs().uncovered_now(&snapshot);
        self.index_files(store, &uncovered, &mut tended, &goes_on, |_| {})?;
        while goes_on() && self.merge_runs(store, &mut tended)? {}
        tended.index = self.trace_index_size();
        Ok(tended)
    }

    /// Makes the whole index anew from the data files, and removes the old one. Blocks. `done` is told how many files were read.
    ///
    /// # Errors
    /// As [`tend_trace_index`](Self::tend_trace_index).
    pub fn rebuild_trace_index(&self, store: &Store, done: impl Fn(u64)) -> Result<Tended> {
        let snapshot = self.snapshot();
        self.list_trace_runs(&snapshot);
        let old = self.list_run_paths()?;
        let mut tended = Tended::default();
        let files: Vec<_> = snapshot.files(&FileFilter::all());
        for path in &old {
            self.trace_runs().forget(path);
        }
        let made = self.index_files(store, &files, &mut tended, &|| true, done)?;
        self.remove_runs(old.into_iter().filter(|path| !made.contains(path)));
        while self.merge_runs(store, &mut tended)? {}
        tended.index = self.trace_index_size();
        Ok(tended)
    }

    fn list_trace_runs(&self, snapshot: &Arc<Snapshot>) {
        let (runs, snapshot) = (Arc::clone(self.trace_runs()), Arc::clone(snapshot));
        self.log().block_on(async move { runs.list(&snapshot, &mut TraceHits::default()).await });
    }

    fn list_run_paths(&self) -> Result<Vec<Path>> {
        let objects = Arc::clone(self.object_store());
        let listed = self.log().block_on(async move {
            match objects.list(Some(&Path::from(FOLDER))).try_collect::<Vec<ObjectMeta>>().await {
                Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
                listed => listed,
            }
        });
        let listed = listed.map_err(|error| {
            Error::with_source(ErrorKind::Unavailable, "the trace index cannot be listed; try again", error)
        })?;
        let runs = listed.into_iter().map(|object| object.location);
        Ok(runs.filter(|path| RunName::of_path(path.as_ref()).is_some()).collect())
    }

    /// Reads `files` and stores runs for them. Answers with the runs' paths.
    fn index_files(
        &self,
        store: &Store,
        files: &[Arc<DataFile>],
        tended: &mut Tended,
        goes_on: &impl Fn() -> bool,
        done: impl Fn(u64),
    ) -> Result<Vec<Path>> {
        let mut made = Vec::new();
        for chunk in files.chunks(FILES_A_RUN) {
            if !goes_on() {
                break;
            }
            let mut read: Vec<(&str, Vec<TracePlace>)> = Vec::with_capacity(chunk.len());
            for file in chunk {
                match self.places_of(file) {
                    Ok(places) => read.push((&file.path, places)),
                    Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                    // Damaged, of a strange schema, or gone since: searched as long as it is live.
                    Err(error) => {
                        tracing::debug!(file = %file.path, %error, "a file is not indexed");
                        tended.files_left += 1;
                    }
                }
                done(tended.files_indexed + tended.files_left + read.len() as u64);
            }
            tended.files_indexed += read.len() as u64;
            if let Some(run) = trace_run(read.iter().map(|(path, places)| (*path, places.as_slice()))) {
                store.put_files(self.name(), vec![run.clone()])?;
                self.adopt_trace_run(&run);
                made.push(Path::from(run.path));
            }
        }
        Ok(made)
    }

    fn places_of(&self, file: &DataFile) -> Result<Vec<TracePlace>> {
        let (bytes, wanted) = (self.read_file(file)?, [columns::TRACE_ID]);
        let rows = match file.origin {
            Some(_) => DataFileRows::open(&file.path, bytes, Some(&wanted), CHECK_ROWS)?,
            // Another program's: whatever text it has there, if it has the column at all.
            None => DataFileRows::open_foreign(&file.path, bytes, &wanted, CHECK_ROWS)?,
        };
        let (mut places, mut row) = (TracePlaces::default(), 0);
        for batch in rows {
            let batch = batch?;
            if let Some(ids) = batch.column_by_name(columns::TRACE_ID) {
                let ids = cast(ids, &DataType::Utf8View).map_err(|error| {
                    let message = format!("the column trace_id of {} is no text", file.path);
                    Error::with_source(ErrorKind::Invalid, message, error)
                })?;
                places.add(ids.as_string_view(), row);
            }
            row += batch.num_rows() as u64;
        }
        Ok(places.finish())
    }

    /// Merges the runs that are due; `false` when none are.
    fn merge_runs(&self, store: &Store, tended: &mut Tended) -> Result<bool> {
        let mut runs = self.trace_runs().open_runs();
        // In an order that does not hang on the store's listing: equal tables are tended in equal steps.
        runs.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let sizes: Vec<RunSize> = runs.iter().map(|run| RunSize { entries: run.head.entries() }).collect();
        let Some(chosen) = choose(&sizes) else { return Ok(false) };
        let chosen: Vec<Arc<OpenRun>> = chosen.into_iter().map(|at| Arc::clone(&runs[at])).collect();
        if chosen.iter().map(|run| run.head.blocks_bytes()).sum::<u64>() > MERGED_BYTES_MAX {
            return Ok(false);
        }
        let snapshot = self.snapshot();
        let mut bytes = Vec::new();
        let inputs = chosen.iter().map(|run| MergeInput { head: &run.head, next_part: self.parts_of(run) }).collect();
        let sink = |part: &[u8]| {
            bytes.extend_from_slice(part);
            Ok(())
        };
        match merge(inputs, |path| is_kept(path, &snapshot), sink) {
            Ok(_) => {}
            Err(MergeError::Damaged { input, damage }) => {
                let run = &chosen[input].path;
                tracing::warn!(%run, %damage, "a damaged run of the trace index is removed; its files are indexed again");
                self.remove_runs([run.clone()]);
                return Ok(true);
            }
            Err(MergeError::Failed(error)) => return Err(error),
        }
        let bytes: Bytes = bytes.into();
        let run = NewObject { path: RunName::of_bytes(&bytes).path(), bytes };
        store.put_files(self.name(), vec![run.clone()])?;
        self.adopt_trace_run(&run);
        let old = chosen.iter().map(|run| run.path.clone()).filter(|path| path.as_ref() != run.path);
        self.remove_runs(old);
        tended.runs_merged += chosen.len() as u64;
        Ok(true)
    }

    /// Reads the blocks of a run in parts.
    fn parts_of(&self, run: &OpenRun) -> impl FnMut() -> Result<Option<Bytes>> {
        let (objects, path, end) = (Arc::clone(self.object_store()), run.path.clone(), run.head.blocks_bytes());
        let mut at = 0;
        move || {
            if at == end {
                return Ok(None);
            }
            let range = at..end.min(at + PART_BYTES);
            at = range.end;
            let (objects, path) = (Arc::clone(&objects), path.clone());
            let read = self.log().block_on(async move { objects.get_range(&path, range).await });
            read.map(Some).map_err(|error| {
                Error::with_source(ErrorKind::Unavailable, "a run of the trace index cannot be read", error)
            })
        }
    }

    /// Removes runs, as far as the store lets it: one that stays covers what others cover too.
    fn remove_runs(&self, paths: impl IntoIterator<Item = Path>) {
        for path in paths {
            self.trace_runs().forget(&path);
            let (objects, doomed) = (Arc::clone(self.object_store()), path.clone());
            if let Err(error) = self.log().block_on(async move { objects.delete(&doomed).await }) {
                tracing::debug!(run = %path, %error, "an old run of the trace index stays");
            }
        }
    }
}

/// Whether a merged run keeps the entries of a file: it is live, or its commit may still come.
fn is_kept(path: &str, snapshot: &Snapshot) -> bool {
    if snapshot.file(path).is_some() {
        return true;
    }
    let name = crate::file_name::DataFileName::of_path(path);
    name.is_some_and(|name| name.first_lsn > snapshot.watermark(name.writer).unwrap_or(Lsn(0)))
}

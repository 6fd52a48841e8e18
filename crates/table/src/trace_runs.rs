//! [`TraceRuns`]: the open runs of a table's trace index, and looking traces up in them.
//!
//! What is open is a matter of this process: runs that it wrote, and those that a listing of `_index/` showed. A file that no
//! open run covers is told as uncovered, so a run that is missing, damaged or not known yet costs the caller a look into the
//! files themselves, never a row.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use xxhash_rust::xxh3::xxh3_64;

use crate::checksum::Damage;
use crate::data_file::DataFile;
use crate::snapshot::{FileFilter, Snapshot};
use crate::trace_index::{FOLDER, RunEnd, RunHead, RunName, fingerprint};

/// Read of a run at first: of a small one everything, of a large one directory and paths.
const END_BYTES: u64 = 256 << 10;
/// Runs up to this size are kept whole: those of single commits.
const WHOLE_BYTES_MAX: u64 = 1 << 20;
/// Requests at the same time.
const REQUESTS_MAX: usize = 16;

/// Where the rows of some traces may be.
#[derive(Clone, Debug, Default)]
pub struct TraceHits {
    /// Live files that may hold them, with the segments (of 4,096 rows, ascending) in which; rows elsewhere in them do not match.
    pub files: Vec<(Arc<DataFile>, Vec<u32>)>,
    /// Live files that the index says nothing about.
    pub uncovered: Arc<[Arc<DataFile>]>,
    /// Requests to the store that it took.
    pub requests: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// How much of a trace index a process has open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceIndexSize {
    /// Runs.
    pub runs: u64,
    /// Data files that they cover; one that was covered twice counts twice.
    pub files: u64,
    /// Entries: traces, once for each segment that they have rows in.
    pub entries: u64,
    /// Memory of what is kept of them.
    pub memory_bytes: u64,
}

/// The trace index as this process knows it.
#[derive(Debug)]
pub(crate) struct TraceRuns {
    objects: Arc<dyn ObjectStore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    runs: Vec<Arc<OpenRun>>,
    /// Runs that could not be used, so that a listing does not bring them back.
    unusable: BTreeSet<Path>,
    /// Hashes of the paths of all files that a run covers.
    covered: Arc<HashSet<u64>>,
    /// The version of the table at the last listing.
    listed_at: Option<u64>,
    /// Files without a run, of one version; gone when a run comes or goes.
    uncovered: Option<(u64, Arc<[Arc<DataFile>]>)>,
}

/// A run whose head is in memory.
#[derive(Debug)]
pub(crate) struct OpenRun {
    pub(crate) path: Path,
    pub(crate) head: RunHead,
    /// All bytes of a small one.
    whole: Option<Bytes>,
}

impl TraceRuns {
    /// Nothing open yet.
    pub(crate) fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, state: Mutex::default() }
    }

    pub(crate) fn size(&self) -> TraceIndexSize {
        let state = self.lock();
        let mut size = TraceIndexSize::default();
        for run in &state.runs {
            size.runs += 1;
            size.files += run.head.files() as u64;
            size.entries += run.head.entries();
            size.memory_bytes += (run.head.memory_bytes() + run.whole.as_ref().map_or(0, Bytes::len)) as u64;
        }
        size.memory_bytes += (state.covered.capacity() * size_of::<u64>()) as u64;
        size
    }

    pub(crate) fn open_runs(&self) -> Vec<Arc<OpenRun>> {
        self.lock().runs.clone()
    }

    /// Opens a run that this process has stored.
    pub(crate) fn adopt(&self, bytes: &Bytes) {
        let path = Path::from(RunName::of_bytes(bytes).path());
        if let Ok(run) = OpenRun::of_end(path, bytes.clone(), bytes.len() as u64) {
            let mut state = self.lock();
            // Under the name of a damaged one: the same rows make the same run.
            state.unusable.remove(&run.path);
            state.retain(|open| open.path != run.path);
            state.add(run);
        }
    }

    /// Forgets a run: it is damaged, gone, or another has its entries.
    pub(crate) fn forget(&self, path: &Path) {
        self.lock().retain(|run| run.path != *path);
    }

    /// Forgets a run that cannot be used.
    pub(crate) fn forget_unusable(&self, path: &Path) {
        self.forget(path);
        self.lock().unusable.insert(path.clone());
    }

    /// The runs that could not be used, once.
    pub(crate) fn take_unusable(&self) -> BTreeSet<Path> {
        std::mem::take(&mut self.lock().unusable)
    }

    /// Where rows of the traces `ids` may be among the files of `snapshot`. What cannot be read is told as uncovered.
    pub(crate) async fn find(&self, snapshot: &Snapshot, ids: &[String]) -> TraceHits {
        let mut hits = TraceHits::default();
        if self.needs_listing(snapshot) {
            self.list(snapshot, &mut hits).await;
        }
        let fingerprints: Vec<u64> = ids.iter().map(|id| fingerprint(id)).collect();
        loop {
            let runs = self.open_runs();
            let mut places: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
            let reads: Vec<BoxFuture<'_, _>> =
                runs.iter().map(|run| self.find_in(run, &fingerprints).boxed()).collect();
            let found: Vec<_> = stream::iter(reads).buffered(REQUESTS_MAX).collect().await;
            let mut is_whole = true;
            for (run, found) in runs.iter().zip(found) {
                match found {
                    Ok(found) => {
                        hits.requests += found.requests;
                        hits.bytes += found.bytes;
                        for (file, segment) in found.places {
                            places.entry(run.head.path(file).to_owned()).or_default().insert(segment);
                        }
                    }
                    Err(why) => {
                        tracing::warn!(run = %run.path, why, "a run of the trace index cannot be used; its files are searched");
                        self.forget_unusable(&run.path);
                        is_whole = false;
                    }
                }
            }
            if is_whole {
                hits.uncovered = self.uncovered(snapshot, &runs);
                let live = places.into_iter().filter_map(|(path, segments)| {
                    Some((Arc::clone(snapshot.file(&path)?), segments.into_iter().collect()))
                });
                hits.files = live.collect();
                return hits;
            }
        }
    }

    /// Files of `snapshot` that none of `runs` covers.
    fn uncovered(&self, snapshot: &Snapshot, runs: &[Arc<OpenRun>]) -> Arc<[Arc<DataFile>]> {
        let mut state = self.lock();
        // Runs that came meanwhile were not asked.
        let is_current = state.runs.len() == runs.len() && state.runs.iter().zip(runs).all(|(a, b)| Arc::ptr_eq(a, b));
        if !is_current {
            let covered = covered_by(runs);
            return files_without(snapshot, &covered);
        }
        match &state.uncovered {
            Some((version, files)) if *version == snapshot.version() => Arc::clone(files),
            _ => {
                let files = files_without(snapshot, &state.covered);
                state.uncovered = Some((snapshot.version(), Arc::clone(&files)));
                files
            }
        }
    }

    /// Live files that no open run covers.
    pub(crate) fn uncovered_now(&self, snapshot: &Snapshot) -> Arc<[Arc<DataFile>]> {
        let runs = self.open_runs();
        self.uncovered(snapshot, &runs)
    }

    fn needs_listing(&self, snapshot: &Snapshot) -> bool {
        let listed_at = self.lock().listed_at;
        match listed_at {
            None => true,
            Some(version) => version < snapshot.version() && !self.uncovered_now(snapshot).is_empty(),
        }
    }

    /// Opens runs that others stored, and forgets those that are gone.
    pub(crate) async fn list(&self, snapshot: &Snapshot, cost: &mut TraceHits) {
        let listed = self.objects.list(Some(&Path::from(FOLDER))).try_collect::<Vec<ObjectMeta>>().await;
        cost.requests += 1;
        let listed = match listed {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "the trace index cannot be listed; files are searched");
                return;
            }
        };
        let known: HashSet<Path> = self.open_runs().iter().map(|run| run.path.clone()).collect();
        let unusable = self.lock().unusable.clone();
        let mut new: Vec<ObjectMeta> = listed.clone();
        new.retain(|object| {
            RunName::of_path(object.location.as_ref()).is_some()
                && !known.contains(&object.location)
                && !unusable.contains(&object.location)
        });
        let opening: Vec<BoxFuture<'_, _>> = new.into_iter().map(|object| self.open(object).boxed()).collect();
        let opened: Vec<_> = stream::iter(opening).buffer_unordered(REQUESTS_MAX).collect().await;
        let mut state = self.lock();
        for (run, requests, bytes) in opened {
            cost.requests += requests;
            cost.bytes += bytes;
            run.into_iter().for_each(|run| state.add(run));
        }
        let listed: HashSet<Path> = listed.into_iter().map(|object| object.location).collect();
        // One that this process stored since the listing began is not in it, and not in `known`.
        state.retain(|run| listed.contains(&run.path) || !known.contains(&run.path));
        state.listed_at = Some(snapshot.version());
    }

    /// Reads the end of a run; `None` when it is none. With requests and bytes.
    async fn open(&self, object: ObjectMeta) -> (Option<OpenRun>, u64, u64) {
        let (mut requests, mut read) = (0, 0);
        let mut from = if object.size <= WHOLE_BYTES_MAX { 0 } else { object.size - END_BYTES };
        loop {
            requests += 1;
            let bytes = match self.objects.get_range(&object.location, from..object.size).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    tracing::debug!(run = %object.location, %error, "a run of the trace index cannot be opened");
                    return (None, requests, read);
                }
            };
            read += bytes.len() as u64;
            match OpenRun::of_end(object.location.clone(), bytes, object.size) {
                Ok(run) => return (Some(run), requests, read),
                Err(Opening::NeedsFrom(start)) if start < from => from = start,
                Err(_) => {
                    tracing::warn!(run = %object.location, "a damaged run of the trace index is passed over");
                    self.forget_unusable(&object.location);
                    return (None, requests, read);
                }
            }
        }
    }

    async fn find_in(&self, run: &OpenRun, fingerprints: &[u64]) -> Result<FoundIn, String> {
        let mut found = FoundIn::default();
        for fingerprint in fingerprints {
            let Some(range) = run.head.blocks_for(*fingerprint) else { continue };
            let bytes = match &run.whole {
                Some(whole) => whole.slice(range.start as usize..range.end as usize),
                None => {
                    found.requests += 1;
                    let read = self.objects.get_range(&run.path, range.clone()).await;
                    read.map_err(|error| error.to_string())?
                }
            };
            found.bytes += bytes.len() as u64;
            let places =
                run.head.find(range.start, &bytes, *fingerprint).map_err(|damage: Damage| damage.to_string())?;
            found.places.extend(places.into_iter().map(|place| (place.file, place.segment)));
        }
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves a list of runs that are each whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a run told.
#[derive(Default)]
struct FoundIn {
    places: Vec<(u32, u32)>,
    requests: u64,
    bytes: u64,
}

/// Why a run is not open yet.
enum Opening {
    NeedsFrom(u64),
    Damaged,
}

impl OpenRun {
    /// A run of which `end` is the last part.
    fn of_end(path: Path, end: Bytes, bytes: u64) -> Result<Self, Opening> {
        match RunHead::of_end(&end, bytes) {
            Ok(RunEnd::Head(head)) => {
                let whole = (end.len() as u64 == bytes && bytes <= WHOLE_BYTES_MAX).then_some(end);
                Ok(Self { path, head, whole })
            }
            Ok(RunEnd::NeedsFrom(start)) => Err(Opening::NeedsFrom(start)),
            Err(_) => Err(Opening::Damaged),
        }
    }
}

impl State {
    fn add(&mut self, run: OpenRun) {
        if self.runs.iter().any(|open| open.path == run.path) {
            return;
        }
        Arc::make_mut(&mut self.covered).extend(run.head.paths().map(path_hash));
        self.runs.push(Arc::new(run));
        self.uncovered = None;
    }

    fn retain(&mut self, keep: impl Fn(&OpenRun) -> bool) {
        let before = self.runs.len();
        self.runs.retain(|run| keep(run));
        if self.runs.len() < before {
            self.covered = Arc::new(covered_by(&self.runs));
            self.uncovered = None;
        }
    }
}

fn covered_by(runs: &[Arc<OpenRun>]) -> HashSet<u64> {
    runs.iter().flat_map(|run| run.head.paths().map(path_hash)).collect()
}

fn files_without(snapshot: &Snapshot, covered: &HashSet<u64>) -> Arc<[Arc<DataFile>]> {
    let mut files = snapshot.files(&FileFilter::all());
    files.retain(|file| !covered.contains(&path_hash(&file.path)));
    files.into()
}

fn path_hash(path: &str) -> u64 {
    xxh3_64(path.as_bytes())
}

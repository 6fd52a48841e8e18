//! [`DataScan`]: the data files that can matter, nearest first, until no file that is left can hold a row of the page.
//!
//! Work is taken in the order of the first row that it may hold ([`Rank`]); a file is skipped only when the page is full and its
//! every row would stand behind.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::sync::Arc;

use annals_table::DataFile;
use object_store::ObjectStore;
use tokio::task::JoinSet;

use super::source_id;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::index_use::SegmentsByPath;
use crate::reader::{
    DataReader, FileCaches, Footer, Rank, Ranking, ScanStats, Top, Window, WindowScan, file_seqs, scan_window,
    surviving_windows,
};

/// Scans under way at once, for each core: more than one, as they wait for the store in turn.
const SCANS_PER_CORE: usize = 8;

/// What every step of the scan of data files shares.
pub(super) struct DataScan {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) caches: Arc<FileCaches>,
    pub(super) filter: Arc<Filter>,
    pub(super) ranking: Ranking,
    pub(super) wanted: usize,
    pub(super) files: Vec<Arc<DataFile>>,
    pub(super) segments: SegmentsByPath,
}

/// A piece of work.
enum Step {
    /// Open a file by its number and scan its first window.
    Open(u32),
    /// Scan on in an open file.
    Scan(u32, Arc<Footer>, Window),
}

/// What a step found, and the work that it leaves.
struct Found {
    top: Top,
    source: u32,
    footer: Option<Arc<Footer>>,
    windows: Vec<Window>,
    stats: ScanStats,
}

/// Runs steps, those that may hold the first rows first, until none that is left can matter.
pub(super) async fn scan_files(
    scan: &Arc<DataScan>,
    mut top: Top,
    stats: &mut ScanStats,
) -> Result<(Top, HashMap<u32, Arc<Footer>>)> {
    let mut pending: BTreeMap<(Rank, u64), Step> = BTreeMap::new();
    let mut steps = 0;
    for (index, file) in scan.files.iter().enumerate() {
        let times_us = file.min_timestamp_us..=file.max_timestamp_us;
        let bound = Rank::bound(scan.ranking, &times_us, &file_seqs(file));
        pending.insert((bound, steps), Step::Open(source_id(index)?));
        steps += 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let width_max = cores * SCANS_PER_CORE;
    // A trace may be anywhere, so its files are opened many at once; the latest rows are most likely in the first file.
    let mut width = if scan.filter.seeks() { width_max } else { cores };
    let mut running: JoinSet<Result<Found>> = JoinSet::new();
    let mut running_bounds = HashMap::new();
    let mut footers = HashMap::new();
    loop {
        while running.len() < width
            && let Some(first) = pending.first_entry()
            && top.admits(first.key().0)
        {
            let bound = first.key().0;
            let step = first.remove();
            if let Step::Open(source) = step
                && scan.rules_out(source, &top, stats)
            {
                tokio::task::consume_budget().await;
                continue;
            }
            let task = running.spawn(run_step(Arc::clone(scan), step, top.fork()));
            running_bounds.insert(task.id(), bound);
        }
        // What still runs behind a full page is left to be aborted with the set.
        if !running_bounds.values().any(|bound| top.admits(*bound)) {
            break;
        }
        let Some(joined) = running.join_next_with_id().await else { break };
        let (task, found) = joined.map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the scan of a data file stopped unexpectedly", error)
        })?;
        running_bounds.remove(&task);
        let found = found?;
        *stats += found.stats;
        top.merge(found.top);
        if let Some(footer) = found.footer {
            for window in found.windows {
                pending.insert((window.bound, steps), Step::Scan(found.source, Arc::clone(&footer), window));
                steps += 1;
            }
            footers.insert(found.source, footer);
        }
        width = (2 * width).min(width_max);
    }
    Ok((top, footers))
}

async fn run_step(scan: Arc<DataScan>, step: Step, top: Top) -> Result<Found> {
    let mut stats = ScanStats::default();
    let (source, footer, window, mut windows) = match step {
        Step::Scan(source, footer, window) => (source, footer, window, Vec::new()),
        Step::Open(source) => {
            let reader = scan.reader(source)?;
            // What the trace index said is more than a Bloom filter tells.
            let with_blooms = scan.filter.trace_ids().is_some() && !scan.segments.contains_key(&reader.file.path);
            let open = Footer::open(&reader, &scan.caches.footers, with_blooms, &mut stats).await?;
            let (mut windows, pruned) = scan.windows(&reader.file, &open.footer, &top);
            stats.row_groups_pruned += pruned;
            if !windows.is_empty()
                && let Some(segments) = scan.filter.words.segments(&reader, &open.footer, &mut stats).await?
            {
                cut(&mut windows, &open.footer, &segments);
            }
            let Some(first) = (0..windows.len()).min_by_key(|&index| windows[index].bound) else {
                return Ok(Found { top, source, footer: None, windows, stats });
            };
            let footer = open.with_pages(&reader, &scan.caches.footers, &mut stats).await?;
            (source, footer, windows.swap_remove(first), windows)
        }
    };
    let reader = scan.reader(source)?;
    let window_scan =
        WindowScan { reader: &reader, footer: &footer, filter: &scan.filter, ranking: scan.ranking, source };
    let (top, rest) = scan_window(window_scan, window, top, &mut stats).await?;
    windows.extend(rest);
    Ok(Found { top, source, footer: Some(footer), windows, stats })
}

/// Leaves of windows what lies in `segments` of the file.
pub(crate) fn cut(windows: &mut Vec<Window>, footer: &Footer, segments: &[u32]) {
    for window in windows.iter_mut() {
        window.rows = window.rows.within(segments, footer.first_rows()[window.row_group]);
    }
    windows.retain(|window| !window.rows.is_empty());
}

impl DataScan {
    /// What footer and trace index leave of a file, and how many row groups they do not.
    fn windows(&self, file: &DataFile, footer: &Footer, top: &Top) -> (Vec<Window>, u64) {
        let (mut windows, pruned) = surviving_windows(file, footer, &self.filter, self.ranking, self.wanted);
        windows.retain(|window| top.admits(window.bound));
        if let Some(segments) = self.segments.get(&file.path) {
            cut(&mut windows, footer, segments);
        }
        (windows, pruned)
    }

    /// Whether the footer of a file, if it is at hand, shows that none of its rows can be in the answer. Of a thousand files most
    /// end here, in a few microseconds each, where a task of their own would take longer to start.
    fn rules_out(&self, source: u32, top: &Top, stats: &mut ScanStats) -> bool {
        let file = &self.files[source as usize];
        // Use is counted once: here below, or by the step that goes on with it.
        let Some(footer) = self.caches.footers.peek(&file.path) else { return false };
        let (windows, pruned) = self.windows(file, &footer, top);
        if !windows.is_empty() {
            return false;
        }
        self.caches.footers.get(&file.path);
        stats.files_opened += 1;
        stats.footers_cached += 1;
        stats.row_groups_pruned += pruned;
        true
    }

    pub(super) fn reader(&self, source: u32) -> Result<DataReader> {
        DataReader::new(Arc::clone(&self.store), Arc::clone(&self.files[source as usize]), &self.caches)
    }
}

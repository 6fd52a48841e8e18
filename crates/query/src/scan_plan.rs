//! [`ScanPlan`]: which files of a view a scan reads, decided from the file index alone.

use std::cmp::Reverse;
use std::sync::Arc;

use annals_event::ProjectId;
use annals_table::{DataFile, FileFilter};

use crate::prune::Bounds;
use crate::view::View;

/// The files that may hold a matching row.
#[derive(Debug)]
pub(crate) struct ScanPlan {
    /// Newest first, so that a search for the latest rows meets them early and its threshold skips the rest.
    pub(crate) files: Vec<Arc<DataFile>>,
    /// Live files of the snapshot.
    pub(crate) files_total: usize,
}

impl ScanPlan {
    /// Looks up the files that `bounds` admit. Costs the files of the named projects, not of the table.
    pub(crate) fn new(view: &View, bounds: &Bounds) -> Self {
        let files_total = usize::try_from(view.snapshot.file_count()).unwrap_or(usize::MAX);
        if bounds.is_empty() {
            return Self { files: Vec::new(), files_total };
        }
        // The index may narrow by less than the bounds say, never by more; `admits` decides.
        let filter = FileFilter {
            projects: bounds.projects.as_ref().map(|ids| ids.iter().filter_map(|id| ProjectId::new(id).ok()).collect()),
            time_us: bounds.time_us.min..=bounds.time_us.max,
        };
        let mut files = view.snapshot.files(&filter);
        files.retain(|file| bounds.admits(file));
        files.sort_by_cached_key(|file| Reverse((file.max_timestamp_us, file.path.clone())));
        Self { files, files_total }
    }
}

/// Whether the log told rows and time range of `file`. Another program may leave them out; the range is then all of time.
pub(crate) fn has_statistics(file: &DataFile) -> bool {
    (file.min_timestamp_us, file.max_timestamp_us) != (i64::MIN, i64::MAX)
}

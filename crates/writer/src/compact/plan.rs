//! [`CompactionPlan`]: which files to merge, decided from the file index alone.
//!
//! Files of one partition and one writer are merged by size tiers: as soon as `files_min` of them are within a factor of
//! eight of each other, they become one, so a row is written again once for each eightfold size and not at each merge. A
//! partition to which nothing comes any more is merged whole. Files of other programs are left as they are: their rows need
//! not be sorted, nor have ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_event::{Day, ProjectId};
use annals_table::{DataFile, FileFilter, Lsn, Snapshot, WriterId};

use super::settings::CompactionSettings;

/// Ratio of sizes between two tiers.
const TIER_RATIO: u64 = 8;
/// Files below this are of the first tier.
const FIRST_TIER_BYTES: u64 = 256 << 10;
/// How much larger than stored rows are when they are decoded, at most, of usual events: what open pages may take is guessed
/// by it.
const EXPANSION: u64 = 16;
/// Open pages of one file at most: a page of each column.
const FILE_PAGES_BYTES_MAX: u64 = 6 << 20;

/// Files of one partition that become few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactionGroup {
    /// Partition key.
    pub project_id: ProjectId,
    /// Partition key, UTC.
    pub day: Day,
    /// Who wrote them.
    pub writer: WriterId,
    /// The files, by first LSN.
    pub files: Vec<Arc<DataFile>>,
}

impl CompactionGroup {
    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Their rows.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The LSN range that they span.
    pub(crate) fn lsns(&self) -> (Lsn, Lsn) {
        let origins = || self.files.iter().filter_map(|file| file.origin);
        let first = origins().map(|origin| origin.first_lsn).min().unwrap_or(Lsn(0));
        let last = origins().map(|origin| origin.last_lsn).max().unwrap_or(Lsn(0));
        (first, last)
    }
}

/// What to merge, the partitions with the most files first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactionPlan {
    /// Groups without a file in common.
    pub groups: Vec<CompactionGroup>,
}

impl CompactionPlan {
    /// What is worth merging at `now_us`, as the partitions of `snapshot` grow.
    pub fn due(snapshot: &Snapshot, settings: &CompactionSettings, now_us: i64) -> Self {
        let quiet_since_ms =
            now_us / 1_000 - i64::try_from(settings.quiet_minutes).unwrap_or(i64::MAX / 60_000) * 60_000;
        Self::of(snapshot, &FileFilter::all(), settings, |files| {
            let is_quiet = files.iter().all(|file| file.modified_ms < quiet_since_ms);
            if is_quiet { vec![files.to_vec()] } else { tiers(files, settings.files_min) }
        })
    }

    /// All that can be merged among the files that `filter` picks.
    pub fn whole(snapshot: &Snapshot, filter: &FileFilter, settings: &CompactionSettings) -> Self {
        Self::of(snapshot, filter, settings, |files| vec![files.to_vec()])
    }

    fn of(
        snapshot: &Snapshot,
        filter: &FileFilter,
        settings: &CompactionSettings,
        choose: impl Fn(&[Arc<DataFile>]) -> Vec<Vec<Arc<DataFile>>>,
    ) -> Self {
        let mut partitions: BTreeMap<(ProjectId, Day, u32), Vec<Arc<DataFile>>> = BTreeMap::new();
        for file in snapshot.files(filter) {
            if let Some(origin) = file.origin
                && file.bytes <= settings.file_bytes / 2
                && file.rows > 0
            {
                partitions.entry((file.project_id.clone(), file.day, origin.writer.0)).or_default().push(file);
            }
        }
        let mut groups = Vec::new();
        for ((project_id, day, writer), mut files) in partitions {
            files.sort_by_key(|file| (file.origin.map(|origin| origin.first_lsn), file.path.clone()));
            for chosen in choose(&files) {
                for files in within_limits(chosen, settings) {
                    groups.push(CompactionGroup {
                        project_id: project_id.clone(),
                        day,
                        writer: WriterId(writer),
                        files,
                    });
                }
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.files.len()));
        Self { groups }
    }

    /// Files that it merges.
    pub fn files(&self) -> u64 {
        self.groups.iter().map(|group| group.files.len() as u64).sum()
    }

    /// Bytes that it reads.
    pub fn bytes(&self) -> u64 {
        self.groups.iter().map(CompactionGroup::bytes).sum()
    }
}

/// The files of each tier that has enough of them; those of smaller tiers go along.
fn tiers(files: &[Arc<DataFile>], files_min: usize) -> Vec<Vec<Arc<DataFile>>> {
    let highest = files.iter().map(|file| tier(file.bytes)).max().unwrap_or(0);
    let full = (0..=highest).rev().find(|at| files.iter().filter(|file| tier(file.bytes) == *at).count() >= files_min);
    let Some(full) = full else { return Vec::new() };
    vec![files.iter().filter(|file| tier(file.bytes) <= full).cloned().collect()]
}

fn tier(bytes: u64) -> u32 {
    (bytes / FIRST_TIER_BYTES).checked_ilog(TIER_RATIO).map_or(0, |tier| tier + 1)
}

/// Cuts files into groups that one merge can hold, each of two files or more.
fn within_limits(files: Vec<Arc<DataFile>>, settings: &CompactionSettings) -> Vec<Vec<Arc<DataFile>>> {
    let mut groups: Vec<Vec<Arc<DataFile>>> = Vec::new();
    let (mut bytes, mut pages) = (0, 0);
    for file in files {
        let file_pages = (file.bytes * EXPANSION).min(FILE_PAGES_BYTES_MAX);
        let fits =
            bytes + file.bytes <= settings.inputs_bytes_max() && pages + file_pages <= settings.pages_bytes_max();
        match groups.last_mut() {
            Some(group) if fits => {
                group.push(Arc::clone(&file));
                (bytes, pages) = (bytes + file.bytes, pages + file_pages);
            }
            _ => {
                (bytes, pages) = (file.bytes, file_pages);
                groups.push(vec![file]);
            }
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

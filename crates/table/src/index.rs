//! [`FileIndex`]: the live files of one version, by project, day and path.
//!
//! Immutable. [`FileIndex::with`] derives the next version and shares every project and day that the change leaves alone,
//! so the cost of a commit is that of the days it touches plus one pointer a project. Days hold their files sorted by path
//! (which for our own names is writer, then LSN), so looking a path up needs no second map.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use annals_event::{Day, ProjectId};

use crate::data_file::DataFile;
use crate::snapshot::{FileFilter, Totals};

/// The live files of one version.
#[derive(Clone, Debug)]
pub(crate) struct FileIndex {
    projects: Arc<BTreeMap<ProjectId, Arc<ProjectFiles>>>,
    totals: Totals,
}

/// The live files of one project.
#[derive(Clone, Debug)]
struct ProjectFiles {
    days: BTreeMap<Day, Arc<DayFiles>>,
    totals: Totals,
}

/// The live files of one partition, ascending by path.
#[derive(Clone, Debug)]
struct DayFiles {
    files: Vec<Arc<DataFile>>,
    totals: Totals,
}

/// What a change does to one partition.
#[derive(Default)]
struct DayEdit<'a> {
    removed: HashSet<&'a str>,
    added: Vec<Arc<DataFile>>,
}

impl FileIndex {
    /// No files.
    pub(crate) fn empty() -> Self {
        Self { projects: Arc::default(), totals: Totals::EMPTY }
    }

    /// The index without the files at `removed` and with `added`; an added file replaces the one at its path.
    pub(crate) fn with<'a>(
        &self,
        removed: impl IntoIterator<Item = &'a str>,
        added: impl IntoIterator<Item = Arc<DataFile>>,
    ) -> Self {
        let mut edits: HashMap<ProjectId, HashMap<Day, DayEdit<'a>>> = HashMap::new();
        for path in removed {
            if let Some(file) = self.find(path) {
                let days = edits.entry(file.project_id.clone()).or_default();
                days.entry(file.day).or_default().removed.insert(path);
            }
        }
        for file in added {
            let days = match edits.get_mut(&file.project_id) {
                Some(days) => days,
                None => edits.entry(file.project_id.clone()).or_default(),
            };
            days.entry(file.day).or_default().added.push(file);
        }
        if edits.is_empty() {
            return self.clone();
        }
        let mut projects = BTreeMap::clone(&self.projects);
        for (project, days) in edits {
            let old = projects.get(&project).map(Arc::as_ref);
            match ProjectFiles::edited(old, days) {
                Some(files) => projects.insert(project, Arc::new(files)),
                None => projects.remove(&project),
            };
        }
        let totals = sum(projects.values().map(|project| &project.totals));
        Self { projects: Arc::new(projects), totals }
    }

    /// The file at `path`.
    ///
    /// Found through the partition that the path names; a path that names none (another program's) is searched for
    /// everywhere.
    pub(crate) fn find(&self, path: &str) -> Option<&Arc<DataFile>> {
        if let Some((project, day)) = partition_of(path)
            && let Some(file) = self.projects.get(project).and_then(|project| project.days.get(&day)?.find(path))
        {
            return Some(file);
        }
        if path.starts_with(PARTITION_PREFIX) {
            return None;
        }
        self.projects.values().flat_map(|project| project.days.values()).find_map(|day| day.find(path))
    }

    /// The files that `filter` does not rule out, ordered by project, day, path.
    pub(crate) fn files(&self, filter: &FileFilter) -> Vec<Arc<DataFile>> {
        let mut found = Vec::new();
        if filter.time_us.is_empty() {
            return found;
        }
        match &filter.projects {
            None => self.projects.values().for_each(|project| project.collect(&filter.time_us, &mut found)),
            Some(wanted) => {
                let mut wanted: Vec<_> = wanted.iter().collect();
                wanted.sort_unstable();
                wanted.dedup();
                for project in wanted.into_iter().filter_map(|id| self.projects.get(id)) {
                    project.collect(&filter.time_us, &mut found);
                }
            }
        }
        found
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn projects(&self) -> impl Iterator<Item = (&ProjectId, &Totals)> {
        self.projects.iter().map(|(id, project)| (id, &project.totals))
    }

    pub(crate) fn days(&self, project: &ProjectId) -> impl Iterator<Item = (Day, &Totals)> {
        let days = self.projects.get(project).map(|project| project.days.iter());
        days.into_iter().flatten().map(|(day, files)| (*day, &files.totals))
    }
}

impl ProjectFiles {
    fn edited(old: Option<&Self>, edits: HashMap<Day, DayEdit<'_>>) -> Option<Self> {
        let mut days = old.map(|old| old.days.clone()).unwrap_or_default();
        for (day, edit) in edits {
            let old = days.get(&day).map(Arc::as_ref);
            match DayFiles::edited(old, edit) {
                Some(files) => days.insert(day, Arc::new(files)),
                None => days.remove(&day),
            };
        }
        let totals = sum(days.values().map(|day| &day.totals));
        (!days.is_empty()).then_some(Self { days, totals })
    }

    fn collect(&self, time_us: &RangeInclusive<i64>, found: &mut Vec<Arc<DataFile>>) {
        if !self.totals.overlaps(time_us) {
            return;
        }
        for day in self.days.range(Day::of_us(*time_us.start())..=Day::of_us(*time_us.end())).map(|(_, day)| day) {
            let hit = |file: &&Arc<DataFile>| {
                file.min_timestamp_us <= *time_us.end() && file.max_timestamp_us >= *time_us.start()
            };
            if day.totals.overlaps(time_us) {
                found.extend(day.files.iter().filter(hit).cloned());
            }
        }
    }
}

impl DayFiles {
    fn edited(old: Option<&Self>, edit: DayEdit<'_>) -> Option<Self> {
        let mut files: Vec<Arc<DataFile>> = Vec::new();
        if let Some(old) = old {
            files.reserve_exact(old.files.len() + edit.added.len());
            files.extend(old.files.iter().filter(|file| !edit.removed.contains(file.path.as_str())).cloned());
        }
        let kept = files.len();
        files.extend(edit.added);
        // Stable, and the kept files are one sorted run already. The last of equal paths is the newest.
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if files.len() > kept {
            files.reverse();
            files.dedup_by(|older, newer| older.path == newer.path);
            files.reverse();
        }
        let mut totals = Totals::EMPTY;
        files.iter().for_each(|file| totals.add_file(file));
        (!files.is_empty()).then_some(Self { files, totals })
    }

    fn find(&self, path: &str) -> Option<&Arc<DataFile>> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(&self.files[at])
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a Totals>) -> Totals {
    let mut totals = Totals::EMPTY;
    parts.for_each(|part| totals.add(part));
    totals
}

/// Start of every path that names its partition. The log reader refuses such a path in a partition it does not name.
pub(crate) const PARTITION_PREFIX: &str = "project_id=";

/// The partition that a path of the form `project_id=…/day=…/…` names.
fn partition_of(path: &str) -> Option<(&str, Day)> {
    let (project, rest) = path.strip_prefix(PARTITION_PREFIX)?.split_once('/')?;
    let (day, _) = rest.strip_prefix("day=")?.split_once('/')?;
    Some((project, day.parse().ok()?))
}

#[cfg(test)]
mod tests;

//! [`Walk`]: the objects below a directory, in byte order of their whole path.
//!
//! Names are compared before anything is asked of a file, so listing the end of a long directory costs no metadata of its
//! beginning. What vanishes underneath a walk is left out.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, Result};

use super::disk::{Disk, RESERVED_PREFIX};
use super::local::{io_error, object_meta};
use crate::fs::FsEntry;

/// An iterator over objects.
#[derive(Debug)]
pub(super) struct Walk {
    disk: Arc<Disk>,
    /// Only objects after it.
    offset: Option<Path>,
    /// Not visited yet, the next one last.
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    file: PathBuf,
    location: Path,
    is_dir: bool,
}

impl Walk {
    pub(super) fn new(disk: Arc<Disk>, dir: PathBuf, location: Path, offset: Option<Path>) -> Self {
        Self { disk, offset, pending: vec![Pending { file: dir, location, is_dir: true }] }
    }

    /// The objects and directories of the start directory itself.
    pub(super) fn level(mut self) -> Result<ListResult> {
        let mut found = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let Some(start) = self.pending.pop() else { return Ok(found) };
        for entry in self.entries(&start)?.into_iter().rev() {
            if entry.is_dir {
                found.common_prefixes.push(entry.location);
            } else {
                found.objects.extend(self.object(entry)?);
            }
        }
        Ok(found)
    }

    /// The entries of a directory that may hold something after the offset, last first.
    fn entries(&self, dir: &Pending) -> Result<Vec<Pending>> {
        let mut names = match self.disk.fs.read_dir(&dir.file) {
            Ok(names) => names,
            Err(error) if is_gone(&error) => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&dir.location, error)),
        };
        names.retain(|entry| !entry.name.starts_with(RESERVED_PREFIX));
        // A directory stands for paths that go on with a slash.
        let key = |entry: &FsEntry| format!("{}{}", entry.name, if entry.is_dir { "/" } else { "" });
        names.sort_by_cached_key(key);
        let mut entries = Vec::with_capacity(names.len());
        for entry in names.into_iter().rev() {
            let prefix = dir.location.as_ref();
            let path = if prefix.is_empty() { entry.name.clone() } else { format!("{prefix}/{}", entry.name) };
            // A name that no object can have (a control character, say) was not put by anyone.
            let Ok(location) = Path::parse(&path) else { continue };
            if self.offset.as_ref().is_some_and(|offset| is_before(&location, entry.is_dir, offset)) {
                break;
            }
            entries.push(Pending { file: dir.file.join(&entry.name), location, is_dir: entry.is_dir });
        }
        Ok(entries)
    }

    fn object(&self, entry: Pending) -> Result<Option<ObjectMeta>> {
        match self.disk.fs.metadata(&entry.file) {
            Ok(metadata) => Ok(Some(object_meta(entry.location, &metadata))),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(io_error(&entry.location, error)),
        }
    }
}

/// Whether an entry and all below it come before or at the offset. True for every entry before one of which it is true.
fn is_before(location: &Path, is_dir: bool, offset: &Path) -> bool {
    let (location, offset) = (location.as_ref(), offset.as_ref());
    if !is_dir {
        return location <= offset;
    }
    let inside = offset.strip_prefix(location).is_some_and(|rest| rest.starts_with('/'));
    !inside && location.bytes().chain([b'/']).lt(offset.bytes())
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Iterator for Walk {
    type Item = Result<ObjectMeta>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let next = self.pending.pop()?;
            let step = if next.is_dir {
                self.entries(&next).map(|entries| {
                    self.pending.extend(entries);
                    None
                })
            } else {
                self.object(next)
            };
            if let Some(item) = step.transpose() {
                return Some(item);
            }
        }
    }
}

//! [`Disk`]: the order of calls that makes an object durable on a local file system, and nothing about object stores.
//!
//! Invariant: a name appears only once its bytes are synced, and a call that returns has synced the name and every
//! directory on the way to it. So a power loss leaves an object whole or absent, never torn.
//!
//! Bytes go to a temporary under `<root>/.tmp`, are synced, and get their name by a hard link (at most one creator wins)
//! or a rename (the last one wins).

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fs::{FileSystem, FsFile, FsMetadata, sync_names_above};

/// Start of the names that are ours alone: never listed, never an object's.
pub(super) const RESERVED_PREFIX: &str = ".tmp";

/// Directories remembered as durable; forgotten all at once beyond that, which costs a few syncs.
const DURABLE_DIRS_MAX: usize = 1 << 16;

/// How often a put starts over when its directory vanishes underneath it.
const VANISHED_RETRIES_MAX: usize = 3;

/// A directory tree of objects.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) root: PathBuf,
    next_temporary: AtomicU64,
    /// Whether the root and what was missing above it exist durably.
    root_ready: Mutex<bool>,
    /// Directories whose own name, and those of all above them, were synced by this process.
    durable_dirs: Mutex<HashSet<PathBuf>>,
    /// Directories whose sync failed: what is named in them can be read and may be gone after a loss of power. With how often
    /// that happened: a sync settles only the failures before it.
    doubtful_dirs: Mutex<BTreeMap<PathBuf, u64>>,
}

/// What a put does when the name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Fails with `AlreadyExists`.
    Refuse,
    /// Takes the name over.
    Replace,
}

impl Disk {
    pub(super) fn new(fs: Arc<dyn FileSystem>, root: PathBuf) -> Self {
        // Other processes start elsewhere; where numbers meet, `create_new` decides and the next one is tried.
        let start = u64::from(std::process::id()) << 32;
        let next_temporary = AtomicU64::new(start);
        let (root_ready, durable_dirs, doubtful_dirs) = Default::default();
        Self { fs, root, next_temporary, root_ready, durable_dirs, doubtful_dirs }
    }

    /// Stores `parts` as `target`, durably.
    pub(super) fn put(&self, target: &Path, parts: &[bytes::Bytes], taken: Taken) -> io::Result<()> {
        // Spares the sync in the common case; the link decides.
        if taken == Taken::Refuse && self.fs.metadata(target).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut temporary = self.write_temporary(parts)?;
        temporary.sync()?;
        self.publish(temporary, target, taken)
    }

    /// Gives a synced temporary its name, durably.
    pub(super) fn publish(&self, mut temporary: Temporary, target: &Path, taken: Taken) -> io::Result<()> {
        let synced = self.name_with(target, || temporary.name(target, taken))?;
        self.sync_dirs(&synced)
    }

    /// Gives an existing object a second name, or moves it there.
    pub(super) fn link(&self, from: &Path, to: &Path, taken: Taken, keep_source: bool) -> io::Result<()> {
        let mut synced = self.name_with(to, || match (taken, keep_source) {
            (Taken::Refuse, _) => self.fs.hard_link(from, to),
            (Taken::Replace, false) => self.fs.rename(from, to),
            (Taken::Replace, true) => {
                let mut temporary = self.link_temporary(from)?;
                temporary.name(to, taken)
            }
        })?;
        // The new name first: of the two, none may be lost.
        self.sync_dirs(&synced)?;
        if !keep_source {
            if taken == Taken::Refuse {
                self.fs.remove_file(from)?;
            }
            synced = from.parent().map(Path::to_path_buf).into_iter().collect();
            self.sync_dirs(&synced)?;
        }
        Ok(())
    }

    /// Removes objects, then syncs each of their directories once. One outcome for each, in order.
    pub(super) fn remove(&self, targets: &[PathBuf]) -> Vec<io::Result<()>> {
        let mut outcomes: Vec<_> = targets.iter().map(|target| self.remove_object(target)).collect();
        let mut seen = HashSet::new();
        for dir in targets.iter().filter_map(|target| target.parent()) {
            if !seen.insert(dir) {
                continue;
            }
            if let Err(error) = self.fs.sync_dir(dir).or_else(ignore_missing) {
                for (outcome, _) in outcomes.iter_mut().zip(targets).filter(|(_, target)| target.parent() == Some(dir))
                {
                    *outcome = Err(io::Error::new(error.kind(), error.to_string()));
                }
            }
        }
        outcomes
    }

    fn remove_object(&self, target: &Path) -> io::Result<()> {
        match self.fs.metadata(target)?.is_dir {
            true => Err(io::ErrorKind::NotFound.into()),
            false => self.fs.remove_file(target),
        }
    }

    /// Runs `name`, which gives something the name `target`, in a directory that is made to exist, and starts over if
    /// that vanishes. Returns the directories that must be synced for the name to be durable, in order.
    pub(super) fn name_with(
        &self,
        target: &Path,
        mut name: impl FnMut() -> io::Result<()>,
    ) -> io::Result<Vec<PathBuf>> {
        let dir = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let mut attempt = 1;
        loop {
            let synced = self.prepare_dir(dir)?;
            match name() {
                Ok(()) => return Ok(synced),
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < VANISHED_RETRIES_MAX => {
                    self.durable_dirs().clear();
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Creates `dir` and what is missing above it. Returns the directories to sync once a name in `dir` was made: itself,
    /// and those above it as far as this process has not synced them yet, each before its parent.
    pub(super) fn prepare_dir(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        if self.durable_dirs().contains(dir) {
            return Ok(vec![dir.to_path_buf()]);
        }
        let mut missing = Vec::new();
        let mut at = dir;
        loop {
            match self.fs.metadata(at) {
                Ok(metadata) if metadata.is_dir => break,
                Ok(_) => return Err(io::Error::new(io::ErrorKind::NotADirectory, at.display().to_string())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(at),
                Err(error) => return Err(error),
            }
            at = at.parent().ok_or(io::ErrorKind::NotFound)?;
        }
        let deepest_existing = at;
        for dir in missing.iter().rev() {
            self.fs.create_dir(dir).or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
        }
        // Up to the root even where they exist: whoever created them may not have synced them yet.
        let synced = dir.ancestors().take_while(|at| at.starts_with(&self.root) || at.starts_with(deepest_existing));
        Ok(synced.map(Path::to_path_buf).collect())
    }

    /// Makes the root, the directory of temporaries in it, and what is missing above, durably. Others wait meanwhile: whoever
    /// finds the root afterwards does not know that directories above it are new.
    fn prepare_root(&self) -> io::Result<()> {
        let mut ready = self.root_ready();
        if !*ready {
            let created = self.prepare_dir(&self.root.join(RESERVED_PREFIX))?;
            created.iter().skip(1).try_for_each(|dir| self.fs.sync_dir(dir))?;
            // The process that made the store may have died before its name was durable.
            sync_names_above(self.fs.as_ref(), &self.root)?;
            *ready = true;
        }
        Ok(())
    }

    fn root_ready(&self) -> std::sync::MutexGuard<'_, bool> {
        self.root_ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Syncs directories in the order of [`prepare_dir`](Self::prepare_dir) and remembers the first as durable.
    pub(super) fn sync_dirs(&self, dirs: &[PathBuf]) -> io::Result<()> {
        for (at, dir) in dirs.iter().enumerate() {
            if let Err(error) = self.fs.sync_dir(dir) {
                let mut doubtful = self.doubtful_dirs();
                dirs[at..].iter().for_each(|dir| *doubtful.entry(dir.clone()).or_default() += 1);
                return Err(error);
            }
        }
        if let Some(dir) = dirs.first() {
            self.remember_durable(dir);
        }
        Ok(())
    }

    /// Makes the names in `dir`, and its own, durable where a failed sync left them in doubt: who reads an object back to learn
    /// whether it was stored may then rely on it.
    ///
    /// # Errors
    /// That of the sync, which the next call tries again: unlike the bytes of a file, names that were not written stay so
    /// until they are, or the file system takes nothing more.
    pub(super) fn settle_dir(&self, dir: &Path) -> io::Result<()> {
        // Children before parents, as when they were made.
        let concerned: Vec<(PathBuf, u64)> = match self.doubtful_dirs() {
            doubtful if doubtful.is_empty() => return Ok(()),
            doubtful => doubtful
                .iter()
                .rev()
                .filter(|(doubt, _)| dir.starts_with(doubt))
                .map(|(doubt, failures)| (doubt.clone(), *failures))
                .collect(),
        };
        for (dir, failures) in concerned {
            // Without the lock: a disk that does not answer must not hold up who reads elsewhere.
            self.fs.sync_dir(&dir).or_else(ignore_missing)?;
            let mut doubtful = self.doubtful_dirs();
            if doubtful.get(&dir) == Some(&failures) {
                doubtful.remove(&dir);
            }
        }
        Ok(())
    }

    fn doubtful_dirs(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, u64>> {
        // A map of paths is consistent at every moment.
        self.doubtful_dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember_durable(&self, dir: &Path) {
        let mut durable = self.durable_dirs();
        if !durable.contains(dir) {
            if durable.len() >= DURABLE_DIRS_MAX {
                durable.clear();
            }
            durable.insert(dir.to_path_buf());
        }
    }

    fn durable_dirs(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // A set of paths is consistent at every moment.
        self.durable_dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new temporary with these bytes, not synced.
    pub(super) fn write_temporary(&self, parts: &[bytes::Bytes]) -> io::Result<Temporary> {
        let temporary = self.create_temporary()?;
        let mut offset = 0;
        for part in parts {
            temporary.file()?.write_all_at(part, offset)?;
            offset += part.len() as u64;
        }
        Ok(temporary)
    }

    /// A new, empty temporary.
    pub(super) fn create_temporary(&self) -> io::Result<Temporary> {
        let (path, file) = self.at_new_temporary(|path| self.fs.create_new(path))?;
        Ok(Temporary { fs: Arc::clone(&self.fs), path, file: Some(file) })
    }

    fn link_temporary(&self, from: &Path) -> io::Result<Temporary> {
        let (path, ()) = self.at_new_temporary(|path| self.fs.hard_link(from, path))?;
        Ok(Temporary { fs: Arc::clone(&self.fs), path, file: None })
    }

    fn at_new_temporary<T>(&self, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
        self.prepare_root()?;
        let dir = self.root.join(RESERVED_PREFIX);
        let mut vanished = 0;
        loop {
            let path = dir.join(format!("{:x}", self.next_temporary.fetch_add(1, Ordering::Relaxed)));
            match make(&path) {
                Ok(made) => return Ok((path, made)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound && vanished < VANISHED_RETRIES_MAX => {
                    *self.root_ready() = false;
                    self.prepare_root()?;
                    vanished += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<FsMetadata> {
        let metadata = self.fs.metadata(path)?;
        if metadata.is_dir { Err(io::ErrorKind::NotFound.into()) } else { Ok(metadata) }
    }
}

/// A file without a name of its own yet; removed when dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    file: Option<Box<dyn FsFile>>,
}

impl Temporary {
    pub(super) fn file(&self) -> io::Result<&dyn FsFile> {
        self.file.as_deref().ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Makes the bytes durable and closes the file: a thousand of them must not hold a thousand descriptors.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()?;
        self.file = None;
        Ok(())
    }

    /// Gives it the name `target`. The caller syncs the directory.
    pub(super) fn name(&mut self, target: &Path, taken: Taken) -> io::Result<()> {
        match taken {
            // The temporary name goes with the drop, after the directories were synced.
            Taken::Refuse => self.fs.hard_link(&self.path, target),
            Taken::Replace => {
                self.fs.rename(&self.path, target)?;
                self.path = PathBuf::new();
                Ok(())
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        if let Err(error) = self.fs.remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a temporary file could not be removed");
        }
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

//! The lock on a WAL and the note beside it that says who holds it.
//!
//! The lock is the operating system's, so it ends with its process however that ends; the note is only for people and for
//! readers that want to ask the holder.

use std::fmt;
use std::path::Path;

use annals_table::{FileSystem, FsFile, sync_names_above};
use serde::{Deserialize, Serialize};

use super::segment::read_all;
use crate::error::{Error, ErrorKind, Result};

const LOCK_FILE: &str = "lock";
const HOLDER_FILE: &str = "holder.json";
/// How often a lock is tried that nobody seems to hold.
const LOCK_ATTEMPTS_MAX: u32 = 16;
const HOLDER_FILE_NEW: &str = "holder.json.new";

/// The process that holds a WAL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalHolder {
    /// Its process id.
    pub pid: u32,
    /// What it runs: program and subcommand, no other argument.
    pub command: String,
    /// Where it answers HTTP, e.g. `http://127.0.0.1:7070`.
    pub http: Option<String>,
}

impl WalHolder {
    /// This process.
    pub(crate) fn this_process() -> Self {
        let mut arguments = std::env::args();
        let program = arguments.next().unwrap_or_default();
        let program = Path::new(&program).file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let subcommand = arguments.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
        let command = subcommand.map_or(program.clone(), |word| format!("{program} {word}"));
        Self { pid: std::process::id(), command, http: None }
    }

    /// Who holds the WAL in `dir`; `None` when nobody does. Changes nothing.
    ///
    /// # Errors
    /// `Unavailable` when the directory cannot be read.
    pub fn of(dir: &Path, fs: &dyn FileSystem) -> Result<Option<Self>> {
        let path = dir.join(LOCK_FILE);
        let file = match fs.open(&path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("opening", &path, error)),
        };
        // The probe holds the lock for no longer than this line.
        if file.try_lock().map_err(|error| Error::io("probing", &path, error))? {
            return Ok(None);
        }
        let note = read_all(fs, &dir.join(HOLDER_FILE)).ok();
        Ok(Some(note.and_then(|note| serde_json::from_slice(&note).ok()).unwrap_or_default()))
    }
}

impl fmt::Display for WalHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, self.command.as_str()) {
            (0, _) => f.write_str("another process")?,
            (pid, "") => write!(f, "process {pid}")?,
            (pid, command) => write!(f, "process {pid} ({command})")?,
        }
        self.http.as_ref().map_or(Ok(()), |http| write!(f, " at {http}"))
    }
}

/// The held lock. Released when dropped.
#[derive(Debug)]
pub(crate) struct WalLock {
    _file: Box<dyn FsFile>,
}

impl WalLock {
    /// Takes the lock of the WAL in `dir`, creating the directory (and those above it) where absent.
    ///
    /// # Errors
    /// `Conflict`, naming the holder, when another process has it.
    pub(crate) fn take(fs: &dyn FileSystem, dir: &Path) -> Result<Self> {
        create_dirs(fs, dir)?;
        // Also where it was there: who created it may have died before its name, or that of one above, was durable.
        sync_names_above(fs, dir).map_err(|error| Error::io("syncing the folders above", dir, error))?;
        let path = dir.join(LOCK_FILE);
        let file = match fs.create_new(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => fs.open(&path, true),
            outcome => outcome,
        };
        let file = file.map_err(|error| Error::io("opening", &path, error))?;
        let mut holder = WalHolder::default();
        for _ in 0..LOCK_ATTEMPTS_MAX {
            if file.try_lock().map_err(|error| Error::io("locking", &path, error))? {
                let lock = Self { _file: file };
                match write_note(fs, dir, &WalHolder::this_process()) {
                    // For people only: a disk without room for it may still be read, and what is in memory flushed.
                    Err(error) if error.kind() == ErrorKind::Exhausted => {
                        tracing::warn!(%error, "who holds the write-ahead log could not be written down");
                    }
                    outcome => outcome?,
                }
                return Ok(lock);
            }
            match WalHolder::of(dir, fs)? {
                Some(found) => {
                    holder = found;
                    break;
                }
                // Only somebody's probe was in the way.
                None => std::thread::yield_now(),
            }
        }
        let message = format!(
            "the write-ahead log {} is held by {holder}: stop that process, or send the request to it",
            dir.display()
        );
        Err(Error::new(ErrorKind::Conflict, message))
    }
}

/// Replaces the note; only for the holder of the lock.
pub(crate) fn write_note(fs: &dyn FileSystem, dir: &Path, holder: &WalHolder) -> Result<()> {
    let path = dir.join(HOLDER_FILE_NEW);
    let failed = |error| Error::io("writing", &path, error);
    let note = serde_json::to_vec(holder)
        .map_err(|error| Error::with_source(ErrorKind::Internal, "the WAL's holder cannot be written down", error))?;
    match fs.remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs.create_new(&path).map_err(failed)?.write_all_at(&note, 0).map_err(failed)?;
    fs.rename(&path, &dir.join(HOLDER_FILE)).map_err(failed)
}

/// Creates `dir` and what is missing above it.
fn create_dirs(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    if fs.metadata(dir).is_ok_and(|found| found.is_dir) {
        return Ok(());
    }
    let Some(parent) = dir.parent() else { return Ok(()) };
    create_dirs(fs, parent)?;
    match fs.create_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(Error::io("creating", dir, error)),
        _ => Ok(()),
    }
}

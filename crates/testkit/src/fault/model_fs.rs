//! [`ModelFileSystem`]: a file system in memory that tells what a program sees from what a disk would hold.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_event::Clock;
use annals_table::{FileSystem, FsEntry, FsFile, FsMetadata};

use super::disk::Disk;
use super::names::Node;

/// An operation that changes something, before it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsOperation {
    /// What it does.
    pub kind: FsOperationKind,
    /// To which file or directory; for links and renames, the new name.
    pub path: PathBuf,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as the methods of `FileSystem` and `FsFile` are")]
pub enum FsOperationKind {
    CreateNew,
    WriteAllAt,
    Allocate,
    SetLen,
    SyncData,
    SyncDir,
    HardLink,
    Rename,
    RemoveFile,
    CreateDir,
    RemoveDir,
}

impl FsOperationKind {
    /// Whether it makes something durable.
    pub fn is_sync(self) -> bool {
        matches!(self, Self::SyncData | Self::SyncDir)
    }

    /// Whether it needs room on the disk.
    pub fn takes_room(self) -> bool {
        matches!(self, Self::CreateNew | Self::WriteAllAt | Self::Allocate | Self::HardLink | Self::CreateDir)
    }
}

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsFault {
    /// Power is lost, or the process killed: the operation does not happen, and none after it does.
    Stop,
    /// The operation does not happen and answers this error. Of a sync, some sectors arrive, and no later sync of the file
    /// writes the others: that is what Linux does.
    Fail(io::ErrorKind),
}

/// What becomes of bytes and names that were never synced when power is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// They are gone.
    Lost,
    /// Each sector and each change of a name is there or not, in no order.
    Reordered,
}

type Script = dyn Fn(&FsOperation) -> Option<FsFault> + Send + Sync;

/// A disk in memory. Paths are absolute. Clones are the same disk.
///
/// A write is seen at once and durable after `sync_data` of its file, a name after `sync_dir` of its directory; nothing else
/// makes anything durable, not even the sync of a file its own name. A rename is durable whole. Sectors have 512 bytes.
#[derive(Clone)]
pub struct ModelFileSystem(Arc<Shared>);

struct Shared {
    disk: Mutex<Disk>,
    clock: Arc<dyn Clock>,
    script: Mutex<Option<Arc<Script>>>,
}

impl ModelFileSystem {
    /// An empty disk. `clock` gives modification times, `seed` what is left to chance.
    pub fn new(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self::of(Disk::new(seed), clock)
    }

    fn of(disk: Disk, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { disk: Mutex::new(disk), clock, script: Mutex::default() }))
    }

    /// Asks `script` before every operation that changes something. It may do anything, use this disk even: no lock is held.
    pub fn follow(&self, script: impl Fn(&FsOperation) -> Option<FsFault> + Send + Sync + 'static) {
        *self.script() = Some(Arc::new(script));
    }

    /// Asks no script any more.
    pub fn follow_nothing(&self) {
        *self.script() = None;
    }

    /// Bounds the bytes of all files together: a write beyond fails with `StorageFull` after what fits.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk().capacity = bytes;
    }

    /// Bytes of all files together.
    pub fn used_bytes(&self) -> u64 {
        self.disk().image().values().map(|bytes| bytes.len() as u64).sum()
    }

    /// Ends this disk, as [`FsFault::Stop`] does.
    pub fn stop(&self) {
        self.disk().stopped = true;
    }

    /// Whether it has ended.
    pub fn is_stopped(&self) -> bool {
        self.disk().stopped
    }

    /// Ends this disk for the process that used it; the answer is what the next one finds. What was written stays, synced or
    /// not.
    pub fn killed(&self) -> Self {
        self.stop();
        let next = self.disk().killed();
        Self::of(next, Arc::clone(&self.0.clock))
    }

    /// Ends this disk; the answer is what is left of it after a loss of power. `seed` chooses.
    pub fn power_lost(&self, unsynced: Unsynced, seed: u64) -> Self {
        self.stop();
        let next = self.disk().power_lost(unsynced, seed);
        Self::of(next, Arc::clone(&self.0.clock))
    }

    /// Every file and its bytes, as programs see them.
    pub fn image(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.disk().image()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> MutexGuard<'_, Option<Arc<Script>>> {
        self.0.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk for reading.
    fn working(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk();
        if disk.stopped { Err(stopped()) } else { Ok(disk) }
    }

    /// The disk for an operation that changes something, if no fault comes between.
    fn changing(&self, kind: FsOperationKind, path: &Path) -> Result<MutexGuard<'_, Disk>, Fault<'_>> {
        let script = self.script().clone();
        let fault = script.and_then(|script| script(&FsOperation { kind, path: path.to_path_buf() }));
        let mut disk = self.disk();
        if fault == Some(FsFault::Stop) {
            disk.stopped = true;
        }
        if disk.stopped {
            return Err(Fault { error: stopped(), disk });
        }
        disk.operations += 1;
        match fault {
            Some(FsFault::Fail(kind)) => Err(Fault { error: kind.into(), disk }),
            _ => Ok(disk),
        }
    }

    fn handle(&self, file: u64, path: &Path, write: bool) -> Box<dyn FsFile> {
        let (fs, path) = (self.clone(), path.to_path_buf());
        Box::new(Handle { fs, file, path, write, locks: AtomicBool::new(false) })
    }

    fn now_us(&self) -> i64 {
        self.0.clock.now_us()
    }
}

/// A fault that came, and the disk it came to.
struct Fault<'a> {
    error: io::Error,
    disk: MutexGuard<'a, Disk>,
}

impl From<Fault<'_>> for io::Error {
    fn from(fault: Fault<'_>) -> Self {
        fault.error
    }
}

fn stopped() -> io::Error {
    io::Error::other("the disk has stopped")
}

impl FileSystem for ModelFileSystem {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let file = self.changing(FsOperationKind::CreateNew, path)?.create(path, self.now_us())?;
        Ok(self.handle(file, path, true))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn FsFile>> {
        let file = self.working()?.file_at(path)?;
        Ok(self.handle(file, path, write))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.changing(FsOperationKind::HardLink, to)?;
        let file = disk.file_at(from)?;
        disk.names.put(to, Node::File(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.changing(FsOperationKind::Rename, to)?.names.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.changing(FsOperationKind::RemoveFile, path)?.names.remove(path, false)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.changing(FsOperationKind::CreateDir, path)?.names.put(path, Node::Dir)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.changing(FsOperationKind::RemoveDir, path)?.names.remove(path, true)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.changing(FsOperationKind::SyncDir, path)?.names.sync(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<FsEntry>> {
        let disk = self.working()?;
        if disk.names.get(path)? != Node::Dir {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let entries = disk.names.children(path);
        Ok(entries.map(|(path, node)| FsEntry { name: name(path), is_dir: node == Node::Dir }).collect())
    }

    fn metadata(&self, path: &Path) -> io::Result<FsMetadata> {
        let disk = self.working()?;
        Ok(match disk.names.get(path)? {
            Node::Dir => FsMetadata { len: 0, modified_us: 0, is_dir: true },
            Node::File(file) => {
                let file = &disk.files[&file];
                FsMetadata { len: file.pages.live().len() as u64, modified_us: file.modified_us, is_dir: false }
            }
        })
    }
}

impl fmt::Debug for ModelFileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFileSystem").finish_non_exhaustive()
    }
}

/// An open file. The lock goes with it.
#[derive(Debug)]
struct Handle {
    fs: ModelFileSystem,
    file: u64,
    /// As it was opened.
    path: PathBuf,
    write: bool,
    locks: AtomicBool,
}

impl Handle {
    fn changing(&self, kind: FsOperationKind) -> Result<MutexGuard<'_, Disk>, Fault<'_>> {
        let disk = self.fs.changing(kind, &self.path)?;
        if self.write {
            return Ok(disk);
        }
        Err(Fault { error: io::ErrorKind::PermissionDenied.into(), disk })
    }

    /// Grows the file to `len` as far as there is room; `StorageFull` when that was not far enough.
    fn grow(&self, disk: &mut Disk, len: usize) -> io::Result<()> {
        let now = disk.file(self.file).pages.live().len();
        let wanted = len.saturating_sub(now) as u64;
        let fits = disk.room(wanted);
        if wanted > 0 {
            let zeros = vec![0; fits as usize];
            disk.file(self.file).pages.write(&zeros, now);
        }
        if fits < wanted { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl FsFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.fs.working()?;
        let bytes = disk.file(self.file).pages.live();
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.changing(FsOperationKind::WriteAllAt)?;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let grown = self.grow(&mut disk, offset + bytes.len());
        let now_us = self.fs.now_us();
        let file = disk.file(self.file);
        let fits = file.pages.live().len().saturating_sub(offset).min(bytes.len());
        file.pages.write(&bytes[..fits], offset);
        file.modified_us = now_us;
        grown
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.fs.working()?.file(self.file).pages.live().len() as u64)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut disk = self.changing(FsOperationKind::Allocate)?;
        self.grow(&mut disk, usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.changing(FsOperationKind::SetLen)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        disk.file(self.file).pages.set_len(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.fs.changing(FsOperationKind::SyncData, &self.path) {
            Ok(mut disk) => {
                disk.file(self.file).pages.sync();
                Ok(())
            }
            Err(Fault { error, mut disk }) => {
                if !disk.stopped {
                    let mut chance = disk.chance();
                    disk.file(self.file).pages.fail_sync(&mut chance);
                }
                Err(error)
            }
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut disk = self.fs.working()?;
        let locked = &mut disk.file(self.file).locked;
        if *locked {
            return Ok(self.locks.load(Ordering::SeqCst));
        }
        *locked = true;
        self.locks.store(true, Ordering::SeqCst);
        Ok(true)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.locks.load(Ordering::SeqCst) {
            self.fs.disk().file(self.file).locked = false;
        }
    }
}

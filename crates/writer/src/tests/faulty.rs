//! A file system whose syncs, and hard links, fail on demand.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use annals_table::{FileSystem, FsEntry, FsFile, FsMetadata, OsFileSystem};

#[derive(Debug, Default)]
pub(super) struct FaultyFileSystem {
    faults: Arc<SyncFaults>,
    links_fail: AtomicBool,
}

/// Which syncs fail.
#[derive(Debug, Default)]
struct SyncFaults {
    all: AtomicBool,
    /// The name of a file whose next one does.
    one_of: Mutex<Option<String>>,
}

impl SyncFaults {
    fn hit(&self, name: &str) -> bool {
        self.all.load(Ordering::SeqCst) || self.one_of.lock().unwrap().take_if(|wanted| wanted == name).is_some()
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn FsFile>,
    name: String,
    faults: Arc<SyncFaults>,
}

impl FaultyFileSystem {
    pub(super) fn fail_syncs(&self) {
        self.faults.all.store(true, Ordering::SeqCst);
    }

    pub(super) fn fail_one_sync_of(&self, name: &str) {
        *self.faults.one_of.lock().unwrap() = Some(name.to_owned());
    }

    /// No object can be created any more where there must be none: nothing is committed.
    pub(super) fn fail_links(&self) {
        self.links_fail.store(true, Ordering::SeqCst);
    }

    pub(super) fn heal(&self) {
        self.faults.all.store(false, Ordering::SeqCst);
    }

    fn wrap(&self, path: &Path, file: Box<dyn FsFile>) -> Box<dyn FsFile> {
        let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        Box::new(FaultyFile { file, name, faults: Arc::clone(&self.faults) })
    }
}

impl FileSystem for FaultyFileSystem {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        OsFileSystem.create_new(path).map(|file| self.wrap(path, file))
    }
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn FsFile>> {
        OsFileSystem.open(path, write).map(|file| self.wrap(path, file))
    }
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.links_fail.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected"));
        }
        OsFileSystem.hard_link(from, to)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFileSystem.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.remove_file(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.create_dir(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.remove_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.sync_dir(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<FsEntry>> {
        OsFileSystem.read_dir(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<FsMetadata> {
        OsFileSystem.metadata(path)
    }
}

impl FsFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.faults.hit(&self.name) {
            return Err(io::Error::other("injected"));
        }
        self.file.sync_data()
    }
    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }
}

//! A file system whose syncs fail on demand.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_table::{FileSystem, FsEntry, FsFile, FsMetadata, OsFileSystem};

#[derive(Debug, Default)]
pub(super) struct FaultyFileSystem {
    failing: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn FsFile>,
    failing: Arc<AtomicBool>,
}

impl FaultyFileSystem {
    pub(super) fn fail_syncs(&self) {
        self.failing.store(true, Ordering::SeqCst);
    }

    pub(super) fn heal(&self) {
        self.failing.store(false, Ordering::SeqCst);
    }

    fn wrap(&self, file: Box<dyn FsFile>) -> Box<dyn FsFile> {
        Box::new(FaultyFile { file, failing: Arc::clone(&self.failing) })
    }
}

impl FileSystem for FaultyFileSystem {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        OsFileSystem.create_new(path).map(|file| self.wrap(file))
    }
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn FsFile>> {
        OsFileSystem.open(path, write).map(|file| self.wrap(file))
    }
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
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
        if self.failing.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected"));
        }
        self.file.sync_data()
    }
    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }
}

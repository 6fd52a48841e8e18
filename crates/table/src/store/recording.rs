//! A file system for tests that writes down every call and can be told to fail one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::fs::{FileSystem, FsEntry, FsFile, FsMetadata, OsFileSystem};

#[derive(Clone, Debug)]
pub(super) struct RecordingFs(Arc<Record>);

#[derive(Debug)]
struct Record {
    root: PathBuf,
    calls: Mutex<Vec<Call>>,
    fail: Mutex<Option<(Call, io::ErrorKind)>>,
    meanwhile: Mutex<Option<Meanwhile>>,
}

/// Something done while a call is under way.
struct Meanwhile(Call, Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meanwhile").field(&self.0).finish()
    }
}

/// Paths are relative to the root; temporaries are all called `.tmp/N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Create(String),
    Sync(String),
    Link(String, String),
    Rename(String, String),
    Remove(String),
    CreateDir(String),
    SyncDir(String),
    Write,
}

impl RecordingFs {
    pub(super) fn new(root: &Path) -> Self {
        let (calls, fail, meanwhile) = Default::default();
        Self(Arc::new(Record { root: root.to_path_buf(), calls, fail, meanwhile }))
    }

    /// The calls since the last time.
    pub(super) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.calls.lock().unwrap())
    }

    /// Makes every call like `call` fail.
    pub(super) fn fail(&self, call: Call, kind: io::ErrorKind) {
        *self.0.fail.lock().unwrap() = Some((call, kind));
    }

    /// Makes no call fail any more.
    pub(super) fn mend(&self) {
        *self.0.fail.lock().unwrap() = None;
    }

    /// Does something during the next call like `call`, once.
    pub(super) fn during(&self, call: Call, work: impl FnOnce() + Send + 'static) {
        *self.0.meanwhile.lock().unwrap() = Some(Meanwhile(call, Box::new(work)));
    }

    pub(super) fn relative(&self, path: &Path) -> String {
        let path =
            path.strip_prefix(&self.0.root).map_or_else(|_| path.display().to_string(), |p| p.display().to_string());
        if path.is_empty() { ".".into() } else { path }
    }

    fn note(&self, call: Call) -> io::Result<()> {
        let failing = self.0.fail.lock().unwrap().as_ref().filter(|(fail, _)| *fail == call).map(|(_, kind)| *kind);
        let meanwhile = self.0.meanwhile.lock().unwrap().take_if(|Meanwhile(during, _)| *during == call);
        self.0.calls.lock().unwrap().push(call);
        if let Some(Meanwhile(_, work)) = meanwhile {
            work();
        }
        failing.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl FileSystem for RecordingFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let file = OsFileSystem.create_new(path)?;
        self.note(Call::Create(self.relative(path)))?;
        Ok(Box::new(RecordingFile { file, path: self.relative(path), fs: self.clone() }))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn FsFile>> {
        OsFileSystem.open(path, write)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFileSystem.hard_link(from, to)?;
        self.note(Call::Link(self.relative(from), self.relative(to)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFileSystem.rename(from, to)?;
        self.note(Call::Rename(self.relative(from), self.relative(to)))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.remove_file(path)?;
        self.note(Call::Remove(self.relative(path)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.create_dir(path)?;
        self.note(Call::CreateDir(self.relative(path)))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.metadata(path)?;
        self.note(Call::SyncDir(self.relative(path)))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<FsEntry>> {
        OsFileSystem.read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<FsMetadata> {
        OsFileSystem.metadata(path)
    }
}

#[derive(Debug)]
struct RecordingFile {
    file: Box<dyn FsFile>,
    path: String,
    fs: RecordingFs,
}

impl FsFile for RecordingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.fs.note(Call::Write)?;
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
        self.fs.note(Call::Sync(self.path.clone()))
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }
}

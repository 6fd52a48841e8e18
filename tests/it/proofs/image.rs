//! [`ImageFs`]: a copy of a store's files in memory, of which one can be replaced by a damaged one at no cost for the others.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use annals_table::{FileSystem, FsEntry, FsFile, FsMetadata};

/// The bytes of files by path.
pub(super) type Image = BTreeMap<PathBuf, Arc<Vec<u8>>>;

/// Files in memory. Nothing is ever lost: this is for what is read, not for what is synced. Clones are the same files.
#[derive(Clone, Debug)]
pub(super) struct ImageFs(Arc<RwLock<Files>>);

#[derive(Debug)]
struct Files {
    files: BTreeMap<PathBuf, Arc<File>>,
    dirs: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct File {
    bytes: RwLock<Arc<Vec<u8>>>,
    is_locked: AtomicBool,
}

#[derive(Debug)]
struct Handle {
    file: Arc<File>,
    has_lock: AtomicBool,
}

impl File {
    fn new(bytes: Arc<Vec<u8>>) -> Arc<Self> {
        Arc::new(Self { bytes: RwLock::new(bytes), is_locked: AtomicBool::new(false) })
    }
}

impl ImageFs {
    pub(super) fn new(image: &Image) -> Self {
        let files = image.iter().map(|(path, bytes)| (path.clone(), File::new(Arc::clone(bytes)))).collect();
        let mut dirs: BTreeSet<PathBuf> =
            image.keys().flat_map(|path| path.ancestors().skip(1)).map(Path::to_owned).collect();
        dirs.insert("/".into());
        Self(Arc::new(RwLock::new(Files { files, dirs })))
    }

    /// Puts other bytes in the place of a file's.
    pub(super) fn replace(&self, path: &Path, bytes: Arc<Vec<u8>>) {
        let file = Arc::clone(&self.0.read().unwrap().files[path]);
        *file.bytes.write().unwrap() = bytes;
    }

    /// All files as they are now.
    pub(super) fn image(&self) -> Image {
        let all = self.0.read().unwrap();
        all.files.iter().map(|(path, file)| (path.clone(), Arc::clone(&file.bytes.read().unwrap()))).collect()
    }

    fn find(&self, path: &Path) -> io::Result<Arc<File>> {
        self.0.read().unwrap().files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl FileSystem for ImageFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let mut all = self.0.write().unwrap();
        if !path.parent().is_some_and(|dir| all.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if all.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = File::new(Arc::default());
        all.files.insert(path.to_owned(), Arc::clone(&file));
        Ok(Box::new(Handle { file, has_lock: AtomicBool::new(false) }))
    }

    fn open(&self, path: &Path, _write: bool) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(Handle { file: self.find(path)?, has_lock: AtomicBool::new(false) }))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.find(from)?;
        let mut all = self.0.write().unwrap();
        if all.files.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        all.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut all = self.0.write().unwrap();
        let file = all.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        all.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let removed = self.0.write().unwrap().files.remove(path);
        removed.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut all = self.0.write().unwrap();
        if !path.parent().is_some_and(|dir| all.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if all.dirs.insert(path.to_owned()) { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) }
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let was_there = self.0.write().unwrap().dirs.remove(path);
        if was_there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<FsEntry>> {
        let all = self.0.read().unwrap();
        if !all.dirs.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let entry = |child: &PathBuf, is_dir| {
            let name = child.file_name()?.to_str()?.to_owned();
            (child.parent() == Some(path)).then_some(FsEntry { name, is_dir })
        };
        let below = |child: &&PathBuf| child.starts_with(path);
        let dirs = all.dirs.range(path.to_owned()..).take_while(below).filter_map(|dir| entry(dir, true));
        let files = all.files.range(path.to_owned()..).map(|(file, _)| file).take_while(below);
        Ok(dirs.chain(files.filter_map(|file| entry(file, false))).collect())
    }

    fn metadata(&self, path: &Path) -> io::Result<FsMetadata> {
        if self.0.read().unwrap().dirs.contains(path) {
            return Ok(FsMetadata { len: 0, modified_us: 0, is_dir: true });
        }
        let len = self.find(path)?.bytes.read().unwrap().len() as u64;
        Ok(FsMetadata { len, modified_us: 0, is_dir: false })
    }
}

impl Handle {
    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        change(Arc::make_mut(&mut self.file.bytes.write().unwrap()));
        Ok(())
    }
}

impl FsFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.file.bytes.read().unwrap();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        self.change(|all| {
            all.resize(all.len().max(end), 0);
            all[start..end].copy_from_slice(bytes);
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.bytes.read().unwrap().len() as u64)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.change(|all| all.resize(all.len().max(len as usize), 0))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|all| all.resize(len as usize, 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let taken = !self.file.is_locked.swap(true, Ordering::SeqCst);
        self.has_lock.fetch_or(taken, Ordering::SeqCst);
        Ok(taken)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.has_lock.load(Ordering::SeqCst) {
            self.file.is_locked.store(false, Ordering::SeqCst);
        }
    }
}

//! [`OsFileSystem`]: the operating system's files behind the [`FileSystem`] boundary.
//!
//! Nothing is cached and nothing is retried; every call is one or two system calls.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::{FileSystem, FsEntry, FsFile, FsMetadata};

/// Bytes of zeros written at once by [`FsFile::allocate`].
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFileSystem;

impl FileSystem for OsFileSystem {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Box::new(OsFile(file)))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn FsFile>> {
        let file = OpenOptions::new().read(true).write(write).open(path)?;
        Ok(Box::new(OsFile(file)))
    }

    #[cfg(target_os = "linux")]
    fn open_cached(&self, path: &Path) -> Option<Box<dyn FsFile>> {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?;
        Some(Box::new(OsFile(file.into())))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<FsEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            let is_dir =
                if kind.is_symlink() { fs::metadata(entry.path()).is_ok_and(|m| m.is_dir()) } else { kind.is_dir() };
            entries.push(FsEntry { name, is_dir });
        }
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> io::Result<FsMetadata> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified()?;
        let modified_us = match modified.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Ok(FsMetadata { len: metadata.len(), modified_us, is_dir: metadata.is_dir() })
    }
}

#[derive(Debug)]
struct OsFile(File);

impl FsFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn read_cached(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};
        preadv2(&self.0, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT).ok()
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let start = self.len()?;
        if len <= start {
            return Ok(());
        }
        // Reserve in one piece first: a full disk is found before anything is written, and the extents are contiguous.
        // Some file systems cannot; writing the zeros below allocates there as well.
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::KEEP_SIZE, start, len - start) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(errno) => return Err(errno.into()),
        }
        // Reserved extents are 'unwritten', and turning one into a written one is a metadata change that a later
        // `fdatasync` would have to journal. So the zeros are really written.
        let mut at = start;
        while at < len {
            let step = (len - at).min(ZEROS.len() as u64);
            self.0.write_all_at(&ZEROS[..step as usize], at)?;
            at += step;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocated_bytes_are_zeros_that_occupy_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let file = OsFileSystem.create_new(&path).unwrap();
        file.write_all_at(b"head", 0).unwrap();
        file.allocate(300_000).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!((bytes.len(), &bytes[..4]), (300_000, b"head".as_slice()));
        assert!(bytes[4..].iter().all(|b| *b == 0));
        use std::os::unix::fs::MetadataExt;
        assert!(fs::metadata(&path).unwrap().blocks() * 512 >= 300_000);
        file.allocate(10).unwrap();
        assert_eq!(file.len().unwrap(), 300_000);
    }

    #[test]
    fn a_lock_excludes_another_handle_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = OsFileSystem.create_new(&path).unwrap();
        let second = OsFileSystem.open(&path, true).unwrap();
        assert!(first.try_lock().unwrap());
        assert!(!second.try_lock().unwrap());
        drop(first);
        assert!(second.try_lock().unwrap());
    }

    #[test]
    fn creating_and_linking_refuse_an_existing_name() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        OsFileSystem.create_new(&a).unwrap();
        assert_eq!(OsFileSystem.create_new(&a).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        OsFileSystem.hard_link(&a, &b).unwrap();
        assert_eq!(OsFileSystem.hard_link(&a, &b).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}

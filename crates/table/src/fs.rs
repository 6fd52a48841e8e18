//! The [`FileSystem`] boundary: the few calls that durability rests on.
//!
//! The local store and the WAL reach the disk only through it, so that a model file system with live and durable images
//! can stand in for the operating system's in tests. All calls block.

use std::fmt;
use std::io;
use std::path::Path;

mod os;

pub use os::OsFileSystem;

/// A file system. Paths are absolute.
pub trait FileSystem: Send + Sync + fmt::Debug + 'static {
    /// Creates a file for reading and writing.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one.
    ///
    /// # Durability
    /// The name is durable after [`sync_dir`](Self::sync_dir) of its directory, the bytes after [`FsFile::sync_data`].
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>>;

    /// Opens an existing file for reading, and for writing where `write`.
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn FsFile>>;

    /// Opens a file for reading if that needs no waiting, as its names are in memory; `None` where it would, or where that cannot
    /// be told. Whatever goes wrong is `None` too, and told by [`Self::open`].
    fn open_cached(&self, _path: &Path) -> Option<Box<dyn FsFile>> {
        None
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// `AlreadyExists` when `to` exists: of several callers exactly one succeeds.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file, replacing `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Creates one directory; its parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// The entries of a directory, in no order.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<FsEntry>>;

    /// Metadata of a file or directory.
    fn metadata(&self, path: &Path) -> io::Result<FsMetadata>;
}

/// Makes the names of `path` and of every directory above it durable, whoever made them: a process that creates a directory
/// may die before it synced the one above, and the next one finds it there.
///
/// # Errors
/// That of a sync. A directory that this process may not read ends the walk: it cannot have been made by one like it.
pub fn sync_names_above(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
        match fs.sync_dir(above) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            outcome => outcome?,
        }
    }
    Ok(())
}

/// An open file. Positional, so that it can be shared.
pub trait FsFile: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads as [`Self::read_at`] does if that needs no waiting, as the bytes are in memory; `None` where it would, or where that
    /// cannot be told. Whatever goes wrong is `None` too, and told by [`Self::read_at`].
    fn read_cached(&self, _buffer: &mut [u8], _offset: u64) -> Option<usize> {
        None
    }

    /// Writes all of `bytes` at `offset`, extending the file as needed.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Extends the file with zeros that have their blocks allocated, so that a later write needs no metadata sync.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the bytes (and the length) durable. After an error the state of the file is unknown: never retry.
    fn sync_data(&self) -> io::Result<()>;

    /// Takes the file's exclusive lock for the life of this handle; `false` when another handle holds it.
    fn try_lock(&self) -> io::Result<bool>;
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsEntry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsMetadata {
    /// Length in bytes.
    pub len: u64,
    /// Modification time, microseconds since the epoch, UTC.
    pub modified_us: i64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

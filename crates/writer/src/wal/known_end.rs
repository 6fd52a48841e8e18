//! [`KnownEnd`]: how far a log was synced once, in a file of its own, so that a log which ends before is known to be damaged.
//!
//! Within the log each frame says what was synced before it; of the last one nothing does, and damage there, or an end that
//! is cut off, looks like the torn tail of a crash. Where the end is known to be synced (after a close, after a start) it is
//! written down here. It stays true for ever: what it names stands in the log or in the table. Bytes: `WAL.md`, 'Known end'.

use std::path::{Path, PathBuf};

use annals_table::{FileSystem, Lsn, WriterId};

use super::segment::read_all;
use crate::error::{Error, Result};

const FILE: &str = "known-end";
const FILE_NEW: &str = "known-end.new";
const MAGIC: [u8; 8] = *b"ANWALEND";
const VERSION: u32 = 1;
const BYTES: usize = 32;

/// Every row of `writer` up to `lsn` was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownEnd {
    pub(crate) writer: WriterId,
    pub(crate) lsn: Lsn,
}

impl KnownEnd {
    /// Where it stands in the folder of a log.
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    /// What is known; `None` when nothing is, or the file is damaged: then the log is judged by itself.
    pub(crate) fn read(fs: &dyn FileSystem, dir: &Path) -> Option<Self> {
        Self::decode(&read_all(fs, &Self::path(dir)).ok()?)
    }

    /// Replaces what is known, if the disk lets it: without it damage to the last frame passes for torn, as after a crash,
    /// which is no reason to stop.
    pub(crate) fn note(&self, fs: &dyn FileSystem, dir: &Path) {
        if let Err(error) = self.write(fs, dir) {
            tracing::warn!(%error, "the end of the write-ahead log could not be written down");
        }
    }

    /// Replaces what is known. Only for the holder of the lock.
    ///
    /// # Durability
    /// Synced when this returns.
    pub(crate) fn write(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        let path = dir.join(FILE_NEW);
        let failed = |error| Error::io("writing", &path, error);
        match fs.remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let file = fs.create_new(&path).map_err(failed)?;
        file.write_all_at(&self.encode(), 0).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        fs.rename(&path, &Self::path(dir)).map_err(failed)?;
        fs.sync_dir(dir).map_err(failed)
    }

    fn encode(&self) -> [u8; BYTES] {
        let mut out = [0; BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.writer.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.lsn.0.to_le_bytes());
        let crc = crc32c::crc32c(&out[..28]);
        out[28..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a slice of four bytes"));
        let lsn = u64::from_le_bytes(bytes[16..24].try_into().expect("a slice of eight bytes"));
        let valid = bytes[..8] == MAGIC && word(8) == VERSION && word(28) == crc32c::crc32c(&bytes[..28]);
        valid.then_some(Self { writer: WriterId(word(12)), lsn: Lsn(lsn) })
    }
}

#[cfg(test)]
mod tests {
    use annals_table::OsFileSystem;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_damage_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(KnownEnd::read(&OsFileSystem, dir.path()), None);
        for lsn in [7, u64::MAX] {
            let end = KnownEnd { writer: WriterId(3), lsn: Lsn(lsn) };
            end.write(&OsFileSystem, dir.path()).unwrap();
            assert_eq!(KnownEnd::read(&OsFileSystem, dir.path()), Some(end));
        }
        let path = KnownEnd::path(dir.path());
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(KnownEnd::read(&OsFileSystem, dir.path()), None, "bit {bit}");
        }
        std::fs::write(&path, &whole[..31]).unwrap();
        assert_eq!(KnownEnd::read(&OsFileSystem, dir.path()), None);
    }
}

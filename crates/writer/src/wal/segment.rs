//! The segment: one file of the WAL, a header and then frames without gaps, preallocated with zeros.
//!
//! Its header names the writer and the segment, so a file that was renamed or copied is noticed. Bytes: `WAL.md`, 'Segment'.

use std::path::{Path, PathBuf};

use annals_table::{FileSystem, WriterId};

use crate::error::{Error, ErrorKind, Result};

/// Bytes of a segment's header; the first frame follows.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 40;

const SEGMENT_MAGIC: [u8; 8] = *b"ANNALWAL";
/// Version 2 may hold answered requests beside rows; version 1 is read as well.
const VERSION: u32 = 2;
const VERSION_MIN: u32 = 1;

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub writer: WriterId,
    /// Ascends from 1; never reused.
    pub id: u64,
    /// Random; every frame's checksum starts from it.
    pub salt: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[..8].copy_from_slice(&SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.writer.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.id.to_le_bytes());
        out[24..32].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&out[..32]);
        out[32..36].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header; `None` when it is damaged or of a version that this program does not know.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SEGMENT_HEADER_BYTES)?;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a slice of four bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a slice of eight bytes"));
        let known = (VERSION_MIN..=VERSION).contains(&word(8));
        let valid = bytes[..8] == SEGMENT_MAGIC && known && word(32) == crc32c::crc32c(&bytes[..32]);
        valid.then(|| Self { writer: WriterId(word(12)), id: long(16), salt: long(24) })
    }
}

/// The path of segment `id`.
pub(crate) fn segment_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("segment-{id:016x}.wal"))
}

/// The ids of all segments in `dir`, ascending. Empty when there is no such directory.
pub(crate) fn segment_ids(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<u64>> {
    let entries = match fs.read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("listing", dir, error)),
    };
    let id = |name: &str| {
        let hex = name.strip_prefix("segment-")?.strip_suffix(".wal")?;
        (hex.len() == 16).then(|| u64::from_str_radix(hex, 16).ok()).flatten()
    };
    let mut ids: Vec<u64> = entries.iter().filter_map(|entry| id(&entry.name)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// All bytes of a file.
pub(crate) fn read_all(fs: &dyn FileSystem, path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io("reading", path, error);
    let file = fs.open(path, false).map_err(failed)?;
    let len = usize::try_from(file.len().map_err(failed)?)
        .map_err(|_| Error::new(ErrorKind::Exhausted, format!("{} is too large to read", path.display())))?;
    let mut bytes = vec![0; len];
    let mut at = 0;
    while at < len {
        match file.read_at(&mut bytes[at..], at as u64).map_err(failed)? {
            0 => break,
            read => at += read,
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}

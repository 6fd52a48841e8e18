//! [`LedgerFile`]: one file of the ledger, appended to and synced block by block.

use std::path::{Path, PathBuf};

use annals_table::{FileSystem, FsFile};

use super::block;
use crate::error::{Error, ErrorKind, Result};
use crate::wal::read_all;

const FILE_MAGIC: [u8; 8] = *b"ANLEDGER";
const VERSION: u32 = 1;
/// Magic, version, kind.
const FILE_HEADER_BYTES: usize = 16;

/// What a file's blocks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LedgerKind {
    Ids,
    Requests,
}

impl LedgerKind {
    fn name(self) -> &'static str {
        match self {
            Self::Ids => "ids",
            Self::Requests => "requests",
        }
    }

    fn header(self) -> [u8; FILE_HEADER_BYTES] {
        let mut out = [0; FILE_HEADER_BYTES];
        out[..8].copy_from_slice(&FILE_MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..].copy_from_slice(&(self as u32).to_le_bytes());
        out
    }
}

/// A file that takes blocks.
#[derive(Debug)]
pub(super) struct LedgerFile {
    file: Box<dyn FsFile>,
    path: PathBuf,
    at: u64,
}

impl LedgerFile {
    /// Makes file `number`, durably.
    pub(super) fn create(fs: &dyn FileSystem, dir: &Path, number: u64, kind: LedgerKind) -> Result<Self> {
        let path = dir.join(format!("ledger-{number:016x}.{}", kind.name()));
        let failed = |error| Error::io("creating", &path, error);
        let file = fs.create_new(&path).map_err(failed)?;
        file.write_all_at(&kind.header(), 0).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        fs.sync_dir(dir).map_err(failed)?;
        Ok(Self { file, path, at: FILE_HEADER_BYTES as u64 })
    }

    pub(super) fn append(&mut self, block: &[u8]) -> Result<()> {
        self.file.write_all_at(block, self.at).map_err(|error| Error::io("writing", &self.path, error))?;
        self.file.sync_data().map_err(|error| Error::io("syncing", &self.path, error))?;
        self.at += block.len() as u64;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn bytes(&self) -> u64 {
        self.at
    }
}

/// A file as it was read.
#[derive(Debug, Default)]
pub(super) struct LedgerContent {
    /// Whole blocks.
    pub(super) blocks: Vec<u8>,
    /// Where what is not whole begins. A crash leaves such an end, and what it held then stands in the log.
    pub(super) torn_at: Option<usize>,
}

/// The blocks of a file; nothing when its creation was torn, so that it was never used.
///
/// # Errors
/// `Corrupt` when blocks are damaged that were synced.
pub(super) fn read(fs: &dyn FileSystem, path: &Path, kind: LedgerKind) -> Result<LedgerContent> {
    let mut bytes = read_all(fs, path)?;
    if bytes.get(..FILE_HEADER_BYTES) != Some(&kind.header()) {
        // The header is synced before the first block is written.
        let is_torn = bytes.len() <= FILE_HEADER_BYTES;
        return if is_torn { Ok(LedgerContent::default()) } else { Err(damaged(path, 0)) };
    }
    let mut blocks = bytes.split_off(FILE_HEADER_BYTES);
    let (end, goes_on) = block::valid_end(&blocks);
    if goes_on {
        return Err(damaged(path, FILE_HEADER_BYTES + end));
    }
    let torn_at = (end < blocks.len()).then_some(FILE_HEADER_BYTES + end);
    blocks.truncate(end);
    Ok(LedgerContent { blocks, torn_at })
}

fn damaged(path: &Path, offset: usize) -> Error {
    let message = format!(
        "{} is damaged at offset {offset}: it tells which ids and requests are known; restore it, or remove it to go on, and \
         what only it knew is stored once more when it is sent again",
        path.display(),
    );
    Error::new(ErrorKind::Corrupt, message)
}

/// All files of the ledger in `dir` by number, ascending.
pub(super) fn files(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<(u64, LedgerKind, PathBuf)>> {
    let entries = match fs.read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("listing", dir, error)),
    };
    let parse = |name: &str| {
        let (hex, kind) = name.strip_prefix("ledger-")?.split_once('.')?;
        let kind = [LedgerKind::Ids, LedgerKind::Requests].into_iter().find(|known| known.name() == kind)?;
        let number = (hex.len() == 16).then(|| u64::from_str_radix(hex, 16).ok()).flatten()?;
        Some((number, kind, dir.join(name)))
    };
    let mut found: Vec<_> = entries.iter().filter_map(|entry| parse(&entry.name)).collect();
    found.sort_unstable();
    Ok(found)
}

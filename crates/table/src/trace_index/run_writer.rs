//! [`RunWriter`]: writes a run as its entries come, in order. It keeps the paths, four bytes a block and the block that
//! is open, so that a merge of a billion entries needs no memory for them.

use xxhash_rust::xxh3::Xxh3;

use super::block::{Entry, OpenBlock};
use super::paths::Paths;
use super::run::{RunHead, upper_half};
use super::run_name::RunName;
use crate::error::{Error, ErrorKind, Result};

/// A run that was handed to its sink whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenRun {
    /// What to look up by; the same as its end tells.
    pub(crate) head: RunHead,
    /// Its name.
    pub(crate) name: RunName,
    /// Its size.
    pub(crate) bytes: u64,
}

/// Takes the entries of one run in ascending order and hands its bytes to `sink`, piece by piece.
pub(crate) struct RunWriter<S> {
    paths: Paths,
    out: Out<S>,
    directory: Vec<u32>,
    block: OpenBlock,
    last: Option<Entry>,
    entries: u64,
}

/// The sink, and what is known of the bytes that went there.
struct Out<S> {
    sink: S,
    hash: Xxh3,
    bytes: u64,
}

impl<S: FnMut(&[u8]) -> Result<()>> RunWriter<S> {
    /// A run that covers `paths`, whose numbers the entries use.
    pub(crate) fn new(paths: Paths, sink: S) -> Self {
        let out = Out { sink, hash: Xxh3::new(), bytes: 0 };
        Self { paths, out, directory: Vec::new(), block: OpenBlock::default(), last: None, entries: 0 }
    }

    /// Appends an entry. One that equals the one before is there already.
    ///
    /// # Errors
    /// What the sink says. `Internal` when the entry is below the one before or its file is not among the paths,
    /// `Exhausted` when the run has no number for another block (16 TiB). The run is lost then.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<()> {
        if self.last == Some(entry) {
            return Ok(());
        }
        if self.last > Some(entry) || entry.file as usize >= self.paths.len() {
            let message = format!("entry {entry:?} of a trace index run does not come after {:?}", self.last);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        if !self.block.is_empty() && !self.block.push(entry) {
            self.seal_block()?;
        }
        if self.block.is_empty() {
            self.directory.push(upper_half(entry.fingerprint));
            let has_room = self.block.push(entry);
            debug_assert!(has_room, "a block has room for one entry");
        }
        self.last = Some(entry);
        self.entries += 1;
        Ok(())
    }

    /// Writes what is left and the end of the run.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn finish(mut self) -> Result<WrittenRun> {
        if !self.block.is_empty() {
            self.seal_block()?;
        }
        let head = RunHead { entries: self.entries, directory: self.directory.into(), paths: self.paths };
        self.out.write(&head.encode_end())?;
        Ok(WrittenRun { head, name: RunName { hash: self.out.hash.digest() }, bytes: self.out.bytes })
    }

    fn seal_block(&mut self) -> Result<()> {
        let number = self.directory.len() - 1;
        let number = u32::try_from(number)
            .ok()
            .filter(|number| *number < u32::MAX)
            .ok_or_else(|| Error::new(ErrorKind::Exhausted, "a trace index run has as many blocks as it can number"))?;
        let out = &mut self.out;
        self.block.seal(number, |block| out.write(block))
    }
}

impl<S: FnMut(&[u8]) -> Result<()>> Out<S> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        (self.sink)(bytes)
    }
}

/// A sink that fills a vector, and never fails.
pub(super) fn into_vec(out: &mut Vec<u8>) -> impl FnMut(&[u8]) -> Result<()> {
    |bytes| {
        out.extend_from_slice(bytes);
        Ok(())
    }
}

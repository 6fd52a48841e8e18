//! [`merge`]: makes one run of several, block by block.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use bytes::Bytes;

use super::block::Entry;
use super::paths::{Paths, TEXT_BYTES_MAX};
use super::run::RunHead;
use super::run_cursor::{CursorError, RunCursor};
use super::run_writer::{RunWriter, WrittenRun};
use crate::checksum::Damage;
use crate::error::{Error, ErrorKind, Result};

/// A run that goes into a merge.
pub(crate) struct MergeInput<'a, R> {
    /// Its head.
    pub(crate) head: &'a RunHead,
    /// Gives its blocks ([`RunHead::blocks_bytes`]) from the first byte on: each time the next one or more whole
    /// blocks, as many as the caller likes to read at once. It is not asked again after the last one.
    pub(crate) next_part: R,
}

/// Why a merge came to nothing.
#[derive(Debug)]
pub(crate) enum MergeError {
    /// One of the runs, by its place among the inputs, is not what was written, or was not handed over whole. Its files
    /// must be indexed anew.
    Damaged {
        /// Which one.
        input: usize,
        /// Where.
        damage: Damage,
    },
    /// Reading or writing failed, or the merged run would be beyond a bound.
    Failed(Error),
}

/// Merges runs into one that covers the files of all of them which `keep`, asked once for each path, agrees to, and
/// hands its bytes to `sink`. Entries of other files are dropped, and what stands in several runs stands in the merged
/// one once. The bytes are those that [`RunBuilder`](super::RunBuilder) would make of the same files and entries.
///
/// # Errors
/// See [`MergeError`]; what went to the sink is no run then.
pub(crate) fn merge<R, S>(
    inputs: Vec<MergeInput<'_, R>>,
    keep: impl Fn(&str) -> bool,
    sink: S,
) -> Result<WrittenRun, MergeError>
where
    R: FnMut() -> Result<Option<Bytes>>,
    S: FnMut(&[u8]) -> Result<()>,
{
    let heads: Vec<_> = inputs.iter().map(|input| input.head).collect();
    let (paths, numbers) = renumber(&heads, keep)?;
    let mut writer = RunWriter::new(paths, sink);
    let mut sources: Vec<_> = inputs.into_iter().zip(numbers).enumerate().map(Source::new).collect();
    // The next entry of every source that has one.
    let mut nexts = BinaryHeap::with_capacity(sources.len());
    for (at, source) in sources.iter_mut().enumerate() {
        nexts.extend(source.next()?.map(|entry| Reverse((entry, at))));
    }
    while let Some(mut top) = nexts.peek_mut() {
        let Reverse((entry, at)) = *top;
        writer.push(entry)?;
        match sources[at].next()? {
            Some(next) => *top = Reverse((next, at)),
            None => drop(std::collections::binary_heap::PeekMut::pop(top)),
        }
    }
    Ok(writer.finish()?)
}

/// The new number of each of a run's files; `None` for one that is dropped.
type Numbers = Vec<Option<u32>>;

/// The paths of the merged run, and the numbers in it of the files of each input. Paths ascend in all of them, so the
/// numbers do, and entries keep their order.
fn renumber(heads: &[&RunHead], keep: impl Fn(&str) -> bool) -> Result<(Paths, Vec<Numbers>)> {
    let mut kept: BTreeMap<&str, Option<u32>> = BTreeMap::new();
    for path in heads.iter().flat_map(|head| head.paths()) {
        kept.entry(path).or_insert_with(|| keep(path).then_some(0));
    }
    let (mut files, mut text_bytes) = (0, 0);
    for (path, number) in &mut kept {
        if let Some(number) = number {
            (*number, files) = (files, files + 1);
            text_bytes += path.len();
        }
    }
    if text_bytes > TEXT_BYTES_MAX {
        let message =
            format!("a run of the trace index cannot cover {files} files: their paths have {text_bytes} bytes");
        return Err(Error::new(ErrorKind::Exhausted, message));
    }
    let paths = Paths::of_ascending(kept.iter().filter(|(_, number)| number.is_some()).map(|(path, _)| *path));
    let numbers = heads.iter().map(|head| head.paths().map(|path| kept.get(path).copied().flatten()).collect());
    Ok((paths, numbers.collect()))
}

/// The entries of one input that are kept, by their new numbers.
struct Source<'a, R> {
    input: usize,
    cursor: RunCursor<'a, R>,
    numbers: Numbers,
}

impl<'a, R: FnMut() -> Result<Option<Bytes>>> Source<'a, R> {
    fn new((input, (MergeInput { head, next_part }, numbers)): (usize, (MergeInput<'a, R>, Numbers))) -> Self {
        Self { input, cursor: RunCursor::new(head, next_part), numbers }
    }

    fn next(&mut self) -> Result<Option<Entry>, MergeError> {
        loop {
            let next = self.cursor.next().map_err(|error| match error {
                CursorError::Damaged(damage) => MergeError::Damaged { input: self.input, damage },
                CursorError::Unread(error) => MergeError::Failed(error),
            })?;
            let Some(entry) = next else { return Ok(None) };
            // The cursor lets no number pass that the head has no path for.
            if let Some(file) = self.numbers[entry.file as usize] {
                return Ok(Some(Entry { file, ..entry }));
            }
        }
    }
}

impl From<Error> for MergeError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

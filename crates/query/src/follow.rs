//! Following the log: matching rows in the order in which the writer took them in, from any position on.
//!
//! The rows of a writer lie in two places. Memtables hold all of them from some LSN on (they are dropped oldest first),
//! committed files all up to the watermark; as the tail is looked at before the snapshot, there is no gap in between. So
//! one step reads either files below the memtables or memtables, never both, and no LSN twice. A step looks at a bounded
//! run of LSNs and says how far it got.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use annals_event::{columns, event_schema};
use annals_table::{DataFile, Lsn, TailView, WriterId};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use crate::deadline::within;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::event_query::{EventQuery, PAGE_EVENTS_MAX};
use crate::filter::Filter;
use crate::reader::{Ranking, Seqs, event_rows, on_cpu, tail_parts};
use crate::search::{PageRequest, candidate_files, search_rows};
use crate::view::View;

/// Rows of files that one step looks at, if a flush is not larger by itself: a second's work at most.
const STEP_ROWS: u64 = 1 << 20;

/// A place in a writer's log: everything up to and including `lsn`. Shown as `00a11a15-42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Whose log.
    pub writer: WriterId,
    /// The last row before the place.
    pub lsn: Lsn,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.writer, self.lsn)
    }
}

impl FromStr for Position {
    type Err = Error;

    /// # Errors
    /// `Invalid` for any text that [`fmt::Display`] does not make.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (writer, lsn) = text.split_once('-')?;
            Some(Self { writer: writer.parse().ok()?, lsn: Lsn(lsn.parse().ok()?) })
        };
        read().filter(|position| position.to_string() == text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Error::invalid(format!("{shown:?} is not a position: pass one as it was given, such as 00a11a15-42"))
        })
    }
}

impl Engine {
    /// The end of the log: everything that is visible now lies before it. `None` in a process that does not write.
    pub fn position(&self) -> Option<Position> {
        let tail = self.tail()?.view();
        let committed = self.table().snapshot().watermark(tail.writer).unwrap_or_default();
        let in_memory = tail.memtables.last().map_or(committed, |memtable| memtable.last_lsn);
        Some(Position { writer: tail.writer, lsn: in_memory.max(committed) })
    }

    /// The first rows behind `after`, at most `rows_max`, that match `query`, in LSN order and in
    /// `annals_event::event_schema()`; and the position up to which everything was looked at, for the next step.
    ///
    /// A step that comes back with `after` itself found nothing new; one with a later position may have no rows and yet
    /// leave more to be looked at. Stepping on meets each matching row of this engine's writer exactly once, whatever is
    /// flushed meanwhile. Rows that other writers committed to the table are not met. `limit`, `order` and `after` of the
    /// query are not looked at. A position beyond the end of the log meets nothing until the log has passed it.
    ///
    /// With nothing new it costs one look at the tail. Far behind, it reads the committed files of the next flushes, each
    /// time whole columns of them: take `rows_max` in the thousands there.
    ///
    /// Which rows are the writer's is told by the origin in the files' names; a compaction keeps writers apart and names
    /// the LSN range of all that it merged.
    ///
    /// # Errors
    /// `Invalid` for a position of another writer, an engine without a tail, or bounds that are broken; `NotFound` when a
    /// file is removed during the step: take it again. Otherwise as [`search`](Self::search), as is cancel safety.
    pub async fn rows_after(
        &self,
        query: &EventQuery,
        after: Position,
        rows_max: usize,
    ) -> Result<(RecordBatch, Position)> {
        if !(1..=PAGE_EVENTS_MAX).contains(&rows_max) {
            return Err(Error::invalid(format!("rows_max is {rows_max} and must be 1 to {PAGE_EVENTS_MAX}")));
        }
        let query = EventQuery { limit: rows_max, after: None, ..query.clone() };
        query.validate()?;
        let Some(tail) = self.tail() else {
            return Err(Error::invalid("only the process that writes can be followed: ask that one"));
        };
        let tail = tail.since(after.lsn);
        let writer = tail.writer;
        if writer != after.writer {
            return Err(Error::invalid(format!(
                "the position {after} is of another log than this one, {writer}: start again at the end of the log"
            )));
        }
        let view = View { snapshot: self.table().snapshot(), memtables: Vec::new() };
        let watermark = view.snapshot.watermark(writer).unwrap_or_default();
        let (rows, lsn) = match only_in_files(after.lsn, &tail, watermark) {
            Some(lsns) => {
                let filter = Filter::new(&query)?;
                let mut files = candidate_files(&view, &query, &filter);
                files.retain(|file| file.origin.is_some_and(|origin| origin.writer == writer));
                within(self.settings().time_ms_max, self.rows_in_files(&query, files, lsns)).await?
            }
            None => {
                let filter = Filter::new(&query)?.with_seqs(seqs(after.lsn.0.saturating_add(1)..=u64::MAX));
                within(self.settings().time_ms_max, rows_in_tail(tail, filter, after.lsn, rows_max)).await?
            }
        };
        Ok((rows, Position { writer, lsn }))
    }

    /// The first matching rows among these LSNs in `files`, and the LSN up to which everything was looked at.
    async fn rows_in_files(
        &self,
        query: &EventQuery,
        mut files: Vec<Arc<DataFile>>,
        lsns: RangeInclusive<u64>,
    ) -> Result<(RecordBatch, Lsn)> {
        let lsns = step(&mut files, lsns);
        let page = PageRequest { ranking: Ranking::Seq, limit: query.limit, after: None, bytes_max: None };
        let filter = Filter::new(query)?.with_seqs(seqs(lsns.clone()));
        let (store, caches) = (self.table().object_store(), self.caches());
        let page = search_rows(Arc::default(), files.into(), store, caches, &page, filter).await?;
        let looked_at = match page.events.num_rows().checked_sub(1) {
            Some(last) if page.next.is_some() => lsn_of(Seqs::of(&page.events).get(last))?,
            _ => Lsn(*lsns.end()),
        };
        Ok((page.events, looked_at))
    }
}

/// The LSNs behind `after` that no memtable of `tail` (which shows the rows behind `after`) holds.
fn only_in_files(after: Lsn, tail: &TailView, watermark: Lsn) -> Option<RangeInclusive<u64>> {
    let last = match tail.memtables.first() {
        Some(memtable) => memtable.first_lsn.0.saturating_sub(1),
        None => watermark.0,
    };
    (after.0 < last).then(|| after.0 + 1..=last)
}

/// The LSNs that one step looks at, and of `files` those that may hold one of them.
fn step(files: &mut Vec<Arc<DataFile>>, lsns: RangeInclusive<u64>) -> RangeInclusive<u64> {
    let range = |file: &DataFile| file.origin.map_or((0, u64::MAX), |origin| (origin.first_lsn.0, origin.last_lsn.0));
    let (first, mut last) = lsns.into_inner();
    files.retain(|file| range(file).1 >= first);
    files.sort_by_key(|file| range(file).0);
    let mut rows = 0u64;
    for file in files.iter() {
        let (starts, _) = range(file);
        if starts > last {
            break;
        }
        // A flush is never divided: its files share one range, and the first is taken whatever its size.
        if rows >= STEP_ROWS && starts > first {
            last = starts - 1;
            break;
        }
        rows = rows.saturating_add(file.rows);
    }
    files.retain(|file| range(file).0 <= last);
    first..=last
}

/// The first matching rows of a tail, and the LSN up to which everything was looked at; `after` when there was nothing.
async fn rows_in_tail(tail: TailView, filter: Filter, after: Lsn, rows_max: usize) -> Result<(RecordBatch, Lsn)> {
    let batches: Arc<[RecordBatch]> =
        tail.memtables.iter().flat_map(|memtable| memtable.batches.iter()).cloned().collect();
    let filter = Arc::new(filter);
    let mut found = Found { rows: Vec::new(), room: rows_max, looked_at: after };
    for part in tail_parts(&batches) {
        let (batches, filter) = (Arc::clone(&batches), Arc::clone(&filter));
        found = on_cpu(move || found.look_at(&batches[part], &filter)).await?;
        if found.room == 0 {
            break;
        }
    }
    let rows = concat_batches(&event_schema(), &found.rows).map_err(|error| {
        Error::with_source(ErrorKind::Internal, "rows of the tail could not be put together", error)
    })?;
    Ok((rows, found.looked_at))
}

struct Found {
    rows: Vec<RecordBatch>,
    /// How many more are wanted.
    room: usize,
    looked_at: Lsn,
}

impl Found {
    fn look_at(mut self, batches: &[RecordBatch], filter: &Filter) -> Result<Self> {
        for batch in batches {
            let Some(last) = batch.num_rows().checked_sub(1) else { continue };
            let rows: Vec<u64> = filter.tail_rows(batch)?.set_indices().take(self.room).map(|row| row as u64).collect();
            self.room -= rows.len();
            let last = match rows.last() {
                Some(row) if self.room == 0 => *row as usize,
                _ => last,
            };
            self.looked_at = lsn_of(Seqs::of(batch).get(last))?;
            if !rows.is_empty() {
                self.rows.push(event_rows(batch, &rows)?);
            }
            if self.room == 0 {
                break;
            }
        }
        Ok(self)
    }
}

/// LSNs as the column `seq` has them.
fn seqs(lsns: RangeInclusive<u64>) -> RangeInclusive<i64> {
    let seq = |lsn: u64| i64::try_from(lsn).unwrap_or(i64::MAX);
    seq(*lsns.start())..=seq(*lsns.end())
}

fn lsn_of(seq: i64) -> Result<Lsn> {
    u64::try_from(seq)
        .map(Lsn)
        .map_err(|_| Error::new(ErrorKind::Corrupt, format!("a row of the log has the {} {seq}", columns::SEQ)))
}

#[cfg(test)]
mod tests;

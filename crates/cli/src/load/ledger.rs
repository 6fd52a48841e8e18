//! [`Ledger`]: what became of every batch that a run sent, in memory and as a file that a later check reads.
//!
//! The file: one JSON line that names the run, then one for each batch, in the order of each producer's batch numbers.
//! `acked` batches hold `events` stored events, `unknown` ones were sent and not answered, `refused` ones were not taken.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use annals_event::{format_timestamp, parse_timestamp};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::marker::{BATCH_EVENTS_MAX, PRODUCERS_MAX, RunId};

/// Longest line of a ledger that is read.
const LINE_BYTES_MAX: usize = 4_096;
/// Batches that a producer may leave out before its next one: numbers from a file never size an allocation.
const GAP_MAX: u64 = 1_024;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Acknowledged: its events must be there.
    Acked,
    /// Sent, and no answer that says anything: its events may be there.
    Unknown,
    /// Not taken: its events must not be there.
    Refused,
}

/// One batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) status: Status,
    /// How many events were acknowledged.
    pub(super) events: u32,
}

/// The batches of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) run: RunId,
    /// Events of a batch.
    pub(super) batch: u32,
    /// No event of the run is earlier, microseconds UTC.
    pub(super) since_us: i64,
    producers: Vec<Vec<Option<Entry>>>,
}

/// First line of the file.
#[derive(Serialize, Deserialize)]
struct Head {
    run: String,
    batch_events: u32,
    since: String,
}

/// Every other line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    producer: u16,
    batch: u64,
    status: Status,
    #[serde(default)]
    events: u32,
    lsn: Option<(u64, u64)>,
}

impl Ledger {
    /// A ledger without batches.
    pub(super) fn new(run: RunId, batch: u32, since_us: i64) -> Self {
        Self { run, batch, since_us, producers: Vec::new() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or a line says what no run writes.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open the ledger {}", path.display()))?;
        Self::parse(BufReader::with_capacity(1 << 20, file)).with_context(|| path.display().to_string())
    }

    fn parse(mut lines: impl BufRead) -> Result<Self> {
        let mut text = String::new();
        let mut next = |text: &mut String| -> Result<bool> {
            text.clear();
            let read = std::io::Read::take(&mut lines, LINE_BYTES_MAX as u64).read_line(text)?;
            if read == LINE_BYTES_MAX {
                bail!("a line is longer than {LINE_BYTES_MAX} bytes: this is no ledger");
            }
            Ok(read > 0)
        };
        next(&mut text)?;
        let head: Head = serde_json::from_str(&text).context("line 1 does not name a run: this is no ledger")?;
        if !(1..=BATCH_EVENTS_MAX).contains(&head.batch_events) {
            bail!("line 1: batch_events is {}, 1 to {BATCH_EVENTS_MAX}", head.batch_events);
        }
        let mut ledger = Self::new(head.run.parse()?, head.batch_events, parse_timestamp(&head.since)?);
        for number in 2u64.. {
            if !next(&mut text)? {
                break;
            }
            if text.trim().is_empty() {
                continue;
            }
            // A run that was killed leaves its last line unfinished.
            let is_whole = text.ends_with('\n');
            match serde_json::from_str::<Line>(&text) {
                Ok(line) => ledger
                    .put(line.producer, line.batch, Entry { status: line.status, events: line.events })
                    .with_context(|| format!("line {number}"))?,
                Err(_) if !is_whole => break,
                Err(error) => return Err(error).with_context(|| format!("line {number}")),
            }
        }
        Ok(ledger)
    }

    /// Notes a batch.
    ///
    /// # Errors
    /// When it is noted already, or its numbers are not those of a run.
    pub(super) fn put(&mut self, producer: u16, batch: u64, entry: Entry) -> Result<()> {
        if producer > PRODUCERS_MAX || entry.events > self.batch {
            bail!("producer {producer} with {} events is not of this run", entry.events);
        }
        if self.producers.len() <= usize::from(producer) {
            self.producers.resize_with(usize::from(producer) + 1, Vec::new);
        }
        let batches = &mut self.producers[usize::from(producer)];
        let noted = batches.len() as u64;
        if batch > noted + GAP_MAX {
            bail!("batch {batch} of producer {producer} comes after batch {noted}");
        }
        let place = usize::try_from(batch)?;
        if batches.len() <= place {
            batches.resize(place + 1, None);
        }
        match &mut batches[place] {
            Some(_) => bail!("batch {batch} of producer {producer} is noted twice"),
            vacant => *vacant = Some(entry),
        }
        Ok(())
    }

    /// What became of a batch; `None` when it was never sent.
    pub(super) fn get(&self, producer: u16, batch: u64) -> Option<Entry> {
        *self.producers.get(usize::from(producer))?.get(usize::try_from(batch).ok()?)?
    }

    /// All batches, by producer and number.
    pub(super) fn batches(&self) -> impl Iterator<Item = (u16, u64, Entry)> {
        (0u16..).zip(&self.producers).flat_map(|(producer, batches)| {
            (0u64..).zip(batches).filter_map(move |(batch, entry)| entry.map(|entry| (producer, batch, entry)))
        })
    }
}

/// A ledger being written, with its file where one was asked for.
#[derive(Debug)]
pub(super) struct LedgerWriter {
    ledger: Ledger,
    file: Option<BufWriter<File>>,
}

impl LedgerWriter {
    /// Starts a ledger; replaces the file.
    pub(super) fn create(ledger: Ledger, path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| File::create(path).with_context(|| format!("cannot create the ledger {}", path.display())))
            .transpose()?;
        let mut writer = Self { file: file.map(|file| BufWriter::with_capacity(1 << 16, file)), ledger };
        let head = Head {
            run: writer.ledger.run.to_string(),
            batch_events: writer.ledger.batch,
            since: format_timestamp(writer.ledger.since_us),
        };
        writer.write(&head)?;
        Ok(writer)
    }

    /// Notes a batch.
    pub(super) fn put(&mut self, producer: u16, batch: u64, entry: Entry, lsn: Option<(u64, u64)>) -> Result<()> {
        self.ledger.put(producer, batch, entry)?;
        self.write(&Line { producer, batch, status: entry.status, events: entry.events, lsn })
    }

    /// The whole ledger, once the file has it too.
    pub(super) fn finish(mut self) -> Result<Ledger> {
        if let Some(file) = &mut self.file {
            file.flush().context("cannot write the ledger")?;
        }
        Ok(self.ledger)
    }

    /// Brings what is noted so far to the file.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush()).context("cannot write the ledger")
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        serde_json::to_writer(&mut *file, line).context("cannot write the ledger")?;
        file.write_all(b"\n").context("cannot write the ledger")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acked(events: u32) -> Entry {
        Entry { status: Status::Acked, events }
    }

    fn empty() -> Ledger {
        Ledger::new(RunId::new(5), 100, 1_000_000)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = LedgerWriter::create(empty(), Some(file.path())).unwrap();
        writer.put(1, 0, acked(100), Some((1, 100))).unwrap();
        writer.put(0, 0, Entry { status: Status::Unknown, events: 0 }, None).unwrap();
        writer.put(1, 1, Entry { status: Status::Refused, events: 0 }, None).unwrap();
        let ledger = writer.finish().unwrap();
        assert_eq!(Ledger::read(file.path()).unwrap(), ledger);
        assert_eq!(ledger.get(1, 0), Some(acked(100)));
        assert_eq!((ledger.get(1, 2), ledger.get(7, 0)), (None, None));
        let order: Vec<_> = ledger.batches().map(|(producer, batch, _)| (producer, batch)).collect();
        assert_eq!(order, [(0, 0), (1, 0), (1, 1)]);
    }

    #[test]
    fn numbers_of_a_hostile_file_size_nothing() {
        let mut ledger = empty();
        assert!(ledger.put(0, 9_999_999_999, acked(1)).is_err());
        assert!(ledger.put(60_000, 0, acked(1)).is_err());
        assert!(ledger.put(0, 0, acked(101)).is_err());
        ledger.put(0, 0, acked(1)).unwrap();
        assert!(ledger.put(0, 0, acked(1)).is_err());
    }

    #[test]
    fn an_unfinished_last_line_is_passed_over_and_rubbish_is_not() {
        let head = r#"{"run":"00000005","batch_events":10,"since":"2026-05-01T00:00:00Z"}"#;
        let line = r#"{"producer":0,"batch":0,"status":"acked","events":10,"lsn":[1,10]}"#;
        let read = |text: String| Ledger::parse(text.as_bytes());
        assert_eq!(read(format!("{head}\n{line}\n{}", &line[..20])).unwrap().batches().count(), 1);
        assert!(read(format!("{head}\nrubbish\n{line}\n")).is_err());
        assert!(read(String::new()).is_err() && read(format!("{line}\n")).is_err());
        assert!(read("x".repeat(10_000)).is_err());
    }
}

//! How a [`Writer`] comes to be: its WAL is read, what the table does not hold is taken in again, its threads start.

use std::sync::{Arc, Mutex, PoisonError};

use annals_table::{Lsn, WriterId};

use super::{Writer, WriterOptions};
use crate::batch;
use crate::error::{Error, ErrorKind, Result};
use crate::flusher::Flusher;
use crate::known_ids::KnownIds;
use crate::ledger::{Ledger, LedgerEntry};
use crate::logger::Logger;
use crate::repair::Repair;
use crate::state::{Shared, State};
use crate::steps::{FlushStep, LogStep, Steps};
use crate::wal::{
    BodyCodec, Damaged, FrameContent, KnownEnd, Replay, SegmentMaker, SegmentSupply, WalLock, WalWriter, mix,
    read_frame,
};

impl Writer {
    /// Opens the WAL (making a new one where there is none), replays what the table does not hold, removes the data files
    /// of flushes that were never committed, and starts. Blocks.
    ///
    /// # Errors
    /// `Conflict`, naming the holder, when another process holds the WAL; `Corrupt`, naming file and offset, when synced
    /// rows are damaged; `Invalid` for settings out of bounds; `Exhausted` when the disk is full.
    pub fn open(options: WriterOptions) -> Result<Self> {
        let (opened, logger, flusher, _) = Self::assemble(options, true, Damaged::Stops)?;
        debug_assert!(flusher.is_none(), "the flush threads have theirs");
        opened.spawn("annals-wal", move || logger.run())?;
        Ok(opened)
    }

    /// Opens a writer without threads of its own: appends are logged, and memtables flushed, only when a [step](Steps) is
    /// taken. For programs that must order everything themselves, as a simulation does. What waits for another thread would
    /// wait for ever: [`flush`](Self::flush), [`append_wait`](Self::append_wait), a ticket before its step.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_stepped(options: WriterOptions) -> Result<(Self, Steps)> {
        let (opened, logger, flusher, _) = Self::assemble(options, false, Damaged::Stops)?;
        let flusher = flusher.expect("no thread has it");
        Ok((opened, Steps { log: LogStep(logger), flush: FlushStep(flusher) }))
    }

    /// Opens a WAL of which synced rows are damaged, which stops [`open`](Self::open): moves the damaged segments aside,
    /// brings all rows that can be read into the table, so that no later start misses the others, and closes. Of an
    /// undamaged WAL it does only that. Blocks.
    ///
    /// # Errors
    /// As `open` but for damaged rows. What was done by then stays, and another call goes on from there.
    pub fn repair(options: WriterOptions) -> Result<Repair> {
        let table = Arc::clone(&options.table);
        let (opened, logger, _, repair) = Self::assemble(options, true, Damaged::IsPassed)?;
        let writer = opened.shared.writer;
        opened.spawn("annals-wal", move || logger.run())?;
        opened.close(true)?;
        repair.settle(&table, writer)?;
        Ok(repair)
    }

    /// Opens and replays. With `threads`, flushes and segments have theirs; without, the caller gets what flushes.
    fn assemble(
        options: WriterOptions,
        threads: bool,
        damaged: Damaged,
    ) -> Result<(Self, Logger, Option<Flusher>, Repair)> {
        let WriterOptions { settings, wal_dir, store, table, fs, clock, seed } = options;
        settings.validate()?;
        let codec = BodyCodec::new(settings.wal_compression)?;
        let lock = WalLock::take(fs.as_ref(), &wal_dir)?;
        // The newest version settles a commit whose answer the process before did not live to see.
        let snapshot = table.refresh()?;
        store.settle_log(table.name())?;
        let watermark_of = |writer| snapshot.watermark(writer).unwrap_or(Lsn(0));
        let replay = Replay::read_past(fs.as_ref(), &wal_dir, watermark_of, damaged)?;
        let repair = Repair::of(&replay, fs.as_ref(), &wal_dir)?;
        replay.settle(fs.as_ref(), &wal_dir)?;
        let writer = replay.writer.unwrap_or_else(|| WriterId((mix(seed) >> 32) as u32));
        let watermark = watermark_of(writer);
        if replay.end > watermark {
            KnownEnd { writer, lsn: replay.end }.note(fs.as_ref(), &wal_dir);
        }
        // Rows that were committed but lost from the WAL keep their numbers: a replay would skip their successors.
        let end = replay.end.max(watermark);
        table.remove_orphans(writer)?;

        let maker = SegmentMaker {
            fs: Arc::clone(&fs),
            dir: wal_dir.clone(),
            writer,
            bytes: settings.wal_segment_bytes,
            next_id: replay.last_segment + 1,
            seed: mix(seed ^ end.0),
        };
        let closed = Arc::new(Mutex::new(replay.closed.clone()));
        let supply = |maker| if threads { SegmentSupply::ahead(maker) } else { Ok(SegmentSupply::WhenAsked(maker)) };
        let wal = WalWriter::start(maker, Lsn(end.0 + 1), Arc::clone(&closed), supply)?;
        replay.remove_surplus(fs.as_ref(), &wal_dir)?;
        let segment_bytes = wal.segment_bytes();
        let state = State { next_lsn: wal.next_lsn(), durable_lsn: end, committed_lsn: watermark, ..State::default() };
        let shared = Arc::new(Shared::new(settings, writer, clock, state));
        let mut known = KnownIds::new(shared.settings.known_ids_max);
        let ledger = Ledger::open(
            Arc::clone(&fs),
            &wal_dir,
            shared.settings.known_ids_max,
            shared.settings.request_keys_ttl_s as i64 * 1_000_000,
            |id| {
                known.insert(id);
            },
            |request| shared.keys.restore(request),
        )?;
        let ledger = Arc::new(Mutex::new(ledger));

        let closed_too = Arc::clone(&closed);
        let shared_too = Arc::clone(&shared);
        let flusher =
            Flusher { shared: shared_too, store, table, fs, wal_dir, closed: closed_too, ledger, tries_again: threads };
        let (fs, wal_dir) = (Arc::clone(&flusher.fs), flusher.wal_dir.clone());
        let opened = Self { shared, codec, closed, segment_bytes, wal_dir, fs, threads: Mutex::default(), _lock: lock };
        let mut stepped = None;
        if threads {
            for _ in 0..opened.shared.settings.frozen_max {
                let flusher = flusher.clone();
                opened.spawn("annals-flush", move || flusher.run())?;
            }
        } else {
            stepped = Some(flusher);
        }
        opened.take_in(&replay, &mut known, stepped.as_ref())?;
        let logger = Logger { shared: Arc::clone(&opened.shared), wal, known, codec: opened.codec.clone() };
        Ok((opened, logger, stepped, repair))
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(work);
        let thread =
            thread.map_err(|error| Error::with_source(ErrorKind::Exhausted, "cannot start a thread", error))?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Puts the replayed rows into the memtable, flushing on the way when they are more than memory may hold, and what else
    /// the log tells into the tables of known ids and requests.
    fn take_in(&self, replay: &Replay, known: &mut KnownIds, stepped: Option<&Flusher>) -> Result<()> {
        let settled = replay.settled.iter().map(|place| (place, false));
        for (place, is_new) in settled.chain(replay.frames.iter().map(|place| (place, true))) {
            let FrameContent { batches, ids, requests } = read_frame(self.fs.as_ref(), &self.wal_dir, place)?;
            for id in &ids {
                known.insert(*id);
            }
            for request in &requests {
                self.shared.keys.restore(request.clone());
            }
            let mut state = self.shared.lock();
            if !ids.is_empty() || !requests.is_empty() {
                state.unledgered.push_back(LedgerEntry { last_lsn: place.header.last_lsn(), ids, requests });
            }
            if !is_new {
                continue;
            }
            let mut next = place.header.first_lsn;
            for rows in batches {
                let bytes = batch::memory_bytes(&rows);
                let count = rows.num_rows() as u64;
                state.bytes += bytes;
                state.memtables.insert(rows, next, bytes, self.shared.clock.now_us());
                next = Lsn(next.0 + count);
            }
            self.shared.freeze_if_due(&mut state);
            while state.bytes > self.shared.settings.memtable_bytes_max {
                if state.memtables.frozen.is_empty() {
                    state.wanted_lsn = state.memtables.active.last_lsn;
                    self.shared.freeze_if_due(&mut state);
                }
                state.check_open()?;
                state = match stepped {
                    None => self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner),
                    Some(flusher) => {
                        drop(state);
                        let flushed = flusher.step();
                        let state = self.shared.lock();
                        if let Some(error) = state.last_flush_error.as_ref().filter(|_| !flushed) {
                            return Err(error.clone());
                        }
                        state
                    }
                };
                self.shared.freeze_if_due(&mut state);
            }
        }
        Ok(())
    }
}

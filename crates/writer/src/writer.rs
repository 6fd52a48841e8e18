//! [`Writer`]: the one way in for rows. Opens the WAL, replays it, and runs the threads between append and commit.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use annals_event::Clock;
use annals_table::{FileSystem, Lsn, Store, Table, TailSource, WriterId};
use arrow::array::RecordBatch;
use tokio::sync::{oneshot, watch};

use crate::batch;
use crate::error::{Error, ErrorKind, Result};
use crate::flusher::Flusher;
use crate::known_ids::{KnownIds, client_ids};
use crate::ledger::{Ledger, LedgerEntry};
use crate::logger::Logger;
use crate::receipt::{Ack, AppendTicket};
use crate::repair::Repair;
use crate::request_key::{Claim, RequestHash, RequestKey};
use crate::settings::WriterSettings;
use crate::share::Share;
use crate::state::{Pending, Shared, State, Waiting};
use crate::steps::{FlushStep, LogStep, Steps};
use crate::wal::{
    BodyCodec, ClosedSegment, Damaged, FrameContent, KnownEnd, Replay, SegmentMaker, SegmentSupply, WalHolder, WalLock,
    WalWriter, mix, read_frame, write_note,
};

/// What a writer is made of.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Bounds.
    pub settings: WriterSettings,
    /// Directory of the WAL, absolute; created where absent.
    pub wal_dir: PathBuf,
    /// Where data files go.
    pub store: Store,
    /// The table they are committed to.
    pub table: Arc<Table>,
    /// The file system of the WAL.
    pub fs: Arc<dyn FileSystem>,
    /// Time of day, for the age of rows.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the id of a new writer and the salts of segments.
    pub seed: u64,
}

/// How a writer stands.
#[derive(Clone, Debug)]
pub struct WriterStatus {
    /// Its id.
    pub writer: WriterId,
    /// The LSN that the next row gets.
    pub next_lsn: Lsn,
    /// Everything up to here is synced.
    pub durable_lsn: Lsn,
    /// Everything up to here is in the table.
    pub watermark: Lsn,
    /// Bytes of rows in memory, waiting ones included.
    pub memtable_bytes: u64,
    /// Rows in memory that have an LSN.
    pub memtable_rows: u64,
    /// Memtables on their way into the table.
    pub frozen: usize,
    /// Bytes of the WAL's segments, the one prepared ahead not counted.
    pub wal_bytes: u64,
    /// Number of those segments.
    pub wal_segments: u64,
    /// Why the writer closed, or why the last flush must be tried again.
    pub failure: Option<Error>,
}

/// Takes rows in: logged, synced, visible, then flushed to the table. Methods may be called from any number of threads.
///
/// Dropping it is [`close`](Self::close) without a flush.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    codec: BodyCodec,
    closed: Arc<Mutex<Vec<ClosedSegment>>>,
    segment_bytes: u64,
    wal_dir: PathBuf,
    fs: Arc<dyn FileSystem>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: WalLock,
}

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

    /// Hands over rows of [`annals_event::event_schema`]; `seq` is overwritten, `id` filled where null. Does not wait for
    /// room; encodes on the calling thread. LSNs follow the order of the calls of one thread.
    ///
    /// # Errors
    /// `Exhausted` when memory is full until a flush is done, `Invalid` for rows that cannot be stored, `Closed` after a
    /// failure. Nothing was taken.
    ///
    /// # Durability
    /// None by itself: the ticket's receipt says when `ack` is reached.
    pub fn append(&self, batch: RecordBatch, ack: Ack) -> Result<AppendTicket> {
        self.hand_over(batch, ack, false)
    }

    /// As [`append`](Self::append), but waits for room.
    ///
    /// # Errors
    /// As `append`; `Exhausted` only for a batch that is larger than all the memory allowed.
    pub fn append_wait(&self, batch: RecordBatch, ack: Ack) -> Result<AppendTicket> {
        self.hand_over(batch, ack, true)
    }

    fn hand_over(&self, batch: RecordBatch, ack: Ack, wait: bool) -> Result<AppendTicket> {
        let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        let mut tickets = self.hand_over_shares(batch, vec![Share { rows, ack, key: None }], wait)?;
        Ok(tickets.pop().expect("one share has one ticket"))
    }

    /// Hands over the rows of several requests as one batch: logged together, each acknowledged by itself. The answer has a
    /// ticket for each share, in their order. A share without rows and without a key is acknowledged with the others.
    ///
    /// # Errors
    /// As [`append`](Self::append), for all of them; `Invalid` when the shares' rows are not those of the batch.
    pub fn append_shares(&self, batch: RecordBatch, shares: Vec<Share>) -> Result<Vec<AppendTicket>> {
        self.hand_over_shares(batch, shares, false)
    }

    fn hand_over_shares(&self, batch: RecordBatch, shares: Vec<Share>, wait: bool) -> Result<Vec<AppendTicket>> {
        batch::check(&batch)?;
        batch::check_shares(&batch, &shares)?;
        let (tickets, shares): (Vec<_>, Vec<_>) = shares
            .into_iter()
            .map(|Share { rows, ack, key }| {
                let (send, answer) = oneshot::channel();
                (AppendTicket { answer }, Waiting { rows, duplicates: 0, ack, key, answer: send })
            })
            .unzip();
        let batch = batch::compact(&batch)?;
        let ids = if self.shared.settings.known_ids_max > 0 { client_ids(&batch) } else { Vec::new() };
        let bytes = if batch.num_rows() > 0 { batch::memory_bytes(&batch) } else { 0 };
        let max = self.shared.settings.memtable_bytes_max;
        if bytes > max {
            let message = format!(
                "the batch needs {bytes} bytes of memory and memtable_bytes_max is {max}: send fewer rows at once"
            );
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        self.reserve(bytes, wait)?;
        let record = if batch.num_rows() > 0 { self.codec.encode(&batch).map(Some) } else { Ok(None) };
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                self.shared.lock().bytes -= bytes;
                return Err(error);
            }
        };
        let mut state = self.shared.lock();
        if let Err(error) = state.check_open() {
            state.bytes -= bytes;
            return Err(error);
        }
        state.inbox.push_back(Pending { batch, record, ids, bytes, shares });
        drop(state);
        self.shared.work.notify_one();
        Ok(tickets)
    }

    /// Claims an idempotency key for a request. Claim before the request is worked on; hand the claim over with its rows
    /// ([`Share::key`]), or drop it when the request fails.
    ///
    /// # Durability
    /// A request that was acknowledged at [`Ack::Wal`] or above is known after any crash, until its time is over.
    pub fn claim(&self, key: RequestKey, request: RequestHash) -> Claim {
        self.shared.keys.claim(key, request)
    }

    /// The last LSN that readers see, and how to wait for the next: each change tells of new rows in the
    /// [tail](Self::tail).
    pub fn visible(&self) -> watch::Receiver<Lsn> {
        self.shared.visible.subscribe()
    }

    /// The last LSN that is in the table, and how to wait for the next: each change means that memory came free.
    pub fn committed(&self) -> watch::Receiver<Lsn> {
        self.shared.committed.subscribe()
    }

    /// Bytes of rows that can be handed over now without waiting for a flush.
    pub fn room_bytes(&self) -> u64 {
        self.shared.settings.memtable_bytes_max.saturating_sub(self.shared.lock().bytes)
    }

    /// The settings in force.
    pub fn settings(&self) -> &WriterSettings {
        &self.shared.settings
    }

    fn reserve(&self, bytes: u64, wait: bool) -> Result<()> {
        let mut state = self.shared.lock();
        loop {
            state.check_open()?;
            if state.bytes + bytes <= self.shared.settings.memtable_bytes_max {
                state.bytes += bytes;
                return Ok(());
            }
            if state.memtables.frozen.is_empty() {
                // Nothing would ever make room: the active memtable must go although it is small.
                state.wanted_lsn = state.memtables.active.last_lsn;
                self.shared.work.notify_one();
            }
            if !wait {
                let message = "the writer's memory is full until a flush is done: try again in a few seconds";
                return Err(match &state.last_flush_error {
                    Some(error) => Error::with_source(ErrorKind::Exhausted, message, error.clone()),
                    None => Error::new(ErrorKind::Exhausted, message),
                });
            }
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The rows that are acknowledged but not yet in the table.
    pub fn tail(&self) -> Arc<dyn TailSource> {
        Arc::clone(&self.shared) as _
    }

    /// Freezes the memtable and blocks until every row handed over before is in the table.
    ///
    /// # Errors
    /// That of a flush that failed: the rows stay in the WAL and the flush is tried again in the background.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.shared.lock();
        while !state.inbox.is_empty() || state.logging {
            state.check_open()?;
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let target = Lsn(state.next_lsn.0 - 1);
        state.wanted_lsn = state.wanted_lsn.max(target);
        self.shared.work.notify_one();
        while state.committed_lsn < target {
            state.check_open()?;
            if let Some(error) = &state.last_flush_error {
                return Err(error.clone());
            }
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// How the writer stands.
    pub fn status(&self) -> WriterStatus {
        let (wal_segments, closed_bytes) = {
            let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            (closed.len() as u64 + 1, closed.iter().map(|segment| segment.bytes).sum::<u64>())
        };
        let state = self.shared.lock();
        let frozen_rows =
            state.memtables.frozen.iter().map(|frozen| frozen.rows.last_lsn.0 + 1 - frozen.rows.first_lsn.0);
        WriterStatus {
            writer: self.shared.writer,
            next_lsn: state.next_lsn,
            durable_lsn: state.durable_lsn,
            watermark: state.committed_lsn,
            memtable_bytes: state.bytes,
            memtable_rows: state.memtables.active.rows + frozen_rows.sum::<u64>(),
            frozen: state.memtables.frozen.len(),
            wal_bytes: closed_bytes + self.segment_bytes,
            wal_segments,
            failure: state.failure.clone().or_else(|| state.last_flush_error.clone()),
        }
    }

    /// Writes the address at which this process answers HTTP beside the lock, for readers that find the WAL held.
    ///
    /// # Errors
    /// `Unavailable` or `Exhausted` when the note cannot be written.
    pub fn announce_http(&self, http: &str) -> Result<()> {
        let holder = WalHolder { http: Some(http.to_owned()), ..WalHolder::this_process() };
        write_note(self.fs.as_ref(), &self.wal_dir, &holder)
    }

    /// Logs what was handed over, after a [`flush`](Self::flush) if asked for, stops all threads and frees the WAL. Rows
    /// that are not in the table are found again at the next start.
    ///
    /// # Errors
    /// That of the flush, or the failure that closed the writer before. It is closed in any case.
    pub fn close(self, flush: bool) -> Result<()> {
        let flushed = if flush { self.flush() } else { Ok(()) };
        self.stop();
        flushed?;
        match &self.shared.lock().failure {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Logs what was handed over and stops all threads, as [`close`](Self::close) without a flush does; for a writer that
    /// others still hold. What is handed over later is refused as `Closed`.
    pub fn stop(&self) {
        self.shared.lock().closing = true;
        self.shared.wake_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic was noted as the writer's failure.
            let _ = thread.join();
        }
        self.write_known_end();
        // Their rows are in the WAL; only the claim to hear of the commit ends here.
        self.shared.lock().stored.clear();
    }
}

impl Writer {
    /// Writes down how far the log was synced, if that is more than the table holds.
    fn write_known_end(&self) {
        let lsn = {
            let state = self.shared.lock();
            let is_known = state.failure.is_none() && state.durable_lsn > state.committed_lsn;
            if is_known { state.durable_lsn } else { return }
        };
        KnownEnd { writer: self.shared.writer, lsn }.note(self.fs.as_ref(), &self.wal_dir);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

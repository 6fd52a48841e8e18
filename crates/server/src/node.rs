//! [`Node`]: what a started server answers from, the open store and the bounds around it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_event::{Clock, DecodeLimits, DecodeSettings};
use annals_query::{Engine, EngineOptions, EventSource, QuerySettings};
use annals_table::{Lsn, ParquetSettings, Table, TableOptions};
use annals_writer::{Writer, WriterOptions, WriterSettings};
use tokio::sync::watch;

use crate::dead_letters::DeadLetters;
use crate::error::Result;
use crate::http::Reads;
use crate::intake::Intake;
use crate::memory::Budget;
use crate::server::ServerOptions;
use crate::settings::Resolved;
use crate::upload::Uploads;

const MIB: u64 = 1 << 20;
/// Copies of a page that are held until it is sent.
const PAGE_COPIES: u64 = 4;
/// Least and most that the rows of one page may take.
const PAGE_BYTES: (u64, u64) = (4 << 20, 64 << 20);

/// Memory for the rows of dead letters; of the memtables' part.
const DEAD_LETTER_MEMTABLE_BYTES: u64 = 16 * MIB;
/// Folder of the dead letters' log within that of the events.
pub const DEAD_LETTER_LOG: &str = "dead_letters";

/// An open store and everything that requests share.
#[derive(Debug)]
pub(crate) struct Node {
    /// Answers queries over the events, the tail included.
    pub(crate) engine: Arc<Engine>,
    /// Takes events in.
    pub(crate) writer: Arc<Writer>,
    /// Takes refused records in.
    pub(crate) dead_letter_writer: Arc<Writer>,
    dead_letters_table: Arc<Table>,
    /// The way in for events.
    pub(crate) intake: Intake,
    /// The way in for bodies.
    pub(crate) uploads: Uploads,
    /// The last LSN that queries see.
    pub(crate) visible: watch::Receiver<Lsn>,
    /// Time of day.
    pub(crate) clock: Arc<dyn Clock>,
    /// How many queries and tails there may be at once.
    pub(crate) reads: Reads,
}

impl Node {
    /// Opens the store: tables, logs (replaying them), engine. Blocks, perhaps for long.
    ///
    /// # Errors
    /// What [`Writer::open`] and [`Table::open_or_create`] meet.
    pub(crate) fn open(options: &ServerOptions, url: Option<&str>) -> Result<Self> {
        Self::open_answering(options, url, query_settings(&options.resolved, options.store.local_path().is_none()))
    }

    /// As [`open`](Self::open), with other limits of queries.
    pub(crate) fn open_answering(options: &ServerOptions, url: Option<&str>, queries: QuerySettings) -> Result<Self> {
        let ServerOptions { resolved, store, wal_dir, fs, clock, seed } = options;
        let settings = &resolved.settings;
        let open_table =
            |table| Ok::<_, crate::error::Error>(Arc::new(Table::open_or_create(store, table, Arc::clone(clock))?));
        let table = open_table(TableOptions::events())?;
        let dead_letters_table = open_table(TableOptions::dead_letters())?;
        let open_writer = |table: &Arc<Table>, settings: WriterSettings, wal_dir: &Path| {
            let options = WriterOptions {
                settings,
                wal_dir: wal_dir.to_owned(),
                store: store.clone(),
                table: Arc::clone(table),
                fs: Arc::clone(fs),
                clock: Arc::clone(clock),
                seed: *seed,
            };
            Ok::<_, crate::error::Error>(Arc::new(Writer::open(options)?))
        };
        let writer = open_writer(&table, writer_settings(resolved), wal_dir)?;
        let letters = open_writer(&dead_letters_table, dead_letter_settings(), &wal_dir.join(DEAD_LETTER_LOG))?;
        if let Some(url) = url {
            match writer.announce_http(url) {
                // Who finds the log held is told less.
                Err(error) if error.kind() == annals_writer::ErrorKind::Exhausted => {
                    tracing::warn!(%error, "the address could not be written down beside the log");
                }
                outcome => outcome?,
            }
        }
        let engine = Engine::new(EngineOptions {
            table,
            tail: Some(writer.tail()),
            dead_letters: Some(EventSource { table: Arc::clone(&dead_letters_table), tail: Some(letters.tail()) }),
            settings: queries,
            clock: Arc::clone(clock),
        })?;
        let dead_letters = DeadLetters::new(Arc::clone(&letters), Arc::clone(clock), settings.dead_letter_bytes_max);
        let limits = DecodeLimits { event_bytes_max: settings.event_bytes_max, ..DecodeLimits::default() };
        let decode = DecodeSettings { limits, ..DecodeSettings::default() };
        let intake = Intake::start(Arc::clone(&writer), dead_letters, decode, Arc::clone(clock))?;
        let uploads = Uploads::new(
            Budget::new(resolved.memory.requests_bytes_max),
            Arc::clone(&writer),
            resolved.request_bytes_max(),
            Duration::from_secs(settings.body_idle_timeout_s),
        );
        Ok(Self {
            engine: Arc::new(engine),
            visible: writer.visible(),
            writer,
            dead_letter_writer: letters,
            dead_letters_table,
            intake,
            uploads,
            clock: Arc::clone(clock),
            reads: Reads::new(settings.queries_max),
        })
    }

    /// The table of dead letters.
    pub(crate) fn dead_letters_table(&self) -> Arc<Table> {
        Arc::clone(&self.dead_letters_table)
    }

    /// Brings everything that was taken in into the tables. Blocks.
    ///
    /// # Errors
    /// That of the first flush that failed; the rows stay in the logs.
    pub(crate) fn flush(&self) -> Result<()> {
        self.dead_letter_writer.flush()?;
        Ok(self.writer.flush()?)
    }

    /// Syncs and closes the logs. Blocks.
    pub(crate) fn stop(&self) {
        self.dead_letter_writer.stop();
        self.writer.stop();
    }
}

fn writer_settings(resolved: &Resolved) -> WriterSettings {
    let (settings, memory) = (&resolved.settings, &resolved.memory);
    WriterSettings {
        memtable_bytes_max: memory.memtable_bytes_max - DEAD_LETTER_MEMTABLE_BYTES,
        freeze_bytes: memory.freeze_bytes.min((memory.memtable_bytes_max - DEAD_LETTER_MEMTABLE_BYTES) / 2),
        freeze_age_ms: settings.freeze_age_s * 1_000,
        known_ids_max: memory.known_ids_window(),
        request_keys_ttl_s: settings.idempotency_hours * 3_600,
        request_keys_bytes_max: memory.idempotency_bytes_max,
        // Two flushes in flight are as many threads as two cores bear beside requests.
        encode_threads: std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
        parquet: ParquetSettings::with_word_index(settings.word_index),
        ..WriterSettings::default()
    }
}

/// Refused records are few; where they are many, they may wait.
fn dead_letter_settings() -> WriterSettings {
    WriterSettings {
        wal_segment_bytes: MIB,
        wal_group_bytes_max: MIB,
        memtable_bytes_max: DEAD_LETTER_MEMTABLE_BYTES,
        freeze_bytes: DEAD_LETTER_MEMTABLE_BYTES / 4,
        frozen_max: 1,
        encode_threads: 1,
        known_ids_max: 0,
        ..WriterSettings::default()
    }
}

/// What the rows of one page may take: with all queries running, each holds its rows decoded, in order, and as they are sent.
fn page_bytes_max(queries_bytes_max: u64, queries_max: usize) -> u64 {
    (queries_bytes_max / queries_max.max(1) as u64 / PAGE_COPIES).clamp(PAGE_BYTES.0, PAGE_BYTES.1)
}

fn query_settings(resolved: &Resolved, is_remote: bool) -> QuerySettings {
    let memory = &resolved.memory;
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    QuerySettings {
        memory_bytes_max: bytes(memory.queries_bytes_max),
        metadata_cache_bytes_max: bytes(memory.metadata_cache_bytes_max),
        block_cache_bytes_max: bytes(memory.block_cache_bytes_max),
        page_cache_bytes_max: bytes(memory.page_cache_bytes_max),
        caches_at_first_read: is_remote,
        page_bytes_max: Some(page_bytes_max(memory.queries_bytes_max, resolved.settings.queries_max)),
        time_ms_max: Some(resolved.settings.query_time_s_max * 1_000),
        spill_dir: Some(std::env::temp_dir()),
        ..QuerySettings::default()
    }
}

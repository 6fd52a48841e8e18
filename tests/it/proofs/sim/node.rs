//! [`Node`]: one life of a simulated process, a writer and an engine over the store of a [`Place`].

use std::sync::Arc;

use annals_query::{Engine, EngineOptions, EventQuery, QuerySettings};
use annals_table::{FileFilter, ParquetSettings, Store, Table, TableOptions};
use annals_writer::{
    CompactionPlan, CompactionSettings, FlushStep, LogStep, WalCompression, Writer, WriterOptions, WriterSettings,
    compact,
};
use anyhow::Result;

use super::events::{Row, rows};
use super::place::Place;

/// Rows after which a memtable freezes.
pub(crate) const FREEZE_ROWS: u64 = 40;
/// Age at which it does.
pub(crate) const FREEZE_AGE_MS: u64 = 10_000;

pub(crate) struct Node {
    pub(crate) writer: Writer,
    pub(crate) engine: Arc<Engine>,
    table: Arc<Table>,
    store: Store,
    /// Taken out while a step is under way.
    pub(crate) log: Option<LogStep>,
    pub(crate) flush: Option<FlushStep>,
}

impl Node {
    /// Opens, replays, and is ready to be stepped.
    pub(crate) fn open(place: &Place, life: u64) -> Result<Self> {
        let seed = place.seed ^ life.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let clock = Arc::clone(&place.clock);
        let store = place.store();
        let options = TableOptions { checkpoint_interval: 4, commit_seed: Some(seed), ..TableOptions::events() };
        let table = Arc::new(Table::open_or_create(&store, options, Arc::clone(&clock) as _)?);
        let settings = WriterSettings {
            wal_segment_bytes: 64 << 10,
            freeze_rows: FREEZE_ROWS,
            freeze_age_ms: FREEZE_AGE_MS,
            encode_threads: 1,
            retry_ms: 1,
            known_ids_max: 2_000,
            // Unoptimised, LZ4's buffers would take a third of a simulation's time; some worlds have it all the same.
            wal_compression: if place.seed.is_multiple_of(8) { WalCompression::Lz4 } else { WalCompression::None },
            ..WriterSettings::default()
        };
        let (writer, steps) = Writer::open_stepped(WriterOptions {
            settings,
            wal_dir: place.wal_dir(),
            store: store.clone(),
            table: Arc::clone(&table),
            fs: Arc::new(place.fs.clone()),
            clock: Arc::clone(&clock) as _,
            seed,
        })?;
        let settings = QuerySettings {
            target_partitions: 1,
            block_cache_bytes_max: 0,
            page_cache_bytes_max: 0,
            ..QuerySettings::default()
        };
        let (tail, dead_letters) = (Some(writer.tail()), None);
        let options = EngineOptions { table: Arc::clone(&table), tail, dead_letters, settings, clock };
        let engine = Arc::new(Engine::new(options)?);
        Ok(Self { writer, engine, table, store, log: Some(steps.log), flush: Some(steps.flush) })
    }

    /// Merges the files of one partition, and tends the trace index.
    ///
    /// # Errors
    /// What the store answers; which is no matter where it fails on purpose.
    pub(crate) fn compact(&self, now_us: i64) -> Result<()> {
        let settings = CompactionSettings::default();
        let plan = CompactionPlan::whole(&self.table.snapshot(), &FileFilter::all(), &settings);
        if let Some(group) = plan.groups.first() {
            compact(&self.table, &self.store, group, &ParquetSettings::default(), &settings, now_us)?;
        }
        self.table.tend_trace_index(&self.store, || true)?;
        Ok(())
    }

    /// All rows that match, page by page.
    pub(crate) async fn search(engine: &Engine, query: &EventQuery) -> Result<Vec<Row>> {
        let mut query = query.clone();
        let mut found = Vec::new();
        loop {
            let page = engine.search(&query).await?;
            found.extend(rows(&page.events));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(found),
            }
        }
    }
}

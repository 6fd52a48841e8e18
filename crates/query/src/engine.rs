//! [`Engine`]: the one door to the rows. It takes a view and answers a query over it.

use std::fmt;
use std::sync::Arc;

use annals_event::Clock;
use annals_table::{Table, TailSource};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_plan::execute_stream;

use crate::answer::{LimitedStream, SqlAnswer};
use crate::catalog::table_names;
use crate::error::{Error, Result};
use crate::reader::{CacheStats, FileCaches};
use crate::session::{DEAD_LETTERS_URL, EVENTS_URL, SessionTemplate, memory_pool};
use crate::settings::QuerySettings;
use crate::sql;
use crate::sql_stats::SqlStats;
use crate::stopwatch::Stopwatch;
use crate::view::View;

/// The dead letters' part of the metadata caches: there are few, and they are seldom asked for.
const DEAD_LETTERS_CACHE_PART: usize = 8;

/// Rows of the schema of events: what is committed, and what is not yet.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// The table to read.
    pub table: Arc<Table>,
    /// Acknowledged rows that are not in the table yet; `None` in a process that does not write.
    pub tail: Option<Arc<dyn TailSource>>,
}

/// What an [`Engine`] is made of.
#[derive(Clone)]
pub struct EngineOptions {
    /// The table of events to read.
    pub table: Arc<Table>,
    /// Acknowledged events that are not in the table yet; `None` in a process that does not write.
    pub tail: Option<Arc<dyn TailSource>>,
    /// Refused records, stored as events about them; `None` leaves out the SQL table `dead_letters`.
    pub dead_letters: Option<EventSource>,
    /// Limits.
    pub settings: QuerySettings,
    /// What `now()` means in SQL.
    pub clock: Arc<dyn Clock>,
}

/// Answers queries over a table and its tail. Cheap to share behind an `Arc`; queries run on the caller's tokio runtime,
/// whose timer must be enabled.
pub struct Engine {
    source: EventSource,
    settings: QuerySettings,
    clock: Arc<dyn Clock>,
    session: SessionTemplate,
    caches: Arc<FileCaches>,
    dead_letters: Option<Box<Engine>>,
}

impl Engine {
    /// # Errors
    /// `Invalid` for settings out of bounds.
    pub fn new(options: EngineOptions) -> Result<Self> {
        let EngineOptions { table, tail, dead_letters, settings, clock } = options;
        settings.validate()?;
        let memory = memory_pool(&settings);
        let dead_letters = match dead_letters {
            Some(source) => {
                let settings = QuerySettings {
                    metadata_cache_bytes_max: settings.metadata_cache_bytes_max / DEAD_LETTERS_CACHE_PART,
                    block_cache_bytes_max: settings.block_cache_bytes_max / DEAD_LETTERS_CACHE_PART,
                    page_cache_bytes_max: settings.page_cache_bytes_max / DEAD_LETTERS_CACHE_PART,
                    ..settings.clone()
                };
                let (memory, clock) = (Arc::clone(&memory), Arc::clone(&clock));
                Some(Self::over(source, DEAD_LETTERS_URL, settings, memory, clock)?)
            }
            None => None,
        };
        let engine = Self::over(EventSource { table, tail }, EVENTS_URL, settings, memory, clock)?;
        if let Some(dead_letters) = &dead_letters {
            engine.session.read_also(&dead_letters.session);
        }
        Ok(Self { dead_letters: dead_letters.map(Box::new), ..engine })
    }

    fn over(
        source: EventSource,
        url: &str,
        settings: QuerySettings,
        memory: Arc<dyn MemoryPool>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let caches = Arc::new(FileCaches::new(
            settings.metadata_cache_bytes_max,
            settings.block_cache_bytes_max,
            settings.page_cache_bytes_max,
            settings.caches_at_first_read,
        ));
        let store = Arc::clone(source.table.object_store());
        let session = SessionTemplate::new(&settings, memory, store, url, Arc::clone(&caches))?;
        Ok(Self { source, settings, clock, session, caches, dead_letters: None })
    }

    /// The table that is read.
    pub fn table(&self) -> &Arc<Table> {
        &self.source.table
    }

    /// The settings in force.
    pub fn settings(&self) -> &QuerySettings {
        &self.settings
    }

    /// The dead letters, as events about the records that were refused: [`search`](Self::search) answers them like any
    /// others. `None` when the engine was made without.
    pub fn dead_letters(&self) -> Option<&Self> {
        self.dead_letters.as_deref()
    }

    /// How the footers stand that filter scans keep, those of dead letters included.
    pub fn footer_cache_stats(&self) -> CacheStats {
        self.cache_stats(FileCaches::footer_stats)
    }

    /// How the blocks of data files stand that lookups keep, those of dead letters included.
    pub fn block_cache_stats(&self) -> CacheStats {
        self.cache_stats(FileCaches::block_stats)
    }

    /// How the pages of data files stand that lookups keep, those of dead letters included.
    pub fn page_cache_stats(&self) -> CacheStats {
        self.cache_stats(FileCaches::page_stats)
    }

    fn cache_stats(&self, of: fn(&FileCaches) -> CacheStats) -> CacheStats {
        let dead_letters = self.dead_letters.as_ref().map(|engine| of(&engine.caches));
        of(&self.caches) + dead_letters.unwrap_or_default()
    }

    /// Acknowledged rows that are not in the table yet, in the process that writes.
    pub(crate) fn tail(&self) -> Option<&dyn TailSource> {
        self.source.tail.as_deref()
    }

    /// The memory of all running queries.
    pub(crate) fn memory(&self) -> &Arc<dyn MemoryPool> {
        self.session.memory()
    }

    /// What filter scans keep of data files.
    pub(crate) fn caches(&self) -> &Arc<FileCaches> {
        &self.caches
    }

    /// What a query that starts now sees.
    pub fn view(&self) -> View {
        View::take(&self.source.table, self.source.tail.as_deref())
    }

    /// Looks for commits of other processes, which later views then show. Blocks on the store.
    ///
    /// # Errors
    /// What reading a table's log meets; the snapshot stays as it was.
    pub fn refresh(&self) -> Result<()> {
        self.source.table.refresh()?;
        match &self.dead_letters {
            Some(dead_letters) => dead_letters.refresh(),
            None => Ok(()),
        }
    }

    /// Answers one SQL statement over the tables `events`, `traces`, `event_kinds`, `files` and, when there are any,
    /// `dead_letters`; all of one view.
    ///
    /// Only statements that read are answered. Planning is done when this returns, the rows come with the stream.
    ///
    /// # Errors
    /// `Invalid` for text that does not parse, names what is not there (with what is), or would change something;
    /// `Exhausted` for limits.
    ///
    /// # Cancel safety
    /// Dropping the future or the stream cancels the query.
    pub async fn sql(&self, text: &str) -> Result<SqlAnswer> {
        let watch = Stopwatch::start();
        let statement = sql::parse(text)?;
        let view = self.view();
        let version = view.snapshot.version();
        let dead_letters =
            self.dead_letters.as_ref().map(|engine| engine.session.events(engine.view(), engine.table()));
        let tables = table_names(dead_letters.is_some());
        let state = self.session.over(view, self.table(), dead_letters, self.clock.now_us())?;
        let logical = sql::plan(&state, statement, tables).await?;
        let physical = state.create_physical_plan(&logical).await.map_err(Error::from_datafusion)?;
        let stats = SqlStats::new(Arc::clone(&physical), watch);
        let stream = execute_stream(physical, state.task_ctx()).map_err(Error::from_datafusion)?;
        let stream = LimitedStream::new(stream, &self.settings).told_to(stats.clone());
        Ok(SqlAnswer {
            schema: datafusion::execution::RecordBatchStream::schema(&stream),
            stream: Box::pin(stream),
            version,
            stats,
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("settings", &self.settings)
            .field("tail", &self.source.tail)
            .field("dead_letters", &self.dead_letters)
            .finish_non_exhaustive()
    }
}

//! [`Engine`]: the one door to the rows. It takes a view and answers a query over it.

use std::fmt;
use std::sync::Arc;

use annals_event::Clock;
use annals_table::{Table, TailSource};
use datafusion::physical_plan::execute_stream;

use crate::answer::{LimitedStream, SqlAnswer};
use crate::error::{Error, Result};
use crate::reader::MetadataCache;
use crate::session::SessionTemplate;
use crate::settings::QuerySettings;
use crate::sql;
use crate::view::View;

/// What an [`Engine`] is made of.
#[derive(Clone)]
pub struct EngineOptions {
    /// The table to read.
    pub table: Arc<Table>,
    /// Acknowledged rows that are not in the table yet; `None` in a process that does not write.
    pub tail: Option<Arc<dyn TailSource>>,
    /// Limits.
    pub settings: QuerySettings,
    /// What `now()` means in SQL.
    pub clock: Arc<dyn Clock>,
}

/// Answers queries over a table and its tail. Cheap to share behind an `Arc`; queries run on the caller's tokio runtime,
/// whose timer must be enabled.
pub struct Engine {
    options: EngineOptions,
    session: SessionTemplate,
    metadata_cache: Arc<MetadataCache>,
}

impl Engine {
    /// # Errors
    /// `Invalid` for settings out of bounds.
    pub fn new(options: EngineOptions) -> Result<Self> {
        options.settings.validate()?;
        let session = SessionTemplate::new(&options.settings, Arc::clone(options.table.object_store()))?;
        let metadata_cache = Arc::new(MetadataCache::new(options.settings.metadata_cache_bytes_max));
        Ok(Self { options, session, metadata_cache })
    }

    /// The table that is read.
    pub fn table(&self) -> &Arc<Table> {
        &self.options.table
    }

    /// The settings in force.
    pub fn settings(&self) -> &QuerySettings {
        &self.options.settings
    }

    /// Footers that filter scans keep.
    pub(crate) fn metadata_cache(&self) -> &Arc<MetadataCache> {
        &self.metadata_cache
    }

    /// What a query that starts now sees.
    pub fn view(&self) -> View {
        View::take(&self.options.table, self.options.tail.as_deref())
    }

    /// Looks for commits of other processes, which later views then show. Blocks on the store.
    ///
    /// # Errors
    /// What reading the table's log meets; the snapshot stays as it was.
    pub fn refresh(&self) -> Result<()> {
        self.options.table.refresh()?;
        Ok(())
    }

    /// Answers one SQL statement over the tables `events`, `traces`, `event_kinds` and `files`, all of one view.
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
        let statement = sql::parse(text)?;
        let view = self.view();
        let version = view.snapshot.version();
        let state = self.session.over(view, self.options.clock.now_us())?;
        let logical = sql::plan(&state, statement).await?;
        let physical = state.create_physical_plan(&logical).await.map_err(Error::from_datafusion)?;
        let stream = execute_stream(physical, state.task_ctx()).map_err(Error::from_datafusion)?;
        let stream = LimitedStream::new(stream, &self.options.settings);
        Ok(SqlAnswer {
            schema: datafusion::execution::RecordBatchStream::schema(&stream),
            stream: Box::pin(stream),
            version,
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("settings", &self.options.settings)
            .field("tail", &self.options.tail)
            .finish_non_exhaustive()
    }
}

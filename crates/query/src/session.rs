//! [`SessionTemplate`]: DataFusion's session, made once; each statement gets a copy over its own view.

use std::num::NonZeroUsize;
use std::sync::Arc;

use annals_event::Catalog;
use annals_table::Table;
use chrono::DateTime;
use datafusion::catalog::TableProvider;
use datafusion::common::config::Dialect;
use datafusion::datasource::MemTable;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;

use crate::catalog::{CATALOG, SCHEMA, StoreSchema};
use crate::error::{Error, Result};
use crate::file_scan::FileScan;
use crate::provider::EventsTable;
use crate::reader::FileCaches;
use crate::settings::QuerySettings;
use crate::view::View;

/// The made-up URL under which sessions know the object store of the events, whose root is the table.
pub(crate) const EVENTS_URL: &str = "annals://events";
/// The same for the dead letters.
pub(crate) const DEAD_LETTERS_URL: &str = "annals://dead-letters";

/// Consumers that an out-of-memory error names.
const MEMORY_CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");

/// What all statements share: functions, rules, memory pool, metadata cache.
#[derive(Debug)]
pub(crate) struct SessionTemplate {
    state: SessionState,
    file_scan: FileScan,
    /// Footers that filter scans keep too.
    caches: Arc<FileCaches>,
    event_kinds: Arc<dyn TableProvider>,
}

/// The memory of all running queries, of whichever session.
pub(crate) fn memory_pool(settings: &QuerySettings) -> Arc<dyn MemoryPool> {
    Arc::new(TrackConsumersPool::new(FairSpillPool::new(settings.memory_bytes_max), MEMORY_CONSUMERS_NAMED))
}

impl SessionTemplate {
    /// A session that knows `store` as `url`.
    ///
    /// # Errors
    /// `Internal` when DataFusion refuses our settings.
    pub(crate) fn new(
        settings: &QuerySettings,
        memory: Arc<dyn MemoryPool>,
        store: Arc<dyn ObjectStore>,
        url: &str,
        caches: Arc<FileCaches>,
    ) -> Result<Self> {
        let store_url = ObjectStoreUrl::parse(url).map_err(Error::from_datafusion)?;
        let runtime = runtime(settings, memory)?;
        runtime.register_object_store(store_url.as_ref(), Arc::clone(&store));
        let metadata_cache = runtime.cache_manager.get_file_metadata_cache();
        let mut state = SessionStateBuilder::new()
            .with_config(config(settings))
            .with_runtime_env(Arc::new(runtime))
            .with_default_features()
            .build();
        datafusion_functions_json::register_all(&mut state).map_err(Error::from_datafusion)?;
        // No file can be named in SQL; formats and table factories would only be a way to one.
        state.table_factories_mut().clear();
        let kinds = Catalog::builtin().to_batch();
        let event_kinds = MemTable::try_new(kinds.schema(), vec![vec![kinds]]).map_err(Error::from_datafusion)?;
        let file_scan = FileScan::new(store, store_url, metadata_cache);
        Ok(Self { state, file_scan, caches, event_kinds: Arc::new(event_kinds) })
    }

    /// Makes the files of `other`'s table readable here.
    pub(crate) fn read_also(&self, other: &Self) {
        let (url, store) = other.file_scan.store();
        self.state.runtime_env().register_object_store(url.as_ref(), Arc::clone(store));
    }

    /// The table that shows `view`, a version of `table`, for a session that knows its store.
    pub(crate) fn events(&self, view: View, table: &Arc<Table>) -> Arc<dyn TableProvider> {
        let caches = Arc::clone(&self.caches);
        Arc::new(EventsTable::new(view, Arc::clone(table), self.file_scan.clone(), caches))
    }

    /// The memory of all running queries.
    pub(crate) fn memory(&self) -> &Arc<dyn MemoryPool> {
        &self.state.runtime_env().memory_pool
    }

    /// A session whose tables show `view` and `dead_letters`, and whose `now()` is `now_us`.
    pub(crate) fn over(
        &self,
        view: View,
        table: &Arc<Table>,
        dead_letters: Option<Arc<dyn TableProvider>>,
        now_us: i64,
    ) -> Result<SessionState> {
        let mut state = self.state.clone();
        let schema = StoreSchema {
            events: self.events(view.clone(), table),
            view,
            event_kinds: Arc::clone(&self.event_kinds),
            dead_letters,
        };
        state.register_catalog_list(schema.into_catalog_list().map_err(Error::from_datafusion)?);
        let mut props = ExecutionProps::new()
            .with_query_execution_start_time(DateTime::from_timestamp_micros(now_us).unwrap_or_default());
        props.config_options = Some(Arc::clone(state.config_options()));
        *state.execution_props_mut() = props;
        Ok(state)
    }
}

fn config(settings: &QuerySettings) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.target_partitions)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    // Postgres has the JSON operators with the precedence that people expect.
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.parquet.bloom_filter_on_read = true;
    config
}

fn runtime(settings: &QuerySettings, memory: Arc<dyn MemoryPool>) -> Result<RuntimeEnv> {
    let disk = match &settings.spill_dir {
        Some(dir) => DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![dir.clone()]))
            .with_max_temp_directory_size(settings.spill_bytes_max),
        None => DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
    };
    RuntimeEnvBuilder::new()
        .with_memory_pool(memory)
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(settings.metadata_cache_bytes_max)
        .build()
        .map_err(Error::from_datafusion)
}

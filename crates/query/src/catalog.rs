//! [`StoreSchema`]: the tables one SQL statement can name, all over the same view.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider,
    TableProvider,
};
use datafusion::common::{DataFusionError, Result};

use crate::dead_letters::dead_letters;
use crate::files_table::FilesTable;
use crate::traces::traces;
use crate::view::View;

/// Name of the one catalog.
pub(crate) const CATALOG: &str = "annals";
/// Name of its one schema.
pub(crate) const SCHEMA: &str = "public";
/// The table that only some engines have.
pub(crate) const DEAD_LETTERS: &str = "dead_letters";
/// The tables, in the order in which `SHOW TABLES` gives them; the first is there when the engine has dead letters.
const TABLES: [&str; 5] = [DEAD_LETTERS, "event_kinds", "events", "files", "traces"];

/// The tables of an engine with or without dead letters.
pub(crate) fn table_names(with_dead_letters: bool) -> &'static [&'static str] {
    &TABLES[usize::from(!with_dead_letters)..]
}

/// Makes tables when they are asked for. Nothing can be registered, so no statement can change it.
#[derive(Debug)]
pub(crate) struct StoreSchema {
    pub(crate) view: View,
    pub(crate) events: Arc<dyn TableProvider>,
    pub(crate) event_kinds: Arc<dyn TableProvider>,
    /// Dead letters as events.
    pub(crate) dead_letters: Option<Arc<dyn TableProvider>>,
}

impl StoreSchema {
    /// A catalog list that holds this schema only.
    pub(crate) fn into_catalog_list(self) -> Result<Arc<dyn CatalogProviderList>> {
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(self))?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        Ok(Arc::new(list))
    }

    fn names(&self) -> &'static [&'static str] {
        table_names(self.dead_letters.is_some())
    }
}

#[async_trait]
impl SchemaProvider for StoreSchema {
    fn table_names(&self) -> Vec<String> {
        self.names().iter().map(|name| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(match name {
            "events" => Some(Arc::clone(&self.events)),
            "traces" => Some(Arc::new(traces(Arc::clone(&self.events))?)),
            "event_kinds" => Some(Arc::clone(&self.event_kinds)),
            "files" => Some(Arc::new(FilesTable::new(self.view.clone()))),
            DEAD_LETTERS => match &self.dead_letters {
                Some(events) => Some(Arc::new(dead_letters(Arc::clone(events))?)),
                None => None,
            },
            _ => None,
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        self.names().contains(&name)
    }
}

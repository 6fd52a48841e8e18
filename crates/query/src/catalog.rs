//! [`StoreSchema`]: the tables one SQL statement can name, all over the same view.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider,
    TableProvider,
};
use datafusion::common::{DataFusionError, Result};

use crate::file_scan::FileScan;
use crate::files_table::FilesTable;
use crate::provider::EventsTable;
use crate::traces::traces;
use crate::view::View;

/// Name of the one catalog.
pub(crate) const CATALOG: &str = "annals";
/// Name of its one schema.
pub(crate) const SCHEMA: &str = "public";
/// The tables, in the order in which `SHOW TABLES` gives them.
pub(crate) const TABLES: [&str; 4] = ["event_kinds", "events", "files", "traces"];

/// Makes tables when they are asked for. Nothing can be registered, so no statement can change it.
#[derive(Debug)]
pub(crate) struct StoreSchema {
    view: View,
    file_scan: FileScan,
    event_kinds: Arc<dyn TableProvider>,
}

impl StoreSchema {
    pub(crate) fn new(view: View, file_scan: FileScan, event_kinds: Arc<dyn TableProvider>) -> Self {
        Self { view, file_scan, event_kinds }
    }

    /// A catalog list that holds this schema only.
    pub(crate) fn into_catalog_list(self) -> Result<Arc<dyn CatalogProviderList>> {
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(self))?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        Ok(Arc::new(list))
    }

    fn events(&self) -> Arc<dyn TableProvider> {
        Arc::new(EventsTable::new(self.view.clone(), self.file_scan.clone()))
    }
}

#[async_trait]
impl SchemaProvider for StoreSchema {
    fn table_names(&self) -> Vec<String> {
        TABLES.map(str::to_owned).to_vec()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(match name {
            "events" => Some(self.events()),
            "traces" => Some(Arc::new(traces(self.events())?)),
            "event_kinds" => Some(Arc::clone(&self.event_kinds)),
            "files" => Some(Arc::new(FilesTable::new(self.view.clone()))),
            _ => None,
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        TABLES.contains(&name)
    }
}

//! [`EventsTable`]: the SQL table `events`, a [`View`] as DataFusion sees it.
//!
//! The scan is stock: `DataSourceExec` over `ParquetSource` for the files that pruning left, an in-memory source for the
//! tail, a union of both. Filters on the partition columns are answered by choosing files; all others are handed on and
//! evaluated by the Parquet reader, or by a filter above the tail.

use std::fmt;
use std::sync::Arc;

use annals_event::{columns, event_schema};
use annals_table::Table;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::union::UnionExec;

use crate::file_scan::FileScan;
use crate::index_use::{Candidates, Narrowed, narrow_by_traces, narrow_by_words};
use crate::like::word_filter;
use crate::prune::{Bounds, is_answered_by_partitions, text_values};
use crate::reader::{FileCaches, ScanStats};
use crate::scan_exec::{EventsScanExec, ScanCounts};
use crate::scan_plan::ScanPlan;
use crate::view::View;

/// The rows of one view, with the schema `annals_event::event_schema()`.
pub(crate) struct EventsTable {
    view: View,
    /// Of which the view is a version.
    table: Arc<Table>,
    file_scan: FileScan,
    /// Footers of its files, by which word indexes are found.
    caches: Arc<FileCaches>,
}

impl EventsTable {
    pub(crate) fn new(view: View, table: Arc<Table>, file_scan: FileScan, caches: Arc<FileCaches>) -> Self {
        Self { view, table, file_scan, caches }
    }

    /// The tail's rows that keep `exact`, the filters that nobody above will check again.
    fn plan_tail(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        exact: Vec<Expr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batches: Vec<_> =
            self.view.memtables.iter().flat_map(|memtable| memtable.batches.iter()).cloned().collect();
        let source =
            |projection| MemorySourceConfig::try_new(std::slice::from_ref(&batches), event_schema(), projection);
        let Some(predicate) = conjunction(exact) else {
            return Ok(DataSourceExec::from_data_source(source(projection.cloned())?));
        };
        let predicate = session.create_physical_expr(predicate, &DFSchema::try_from(event_schema())?)?;
        let filter = FilterExecBuilder::new(predicate, DataSourceExec::from_data_source(source(None)?))
            .apply_projection(projection.cloned())?
            .build()?;
        Ok(Arc::new(filter))
    }
}

impl fmt::Debug for EventsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsTable").field("view", &self.view).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        event_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let classify = |filter: &&Expr| {
            if is_answered_by_partitions(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(classify).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let bounds = Bounds::of(filters);
        let plan = ScanPlan::new(&self.view, &bounds);
        let files_total = plan.files_total;
        let traces: Option<Vec<String>> =
            text_values(filters, columns::TRACE_ID).map(|traces| traces.into_iter().collect());
        let narrowed = narrow_by_traces(&self.table, &self.view.snapshot, plan.files, traces.as_deref()).await;
        let Narrowed { candidates, stats: mut planning } = narrowed;
        let (store, words) = (self.table.object_store(), word_filter(filters));
        let candidates = narrow_by_words(store, &self.caches, candidates, &words, &mut planning).await;
        let Candidates { files, segments } = candidates;
        let tail_rows = if bounds.is_empty() { 0 } else { self.view.tail_rows() };
        let mut inputs = Vec::with_capacity(2);
        if !files.is_empty() {
            inputs.push(self.file_scan.plan(session, &files, &segments, projection, limit)?);
        }
        if tail_rows > 0 {
            let exact = filters.iter().filter(|filter| is_answered_by_partitions(filter)).cloned().collect();
            inputs.push(self.plan_tail(session, projection, exact)?);
        }
        let input = match (inputs.pop(), inputs.is_empty()) {
            (None, _) => Arc::new(EmptyExec::new(projected(projection)?)) as Arc<dyn ExecutionPlan>,
            (Some(only), true) => only,
            (Some(last), false) => {
                inputs.push(last);
                UnionExec::try_new(inputs)?
            }
        };
        let counts = ScanCounts {
            files_total,
            files_pruned: files_total - files.len(),
            tail_rows,
            segments: segments.values().map(Vec::len).sum(),
            planning: ScanStats { files_considered: 0, ..planning },
        };
        Ok(Arc::new(EventsScanExec::new(input, counts)))
    }
}

fn projected(projection: Option<&Vec<usize>>) -> Result<SchemaRef> {
    let schema = event_schema();
    Ok(match projection {
        Some(indices) => Arc::new(schema.project(indices)?),
        None => schema,
    })
}

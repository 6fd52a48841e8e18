//! [`SqlStats`]: what an SQL statement took, read from the metrics of its physical plan.

use std::fmt;
use std::sync::{Arc, OnceLock};

use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;

use crate::reader::ScanStats;
use crate::scan_exec::EventsScanExec;
use crate::stopwatch::Stopwatch;

/// A handle on what a statement takes, apart from its stream. Cheap to clone; it keeps the plan, and so the memtables that
/// the plan reads, as long as it lives.
#[derive(Clone)]
pub struct SqlStats {
    inner: Arc<Inner>,
}

struct Inner {
    plan: Arc<dyn ExecutionPlan>,
    watch: Stopwatch,
    plan_ms: f64,
    /// When the stream ended.
    total_ms: OnceLock<f64>,
}

impl SqlStats {
    /// The stats of a plan that is made, by a watch that started with the statement.
    pub(crate) fn new(plan: Arc<dyn ExecutionPlan>, watch: Stopwatch) -> Self {
        Self { inner: Arc::new(Inner { plan, watch, plan_ms: watch.ms(), total_ms: OnceLock::new() }) }
    }

    /// Stops the time, once.
    pub(crate) fn end(&self) {
        self.inner.total_ms.get_or_init(|| self.inner.watch.ms());
    }

    /// What it took so far; complete once the stream has ended, with an error or without.
    pub fn read(&self) -> ScanStats {
        let inner = &self.inner;
        let mut stats = ScanStats::default();
        add_plan(&inner.plan, &mut stats);
        let total_ms = inner.total_ms.get().copied().unwrap_or_else(|| inner.watch.ms());
        stats.timed(inner.plan_ms, total_ms)
    }
}

impl fmt::Debug for SqlStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlStats").field(&self.read()).finish()
    }
}

/// Adds up the scans of a plan. The nesting of a plan is bounded by that of the statement.
fn add_plan(plan: &Arc<dyn ExecutionPlan>, stats: &mut ScanStats) {
    if let Some(scan) = plan.downcast_ref::<EventsScanExec>() {
        let counts = scan.counts();
        stats.files_total += counts.files_total as u64;
        stats.files_considered += (counts.files_total - counts.files_pruned) as u64;
        stats.tail_rows += counts.tail_rows as u64;
        stats.segments_read += counts.segments as u64;
        *stats += counts.planning;
    }
    if plan.downcast_ref::<DataSourceExec>().is_some()
        && let Some(metrics) = plan.metrics()
    {
        add_source(&metrics, stats);
    }
    for child in plan.children() {
        add_plan(child, stats);
    }
}

/// Adds a source of files; one in memory has none of these counts but rows.
fn add_source(metrics: &MetricsSet, stats: &mut ScanStats) {
    let sum = |name: &str| metrics.sum_by_name(name).map(|value| value.as_usize() as u64);
    let Some(files_opened) = sum("files_opened") else { return };
    stats.files_opened += files_opened;
    stats.bytes_read += sum("bytes_scanned").unwrap_or(0);
    let rows_pruned = sum("pushdown_rows_pruned").unwrap_or(0);
    stats.rows_decoded += metrics.output_rows().unwrap_or(0) as u64 + rows_pruned;
}

#[cfg(test)]
mod tests {
    use crate::fixture::{TestStore, batch, plain_rows};

    #[test]
    fn a_statement_tells_what_it_took_once_its_stream_has_ended() {
        let store = TestStore::new();
        let rows = plain_rows(100);
        store.flush(&batch(&rows[..50]), 1);
        store.flush(&batch(&rows[50..]), 51);
        let engine = store.engine();
        let read = |statement: &str| {
            store.block_on(async {
                let answer = engine.sql(statement).await.unwrap();
                let stats = answer.stats.clone();
                answer.collect().await.unwrap();
                stats.read()
            })
        };
        let all = read("select id from events");
        assert_eq!((all.files_total, all.files_considered, all.files_opened), (2, 2, 2));
        assert_eq!((all.rows_decoded, all.tail_rows), (100, 0));
        assert!(all.bytes_read > 0, "{all:?}");
        assert!(all.plan_ms > 0.0 && all.total_ms >= all.plan_ms, "{all:?}");

        let pruned = read("select count(message) from events where seq < 10 and level = 'ERROR'");
        assert_eq!((pruned.files_total, pruned.files_considered), (2, 1));
        let none = read("select 1");
        assert_eq!((none.files_total, none.rows_decoded, none.bytes_read), (0, 0, 0));
    }

    #[test]
    fn the_time_stands_still_after_the_end() {
        let store = TestStore::new();
        let stats = store.block_on(async {
            let answer = store.engine().sql("select 1").await.unwrap();
            let stats = answer.stats.clone();
            answer.collect().await.unwrap();
            stats
        });
        assert_eq!(stats.read(), stats.read());
    }
}

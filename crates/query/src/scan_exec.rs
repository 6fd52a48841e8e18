//! [`EventsScanExec`]: the node that stands above an events scan and tells in EXPLAIN what pruning did.
//!
//! It changes no rows. Everything an optimizer wants to push down (filters, sort orders, projections, limits) goes
//! through to the files and the tail below.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions, SortOrderPushdownResult, StatisticsArgs,
};

use crate::reader::ScanStats;

/// How many files a scan reads and how many it need not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ScanCounts {
    pub(crate) files_total: usize,
    pub(crate) files_pruned: usize,
    pub(crate) tail_rows: usize,
    /// How many segments of them an index left.
    pub(crate) segments: usize,
    /// By which indexes they were chosen, and what asking these took.
    pub(crate) planning: ScanStats,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct EventsScanExec {
    input: Arc<dyn ExecutionPlan>,
    counts: ScanCounts,
}

impl EventsScanExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, counts: ScanCounts) -> Self {
        Self { input, counts }
    }

    /// What pruning did.
    pub(crate) fn counts(&self) -> ScanCounts {
        self.counts
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input, counts: self.counts })
    }
}

impl DisplayAs for EventsScanExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ScanCounts { files_total, files_pruned, tail_rows, segments, planning } = self.counts;
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(
                    f,
                    "EventsScanExec: files_total={files_total}, files_pruned={files_pruned}, tail_rows={tail_rows}"
                )?;
                match planning.index {
                    index if index.is_files() => Ok(()),
                    index => write!(f, ", segments={segments}, index=[{index}]"),
                }
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "files_total={files_total}")?;
                writeln!(f, "files_pruned={files_pruned}")?;
                writeln!(f, "tail_rows={tail_rows}")
            }
        }
    }
}

impl ExecutionPlan for EventsScanExec {
    fn name(&self) -> &'static str {
        "EventsScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    /// Said to keep no order, so that sorts stay above this node and reach the files by [`Self::try_pushdown_sort`].
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    /// No repartitioning between this node and the files: [`Self::repartitioned`] divides the files themselves.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(self.over(input)),
            _ => internal_err!("EventsScanExec has one child"),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    /// Divides the files further when there are fewer than partitions. With enough files the order they were dealt in,
    /// newest first, is worth more than an even division by bytes.
    fn repartitioned(
        &self,
        target_partitions: usize,
        config: &ConfigOptions,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let divide = |plan: &Arc<dyn ExecutionPlan>| {
            if plan.properties().partitioning.partition_count() >= target_partitions {
                return Ok(None);
            }
            plan.repartitioned(target_partitions, config)
        };
        self.map_scans(divide)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&inputs[0]))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn try_swapping_with_projection(&self, projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        Ok(self.input.try_swapping_with_projection(projection)?.map(|input| self.over(input)))
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(child_pushdown_result))
    }

    /// Lets the files order themselves as well as they can; never promises the order, which the tail does not keep.
    fn try_pushdown_sort(&self, order: &[PhysicalSortExpr]) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let sorted = self.map_scans(|plan| {
            Ok(match plan.try_pushdown_sort(order)? {
                SortOrderPushdownResult::Exact { inner } | SortOrderPushdownResult::Inexact { inner } => Some(inner),
                SortOrderPushdownResult::Unsupported => None,
            })
        })?;
        Ok(match sorted {
            Some(inner) => SortOrderPushdownResult::Inexact { inner },
            None => SortOrderPushdownResult::Unsupported,
        })
    }
}

impl EventsScanExec {
    /// Applies `change` to the input, or to each input of a union of files and tail; `None` when nothing changed.
    fn map_scans(
        &self,
        change: impl Fn(&Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(union) = self.input.downcast_ref::<UnionExec>() else {
            return Ok(change(&self.input)?.map(|input| self.over(input)));
        };
        let changed = union.inputs().iter().map(&change).collect::<Result<Vec<_>>>()?;
        if changed.iter().all(Option::is_none) {
            return Ok(None);
        }
        let inputs =
            changed.into_iter().zip(union.inputs()).map(|(new, old)| new.unwrap_or_else(|| Arc::clone(old))).collect();
        Ok(Some(self.over(UnionExec::try_new(inputs)?)))
    }
}

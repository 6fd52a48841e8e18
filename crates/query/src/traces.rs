//! The SQL view `traces`: one row a trace, computed from `events` when asked for.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `trace_id` | text | the trace |
//! | `project_id` | text | its project |
//! | `first`, `last` | timestamp | its earliest and latest event |
//! | `duration_ms` | integer | milliseconds between them |
//! | `events` | integer | number of events |
//! | `errors` | integer | of them at level ERROR |
//! | `types` | text | its distinct event types, sorted, joined by `, ` |
//! | `end_user_id` | text | its end user (the least, should there be several) |
//! | `integration_id` | text | its integration (the least, should there be several) |
//!
//! Conditions on `trace_id` and `project_id` reach the files, for they are the keys of the grouping. Conditions on
//! `first` and `last` filter whole traces after the grouping: a trace is never cut, and such a query reads all events.

use std::sync::Arc;

use annals_event::columns;
use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::common::Result;
use datafusion::datasource::ViewTable;
use datafusion::functions_aggregate::expr_fn::{array_agg, count, max, min};
use datafusion::functions_nested::expr_fn::{array_distinct, array_sort, array_to_string};
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, cast, col, lit};

/// The view over `events`.
pub(crate) fn traces(events: Arc<dyn TableProvider>) -> Result<ViewTable> {
    let timestamp = || col(columns::TIMESTAMP);
    let is_error = col(columns::LEVEL).eq(lit("ERROR"));
    let aggregates = vec![
        min(timestamp()).alias("first"),
        max(timestamp()).alias("last"),
        count(lit(1_i64)).alias("events"),
        count(lit(1_i64)).filter(is_error).build()?.alias("errors"),
        array_agg(col(columns::TYPE)).alias("type_list"),
        min(col(columns::END_USER_ID)).alias(columns::END_USER_ID),
        min(col(columns::INTEGRATION_ID)).alias(columns::INTEGRATION_ID),
    ];
    let micros = |name: &str| cast(col(name), DataType::Int64);
    let types = array_sort(array_distinct(col("type_list")), lit("ASC"), lit("NULLS LAST"));
    let outputs: Vec<Expr> = vec![
        col(columns::TRACE_ID),
        col(columns::PROJECT_ID),
        col("first"),
        col("last"),
        ((micros("last") - micros("first")) / lit(1_000_i64)).alias("duration_ms"),
        col("events"),
        col("errors"),
        array_to_string(types, lit(", ")).alias("types"),
        col(columns::END_USER_ID),
        col(columns::INTEGRATION_ID),
    ];
    let plan = LogicalPlanBuilder::scan("events", provider_as_source(events), None)?
        .filter(col(columns::TRACE_ID).is_not_null())?
        .aggregate(vec![col(columns::TRACE_ID), col(columns::PROJECT_ID)], aggregates)?
        .project(outputs)?
        .build()?;
    Ok(ViewTable::new(plan, None))
}

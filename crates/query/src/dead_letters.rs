//! The SQL view `dead_letters`: records that were refused, one row each.
//!
//! A dead letter is stored as an event about the refused record, in a table of its own with the schema of events, so that
//! it is written, kept and searched like one. This view shows its parts under their own names:
//!
//! | column | type | meaning | in the event |
//! |---|---|---|---|
//! | `id` | text | its own id | `id` |
//! | `refused_at` | timestamp | when it was refused | `timestamp` |
//! | `project_id`, `day` | text, date | its partition | the same |
//! | `reason` | text | why | `message` |
//! | `source` | text | where it came in | `error.source` |
//! | `record_index` | integer | its place in the request or file, from 0 | `error.index` |
//! | `line` | integer | its line, from 1 | `error.line` |
//! | `bytes` | integer | its length | `error.bytes` |
//! | `truncated` | boolean | whether `raw` is only its beginning | `error.truncated` |
//! | `raw` | text | the record as it came | `payload`, a JSON string |
//!
//! What an event does not say is null.

use std::sync::Arc;

use annals_event::columns;
use datafusion::catalog::TableProvider;
use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::common::Result;
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, col, lit};
use datafusion_functions_json::functions::{json_get_bool, json_get_int, json_get_str};
use datafusion_functions_json::udfs::json_get_str_udf;

use crate::catalog::DEAD_LETTERS;

/// The view over dead letters as events.
pub(crate) fn dead_letters(events: Arc<dyn TableProvider>) -> Result<ViewTable> {
    let part = |get: fn(Expr, Expr) -> Expr, name: &str| get(col(columns::ERROR), lit(name));
    let outputs: Vec<Expr> = vec![
        col(columns::ID),
        col(columns::TIMESTAMP).alias("refused_at"),
        col(columns::PROJECT_ID),
        col(columns::DAY),
        col(columns::MESSAGE).alias("reason"),
        part(json_get_str, "source").alias("source"),
        part(json_get_int, "index").alias("record_index"),
        part(json_get_int, "line").alias("line"),
        part(json_get_int, "bytes").alias("bytes"),
        part(json_get_bool, "truncated").alias("truncated"),
        // Without a path it reads the whole text as one JSON string.
        json_get_str_udf().call(vec![col(columns::PAYLOAD)]).alias("raw"),
    ];
    let plan = LogicalPlanBuilder::scan(DEAD_LETTERS, provider_as_source(events), None)?.project(outputs)?.build()?;
    Ok(ViewTable::new(plan, None))
}

#[cfg(test)]
mod tests;

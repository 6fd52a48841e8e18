//! `GET /v1/histogram`: how many events there are over time, by level.

use std::sync::Arc;

use annals_event::{Level, format_timestamp};
use annals_query::Histogram;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::Problem;
use super::filters::filters;
use super::negotiate::{JSON_ONLY, negotiate};
use super::params::Params;
use super::{reply, routes};
use crate::app::App;

/// Most buckets.
const BUCKETS_MAX: usize = 1_000;
/// Most buckets when nobody says how many.
const BUCKETS_DEFAULT: usize = 60;

/// Counts the events that the filters let through.
pub(crate) async fn count(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let node = app.node()?;
    let mut params = Params::read(uri.query(), routes::HISTOGRAM.params);
    let query = filters(&mut params, node.clock.now_us());
    let buckets_max = params.number("buckets", 1..=BUCKETS_MAX, BUCKETS_DEFAULT);
    negotiate(&mut params, &headers, JSON_ONLY)?;
    params.check()?;
    let _permit = node.reads.query().await?;
    let histogram = node.engine.histogram(&query, buckets_max).await?;
    reply::json(&body(&histogram))
}

fn body(histogram: &Histogram) -> Value {
    let buckets = histogram.buckets.iter().map(|bucket| {
        let counts = Level::ALL.iter().zip(bucket.counts).map(|(level, count)| (level.to_string(), json!(count)));
        json!({
            "start": format_timestamp(bucket.start_us),
            "counts": counts.collect::<Map<_, _>>(),
            "total": bucket.total,
        })
    });
    json!({
        "bucket_ms": histogram.bucket_us / 1_000,
        "from": format_timestamp(histogram.from_us),
        "until": format_timestamp(histogram.until_us),
        "buckets": buckets.collect::<Vec<_>>(),
        "stats": histogram.stats,
    })
}

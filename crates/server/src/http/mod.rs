//! The HTTP interface: one file a resource, [`Problem`] for every error.
//!
//! A request that reads is checked whole before anything is done (`params`, `filters`, `negotiate`), waits for its place
//! (`admission`), is answered by the engine, and its rows are encoded as they are sent (`rows`). What there is stands in
//! `routes`.

mod admission;
mod dead_letters;
mod events;
mod facets;
mod filters;
mod guard;
mod health;
mod histogram;
mod ingest;
mod negotiate;
mod pace;
mod page;
mod params;
mod problem;
mod reply;
mod routes;
mod rows;
mod sql;
mod tail;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

pub(crate) use admission::Reads;
pub(crate) use guard::Guard;
pub(crate) use problem::Problem;
pub(crate) use routes::{complete, read_routes};

use crate::app::App;
use crate::otlp;
use crate::sink::IntakeSink;

/// Everything that is answered over HTTP, to those who may ask.
pub(crate) fn service(app: &Arc<App>) -> Router {
    let logs = otlp::http_routes(Arc::new(IntakeSink::new(Arc::clone(app))));
    let routes = read_routes().merge(ingest::ingest_routes()).merge(logs).merge(page::page_routes());
    complete(routes, Arc::clone(app)).layer(from_fn_with_state(Arc::clone(app), guard::guarded))
}

#[cfg(test)]
mod tests;

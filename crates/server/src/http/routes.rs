//! Every route of the interface with the query parameters it takes, and the router of those that read.
//!
//! [`ROUTES`] is the one list: handlers take their parameters from it, the description at `/openapi.json` is held equal to
//! it by a test, and metrics are counted by it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use super::filters::{FIELDS, ONE_PROJECT, ORDER, PAGE, PROJECT, TIMES};
use super::negotiate::FORMAT;
use super::params::{Param, shown};
use super::{Problem, dead_letters, events, facets, health, histogram, page, sql, tail};
use crate::app::App;

/// One route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Its method.
    pub(crate) method: Method,
    /// Its path; `{name}` stands for one segment.
    pub(crate) path: &'static str,
    /// The query parameters it takes.
    pub(crate) params: &'static [&'static [Param]],
}

const fn route(method: Method, path: &'static str, params: &'static [&'static [Param]]) -> Route {
    Route { method, path, params }
}

/// Takes events in.
pub(crate) const INGEST: Route = route(Method::POST, "/v1/events", &[ONE_PROJECT, &[Param::once("ack")]]);
/// A page of events.
pub(crate) const EVENTS: Route = route(Method::GET, "/v1/events", &[PROJECT, TIMES, FIELDS, PAGE, ORDER, FORMAT]);
/// One event.
pub(crate) const EVENT: Route = route(Method::GET, "/v1/events/{id}", &[ONE_PROJECT, FORMAT]);
/// The events of a trace.
pub(crate) const TRACE: Route = route(Method::GET, "/v1/traces/{traceId}", &[ONE_PROJECT, TIMES, PAGE, FORMAT]);
/// Events by time and level.
pub(crate) const HISTOGRAM: Route =
    route(Method::GET, "/v1/histogram", &[PROJECT, TIMES, FIELDS, &[Param::once("buckets")], FORMAT]);
/// Most frequent values.
pub(crate) const FACETS: Route = route(
    Method::GET,
    "/v1/facets",
    &[PROJECT, TIMES, FIELDS, &[Param::many("fields"), Param::once("values")], FORMAT],
);
/// Events as they come.
pub(crate) const TAIL: Route =
    route(Method::GET, "/v1/tail", &[PROJECT, TIMES, FIELDS, &[Param::once("last_event_id")]]);
/// One SQL statement.
pub(crate) const SQL: Route = route(Method::POST, "/v1/sql", &[FORMAT]);
/// Refused records.
pub(crate) const DEAD_LETTERS: Route = route(Method::GET, "/v1/dead-letters", &[PROJECT, TIMES, PAGE, FORMAT]);
/// OTLP logs.
pub(crate) const LOGS: Route = route(Method::POST, "/v1/logs", &[]);
/// Whether the process lives.
pub(crate) const HEALTHZ: Route = route(Method::GET, "/healthz", &[]);
/// Whether requests are answered.
pub(crate) const READYZ: Route = route(Method::GET, "/readyz", &[]);
/// Metrics.
pub(crate) const METRICS: Route = route(Method::GET, "/metrics", &[]);
/// The description of the interface.
pub(crate) const OPENAPI: Route = route(Method::GET, "/openapi.json", &[]);

/// All routes.
pub(crate) const ROUTES: [&Route; 14] = [
    &INGEST,
    &EVENTS,
    &EVENT,
    &TRACE,
    &HISTOGRAM,
    &FACETS,
    &TAIL,
    &SQL,
    &DEAD_LETTERS,
    &LOGS,
    &HEALTHZ,
    &READYZ,
    &METRICS,
    &OPENAPI,
];

/// The routes that read. [`complete`] makes a service of them, together with others.
pub(crate) fn read_routes() -> Router<Arc<App>> {
    Router::new()
        .route(EVENTS.path, get(events::list))
        .route(EVENT.path, get(events::by_id))
        .route(TRACE.path, get(events::trace))
        .route(HISTOGRAM.path, get(histogram::count))
        .route(FACETS.path, get(facets::count))
        .route(TAIL.path, get(tail::follow))
        .route(SQL.path, post(sql::answer))
        .route(DEAD_LETTERS.path, get(dead_letters::list))
        .route(HEALTHZ.path, get(health::healthz))
        .route(READYZ.path, get(health::readyz))
        .route(METRICS.path, get(health::metrics))
        .route(OPENAPI.path, get(health::openapi))
}

/// The whole service: `routes`, the problems for all other paths and methods, and the metrics around everything.
pub(crate) fn complete(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(Arc::clone(&app), measured))
        .with_state(app)
}

async fn no_such_path(request: Request) -> Problem {
    let mut paths: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    paths.dedup();
    let path = shown(request.uri().path());
    Problem::not_found(format!("there is nothing at {path}: there are {}, and the page at /", paths.join(", ")))
}

async fn no_such_method(request: Request) -> Problem {
    let path = request.uri().path();
    let mut methods: Vec<_> =
        ROUTES.iter().filter(|route| is_at(route.path, path)).map(|route| route.method.as_str()).collect();
    if page::is_page(&Method::GET, path) {
        methods.push("GET");
    }
    let detail = format!("{} is not answered at {}: use {}", request.method(), shown(path), methods.join(" or "));
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

async fn measured(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let under_way = app.metrics.begin(label(request.method(), request.uri().path()));
    let response = next.run(request).await;
    under_way.end(response.status());
    response
}

/// The path of the route that answers such a request, for metrics: what clients make up is counted as `other`.
fn label(method: &Method, path: &str) -> &'static str {
    let wanted = if method == Method::HEAD { &Method::GET } else { method };
    let found = ROUTES.iter().find(|route| route.method == *wanted && is_at(route.path, path));
    match found {
        Some(route) => route.path,
        None if page::is_page(method, path) => "page",
        None => "other",
    }
}

/// Whether `path` is one of the paths that `pattern` stands for.
pub(crate) fn is_at(pattern: &str, path: &str) -> bool {
    match pattern.split_once('{') {
        None => pattern == path,
        Some((before, _)) => {
            path.strip_prefix(before).is_some_and(|segment| !segment.is_empty() && !segment.contains('/'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_under_their_route() {
        for (method, path, expected) in [
            (Method::GET, "/v1/events", "/v1/events"),
            (Method::HEAD, "/v1/events", "/v1/events"),
            (Method::POST, "/v1/events", "/v1/events"),
            (Method::GET, "/v1/events/a%2Fb", "/v1/events/{id}"),
            (Method::GET, "/", "page"),
            (Method::GET, "/trace/x", "page"),
            (Method::POST, "/", "other"),
            (Method::GET, "/v1/events/", "other"),
            (Method::GET, "/v1/events/a/b", "other"),
            (Method::GET, "/v1/traces/x", "/v1/traces/{traceId}"),
            (Method::PUT, "/v1/events", "other"),
            (Method::GET, "/../etc/passwd", "other"),
        ] {
            assert_eq!(label(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn no_route_names_a_parameter_twice() {
        for route in ROUTES {
            let mut names: Vec<_> = route.params.iter().copied().flatten().map(|param| param.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{route:?}");
        }
    }
}

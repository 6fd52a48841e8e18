//! `GET /v1/events`, `GET /v1/events/{id}` and `GET /v1/traces/{traceId}`: whole events.

use std::sync::Arc;

use annals_event::{EventEncoder, ProjectId};
use annals_query::TraceQuery;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::filters::{filters, ordered_page, page, times};
use super::negotiate::{EVENT_FORMATS, JSON_ONLY, negotiate};
use super::params::{Params, shown};
use super::reply::stats_header;
use super::routes;
use super::rows::{self, STATS};
use crate::app::App;

/// Events of a trace when nobody says how many: nearly every trace has fewer.
const TRACE_LIMIT_DEFAULT: usize = 1_000;

/// A page of the events that the filters let through.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let node = app.node()?;
    let mut params = Params::read(uri.query(), routes::EVENTS.params);
    let mut query = filters(&mut params, node.clock.now_us());
    ordered_page(&mut params, &mut query);
    let format = negotiate(&mut params, &headers, EVENT_FORMATS)?;
    params.check()?;
    let permit = node.reads.query().await?;
    let found = node.engine.search(&query).await?;
    rows::page(found, format, permit).await
}

/// One event by its id.
pub(crate) async fn by_id(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let node = app.node()?;
    let id = path_value(id)?;
    let mut params = Params::read(uri.query(), routes::EVENT.params);
    let project = params.parsed_one("project", ProjectId::new);
    negotiate(&mut params, &headers, JSON_ONLY)?;
    params.check()?;
    let _permit = node.reads.query().await?;
    let Some((event, stats)) = node.engine.event(&id, project.as_ref()).await? else {
        return Err(Problem::not_found(format!("there is no event with the id {}", shown(&id))));
    };
    let mut body = Vec::new();
    EventEncoder::new(&event).write_event(0, &mut body);
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(STATS, stats_header(&stats)?);
    Ok(response)
}

/// The events of a trace, oldest first.
pub(crate) async fn trace(
    State(app): State<Arc<App>>,
    trace_id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let node = app.node()?;
    let trace_id = path_value(trace_id)?;
    let mut params = Params::read(uri.query(), routes::TRACE.params);
    let project = params.parsed_one("project", ProjectId::new);
    let (from_us, until_us) = times(&mut params, node.clock.now_us());
    let mut query = TraceQuery { trace_id, project, from_us, until_us, limit: 1 }.event_query();
    page(&mut params, &mut query, TRACE_LIMIT_DEFAULT);
    let format = negotiate(&mut params, &headers, EVENT_FORMATS)?;
    params.check()?;
    let permit = node.reads.query().await?;
    let found = node.engine.search(&query).await?;
    rows::page(found, format, permit).await
}

/// The one variable part of a path.
fn path_value(value: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    match value {
        Ok(Path(value)) => Ok(value),
        Err(_) => Err(Problem::bad_request("the path is not percent-encoded UTF-8: encode the id in it")),
    }
}

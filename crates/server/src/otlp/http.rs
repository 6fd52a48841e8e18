//! `POST /v1/logs`: OTLP over HTTP, in protobuf or JSON.

use std::sync::Arc;

use annals_event::ProjectId;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::answer::Failure;
use super::export::{Upload, export};
use super::head::{project, wire};
use super::sink::LogSink;
use crate::coding::Coding;
use crate::http::Problem;

/// The routes of OTLP over HTTP. Who may ask is the caller's business.
///
/// A request whose encoding is known is answered in it, as OTLP has it, an error as `google.rpc.Status`; one whose encoding
/// is not, as a [`Problem`].
pub(crate) fn http_routes<S: LogSink, T: Clone + Send + Sync + 'static>(sink: Arc<S>) -> Router<T> {
    Router::new().route(
        "/v1/logs",
        post(move |request: Request| {
            let sink = Arc::clone(&sink);
            async move { answer(&*sink, request).await }
        }),
    )
}

async fn answer<S: LogSink>(sink: &S, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let wire = match wire(&parts.headers).and_then(|wire| Coding::of(&parts.headers).map(|_| wire)) {
        Ok(wire) => wire,
        Err(problem) => return problem.into_response(),
    };
    if let Some(problem) = unknown_parameter(&parts.uri) {
        return problem.into_response();
    }
    let outcome = async {
        let project = named_project(&parts.headers, &parts.uri)?;
        let (body, place) = sink.receive(&parts.headers, body).await?;
        export(sink, Upload { body, place, wire, project, source: "otlp_http" }).await
    };
    match outcome.await {
        Ok(exported) => exported.http(wire),
        Err(failure) => failure.http(wire),
    }
}

/// The project of records that name none: the header's, else the parameter's.
fn named_project(headers: &HeaderMap, uri: &Uri) -> Result<Option<ProjectId>, Failure> {
    if let Some(project) = project(headers)? {
        return Ok(Some(project));
    }
    match parameters(uri).find(|(name, _)| name == "project") {
        Some((_, id)) => {
            ProjectId::new(&id).map(Some).map_err(|error| Failure::Invalid(format!("parameter project: {error}")))
        }
        None => Ok(None),
    }
}

fn unknown_parameter(uri: &Uri) -> Option<Problem> {
    let (name, _) = parameters(uri).find(|(name, _)| name != "project")?;
    let shown: String = name.chars().take(40).collect();
    let detail = format!("unknown query parameter {shown:?}: /v1/logs knows \"project\" only");
    Some(Problem::new(StatusCode::BAD_REQUEST, detail))
}

fn parameters(uri: &Uri) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests;

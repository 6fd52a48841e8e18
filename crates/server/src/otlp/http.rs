//! `POST /v1/logs`: OTLP over HTTP, in protobuf or JSON.

use std::sync::Arc;

use annals_event::ProjectId;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::BODY_BYTES_MAX;
use super::answer::Failure;
use super::body::{project, too_large, wire};
use super::export::{Upload, export};
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
    let (wire, coding) = match wire(&parts.headers).and_then(|wire| Ok((wire, Coding::of(&parts.headers)?))) {
        Ok(known) => known,
        Err(problem) => return problem.into_response(),
    };
    if let Some(problem) = unknown_parameter(&parts.uri) {
        return problem.into_response();
    }
    let outcome = async {
        let _place = sink.admit(bytes_expected(&parts.headers, coding)).await?;
        let project = named_project(&parts.headers, &parts.uri)?;
        let body = read(body).await?;
        export(sink, Upload { body, wire, coding, project, source: "otlp_http" }).await
    };
    match outcome.await {
        Ok(exported) => exported.http(wire),
        Err(failure) => failure.http(wire),
    }
}

/// The most that a body may come to, as far as its head tells.
fn bytes_expected(headers: &HeaderMap, coding: Coding) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let most = BODY_BYTES_MAX as u64;
    length.filter(|_| coding == Coding::Identity).map_or(most, |length: u64| length.min(most))
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

/// All bytes of a body as sent, with or without a length told in advance.
async fn read(body: Body) -> Result<Bytes, Failure> {
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Failure::Invalid(format!("the body ended early: {error}"))),
    }
}

#[cfg(test)]
mod tests;

//! What operators' machines ask: `GET /healthz`, `/readyz`, `/metrics` and `/openapi.json`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::params::Params;
use super::routes::{self, Route};
use crate::app::{App, Phase};
use crate::metrics::{self, CONTENT_TYPE as METRICS_TYPE};

/// The description of the interface, OpenAPI 3.1.
pub(crate) const OPENAPI: &str = include_str!("openapi.json");

/// The process lives.
pub(crate) async fn healthz(uri: Uri) -> Result<Response, Problem> {
    no_params(&routes::HEALTHZ, &uri)?;
    Ok(typed(r#"{"status":"ok"}"#.to_owned(), "application/json"))
}

/// Requests are answered.
pub(crate) async fn readyz(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    no_params(&routes::READYZ, &uri)?;
    app.node()?;
    Ok(typed(r#"{"status":"ready"}"#.to_owned(), "application/json"))
}

/// All metrics, also while the server is starting and stopping.
pub(crate) async fn metrics(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    no_params(&routes::METRICS, &uri)?;
    let reading = match app.phase() {
        Phase::Ready(node) => {
            let (used_bytes, limit_bytes) = node.uploads.memory();
            app.metrics.set_memory(used_bytes, limit_bytes);
            Some(metrics::Reading::of(&node))
        }
        Phase::Starting | Phase::Stopping => None,
    };
    Ok(typed(app.metrics.text(reading.as_ref()), METRICS_TYPE))
}

/// The description of the interface.
pub(crate) async fn openapi(uri: Uri) -> Result<Response, Problem> {
    no_params(&routes::OPENAPI, &uri)?;
    let mut response = OPENAPI.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn no_params(route: &Route, uri: &Uri) -> Result<(), Problem> {
    Params::read(uri.query(), route.params).check()
}

fn typed(text: String, content_type: &'static str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

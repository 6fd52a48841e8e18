//! Small answers: JSON values with their stats.

use annals_query::ScanStats;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Problem;

/// `value` as JSON.
///
/// # Errors
/// 500 when it has no JSON text.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_string(value).map_err(|error| Problem::defect(&error))?;
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// What an answer took, as a header's value.
///
/// # Errors
/// 500 when it has no JSON text.
pub(crate) fn stats_header(stats: &ScanStats) -> Result<HeaderValue, Problem> {
    let text = serde_json::to_string(stats).map_err(|error| Problem::defect(&error))?;
    HeaderValue::try_from(text).map_err(|error| Problem::defect(&error))
}

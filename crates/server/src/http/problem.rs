//! [`Problem`]: an error as HTTP tells it, `application/problem+json` of RFC 9457.
//!
//! A client is told what it can change. What only an operator can act on is logged under an id, and the client is given
//! that id and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};

use annals_query::ErrorKind;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Seconds after which a store that did not answer may be asked again.
const STORE_RETRY_S: u32 = 2;

/// Number of the last logged defect.
static DEFECTS: AtomicU64 = AtomicU64::new(0);

/// An answer that is an error: status, what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_s: Option<u32>,
}

impl Problem {
    /// An error of this status. `detail` says what is wrong and what to do.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None }
    }

    /// 400: the request breaks a rule.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: what the request names is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 503: not now, but in `retry_after_s` seconds.
    pub(crate) fn unavailable(detail: impl Into<String>, retry_after_s: u32) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// 429: too much at once, try again in `retry_after_s` seconds.
    pub(crate) fn too_many(detail: impl Into<String>, retry_after_s: u32) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// 500: an operator must act. `error` is logged under an id that the client is told.
    pub(crate) fn defect(error: &(dyn std::error::Error + 'static)) -> Self {
        let id = format!("{}-{}", std::process::id(), DEFECTS.fetch_add(1, Ordering::Relaxed) + 1);
        tracing::error!(id, error, "a request failed");
        let detail = format!("the server failed: its log tells why under the id {id}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Its body.
    pub(crate) fn json(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or("Error");
        serde_json::json!({
            "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail,
        })
        .to_string()
    }
}

impl From<annals_query::Error> for Problem {
    /// What the client can change is 400 or 404. A query over a limit (memory, rows, time) is 422: it was understood, it
    /// would fail again, and the message says what to narrow. A store that does not answer is 503. The rest is a
    /// [`defect`](Self::defect).
    fn from(error: annals_query::Error) -> Self {
        match error.kind() {
            ErrorKind::Invalid => Self::bad_request(error.to_string()),
            ErrorKind::NotFound => Self::not_found(error.to_string()),
            ErrorKind::Exhausted => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            ErrorKind::Unavailable => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store did not answer a query");
                Self::unavailable("the store did not answer: try again", STORE_RETRY_S)
            }
            ErrorKind::Corrupt | ErrorKind::Internal => Self::defect(&error),
        }
    }
}

impl From<crate::Error> for Problem {
    fn from(error: crate::Error) -> Self {
        use crate::ErrorKind as Kind;
        match error.kind() {
            Kind::Invalid => Self::bad_request(error.to_string()),
            Kind::Exhausted => Self::too_many(error.to_string(), 1),
            Kind::Full => {
                let detail = "the disk is full: nothing can be taken until there is room; the rest goes on";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, detail)
            }
            Kind::Unavailable | Kind::Closed => {
                tracing::warn!(error = &error as &dyn std::error::Error, "events could not be taken in");
                Self::unavailable("the server cannot take events now: try again, its log tells why", STORE_RETRY_S)
            }
            Kind::Internal => Self::defect(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_query_error_has_its_status() {
        let status = |kind| Problem::from(annals_query::Error::new(kind, "why")).status().as_u16();
        let kinds = [
            (ErrorKind::Invalid, 400),
            (ErrorKind::NotFound, 404),
            (ErrorKind::Exhausted, 422),
            (ErrorKind::Unavailable, 503),
            (ErrorKind::Corrupt, 500),
            (ErrorKind::Internal, 500),
        ];
        for (kind, expected) in kinds {
            assert_eq!(status(kind), expected, "{kind:?}");
        }
    }

    #[test]
    fn what_only_an_operator_can_act_on_stays_in_the_log() {
        for kind in [ErrorKind::Corrupt, ErrorKind::Internal, ErrorKind::Unavailable] {
            let problem = Problem::from(annals_query::Error::new(kind, "the file events/secret.parquet is bad"));
            assert!(!problem.detail().contains("secret"), "{}", problem.detail());
        }
        let ids: Vec<String> = (0..2)
            .map(|_| Problem::from(annals_query::Error::new(ErrorKind::Internal, "why")).detail().to_owned())
            .collect();
        assert_ne!(ids[0], ids[1], "each failure has an id of its own");
    }

    #[test]
    fn a_problem_is_json_with_its_status_and_tells_when_to_come_again() {
        let response = Problem::too_many("sixteen queries run already: wait", 5).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert_eq!(Problem::bad_request("x").into_response().headers().get(header::RETRY_AFTER), None);
    }
}

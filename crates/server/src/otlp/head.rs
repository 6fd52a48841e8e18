//! What a request's headers say: the encoding of its message, and the project of records that name none.

use annals_event::ProjectId;
use axum::http::{HeaderMap, StatusCode, header};

use super::PROJECT_HEADER;
use super::answer::Failure;
use super::export::Wire;
use crate::http::Problem;

/// The encoding that `Content-Type` names.
///
/// # Errors
/// 415 for any other.
pub(super) fn wire(headers: &HeaderMap) -> Result<Wire, Problem> {
    let named = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = named.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        return Ok(Wire::Protobuf);
    }
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(Wire::Json);
    }
    let detail = format!("content type {named:?} is not supported: use application/x-protobuf or application/json");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// The project that the headers (of HTTP, or the metadata of gRPC) name.
///
/// # Errors
/// `Invalid` when it is no project id.
pub(super) fn project(headers: &HeaderMap) -> Result<Option<ProjectId>, Failure> {
    let Some(value) = headers.get(PROJECT_HEADER) else { return Ok(None) };
    let id = value.to_str().map_err(|_| Failure::Invalid(format!("header {PROJECT_HEADER} is not ASCII text")))?;
    ProjectId::new(id).map(Some).map_err(|error| Failure::Invalid(format!("header {PROJECT_HEADER}: {error}")))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn types_are_read_as_http_spells_them() {
        assert_eq!(wire(&headers("content-type", "application/JSON; charset=utf-8")).unwrap(), Wire::Json);
        assert_eq!(wire(&headers("content-type", "application/x-protobuf")).unwrap(), Wire::Protobuf);
        assert_eq!(wire(&headers("content-type", "text/plain")).unwrap_err().status(), 415);
        assert_eq!(wire(&HeaderMap::new()).unwrap_err().status(), 415);
    }

    #[test]
    fn a_header_that_names_no_possible_project_is_refused() {
        assert_eq!(project(&headers("annals-project", "p1")).unwrap().unwrap().as_str(), "p1");
        assert!(matches!(project(&headers("annals-project", "a/b")), Err(Failure::Invalid(_))));
        assert_eq!(project(&HeaderMap::new()).unwrap(), None);
    }
}

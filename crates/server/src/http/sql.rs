//! `POST /v1/sql`: one statement in, its rows out as they come.

use std::sync::Arc;
use std::time::Duration;

use annals_query::Error;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use futures::StreamExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;

use super::Problem;
use super::negotiate::{SQL_FORMATS, negotiate};
use super::params::{Params, shown};
use super::routes;
use super::rows::{Rows, Stats};
use crate::app::App;
use crate::format::{ResultFormat, RowShape};

/// Longest body.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest that the body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// Answers the statement in the body.
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let node = app.node()?;
    let mut params = Params::read(uri.query(), routes::SQL.params);
    let format = negotiate(&mut params, &headers, SQL_FORMATS)?;
    params.check()?;
    let kind = BodyKind::of(&headers)?;
    let statement = kind.statement(&received(body).await?)?;
    let permit = node.reads.query().await?;
    let answer = Box::pin(node.engine.sql(&statement)).await?;
    let before = if format == ResultFormat::Json { columns(&answer.schema)? } else { String::new() };
    let rows = Rows {
        format,
        shape: RowShape::Columns,
        schema: answer.schema,
        batches: answer.stream.map(|batch| batch.map_err(Error::from_datafusion)).boxed(),
        before,
        after: ",".to_owned(),
        stats: Stats::AtEnd(answer.stats),
        permit,
    };
    rows.respond().await
}

/// What stands before the rows: `{"columns":[{"name":"n","type":"Int64"}],"rows":`.
fn columns(schema: &arrow::datatypes::Schema) -> Result<String, Problem> {
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| serde_json::json!({"name": field.name(), "type": field.data_type().to_string()}))
        .collect();
    let columns = serde_json::to_string(&columns).map_err(|error| Problem::defect(&error))?;
    Ok(format!("{{\"columns\":{columns},\"rows\":"))
}

/// How a body holds its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyKind {
    Text,
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    sql: String,
}

impl BodyKind {
    /// By `Content-Type`, text where there is none.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let unsupported = |detail: String| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let encoding = headers.get(CONTENT_ENCODING).map(text);
        if let Some(encoding) = encoding.filter(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
            return unsupported(format!("Content-Encoding {} is not taken here: send it plain", shown(&encoding)));
        }
        let Some(given) = headers.get(CONTENT_TYPE).map(text) else { return Ok(Self::Text) };
        let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/plain" | "application/sql" => Ok(Self::Text),
            "application/json" => Ok(Self::Json),
            _ => unsupported(format!(
                "Content-Type {} is not taken: send the statement as text/plain, or {{\"sql\":\"…\"}} as application/json",
                shown(&given)
            )),
        }
    }

    fn statement(self, body: &[u8]) -> Result<String, Problem> {
        match self {
            Self::Text => String::from_utf8(body.to_vec())
                .map_err(|_| Problem::bad_request("the statement is not UTF-8: send it encoded so")),
            Self::Json => match serde_json::from_slice::<Request>(body) {
                Ok(request) => Ok(request.sql),
                Err(error) => Err(Problem::bad_request(format!(
                    "the body is not a JSON object with the member sql and no other: {error}"
                ))),
            },
        }
    }
}

/// The whole body.
async fn received(body: Body) -> Result<bytes::Bytes, Problem> {
    match tokio::time::timeout(BODY_WAIT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the statement is longer than {BODY_BYTES_MAX} bytes: shorten it"),
        )),
        Ok(Err(_)) => Err(Problem::bad_request("the body broke off: send the request again")),
        Err(_elapsed) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s: send the request again", BODY_WAIT.as_secs()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(content_type: &str) -> Result<BodyKind, Problem> {
        BodyKind::of(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap())]))
    }

    #[test]
    fn a_statement_is_text_or_the_one_member_of_an_object() {
        assert_eq!(BodyKind::of(&HeaderMap::new()), Ok(BodyKind::Text));
        assert_eq!(kind("Text/Plain; charset=utf-8"), Ok(BodyKind::Text));
        assert_eq!(kind("application/json"), Ok(BodyKind::Json));
        assert_eq!(BodyKind::Text.statement(b"select 1").unwrap(), "select 1");
        assert_eq!(BodyKind::Json.statement(br#"{"sql":"select 1"}"#).unwrap(), "select 1");
        for body in [&b"select 1"[..], b"{}", br#"{"sql":1}"#, br#"{"sql":"a","limit":1}"#, b"\xff"] {
            assert_eq!(BodyKind::Json.statement(body).unwrap_err().status(), 400);
        }
        assert_eq!(BodyKind::Text.statement(b"\xff").unwrap_err().status(), 400);
    }

    #[test]
    fn other_types_and_compressed_bodies_are_415() {
        for other in ["application/x-www-form-urlencoded", "application/xml", "", "text", "text/plainer"] {
            assert_eq!(kind(other).unwrap_err().status(), 415, "{other}");
        }
        let gzip = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        assert_eq!(BodyKind::of(&gzip).unwrap_err().status(), 415);
    }

    #[tokio::test]
    async fn a_body_over_the_bound_is_413() {
        assert_eq!(received(Body::from(vec![b' '; BODY_BYTES_MAX])).await.unwrap().len(), BODY_BYTES_MAX);
        assert_eq!(received(Body::from(vec![b' '; BODY_BYTES_MAX + 1])).await.unwrap_err().status(), 413);
    }
}

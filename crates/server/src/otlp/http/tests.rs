use std::io::Write;

use axum::body::Body;
use axum::http::{Method, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::super::answer::RpcStatus;
use super::super::sink::SinkError;
use super::super::testing::{BODY_BYTES_MAX, TestSink, request, string, text};
use super::*;

const JSON: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
    {"body":{"stringValue":"one"}},{"body":{"stringValue":"two"},"timeUnixNano":"1"},{"traceId":"?"}]}]}]}"#;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends a request with these headers.
async fn post_to(sink: &Arc<TestSink>, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = axum::http::Request::builder().method(Method::POST).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let router: Router = http_routes(Arc::clone(sink));
    let response = router.oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

fn protobuf() -> Vec<u8> {
    let record = LogRecord { body: Some(string("hello")), ..LogRecord::default() };
    request(vec![text("service.name", "s")], vec![record; 3]).encode_to_vec()
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const IN_P1: (&str, &str) = ("annals-project", "p1");

#[tokio::test]
async fn records_in_protobuf_are_taken_and_the_answer_is_protobuf() {
    let sink = TestSink::new();
    let answer = post_to(&sink, "/v1/logs", &[PROTOBUF, IN_P1], protobuf()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/x-protobuf");
    let response = ExportLogsServiceResponse::decode(answer.body).unwrap();
    assert_eq!(response.partial_success, None);
    assert_eq!(sink.events().len(), 3);
    assert_eq!(sink.events()[2]["projectId"], "p1");
}

#[tokio::test]
async fn refused_records_are_a_partial_success_that_names_the_first() {
    let sink = TestSink::new();
    let json = [("content-type", "application/json; charset=utf-8")];
    let answer = post_to(&sink, "/v1/logs?project=p2", &json, JSON).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedLogRecords"], "2");
    let message = partial["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("record 1: ") && message.ends_with("(2 of 3 records were refused)"), "{message}");
    assert_eq!(sink.events()[0]["message"], "one");
    assert_eq!(sink.events()[0]["projectId"], "p2");
}

#[tokio::test]
async fn a_request_without_records_never_reaches_the_sink() {
    let sink = TestSink::failing(SinkError::Internal);
    let answer = post_to(&sink, "/v1/logs", &[("content-type", "application/json")], "{}").await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({})));
}

#[tokio::test]
async fn compressed_bodies_of_unknown_length_are_taken() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&protobuf()).unwrap();
    for (coding, body) in
        [("gzip", gzip.finish().unwrap()), ("zstd", zstd::stream::encode_all(&*protobuf(), 3).unwrap())]
    {
        let sink = TestSink::new();
        let parts: Vec<Result<Vec<u8>, std::io::Error>> = body.chunks(10).map(|part| Ok(part.to_vec())).collect();
        let body = Body::from_stream(futures::stream::iter(parts));
        let answer = post_to(&sink, "/v1/logs", &[PROTOBUF, IN_P1, ("content-encoding", coding)], body).await;
        assert_eq!((answer.status, sink.events().len()), (StatusCode::OK, 3), "{coding}");
    }
}

#[tokio::test]
async fn large_bodies_are_mapped_all_the_same() {
    let sink = TestSink::new();
    let record = LogRecord { body: Some(string(&"x".repeat(1_000))), ..LogRecord::default() };
    let body = request(vec![], vec![record; 2_000]).encode_to_vec();
    assert_eq!(post_to(&sink, "/v1/logs", &[PROTOBUF, IN_P1], body).await.status, 200);
    assert_eq!(sink.events().len(), 2_000);
}

#[tokio::test]
async fn records_that_would_become_more_than_there_is_room_for_are_to_be_sent_later() {
    let sink = TestSink::with_room(3_000);
    let padding = text("padding", &"x".repeat(1_000));
    let body = request(vec![padding], vec![LogRecord::default(); 3]).encode_to_vec();
    let answer = post_to(&sink, "/v1/logs", &[PROTOBUF, IN_P1], body).await;
    assert_eq!(
        (answer.status, &answer.headers[header::RETRY_AFTER]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    assert_eq!(sink.events().len(), 0);
}

#[tokio::test]
async fn what_cannot_be_taken_at_all_is_a_status_in_the_encoding_of_the_request() {
    let sink = TestSink::new();
    let answer = post_to(&sink, "/v1/logs", &[PROTOBUF], "no protobuf").await;
    assert_eq!(answer.status, 400);
    let status = RpcStatus::decode(answer.body).unwrap();
    assert_eq!(status.code, 3);
    let answer = post_to(&sink, "/v1/logs", &[("content-type", "application/json")], "{").await;
    assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::BAD_REQUEST, &json!(3)));
    let bad_project = [PROTOBUF, ("annals-project", "a b")];
    assert_eq!(post_to(&sink, "/v1/logs", &bad_project, protobuf()).await.status, 400);
    assert_eq!(post_to(&sink, "/v1/logs?project=%2F", &[PROTOBUF], protobuf()).await.status, 400);
    assert_eq!(post_to(&sink, "/v1/logs", &[PROTOBUF], vec![0; BODY_BYTES_MAX + 1]).await.status, 413);
}

#[tokio::test]
async fn what_is_not_known_is_named() {
    let sink = TestSink::new();
    assert_eq!(post_to(&sink, "/v1/logs", &[("content-type", "text/plain")], "x").await.status, 415);
    assert_eq!(post_to(&sink, "/v1/logs", &[], "x").await.status, 415);
    let answer = post_to(&sink, "/v1/logs", &[PROTOBUF, ("content-encoding", "br")], "x").await;
    assert_eq!(answer.status, 415);
    assert!(answer.json()["detail"].as_str().unwrap().contains("gzip, zstd or identity"));
    let answer = post_to(&sink, "/v1/logs?projekt=a", &[PROTOBUF], "x").await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["detail"].as_str().unwrap().contains("\"projekt\""));
}

#[tokio::test]
async fn what_may_pass_later_says_when_to_try_again() {
    for (error, status, code, retry) in [
        (SinkError::Busy { retry_after_s: 2 }, 429, 8, Some("2")),
        (SinkError::Unavailable { retry_after_s: 1 }, 503, 14, Some("1")),
        (SinkError::Full, 503, 14, Some("30")),
        (SinkError::Invalid("no project".into()), 400, 3, None),
        (SinkError::Internal, 500, 13, None),
    ] {
        let sink = TestSink::failing(error);
        let answer = post_to(&sink, "/v1/logs", &[PROTOBUF, IN_P1], protobuf()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers.get(header::RETRY_AFTER).map(|value| value.to_str().unwrap()), retry);
        assert_eq!(RpcStatus::decode(answer.body).unwrap().code, code);
    }
}

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tonic::Code;
use tonic::transport::Channel;
use tower::ServiceExt;

use super::super::answer::{RetryInfo, RpcStatus};
use super::super::sink::SinkError;
use super::super::testing::{BODY_BYTES_MAX, TestSink, pair, request, string, text};
use super::*;

/// A client of a server that stands on this sink; the server ends with the runtime.
async fn client_of(sink: &Arc<TestSink>) -> LogsServiceClient<Channel> {
    let authorize: Authorize = Arc::new(|headers| match headers.get("authorization") {
        Some(value) if value == "Bearer secret" => Ok(()),
        _ => Err("a token is needed".to_owned()),
    });
    let routes = grpc_routes(Arc::clone(sink), authorize);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    LogsServiceClient::connect(format!("http://{address}")).await.unwrap()
}

/// Three records with this body in project `p1`, from one who may.
fn export_of(body: &str) -> tonic::Request<opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest> {
    let record = LogRecord { body: Some(string(body)), attributes: vec![pair("n", 1)], ..LogRecord::default() };
    let mut request = tonic::Request::new(request(vec![text("service.name", "s")], vec![record; 3]));
    request.metadata_mut().insert("authorization", "Bearer secret".parse().unwrap());
    request.metadata_mut().insert("annals-project", "p1".parse().unwrap());
    request
}

#[tokio::test]
async fn records_come_in_plain_and_compressed() {
    let sink = TestSink::new();
    let plain = client_of(&sink).await;
    let gzip = client_of(&sink).await.send_compressed(CompressionEncoding::Gzip);
    for mut client in [plain, gzip] {
        let answer = client.export(export_of(&"hello".repeat(2_000))).await.unwrap().into_inner();
        assert_eq!(answer.partial_success, None);
    }
    assert_eq!(sink.events().len(), 6);
    assert_eq!(sink.events()[5]["projectId"], "p1");
    assert_eq!(sink.events()[5]["type"], "s");
}

#[tokio::test]
async fn refused_records_are_a_partial_success() {
    let sink = TestSink::new();
    let mut request = export_of("hello");
    request.get_mut().resource_logs[0].scope_logs[0].log_records[1].time_unix_nano = 1_000;
    let answer = client_of(&sink).await.export(request).await.unwrap().into_inner().partial_success.unwrap();
    assert_eq!(answer.rejected_log_records, 1);
    assert!(answer.error_message.starts_with("record 1: timestamp"), "{}", answer.error_message);
}

#[tokio::test]
async fn only_who_may_comes_in() {
    let sink = TestSink::new();
    let mut request = export_of("hello");
    request.metadata_mut().remove("authorization");
    let status = client_of(&sink).await.export(request).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "a token is needed"));
    assert_eq!(sink.events().len(), 0);
}

#[tokio::test]
async fn what_may_pass_later_carries_when_to_try_again() {
    for (error, code, seconds) in [
        (SinkError::Busy { retry_after_s: 2 }, Code::ResourceExhausted, Some(2)),
        (SinkError::Unavailable { retry_after_s: 1 }, Code::Unavailable, Some(1)),
        (SinkError::Full, Code::Unavailable, Some(30)),
        (SinkError::Invalid("no project".into()), Code::InvalidArgument, None),
        (SinkError::Internal, Code::Internal, None),
    ] {
        let status = client_of(&TestSink::failing(error)).await.export(export_of("hello")).await.unwrap_err();
        assert_eq!(status.code(), code);
        let details = RpcStatus::decode(status.details()).unwrap().details;
        let told = details.first().map(|packed| {
            assert_eq!(packed.type_url, "type.googleapis.com/google.rpc.RetryInfo");
            RetryInfo::decode(&*packed.value).unwrap().retry_delay.unwrap().seconds
        });
        assert_eq!(told, seconds);
    }
}

#[tokio::test]
async fn room_is_held_for_what_comes_compressed_or_not() {
    let sink = TestSink::with_room(100_000);
    let body = "x".repeat(50_000);
    for client in [client_of(&sink).await, client_of(&sink).await.send_compressed(CompressionEncoding::Gzip)] {
        let status = { client }.export(export_of(&body)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(!status.details().is_empty(), "the client is told when to try again");
    }
    assert_eq!(sink.events().len(), 0);
    client_of(&sink).await.export(export_of("short")).await.unwrap();
    assert_eq!(sink.events().len(), 3);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_also_when_it_is_small_compressed() {
    let sink = TestSink::new();
    let large = "x".repeat(BODY_BYTES_MAX / 3 + 1);
    for client in [client_of(&sink).await, client_of(&sink).await.send_compressed(CompressionEncoding::Gzip)] {
        let status = { client }.export(export_of(&large)).await.unwrap_err();
        assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status}");
    }
    assert_eq!(sink.events().len(), 0);
}

#[tokio::test]
async fn a_request_that_stands_still_ends() {
    let routes = grpc_routes(TestSink::waiting(Duration::from_millis(20)), Arc::new(|_| Ok(())));
    let silence = axum::body::Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let request = Request::post(format!("/{SERVICE_NAME}/Export")).header("content-type", "application/grpc");
    let answer = routes.oneshot(request.body(silence).unwrap()).await.unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
}

#[tokio::test]
async fn there_is_one_method() {
    let routes = grpc_routes(TestSink::new(), Arc::new(|_| Ok(())));
    for path in [format!("/{SERVICE_NAME}/Import"), "/elsewhere".to_owned()] {
        let request = Request::post(&path).body(axum::body::Body::empty()).unwrap();
        let answer = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(Status::from_header_map(answer.headers()).unwrap().code(), Code::Unimplemented, "{path}");
    }
}

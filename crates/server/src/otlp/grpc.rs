//! `LogsService/Export`: OTLP over gRPC.
//!
//! The service that is generated for it decodes a request as a whole before it is looked at. This one takes the message's
//! bytes, so that they go the same bounded way as over HTTP, and asks who is there before it reads them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::http::{HeaderMap, Request, Response};
use bytes::{Buf, Bytes};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::SERVICE_NAME;
use prost::Message;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;

use super::BODY_BYTES_MAX;
use super::answer::Failure;
use super::body::project;
use super::export::{Upload, Wire, export};
use super::sink::LogSink;
use crate::coding::Coding;

/// Says whether a request with these headers may come in, or else why not.
pub(crate) type Authorize = Arc<dyn Fn(&HeaderMap) -> Result<(), String> + Send + Sync>;

/// The routes of OTLP over gRPC, for a listener that speaks HTTP/2.
pub(crate) fn grpc_routes<S: LogSink>(sink: Arc<S>, authorize: Authorize) -> Router {
    Routes::new(LogsService { sink, authorize }).into_axum_router()
}

struct LogsService<S> {
    sink: Arc<S>,
    authorize: Authorize,
}

impl<S> Clone for LogsService<S> {
    fn clone(&self) -> Self {
        Self { sink: Arc::clone(&self.sink), authorize: Arc::clone(&self.authorize) }
    }
}

impl<S> NamedService for LogsService<S> {
    const NAME: &'static str = SERVICE_NAME;
}

impl<S: LogSink> tower::Service<Request<Body>> for LogsService<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

impl<S: LogSink> LogsService<S> {
    async fn answer(self, request: Request<Body>) -> Response<Body> {
        if let Err(status) = self.check(&request) {
            return status.into_http();
        }
        // A message's length is not told before it comes.
        let _place = match self.sink.admit(BODY_BYTES_MAX as u64).await {
            Ok(place) => place,
            Err(error) => return Failure::from(error).grpc().into_http(),
        };
        Grpc::new(RawCodec)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(BODY_BYTES_MAX)
            .unary(Export { sink: self.sink }, request)
            .await
    }

    /// What can be said of a request before its body is read.
    fn check(&self, request: &Request<Body>) -> Result<(), Status> {
        if request.uri().path().rsplit('/').next() != Some("Export") {
            return Err(Status::unimplemented("the service has the one method Export"));
        }
        (self.authorize)(request.headers()).map_err(Status::unauthenticated)
    }
}

/// The method.
struct Export<S> {
    sink: Arc<S>,
}

impl<S: LogSink> UnaryService<Bytes> for Export<S> {
    type Response = ExportLogsServiceResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Self::Response>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let sink = Arc::clone(&self.sink);
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            let outcome = async {
                let project = project(metadata.as_ref())?;
                let (wire, coding) = (Wire::Protobuf, Coding::Identity);
                export(&*sink, Upload { body, wire, coding, project, source: "otlp_grpc" }).await
            };
            match outcome.await {
                Ok(exported) => Ok(tonic::Response::new(exported.message())),
                Err(failure) => Err(failure.grpc()),
            }
        })
    }
}

/// Messages come in as their bytes and go out as protobuf.
#[derive(Clone, Copy, Debug)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = ExportLogsServiceResponse;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = ExportLogsServiceResponse;
    type Error = Status;

    fn encode(&mut self, message: ExportLogsServiceResponse, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(out).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}

#[cfg(test)]
mod tests;

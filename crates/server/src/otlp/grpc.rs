//! `LogsService/Export`: OTLP over gRPC.
//!
//! The service that is generated for it decodes a request as a whole before it is looked at. This one asks who is there
//! before it reads a message, holds room for every byte that comes, and takes the message as its bytes, so that they go
//! the same bounded way as over HTTP.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::Router;
use axum::http::{HeaderMap, Request, Response};
use bytes::{Buf, Bytes};
use futures::stream;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::SERVICE_NAME;
use prost::Message;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;

use super::answer::Failure;
use super::export::{Upload, Wire, export};
use super::head::project;
use super::sink::{LogSink, Place, SinkBounds};

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
        Box::pin(async move { Ok(service.answer(request).await.unwrap_or_else(Status::into_http)) })
    }
}

impl<S: LogSink> LogsService<S> {
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        if request.uri().path().rsplit('/').next() != Some("Export") {
            return Err(Status::unimplemented("the service has the one method Export"));
        }
        (self.authorize)(request.headers()).map_err(Status::unauthenticated)?;
        let later = |error| Failure::from(error).grpc();
        let bounds = self.sink.bounds().map_err(later)?;
        let place = Arc::new(Mutex::new(Some(self.sink.admit().await.map_err(later)?)));
        let request = request.map(|body| counted(body, bounds, Arc::clone(&place)));
        let mut grpc = Grpc::new(RawCodec)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(bounds.body_bytes_max);
        Ok(grpc.unary(Export { sink: self.sink, place }, request).await)
    }
}

/// Where a request's room is while its body is read; taken out when it is.
type Shared<P> = Arc<Mutex<Option<P>>>;

/// The same body, its parts passed on once there is room for them. One that stands still ends.
fn counted<P: Place>(body: Body, bounds: SinkBounds, place: Shared<P>) -> Body {
    let parts = stream::try_unfold((body, 0), move |(mut body, mut bytes)| {
        let place = Arc::clone(&place);
        async move {
            loop {
                let Ok(frame) = tokio::time::timeout(bounds.body_idle_max, body.frame()).await else {
                    let seconds = bounds.body_idle_max.as_secs();
                    return Err(Status::deadline_exceeded(format!("no byte of the request came for {seconds} s")));
                };
                let Some(frame) = frame.transpose()? else { return Ok(None) };
                let Ok(part) = frame.into_data() else { continue };
                bytes += part.len();
                if let Some(place) = &mut *place.lock().unwrap_or_else(PoisonError::into_inner) {
                    place.cover(bytes, 0).map_err(|error| Failure::from(error).grpc())?;
                }
                return Ok(Some((part, (body, bytes))));
            }
        }
    });
    Body::new(axum::body::Body::from_stream(parts))
}

/// The method, for one request.
struct Export<S: LogSink> {
    sink: Arc<S>,
    place: Shared<S::Place>,
}

impl<S: LogSink> UnaryService<Bytes> for Export<S> {
    type Response = ExportLogsServiceResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Self::Response>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let sink = Arc::clone(&self.sink);
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            let outcome = async {
                let mut place = place.ok_or(Failure::Internal)?;
                // Compressed, it was shorter.
                place.cover(body.len(), 0)?;
                let project = project(metadata.as_ref())?;
                export(&*sink, Upload { body, place, wire: Wire::Protobuf, project, source: "otlp_grpc" }).await
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

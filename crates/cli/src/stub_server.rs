//! [`StubServer`]: an HTTP server of a test, which answers by a function and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::remote::ServerUrl;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Query parameters, decoded, in their order.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
    /// How many requests came before it.
    pub(crate) nth: usize,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection ends without an answer.
    HangUp,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(200, Vec::new(), body.into())
    }

    pub(crate) fn problem(status: u16, detail: &str) -> Self {
        let body = serde_json::json!({"type": "about:blank", "title": "x", "status": status, "detail": detail});
        Self::Answer(status, vec![("content-type", "application/problem+json".to_owned())], body.to_string().into())
    }

    pub(crate) fn with_header(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Answer(status, headers, body)
            }
            Self::HangUp => Self::HangUp,
        }
    }
}

/// Listens on a port of its own until it is dropped.
pub(crate) struct StubServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _runtime: Runtime,
}

impl StubServer {
    pub(crate) fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept) = (Arc::new(answer), Arc::clone(&received));
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                tokio::spawn(async move {
                    let service = service_fn(|request| serve(request, answer.as_ref(), &kept));
                    // A connection that the test or its server ends is no failure.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, received, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> ServerUrl {
        self.address.to_string().parse().unwrap()
    }

    /// What was asked so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(
    request: Request<Incoming>,
    answer: &(impl Fn(&Received) -> Reply + Send + Sync),
    kept: &Mutex<Vec<Received>>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    let parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let received = {
        let mut kept = kept.lock().unwrap();
        let received = Received {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            parameters,
            headers: head.headers,
            body,
            nth: kept.len(),
        };
        kept.push(received.clone());
        received
    };
    match answer(&received) {
        Reply::HangUp => Err(std::io::Error::other("hung up")),
        Reply::Answer(status, headers, body) => {
            let mut response = Response::new(Full::new(Bytes::from(body)));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            Ok(response)
        }
    }
}

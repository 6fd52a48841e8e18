//! Connections: accepted within a bound, served over HTTP/1 and HTTP/2, and let go when the server stops.
//!
//! A connection may be idle for as long as it likes: it costs some 30 KiB. But the head of a request, once begun, must
//! come within its time, so nobody holds a place by sending a byte now and then.

mod head_timeout;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use head_timeout::HeadTimeout;

/// Longest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Rest after the system had no file for another connection.
const NO_FILE_REST: Duration = Duration::from_millis(50);

/// How connections are served.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    /// Places, over all listeners.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) head_timeout: Duration,
    /// True once nothing new is accepted.
    pub(crate) stopping: watch::Receiver<bool>,
    /// How long running requests are waited for.
    pub(crate) stop_timeout: Duration,
}

/// Serves `router` on `listener` until the server stops, then waits for what is being answered.
pub(crate) async fn serve(listener: TcpListener, router: Router, connections: Connections) {
    let mut stopping = connections.stopping.clone();
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections.places) => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let Some((stream, place)) = accepted else { continue };
        // Answers are small and complete: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let (io, head) = HeadTimeout::new(stream, connections.head_timeout);
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            head.begun();
            let (head, router) = (head.clone(), router.clone());
            async move {
                let answer = router.oneshot(request.map(Body::new)).await;
                head.ended();
                answer
            }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX);
        builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES_MAX as u32);
        let connection = graceful.watch(builder.serve_connection_with_upgrades(TokioIo::new(io), service).into_owned());
        tokio::spawn(async move {
            // A client that went away, or sent no HTTP, is its own affair.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(connections.stop_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still running when the time for stopping was over");
    }
}

/// The next connection and its place; `None` when it failed on the way.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // Without a place nothing is accepted: connections wait in the system's queue.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            let passing = [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::ConnectionRefused];
            if !passing.contains(&error.kind()) {
                tracing::warn!(%error, "no connection can be accepted: is the limit of open files reached?");
                let rest = tokio::time::timeout(NO_FILE_REST, std::future::pending::<()>());
                // The rest is over: that is all that can happen.
                let _ = rest.await;
            }
            None
        }
    }
}

//! [`Connection`]: one kept-alive HTTP/1.1 connection with one request under way, straight on hyper for the least client time.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::remote::retry_after;

/// How long a connection may take to come about.
const CONNECT_S_MAX: u64 = 5;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// An open connection. Its task ends with it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

impl Connection {
    /// Connects to `host:port`.
    pub(super) async fn open(authority: &str) -> Result<Self> {
        let stream = timeout(Duration::from_secs(CONNECT_S_MAX), TcpStream::connect(authority))
            .await
            .map_err(|_| anyhow!("no answer within {CONNECT_S_MAX} s"))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // How a connection ends shows in the request that it ends with.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Sends a request and reads the answer. After an error the connection is of no use.
    ///
    /// # Errors
    /// When there is no whole answer: the request may or may not have been carried out.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>, time_max: Duration) -> Result<Answered> {
        let exchange = async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| anyhow!(error))?;
            let retry_after = retry_after(&head.headers);
            Ok(Answered { status: head.status, retry_after, body: body.to_bytes() })
        };
        timeout(time_max, exchange).await.context("the server did not answer in time")?
    }

    /// Whether the server has ended it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

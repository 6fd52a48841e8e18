//! [`Bystanders`]: connections that are open beside the load and want next to nothing, as on a normal day.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Bytes that the system may hold back for a slow reader: what is beyond stays with the server.
const SLOW_READ_BUFFER: u32 = 4 << 10;
/// Rest of a slow reader after each byte.
const SLOW_READ_REST: Duration = Duration::from_secs(1);

/// Open connections; dropped, they are closed.
#[derive(Debug, Default)]
pub(super) struct Bystanders {
    idle: Vec<TcpStream>,
    slow: JoinSet<()>,
}

impl Bystanders {
    /// Opens `idle` connections that were answered once, and `slow` ones that take a large answer or the
    /// live tail byte by byte.
    ///
    /// # Errors
    /// When one of them is not accepted, or an idle one is not answered.
    #[expect(clippy::disallowed_methods, reason = "a slow reader is slow by the clock")]
    pub(super) async fn open(
        authority: &str,
        authorization: Option<&HeaderValue>,
        idle: u32,
        slow: u32,
    ) -> Result<Self> {
        let mut bystanders = Self::default();
        for nth in 1..=idle {
            let told =
                || format!("idle connection {nth} of {idle} (is the limit of open files, ulimit -n, above that?)");
            let mut stream = TcpStream::connect(authority).await.with_context(told)?;
            stream.write_all(&request(authority, authorization, "/healthz")).await.with_context(told)?;
            let mut answer = [0_u8; 512];
            let read = stream.read(&mut answer).await.with_context(told)?;
            if !answer[..read].starts_with(b"HTTP/1.1 200") {
                bail!("{}: not answered with 200", told());
            }
            bystanders.idle.push(stream);
        }
        let address = lookup_host(authority).await?.next().context("the server's name has no address")?;
        for nth in 1..=slow {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_recv_buffer_size(SLOW_READ_BUFFER)?;
            let told = || format!("slow reader {nth} of {slow}");
            let mut stream = socket.connect(address).await.with_context(told)?;
            // By turns one that follows and one that took more than it reads.
            let target = if nth % 2 == 0 { "/v1/tail" } else { "/v1/events?limit=1000" };
            stream.write_all(&request(authority, authorization, target)).await.with_context(told)?;
            bystanders.slow.spawn(async move {
                let mut byte = [0_u8];
                // Until the server has had enough of it.
                while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {
                    sleep(SLOW_READ_REST).await;
                }
            });
        }
        Ok(bystanders)
    }
}

fn request(authority: &str, authorization: Option<&HeaderValue>, target: &str) -> Vec<u8> {
    let mut head = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(value) = authorization {
        head.extend_from_slice(b"Authorization: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

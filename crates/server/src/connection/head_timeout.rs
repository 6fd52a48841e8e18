//! [`HeadTimeout`]: a connection whose requests must have whole heads within a time, but which may be idle between them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The stream below HTTP.
pub(super) struct HeadTimeout {
    stream: TcpStream,
    limit: Duration,
    head: Head,
    /// The request whose head the deadline is of.
    request: u64,
    deadline: Option<Deadline>,
}

/// Tells the stream where a request is: it sees only bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    /// Twice the requests that were answered, and one more while one is being served.
    turns: Arc<AtomicU64>,
}

impl Head {
    /// A whole head was read; what comes next is a body.
    pub(super) fn begun(&self) {
        self.turns.fetch_or(1, Ordering::Relaxed);
    }

    /// The request was answered; what comes next is another head.
    pub(super) fn ended(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }
}

impl HeadTimeout {
    pub(super) fn new(stream: TcpStream, limit: Duration) -> (Self, Head) {
        let head = Head::default();
        (Self { stream, limit, head: head.clone(), request: 0, deadline: None }, head)
    }
}

impl AsyncRead for HeadTimeout {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let turn = self.head.turns.load(Ordering::Relaxed);
        if turn != self.request {
            (self.request, self.deadline) = (turn, None);
        }
        if turn % 2 == 1 {
            return read;
        }
        if read.is_ready() {
            // The first bytes of a head start the clock, those that follow do not set it back.
            if buffer.filled().len() > before && self.deadline.is_none() {
                let limit = tokio::time::timeout(self.limit, std::future::pending::<()>());
                self.deadline = Some(Box::pin(async move {
                    // That the time is over is all that can happen.
                    let _ = limit.await;
                }));
            }
            return read;
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head of a request took too long")));
        }
        Poll::Pending
    }
}

impl AsyncWrite for HeadTimeout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

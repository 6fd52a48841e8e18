//! [`AnswerBody`]: the body of an answer that is encoded while it is sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::STATS;
use super::encoding::Encoding;

/// Bytes of a chunk, about.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that wait for the reader.
const CHUNKS_AHEAD: usize = 2;
/// A reader that takes no chunk for so long is given up, so that it does not keep a query's place and memory.
const READER_IDLE: Duration = Duration::from_secs(30);

/// Bytes from a task that encodes ahead. Dropping it ends the task and with it the query.
pub(super) struct AnswerBody {
    parts: mpsc::Receiver<Part>,
    ended: bool,
    _encoder: JoinSet<()>,
}

enum Part {
    Data(Bytes),
    /// Only after this is the answer complete.
    End(HeaderMap),
}

/// The body ends before the answer does.
#[derive(Debug)]
pub(super) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Broken {}

impl AnswerBody {
    /// Starts encoding; `with_trailer` appends the stats as a trailer.
    pub(super) fn start(encoding: Encoding, with_trailer: bool) -> Self {
        Self::start_with(encoding, with_trailer, READER_IDLE)
    }

    pub(super) fn start_with(encoding: Encoding, with_trailer: bool, reader_idle: Duration) -> Self {
        let (send, parts) = mpsc::channel(CHUNKS_AHEAD);
        let mut encoder = JoinSet::new();
        encoder.spawn(encode(encoding, with_trailer, send, reader_idle));
        Self { parts, ended: false, _encoder: encoder }
    }
}

async fn encode(mut encoding: Encoding, with_trailer: bool, parts: mpsc::Sender<Part>, reader_idle: Duration) {
    loop {
        let filled = encoding.fill(CHUNK_BYTES).await;
        let last = match filled {
            Ok(complete) => complete,
            Err(problem) => {
                tracing::warn!(status = problem.status().as_u16(), detail = problem.detail(), "an answer broke off");
                return;
            }
        };
        let bytes = encoding.take();
        if !bytes.is_empty() && !sent(&parts, Part::Data(bytes), reader_idle).await {
            return;
        }
        if !last {
            continue;
        }
        let mut trailers = HeaderMap::new();
        if with_trailer
            && let Ok(stats) = encoding.stats_json()
            && let Ok(stats) = HeaderValue::try_from(stats)
        {
            trailers.insert(STATS, stats);
        }
        // The query is done: its place is for others while the reader takes its time.
        drop(encoding);
        sent(&parts, Part::End(trailers), reader_idle).await;
        return;
    }
}

/// Whether the reader took it in time.
async fn sent(parts: &mpsc::Sender<Part>, part: Part, reader_idle: Duration) -> bool {
    match tokio::time::timeout(reader_idle, parts.send(part)).await {
        Ok(taken) => taken.is_ok(),
        Err(_elapsed) => {
            tracing::warn!(idle_s = reader_idle.as_secs(), "a reader took nothing and was given up");
            false
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match ready!(self.parts.poll_recv(cx)) {
            Some(Part::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Part::End(trailers)) => {
                self.ended = true;
                let trailers = (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers)));
                Poll::Ready(trailers)
            }
            None => {
                self.ended = true;
                Poll::Ready(Some(Err(Broken)))
            }
        }
    }
}

//! An Arrow IPC stream in an HTTP answer, batch by batch as the bytes come.

use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use futures::StreamExt;
use http_body_util::BodyExt;
use reqwest::{Body, Response};

use crate::source::{Rows, RowsStats};

/// An answer being read.
struct Incoming {
    body: Body,
    /// What the server says of the answer, in a trailer.
    stats: RowsStats,
    decoder: StreamDecoder,
    unread: Buffer,
}

/// Reads up to the schema; the batches come with the stream.
///
/// # Errors
/// When the answer is no Arrow stream.
pub(super) async fn rows(response: Response) -> Result<Rows> {
    let stats = RowsStats::default();
    stats.set_header(response.headers());
    // As a body, which shows the trailers that a large answer ends with.
    let body = Body::from(response);
    let unread = Buffer::from(Vec::<u8>::new());
    let mut incoming = Incoming { body, stats: stats.clone(), decoder: StreamDecoder::new(), unread };
    let first = incoming.next().await?;
    let schema =
        incoming.decoder.schema().context("the server's answer is no Arrow stream: is it a server of annals?")?;
    let rest = futures::stream::try_unfold(incoming, |mut incoming| async move {
        Ok(incoming.next().await?.map(|batch| (batch, incoming)))
    });
    let stream = futures::stream::iter(first.map(Ok)).chain(rest).boxed();
    Ok(Rows { schema, stream, stats })
}

impl Incoming {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.unread).context("the server's answer is damaged")? {
                return Ok(Some(batch));
            }
            let Some(frame) = self.body.frame().await else { break };
            let frame = frame.context("the server's answer broke off: look at the server's log, then try again")?;
            match frame.into_data() {
                Ok(bytes) => self.unread = Buffer::from(bytes),
                Err(frame) => frame.trailers_ref().into_iter().for_each(|trailers| self.stats.set_header(trailers)),
            }
        }
        if self.decoder.finish().is_err() {
            bail!("the server's answer is cut short: look at the server's log, then try again");
        }
        Ok(None)
    }
}

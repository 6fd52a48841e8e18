//! An Arrow IPC stream in an HTTP answer, batch by batch as the bytes come.

use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use futures::StreamExt;
use reqwest::Response;

use crate::source::Rows;

/// An answer being read.
struct Incoming {
    response: Response,
    decoder: StreamDecoder,
    unread: Buffer,
}

/// Reads up to the schema; the batches come with the stream.
///
/// # Errors
/// When the answer is no Arrow stream.
pub(super) async fn rows(response: Response) -> Result<Rows> {
    let mut incoming = Incoming { response, decoder: StreamDecoder::new(), unread: Buffer::from(Vec::<u8>::new()) };
    let first = incoming.next().await?;
    let schema =
        incoming.decoder.schema().context("the server's answer is no Arrow stream: is it a server of annals?")?;
    let rest = futures::stream::try_unfold(incoming, |mut incoming| async move {
        Ok(incoming.next().await?.map(|batch| (batch, incoming)))
    });
    let stream = futures::stream::iter(first.map(Ok)).chain(rest).boxed();
    Ok(Rows { schema, stream })
}

impl Incoming {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.unread).context("the server's answer is damaged")? {
                return Ok(Some(batch));
            }
            let chunk = self.response.chunk().await;
            match chunk.context("the server's answer broke off: look at the server's log, then try again")? {
                Some(bytes) => self.unread = Buffer::from(bytes),
                None => break,
            }
        }
        if self.decoder.finish().is_err() {
            bail!("the server's answer is cut short: look at the server's log, then try again");
        }
        Ok(None)
    }
}

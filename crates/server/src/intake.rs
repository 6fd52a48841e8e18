//! [`Intake`]: bodies of events to logged rows and an honest receipt.
//!
//! A large body is decoded by itself on the blocking pool. Small ones wait together: while the log syncs one group, those
//! that come meanwhile form the next, are decoded into one batch and logged as one record. So ten thousand single events a
//! second cost a few hundred batches. Each request still has its own rows, refusals, key and acknowledgement.

mod gather;
mod receipt;

use std::num::NonZero;
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, GroupDecoder, GroupPart, ProjectId};
use annals_writer::{Ack, AppendTicket, KeyClaim, Share, ShareKey, Writer};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub(crate) use self::receipt::IngestReceipt;
use self::receipt::Refused;
use crate::dead_letters::DeadLetters;
use crate::error::{Error, Result};
use crate::upload::Room;
use gather::{Gathered, Gatherer};

/// Bodies of at most this many bytes are decoded together with others.
const SMALL_BODY_BYTES_MAX: usize = 32 << 10;
/// Small bodies that may wait for the next group.
const GATHER_QUEUE: usize = 4_096;

/// One request's events.
#[derive(Debug)]
pub(crate) struct Submission {
    /// NDJSON or a JSON array.
    pub(crate) body: Bytes,
    /// Project of the events that name none.
    pub(crate) project: Option<ProjectId>,
    /// How safe the rows must be.
    pub(crate) ack: Ack,
    /// Where the request came in, for dead letters.
    pub(crate) source: &'static str,
    /// Its idempotency key.
    pub(crate) claim: Option<KeyClaim>,
    /// Memory that it holds, until its rows are logged.
    pub(crate) room: Option<Room>,
}

/// The way in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    writer: Arc<Writer>,
    dead_letters: DeadLetters,
    decode: Arc<DecodeSettings>,
    clock: Arc<dyn Clock>,
    decoders: Arc<Semaphore>,
    small: mpsc::Sender<Gathered>,
}

/// A body that was decoded and handed over.
#[derive(Debug)]
struct HandedOver {
    ticket: AppendTicket,
    refused: Refused,
    /// Its group's place among those in flight.
    place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Intake {
    /// Starts the thread that gathers small bodies; it ends with the last clone.
    ///
    /// # Errors
    /// `Unavailable` when no thread can be started.
    pub(crate) fn start(
        writer: Arc<Writer>,
        dead_letters: DeadLetters,
        decode: DecodeSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let decode = Arc::new(decode);
        let (small, queue) = mpsc::channel(GATHER_QUEUE);
        let gatherer = Gatherer { writer: Arc::clone(&writer), decode: Arc::clone(&decode), clock: Arc::clone(&clock) };
        std::thread::Builder::new()
            .name("annals-intake".into())
            .spawn(move || gatherer.run(queue))
            .map_err(|error| Error::unavailable("cannot start a thread", error))?;
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
        Ok(Self { writer, dead_letters, decode, clock, decoders: Arc::new(Semaphore::new(cores)), small })
    }

    /// Longest JSON text of one event, bytes.
    pub(crate) fn event_bytes_max(&self) -> usize {
        self.decode.limits.event_bytes_max
    }

    /// Decodes and logs the events of a request, keeps the refused ones, and answers when the level asked for is reached.
    ///
    /// # Errors
    /// `Invalid` for a body that is no list of events at all; `Exhausted` and `Full` when nothing can be taken now;
    /// `Closed` when the writer closed: the events may be found after a restart or not.
    ///
    /// # Cancel safety
    /// Dropping the future drops the claim to the answer; what was handed over is logged.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<IngestReceipt> {
        let (project, source) = (submission.project.clone(), submission.source);
        let ack = submission.ack;
        let HandedOver { ticket, refused, place } = if submission.body.len() <= SMALL_BODY_BYTES_MAX {
            self.submit_small(submission).await?
        } else {
            self.submit_large(submission).await?
        };
        // Refused records are kept while the others are logged: two logs, two syncs at the same time.
        let kept = self.dead_letters.keep(&refused.refusals, refused.count, project.as_ref(), source);
        let (receipt, kept) = tokio::join!(ticket.received(), kept);
        drop(place);
        let receipt = receipt?;
        Ok(IngestReceipt::new(ack, &receipt, refused.note(), kept.err().map(|error| error.to_string())))
    }

    async fn submit_small(&self, submission: Submission) -> Result<HandedOver> {
        let (answer, handed_over) = tokio::sync::oneshot::channel();
        let gathered = Gathered { submission, answer };
        let gone = || Error::closed("the server stops taking events: send them to another one, or again in a moment");
        self.small.send(gathered).await.map_err(|_| gone())?;
        handed_over.await.map_err(|_| gone())?
    }

    async fn submit_large(&self, submission: Submission) -> Result<HandedOver> {
        // More decoders than cores would only take turns and hold more memory.
        let permit = Arc::clone(&self.decoders).acquire_owned().await;
        let this = self.clone();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            this.decode_and_append(submission)
        })
        .await
        .unwrap_or_else(|error| Err(Error::internal("decoding the events stopped unexpectedly", error)))
    }

    fn decode_and_append(&self, submission: Submission) -> Result<HandedOver> {
        let Submission { body, project, ack, claim, room, .. } = submission;
        let mut group = GroupDecoder::new(&self.decode, body.len(), self.clock.now_us());
        let part = group.push(&body, project.as_ref())?;
        let batch = group.finish();
        // The rows are columns now.
        drop(body);
        let (share, refused) = share(part, ack, claim);
        let mut tickets = self.writer.append_shares(batch, vec![share])?;
        drop(room);
        let ticket = tickets.pop().expect("one share has one ticket");
        Ok(HandedOver { ticket, refused, place: None })
    }
}

/// A decoded body's part of a batch, and what of it was refused.
fn share(part: GroupPart, ack: Ack, claim: Option<KeyClaim>) -> (Share, Refused) {
    let GroupPart { rows, refused, refusals } = part;
    let refused = Refused { count: refused, refusals };
    let key = claim.map(|claim| ShareKey { claim, note: refused.note().to_bytes() });
    (Share { rows, ack, key }, refused)
}

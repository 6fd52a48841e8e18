//! [`Gatherer`]: small bodies that wait together become one batch.
//!
//! Two groups are in flight at most: one is synced, one waits for it. So groups grow by themselves as more requests come,
//! and a request that comes alone does not wait.

use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, GroupDecoder};
use annals_writer::{Ack, Writer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{HandedOver, Submission, share};
use crate::error::{Error, Result};

/// Requests in one group at most.
const GROUP_REQUESTS_MAX: usize = 2_048;
/// Bytes of their bodies at most, one more body aside.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// Groups that are handed over and not yet acknowledged.
const GROUPS_IN_FLIGHT_MAX: usize = 2;

/// A small request and who waits for it.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) submission: Submission,
    pub(super) answer: oneshot::Sender<Result<HandedOver>>,
}

/// What the gathering thread works with.
#[derive(Debug)]
pub(super) struct Gatherer {
    pub(super) writer: Arc<Writer>,
    pub(super) decode: Arc<DecodeSettings>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Gatherer {
    /// Runs until nobody can send any more.
    pub(super) fn run(self, mut queue: mpsc::Receiver<Gathered>) {
        let in_flight = Arc::new(Semaphore::new(GROUPS_IN_FLIGHT_MAX));
        while let Some(first) = queue.blocking_recv() {
            let permit = futures::executor::block_on(Arc::clone(&in_flight).acquire_owned()).ok();
            let mut bytes = first.submission.body.len();
            let mut group = vec![first];
            while group.len() < GROUP_REQUESTS_MAX && bytes < GROUP_BYTES_MAX {
                let Ok(next) = queue.try_recv() else { break };
                bytes += next.submission.body.len();
                group.push(next);
            }
            self.hand_over(group, bytes, permit.map(Arc::new));
        }
    }

    fn hand_over(&self, group: Vec<Gathered>, bytes: usize, permit: Option<Arc<OwnedSemaphorePermit>>) {
        let mut decoder = GroupDecoder::new(&self.decode, bytes, self.clock.now_us());
        let mut shares = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        for Gathered { submission, answer } in group {
            let Submission { body, project, ack, claim, room, .. } = submission;
            match decoder.push(&body, project.as_ref()) {
                Ok(part) => {
                    let (share, refused) = share(part, ack, claim);
                    shares.push(share);
                    answers.push((answer, refused, room, ack));
                }
                Err(error) => {
                    // Who went away does not want to know.
                    let _ = answer.send(Err(error.into()));
                }
            }
        }
        if shares.is_empty() {
            return;
        }
        match self.writer.append_shares(decoder.finish(), shares) {
            Ok(tickets) => {
                for ((answer, refused, room, ack), ticket) in answers.into_iter().zip(tickets) {
                    drop(room);
                    // A request that waits for the table must not hold up the next group.
                    let place = permit.clone().filter(|_| ack != Ack::Stored);
                    // Who went away does not want to know; the rows are logged all the same.
                    let _ = answer.send(Ok(HandedOver { ticket, refused, place }));
                }
            }
            Err(error) => {
                let error = Error::from(error);
                for (answer, ..) in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}

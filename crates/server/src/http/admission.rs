//! [`Reads`]: how many queries and tails there may be at once.
//!
//! A query that finds no place waits a little, for most queries are short; a tail does not, for tails stay.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Problem;

/// Longest that a query waits for a place.
const QUERY_WAIT: Duration = Duration::from_secs(10);
/// Seconds after which a query that found no place may be sent again.
const QUERY_RETRY_S: u32 = 5;
/// Tails open at a time.
const TAILS_MAX: usize = 1_000;
/// Seconds after which a tail that found no place may be opened again.
const TAIL_RETRY_S: u32 = 10;
/// Tails that read at a time: those that follow need next to nothing, those that catch up read files.
const TAIL_READS_MAX: usize = 8;
/// Tails that read far ahead of their clients at a time.
const TAIL_LEADS_MAX: usize = 8;

/// The places of queries and tails. A permit is a place; dropping it frees it.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    queries_max: usize,
    query_wait: Duration,
    queries: Arc<Semaphore>,
    tails_max: usize,
    tails: Arc<Semaphore>,
    tail_reads: Arc<Semaphore>,
    tail_leads: Arc<Semaphore>,
}

impl Reads {
    /// Room for `queries_max` queries, at least one.
    pub(crate) fn new(queries_max: usize) -> Self {
        Self::with(queries_max.max(1), QUERY_WAIT, TAILS_MAX)
    }

    fn with(queries_max: usize, query_wait: Duration, tails_max: usize) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            queries_max,
            query_wait,
            queries: places(queries_max),
            tails_max,
            tails: places(tails_max),
            tail_reads: places(TAIL_READS_MAX),
            tail_leads: places(TAIL_LEADS_MAX),
        }
    }

    /// A place for a query.
    ///
    /// # Errors
    /// 429 when none was free for ten seconds.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub(crate) async fn query(&self) -> Result<OwnedSemaphorePermit, Problem> {
        match tokio::time::timeout(self.query_wait, Arc::clone(&self.queries).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                let detail = format!("{} queries run already: try again, or with narrower queries", self.queries_max);
                Err(Problem::too_many(detail, QUERY_RETRY_S))
            }
        }
    }

    /// A place for a tail.
    ///
    /// # Errors
    /// 429 when none is free.
    pub(crate) fn tail(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.tails).try_acquire_owned().map_err(|_| {
            let detail = format!("{} tails are open already: close one, or try again", self.tails_max);
            Problem::too_many(detail, TAIL_RETRY_S)
        })
    }

    /// The turn of a tail to read. Waits for as long as it takes.
    pub(crate) async fn tail_read(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it, so this is always a permit.
        Arc::clone(&self.tail_reads).acquire_owned().await.ok()
    }

    /// Leave to read far ahead, for a tail that has much to catch up; keep it as long as what was read is kept. `None`
    /// when others have it.
    pub(crate) fn tail_lead(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.tail_leads).try_acquire_owned().ok()
    }

    /// Queries that run now.
    pub(crate) fn queries_running(&self) -> usize {
        self.queries_max - self.queries.available_permits()
    }

    /// Tails that are open now.
    pub(crate) fn tails_open(&self) -> usize {
        self.tails_max - self.tails.available_permits()
    }
}

#[cfg(test)]
impl Reads {
    /// Few places and no patience.
    pub(crate) fn narrow(queries_max: usize, tails_max: usize) -> Self {
        Self::with(queries_max, Duration::from_millis(1), tails_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_query_without_a_place_is_sent_away_until_one_is_free() {
        let reads = Reads::narrow(2, 1);
        let first = reads.query().await.unwrap();
        let _second = reads.query().await.unwrap();
        assert_eq!(reads.queries_running(), 2);
        let problem = reads.query().await.unwrap_err();
        assert_eq!(problem.status(), 429);
        assert!(problem.detail().contains("2 queries run already"), "{problem:?}");
        drop(first);
        assert!(reads.query().await.is_ok());
    }

    #[tokio::test]
    async fn a_waiting_query_gets_the_next_place() {
        let reads = Reads::with(1, Duration::from_secs(60), 1);
        let first = reads.query().await.unwrap();
        let waiting = tokio::spawn({
            let reads = reads.clone();
            async move { reads.query().await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn a_tail_without_a_place_is_sent_away_at_once() {
        let reads = Reads::narrow(1, 1);
        let first = reads.tail().unwrap();
        assert_eq!((reads.tails_open(), reads.tail().unwrap_err().status().as_u16()), (1, 429));
        drop(first);
        assert!(reads.tail().is_ok());
    }
}

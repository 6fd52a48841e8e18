//! The limit on how long an answer may take, for answers that come whole. Streams have theirs in
//! [`LimitedStream`](crate::answer::LimitedStream).

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// The answer of `work`, which is dropped when `time_ms_max` passes first. Needs a runtime whose timer is enabled, unless
/// there is no limit.
///
/// # Errors
/// `Exhausted`, naming the limit, and those of `work`.
pub(crate) async fn within<T>(time_ms_max: Option<u64>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(ms) = time_ms_max else { return work.await };
    match tokio::time::timeout(Duration::from_millis(ms), work).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(time_exceeded(ms)),
    }
}

/// What a query is told that took longer than its limit.
pub(crate) fn time_exceeded(ms: u64) -> Error {
    Error::new(
        ErrorKind::Exhausted,
        format!("the query took longer than the limit time_ms_max of {ms} ms: narrow it or raise the limit"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_never_answers_ends_at_its_time_limit() {
        let error = within::<()>(Some(1), std::future::pending()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert!(error.to_string().contains("time_ms_max of 1 ms"), "{error}");
    }

    #[tokio::test]
    async fn what_answers_in_time_is_passed_on() {
        assert_eq!(within(Some(60_000), async { Ok(7) }).await.unwrap(), 7);
        assert_eq!(within(None, async { Ok(7) }).await.unwrap(), 7);
    }
}

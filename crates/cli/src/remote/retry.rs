//! [`RetryPolicy`]: whether a failed request is sent again, and after which pause. Deciding is pure; [`pause`] waits.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::failure::Failure;

/// The longest pause that a server can ask for and is granted.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How often and how long to try. Pauses double from the first to the longest, unless the server says how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Requests in all, the first one included.
    pub(crate) attempts_max: u32,
    /// Pause after the first failure.
    pub(crate) pause_first: Duration,
    /// Longest pause of our own choice.
    pub(crate) pause_max: Duration,
    /// Whether a request that may have been carried out is sent again: only when doing it twice does no harm.
    pub(crate) after_broken: bool,
}

impl RetryPolicy {
    /// For questions: a server that is starting gets half a minute.
    pub(crate) const QUESTION: Self = Self {
        attempts_max: 30,
        pause_first: Duration::from_millis(100),
        pause_max: Duration::from_secs(1),
        after_broken: false,
    };

    /// For events that carry an idempotency key: a server that is restarted or has no room gets minutes.
    pub(crate) const EVENTS: Self = Self {
        attempts_max: 120,
        pause_first: Duration::from_millis(100),
        pause_max: Duration::from_secs(5),
        after_broken: true,
    };

    /// The pause before the next attempt, after `failures` of them; `None` when there is none.
    pub(crate) fn pause(&self, failures: u32, failure: &Failure) -> Option<Duration> {
        if failures >= self.attempts_max {
            return None;
        }
        let asked = match failure {
            Failure::Unreachable { .. } | Failure::Broken { .. } => {
                if !self.after_broken {
                    return None;
                }
                None
            }
            Failure::Refused { status, retry_after, .. } => match *status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => *retry_after,
                StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT if self.after_broken => None,
                _ => return None,
            },
        };
        let own = self.pause_first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.pause_max);
        Some(asked.unwrap_or(own).min(PAUSE_MAX))
    }
}

/// `Retry-After` in seconds; a date in its place is not understood.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "a pause between attempts has no condition to wait for")]
pub(crate) async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after_s: Option<u64>) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::Refused { status, detail: String::new(), retry_after: retry_after_s.map(Duration::from_secs) }
    }

    fn broken() -> Failure {
        Failure::Broken { cause: String::new() }
    }

    #[test]
    fn the_servers_word_on_when_to_come_back_goes_before_our_own() {
        let policy = RetryPolicy::EVENTS;
        assert_eq!(policy.pause(1, &refused(429, Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(policy.pause(1, &refused(503, None)), Some(Duration::from_millis(100)));
        assert_eq!(policy.pause(3, &refused(503, None)), Some(Duration::from_millis(400)));
        assert_eq!(policy.pause(100, &refused(503, None)), Some(Duration::from_secs(5)));
        assert_eq!(policy.pause(1, &refused(429, Some(1 << 40))), Some(PAUSE_MAX));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [400, 401, 413, 422, 500, 507] {
            assert_eq!(RetryPolicy::EVENTS.pause(1, &refused(status, None)), None, "{status}");
        }
        assert!(RetryPolicy::EVENTS.pause(1, &broken()).is_some());
        assert_eq!(RetryPolicy::QUESTION.pause(1, &broken()), None);
        assert!(RetryPolicy::QUESTION.pause(1, &refused(503, Some(1))).is_some());
    }

    #[test]
    fn trying_ends() {
        assert_eq!(RetryPolicy::EVENTS.pause(RetryPolicy::EVENTS.attempts_max, &refused(429, Some(1))), None);
    }

    #[test]
    fn a_date_in_retry_after_is_passed_over() {
        let headers = |value: &str| HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(retry_after(&headers("3")), Some(Duration::from_secs(3)));
        assert_eq!(retry_after(&headers("Wed, 21 Oct 2026 07:28:00 GMT")), None);
        assert_eq!(retry_after(&headers("-1")), None);
    }
}

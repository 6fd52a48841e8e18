//! [`Judgement`]: what an answer to a batch means for its events. Pure.

use std::time::Duration;

use reqwest::StatusCode;

use crate::remote::{EventsAnswer, detail};

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The events are stored as the answer tells.
    Acked(EventsAnswer),
    /// Nothing was taken: no room, or starting or stopping. Come back after this long.
    Busy(Duration),
    /// The server failed: the events may or may not be stored.
    Unclear(String),
    /// The request is wrong, and every other one will be.
    Final(String),
}

/// Where the server does not say when to come back.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// Judges an answer by its status.
pub(super) fn judge(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Judgement {
    if let Some(answer) = EventsAnswer::parse(status, body) {
        return Judgement::Acked(answer);
    }
    let told = || format!("the server answered {status}: {}", detail(body));
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Judgement::Busy(retry_after.unwrap_or(BUSY_PAUSE))
        }
        status if status.is_server_error() => Judgement::Unclear(told()),
        _ => Judgement::Final(told()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Judgement {
        judge(StatusCode::from_u16(status).unwrap(), Some(Duration::from_secs(2)), body.as_bytes())
    }

    #[test]
    fn an_answer_is_judged_by_what_it_says_of_the_events() {
        let answer = r#"{"accepted":3,"duplicates":0,"refused":1}"#;
        assert!(matches!(judged(200, answer), Judgement::Acked(answer) if answer.accepted == 3 && answer.refused == 1));
        assert!(matches!(judged(422, r#"{"accepted":0,"refused":3}"#), Judgement::Acked(_)));
        assert_eq!(judged(429, "{}"), Judgement::Busy(Duration::from_secs(2)));
        assert_eq!(judged(503, ""), Judgement::Busy(Duration::from_secs(2)));
        assert!(matches!(judged(500, "{}"), Judgement::Unclear(_)));
        assert!(matches!(judged(507, "{}"), Judgement::Unclear(_)));
    }

    #[test]
    fn a_success_that_says_nothing_of_events_is_no_success() {
        assert!(matches!(judged(200, "<html>"), Judgement::Final(_)));
        assert!(matches!(judged(204, ""), Judgement::Final(_)));
        assert!(matches!(judged(422, r#"{"detail":"no"}"#), Judgement::Final(_)));
        assert!(matches!(judged(401, r#"{"detail":"no token"}"#), Judgement::Final(told) if told.contains("no token")));
    }
}

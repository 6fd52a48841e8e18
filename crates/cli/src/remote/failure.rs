//! [`Failure`]: why a request has no answer, told apart by what may have happened at the server.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::server_url::ServerUrl;
use crate::output::{clip, one_line};

/// Characters of a server's words that are shown.
const DETAIL_CHARS_MAX: usize = 1_000;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no connection: the server has not seen the request.
    Unreachable { url: ServerUrl, cause: String },
    /// The connection broke or was silent for too long: the request may have been carried out.
    Broken { cause: String },
    /// The server answered with an error.
    Refused { status: StatusCode, detail: String, retry_after: Option<Duration> },
}

impl Failure {
    /// What the HTTP client met.
    pub(super) fn of(url: &ServerUrl, error: &reqwest::Error) -> Self {
        let mut cause: &dyn Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let cause = cause.to_string();
        if error.is_connect() { Self::Unreachable { url: url.clone(), cause } } else { Self::Broken { cause } }
    }

    /// An error status with its body, a problem document or any text.
    pub(super) fn refused(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Self {
        Self::Refused { status, detail: detail(body), retry_after }
    }
}

/// What an error's body says: the `detail` of a problem document, else the text itself.
pub(crate) fn detail(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        detail: String,
    }
    let text = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => problem.detail,
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    clip(&one_line(&text), DETAIL_CHARS_MAX)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, cause } => write!(
                f,
                "no server answers at {url} ({cause}): start one with `annals serve`, or name the right one with --server"
            ),
            Self::Broken { cause } => {
                write!(f, "the connection to the server broke ({cause}): look at the server's log, then try again")
            }
            Self::Refused { status, detail, .. } => {
                write!(f, "the server answered {status}")?;
                if !detail.is_empty() {
                    write!(f, ": {detail}")?;
                }
                match *status {
                    StatusCode::UNAUTHORIZED => {
                        f.write_str("; name the file that holds the token: --token-file FILE or ANNALS_TOKEN_FILE")
                    }
                    StatusCode::NOT_FOUND if detail.is_empty() => f.write_str("; is it a server of annals?"),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_is_shown_by_its_detail_and_anything_else_as_it_is() {
        let problem = br#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"unknown \"lvl\""}"#;
        let failure = Failure::refused(StatusCode::BAD_REQUEST, problem, None);
        assert_eq!(failure.to_string(), "the server answered 400 Bad Request: unknown \"lvl\"");
        let page = Failure::refused(StatusCode::BAD_GATEWAY, b"<h1>\x1b[2JBad gateway</h1>\n", None);
        assert_eq!(page.to_string(), "the server answered 502 Bad Gateway: <h1>\u{fffd}[2JBad gateway</h1>");
    }

    #[test]
    fn a_missing_token_says_where_it_goes() {
        let told = Failure::refused(StatusCode::UNAUTHORIZED, b"", None).to_string();
        assert!(told.contains("--token-file"), "{told}");
    }
}

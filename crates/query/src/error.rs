//! The error of this crate: a kind that says what to do, a message with its context, and the cause.

use std::fmt;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The query breaks a rule; change it.
    Invalid,
    /// The table or column asked for is not there.
    NotFound,
    /// The store did not answer; try again later.
    Unavailable,
    /// A limit is reached (memory, rows, time); ask for less or raise it.
    Exhausted,
    /// Stored bytes are not what was written; an operator must act.
    Corrupt,
    /// A defect in this program.
    Internal,
}

/// An error: kind, lowercase message without a full stop, and the cause if there is one.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An error with its cause; `message` says what was being done and to what.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(source.into()) }
    }

    /// The query breaks a rule that `message` names.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

impl From<annals_table::Error> for Error {
    fn from(error: annals_table::Error) -> Self {
        use annals_table::ErrorKind as Table;
        let kind = match error.kind() {
            Table::Invalid => ErrorKind::Invalid,
            Table::NotFound => ErrorKind::NotFound,
            Table::Conflict | Table::Unavailable | Table::Closed => ErrorKind::Unavailable,
            Table::Exhausted => ErrorKind::Exhausted,
            Table::Corrupt => ErrorKind::Corrupt,
            Table::Internal => ErrorKind::Internal,
        };
        Self::with_source(kind, error.to_string(), error)
    }
}

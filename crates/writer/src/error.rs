//! The error of this crate: a kind that says what to do, a message with its context, and the cause.
//!
//! Cheap to clone, because one failed sync is the answer to every append of its group.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use annals_table::ErrorKind;

/// An error: kind, lowercase message without a full stop, and the cause if there is one.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(Arc::new(source)) }
    }

    /// A file operation failed; a full disk is `Exhausted`, anything else `Unavailable`.
    pub(crate) fn io(doing: &str, path: &Path, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
            _ => ErrorKind::Unavailable,
        };
        Self::with_source(kind, format!("{doing} {} failed", path.display()), error)
    }

    /// What an append gets after the writer closed because of `self`; the kind of a full disk stays.
    pub(crate) fn closed_by(&self) -> Self {
        let kind = if self.kind == ErrorKind::Exhausted { ErrorKind::Exhausted } else { ErrorKind::Closed };
        let message = "the writer closed after a failure: restart it to go on from what is on disk";
        Self::with_source(kind, message, self.clone())
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
        Self::with_source(error.kind(), "the table refused", error)
    }
}

impl From<annals_event::Error> for Error {
    fn from(error: annals_event::Error) -> Self {
        let kind = match error.kind() {
            annals_event::ErrorKind::Invalid => ErrorKind::Invalid,
            annals_event::ErrorKind::Internal => ErrorKind::Internal,
        };
        Self::with_source(kind, "the batch was refused", error)
    }
}

//! The error of this crate.

use std::fmt;
use std::io;
use std::sync::Arc;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request breaks a rule; change it.
    Invalid,
    /// The other side is gone or the sink failed; try again.
    Unavailable,
    /// A limit is reached; try again later, or with less.
    Exhausted,
    /// The disk is full; make room.
    Full,
    /// The writer is closed; restart the server.
    Closed,
    /// A defect in this program.
    Internal,
}

/// An error: kind, lowercase message, and the cause if there is one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The request breaks a rule that `message` names.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Invalid, message: message.into(), source: None }
    }

    /// The server stops.
    pub(crate) fn closed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Closed, message: message.into(), source: None }
    }

    /// Something outside failed.
    pub(crate) fn unavailable(
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self { kind: ErrorKind::Unavailable, message: message.into(), source: Some(Arc::new(source)) }
    }

    /// A rule of our own is broken.
    pub(crate) fn internal(message: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { kind: ErrorKind::Internal, message: message.into(), source: Some(Arc::new(source)) }
    }

    /// Writing an answer failed.
    pub(crate) fn write(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = Arc::from(source.into());
        Self { kind: ErrorKind::Unavailable, message: "cannot write the answer".into(), source: Some(source) }
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

impl From<annals_event::Error> for Error {
    fn from(error: annals_event::Error) -> Self {
        let kind = match error.kind() {
            annals_event::ErrorKind::Invalid => ErrorKind::Invalid,
            annals_event::ErrorKind::Internal => ErrorKind::Internal,
        };
        Self { kind, message: error.to_string(), source: None }
    }
}

impl From<annals_writer::Error> for Error {
    fn from(error: annals_writer::Error) -> Self {
        use annals_writer::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Invalid => ErrorKind::Invalid,
            Kind::Exhausted if is_disk_full(&error) => ErrorKind::Full,
            Kind::Exhausted => ErrorKind::Exhausted,
            Kind::Unavailable => ErrorKind::Unavailable,
            Kind::Closed | Kind::Conflict => ErrorKind::Closed,
            _ => ErrorKind::Internal,
        };
        Self { kind, message: error.to_string(), source: Some(Arc::new(error)) }
    }
}

impl From<annals_table::Error> for Error {
    fn from(error: annals_table::Error) -> Self {
        annals_writer::Error::from(error).into()
    }
}

impl From<annals_query::Error> for Error {
    fn from(error: annals_query::Error) -> Self {
        use annals_query::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Invalid | Kind::NotFound => ErrorKind::Invalid,
            Kind::Exhausted => ErrorKind::Exhausted,
            Kind::Unavailable => ErrorKind::Unavailable,
            _ => ErrorKind::Internal,
        };
        Self { kind, message: error.to_string(), source: Some(Arc::new(error)) }
    }
}

/// Whether a full disk, or a quota, stands at the end of the causes.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        }
        cause = error.source();
    }
    false
}

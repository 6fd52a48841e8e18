//! What the errors of an object store and of a file system mean to a caller of this crate.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, ErrorKind};

/// Our error for what a store answered; `context` says what was being done and to what.
pub(crate) fn store_error(context: impl Into<String>, error: object_store::Error) -> Error {
    Error::with_source(kind_of_store_error(&error), context, error)
}

/// Our error for what a file system answered.
pub(crate) fn io_error(context: impl Into<String>, error: io::Error) -> Error {
    Error::with_source(kind_of_io_error(&error), context, error)
}

fn kind_of_store_error(error: &object_store::Error) -> ErrorKind {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => ErrorKind::NotFound,
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => ErrorKind::Conflict,
        E::InvalidPath { .. } | E::NotSupported { .. } | E::NotImplemented { .. } => ErrorKind::Invalid,
        E::UnknownConfigurationKey { .. } => ErrorKind::Invalid,
        // Until somebody changes the rights, and then it works again.
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => ErrorKind::Unavailable,
        _ => io_cause(error).map_or(ErrorKind::Unavailable, kind_of_io_error),
    }
}

fn kind_of_io_error(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::Conflict,
        io::ErrorKind::InvalidInput => ErrorKind::Invalid,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => ErrorKind::Exhausted,
        _ => ErrorKind::Unavailable,
    }
}

/// The first error of an operating system in the chain of causes.
fn io_cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

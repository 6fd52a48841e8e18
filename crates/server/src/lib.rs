//! Who may ask, and in which wire format. Only this crate knows wire formats; so far that is the encoding of answers.

mod app;
mod error;
mod format;
mod http;
mod node;
mod otlp;

pub use error::{Error, ErrorKind, Result};
pub use format::{ResultFormat, ResultWriter, RowShape};

//! Who may ask, and in which wire format: HTTP, OTLP, and the encoding of answers.
//!
//! [`Server`] is the door: it listens, opens a store and answers until it is told to stop. Only this crate knows wire
//! formats. Start reading at `server` (start and stop), `http` (one file a resource), `intake` (bodies to logged rows) and
//! `upload` (what bounds them).

mod app;
mod coding;
mod compaction;
mod connection;
mod dead_letters;
mod error;
mod format;
mod http;
mod intake;
mod memory;
mod metrics;
mod nearest;
mod node;
mod otlp;
mod retention;
mod server;
pub mod settings;
mod sink;
mod token;
mod upload;

pub use dead_letters::UNASSIGNED_PROJECT;
pub use error::{Error, ErrorKind, Result};
pub use format::{ResultFormat, ResultWriter, RowShape};
pub use memory::{Budget, KNOWN_ID_BYTES, MemoryPlan, Reservation, machine_memory_bytes};
pub use node::DEAD_LETTER_LOG;
pub use server::{Server, ServerOptions};
pub use settings::{Resolved, ServeSettings};
pub use token::Token;

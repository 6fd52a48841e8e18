//! Who may ask, and in which wire format. Only this crate knows wire formats; so far that is the encoding of answers.

mod error;
mod format;
mod memory;
pub mod settings;
mod token;

pub use error::{Error, ErrorKind, Result};
pub use format::{ResultFormat, ResultWriter, RowShape};
pub use memory::{Budget, KNOWN_ID_BYTES, MemoryPlan, Reservation, machine_memory_bytes};
pub use settings::{Resolved, ServeSettings};
pub use token::Token;

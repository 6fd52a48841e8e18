//! What an event is: its fields, its Arrow schema, JSON to [`RecordBatch`](arrow::array::RecordBatch) and back, and the
//! catalogue of known kinds.
//!
//! This crate does no I/O, starts no thread and reads no clock but the one handed to it.

mod assigned;
mod batch_builder;
mod catalog;
mod clock;
mod day;
mod decode;
mod encode;
mod error;
#[cfg(test)]
mod fuzz;
mod group;
mod level;
mod map;
mod member;
mod project;
mod row;
mod scan;
mod schema;
mod settings;
mod time;

pub use assigned::{ASSIGNED_ID_BYTES, AssignedId, assign, assigned_id, parse_assigned_id};
pub use catalog::{Catalog, EventKind, Role};
pub use clock::{Clock, SystemClock};
pub use day::{DAY_US, Day};
pub use decode::{Decoded, EventDecoder, REFUSAL_RAW_BYTES_MAX, Refusal};
pub use encode::{EventEncoder, write_event, write_ndjson};
pub use error::{Error, ErrorKind, Result};
pub use group::{GroupDecoder, GroupPart};
pub use level::Level;
pub use map::{EventMap, MapOutcome};
pub use project::{PROJECT_ID_BYTES_MAX, ProjectId};
pub use schema::{PARTITION_COLUMNS, TEXT_COLUMNS, columns, event_schema, file_schema, timestamp_type};
pub use settings::{DecodeLimits, DecodeSettings};
pub use time::{format_timestamp, parse_duration_us, parse_time_bound, parse_timestamp};

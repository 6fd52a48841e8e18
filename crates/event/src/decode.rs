//! [`EventDecoder`]: JSON text to a batch of events, straight into Arrow columns.
//!
//! The first stage of an event's way in. Every record of a body ends as a row or as a [`Refusal`], never as neither.
//!
//! What becomes of a record's members:
//! - a known name (see the event model) goes to its column; its alias does when the canonical name is absent or null. When
//!   both are there and differ the canonical one wins and the alias stays in `attributes`;
//! - text columns take strings; numbers, `true` and `false` are taken by their JSON text (`42` becomes the text `42`).
//!   Objects, arrays, strings with half a surrogate pair and explicit nulls are kept in `attributes` under their name, and
//!   the column is null; but in `id`, `level`, `type`, `projectId` and `timestamp` they are refused, and null is absence;
//! - `payload` and `error` take any JSON value but null, as its original text, byte for byte;
//! - any other name is kept in `attributes`, one JSON object, name and value in their original text;
//! - a name that stands twice in the event itself is refused; what is nested is not looked into.
//!
//! Limits: [`DecodeLimits`](crate::DecodeLimits). A record's JSON must be strict RFC 8259 and UTF-8.

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::group::{GroupDecoder, GroupPart};
use crate::project::ProjectId;
use crate::settings::DecodeSettings;

/// Most bytes of a refused record that its [`Refusal`] keeps.
pub const REFUSAL_RAW_BYTES_MAX: usize = 64 << 10;

/// Decodes bodies of NDJSON or JSON arrays. Cheap to clone, shared between threads freely.
#[derive(Clone, Debug)]
pub struct EventDecoder {
    settings: DecodeSettings,
    project: Option<ProjectId>,
}

/// What a body became.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The accepted events in the body's order, of [`event_schema`](crate::event_schema). `id` is null where the client
    /// gave none and `seq` everywhere (see [`assign`](crate::assign)); `timestamp`, `received_at`, `level`, `type`,
    /// `project_id` and `day` never are.
    pub batch: RecordBatch,
    /// How many records were refused.
    pub refused: u64,
    /// The refused records, in the body's order; of more than `DecodeLimits::refusals_max`, the first.
    pub refusals: Vec<Refusal>,
}

/// A record that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which record of the body, from 0; blank lines are none.
    pub index: u64,
    /// Line of the body on which it starts, from 1.
    pub line: u64,
    /// What rule it breaks, and what to do.
    pub reason: String,
    /// Its bytes as they came, at most the first [`REFUSAL_RAW_BYTES_MAX`].
    pub raw: Vec<u8>,
}

impl EventDecoder {
    /// A decoder that gives events without a `projectId` to `project`.
    ///
    /// The settings should have been validated.
    pub fn new(settings: DecodeSettings, project: Option<ProjectId>) -> Self {
        Self { settings, project }
    }

    /// Decodes a body: a JSON array when its first byte that is not white space is `[`, else NDJSON. A byte order mark in
    /// front is allowed in both.
    ///
    /// # Errors
    /// None for a body that is NDJSON; see [`EventDecoder::decode_array`] for the other.
    pub fn decode(&self, body: &[u8], received_at_us: i64) -> Result<Decoded> {
        let mut group = GroupDecoder::new(&self.settings, body.len(), received_at_us);
        let part = group.push(body, self.project.as_ref())?;
        Ok(Decoded::new(group, part))
    }

    /// Decodes one JSON object a line. Lines end with LF or CRLF, the last one also with the body; blank ones are skipped.
    pub fn decode_ndjson(&self, body: &[u8], received_at_us: i64) -> Decoded {
        let mut group = GroupDecoder::new(&self.settings, body.len(), received_at_us);
        let part = group.push_ndjson(body, self.project.as_ref());
        Decoded::new(group, part)
    }

    /// Decodes the elements of a JSON array, each an event.
    ///
    /// An element that is not JSON, or has neither `,` nor `]` behind it, is refused and with it, under its index, all that
    /// follows: where the next one starts is not known. The elements before it are kept.
    ///
    /// # Errors
    /// `Invalid` when the body is no array at all: when it does not start with `[`.
    pub fn decode_array(&self, body: &[u8], received_at_us: i64) -> Result<Decoded> {
        let mut group = GroupDecoder::new(&self.settings, body.len(), received_at_us);
        let part = group.push_array(body, self.project.as_ref())?;
        Ok(Decoded::new(group, part))
    }
}

impl Decoded {
    fn new(group: GroupDecoder<'_>, part: GroupPart) -> Self {
        Self { batch: group.finish(), refused: part.refused, refusals: part.refusals }
    }
}

#[cfg(test)]
mod tests;

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
use memchr::{memchr, memchr_iter};

use crate::batch_builder::BatchBuilder;
use crate::error::{Error, Result};
use crate::project::ProjectId;
use crate::row::{Record, plan};
use crate::scan::{Problem, ScanError, Scanner, skip_unproven, space};
use crate::settings::DecodeSettings;

/// Most bytes of a refused record that its [`Refusal`] keeps.
pub const REFUSAL_RAW_BYTES_MAX: usize = 64 << 10;

/// Bytes of body for which room for one row is made in advance.
const ROW_BYTES_EXPECTED: usize = 512;

/// Most rows for which room is made in advance.
const ROWS_EXPECTED_MAX: usize = 1 << 16;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    /// The refused records, in the body's order.
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
        let start = space(body, mark_bytes(body));
        if body.get(start) == Some(&b'[') {
            self.decode_array(body, received_at_us)
        } else {
            Ok(self.decode_ndjson(body, received_at_us))
        }
    }

    /// Decodes one JSON object a line. Lines end with LF or CRLF, the last one also with the body; blank ones are skipped.
    pub fn decode_ndjson(&self, body: &[u8], received_at_us: i64) -> Decoded {
        let mut decoding = Decoding::new(self, body.len(), received_at_us);
        let mut at = mark_bytes(body);
        while at < body.len() {
            let end = memchr(b'\n', &body[at..]).map_or(body.len(), |length| at + length);
            decoding.line(body[at..end].trim_ascii());
            at = end + 1;
        }
        decoding.finish()
    }

    /// Decodes the elements of a JSON array, each an event.
    ///
    /// An element that is not JSON, or has neither `,` nor `]` behind it, is refused and with it, under its index, all that
    /// follows: where the next one starts is not known. The elements before it are kept.
    ///
    /// # Errors
    /// `Invalid` when the body is no array at all: when it does not start with `[`.
    pub fn decode_array(&self, body: &[u8], received_at_us: i64) -> Result<Decoded> {
        let open = space(body, mark_bytes(body));
        if body.get(open) != Some(&b'[') {
            return Err(Error::invalid("the body is not a JSON array: it must start with '['"));
        }
        let mut decoding = Decoding::new(self, body.len(), received_at_us);
        decoding.line += memchr_iter(b'\n', &body[..open]).count() as u64;
        let mut at = decoding.pass_space(body, open + 1);
        if body.get(at) == Some(&b']') {
            at += 1;
        } else {
            loop {
                match decoding.element(body, at) {
                    Some(end) => at = end,
                    None => return Ok(decoding.finish()),
                }
                if body[at - 1] == b']' {
                    break;
                }
                at = decoding.pass_space(body, at);
            }
        }
        at = decoding.pass_space(body, at);
        if at < body.len() {
            decoding.refuse(&body[at..], "text after the end of the array: send one array a body");
        }
        Ok(decoding.finish())
    }
}

/// Length of a byte order mark in front of `body`.
fn mark_bytes(body: &[u8]) -> usize {
    if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }
}

/// One body on its way.
struct Decoding<'a> {
    decoder: &'a EventDecoder,
    received_at_us: i64,
    builder: BatchBuilder,
    refusals: Vec<Refusal>,
    scanner: Scanner,
    record: Record,
    attributes: String,
    /// Of the record at hand.
    index: u64,
    line: u64,
}

impl<'a> Decoding<'a> {
    fn new(decoder: &'a EventDecoder, body_bytes: usize, received_at_us: i64) -> Self {
        Self {
            decoder,
            received_at_us,
            builder: BatchBuilder::new((body_bytes / ROW_BYTES_EXPECTED + 1).min(ROWS_EXPECTED_MAX)),
            refusals: Vec::new(),
            scanner: Scanner::new(&decoder.settings.limits),
            record: Record::new(),
            attributes: String::new(),
            index: 0,
            line: 1,
        }
    }

    fn finish(self) -> Decoded {
        Decoded { batch: self.builder.finish(self.received_at_us), refusals: self.refusals }
    }

    /// Takes one line of NDJSON, trimmed.
    fn line(&mut self, line: &[u8]) {
        if !line.is_empty() {
            if let Err(reason) = self.line_row(line) {
                self.refuse(line, reason);
            }
            self.index += 1;
        }
        self.line += 1;
    }

    fn line_row(&mut self, line: &[u8]) -> Result<(), String> {
        self.check_size(line)?;
        if line[0] != b'{' {
            return Err("an event must be a JSON object, one a line".to_owned());
        }
        let end = self.record.scan(&mut self.scanner, line).map_err(|error| explain(&error))?;
        if end < line.len() {
            return Err(format!("byte {end}: text after the end of the object: send one object a line"));
        }
        self.row(line)
    }

    /// Takes the element at `at` and the `,` or `]` behind it; answers the position behind that, or `None` when the rest of
    /// the body cannot be read and has been refused.
    fn element(&mut self, body: &[u8], at: usize) -> Option<usize> {
        let rest = &body[at..];
        let scanned = if rest.first() == Some(&b'{') {
            self.record.scan(&mut self.scanner, rest)
        } else {
            self.scanner.value(rest, 0, 1).map(|value| value.span.end)
        };
        let (end, mut outcome) = match scanned {
            Ok(end) => (end, Ok(())),
            Err(error @ ScanError { problem: Problem::Syntax(_), .. }) => {
                self.refuse(rest, format!("{}; the elements after it were not read", explain(&error)));
                return None;
            }
            Err(error) => (skip_unproven(rest, 0), Err(explain(&error))),
        };
        let behind = space(rest, end);
        if !matches!(rest.get(behind), Some(b',' | b']')) {
            self.refuse(rest, "expected ',' or ']' after this element; the elements after it were not read");
            return None;
        }
        let element = &rest[..end];
        if outcome.is_ok() {
            outcome = self.check_size(element);
        }
        if outcome.is_ok() && element[0] != b'{' {
            outcome = Err("an event must be a JSON object".to_owned());
        }
        if let Err(reason) = outcome.and_then(|()| self.row(element)) {
            self.refuse(element, reason);
        }
        self.index += 1;
        self.line += memchr_iter(b'\n', &rest[..behind]).count() as u64;
        Some(at + behind + 1)
    }

    /// Position behind white space, counting lines.
    fn pass_space(&mut self, body: &[u8], at: usize) -> usize {
        let end = space(body, at);
        self.line += memchr_iter(b'\n', &body[at..end]).count() as u64;
        end
    }

    fn check_size(&self, record: &[u8]) -> Result<(), String> {
        let max = self.decoder.settings.limits.event_bytes_max;
        if record.len() > max {
            return Err(format!("the event has {} bytes, more than the limit of {max}", record.len()));
        }
        Ok(())
    }

    /// Stores the record just scanned, whose bytes are `record`.
    fn row(&mut self, record: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(record)
            .map_err(|error| format!("byte {}: the event is not UTF-8", error.valid_up_to()))?;
        let decoder = self.decoder;
        let row = plan(
            &self.record,
            text,
            &decoder.settings,
            decoder.project.as_ref(),
            self.received_at_us,
            &mut self.attributes,
        )?;
        self.builder.push(&row);
        Ok(())
    }

    fn refuse(&mut self, raw: &[u8], reason: impl Into<String>) {
        let raw = raw[..raw.len().min(REFUSAL_RAW_BYTES_MAX)].to_vec();
        self.refusals.push(Refusal { index: self.index, line: self.line, reason: reason.into(), raw });
    }
}

/// The reason of a refusal, with its position in the record.
fn explain(error: &ScanError) -> String {
    match error.problem {
        Problem::Syntax(_) => format!("byte {}: not JSON: {}", error.at, error.problem),
        _ => format!("byte {}: {}", error.at, error.problem),
    }
}

#[cfg(test)]
mod tests;

//! [`GroupDecoder`]: several bodies, each with a project of its own, into the columns of one batch.
//!
//! Many small requests that wait together become one batch: its columns are allocated, encoded and logged once for all of
//! them. Each body keeps its own count of rows, its own refusals and its own line numbers.

use arrow::array::RecordBatch;
use memchr::{memchr, memchr_iter};

use crate::batch_builder::BatchBuilder;
use crate::decode::{REFUSAL_RAW_BYTES_MAX, Refusal};
use crate::error::{Error, Result};
use crate::project::ProjectId;
use crate::row::{Record, plan};
use crate::scan::{Problem, ScanError, Scanner, skip_unproven, space};
use crate::settings::DecodeSettings;

/// Bytes of body for which room for one row is made in advance.
const ROW_BYTES_EXPECTED: usize = 512;

/// Most rows for which room is made in advance.
const ROWS_EXPECTED_MAX: usize = 1 << 16;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Most bytes of refused records that are kept of one body.
const REFUSALS_RAW_BYTES_MAX: usize = 16 << 20;

/// What one body of a group became. Its rows follow those of the bodies before it.
#[derive(Clone, Debug, Default)]
pub struct GroupPart {
    /// How many rows of the batch are this body's.
    pub rows: u32,
    /// How many records were refused.
    pub refused: u64,
    /// The refused records, in the body's order; of more than `DecodeLimits::refusals_max`, the first.
    pub refusals: Vec<Refusal>,
}

/// Decodes bodies into one batch; rules and limits are those of [`EventDecoder`](crate::EventDecoder).
pub struct GroupDecoder<'a> {
    settings: &'a DecodeSettings,
    received_at_us: i64,
    builder: BatchBuilder,
    scanner: Scanner,
    record: Record,
    attributes: String,
}

impl<'a> GroupDecoder<'a> {
    /// A decoder with room for about `bytes_expected` of bodies, all received at `received_at_us`.
    pub fn new(settings: &'a DecodeSettings, bytes_expected: usize, received_at_us: i64) -> Self {
        Self {
            settings,
            received_at_us,
            builder: BatchBuilder::new((bytes_expected / ROW_BYTES_EXPECTED + 1).min(ROWS_EXPECTED_MAX)),
            scanner: Scanner::new(&settings.limits),
            record: Record::new(),
            attributes: String::new(),
        }
    }

    /// Adds the events of a body: a JSON array when its first byte that is not white space is `[`, else NDJSON. Events
    /// without a `projectId` go to `project`.
    ///
    /// # Errors
    /// None for a body that is NDJSON; see [`EventDecoder::decode_array`](crate::EventDecoder::decode_array) for the other.
    pub fn push(&mut self, body: &[u8], project: Option<&ProjectId>) -> Result<GroupPart> {
        let start = space(body, mark_bytes(body));
        if body.get(start) == Some(&b'[') {
            self.push_array(body, project)
        } else {
            Ok(self.push_ndjson(body, project))
        }
    }

    pub(crate) fn push_ndjson(&mut self, body: &[u8], project: Option<&ProjectId>) -> GroupPart {
        let mut decoding = Decoding::new(self, project);
        let mut at = mark_bytes(body);
        while at < body.len() {
            let end = memchr(b'\n', &body[at..]).map_or(body.len(), |length| at + length);
            decoding.line(body[at..end].trim_ascii());
            at = end + 1;
        }
        decoding.part
    }

    pub(crate) fn push_array(&mut self, body: &[u8], project: Option<&ProjectId>) -> Result<GroupPart> {
        let open = space(body, mark_bytes(body));
        if body.get(open) != Some(&b'[') {
            return Err(Error::invalid("the body is not a JSON array: it must start with '['"));
        }
        let mut decoding = Decoding::new(self, project);
        decoding.line += memchr_iter(b'\n', &body[..open]).count() as u64;
        let mut at = decoding.pass_space(body, open + 1);
        if body.get(at) == Some(&b']') {
            at += 1;
        } else {
            loop {
                match decoding.element(body, at) {
                    Some(end) => at = end,
                    None => return Ok(decoding.part),
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
        Ok(decoding.part)
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.builder.rows()
    }

    /// The batch, as [`Decoded::batch`](crate::Decoded::batch), bodies in the order in which they came.
    pub fn finish(self) -> RecordBatch {
        self.builder.finish(self.received_at_us)
    }
}

/// Length of a byte order mark in front of `body`.
fn mark_bytes(body: &[u8]) -> usize {
    if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }
}

/// One body on its way.
struct Decoding<'g, 'a> {
    group: &'g mut GroupDecoder<'a>,
    project: Option<&'g ProjectId>,
    part: GroupPart,
    raw_bytes: usize,
    /// Of the record at hand.
    index: u64,
    line: u64,
}

impl<'g, 'a> Decoding<'g, 'a> {
    fn new(group: &'g mut GroupDecoder<'a>, project: Option<&'g ProjectId>) -> Self {
        Self { group, project, part: GroupPart::default(), raw_bytes: 0, index: 0, line: 1 }
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
        let end = self.scan(line).map_err(|error| explain(&error))?;
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
            self.scan(rest)
        } else {
            self.group.scanner.value(rest, 0, 1).map(|value| value.span.end)
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
        let max = self.group.settings.limits.event_bytes_max;
        if record.len() > max {
            return Err(format!("the event has {} bytes, more than the limit of {max}", record.len()));
        }
        Ok(())
    }

    /// Stores the record just scanned, whose bytes are `record`.
    fn row(&mut self, record: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(record)
            .map_err(|error| format!("byte {}: the event is not UTF-8", error.valid_up_to()))?;
        let GroupDecoder { settings, received_at_us, builder, record, attributes, .. } = &mut *self.group;
        let row = plan(record, text, settings, self.project, *received_at_us, attributes)?;
        builder.push(&row);
        self.part.rows += 1;
        Ok(())
    }

    fn scan(&mut self, text: &[u8]) -> Result<usize, ScanError> {
        self.group.record.scan(&mut self.group.scanner, text)
    }

    fn refuse(&mut self, raw: &[u8], reason: impl Into<String>) {
        self.part.refused += 1;
        if self.part.refusals.len() >= self.group.settings.limits.refusals_max {
            return;
        }
        // Many refused records keep little of each: what is kept of one body must not outgrow it.
        let room = REFUSALS_RAW_BYTES_MAX.saturating_sub(self.raw_bytes);
        let raw = raw[..raw.len().min(REFUSAL_RAW_BYTES_MAX).min(room)].to_vec();
        self.raw_bytes += raw.len();
        self.part.refusals.push(Refusal { index: self.index, line: self.line, reason: reason.into(), raw });
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
mod tests {
    use super::*;
    use crate::schema::columns;
    use arrow::array::AsArray;

    #[test]
    fn bodies_of_a_group_keep_their_projects_counts_and_lines() {
        let settings = DecodeSettings::default();
        let mut group = GroupDecoder::new(&settings, 100, 1_700_000_000_000_000);
        let (a, b) = (ProjectId::new("a").unwrap(), ProjectId::new("b").unwrap());
        let first = group.push(b"{\"type\":\"x\"}\nbad\n{\"type\":\"y\"}", Some(&a)).unwrap();
        let second = group.push(br#" [{"type":"z"}, 7]"#, Some(&b)).unwrap();
        let third = group.push(b"", None).unwrap();
        assert_eq!((first.rows, first.refused, first.refusals[0].line), (2, 1, 2));
        assert_eq!((second.rows, second.refused, second.refusals[0].index), (1, 1, 1));
        assert_eq!((third.rows, third.refused), (0, 0));
        let batch = group.finish();
        let projects: Vec<_> = batch[columns::PROJECT_ID].as_string_view().iter().flatten().collect();
        assert_eq!(projects, ["a", "a", "b"]);
    }

    #[test]
    fn refusals_beyond_the_limit_are_counted_and_not_kept() {
        let mut settings = DecodeSettings::default();
        settings.limits.refusals_max = 3;
        let mut group = GroupDecoder::new(&settings, 100, 0);
        let part = group.push("x\n".repeat(1_000).as_bytes(), None).unwrap();
        assert_eq!((part.refused, part.refusals.len()), (1_000, 3));
    }

    #[test]
    fn refused_bytes_kept_of_one_body_are_bounded() {
        let settings = DecodeSettings::default();
        let body = format!("{}\n", "x".repeat(60_000)).repeat(1_000);
        let part = GroupDecoder::new(&settings, 0, 0).push(body.as_bytes(), None).unwrap();
        assert_eq!(part.refused, 1_000);
        let kept: usize = part.refusals.iter().map(|refusal| refusal.raw.len()).sum();
        assert!(kept <= REFUSALS_RAW_BYTES_MAX, "{kept}");
    }
}

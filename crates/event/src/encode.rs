//! [`EventEncoder`]: rows of a batch back to the JSON they came as, in wire names.
//!
//! What went in comes out: `payload` and `error` are their original text, the members of `attributes` stand beside the
//! others. Filled in or made canonical are only times (RFC 3339, microseconds, UTC), aliases, `level`, the numbers given as
//! text, and `id`, `receivedAt`, `seq`. `day` is left out, for `timestamp` says it; so is what is null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};

use crate::scan::{Scanner, ordinary, unescape};
use crate::schema::{TEXT_COLUMNS, columns, timestamp_type};
use crate::settings::DecodeLimits;
use crate::time::write_timestamp;

/// Writes the rows of one batch as JSON objects.
///
/// Columns are found by name, so a projection of [`event_schema`](crate::event_schema) will do; text may be `Utf8`,
/// `LargeUtf8`, a dictionary or `Utf8View`, times may have any unit. A column that cannot be read so is left out.
#[derive(Debug)]
pub struct EventEncoder {
    members: Vec<Member>,
    attributes: Option<StringViewArray>,
}

/// One column and how its values are written.
#[derive(Debug)]
struct Member {
    wire_name: &'static str,
    /// `"name":`
    prefix: Vec<u8>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Text(StringViewArray),
    Json(StringViewArray),
    Time(TimestampMicrosecondArray),
    Number(Int64Array),
}

impl EventEncoder {
    /// An encoder of `batch`.
    pub fn new(batch: &RecordBatch) -> Self {
        let mut members = Vec::new();
        let mut attributes = None;
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            let (wire_name, values) = match name {
                columns::TIMESTAMP | columns::RECEIVED_AT => {
                    let times = read_as(column, &timestamp_type());
                    let wire_name = if name == columns::TIMESTAMP { "timestamp" } else { "receivedAt" };
                    (
                        wire_name,
                        times.map(|times| Values::Time(times.as_primitive::<TimestampMicrosecondType>().clone())),
                    )
                }
                columns::SEQ => {
                    let numbers = read_as(column, &DataType::Int64);
                    ("seq", numbers.map(|numbers| Values::Number(numbers.as_primitive::<Int64Type>().clone())))
                }
                columns::ATTRIBUTES => {
                    attributes = read_as(column, &DataType::Utf8View).map(|text| text.as_string_view().clone());
                    continue;
                }
                _ => {
                    let Some((_, wire_name)) = TEXT_COLUMNS.iter().find(|(column, _)| *column == name) else {
                        continue;
                    };
                    let text = read_as(column, &DataType::Utf8View).map(|text| text.as_string_view().clone());
                    let is_json = matches!(name, columns::ERROR | columns::PAYLOAD);
                    (*wire_name, text.map(if is_json { Values::Json } else { Values::Text }))
                }
            };
            if let Some(values) = values {
                members.push(Member { wire_name, prefix: format!("\"{wire_name}\":").into_bytes(), values });
            }
        }
        Self { members, attributes }
    }

    /// Appends row `row` to `out` as one JSON object on one line, without a line feed.
    ///
    /// A member of `attributes` that has the name of a column which is not null is left out: the column is the truth.
    ///
    /// # Panics
    /// When `row` is not a row of the batch.
    pub fn write_event(&self, row: usize, out: &mut Vec<u8>) {
        let open = out.len();
        for member in &self.members {
            if member.is_null(row) {
                continue;
            }
            out.push(if out.len() == open { b'{' } else { b',' });
            out.extend_from_slice(&member.prefix);
            match &member.values {
                Values::Text(text) => write_string(text.value(row), out),
                Values::Json(json) => write_one_line(json.value(row), out),
                Values::Number(number) => out.extend_from_slice(number.value(row).to_string().as_bytes()),
                Values::Time(time) => {
                    out.push(b'"');
                    write_timestamp(time.value(row), out);
                    out.push(b'"');
                }
            }
        }
        if let Some(attributes) = self.attributes.as_ref().filter(|attributes| attributes.is_valid(row)) {
            self.write_attributes(attributes.value(row), row, open, out);
        }
        if out.len() == open {
            out.push(b'{');
        }
        out.push(b'}');
    }

    fn write_attributes(&self, object: &str, row: usize, open: usize, out: &mut Vec<u8>) {
        // The limits held when it was decoded; here none is wanted.
        let unlimited = DecodeLimits {
            event_bytes_max: usize::MAX,
            depth_max: usize::MAX,
            members_max: usize::MAX,
            ..DecodeLimits::default()
        };
        let end = out.len();
        let scanned = Scanner::new(&unlimited).object(object.as_bytes(), 0, |name, value| {
            let is_taken = unescape(name.inside().of_text(object), name.kind)
                .is_some_and(|name| self.members.iter().any(|member| member.wire_name == name && !member.is_null(row)));
            if !is_taken {
                out.push(if out.len() == open { b'{' } else { b',' });
                out.extend_from_slice(name.span.of(object.as_bytes()));
                out.push(b':');
                write_one_line(value.span.of_text(object), out);
            }
        });
        if scanned.is_err() {
            // Not made by our decoder: still shown, as the text it is.
            out.truncate(end);
            out.extend_from_slice(if out.len() == open { b"{" } else { b"," });
            out.extend_from_slice(b"\"attributes\":");
            write_string(object, out);
        }
    }
}

impl Member {
    #[inline]
    fn is_null(&self, row: usize) -> bool {
        match &self.values {
            Values::Text(text) | Values::Json(text) => text.is_null(row),
            Values::Time(time) => time.is_null(row),
            Values::Number(number) => number.is_null(row),
        }
    }
}

/// Appends row `row` of `batch` to `out` as one JSON object on one line, without a line feed.
///
/// For more than one row of a batch make an [`EventEncoder`].
///
/// # Panics
/// When `row` is not a row of the batch.
pub fn write_event(batch: &RecordBatch, row: usize, out: &mut Vec<u8>) {
    EventEncoder::new(batch).write_event(row, out);
}

/// Appends all rows of `batch` to `out` as NDJSON: one object and one line feed a row.
pub fn write_ndjson(batch: &RecordBatch, out: &mut Vec<u8>) {
    let encoder = EventEncoder::new(batch);
    for row in 0..batch.num_rows() {
        encoder.write_event(row, out);
        out.push(b'\n');
    }
}

fn read_as(column: &ArrayRef, wanted: &DataType) -> Option<ArrayRef> {
    if column.data_type() == wanted { Some(Arc::clone(column)) } else { cast(column, wanted).ok() }
}

/// Appends JSON text without its line breaks. They are white space there: inside its strings they are escaped.
pub(crate) fn write_one_line(json: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(json.as_bytes());
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_some() {
        for byte in &mut out[start..] {
            if matches!(*byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

/// Appends `text` as a JSON string, escaping what JSON demands and nothing else.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let stop = ordinary(bytes, at);
        out.extend_from_slice(&bytes[at..stop]);
        let Some(byte) = bytes.get(stop) else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
            }
        }
        at = stop + 1;
    }
    out.push(b'"');
}

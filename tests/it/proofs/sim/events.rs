//! [`Sent`]: one event of a simulated producer, its JSON, and how it is recognised among rows.

use std::fmt::Write as _;

use annals_event::{DecodeSettings, EventDecoder, columns, format_timestamp};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

/// What a producer knows of an event of its own. Its number is unique in its world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) number: u64,
    pub(crate) project: u8,
    pub(crate) trace: u16,
    pub(crate) timestamp_us: i64,
    /// Whether the producer gave it an id.
    pub(crate) has_id: bool,
}

/// A row, as far as it tells which event it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) lsn: i64,
    /// `None` when the row is of no producer of this world.
    pub(crate) number: Option<u64>,
    pub(crate) project: String,
    pub(crate) trace: String,
    pub(crate) timestamp_us: i64,
}

impl Sent {
    pub(crate) fn project_id(&self) -> String {
        format!("p{}", self.project)
    }

    pub(crate) fn trace_id(&self) -> String {
        format!("trace-{}", self.trace)
    }

    /// Whether `row` is this event, unchanged.
    pub(crate) fn is(&self, row: &Row) -> bool {
        row.number == Some(self.number)
            && row.project == self.project_id()
            && row.trace == self.trace_id()
            && row.timestamp_us == self.timestamp_us
    }
}

/// The events as the writer takes them, decoded from JSON.
pub(crate) fn batch(events: &[Sent], now_us: i64) -> RecordBatch {
    let mut lines = String::new();
    for event in events {
        let id = if event.has_id { format!(r#""id":"e{}","#, event.number) } else { String::new() };
        writeln!(
            lines,
            r#"{{{id}"type":"t","projectId":"{}","traceId":"{}","timestamp":"{}","message":"{}"}}"#,
            event.project_id(),
            event.trace_id(),
            format_timestamp(event.timestamp_us),
            event.number,
        )
        .unwrap();
    }
    let decoded = EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(lines.as_bytes(), now_us);
    assert_eq!(decoded.refusals.first().map(|refusal| refusal.reason.as_str()), None);
    decoded.batch
}

/// What the rows of a batch are.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Row> {
    let text = |name: &str| cast(&batch[name], &DataType::Utf8).unwrap();
    let (messages, projects, traces) = (text(columns::MESSAGE), text(columns::PROJECT_ID), text(columns::TRACE_ID));
    let number = |name: &str| cast(&batch[name], &DataType::Int64).unwrap();
    let (lsns, timestamps) = (number(columns::SEQ), number(columns::TIMESTAMP));
    let of = |row: usize| Row {
        lsn: lsns.as_primitive::<Int64Type>().value(row),
        number: messages.as_string::<i32>().value(row).parse().ok(),
        project: projects.as_string::<i32>().value(row).to_owned(),
        trace: traces.as_string::<i32>().value(row).to_owned(),
        timestamp_us: timestamps.as_primitive::<Int64Type>().value(row),
    };
    (0..batch.num_rows()).map(of).collect()
}

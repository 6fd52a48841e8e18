//! The frames of a tail, in the event stream format of the HTML standard.

use annals_event::{EventEncoder, columns};
use annals_query::Position;
use annals_table::WriterId;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;

use crate::http::Problem;

/// The first frame: how soon a client that lost its connection comes back, in milliseconds.
pub(super) fn greeting() -> Bytes {
    Bytes::from_static(b"retry: 1000\n\n")
}

/// One frame an event, in the order of `rows`. The id is where a client goes on after it.
pub(super) fn events(rows: &RecordBatch, writer: WriterId) -> Bytes {
    let encoder = EventEncoder::new(rows);
    let seqs = rows.column_by_name(columns::SEQ).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let mut out = Vec::new();
    for row in 0..rows.num_rows() {
        if let Some(seqs) = seqs.filter(|seqs| seqs.is_valid(row)) {
            out.extend_from_slice(format!("id: {writer}-{}\n", seqs.value(row)).as_bytes());
        }
        out.extend_from_slice(b"event: event\ndata: ");
        encoder.write_event(row, &mut out);
        out.extend_from_slice(b"\n\n");
    }
    out.into()
}

/// A sign of life. Its id moves the client on past events that the filters left out; without data it is no event.
pub(super) fn ping(position: Position) -> Bytes {
    format!(": ping\nid: {position}\n\n").into()
}

/// Why the tail ends.
pub(super) fn problem(problem: &Problem) -> Bytes {
    format!("event: problem\ndata: {}\n\n", problem.json()).into()
}

#[cfg(test)]
mod tests {
    use annals_event::{DecodeSettings, EventDecoder};
    use annals_table::Lsn;
    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn an_event_is_one_frame_on_one_line_of_data() {
        let body = b"{\"type\":\"t\",\"projectId\":\"p\",\"payload\":{\n\"a\":\r\"b\\n\"}}";
        let decoded = EventDecoder::new(DecodeSettings::default(), None)
            .decode_array(&[b"[".as_slice(), body, b"]"].concat(), 1_780_000_000_000_000)
            .unwrap()
            .batch;
        let seq: ArrayRef = std::sync::Arc::new(Int64Array::from(vec![7]));
        let at = decoded.schema().index_of(columns::SEQ).unwrap();
        let mut arrays = decoded.columns().to_vec();
        arrays[at] = seq;
        let rows = RecordBatch::try_new(decoded.schema(), arrays).unwrap();
        let text = String::from_utf8(events(&rows, WriterId(0x1f)).to_vec()).unwrap();
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!((lines[0], lines[1], lines[3], lines[4]), ("id: 0000001f-7", "event: event", "", ""));
        let event: serde_json::Value = serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(event["payload"]["a"], "b\n");
        assert!(!text.contains('\r'));
    }

    #[test]
    fn a_ping_is_a_comment_that_moves_the_position() {
        let ping = ping(Position { writer: WriterId(1), lsn: Lsn(9) });
        assert_eq!(ping, ": ping\nid: 00000001-9\n\n");
    }
}

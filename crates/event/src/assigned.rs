//! Ids the log gives to events that came without one, and the sequence numbers every row gets.
//!
//! An assigned id is a UUID of version 8 built of (milliseconds of receipt, writer, seq): it compresses, replay makes the
//! same one again, and an event is found by its id without an index.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, StringViewBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::TimestampMicrosecondType;

use crate::error::{Error, Result};
use crate::schema::columns;

/// Length of an assigned id as text.
pub const ASSIGNED_ID_BYTES: usize = 36;

const HEX: &[u8; 16] = b"0123456789abcdef";
const WRITER_MASK: u32 = (1 << 22) - 1;
const SEQ_MASK: u64 = (1 << 52) - 1;
const SEQ_LOW_MASK: u64 = (1 << 40) - 1;
const MS_MASK: u64 = (1 << 48) - 1;

/// What an assigned id says of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignedId {
    /// Milliseconds since the Unix epoch at which it was received.
    pub ms: u64,
    /// The low 22 bits of the writer's id.
    pub writer22: u32,
    /// The low 52 bits of its seq.
    pub seq: u64,
}

/// The id of the event that `writer` received at `received_at_us` as its row `seq`, as hyphenated lower-case text.
///
/// Bits, from the front: 48 of Unix milliseconds (0 for times before the epoch), 4 of version (8), 12 of seq (51..40), 2 of
/// variant, 22 of writer, 40 of seq (39..0). So ids of one writer sort by (millisecond, seq).
pub fn assigned_id(received_at_us: i64, writer: u32, seq: u64) -> [u8; ASSIGNED_ID_BYTES] {
    let ms = (received_at_us.max(0) as u64 / 1_000) & MS_MASK;
    let high = (ms << 16) | 0x8000 | ((seq & SEQ_MASK) >> 40);
    let low = (0b10 << 62) | (u64::from(writer & WRITER_MASK) << 40) | (seq & SEQ_LOW_MASK);
    let mut text = [b'-'; ASSIGNED_ID_BYTES];
    write_hex(&mut text[..8], high >> 32);
    write_hex(&mut text[9..13], high >> 16);
    write_hex(&mut text[14..18], high);
    write_hex(&mut text[19..23], low >> 48);
    write_hex(&mut text[24..], low);
    text
}

/// Reads an id that [`assigned_id`] made; `None` for any other text.
pub fn parse_assigned_id(text: &str) -> Option<AssignedId> {
    let text = text.as_bytes();
    if text.len() != ASSIGNED_ID_BYTES || [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let high = (read_hex(&text[..8])? << 32) | (read_hex(&text[9..13])? << 16) | read_hex(&text[14..18])?;
    let low = (read_hex(&text[19..23])? << 48) | read_hex(&text[24..])?;
    ((high >> 12) & 0xf == 8 && low >> 62 == 0b10).then_some(AssignedId {
        ms: high >> 16,
        writer22: (low >> 40) as u32 & WRITER_MASK,
        seq: ((high & 0xfff) << 40) | (low & SEQ_LOW_MASK),
    })
}

/// Fills `seq` with `first_seq`, `first_seq + 1`, … and `id` where it is null, from `received_at`, `writer` and `seq`.
///
/// All other columns are shared with `batch`, not copied. The same rows with the same numbers give the same ids.
///
/// # Errors
/// `Invalid` when `batch` lacks `id`, `seq` or `received_at` in the types of [`event_schema`](crate::event_schema), when
/// `received_at` is null in a row without id, or when the numbers leave the range of `seq`.
pub fn assign(batch: &RecordBatch, first_seq: u64, writer: u32) -> Result<RecordBatch> {
    let index = |name: &str| {
        batch.schema_ref().index_of(name).map_err(|_| Error::invalid(format!("the batch has no column {name}")))
    };
    let (id_at, seq_at) = (index(columns::ID)?, index(columns::SEQ)?);
    let rows = batch.num_rows() as u64;
    let end = first_seq
        .checked_add(rows)
        .and_then(|end| i64::try_from(end).ok())
        .ok_or_else(|| Error::invalid(format!("{rows} rows from seq {first_seq} are beyond the last seq")))?;
    let received_at = batch.column(index(columns::RECEIVED_AT)?).as_primitive_opt::<TimestampMicrosecondType>();
    let (Some(ids), Some(received_at)) = (batch.column(id_at).as_string_view_opt(), received_at) else {
        return Err(Error::invalid("id must be Utf8View and received_at microseconds"));
    };
    let mut all: Vec<ArrayRef> = batch.columns().to_vec();
    all[seq_at] = Arc::new(Int64Array::from_iter_values(end - rows as i64..end));
    if ids.null_count() > 0 {
        all[id_at] = Arc::new(fill_ids(ids, received_at, first_seq, writer)?);
    }
    RecordBatch::try_new(batch.schema(), all).map_err(|error| Error::invalid(error.to_string()))
}

fn fill_ids(
    ids: &StringViewArray,
    received_at: &TimestampMicrosecondArray,
    first_seq: u64,
    writer: u32,
) -> Result<StringViewArray> {
    let bytes = (ids.null_count() * ASSIGNED_ID_BYTES).min(2 << 20) as u32;
    let mut filled = StringViewBuilder::with_capacity(ids.len()).with_fixed_block_size(bytes);
    for (row, seq) in (0..ids.len()).zip(first_seq..) {
        if ids.is_valid(row) {
            filled.append_value(ids.value(row));
        } else if received_at.is_valid(row) {
            let id = assigned_id(received_at.value(row), writer, seq);
            filled.append_value(std::str::from_utf8(&id).expect("an id is ASCII"));
        } else {
            return Err(Error::invalid(format!("row {row} has neither id nor received_at")));
        }
    }
    Ok(filled.finish())
}

/// Writes the low bits of `value`, four to a byte, filling `out`.
fn write_hex(out: &mut [u8], value: u64) {
    let mut left = value;
    for slot in out.iter_mut().rev() {
        *slot = HEX[(left & 0xf) as usize];
        left >>= 4;
    }
}

/// Reads lower-case hexadecimal digits.
fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((sum << 4) | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{DecodeSettings, EventDecoder};

    #[test]
    fn an_id_has_version_and_variant_and_its_parts_in_place() {
        let id = assigned_id(0x1234_5678_9abc * 1_000 + 999, 0x3f_ffff, 0xa_bcde_1234_5678);
        assert_eq!(std::str::from_utf8(&id).unwrap(), "12345678-9abc-8abc-bfff-ffde12345678");
    }

    #[test]
    fn other_uuids_are_not_taken_for_assigned_ones() {
        for text in ["", "6f2a1c4e-8d3b-4f6a-9c1d-2e3f4a5b6c7d", "12345678-9abc-8abc-7fff-ffde12345678", "é"] {
            assert_eq!(parse_assigned_id(text), None);
        }
    }

    proptest! {
        #[test]
        fn an_assigned_id_reads_back(us in 0_i64..1 << 57, writer: u32, seq in 0_u64..1 << 52) {
            let id = assigned_id(us, writer, seq);
            let read = parse_assigned_id(std::str::from_utf8(&id).unwrap()).unwrap();
            prop_assert_eq!(read, AssignedId { ms: us as u64 / 1_000, writer22: writer & WRITER_MASK, seq });
        }

        #[test]
        fn ids_of_one_writer_sort_by_time_and_seq(a in 0_i64..1 << 50, b in 0_i64..1 << 50, s in 0_u64..1 << 52, t in 0_u64..1 << 52) {
            let order = (a / 1_000, s).cmp(&(b / 1_000, t));
            prop_assert_eq!(assigned_id(a, 7, s).cmp(&assigned_id(b, 7, t)), order);
        }
    }

    #[test]
    fn assigning_fills_seq_and_missing_ids_and_shares_the_rest() {
        let decoder = EventDecoder::new(DecodeSettings::default(), None);
        let body = br#"{"type":"t","projectId":"p","id":"mine","payload":{"a":"a long enough text"}}
            {"type":"t","projectId":"p","payload":{"a":"a long enough text"}}"#;
        let batch = decoder.decode_ndjson(body, 1_700_000_000_000_000).batch;
        let filled = assign(&batch, 41, 9).unwrap();
        let ids = filled[columns::ID].as_string_view();
        assert_eq!(ids.value(0), "mine");
        assert_eq!(parse_assigned_id(ids.value(1)), Some(AssignedId { ms: 1_700_000_000_000, writer22: 9, seq: 42 }));
        let seq = filled[columns::SEQ].as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(seq.values(), &[41, 42]);
        assert!(Arc::ptr_eq(&batch[columns::PAYLOAD], &filled[columns::PAYLOAD]));
        assert_eq!(assign(&batch, 41, 9).unwrap(), filled);
        assert!(assign(&batch, i64::MAX as u64, 9).is_err());
    }
}

//! What must hold for the bytes of every segment: seeded mutations of `tests/corpus` and of a real log.

use annals_table::WriterId;
use annals_testkit::Fuzz;
use arrow::buffer::Buffer;

use super::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, FrameRecord, decode_frame, encode_frame, records};
use super::scan::{Item, scan};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_path};
use super::{body, tests};
use crate::ledger::decode_request;

const SEGMENT: SegmentHeader = SegmentHeader { writer: WriterId(7), id: 1, salt: 0x1122_3344_5566_7788 };

#[test]
fn fuzzed_segments_are_frames_and_gaps_and_nothing_else() {
    let fuzz =
        Fuzz { promise: 5, what: "segments of the log, mutated", corpus: "wal_segment", cases: (10_000, 100_000) };
    let (dir, places) = tests::log_of(4, 64 << 10);
    let mut whole = std::fs::read(segment_path(dir.path(), 1)).unwrap();
    whole.truncate(places[3].1 as usize + 256);
    fuzz.run(vec![whole], |input| {
        check_segment(input)?;
        check_segment(&sealed(input))
    });
}

#[test]
fn fuzzed_records_come_back_from_their_frame() {
    let fuzz = Fuzz { promise: 5, what: "frames of any records", corpus: "wal_segment", cases: (3_000, 100_000) };
    fuzz.run(Vec::new(), |input| {
        let written: Vec<FrameRecord> = input
            .chunks(97)
            .map(|part| {
                let (metadata, data) = part.split_at(part.len() / 3);
                FrameRecord { rows: u32::from(part[0]), metadata: metadata.to_vec(), data: data.to_vec() }
            })
            .collect();
        let (offset, first) = (8 * u64::from(input.first().copied().unwrap_or(0)), annals_table::Lsn(5));
        let mut bytes = Vec::new();
        let header = encode_frame(&mut bytes, &SEGMENT, offset, first, annals_table::Lsn(4), written.iter());
        if decode_frame(&bytes, &SEGMENT, offset) != Some(header) {
            return Err("the frame is not what was written".into());
        }
        if decode_frame(&bytes, &SEGMENT, offset + 8).is_some() {
            return Err("the frame is one at another place too".into());
        }
        let body = &bytes[FRAME_HEADER_BYTES..];
        let read = records(body).ok_or("the lengths of the records do not add up")?;
        let same = read.iter().zip(&written).all(|(read, written)| {
            read.rows == written.rows
                && body[read.metadata.clone()] == written.metadata
                && body[read.data.clone()] == written.data
        });
        if same && read.len() == written.len() { Ok(()) } else { Err("the records are not what was written".into()) }
    });
}

/// Items cover the segment without overlap, frames lie within it, two gaps never follow each other, and what a frame holds
/// can be read or is refused.
fn check_segment(bytes: &[u8]) -> Result<(), String> {
    let Some(segment) = SegmentHeader::decode(bytes) else { return Ok(()) };
    let mut end = SEGMENT_HEADER_BYTES as u64;
    let mut gap_before = false;
    let items = scan(bytes, &segment);
    for (at, item) in items.iter().enumerate() {
        match *item {
            Item::Frame { offset, header } => {
                let behind = offset + header.frame_bytes() as u64;
                if behind > bytes.len() as u64 || (!gap_before && offset != end) {
                    return Err(format!("a frame at {offset} ends at {behind}, after {end}"));
                }
                check_body(&bytes[offset as usize + FRAME_HEADER_BYTES..behind as usize])?;
                (end, gap_before) = (behind, false);
            }
            Item::Gap { offset, zeros } => {
                let next = items.get(at + 1).map_or(bytes.len() as u64, |next| match next {
                    Item::Frame { offset, .. } | Item::Gap { offset, .. } => *offset,
                });
                let is_zero = bytes[offset as usize..next as usize].iter().all(|byte| *byte == 0);
                if gap_before || offset != end || is_zero != zeros {
                    return Err(format!("a gap at {offset} after {end}, zeros: {zeros}"));
                }
                (end, gap_before) = (next, true);
            }
        }
    }
    if end == bytes.len() as u64 || items.is_empty() { Ok(()) } else { Err(format!("nothing is said of {end} on")) }
}

fn check_body(bytes: &[u8]) -> Result<(), String> {
    let Some(records) = records(bytes) else { return Ok(()) };
    let buffer = Buffer::from(bytes.to_vec());
    for record in records {
        let (metadata, data) = (&bytes[record.metadata], record.data);
        if record.rows == 0 {
            let _ = decode_request(metadata);
        } else if let Err(error) = body::decode(metadata, &buffer.slice_with_length(data.start, data.len()))
            && error.to_string().is_empty()
        {
            return Err("a batch is refused without a reason".into());
        }
    }
    Ok(())
}

/// The input with its header, and the frame behind it, made valid: otherwise few mutations come past the checksums.
fn sealed(input: &[u8]) -> Vec<u8> {
    let mut bytes = SEGMENT.encode().to_vec();
    let behind = input.get(SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES..).unwrap_or_default();
    let mut rest = Vec::new();
    let record = FrameRecord { rows: 1, metadata: Vec::new(), data: Vec::new() };
    encode_frame(
        &mut rest,
        &SEGMENT,
        SEGMENT_HEADER_BYTES as u64,
        annals_table::Lsn(1),
        annals_table::Lsn(0),
        [&record].into_iter(),
    );
    // The header of that frame with another body, sealed anew.
    rest.truncate(FRAME_HEADER_BYTES);
    debug_assert_eq!(rest[..4], FRAME_MAGIC);
    rest[48..56].copy_from_slice(&(behind.len() as u64).to_le_bytes());
    rest.extend_from_slice(behind);
    let place = crc32c::crc32c_append(
        crc32c::crc32c(&SEGMENT.salt.to_le_bytes()),
        &(SEGMENT_HEADER_BYTES as u64).to_le_bytes(),
    );
    let crc = crc32c::crc32c_append(place, &rest[8..]);
    rest[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&rest);
    bytes
}

//! The frame: what one sync makes durable, a header and the encoded batches of a group of appends.
//!
//! A frame is valid only as a whole and only at its own place: its checksum starts from the segment's salt and the frame's
//! offset, so neither a torn frame, nor one of another segment or offset, nor bytes that a client sent can pass for one. Bytes: `WAL.md`, 'Frame'.

use annals_table::Lsn;

use super::segment::SegmentHeader;

/// Bytes of a frame's header.
pub(crate) const FRAME_HEADER_BYTES: usize = 56;
/// Frames and the records in them start at a multiple of this.
pub(crate) const FRAME_ALIGN: usize = 8;
/// Bytes of the header of one record in a frame's body.
pub(crate) const RECORD_HEADER_BYTES: usize = 16;

pub(crate) const FRAME_MAGIC: [u8; 4] = *b"ANFR";

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub first_lsn: Lsn,
    pub rows: u64,
    /// Every row up to here was synced before this frame was written.
    pub durable_lsn: Lsn,
    pub body_bytes: u64,
}

impl FrameHeader {
    /// The LSN before `first_lsn` when there are no rows.
    pub(crate) fn last_lsn(&self) -> Lsn {
        Lsn(self.first_lsn.0 + self.rows - 1)
    }

    /// Bytes from the frame's start to the next one's.
    pub(crate) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.body_bytes as usize
    }
}

/// One encoded batch; one of no rows is an answered request (`metadata` holds it, `data` is empty).
#[derive(Debug)]
pub(crate) struct FrameRecord {
    pub rows: u32,
    pub metadata: Vec<u8>,
    pub data: Vec<u8>,
}

impl FrameRecord {
    /// The record of an answered request.
    pub(crate) fn request(bytes: Vec<u8>) -> Self {
        Self { rows: 0, metadata: bytes, data: Vec::new() }
    }

    /// Bytes in a frame.
    pub(crate) fn bytes(&self) -> usize {
        RECORD_HEADER_BYTES + aligned(self.metadata.len()) + aligned(self.data.len())
    }
}

/// `bytes` rounded up to [`FRAME_ALIGN`].
pub(crate) fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(FRAME_ALIGN)
}

/// Writes the frame of `records` into `out`, replacing what it held.
pub(crate) fn encode_frame<'a>(
    out: &mut Vec<u8>,
    segment: &SegmentHeader,
    offset: u64,
    first_lsn: Lsn,
    durable_lsn: Lsn,
    records: impl Iterator<Item = &'a FrameRecord>,
) -> FrameHeader {
    out.clear();
    out.resize(FRAME_HEADER_BYTES, 0);
    let mut rows = 0;
    for record in records {
        rows += u64::from(record.rows);
        out.extend_from_slice(&record.rows.to_le_bytes());
        out.extend_from_slice(&(record.metadata.len() as u32).to_le_bytes());
        out.extend_from_slice(&(record.data.len() as u64).to_le_bytes());
        for part in [&record.metadata, &record.data] {
            out.extend_from_slice(part);
            out.resize(aligned(out.len()), 0);
        }
    }
    let header = FrameHeader { first_lsn, rows, durable_lsn, body_bytes: (out.len() - FRAME_HEADER_BYTES) as u64 };
    out[..4].copy_from_slice(&FRAME_MAGIC);
    let fields = [
        segment.id,
        u64::from(segment.writer.0),
        header.first_lsn.0,
        header.rows,
        header.durable_lsn.0,
        header.body_bytes,
    ];
    for (slot, field) in out[8..FRAME_HEADER_BYTES].chunks_exact_mut(8).zip(fields) {
        slot.copy_from_slice(&field.to_le_bytes());
    }
    let crc = checksum(segment, offset, &out[8..]);
    out[4..8].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The header of the valid frame at the start of `bytes`, which stand at `offset` of the segment; `None` for anything else.
pub(crate) fn decode_frame(bytes: &[u8], segment: &SegmentHeader, offset: u64) -> Option<FrameHeader> {
    let head = bytes.get(..FRAME_HEADER_BYTES)?;
    if head[..4] != FRAME_MAGIC {
        return None;
    }
    let field = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("a slice of eight bytes"));
    if field(8) != segment.id || field(16) != u64::from(segment.writer.0) {
        return None;
    }
    let header =
        FrameHeader { first_lsn: Lsn(field(24)), rows: field(32), durable_lsn: Lsn(field(40)), body_bytes: field(48) };
    let in_range = header.first_lsn.0 > 0 && header.first_lsn.0.checked_add(header.rows).is_some();
    let end = usize::try_from(header.body_bytes).ok()?.checked_add(FRAME_HEADER_BYTES)?;
    let covered = bytes.get(8..end)?;
    let crc = u32::from_le_bytes(head[4..8].try_into().expect("a slice of four bytes"));
    (in_range && checksum(segment, offset, covered) == crc).then_some(header)
}

/// One record within the body of a valid frame.
#[derive(Debug)]
pub(crate) struct RecordRange {
    pub rows: u32,
    pub metadata: std::ops::Range<usize>,
    pub data: std::ops::Range<usize>,
}

/// Where the records of a frame's body stand; `None` when the lengths do not add up.
pub(crate) fn records(body: &[u8]) -> Option<Vec<RecordRange>> {
    let mut at = 0;
    let mut all = Vec::new();
    while at < body.len() {
        let head = body.get(at..at + RECORD_HEADER_BYTES)?;
        let rows = u32::from_le_bytes(head[..4].try_into().ok()?);
        let metadata_bytes = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
        let data_bytes = usize::try_from(u64::from_le_bytes(head[8..].try_into().ok()?)).ok()?;
        let metadata_at = at + RECORD_HEADER_BYTES;
        let data_at = metadata_at.checked_add(aligned(metadata_bytes))?;
        let end = data_at.checked_add(data_bytes)?;
        if end > body.len() {
            return None;
        }
        all.push(RecordRange { rows, metadata: metadata_at..metadata_at + metadata_bytes, data: data_at..end });
        at = aligned(end);
    }
    Some(all)
}

fn checksum(segment: &SegmentHeader, offset: u64, covered: &[u8]) -> u32 {
    let place = crc32c::crc32c_append(crc32c::crc32c(&segment.salt.to_le_bytes()), &offset.to_le_bytes());
    crc32c::crc32c_append(place, covered)
}

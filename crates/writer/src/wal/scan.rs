//! Scanning a segment: which valid frames it holds, and where the damage between them starts.
//!
//! Pure. A zeroed page is no different from any other damage: after it a valid frame may follow, and it is found.

use memchr::memmem;

use super::frame::{FRAME_ALIGN, FRAME_MAGIC, FrameHeader, decode_frame};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};

/// What stands at one place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A valid frame.
    Frame { offset: u64, header: FrameHeader },
    /// Bytes that are no valid frame: zeros that were never written, a torn frame, or damage.
    Gap { offset: u64, zeros: bool },
}

/// All items of a segment, ascending; two gaps never follow each other.
pub(crate) fn scan(bytes: &[u8], segment: &SegmentHeader) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = SEGMENT_HEADER_BYTES;
    while at < bytes.len() {
        if let Some(header) = decode_frame(&bytes[at..], segment, at as u64) {
            items.push(Item::Frame { offset: at as u64, header });
            at += header.frame_bytes();
            continue;
        }
        let next = next_frame(bytes, at + FRAME_ALIGN, segment).unwrap_or(bytes.len());
        items.push(Item::Gap { offset: at as u64, zeros: bytes[at..next].iter().all(|byte| *byte == 0) });
        at = next;
    }
    items
}

fn next_frame(bytes: &[u8], from: usize, segment: &SegmentHeader) -> Option<usize> {
    let found = memmem::find_iter(bytes.get(from..)?, &FRAME_MAGIC).map(|at| at + from);
    found.filter(|at| at % FRAME_ALIGN == 0).find(|at| decode_frame(&bytes[*at..], segment, *at as u64).is_some())
}

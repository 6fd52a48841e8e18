//! The write-ahead log: segments of frames, one frame and one sync for a group of appends.
//!
//! Bytes: `WAL.md` beside this crate's manifest. Nothing here knows of memtables or flushes.

mod body;
mod cut;
mod frame;
mod known_end;
mod lock;
mod replay;
mod scan;
mod segment;
mod supply;
mod writer;

pub(crate) use body::BodyCodec;
pub(crate) use cut::{ClosedSegment, removable, remove_segments};
pub(crate) use frame::FrameRecord;
pub(crate) use known_end::KnownEnd;
pub use lock::WalHolder;
pub(crate) use lock::WalLock;
pub(crate) use lock::write_note;
pub(crate) use replay::{Damaged, FrameContent, Loss, Replay, read_frame};
pub(crate) use segment::{read_all, segment_ids, segment_path};
pub(crate) use supply::{SegmentMaker, SegmentSupply, mix};
pub(crate) use writer::{WalWriter, WriteError};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

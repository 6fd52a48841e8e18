//! [`WalWriter`]: appends frames to the current segment and syncs them. Owned by the WAL thread.
//!
//! Every frame is synced before the next is written, so at most one frame of a WAL is ever torn.

use std::sync::{Arc, Mutex, PoisonError};

use annals_table::Lsn;

use super::cut::ClosedSegment;
use super::frame::{FRAME_ALIGN, FrameHeader, FrameRecord, encode_frame};
use super::segment::SEGMENT_HEADER_BYTES;
use super::supply::{OpenSegment, SegmentMaker, SegmentSupply};
use crate::error::{Error, Result};

/// Bytes of a frame buffer that are kept for the next frame.
const BUFFER_BYTES_KEPT_MAX: usize = 16 << 20;

/// Why a frame was not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Nothing was written: the log is as it was.
    Refused(Error),
    /// The log is in an unknown state: close it.
    Failed(Error),
}

/// The end of a WAL.
#[derive(Debug)]
pub(crate) struct WalWriter {
    current: OpenSegment,
    at: u64,
    next_lsn: Lsn,
    durable_lsn: Lsn,
    supply: SegmentSupply,
    buffer: Vec<u8>,
    closed: Arc<Mutex<Vec<ClosedSegment>>>,
}

impl WalWriter {
    /// Starts a new segment, the first LSN of which will be `next_lsn`. `closed` receives the segments that are full,
    /// `supply` makes the way to the next ones.
    pub(crate) fn start(
        mut maker: SegmentMaker,
        next_lsn: Lsn,
        closed: Arc<Mutex<Vec<ClosedSegment>>>,
        supply: impl FnOnce(SegmentMaker) -> Result<SegmentSupply>,
    ) -> Result<Self> {
        let current = maker.make_first()?;
        let supply = supply(maker)?;
        let durable_lsn = Lsn(next_lsn.0 - 1);
        Ok(Self { current, at: SEGMENT_HEADER_BYTES as u64, next_lsn, durable_lsn, supply, buffer: Vec::new(), closed })
    }

    pub(crate) fn next_lsn(&self) -> Lsn {
        self.next_lsn
    }

    /// Writes one frame; it is durable after [`sync`](Self::sync), which must come before the next frame.
    pub(crate) fn write<'a>(
        &mut self,
        records: impl Iterator<Item = &'a FrameRecord> + Clone,
    ) -> Result<FrameHeader, WriteError> {
        let bytes = super::frame::FRAME_HEADER_BYTES + records.clone().map(FrameRecord::bytes).sum::<usize>();
        if self.at + bytes as u64 > self.current.bytes && self.at > SEGMENT_HEADER_BYTES as u64 {
            let next = self.supply.take().map_err(WriteError::Refused)?;
            let full = std::mem::replace(&mut self.current, next);
            let closed =
                ClosedSegment { id: full.header.id, last_lsn: self.durable_lsn, bytes: full.bytes.max(self.at) };
            self.closed.lock().unwrap_or_else(PoisonError::into_inner).push(closed);
            self.at = SEGMENT_HEADER_BYTES as u64;
        }
        let segment = &self.current.header;
        let header = encode_frame(&mut self.buffer, segment, self.at, self.next_lsn, self.durable_lsn, records);
        self.put_frame()?;
        self.at += header.frame_bytes() as u64;
        self.next_lsn = Lsn(header.last_lsn().0 + 1);
        if self.buffer.capacity() > BUFFER_BYTES_KEPT_MAX {
            self.buffer = Vec::new();
        }
        Ok(header)
    }

    /// Writes the buffer. A disk that is full took a part of it at most: the log is as it was, and the next frame goes over it.
    fn put_frame(&self) -> Result<(), WriteError> {
        let file = &self.current.file;
        let Err(error) = file.write_all_at(&self.buffer, self.at) else { return Ok(()) };
        let is_full = error.kind() == std::io::ErrorKind::StorageFull;
        let error = Error::io("writing", &self.current.path, error);
        if !is_full {
            return Err(WriteError::Failed(error));
        }
        // Best effort: a frame that lacks nothing but zeros, which stand there anyway, would be whole for a start before that.
        let _ = file.write_all_at(&[0; FRAME_ALIGN], self.at);
        Err(WriteError::Refused(error))
    }

    /// Makes all written frames durable. After an error the log must be closed: a second sync would prove nothing.
    pub(crate) fn sync(&mut self) -> Result<Lsn> {
        self.current.file.sync_data().map_err(|error| Error::io("syncing", &self.current.path, error))?;
        self.durable_lsn = Lsn(self.next_lsn.0 - 1);
        Ok(self.durable_lsn)
    }

    /// Cuts a log whose every row is in the table down to a header, so that whoever opens it next reads nothing. The header
    /// stays: it holds the writer's id.
    ///
    /// # Durability
    /// Not waited for: frames that come back hold only rows at or below the watermark, which replay skips.
    pub(crate) fn shrink(self) -> Result<()> {
        let file = &self.current.file;
        file.set_len(SEGMENT_HEADER_BYTES as u64).map_err(|error| Error::io("cutting", &self.current.path, error))
    }

    /// Bytes of the current segment.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.current.bytes
    }
}

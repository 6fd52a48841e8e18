//! The supply of segments: a thread that keeps one prepared ahead, so that no append waits for a file to be allocated; or,
//! for a caller that orders all work itself, made when asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SendError, sync_channel};
use std::thread::JoinHandle;

use annals_table::{FileSystem, FsFile, WriterId};

use super::segment::{SegmentHeader, segment_path};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a segment that are prepared between two syncs, while the segment before it is in use.
const STEP_BYTES: u64 = 1 << 20;
/// Sizes of the first segment where the disk has no room for a whole one.
const FIRST_BYTES: [u64; 2] = [1 << 20, 64 << 10];

/// A segment to write to: header and zeros are durable, and so is its name.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub header: SegmentHeader,
    pub file: Box<dyn FsFile>,
    pub path: PathBuf,
    /// Preallocated length.
    pub bytes: u64,
}

/// What the segments are to be like.
#[derive(Debug)]
pub(crate) struct SegmentMaker {
    pub fs: Arc<dyn FileSystem>,
    pub dir: PathBuf,
    pub writer: WriterId,
    pub bytes: u64,
    pub next_id: u64,
    pub seed: u64,
}

impl SegmentMaker {
    /// Makes the next segment. After an error its id is not used again.
    ///
    /// # Errors
    /// `Exhausted` when the disk is full.
    fn make(&mut self) -> Result<OpenSegment> {
        self.make_in_steps(self.bytes, self.bytes)
    }

    /// Makes the first segment of a start, a smaller one where the disk is nearly full: so that what is there can be read,
    /// and replayed and flushed, which makes room.
    ///
    /// # Errors
    /// `Exhausted` when there is no room for the smallest.
    pub(crate) fn make_first(&mut self) -> Result<OpenSegment> {
        let mut made = self.make();
        let whole = self.bytes;
        for bytes in FIRST_BYTES.into_iter().filter(|bytes| *bytes < whole) {
            if !made.as_ref().is_err_and(|error| error.kind() == ErrorKind::Exhausted) {
                break;
            }
            made = self.make_in_steps(bytes, bytes);
        }
        made
    }

    /// A segment of `bytes`, synced every `step_bytes`: slower, and easier on whoever syncs at the same time.
    fn make_in_steps(&mut self, bytes: u64, step_bytes: u64) -> Result<OpenSegment> {
        let id = self.next_id;
        self.next_id += 1;
        self.seed = mix(self.seed ^ id);
        let header = SegmentHeader { writer: self.writer, id, salt: self.seed };
        let path = segment_path(&self.dir, id);
        let made = self.fs.create_new(&path).and_then(|file| {
            file.write_all_at(&header.encode(), 0)?;
            // In steps, each synced: a sync of the log meanwhile waits behind one step, not behind the whole segment.
            let mut len = 0;
            while len < bytes {
                len = bytes.min(len + step_bytes);
                file.allocate(len)?;
                file.sync_data()?;
            }
            self.fs.sync_dir(&self.dir)?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(OpenSegment { header, file, path, bytes }),
            Err(error) => {
                // Best effort: what stays is an unused segment that the next start removes.
                let _ = self.fs.remove_file(&path);
                Err(Error::io("preparing", &path, error))
            }
        }
    }
}

/// The way to get segments.
#[derive(Debug)]
pub(crate) enum SegmentSupply {
    /// A thread that prepares them.
    Ahead { ready: Option<Receiver<Result<OpenSegment>>>, thread: Option<JoinHandle<()>> },
    /// Made by who asks.
    WhenAsked(SegmentMaker),
}

impl SegmentSupply {
    /// Starts the thread.
    pub(crate) fn ahead(mut maker: SegmentMaker) -> Result<Self> {
        // No buffer: the thread holds one prepared segment in its hands, and after a failure tries anew when asked.
        let (hand_over, ready) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("annals-segments".into())
            .spawn(move || {
                loop {
                    let next = maker.make_in_steps(maker.bytes, STEP_BYTES);
                    let Err(SendError(unused)) = hand_over.send(next) else { continue };
                    if let Ok(segment) = unused {
                        // Best effort: what stays is an unused segment that the next start removes.
                        let _ = maker.fs.remove_file(&segment.path);
                    }
                    return;
                }
            })
            .map_err(|error| Error::with_source(ErrorKind::Exhausted, "cannot start a thread", error))?;
        Ok(Self::Ahead { ready: Some(ready), thread: Some(thread) })
    }

    /// The next segment; waits when it is not ready yet.
    pub(crate) fn take(&mut self) -> Result<OpenSegment> {
        let ready = match self {
            Self::WhenAsked(maker) => return maker.make(),
            Self::Ahead { ready, .. } => ready.as_ref().expect("the receiver is there until drop"),
        };
        ready.recv().unwrap_or_else(|_| Err(Error::new(ErrorKind::Closed, "the segment thread has stopped")))
    }
}

impl Drop for SegmentSupply {
    fn drop(&mut self) {
        let Self::Ahead { ready, thread } = self else { return };
        *ready = None;
        if let Some(thread) = thread.take() {
            // A panic there shows as a failed take.
            let _ = thread.join();
        }
    }
}

/// SplitMix64's output function: spreads a seed over all bits.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

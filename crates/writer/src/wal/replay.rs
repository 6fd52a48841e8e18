//! Replay: which frames of a closed WAL hold rows to take in again, and where its torn tail is cut.
//!
//! [`Replay::read`] only reads; [`Replay::settle`] makes what was read durable and cuts the tail. Damage stops the start only
//! when it is proven that the damaged place was already synced, by a later valid frame or the [known end](KnownEnd): an
//! unsynced tail may be torn or land out of order.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use annals_event::assign;
use annals_table::{FileSystem, FsFile, Lsn, WriterId};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;

use super::body;
use super::cut::ClosedSegment;
use super::frame::{FRAME_HEADER_BYTES, FrameHeader, decode_frame, records};
use super::known_end::KnownEnd;
use super::scan::{Item, scan};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, read_all, segment_ids, segment_path};
use crate::error::{Error, ErrorKind, Result};
use crate::known_ids::{IdHash, client_ids};
use crate::ledger::decode_request;
use crate::request_key::KeyRecord;

/// Folder beside the segments to which a repair moves the damaged ones.
pub(crate) const QUARANTINE: &str = "quarantine";

/// A closed WAL, as read.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// From the segments' headers; `None` when there are no segments.
    pub writer: Option<WriterId>,
    /// The frames with rows above the watermark, in LSN order.
    pub frames: Vec<FramePlace>,
    /// The frames before them that still stand in the log: their rows are in the table, their ids and requests may not be
    /// in the ledger.
    pub settled: Vec<FramePlace>,
    /// Last LSN of the last valid frame; 0 when there is none.
    pub end: Lsn,
    /// Highest segment id that stands in the directory; 0 when there is none.
    pub last_segment: u64,
    /// The segments that hold frames.
    pub closed: Vec<ClosedSegment>,
    /// Segments to remove: never used, of a torn creation, or behind the cut.
    surplus: Vec<u64>,
    cut: Option<Place>,
    /// Where the rows most likely stood that are missing since the last frame.
    suspect: Option<Place>,
    /// What a salvage went past.
    pub loss: Loss,
}

/// What a salvage went past instead of stopping.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loss {
    /// What would have stopped the start, one for each place.
    pub findings: Vec<Error>,
    /// Rows that were synced and are nowhere.
    pub rows: Vec<RangeInclusive<Lsn>>,
    /// The segments with damage, ascending.
    pub segments: BTreeSet<u64>,
    /// Those of them of which nothing can be read.
    pub unreadable: BTreeSet<u64>,
}

/// What happens when synced rows are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// Reading ends with an error.
    Stops,
    /// It is noted, and reading goes on behind it.
    IsPassed,
}

/// Where a frame stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FramePlace {
    pub segment: SegmentHeader,
    pub offset: u64,
    pub header: FrameHeader,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u64,
    offset: u64,
    zeros: bool,
}

impl Replay {
    /// Reads the WAL in `dir`, changing nothing. `watermark` tells how far a writer's rows are in the table.
    ///
    /// # Errors
    /// `Corrupt`, naming file and offset, when synced rows that are not in the table are damaged or missing.
    pub(crate) fn read(fs: &dyn FileSystem, dir: &Path, watermark: impl Fn(WriterId) -> Lsn) -> Result<Self> {
        Self::read_past(fs, dir, watermark, Damaged::Stops)
    }

    /// As [`read`](Self::read), but `damaged` says whether damage stops it.
    pub(crate) fn read_past(
        fs: &dyn FileSystem,
        dir: &Path,
        watermark: impl Fn(WriterId) -> Lsn,
        damaged: Damaged,
    ) -> Result<Self> {
        let ids = segment_ids(fs, dir)?;
        let mut replay = Self { last_segment: ids.last().copied().unwrap_or(0), ..Self::default() };
        let mut gap = None;
        for id in ids {
            let path = segment_path(dir, id);
            let bytes = read_all(fs, &path)?;
            let Some(segment) = SegmentHeader::decode(&bytes) else {
                if bytes.iter().skip(SEGMENT_HEADER_BYTES).any(|byte| *byte != 0) {
                    let what = "the segment's header is damaged, or of another version";
                    replay.loss.note(damaged, id, corrupt(&path, 0, what))?;
                    replay.loss.unreadable.insert(id);
                    continue;
                }
                // A segment is used only after its header is durable, so this one never was.
                replay.surplus.push(id);
                replay.suspect(Place { segment: id, offset: 0, zeros: true });
                continue;
            };
            if segment.id != id || replay.writer.is_some_and(|writer| writer != segment.writer) {
                replay.loss.note(damaged, id, corrupt(&path, 0, "the segment belongs to another write-ahead log"))?;
                replay.loss.unreadable.insert(id);
                continue;
            }
            replay.writer = Some(segment.writer);
            replay.take_segment(&path, segment, &bytes, watermark(segment.writer), &mut gap, damaged)?;
        }
        replay.check_known_end(fs, dir, watermark, damaged)?;
        // Zeros behind the last frame are the normal end; anything else must go, lest it be taken for rows one day.
        if let Some(place) = gap.filter(|place: &Place| !place.zeros && replay.cut.is_none()) {
            replay.cut = Some(place);
        }
        Ok(replay)
    }

    fn take_segment(
        &mut self,
        path: &Path,
        segment: SegmentHeader,
        bytes: &[u8],
        watermark: Lsn,
        gap: &mut Option<Place>,
        damaged: Damaged,
    ) -> Result<()> {
        let mut holds_frames = false;
        for item in scan(bytes, &segment) {
            let (offset, header) = match item {
                Item::Frame { offset, header } => (offset, header),
                Item::Gap { offset, zeros } => {
                    let here = Place { segment: segment.id, offset, zeros };
                    self.suspect(here);
                    gap.get_or_insert(here).zeros &= zeros;
                    continue;
                }
            };
            let floor = self.end.max(watermark);
            if header.first_lsn <= self.end && self.cut.is_none() {
                self.loss.note(
                    damaged,
                    segment.id,
                    corrupt(path, offset, "the frame's LSNs stand in the log twice"),
                )?;
                continue;
            }
            if header.first_lsn.0 > floor.0 + 1 {
                if header.durable_lsn > floor {
                    let lost = format!(
                        "rows {} to {} were synced and are damaged or gone",
                        floor.0 + 1,
                        header.first_lsn.0 - 1
                    );
                    let place = self.suspect.unwrap_or(Place { segment: segment.id, offset, zeros: false });
                    let error = corrupt(&sibling(path, place.segment), place.offset, &lost);
                    self.loss.note(damaged, place.segment, error)?;
                    self.loss.rows.push(Lsn(floor.0 + 1)..=Lsn(header.first_lsn.0 - 1));
                } else {
                    // This frame landed before an unsynced one in front of it: neither was acknowledged as synced.
                    let here = Place { segment: segment.id, offset, zeros: false };
                    self.cut.get_or_insert(gap.unwrap_or(here));
                }
            }
            if self.cut.is_some() {
                continue;
            }
            *gap = None;
            self.suspect = None;
            holds_frames = true;
            self.end = header.last_lsn();
            let place = FramePlace { segment, offset, header };
            if self.end > watermark { self.frames.push(place) } else { self.settled.push(place) }
        }
        self.suspect(Place { segment: segment.id, offset: bytes.len() as u64, zeros: true });
        if holds_frames {
            self.closed.push(ClosedSegment { id: segment.id, last_lsn: self.end, bytes: bytes.len() as u64 });
        } else {
            self.surplus.push(segment.id);
        }
        Ok(())
    }

    /// Notes a place where reading stopped. Bytes that are no frame are damage; zeros may be what was never written, and of
    /// several such places the last one stands before the next frame.
    fn suspect(&mut self, place: Place) {
        let is_end = |before: Place| before.zeros && (before.segment != place.segment || !place.zeros);
        if self.suspect.is_none_or(is_end) {
            self.suspect = Some(place);
        }
    }

    /// A log that ends before an end that was synced once is damaged, however it looks.
    fn check_known_end(
        &mut self,
        fs: &dyn FileSystem,
        dir: &Path,
        watermark: impl Fn(WriterId) -> Lsn,
        damaged: Damaged,
    ) -> Result<()> {
        let Some(known) =
            KnownEnd::read(fs, dir).filter(|known| self.writer.is_none_or(|writer| writer == known.writer))
        else {
            return Ok(());
        };
        let floor = self.end.max(watermark(known.writer));
        if known.lsn <= floor {
            return Ok(());
        }
        let place = self.suspect.or(self.cut);
        let path = place.map_or_else(|| dir.to_owned(), |place| segment_path(dir, place.segment));
        let lost = format!(
            "rows {} to {} were synced, as {} says, and are damaged or gone",
            floor.0 + 1,
            known.lsn,
            KnownEnd::path(dir).display()
        );
        let error = corrupt(&path, place.map_or(0, |place| place.offset), &lost);
        self.loss.note(damaged, place.map_or(0, |place| place.segment), error)?;
        self.loss.rows.push(Lsn(floor.0 + 1)..=known.lsn);
        // Of a log without a segment this is all that tells whose it was.
        self.writer.get_or_insert(known.writer);
        Ok(())
    }

    /// Makes what was read durable and cuts the torn tail. Only for the holder of the lock.
    ///
    /// # Durability
    /// On return every frame is synced (the process before may have died between write and sync), and nothing behind the
    /// cut can come back. The last frame is written again before: if the process before died of a failed sync, the system may
    /// take its bytes for clean, and would sync nothing. Every other frame was synced before the next was written.
    pub(crate) fn settle(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        for closed in &self.closed {
            let path = segment_path(dir, closed.id);
            let file = fs.open(&path, true).map_err(|error| Error::io("opening", &path, error))?;
            if let Some(cut) = self.cut.filter(|cut| cut.segment == closed.id) {
                tracing::warn!(segment = cut.segment, offset = cut.offset, "torn tail of the write-ahead log cut");
                file.set_len(cut.offset).map_err(|error| Error::io("cutting", &path, error))?;
            }
            if let Some(last) = self.last_frame().filter(|place| place.segment.id == closed.id) {
                let bytes = frame_bytes(file.as_ref(), &path, last)?;
                file.write_all_at(&bytes, last.offset).map_err(|error| Error::io("writing", &path, error))?;
            }
            file.sync_data().map_err(|error| Error::io("syncing", &path, error))?;
        }
        Ok(())
    }

    fn last_frame(&self) -> Option<&FramePlace> {
        self.frames.last().or(self.settled.last())
    }

    /// Gives the damaged segments a second name in the folder [`QUARANTINE`] beside the log, and takes those of which nothing
    /// can be read out of it. Only for the holder of the lock. Answers with their new names.
    ///
    /// # Durability
    /// On return the new names are durable: the old ones may go.
    pub(crate) fn quarantine(&self, fs: &dyn FileSystem, dir: &Path) -> Result<Vec<PathBuf>> {
        let folder = dir.join(QUARANTINE);
        let taken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::AlreadyExists;
        match fs.create_dir(&folder) {
            Err(error) if !taken(&error) => return Err(Error::io("creating", &folder, error)),
            _ => fs.sync_dir(dir).map_err(|error| Error::io("syncing", dir, error))?,
        }
        let mut moved = Vec::with_capacity(self.loss.segments.len());
        // Segment 0 stands for a log without any.
        for id in self.loss.segments.iter().filter(|id| **id > 0) {
            let path = segment_path(&folder, *id);
            match fs.hard_link(&segment_path(dir, *id), &path) {
                // Of a repair that did not come to its end: ids are never used again.
                Err(error) if !taken(&error) => return Err(Error::io("linking", &path, error)),
                _ => moved.push(path),
            }
        }
        fs.sync_dir(&folder).map_err(|error| Error::io("syncing", &folder, error))?;
        for id in &self.loss.unreadable {
            let path = segment_path(dir, *id);
            fs.remove_file(&path).map_err(|error| Error::io("removing", &path, error))?;
        }
        fs.sync_dir(dir).map_err(|error| Error::io("syncing", dir, error))?;
        Ok(moved)
    }

    /// Where the torn tail is cut.
    pub(crate) fn torn(&self) -> Option<(u64, u64)> {
        self.cut.map(|place| (place.segment, place.offset))
    }

    /// Removes segments without rows. Call only once a newer segment of the same writer is durable: the segments carry the
    /// writer's id.
    pub(crate) fn remove_surplus(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        // From the back, so that what a crash leaves is a prefix of what was.
        for id in self.surplus.iter().rev() {
            let path = segment_path(dir, *id);
            fs.remove_file(&path).map_err(|error| Error::io("removing", &path, error))?;
        }
        if self.surplus.is_empty() {
            return Ok(());
        }
        fs.sync_dir(dir).map_err(|error| Error::io("syncing", dir, error))
    }
}

impl Loss {
    fn note(&mut self, damaged: Damaged, segment: u64, error: Error) -> Result<()> {
        if damaged == Damaged::Stops {
            return Err(error);
        }
        self.findings.push(error);
        self.segments.insert(segment);
        Ok(())
    }
}

/// What a frame holds.
#[derive(Debug, Default)]
pub(crate) struct FrameContent {
    /// One batch for each append, numbered and with ids assigned.
    pub batches: Vec<RecordBatch>,
    /// The rows to which a client gave an id.
    pub ids: Vec<IdHash>,
    pub requests: Vec<KeyRecord>,
}

/// The rows of a frame, numbered and with their ids, and the requests answered with it.
///
/// # Errors
/// `Corrupt` when the frame is not what it was when the log was read.
pub(crate) fn read_frame(fs: &dyn FileSystem, dir: &Path, place: &FramePlace) -> Result<FrameContent> {
    let path = segment_path(dir, place.segment.id);
    let damaged = || changed(&path, place);
    let file = fs.open(&path, false).map_err(|error| Error::io("opening", &path, error))?;
    let bytes = frame_bytes(file.as_ref(), &path, place)?;
    let body = Buffer::from_vec(bytes).slice(FRAME_HEADER_BYTES);
    let mut next = place.header.first_lsn.0;
    let mut content = FrameContent::default();
    for record in records(&body).ok_or_else(damaged)? {
        if record.rows == 0 {
            content.requests.push(decode_request(&body[record.metadata]).ok_or_else(damaged)?);
            continue;
        }
        let data = body.slice_with_length(record.data.start, record.data.len());
        let batch = body::decode(&body[record.metadata], &data).map_err(|error| {
            Error::with_source(
                ErrorKind::Corrupt,
                format!("{}: frame at offset {}", path.display(), place.offset),
                error,
            )
        })?;
        if batch.num_rows() as u64 != u64::from(record.rows) {
            return Err(damaged());
        }
        content.ids.extend(client_ids(&batch).into_iter().map(|(_, id)| id));
        content.batches.push(assign(&batch, next, place.segment.writer.0)?);
        next += u64::from(record.rows);
    }
    Ok(content)
}

/// The bytes of a frame.
fn frame_bytes(file: &dyn FsFile, path: &Path, place: &FramePlace) -> Result<Vec<u8>> {
    let mut bytes = vec![0; place.header.frame_bytes()];
    let mut at = 0;
    while at < bytes.len() {
        let read = file.read_at(&mut bytes[at..], place.offset + at as u64);
        match read.map_err(|error| Error::io("reading", path, error))? {
            0 => return Err(changed(path, place)),
            read => at += read,
        }
    }
    if decode_frame(&bytes, &place.segment, place.offset) != Some(place.header) {
        return Err(changed(path, place));
    }
    Ok(bytes)
}

fn changed(path: &Path, place: &FramePlace) -> Error {
    corrupt(path, place.offset, "the frame changed while it was read")
}

fn sibling(path: &Path, id: u64) -> PathBuf {
    segment_path(path.parent().unwrap_or(Path::new("")), id)
}

fn corrupt(path: &Path, offset: u64, what: &str) -> Error {
    let message = format!(
        "{} is damaged at offset {offset}: {what}; restore it from a copy, or run `annals repair` to set it aside and go on \
         without these rows",
        path.display()
    );
    Error::new(ErrorKind::Corrupt, message)
}

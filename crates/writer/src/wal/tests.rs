//! Tests of the log alone: what a replay finds after every kind of damage.

use std::path::Path;
use std::sync::{Arc, Mutex};

use annals_event::{DecodeSettings, EventDecoder, SystemClock};
use annals_table::{FileSystem, Lsn, OsFileSystem, WriterId};
use annals_testkit::fault::ModelFileSystem;
use arrow::array::RecordBatch;
use tempfile::TempDir;

use super::segment::{SEGMENT_HEADER_BYTES, segment_path};
use super::*;
use crate::error::ErrorKind;
use crate::settings::WalCompression;

const WRITER: WriterId = WriterId(7);

fn batch(rows: usize) -> RecordBatch {
    let line = r#"{"type":"t","projectId":"p","payload":{"text":"long enough to be out of line"}}"#;
    let body = vec![line; rows].join("\n");
    EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(body.as_bytes(), 1_780_000_000_000_000).batch
}

fn maker(dir: &Path, segment_bytes: u64) -> SegmentMaker {
    SegmentMaker {
        fs: Arc::new(OsFileSystem),
        dir: dir.into(),
        writer: WRITER,
        bytes: segment_bytes,
        next_id: 1,
        seed: 3,
    }
}

/// A disk in memory with so much room.
fn small_disk(room_bytes: u64) -> ModelFileSystem {
    let fs = ModelFileSystem::new(Arc::new(SystemClock), 1);
    fs.create_dir(Path::new("/wal")).unwrap();
    fs.set_capacity(Some(fs.used_bytes() + room_bytes));
    fs
}

/// A log of frames of two rows each; answers where each frame of the last segment starts and ends.
pub(super) fn log_of(frames: usize, segment_bytes: u64) -> (TempDir, Vec<(u64, u64)>) {
    let dir = tempfile::tempdir().unwrap();
    let codec = BodyCodec::new(WalCompression::Lz4).unwrap();
    let closed = Arc::new(Mutex::new(Vec::new()));
    let mut wal = WalWriter::start(maker(dir.path(), segment_bytes), Lsn(1), closed, SegmentSupply::ahead).unwrap();
    let record = codec.encode(&batch(2)).unwrap();
    let mut at = SEGMENT_HEADER_BYTES as u64;
    let mut places = Vec::new();
    for _ in 0..frames {
        let header = wal.write([&record].into_iter()).unwrap();
        wal.sync().unwrap();
        let end = at + header.frame_bytes() as u64;
        places.push((at, end));
        at = end;
    }
    (dir, places)
}

fn read(dir: &Path) -> crate::Result<Replay> {
    Replay::read(&OsFileSystem, dir, |_| Lsn(0))
}

fn overwrite(dir: &Path, segment: u64, at: u64, bytes: &[u8]) {
    OsFileSystem.open(&segment_path(dir, segment), true).unwrap().write_all_at(bytes, at).unwrap();
}

#[test]
fn replay_gives_back_what_was_logged_with_the_same_ids() {
    let (dir, _) = log_of(3, 64 << 10);
    let replay = read(dir.path()).unwrap();
    assert_eq!((replay.writer, replay.end, replay.frames.len()), (Some(WRITER), Lsn(6), 3));
    let rows = read_frame(&OsFileSystem, dir.path(), &replay.frames[1]).unwrap();
    assert_eq!(rows.batches, [annals_event::assign(&batch(2), 3, WRITER.0).unwrap()]);
}

#[test]
fn frames_go_on_in_the_next_segment_when_one_is_full() {
    let (dir, places) = log_of(1, 64 << 10);
    let frame = places[0].1 - places[0].0;
    let (many, _) = log_of(5, SEGMENT_HEADER_BYTES as u64 + 2 * frame);
    let replay = read(many.path()).unwrap();
    assert_eq!((replay.frames.len(), replay.end), (5, Lsn(10)));
    let ends: Vec<_> = replay.closed.iter().map(|segment| segment.last_lsn.0).collect();
    assert_eq!(ends, [4, 8, 10]);
    assert_eq!(removable(&replay.closed, Lsn(7)), 1);
    assert_eq!(removable(&replay.closed, Lsn(8)), 2);
    drop(dir);
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_frame_is_cut() {
    let (dir, places) = log_of(3, 64 << 10);
    let path = segment_path(dir.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    let (start, end) = places[2];
    for torn in start..end {
        // Bytes from `torn` on never landed. Where the last ones are padding, nothing is missing.
        let mut bytes = whole.clone();
        bytes[torn as usize..end as usize].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let replay = read(dir.path()).unwrap();
        let lost = bytes != whole;
        assert_eq!(replay.end, Lsn(if lost { 4 } else { 6 }), "torn at {torn}");
        replay.settle(&OsFileSystem, dir.path()).unwrap();
        let left = std::fs::read(&path).unwrap();
        assert!(!lost || left[start as usize..].iter().all(|byte| *byte == 0), "garbage stays behind the cut");
    }
}

#[test]
fn damage_below_a_durable_lsn_refuses_with_file_and_offset() {
    for filler in [0_u8, 0xa5] {
        let (dir, places) = log_of(3, 64 << 10);
        let (start, end) = places[1];
        overwrite(dir.path(), 1, start, &vec![filler; (end - start) as usize]);
        let error = read(dir.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let message = error.to_string();
        assert!(message.contains("segment-0000000000000001.wal") && message.contains(&start.to_string()), "{message}");
        // Rows that the table holds are not needed from the log.
        let replay = Replay::read(&OsFileSystem, dir.path(), |_| Lsn(4)).unwrap();
        assert_eq!((replay.frames.len(), replay.end), (1, Lsn(6)));
    }
}

#[test]
fn a_frame_that_landed_before_an_unsynced_one_is_cut_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let codec = BodyCodec::new(WalCompression::Lz4).unwrap();
    let closed = Arc::new(Mutex::new(Vec::new()));
    let mut wal = WalWriter::start(maker(dir.path(), 64 << 10), Lsn(1), closed, SegmentSupply::ahead).unwrap();
    let record = codec.encode(&batch(2)).unwrap();
    let first = wal.write([&record].into_iter()).unwrap();
    wal.sync().unwrap();
    // Two frames and no sync: the pages of the second arrive, those of the first do not.
    let lost = wal.write([&record].into_iter()).unwrap();
    wal.write([&record].into_iter()).unwrap();
    let at = (SEGMENT_HEADER_BYTES + first.frame_bytes()) as u64;
    overwrite(dir.path(), 1, at, &vec![0; lost.frame_bytes()]);
    let replay = read(dir.path()).unwrap();
    assert_eq!((replay.end, replay.frames.len(), replay.torn()), (Lsn(2), 1, Some((1, at))));
}

#[test]
fn a_frame_copied_to_another_place_is_not_taken_for_one() {
    let (dir, places) = log_of(2, 64 << 10);
    let path = segment_path(dir.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    let last = places[1];
    overwrite(dir.path(), 1, last.1, &whole[last.0 as usize..last.1 as usize]);
    assert_eq!(read(dir.path()).unwrap().end, Lsn(4));
}

#[test]
fn a_segment_without_header_is_an_unused_one_unless_it_holds_bytes() {
    let (dir, _) = log_of(1, 64 << 10);
    std::fs::write(segment_path(dir.path(), 9), [0; 100]).unwrap();
    assert_eq!(read(dir.path()).unwrap().end, Lsn(2));
    overwrite(dir.path(), 1, 0, &[0; SEGMENT_HEADER_BYTES]);
    assert_eq!(read(dir.path()).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_length_that_bytes_cannot_have_is_refused_before_anything_is_allocated() {
    let record = BodyCodec::new(WalCompression::Lz4).unwrap().encode(&batch(50)).unwrap();
    let decode = |data: Vec<u8>| super::body::decode(&record.metadata, &data.into());
    assert_eq!(decode(record.data.clone()).unwrap().num_rows(), 50);
    // Every buffer begins with the length that it had before compression, at a multiple of 8.
    let mut refused = 0;
    for at in (0..record.data.len() - 8).step_by(8) {
        let mut data = record.data.clone();
        data[at..at + 8].copy_from_slice(&(1_i64 << 40).to_le_bytes());
        refused += usize::from(decode(data).is_err_and(|error| error.to_string().contains("claims to be longer")));
    }
    assert!(refused > 5, "{refused} lengths");
    for cut in 0..record.data.len() {
        // A cut in the padding behind the last buffer takes nothing away.
        if let Ok(rows) = decode(record.data[..cut].to_vec()) {
            assert_eq!(rows, decode(record.data.clone()).unwrap(), "cut at {cut}");
        }
    }
}

#[test]
fn a_start_on_a_disk_that_is_nearly_full_takes_a_small_segment() {
    let dir = Path::new("/wal");
    let start = |fs: &ModelFileSystem| {
        let maker = SegmentMaker { fs: Arc::new(fs.clone()), ..maker(dir, 32 << 20) };
        WalWriter::start(maker, Lsn(1), Arc::default(), |maker| Ok(SegmentSupply::WhenAsked(maker)))
    };
    for (room_bytes, expected) in
        [(40 << 20, Some(32 << 20)), (5 << 20, Some(1 << 20)), (100 << 10, Some(64 << 10)), (9, None)]
    {
        let fs = small_disk(room_bytes);
        let started = start(&fs);
        assert_eq!(started.as_ref().ok().map(WalWriter::segment_bytes), expected, "{room_bytes}");
        let Ok(mut wal) = started else {
            assert_eq!(started.unwrap_err().kind(), ErrorKind::Exhausted);
            continue;
        };
        let record = BodyCodec::new(WalCompression::Lz4).unwrap().encode(&batch(2)).unwrap();
        wal.write([&record].into_iter()).unwrap();
        wal.sync().unwrap();
        drop(wal);
        let replay = Replay::read(&fs, dir, |_| Lsn(0)).unwrap();
        assert_eq!((replay.end, replay.frames.len()), (Lsn(2), 1));
    }
}

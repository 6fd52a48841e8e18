//! Promise 6: a torn tail is not corruption.
//!
//! A writer dies; its log has three segments. Then the last segment is cut at every place, and every page of every segment is
//! lost. A start stops only where a later frame proves that the lost one was synced; otherwise the log ends there, with every
//! row before it. What is expected is read off the bytes, by `crates/writer/WAL.md` and not by the writer's code.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder, columns};
use annals_table::{Table, TailSource, TailView};
use annals_writer::{Ack, ErrorKind, replay_tail};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Runtime;

use super::image::{Image, ImageFs};
use super::sim::Findings;
use super::specimen::{Opened, Which};
use super::{Form, Proof, seed, settled};

/// Appends, one frame each.
const APPENDS: usize = 12;
/// Rows of an append.
const ROWS: usize = 6;
/// One in so many is opened by a writer as well, which goes on from there.
const SAMPLE: usize = 16;

/// A frame as its bytes tell.
#[derive(Clone, Debug)]
struct Frame {
    segment: usize,
    range: Range<usize>,
    first: u64,
    last: u64,
    durable: u64,
}

/// A log whose writer died.
struct Log {
    image: Image,
    segments: Vec<PathBuf>,
    frames: Vec<Frame>,
}

/// What is lost of one segment.
#[derive(Clone, Debug)]
enum Loss {
    Cut(usize),
    Zeroed(Range<usize>),
}

impl Log {
    fn new(runtime: &Runtime) -> Self {
        let fs = ImageFs::new(&Image::new());
        let opened = Opened::image(&fs, runtime);
        let options = Which::Events.options();
        let table = Arc::new(Table::open_or_create(&opened.store, options, Arc::clone(&opened.clock)).unwrap());
        let writer = opened.writer(Which::Events, &table).unwrap();
        for append in 0..APPENDS {
            writer.append(batch(append, opened.clock.as_ref()), Ack::Wal).unwrap().wait().unwrap();
        }
        // The process dies here: nothing that a close writes is in the image.
        let image = fs.image();
        let dir = Which::Events.wal_dir(&opened.root);
        let is_segment =
            |path: &&PathBuf| path.parent() == Some(&dir) && path.extension().is_some_and(|end| end == "wal");
        let mut segments: Vec<PathBuf> = image.keys().filter(is_segment).cloned().collect();
        segments.sort();
        let mut frames = Vec::new();
        for (number, path) in segments.iter().enumerate() {
            read_frames(&image[path], number, &mut frames);
        }
        segments.truncate(frames.last().map_or(0, |frame| frame.segment + 1));
        assert_eq!((segments.len(), frames.len()), (3, APPENDS), "three segments, one frame an append");
        Self { image, segments, frames }
    }

    fn damaged(&self, segment: usize, loss: &Loss) -> Vec<u8> {
        let mut bytes = self.image[&self.segments[segment]].to_vec();
        match loss {
            Loss::Cut(left) => bytes.truncate(*left),
            Loss::Zeroed(range) => bytes[range.clone()].fill(0),
        }
        bytes
    }

    /// What a start must find: the last LSN, or that it stops.
    fn expected(&self, segment: usize, bytes: &[u8]) -> Option<u64> {
        let whole = &self.image[&self.segments[segment]];
        // The header's checksum covers 32 bytes and stands in the next four.
        let is_headless = bytes.get(..36) != Some(&whole[..36]) || bytes.len() < 40;
        if is_headless && bytes.iter().skip(40).any(|byte| *byte != 0) {
            return None;
        }
        let is_gone = |frame: &&Frame| {
            frame.segment == segment
                && (is_headless || bytes.get(frame.range.clone()) != Some(&whole[frame.range.clone()]))
        };
        let Some(at) = self.frames.iter().position(|frame| is_gone(&frame)) else {
            return Some(self.frames[APPENDS - 1].last);
        };
        let lost = &self.frames[at];
        let is_proven =
            self.frames[at..].iter().filter(|frame| !is_gone(frame)).any(|later| later.durable >= lost.first);
        (!is_proven).then_some(lost.first - 1)
    }

    fn try_loss(
        &self,
        segment: usize,
        loss: &Loss,
        is_sampled: bool,
        runtime: &Runtime,
        table: &Arc<Table>,
    ) -> Findings {
        let mut findings = Findings::default();
        let path = &self.segments[segment];
        let bytes = self.damaged(segment, loss);
        let expected = self.expected(segment, &bytes);
        let mut image = self.image.clone();
        image.insert(path.clone(), Arc::new(bytes));
        let fs = ImageFs::new(&image);
        let opened = Opened::image(&fs, runtime);
        let what = format!("segment {segment}, {loss:?}");
        let dir = Which::Events.wal_dir(&opened.root);
        match (replay_tail(&dir, Arc::clone(&opened.fs), table), expected) {
            (Ok(tail), Some(end)) => {
                let seen = tail.map_or_else(Vec::new, |tail| lsns(&tail.view()));
                if seen != (1..=end as i64).collect::<Vec<_>>() {
                    findings.wrong(format!("{what}: rows up to {end} are there, and a reader sees {seen:?}"));
                }
            }
            (Err(error), None) => {
                let message = error.to_string();
                let name = path.file_name().unwrap().to_str().unwrap();
                if error.kind() != ErrorKind::Corrupt || !message.contains(name) || !message.contains("annals repair") {
                    findings.wrong(format!("{what}: {message}"));
                }
            }
            (Ok(_), None) => findings.wrong(format!("{what}: synced rows are gone and nothing is said")),
            (Err(error), Some(_)) => findings.wrong(format!("{what}: it is a torn tail, and {error}")),
        }
        if let Some(end) = expected.filter(|_| is_sampled) {
            go_on(&fs, &opened, end, &what, &mut findings);
        }
        findings
    }
}

/// A writer starts over a torn log, takes more rows and dies too: the next one has all of them.
fn go_on(fs: &ImageFs, opened: &Opened, end: u64, what: &str, findings: &mut Findings) {
    let table = opened.table(Which::Events).unwrap();
    let writer = opened.writer(Which::Events, &table).unwrap();
    if lsns(&writer.tail().view()) != (1..=end as i64).collect::<Vec<_>>() {
        findings.wrong(format!("{what}: a writer does not start at {end}"));
    }
    let receipt = writer.append(batch(0, opened.clock.as_ref()), Ack::Wal).unwrap().wait().unwrap();
    let last = end + ROWS as u64;
    if *receipt.lsn.end() != annals_table::Lsn(last) {
        findings.wrong(format!("{what}: the next row has LSN {:?} after {end}", receipt.lsn));
    }
    let next = ImageFs::new(&fs.image());
    let tail = replay_tail(&Which::Events.wal_dir(&opened.root), Arc::new(next), &table).unwrap().unwrap();
    if lsns(&tail.view()) != (1..=last as i64).collect::<Vec<_>>() {
        findings.wrong(format!("{what}: what was cut comes back, or what came after it is gone"));
    }
}

fn lsns(view: &TailView) -> Vec<i64> {
    let batches = view.memtables.iter().flat_map(|memtable| memtable.batches.iter());
    batches.flat_map(|batch| batch[columns::SEQ].as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// Reads the frames of a segment, as `WAL.md` describes them.
fn read_frames(bytes: &[u8], segment: usize, frames: &mut Vec<Frame>) {
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut at = 40;
    while bytes.get(at..at + 4) == Some(b"ANFR") {
        let (first, rows, durable, body) = (long(at + 24), long(at + 32), long(at + 40), long(at + 48) as usize);
        let range = at..at + 56 + body;
        at = range.end;
        frames.push(Frame { segment, range, first, last: first + rows - 1, durable });
    }
}

/// Rows that do not compress, so that frames are some kilobytes.
fn batch(append: usize, clock: &dyn Clock) -> RecordBatch {
    let mut word = append as u64 + 1;
    let mut line = || {
        let mut noise = String::new();
        for _ in 0..90 {
            word = (word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(27);
            noise.push_str(&format!("{word:016x}"));
        }
        format!(r#"{{"type":"t","projectId":"p","payload":{{"noise":"{noise}"}}}}"#)
    };
    let lines: Vec<String> = (0..ROWS).map(|_| line()).collect();
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    decoder.decode_ndjson(lines.join("\n").as_bytes(), clock.now_us()).batch
}

/// Every loss to try.
fn losses(log: &Log, form: Form, chance: &mut StdRng) -> Vec<(usize, Loss)> {
    let mut losses = Vec::new();
    let last = log.segments.len() - 1;
    let used = log.frames[APPENDS - 1].range.end;
    let edges: Vec<usize> = log
        .frames
        .iter()
        .filter(|frame| frame.segment == last)
        .map(|frame| frame.range.end)
        .chain([0, 36, 40])
        .collect();
    for left in 0..used + 64 {
        let is_edge = edges.iter().any(|edge| left.abs_diff(*edge) <= 2);
        if form == Form::Full || is_edge || chance.random_ratio(1, 250) {
            losses.push((last, Loss::Cut(left)));
        }
    }
    for (segment, path) in log.segments.iter().enumerate() {
        let len = log.image[path].len();
        for page in [512, 4096] {
            let starts =
                (0..len).step_by(page).filter(|_| form == Form::Full || page > 512 || chance.random_ratio(1, 3));
            losses.extend(starts.map(|at| (segment, Loss::Zeroed(at..(at + page).min(len)))));
        }
    }
    losses
}

#[test]
fn a_torn_tail_is_cut_and_only_proven_loss_stops_a_start() {
    let seed = seed();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let log = Log::new(&runtime);
    let table = Opened::image(&ImageFs::new(&log.image), &runtime).table(Which::Events).unwrap();
    let runs = losses(&log, Form::asked(), &mut StdRng::seed_from_u64(seed));
    let stops = runs.iter().filter(|(segment, loss)| log.expected(*segment, &log.damaged(*segment, loss)).is_none());
    let stops = stops.count();
    assert!(stops > 60 && stops + 60 < runs.len(), "{stops} of {} stop the start", runs.len());
    let runs: Vec<_> = runs.into_iter().enumerate().collect();
    let proof = Proof { promise: 6, what: "a cut or a lost page of the log of a dead writer", ..Proof::default() };
    settled(proof, runs, |(number, (segment, loss))| {
        (0, log.try_loss(segment, &loss, number.is_multiple_of(SAMPLE), &runtime, &table))
    });
}

/// Files that a test must find at these paths.
#[test]
fn the_dead_writers_log_is_as_described() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let log = Log::new(&runtime);
    assert!(!log.image.contains_key(&Which::Events.wal_dir(Path::new("/image")).join("known-end")));
    for pair in log.frames.windows(2) {
        assert_eq!((pair[1].first, pair[1].durable), (pair[0].last + 1, pair[0].last));
    }
}

//! [`Specimen`]: a small store with everything a store can hold, as the files it consists of, and what it answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder, ProjectId, columns, format_timestamp};
use annals_query::{Engine, EngineOptions, Error, EventQuery, EventSource, FacetField, QuerySettings, TraceQuery};
use annals_table::{FileFilter, FileSystem, OsFileSystem, Store, Table, TableOptions, TailSource};
use annals_testkit::fault::SimClock;
use annals_writer::{
    Ack, Claim, RequestHash, RequestKey, Share, ShareKey, Writer, WriterOptions, WriterSettings, replay_tail,
};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use bytes::Bytes;
use tokio::runtime::Runtime;

use super::image::{Image, ImageFs};

/// Noon of 2026-06-01, UTC.
const NOON_US: i64 = 1_780_315_200_000_000;
const DAY_US: i64 = 86_400_000_000;
/// Where the copy lies.
const ROOT: &str = "/image";
/// Flushes of the events.
const FLUSHES: usize = 5;
/// The flush after which there is a checkpoint.
const CHECKPOINT_AT: usize = 2;
/// Events of a flush.
const FLUSH_EVENTS: usize = 60;
/// Appends that stay in the log, and the events of each: several segments of them.
const TAIL_APPENDS: usize = 12;
const TAIL_EVENTS: usize = 16;
/// Projects of the events.
const PROJECTS: usize = 3;
/// Every so many events bring an id of their own.
const ID_EVERY: usize = 4;

/// A store's files and answers.
pub(super) struct Specimen {
    pub(super) image: Image,
    /// What the questions are answered, in their order.
    pub(super) answers: Vec<Answer>,
    /// What is in the tables, and what waits in their logs.
    pub(super) events: Content,
    pub(super) letters: Content,
    /// Events with ids of their own that are in the table, to be sent again.
    pub(super) given: RecordBatch,
}

/// What a table and its log hold.
pub(super) struct Content {
    /// The table's version, watermarks and files.
    pub(super) version: String,
    /// The rows that wait in the log.
    pub(super) tail: RecordBatch,
    /// All rows of each project.
    pub(super) projects: BTreeMap<String, Answer>,
}

/// An answer that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Rows(RecordBatch),
    Text(String),
}

/// Which of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Events,
    Letters,
}

impl Specimen {
    pub(super) fn content(&self, which: Which) -> &Content {
        match which {
            Which::Events => &self.events,
            Which::Letters => &self.letters,
        }
    }
}

impl Which {
    pub(super) fn options(self) -> TableOptions {
        match self {
            Self::Events => TableOptions::events(),
            Self::Letters => TableOptions::dead_letters(),
        }
    }

    pub(super) fn wal_dir(self, root: &Path) -> PathBuf {
        match self {
            Self::Events => root.join("store/wal"),
            Self::Letters => root.join("store/wal/dead_letters"),
        }
    }
}

/// A store over some file system.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) store: Store,
    pub(super) root: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
}

impl Opened {
    /// The copy of a store in memory.
    pub(super) fn image(fs: &ImageFs, runtime: &Runtime) -> Self {
        Self::at(Path::new(ROOT), Arc::new(fs.clone()), runtime)
    }

    fn at(root: &Path, fs: Arc<dyn FileSystem>, runtime: &Runtime) -> Self {
        let url = root.join("store");
        let store = Store::open(url.to_str().unwrap(), Arc::clone(&fs), runtime.handle().clone()).unwrap();
        Self { fs, store, root: root.to_owned(), clock: Arc::new(SimClock::new(NOON_US)) }
    }

    pub(super) fn table(&self, which: Which) -> annals_table::Result<Arc<Table>> {
        let table = Table::open(&self.store, which.options(), Arc::clone(&self.clock))?;
        Ok(Arc::new(table.expect("the log has files")))
    }

    pub(super) fn tail(&self, which: Which, table: &Table) -> annals_writer::Result<Option<Arc<dyn TailSource>>> {
        let tail = replay_tail(&which.wal_dir(&self.root), Arc::clone(&self.fs), table)?;
        Ok(tail.map(|tail| Arc::new(tail) as Arc<dyn TailSource>))
    }

    pub(super) fn writer(&self, which: Which, table: &Arc<Table>) -> annals_writer::Result<Writer> {
        Writer::open(WriterOptions {
            settings: WriterSettings { wal_segment_bytes: 64 << 10, ..WriterSettings::default() },
            wal_dir: which.wal_dir(&self.root),
            store: self.store.clone(),
            table: Arc::clone(table),
            fs: Arc::clone(&self.fs),
            clock: Arc::clone(&self.clock),
            seed: 7,
        })
    }

    /// An engine that reads every byte anew each time it is asked.
    pub(super) fn engine(&self, events: EventSource, letters: EventSource) -> Engine {
        let settings = QuerySettings {
            target_partitions: 2,
            metadata_cache_bytes_max: 0,
            block_cache_bytes_max: 0,
            page_cache_bytes_max: 0,
            time_ms_max: Some(60_000),
            ..QuerySettings::default()
        };
        let EventSource { table, tail } = events;
        let clock = Arc::clone(&self.clock);
        Engine::new(EngineOptions { table, tail, dead_letters: Some(letters), settings, clock }).unwrap()
    }
}

impl Specimen {
    pub(super) fn new(runtime: &Runtime) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let opened = Opened::at(dir.path(), Arc::new(OsFileSystem), runtime);
        let mut sent = 0;
        for which in [Which::Events, Which::Letters] {
            let table = Table::open_or_create(&opened.store, which.options(), Arc::clone(&opened.clock)).unwrap();
            let table = Arc::new(table);
            let wal_dir = which.wal_dir(&opened.root);
            std::fs::create_dir_all(&wal_dir).unwrap();
            let writer = opened.writer(which, &table).unwrap();
            let is_events = which == Which::Events;
            for flush in 0..if is_events { FLUSHES } else { 1 } {
                append(&writer, &events(&mut sent, FLUSH_EVENTS, 2), flush as u8);
                writer.flush().unwrap();
                if flush == CHECKPOINT_AT {
                    table.checkpoint().unwrap();
                }
            }
            for _ in 0..if is_events { TAIL_APPENDS } else { 2 } {
                writer.append(events(&mut sent, TAIL_EVENTS, 50), Ack::Wal).unwrap().wait().unwrap();
            }
            writer.close(false).unwrap();
        }
        let image = read_all(dir.path());
        let fs = ImageFs::new(&image);
        let opened = Opened::image(&fs, runtime);
        let source = |which| {
            let table = opened.table(which).unwrap();
            let tail = opened.tail(which, &table).unwrap();
            EventSource { table, tail }
        };
        let (events, letters) = (source(Which::Events), source(Which::Letters));
        let engine = opened.engine(events.clone(), letters.clone());
        let content = |which, source: EventSource| {
            let project = |number: usize| {
                let project = format!("p{number}");
                let rows = ask_project(&engine, which, &project, runtime).unwrap();
                (project, rows)
            };
            Content {
                version: version(&source.table),
                tail: tail_rows(source.tail.as_deref()),
                projects: (0..PROJECTS).map(project).collect(),
            }
        };
        let (events, letters) = (content(Which::Events, events), content(Which::Letters, letters));
        let answers: Vec<Answer> = (0..QUESTIONS).map(|number| ask(&engine, number, runtime).unwrap()).collect();
        let rows = |number: usize| match &answers[number] {
            Answer::Rows(rows) => rows.num_rows(),
            Answer::Text(text) => panic!("{text}"),
        };
        assert_eq!(rows(0) + rows(3), sent, "all that was sent is there");
        assert!(rows(1) > 0 && events.tail.num_rows() == TAIL_APPENDS * TAIL_EVENTS);
        let given = events_again(FLUSH_EVENTS);
        Self { image, answers, events, letters, given }
    }
}

/// How many questions there are.
const QUESTIONS: usize = 6;

/// Everything that a reader of a table takes from its log.
pub(super) fn version(table: &Table) -> String {
    let snapshot = table.snapshot();
    format!("{snapshot:?} {:?}", snapshot.files(&FileFilter::all()))
}

/// The rows of a tail, in order.
pub(super) fn tail_rows(tail: Option<&dyn TailSource>) -> RecordBatch {
    let view = tail.map(TailSource::view);
    let memtables = view.iter().flat_map(|view| &view.memtables);
    let batches: Vec<_> = memtables.flat_map(|memtable| memtable.batches.iter()).collect();
    concat_batches(&annals_event::event_schema(), batches).unwrap()
}

/// All rows of one project.
pub(super) fn ask_project(engine: &Engine, which: Which, project: &str, runtime: &Runtime) -> Result<Answer, Error> {
    let engine = if which == Which::Events { engine } else { engine.dead_letters().unwrap() };
    let projects = vec![ProjectId::new(project).unwrap()];
    let query = EventQuery { projects, limit: 100_000, ..EventQuery::default() };
    runtime.block_on(engine.search(&query)).map(|page| Answer::Rows(page.events))
}

/// The number of the question for a trace.
pub(super) const TRACE_QUESTION: usize = 1;

/// Asks one of the questions.
pub(super) fn ask(engine: &Engine, number: usize, runtime: &Runtime) -> Result<Answer, Error> {
    let everything = || EventQuery { limit: 100_000, ..EventQuery::default() };
    let sql = |statement: &str| {
        runtime.block_on(async {
            let answer = engine.sql(statement).await?;
            let schema = Arc::clone(&answer.schema);
            let batches = answer.collect().await?;
            Ok(Answer::Rows(concat_batches(&schema, &batches).unwrap()))
        })
    };
    match number {
        0 => runtime.block_on(engine.search(&everything())).map(|page| Answer::Rows(page.events)),
        TRACE_QUESTION => {
            let trace_id = "trace-3".to_owned();
            let trace = TraceQuery { trace_id, project: None, from_us: None, until_us: None, limit: 1_000 };
            runtime.block_on(engine.trace(&trace)).map(|page| Answer::Rows(page.events))
        }
        2 => runtime.block_on(async {
            let histogram = engine.histogram(&EventQuery::default(), 20).await?;
            let facets = engine.facets(&EventQuery::default(), &[FacetField::Level, FacetField::Type], 20).await?;
            Ok(Answer::Text(format!("{:?} {:?}", histogram.buckets, facets.facets)))
        }),
        3 => {
            let letters = engine.dead_letters().unwrap();
            runtime.block_on(letters.search(&everything())).map(|page| Answer::Rows(page.events))
        }
        4 => sql("select * from events order by seq"),
        _ => sql("select project_id, count(*), sum(seq), max(payload), min(message) from events group by 1 order by 1"),
    }
}

/// Appends as a request with an idempotency key does.
fn append(writer: &Writer, batch: &RecordBatch, key: u8) {
    let Claim::New(claim) = writer.claim(RequestKey([key; 16]), RequestHash([1; 16])) else { panic!("a new key") };
    let key = ShareKey { claim, note: Bytes::from_static(b"{}") };
    let share = Share { rows: batch.num_rows() as u32, ack: Ack::Wal, key: Some(key) };
    let mut tickets = writer.append_shares(batch.clone(), vec![share]).unwrap();
    tickets.remove(0).wait().unwrap();
}

/// The next events, over three projects and days; `noise` words each that do not compress.
fn events(next: &mut usize, count: usize, noise: usize) -> RecordBatch {
    let batch = decode(*next..*next + count, noise);
    *next += count;
    batch
}

/// The first events, as they were sent.
fn events_again(count: usize) -> RecordBatch {
    decode(0..count, 2)
}

fn decode(numbers: std::ops::Range<usize>, noise: usize) -> RecordBatch {
    let mut lines = String::new();
    for number in numbers {
        let mut word = number as u64;
        let mut words = String::new();
        for _ in 0..noise {
            word = (word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(27);
            write!(words, "{word:016x}").unwrap();
        }
        let id = if number.is_multiple_of(ID_EVERY) { format!(r#""id":"given-{number}","#) } else { String::new() };
        let time = format_timestamp(NOON_US - (number % 3) as i64 * DAY_US + number as i64 * 1_000_007);
        let level = ["INFO", "WARN", "ERROR"][number % 3];
        writeln!(
            lines,
            r#"{{{id}"type":"kind-{}","projectId":"p{}","traceId":"trace-{}","level":"{level}","timestamp":"{time}","message":"number {number}","payload":{{"noise":"{words}"}}}}"#,
            number % 5,
            number % PROJECTS,
            number % 40,
        )
        .unwrap();
    }
    let decoded = EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(lines.as_bytes(), NOON_US);
    assert_eq!(decoded.refusals.first().map(|refusal| refusal.reason.as_str()), None);
    decoded.batch
}

/// How many of a batch's rows have an id of their own.
pub(super) fn given_ids(batch: &RecordBatch) -> u64 {
    batch[columns::ID].as_string_view().iter().flatten().count() as u64
}

/// Every file below `dir`, as files of the copy.
fn read_all(dir: &Path) -> Image {
    let mut image = Image::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                image.insert(Path::new(ROOT).join(path.strip_prefix(dir).unwrap()), Arc::new(bytes));
            }
        }
    }
    image
}

//! What the tests stand on: a store of their own, generated events, the places that the environment names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use annals_event::{Clock, DecodeSettings, EventDecoder, SystemClock};
use annals_query::{Engine, EngineOptions, QuerySettings};
use annals_table::{FileSystem, OsFileSystem, Store, Table, TableOptions, TailSource};
use annals_testkit::{Generator, GeneratorSettings};
use annals_writer::{Ack, Writer, WriterOptions, WriterSettings};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The folder of shared test data, if the environment names one.
pub(crate) fn shared_dir() -> Option<PathBuf> {
    std::env::var_os("ANNALS_SHARED").map(PathBuf::from)
}

/// The folder of shared test data, for tests that cannot run without it.
pub(crate) fn needed_shared_dir() -> PathBuf {
    shared_dir().expect("this test needs the shared data: set ANNALS_SHARED to its folder, or run `cargo xtask test`")
}

/// A Python script of `tests/interop`, run by the Python that has the clients.
pub(crate) fn python(script: &str) -> Command {
    let python = std::env::var_os("ANNALS_PYTHON")
        .expect("this test needs the Python clients: run `cargo xtask test --only python`");
    let mut command = Command::new(python);
    command.arg(package_dir().join("interop").join(script));
    command
}

/// The `annals` program of this build.
pub(crate) fn annals() -> Command {
    let path = std::env::var_os("ANNALS_BIN").map(PathBuf::from).unwrap_or_else(|| {
        // target/<profile>/deps/it-<hash> -> target/<profile>/annals
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).unwrap().join("annals")
    });
    assert!(path.exists(), "{} is not built: run `cargo build -p annals-cli`", path.display());
    Command::new(path)
}

/// A store in a folder of its own, with everything to write and to read it.
pub(crate) struct TestStore {
    pub(crate) runtime: Runtime,
    pub(crate) store: Store,
    pub(crate) table: Arc<Table>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fs: Arc<dyn FileSystem>,
    dir: TempDir,
}

impl TestStore {
    /// An empty store.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let url = dir.path().join("store");
        let store = Store::open(url.to_str().unwrap(), Arc::clone(&fs), runtime.handle().clone()).unwrap();
        let table = Arc::new(Table::open_or_create(&store, TableOptions::events(), Arc::clone(&clock)).unwrap());
        Self { runtime, store, table, clock, fs, dir }
    }

    /// Opens the table anew, as another process would.
    pub(crate) fn reopen(&mut self) {
        let table = Table::open(&self.store, TableOptions::events(), Arc::clone(&self.clock)).unwrap();
        self.table = Arc::new(table.unwrap());
    }

    /// Where the Delta table of events is.
    pub(crate) fn table_dir(&self) -> PathBuf {
        self.store.local_path().unwrap().join("events")
    }

    /// A writer; the write-ahead log is the same one every time.
    pub(crate) fn writer(&self) -> Writer {
        self.writer_with(WriterSettings::default())
    }

    /// The same, with other bounds.
    pub(crate) fn writer_with(&self, settings: WriterSettings) -> Writer {
        let wal_dir = self.dir.path().join("wal");
        std::fs::create_dir_all(&wal_dir).unwrap();
        Writer::open(WriterOptions {
            settings,
            wal_dir,
            store: self.store.clone(),
            table: Arc::clone(&self.table),
            fs: Arc::clone(&self.fs),
            clock: Arc::clone(&self.clock),
            seed: 1,
        })
        .unwrap()
    }

    /// An engine over what is committed.
    pub(crate) fn engine(&self) -> Engine {
        self.table.refresh().unwrap();
        self.engine_over(None)
    }

    /// An engine over what is committed and what a writer holds.
    pub(crate) fn engine_with(&self, writer: &Writer) -> Engine {
        self.engine_over(Some(writer.tail()))
    }

    fn engine_over(&self, tail: Option<Arc<dyn TailSource>>) -> Engine {
        let options = EngineOptions {
            table: Arc::clone(&self.table),
            tail,
            dead_letters: None,
            settings: QuerySettings::default(),
            clock: Arc::clone(&self.clock),
        };
        Engine::new(options).unwrap()
    }

    /// Appends events, all of which must be accepted, and returns how many.
    pub(crate) fn append(&self, writer: &Writer, ndjson: &[u8]) -> usize {
        let decoder = EventDecoder::new(DecodeSettings::default(), None);
        let decoded = decoder.decode_ndjson(ndjson, self.clock.now_us());
        assert_eq!(decoded.refusals.first().map(|refusal| refusal.reason.as_str()), None);
        let count = decoded.batch.num_rows();
        if count > 0 {
            writer.append_wait(decoded.batch, Ack::Wal).unwrap().wait().unwrap();
        }
        count
    }

    /// Writes events and commits them.
    pub(crate) fn ingest(&self, ndjson: &[u8]) {
        let writer = self.writer();
        self.append(&writer, ndjson);
        writer.flush().unwrap();
        writer.close(false).unwrap();
    }

    /// The answer to a statement, every value as text.
    pub(crate) fn sql(&self, engine: &Engine, statement: &str) -> Vec<Vec<String>> {
        text_rows(&self.batches(engine, statement))
    }

    /// The answer to a statement.
    pub(crate) fn batches(&self, engine: &Engine, statement: &str) -> Vec<RecordBatch> {
        self.runtime.block_on(async { engine.sql(statement).await.unwrap().collect().await.unwrap() })
    }
}

/// Every row with every value as text, null as the empty text.
pub(crate) fn text_rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let options = FormatOptions::default();
    batches
        .iter()
        .flat_map(|batch| {
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            (0..batch.num_rows())
                .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Generated events as NDJSON.
pub(crate) fn generated(settings: GeneratorSettings) -> Vec<u8> {
    let mut lines = Vec::new();
    Generator::new(settings).write_ndjson(&mut lines, usize::MAX);
    lines
}

/// The JSON values of a text with one a line.
pub(crate) fn json_lines(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// How often each key occurs.
pub(crate) fn counts<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, u64> {
    keys.into_iter().fold(BTreeMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

/// The folder of this package, as cargo says when it runs the tests: what was compiled in may name another checkout with the
/// same target folder.
pub(crate) fn package_dir() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

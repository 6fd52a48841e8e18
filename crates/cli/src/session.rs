//! [`Session`]: one invocation's store, opened for reading or for writing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_event::{Clock, SystemClock};
use annals_query::{Engine, EngineOptions, EventSource, QuerySettings};
use annals_server::DEAD_LETTER_LOG;
use annals_table::{FileSystem, OsFileSystem, Store, Table, TableOptions, TailSource};
use annals_writer::{WalHolder, Writer, WriterOptions, WriterSettings, replay_tail};
use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;

use crate::command::Common;
use crate::remote::ServerUrl;

/// The store that `--store` and `--wal` name, with the runtime that serves it.
pub(crate) struct Session {
    pub(crate) runtime: Runtime,
    pub(crate) store: Store,
    pub(crate) wal_dir: PathBuf,
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Session {
    /// Connects to the store; creates nothing.
    pub(crate) fn connect(common: &Common) -> Result<Self> {
        let runtime = start_runtime()?;
        let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
        let store = Store::open(&common.store, Arc::clone(&fs), runtime.handle().clone())
            .with_context(|| format!("cannot open the store {}", common.store))?;
        let wal_dir = match (&common.wal, store.local_path()) {
            (Some(dir), _) => std::path::absolute(dir).context("--wal")?,
            (None, Some(root)) => root.join("wal"),
            (None, None) => state_dir()?.join("wal").join(wal_name(store.url())),
        };
        Ok(Self { runtime, store, wal_dir, fs, clock: Arc::new(SystemClock) })
    }

    /// The server that holds this store, if one does and says where it answers.
    ///
    /// # Errors
    /// When the write-ahead log's folder cannot be read.
    pub(crate) fn server(&self) -> Result<Option<ServerUrl>> {
        let Some(holder) = WalHolder::of(&self.wal_dir, self.fs.as_ref())? else { return Ok(None) };
        let Some(http) = &holder.http else { return Ok(None) };
        let url = http.parse().with_context(|| format!("{holder} holds the store and says a wrong address"))?;
        Ok(Some(url))
    }

    /// The events table, if there is one.
    pub(crate) fn table(&self) -> Result<Option<Arc<Table>>> {
        let table = Table::open(&self.store, TableOptions::events(), Arc::clone(&self.clock))
            .with_context(|| format!("cannot open the table of events in {}", self.store.url()))?;
        Ok(table.map(Arc::new))
    }

    /// An engine over what is committed and what waits in the write-ahead log.
    ///
    /// While another process holds the log, what it has not committed cannot be seen from here: that is said on standard
    /// error rather than passed over.
    pub(crate) fn reader(&self) -> Result<Engine> {
        let Some(table) = self.table()? else {
            // A log without a table: a writer was stopped before its first commit.
            if self.wal_dir.is_dir() {
                drop(self.writer()?);
                if let Some(table) = self.table()? {
                    return self.engine(table, None);
                }
            }
            bail!(
                "there is no store at {}: make one with `annals ingest FILE --store {}` or `annals demo`",
                self.store.url(),
                self.store.url()
            );
        };
        let tail = match WalHolder::of(&self.wal_dir, self.fs.as_ref())? {
            Some(holder) => {
                #[expect(clippy::print_stderr, reason = "a warning to the person at the terminal")]
                {
                    eprintln!(
                        "annals: {holder} is writing to this store; events that it has not committed yet are not shown"
                    );
                }
                // The holder may have committed since the table was opened.
                None
            }
            None => self.tail(&self.wal_dir, &table)?,
        };
        self.engine(table, tail)
    }

    /// What waits in the log of a table, which nobody holds.
    fn tail(&self, wal_dir: &Path, table: &Table) -> Result<Option<Arc<dyn TailSource>>> {
        let tail = replay_tail(wal_dir, Arc::clone(&self.fs), table)
            .with_context(|| format!("cannot read the write-ahead log {}", wal_dir.display()))?;
        Ok(tail.map(|tail| Arc::new(tail) as Arc<dyn TailSource>))
    }

    /// The refused records that a server kept in this store, if one did.
    fn dead_letters(&self) -> Result<Option<EventSource>> {
        let table = Table::open(&self.store, TableOptions::dead_letters(), Arc::clone(&self.clock))
            .with_context(|| format!("cannot open the table of dead letters in {}", self.store.url()))?;
        let Some(table) = table.map(Arc::new) else { return Ok(None) };
        let wal_dir = self.wal_dir.join(DEAD_LETTER_LOG);
        let is_held = WalHolder::of(&wal_dir, self.fs.as_ref())?.is_some();
        let tail = if is_held { None } else { self.tail(&wal_dir, &table)? };
        Ok(Some(EventSource { table, tail }))
    }

    /// An engine over a table and the memtables of a writer, and over the dead letters.
    fn engine(&self, table: Arc<Table>, tail: Option<Arc<dyn TailSource>>) -> Result<Engine> {
        let settings = QuerySettings { spill_dir: Some(std::env::temp_dir()), ..QuerySettings::default() };
        let (dead_letters, clock) = (self.dead_letters()?, Arc::clone(&self.clock));
        Engine::new(EngineOptions { table, tail, dead_letters, settings, clock })
            .context("cannot start the query engine")
    }

    /// Takes the write-ahead log and opens the table for writing, creating both where absent.
    pub(crate) fn writer(&self) -> Result<(Arc<Table>, Writer)> {
        self.writer_with(WriterSettings::default())
    }

    /// As [`writer`](Self::writer), with settings of its own.
    pub(crate) fn writer_with(&self, settings: WriterSettings) -> Result<(Arc<Table>, Writer)> {
        std::fs::create_dir_all(&self.wal_dir)
            .with_context(|| format!("cannot create the folder {}", self.wal_dir.display()))?;
        let table = Table::open_or_create(&self.store, TableOptions::events(), Arc::clone(&self.clock))
            .with_context(|| format!("cannot open the table of events in {}", self.store.url()))?;
        let table = Arc::new(table);
        let writer = Writer::open(WriterOptions {
            settings,
            wal_dir: self.wal_dir.clone(),
            store: self.store.clone(),
            table: Arc::clone(&table),
            fs: Arc::clone(&self.fs),
            clock: Arc::clone(&self.clock),
            seed: seed(self.clock.as_ref()),
        })
        .context("cannot open the store for writing")?;
        Ok((table, writer))
    }
}

/// The threads of one invocation.
pub(crate) fn start_runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

/// Where this user's state lives: `$XDG_STATE_HOME/annals` or `~/.local/state/annals`.
pub(crate) fn state_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("XDG_STATE_HOME").filter(|dir| Path::new(dir).is_absolute()) {
        return Ok(PathBuf::from(dir).join("annals"));
    }
    let home =
        std::env::var_os("HOME").context("HOME is not set: name the folder of the write-ahead log by --wal DIR")?;
    Ok(PathBuf::from(home).join(".local/state/annals"))
}

/// A folder name for a remote store's write-ahead log.
fn wal_name(url: &str) -> String {
    url.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect()
}

/// A seed from the machine: time, process and the address-space randomness in a hasher's keys.
pub(crate) fn seed(clock: &dyn Clock) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_i64(clock.now_us());
    hasher.write_u32(std::process::id());
    hasher.finish()
}

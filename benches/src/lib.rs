//! What the benches share: measuring, medians, and opening a store for reading.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_event::{Clock, SystemClock};
use annals_query::{Engine, EngineOptions, QuerySettings};
use annals_table::{FileSystem, OsFileSystem, Store, Table, TableOptions};
use anyhow::{Context, Result};
use tokio::runtime::Runtime;

/// Runs `work` and says how long it took.
#[expect(clippy::disallowed_methods, reason = "measuring is what a bench is for")]
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let value = work();
    (value, start.elapsed())
}

/// The middle of some durations, in milliseconds; 0 of none.
pub fn median_ms(durations: &[Duration]) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(0.0, |middle| middle.as_secs_f64() * 1_000.0)
}

/// An engine over what is committed in a local store.
///
/// # Errors
/// When there is no store at `path`.
pub fn open_engine(runtime: &Runtime, path: &Path) -> Result<Engine> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    let url = path.to_str().context("the path of the store is not text")?;
    let store = Store::open(url, fs, runtime.handle().clone())?;
    let table = Table::open(&store, TableOptions::events(), Arc::clone(&clock))?
        .with_context(|| format!("there is no store at {url}"))?;
    let settings = QuerySettings::default();
    let options = EngineOptions { table: Arc::new(table), tail: None, dead_letters: None, settings, clock };
    Ok(Engine::new(options)?)
}

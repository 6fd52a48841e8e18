//! Compaction at work: every minute the trace index is tended, and if that is wanted, partitions that have become many small
//! files are merged, one group at a time.
//!
//! It takes from the reserve of memory, runs on one blocking thread and ends between two groups when the server stops. What fails
//! is tried again with the next plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals_event::Clock;
use annals_table::{ParquetSettings, Store, Table};
use annals_writer::{Compacted, CompactionOutcome, CompactionPlan, CompactionSettings, compact};

use crate::memory::MemoryPlan;
use crate::node::Node;
use crate::settings::ServeSettings;

const INTERVAL: Duration = Duration::from_secs(60);
/// Part of the reserve that one merge may take.
const RESERVE_PART: u64 = 4;
/// Least and most that it takes.
const MEMORY_BYTES: (u64, u64) = (16 << 20, 512 << 20);

/// Runs until it is aborted. A merge that is under way then goes on to its end, no other begins.
pub(crate) async fn run(node: Arc<Node>, store: Store, memory: MemoryPlan, wanted: ServeSettings) {
    let settings = CompactionSettings {
        memory_bytes_max: (memory.reserve_bytes / RESERVE_PART).clamp(MEMORY_BYTES.0, MEMORY_BYTES.1),
        ..CompactionSettings::default()
    };
    let stopped = StopOnDrop::default();
    let mut minutes = tokio::time::interval(INTERVAL);
    minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        minutes.tick().await;
        let (node, store, settings, stopped) = (Arc::clone(&node), store.clone(), settings.clone(), stopped.flag());
        let parquet = ParquetSettings::with_word_index(wanted.word_index).compacted();
        let done = tokio::task::spawn_blocking(move || {
            for table in [Arc::clone(node.engine.table()), node.dead_letters_table()] {
                if wanted.compact {
                    compact_table(&table, &store, &settings, &parquet, node.clock.as_ref(), &stopped);
                }
                let tended = table.tend_trace_index(&store, || !stopped.load(Ordering::Relaxed));
                if let Err(error) = tended {
                    tracing::warn!(table = table.name(), %error, "the trace index could not be tended; the next minute tries again");
                }
            }
        });
        // A panic is logged by the runtime's hook; the next minute tries again.
        let _ = done.await;
    }
}

/// Tells a thread to stop when the task that started it is gone.
#[derive(Debug, Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl StopOnDrop {
    fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn compact_table(
    table: &Table,
    store: &Store,
    settings: &CompactionSettings,
    parquet: &ParquetSettings,
    clock: &dyn Clock,
    stopped: &AtomicBool,
) {
    let plan = CompactionPlan::due(&table.snapshot(), settings, clock.now_us());
    let mut done = Compacted::default();
    for group in plan.groups {
        if stopped.load(Ordering::Relaxed) {
            break;
        }
        match compact(table, store, &group, parquet, settings, clock.now_us()) {
            Ok(CompactionOutcome::Done(more)) => done += more,
            Ok(CompactionOutcome::Overtaken) => {}
            Err(error) => {
                let (project, day) = (group.project_id.as_str(), group.day);
                tracing::warn!(table = table.name(), project, %day, %error, "a compaction failed; it will be tried again");
            }
        }
    }
    if done.files.0 > 0 {
        let Compacted { files, bytes, rows } = done;
        tracing::info!(
            table = table.name(),
            files_before = files.0,
            files_after = files.1,
            bytes_before = bytes.0,
            bytes_after = bytes.1,
            rows,
            "small files were merged"
        );
    }
}

//! [`Feed`]: the files as blocks on a bounded queue, in order, with the progress shown meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use anyhow::{Context, Result};

use crate::input::{Block, Input};
use crate::paint::thousands;
use crate::progress::Progress;
use crate::stopwatch::Stopwatch;

/// One block on its way, with its place in the order of all blocks.
pub(super) struct Work {
    pub(super) place: u64,
    pub(super) file: Arc<PathBuf>,
    pub(super) block: Block,
    pub(super) is_array: bool,
}

/// Reads the files of one ingest.
pub(super) struct Feed<'a> {
    files: &'a [PathBuf],
    bytes_read: Arc<AtomicU64>,
    progress: Progress,
    watch: Stopwatch,
}

impl<'a> Feed<'a> {
    pub(super) fn new(files: &'a [PathBuf], quiet: bool) -> Self {
        let total_bytes = files.iter().map(|path| std::fs::metadata(path).ok().map(|m| m.len())).sum::<Option<u64>>();
        let total_bytes = total_bytes.filter(|_| files.iter().all(|file| file.as_os_str() != "-"));
        Self {
            files,
            bytes_read: Arc::default(),
            progress: Progress::over_bytes(total_bytes, quiet),
            watch: Stopwatch::start(),
        }
    }

    /// Sends every block of every file, in order. Ends early, without an error, once nobody takes them: the error worth
    /// telling is theirs. `accepted` says how many events are in so far.
    pub(super) fn run(
        &self,
        send: &SyncSender<Work>,
        is_closed: impl Fn() -> bool,
        accepted: impl Fn() -> u64,
    ) -> Result<()> {
        let mut place = 0;
        for path in self.files {
            let mut input = Input::open(path, Arc::clone(&self.bytes_read))?;
            let file = Arc::new(path.clone());
            while let Some(block) = input.next_block().with_context(|| format!("{}", path.display()))? {
                self.show(accepted());
                let work = Work { place, file: Arc::clone(&file), block, is_array: input.is_array() };
                if is_closed() || send.send(work).is_err() {
                    return Ok(());
                }
                place += 1;
            }
        }
        Ok(())
    }

    fn show(&self, accepted: u64) {
        let rate = accepted as f64 / self.watch.elapsed().as_secs_f64().max(0.001);
        self.progress.set(
            self.bytes_read.load(Ordering::Relaxed),
            format!("{} events  {}/s", thousands(accepted), thousands(rate as u64)),
        );
    }

    pub(super) fn finish(self) {
        self.progress.finish();
    }
}

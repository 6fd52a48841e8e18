//! Checkpoints: one file that stands for all log entries before it, so that opening a table stays cheap.
//!
//! The kernel says what is in one; its bytes are written here, because they carry block sums in the footer as a data file's
//! do (`FORMAT.md`, 'Table log').

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use delta_kernel::checkpoint::LastCheckpointHintStats;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::{KernelError, KernelResult};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;
use tokio::io::AsyncWriteExt as _;

use super::checkpoint_end::SCHEMA_ROOT;
use super::store::{Loaded, LogStore};
use crate::checksum::{CHECKSUMS_KEY, RunningSums, seal_tail};
use crate::error::Result;

impl LogStore {
    /// Writes a checkpoint of `loaded`'s version, unless there is one. Cost: all live files.
    pub(crate) fn write_checkpoint(&self, loaded: &Loaded) -> Result<()> {
        let log = loaded.kernel.log_segment();
        let version = loaded.snapshot.version();
        if log.checkpoint_version == Some(log.end_version) {
            return Ok(());
        }
        let bytes = self.write(loaded).map_err(|error| self.error("writing a checkpoint", error))?;
        tracing::debug!(table = self.options().name, version, bytes, "checkpoint");
        Ok(())
    }

    /// `loaded`, resting on the newest checkpoint.
    pub(crate) fn adopt_checkpoint(&self, loaded: Loaded) -> Loaded {
        self.rebase(loaded)
    }

    fn write(&self, loaded: &Loaded) -> KernelResult<u64> {
        let checkpoint = Arc::clone(&loaded.kernel).create_checkpoint_writer(self.engine())?;
        let path = Path::from_url_path(checkpoint.checkpoint_path()?.path())?;
        let data = checkpoint.checkpoint_data(self.engine())?;
        let state = data.state();
        let batches = data.map(|batch| {
            let batch = ArrowEngineData::try_from_engine_data(batch?.apply_selection_vector()?)?;
            Ok(RecordBatch::from(*batch))
        });
        let mut upload = Upload::new(self, path);
        if let Err(error) = upload.write(batches) {
            upload.abort();
            return Err(error);
        }
        let bytes = upload.finish()?;
        let state = Arc::into_inner(state)
            .ok_or_else(|| KernelError::internal_error("the state of a written checkpoint is still shared"))?;
        // Only now is the pointer to it moved: it is whole.
        checkpoint.finalize(self.engine(), &LastCheckpointHintStats::from_reconciliation_state(state, bytes, 0)?)?;
        Ok(bytes)
    }
}

/// A file on its way into the store, a few MiB at a time.
struct Upload<'a> {
    log: &'a LogStore,
    /// `None` only while a part of it is being written.
    writer: Option<BufWriter>,
    sums: RunningSums,
    bytes: u64,
}

impl<'a> Upload<'a> {
    fn new(log: &'a LogStore, path: Path) -> Self {
        let writer = BufWriter::new(Arc::clone(log.log_objects()) as _, path);
        Self { log, writer: Some(writer), sums: RunningSums::default(), bytes: 0 }
    }

    /// Writes all batches and the footer.
    fn write(&mut self, mut batches: impl Iterator<Item = KernelResult<RecordBatch>>) -> KernelResult<()> {
        let first = batches.next().ok_or_else(|| KernelError::internal_error("a checkpoint without a row"))??;
        let options = ArrowWriterOptions::new().with_skip_arrow_metadata(true).with_schema_root(SCHEMA_ROOT.to_owned());
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), first.schema(), options)?;
        writer.write(&first)?;
        for batch in batches {
            writer.write(&batch?)?;
            writer.sync()?;
            self.put_data(std::mem::take(writer.inner_mut()))?;
        }
        writer.flush()?;
        writer.sync()?;
        self.put_data(std::mem::take(writer.inner_mut()))?;
        let key = KeyValue::new(CHECKSUMS_KEY.to_owned(), self.sums.footer_value());
        writer.append_key_value_metadata(key);
        let mut tail = writer.into_inner()?;
        let file_bytes = self.bytes + tail.len() as u64;
        seal_tail(&mut tail, file_bytes).ok_or_else(|| KernelError::internal_error("a checkpoint without its sums"))?;
        self.put(tail)
    }

    /// Gives the file its name; answers with its size. After an error it may be there, whole.
    fn finish(mut self) -> KernelResult<u64> {
        self.with(|mut writer| async move {
            let outcome = writer.shutdown().await.map_err(KernelError::from);
            (writer, outcome)
        })?;
        Ok(self.bytes)
    }

    /// Bytes before the tail.
    fn put_data(&mut self, bytes: Vec<u8>) -> KernelResult<()> {
        self.sums.update(&bytes);
        self.put(bytes)
    }

    fn put(&mut self, bytes: Vec<u8>) -> KernelResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.bytes += bytes.len() as u64;
        self.with(|mut writer| async move {
            let outcome = writer.put(Bytes::from(bytes)).await.map_err(KernelError::from);
            (writer, outcome)
        })
    }

    fn abort(mut self) {
        let aborted = self.with(|mut writer| async move {
            let outcome = writer.abort().await.map_err(KernelError::from);
            (writer, outcome)
        });
        if let Err(error) = aborted {
            // Nothing names what stays; the store's own rules for unfinished uploads end it.
            tracing::debug!(%error, "an unfinished checkpoint could not be aborted");
        }
    }

    /// Runs one step on the runtime.
    fn with<F: Future<Output = (BufWriter, KernelResult<()>)> + Send + 'static>(
        &mut self,
        step: impl FnOnce(BufWriter) -> F,
    ) -> KernelResult<()> {
        let writer = self.writer.take().ok_or_else(|| KernelError::internal_error("an upload in two steps at once"))?;
        let (writer, outcome) = self.log.block_on(step(writer));
        self.writer = Some(writer);
        outcome
    }
}

//! Checkpoints: one file that stands for all log entries before it, so that opening a table stays cheap.

use delta_kernel::snapshot::CheckpointWriteResult;

use super::store::{Loaded, LogStore};
use crate::error::Result;

impl LogStore {
    /// Writes a checkpoint of `loaded`'s version, unless there is one. Cost: all live files.
    pub(crate) fn write_checkpoint(&self, loaded: &Loaded) -> Result<()> {
        let (result, _) =
            loaded.kernel.checkpoint(self.engine(), None).map_err(|error| self.error("writing a checkpoint", error))?;
        let written = matches!(result, CheckpointWriteResult::Written);
        tracing::debug!(table = self.options().name, version = loaded.snapshot.version(), written, "checkpoint");
        Ok(())
    }

    /// `loaded`, resting on the newest checkpoint.
    pub(crate) fn adopt_checkpoint(&self, loaded: Loaded) -> Loaded {
        self.rebase(loaded)
    }
}

//! [`ReadBackCommitter`]: settles what became of a write to the log.
//!
//! The write itself is the kernel's. But its error, and even 'already exists', only say that something may have happened:
//! an answer can be lost after the object landed, and a store may try again by itself and then find its own object. So
//! the committer reads the version back and compares the commit id. The invariant: `Committed` and `Conflict` are only
//! ever said of a version that is in the log.

use std::sync::{Arc, Mutex, PoisonError};

use delta_kernel::committer::{CommitMetadata, CommitResponse, Committer, FileSystemCommitter, PublishMetadata};
use delta_kernel::{Engine, FileMeta, FilteredEngineData, KernelError, KernelResult, KernelResultIterator};
use serde::Deserialize;
use url::Url;

/// How often the version is read back before its state is called unknown.
const READ_BACK_ATTEMPTS_MAX: usize = 3;

/// What is known of the version that a commit tried to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// It is ours.
    Ours,
    /// It is somebody else's.
    Theirs,
    /// It was not there when it was read back. A write under way may still land.
    Absent,
    /// It could not be read back.
    Unknown,
}

/// Where a committer leaves its finding: the kernel keeps the committer itself.
pub(super) type Finding = Arc<Mutex<Option<Settlement>>>;

/// Commits to the log by way of the kernel's committer and settles unclear answers.
#[derive(Debug)]
pub(super) struct ReadBackCommitter {
    commit_id: String,
    finding: Finding,
    inner: FileSystemCommitter,
}

impl ReadBackCommitter {
    pub(super) fn new(commit_id: String, finding: Finding) -> Self {
        Self { commit_id, finding, inner: FileSystemCommitter::new() }
    }

    fn found(&self, settlement: Settlement) -> Settlement {
        *self.finding.lock().unwrap_or_else(PoisonError::into_inner) = Some(settlement);
        settlement
    }
}

impl Committer for ReadBackCommitter {
    fn commit(
        &self,
        engine: &dyn Engine,
        actions: KernelResultIterator<'_, FilteredEngineData>,
        commit_metadata: CommitMetadata,
    ) -> KernelResult<CommitResponse> {
        let version = commit_metadata.version();
        let location = commit_metadata.published_commit_path()?;
        let timestamp = commit_metadata.in_commit_timestamp();
        let unclear = match self.inner.commit(engine, actions, commit_metadata) {
            Ok(CommitResponse::Committed { file_meta }) => {
                self.found(Settlement::Ours);
                return Ok(CommitResponse::Committed { file_meta });
            }
            Ok(CommitResponse::Conflict { .. }) => KernelError::FileAlreadyExists(location.to_string()),
            Err(error) => error,
        };
        let (settlement, bytes) = read_back(engine, &location, &self.commit_id);
        match self.found(settlement) {
            Settlement::Ours => {
                let file_meta = FileMeta::new(location, timestamp, bytes);
                Ok(CommitResponse::Committed { file_meta })
            }
            Settlement::Theirs => Ok(CommitResponse::Conflict { version }),
            Settlement::Absent | Settlement::Unknown => Err(unclear),
        }
    }

    fn is_catalog_committer(&self) -> bool {
        false
    }

    fn publish(&self, engine: &dyn Engine, publish_metadata: PublishMetadata) -> KernelResult<()> {
        self.inner.publish(engine, publish_metadata)
    }
}

/// Whose the version at `location` is, and its size.
fn read_back(engine: &dyn Engine, location: &Url, commit_id: &str) -> (Settlement, u64) {
    for _ in 0..READ_BACK_ATTEMPTS_MAX {
        let read = engine.storage_handler().read_files(vec![(location.clone(), None)]);
        match read.and_then(|mut files| files.next().unwrap_or(Err(KernelError::FileNotFound(location.to_string())))) {
            Ok(bytes) => {
                let ours = commit_id_of(&bytes).as_deref() == Some(commit_id);
                let settlement = if ours { Settlement::Ours } else { Settlement::Theirs };
                return (settlement, bytes.len() as u64);
            }
            Err(KernelError::FileNotFound(_)) => return (Settlement::Absent, 0),
            Err(error) => tracing::debug!(%error, "reading a commit back failed"),
        }
    }
    (Settlement::Unknown, 0)
}

/// The commit id in the bytes of a log entry, if one of our programs wrote it.
fn commit_id_of(entry: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Action {
        commit_info: Option<Info>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Info {
        annals_commit_id: Option<String>,
    }
    let lines = entry.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .filter_map(|line| serde_json::from_slice::<Action>(line).ok())
        .find_map(|action| action.commit_info)?
        .annals_commit_id
}

//! Verifying a table's log: every file of it against its sum, also those that no version needs any more.

use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::error::{Error, ErrorKind, Result};
use crate::log::{LogFile, check_checkpoint, check_json, check_pointer};

/// How a table's log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// Commits and checkpoints, and the pointer to the newest of these.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of other programs, which have no sums of ours.
    pub foreign: u64,
    /// What is not as it was written.
    pub damaged: Vec<DamagedLogFile>,
}

/// A damaged file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLogFile {
    /// Path relative to the table root.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
    /// Whether it can be done without: a checkpoint, as long as the commits before it are there, and the pointer.
    pub is_spare: bool,
}

/// Reads and checks all files of the log of the table at the root of `objects`; nothing when there is no table.
///
/// # Errors
/// `Unavailable` when the store does not answer. Damage is no error but stands in the report.
pub async fn verify_log(objects: &dyn ObjectStore) -> Result<LogReport> {
    let unavailable =
        |error| Error::with_source(ErrorKind::Unavailable, "reading the table log failed; try again", error);
    let folder = Path::from(crate::log::LOG_FOLDER);
    let mut listed: Vec<ObjectMeta> = match objects.list(Some(&folder)).try_collect().await {
        Ok(listed) => listed,
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(unavailable(error)),
    };
    listed.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    let mut report = LogReport::default();
    for object in listed {
        let kind = LogFile::of(&object.location);
        let verdict = match kind {
            LogFile::Other => continue,
            LogFile::Commit | LogFile::Pointer => {
                let whole = async { objects.get(&object.location).await?.bytes().await };
                let whole = whole.await.map_err(unavailable)?;
                let checked = if kind == LogFile::Pointer { check_pointer(&whole) } else { check_json(&whole) };
                checked.map_err(str::to_owned)
            }
            LogFile::Checkpoint => {
                check_checkpoint(objects, &object.location, object.size).await.map_err(unavailable)?
            }
        };
        report.files += 1;
        report.bytes += object.size;
        match verdict {
            Ok(true) => {}
            Ok(false) => report.foreign += 1,
            Err(why) => {
                let is_spare = kind != LogFile::Commit;
                report.damaged.push(DamagedLogFile { path: object.location.to_string(), why, is_spare });
            }
        }
    }
    Ok(report)
}

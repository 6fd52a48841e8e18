//! Verifying a table's trace index: every run of it against the hash in its name.

use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::error::{Error, ErrorKind, Result};
use crate::trace_index::{FOLDER, RunName};

/// How a trace index is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// Runs.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Paths, relative to the table root, of those that are not as they were written. No row depends on them.
    pub damaged: Vec<String>,
}

/// Reads and checks all runs of the table at the root of `objects`.
///
/// # Errors
/// `Unavailable` when the store does not answer. Damage is no error but stands in the report.
pub async fn verify_trace_index(objects: &dyn ObjectStore) -> Result<IndexReport> {
    let unavailable =
        |error| Error::with_source(ErrorKind::Unavailable, "reading the trace index failed; try again", error);
    let mut listed: Vec<ObjectMeta> = match objects.list(Some(&Path::from(FOLDER))).try_collect().await {
        Ok(listed) => listed,
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(unavailable(error)),
    };
    listed.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    let mut report = IndexReport::default();
    for object in listed {
        let Some(name) = RunName::of_path(object.location.as_ref()) else { continue };
        let bytes = match objects.get(&object.location).await {
            Ok(answer) => answer.bytes().await.map_err(unavailable)?,
            // A merge took it meanwhile.
            Err(object_store::Error::NotFound { .. }) => continue,
            Err(error) => return Err(unavailable(error)),
        };
        report.files += 1;
        report.bytes += bytes.len() as u64;
        if RunName::of_bytes(&bytes) != name {
            report.damaged.push(object.location.to_string());
        }
    }
    Ok(report)
}

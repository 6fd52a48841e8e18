//! [`LocalUpload`]: an object written in parts. Nothing of it can be seen before it is complete.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::disk::{Disk, Taken, Temporary};
use super::local::{STORE_NAME, e_tag, io_error, run_blocking};

/// A multipart upload into a temporary. Parts may be written at the same time: each has its own place.
#[derive(Debug)]
pub(super) struct LocalUpload {
    disk: Arc<Disk>,
    location: Path,
    target: PathBuf,
    /// `None` once completed or aborted.
    temporary: Option<Arc<Temporary>>,
    next_offset: u64,
}

impl LocalUpload {
    pub(super) fn new(disk: Arc<Disk>, location: Path, target: PathBuf, temporary: Temporary) -> Self {
        Self { disk, location, target, temporary: Some(Arc::new(temporary)), next_offset: 0 }
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let mut offset = self.next_offset;
        self.next_offset += data.content_length() as u64;
        let (temporary, location) = (self.temporary.clone(), self.location.clone());
        Box::pin(run_blocking(move || {
            let temporary = temporary.ok_or_else(|| ended(&location))?;
            for part in data {
                let file = temporary.file().map_err(|error| io_error(&location, error))?;
                file.write_all_at(&part, offset).map_err(|error| io_error(&location, error))?;
                offset += part.len() as u64;
            }
            Ok(())
        }))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let temporary = self.temporary.take().and_then(Arc::into_inner).ok_or_else(|| ended(&self.location))?;
        let (disk, location, target) = (Arc::clone(&self.disk), self.location.clone(), self.target.clone());
        run_blocking(move || {
            let mut temporary = temporary;
            let metadata = temporary
                .sync()
                .and_then(|()| disk.publish(temporary, &target, Taken::Replace))
                .and_then(|()| disk.metadata(&target))
                .map_err(|error| io_error(&location, error))?;
            Ok(PutResult { e_tag: Some(e_tag(&metadata)), version: None })
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        let temporary = self.temporary.take().ok_or_else(|| ended(&self.location))?;
        run_blocking(move || {
            drop(temporary);
            Ok(())
        })
        .await
    }
}

fn ended(location: &Path) -> Error {
    let source = format!("the upload of {location} has ended or parts of it are still being written").into();
    Error::Generic { store: STORE_NAME, source }
}

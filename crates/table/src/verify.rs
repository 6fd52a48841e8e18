//! Verifying a data file: its bytes against the hash in its name, and where they differ, which part of it.

use bytes::Bytes;
use parquet::file::metadata::ParquetMetaDataReader;

use crate::checksum::{Damage, file_hash, find_damage};
use crate::error::{Error, ErrorKind, Result};
use crate::file_name::DataFileName;

/// A data file whose bytes are those that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedFile {
    /// What its name says.
    pub name: DataFileName,
    /// Number of rows, from its footer.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
}

/// Checks all `bytes` of the file at `path` (the last segment is its [`DataFileName`], the rest is for messages).
///
/// The hash in the name covers every byte, so any change is found; the sums in the footer say where it is.
///
/// # Errors
/// `Corrupt`, naming the first damaged byte range; `Invalid` when the name is not of one of our data files, which
/// carry no checksums.
pub fn verify_data_file(path: &str, bytes: &Bytes) -> Result<VerifiedFile> {
    let name = DataFileName::of_path(path).ok_or_else(|| {
        Error::new(ErrorKind::Invalid, format!("{path} was not written by annals and has no checksums to verify"))
    })?;
    let hash = file_hash(bytes);
    if hash != name.hash {
        let place = match find_damage(bytes) {
            Some(Damage::Block(range)) => format!("the first damaged block is bytes {} to {}", range.start, range.end),
            Some(damage @ Damage::Tail(_)) => format!("{damage} (the pages before it cannot be judged)"),
            Some(damage @ Damage::Footer) => format!("{damage}, of {} bytes", bytes.len()),
            None => "its own checksums fit, so it is another file under this name".to_owned(),
        };
        let message = format!("data file {path} is damaged: {place}; its hash is {hash:016x}");
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    let metadata = ParquetMetaDataReader::new().parse_and_finish(bytes).map_err(|error| {
        Error::with_source(ErrorKind::Corrupt, format!("data file {path} fits its hash but is no parquet file"), error)
    })?;
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    Ok(VerifiedFile { name, rows, bytes: bytes.len() as u64 })
}

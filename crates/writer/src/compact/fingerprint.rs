//! [`Fingerprint`]: what a set of rows has in common with the same rows in other files.

use annals_event::columns;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, ErrorKind, Result};

/// Columns that a batch must have to be taken in.
pub(crate) const FINGERPRINT_COLUMNS: [&str; 3] = [columns::ID, columns::TIMESTAMP, columns::SEQ];

/// Number of rows, and the sum of a 128-bit hash of each row's id and seq: equal for equal multisets of them whatever
/// their order, and for others but by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    rows: u64,
    ids: u128,
}

impl Fingerprint {
    /// Takes in rows.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let internal = || Error::new(ErrorKind::Internal, "rows without id or seq were to be compacted");
        let ids =
            batch.column_by_name(columns::ID).and_then(|array| array.as_string_view_opt()).ok_or_else(internal)?;
        let seqs = batch.column_by_name(columns::SEQ).and_then(|array| array.as_primitive_opt::<Int64Type>());
        let seqs = seqs.ok_or_else(internal)?;
        for row in 0..batch.num_rows() {
            let mut hasher = Xxh3::new();
            hasher.update(&[u8::from(ids.is_valid(row)), u8::from(seqs.is_valid(row))]);
            hasher.update(&seqs.value(row).to_le_bytes());
            hasher.update(if ids.is_valid(row) { ids.value(row).as_bytes() } else { b"" });
            self.ids = self.ids.wrapping_add(hasher.digest128());
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }
}

//! [`FileShape`]: how much of what a data file will hold, known before its first row is encoded.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use parquet::file::metadata::ParquetMetaData;

/// Rows of a data file, and bytes of each of its columns: what the choice of codecs goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileShape {
    pub(crate) rows: usize,
    /// One a column of the file schema, before encoding or thereabouts.
    pub(crate) column_bytes: Vec<usize>,
}

impl FileShape {
    /// That of a file of exactly these rows, which have the file schema.
    pub(crate) fn of_batch(batch: &RecordBatch) -> Self {
        Self { rows: batch.num_rows(), column_bytes: batch.columns().iter().map(raw_bytes).collect() }
    }

    /// That of a file which exists: the columns as encoded, before compression.
    pub(crate) fn of_file(metadata: &ParquetMetaData) -> Self {
        let mut shape = Self::default();
        for group in metadata.row_groups() {
            let bytes = |bytes: i64| usize::try_from(bytes).unwrap_or(0);
            let column_bytes = group.columns().iter().map(|column| bytes(column.uncompressed_size())).collect();
            shape.add(&Self { rows: usize::try_from(group.num_rows()).unwrap_or(0), column_bytes });
        }
        shape
    }

    /// Takes in the rows of another file.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        let columns = self.column_bytes.len().max(other.column_bytes.len());
        self.column_bytes.resize(columns, 0);
        self.column_bytes.iter_mut().zip(&other.column_bytes).for_each(|(bytes, more)| *bytes += more);
    }

    /// That of one of `parts` files of about equal size that hold these rows.
    #[must_use]
    pub fn divided(&self, parts: usize) -> Self {
        let part = |whole: usize| whole.div_ceil(parts.max(1));
        Self { rows: part(self.rows), column_bytes: self.column_bytes.iter().copied().map(part).collect() }
    }
}

/// Bytes of a column's values before encoding.
fn raw_bytes(column: &ArrayRef) -> usize {
    match column.as_string_view_opt() {
        Some(text) => text.lengths().map(|length| length as usize).sum(),
        None => 8 * (column.len() - column.null_count()),
    }
}

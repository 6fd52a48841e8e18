//! The tail in parts: each is looked at in one go, and between two of them a scan can be cancelled.

use std::ops::Range;

use arrow::array::RecordBatch;

/// Rows after which a part ends. Their payloads are searched in some 30 ms.
const PART_ROWS: usize = 32 << 10;

/// Runs of batches, in order and together all of them, each with about [`PART_ROWS`] rows: the batches of a writer that
/// appends single events have a row each.
pub(crate) fn tail_parts(batches: &[RecordBatch]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut rows) = (0, 0);
    for (index, batch) in batches.iter().enumerate() {
        rows += batch.num_rows();
        if rows >= PART_ROWS {
            parts.push(start..index + 1);
            (start, rows) = (index + 1, 0);
        }
    }
    if start < batches.len() {
        parts.push(start..batches.len());
    }
    parts
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatchOptions;
    use arrow::datatypes::Schema;

    use super::*;

    fn batches(rows: &[usize]) -> Vec<RecordBatch> {
        let batch = |rows: &usize| {
            let options = RecordBatchOptions::new().with_row_count(Some(*rows));
            RecordBatch::try_new_with_options(Schema::empty().into(), Vec::new(), &options).unwrap()
        };
        rows.iter().map(batch).collect()
    }

    #[test]
    fn small_batches_share_a_part_and_none_is_left_out() {
        assert!(tail_parts(&[]).is_empty());
        assert_eq!(tail_parts(&batches(&[1, 1, PART_ROWS, 1, 1])), [0..3, 3..5]);
        assert_eq!(tail_parts(&batches(&[PART_ROWS - 1, 1, 5, PART_ROWS, 0, 2])), [0..2, 2..4, 4..6]);
    }
}

//! [`Merge`]: the rows of several sorted files as one sorted sequence of batches.
//!
//! Keys are (timestamp, seq), which no two rows of one writer share. In each step the rows up to the least last key of the
//! batches at hand are gathered: no file can still bring one of them. So files that do not overlap pass whole, batch by batch.

use annals_event::columns;
use annals_table::DataFileRows;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use crate::error::{Error, ErrorKind, Result};

type Key = (i64, i64);

/// Sorted files on their way into one.
#[derive(Debug)]
pub(crate) struct Merge {
    inputs: Vec<Input>,
}

/// One file: the batch at hand, and how far it is used.
#[derive(Debug)]
struct Input {
    rows: DataFileRows,
    batch: RecordBatch,
    used: usize,
}

impl Merge {
    pub(crate) fn new(files: Vec<DataFileRows>) -> Result<Self> {
        let mut inputs = Vec::with_capacity(files.len());
        for mut rows in files {
            if let Some(batch) = next_batch(&mut rows)? {
                inputs.push(Input { rows, batch, used: 0 });
            }
        }
        Ok(Self { inputs })
    }

    /// The next rows, in the file schema; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(bound) = self.inputs.iter().map(Input::last_key).min() else { return Ok(None) };
        let mut places: Vec<(Key, (usize, usize))> = Vec::new();
        for (number, input) in self.inputs.iter_mut().enumerate() {
            let (times, seqs) = keys(&input.batch);
            let end = input.used
                + (input.used..input.batch.num_rows()).partition_point_by(|row| (times[row], seqs[row]) <= bound);
            places.extend((input.used..end).map(|row| ((times[row], seqs[row]), (number, row))));
            input.used = end;
        }
        // Runs of sorted keys, one a file.
        places.sort();
        let batches: Vec<&RecordBatch> = self.inputs.iter().map(|input| &input.batch).collect();
        let order: Vec<(usize, usize)> = places.into_iter().map(|(_, place)| place).collect();
        let merged = interleave_record_batch(&batches, &order).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the rows of a compaction could not be put in order", error)
        })?;
        self.advance()?;
        Ok(Some(merged))
    }

    /// Replaces batches that are used up; files that are at their end leave.
    fn advance(&mut self) -> Result<()> {
        let mut at = 0;
        while at < self.inputs.len() {
            let input = &mut self.inputs[at];
            if input.used == input.batch.num_rows() {
                match next_batch(&mut input.rows)? {
                    Some(batch) => (input.batch, input.used) = (batch, 0),
                    None => {
                        self.inputs.remove(at);
                        continue;
                    }
                }
            }
            at += 1;
        }
        Ok(())
    }
}

impl Input {
    fn last_key(&self) -> Key {
        let (times, seqs) = keys(&self.batch);
        let last = self.batch.num_rows() - 1;
        (times[last], seqs[last])
    }
}

/// The next batch that has rows.
fn next_batch(rows: &mut DataFileRows) -> Result<Option<RecordBatch>> {
    for batch in rows {
        let batch = batch?;
        if batch.num_rows() > 0 {
            check_sorted(&batch)?;
            return Ok(Some(batch));
        }
    }
    Ok(None)
}

fn check_sorted(batch: &RecordBatch) -> Result<()> {
    let corrupt = |what: &str| Error::new(ErrorKind::Corrupt, format!("a data file to compact {what}"));
    if batch[columns::TIMESTAMP].null_count() > 0 || batch[columns::SEQ].null_count() > 0 {
        return Err(corrupt("has rows without timestamp or seq"));
    }
    let (times, seqs) = keys(batch);
    if !(1..times.len()).all(|row| (times[row - 1], seqs[row - 1]) < (times[row], seqs[row])) {
        return Err(corrupt("is not sorted by timestamp and seq, or has a row twice"));
    }
    Ok(())
}

fn keys(batch: &RecordBatch) -> (&[i64], &[i64]) {
    let times = batch[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>().values();
    (times, batch[columns::SEQ].as_primitive::<Int64Type>().values())
}

/// Binary search in a range of row numbers.
trait PartitionPoint {
    /// How many at the front of the range `holds` is true of, given that it is of none behind.
    fn partition_point_by(self, holds: impl Fn(usize) -> bool) -> usize;
}

impl PartitionPoint for std::ops::Range<usize> {
    fn partition_point_by(self, holds: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (self.start, self.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(middle) { low = middle + 1 } else { high = middle }
        }
        low - self.start
    }
}

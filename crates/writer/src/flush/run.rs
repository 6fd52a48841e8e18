//! Encoding the partitions of a flush in parallel. CPU work only: storing and committing come after.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use annals_event::file_schema;
use annals_table::{EncodedFile, ParquetSettings, encode_data_file};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave;

use super::plan::Partition;
use crate::error::{Error, ErrorKind, Result};

/// A partition and its file.
#[derive(Debug)]
pub(crate) struct EncodedPartition {
    pub partition: Partition,
    pub file: EncodedFile,
}

/// Encodes `partitions` of `batches` on up to `threads` threads. The answer is in the order of `partitions`.
pub(crate) fn encode(
    batches: &[RecordBatch],
    partitions: Vec<Partition>,
    settings: &ParquetSettings,
    threads: usize,
) -> Result<Vec<EncodedPartition>> {
    // Largest first, so that no thread starts a large one when the others are done.
    let mut order: Vec<usize> = (0..partitions.len()).collect();
    order.sort_unstable_by_key(|at| std::cmp::Reverse(partitions[*at].rows.len()));
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<EncodedFile>)>> = Mutex::new(Vec::with_capacity(partitions.len()));
    let work = || {
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = sorted(batches, &partitions[*at])
                .and_then(|batch| encode_data_file(&batch, settings).map_err(Error::from));
            done.lock().unwrap_or_else(PoisonError::into_inner).push((*at, file));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(order.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut files = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    files.sort_unstable_by_key(|(at, _)| *at);
    let pairs = partitions.into_iter().zip(files);
    pairs.map(|(partition, (_, file))| Ok(EncodedPartition { partition, file: file? })).collect()
}

/// The rows of a partition as one batch of the file schema. Text stays where it is: only views are copied.
fn sorted(batches: &[RecordBatch], partition: &Partition) -> Result<RecordBatch> {
    // A small partition touches few batches; handing all of them to the kernel would cost more than its rows.
    let mut touched: Vec<u32> = partition.rows.iter().map(|(batch, _)| *batch).collect();
    touched.sort_unstable();
    touched.dedup();
    let mut compact = vec![0_u32; batches.len()];
    for (at, batch) in touched.iter().enumerate() {
        compact[*batch as usize] = at as u32;
    }
    let indices: Vec<(usize, usize)> =
        partition.rows.iter().map(|(batch, row)| (compact[*batch as usize] as usize, *row as usize)).collect();
    let failed = |error| Error::with_source(ErrorKind::Internal, "cannot gather the rows of a partition", error);
    let schema = file_schema();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let sources: Vec<&dyn Array> =
            touched.iter().map(|batch| batches[*batch as usize][field.name().as_str()].as_ref()).collect();
        columns.push(interleave(&sources, &indices).map_err(failed)?);
    }
    RecordBatch::try_new(schema, columns).map_err(failed)
}

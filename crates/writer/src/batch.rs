//! What a batch must be like to be logged, and what it costs in memory.
//!
//! Checked before anything is written: a row that no data file can hold would block every flush after it.

use std::sync::Arc;

use annals_event::{Day, ProjectId, columns, event_schema};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};

use crate::error::{Error, ErrorKind, Result};
use crate::share::{NOTE_BYTES_MAX, Share};

/// Bytes that numbering adds to a row: `seq`, and an assigned id with its view.
const NUMBERING_BYTES: u64 = 8 + 16 + annals_event::ASSIGNED_ID_BYTES as u64;
/// Wasted bytes of a text column that are not worth a copy.
const WASTE_BYTES_MIN: usize = 4 << 10;

/// Checks that `batch` can be stored.
///
/// # Errors
/// `Invalid`, naming the column and row.
pub(crate) fn check(batch: &RecordBatch) -> Result<()> {
    let invalid =
        |message: String| Err(Error::new(ErrorKind::Invalid, format!("the batch cannot be logged: {message}")));
    if batch.schema_ref().fields() != event_schema().fields() {
        return invalid("it is not of the event schema".into());
    }
    if u32::try_from(batch.num_rows()).is_err() {
        return invalid("it has more than 2^32 - 1 rows".into());
    }
    for name in [columns::TIMESTAMP, columns::RECEIVED_AT, columns::PROJECT_ID, columns::DAY] {
        if batch[name].null_count() > 0 {
            return invalid(format!("{name} is null in a row"));
        }
    }
    let times = batch[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>().values();
    let days = batch[columns::DAY].as_primitive::<Date32Type>().values();
    let projects = batch[columns::PROJECT_ID].as_string_view();
    let mut known = "";
    for row in 0..batch.num_rows() {
        if Day::of_us(times[row]).days() != days[row] {
            return invalid(format!("row {row} has a day that is not the one of its timestamp"));
        }
        let project = projects.value(row);
        if project != known && !ProjectId::is_valid(project) {
            return invalid(format!("row {row} has a project id that is not allowed"));
        }
        known = project;
    }
    Ok(())
}

/// Checks that the shares divide the batch among them.
///
/// # Errors
/// `Invalid` when their rows are more or fewer than the batch's, or a note is too long.
pub(crate) fn check_shares(batch: &RecordBatch, shares: &[Share]) -> Result<()> {
    let rows: u64 = shares.iter().map(|share| u64::from(share.rows)).sum();
    if rows != batch.num_rows() as u64 {
        let message = format!("the shares have {rows} rows and the batch {}", batch.num_rows());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let longest = shares.iter().filter_map(|share| share.key.as_ref()).map(|key| key.note.len()).max().unwrap_or(0);
    if longest > NOTE_BYTES_MAX {
        let message = format!("the note of a request has {longest} bytes and may have {NOTE_BYTES_MAX}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}

/// The same rows without memory that they do not use (spare capacity, or the rest of a batch that they were sliced from).
pub(crate) fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| match column.as_string_view_opt() {
            Some(text) => {
                let held: usize = text.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
                let used = text.total_buffer_bytes_used();
                if held > 2 * used + WASTE_BYTES_MIN { Arc::new(text.gc()) as ArrayRef } else { Arc::clone(column) }
            }
            None => Arc::clone(column),
        })
        .collect();
    RecordBatch::try_new(batch.schema(), columns)
        .map_err(|error| Error::with_source(ErrorKind::Internal, "cannot compact a batch", error))
}

/// Bytes that `batch` will occupy in the memtable.
pub(crate) fn memory_bytes(batch: &RecordBatch) -> u64 {
    batch.get_array_memory_size() as u64 + NUMBERING_BYTES * batch.num_rows() as u64
}

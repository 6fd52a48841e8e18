//! Rows in full: the rows that made the page, as batches of the event schema, wherever they are stored.

use std::sync::Arc;

use annals_event::{columns, event_schema, file_schema};
use annals_table::DataFile;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, RecordBatch, RecordBatchOptions, StringViewArray, UInt64Array,
    new_null_array,
};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::error::{Error, ErrorKind, Result};
use crate::reader::data_reader::{DataReader, RowRequest, Rows};
use crate::reader::footer::Footer;
use crate::reader::scan_stats::ScanStats;
use crate::reader::window::{on_cpu, runs};

/// Rows that are decoded before their texts are copied out of the pages: bounds how many pages are held at once.
const BATCH_ROWS: usize = 1 << 10;

/// Columns of long texts, which take about as long to decode as all others.
const LONG_TEXTS: [&str; 3] = [columns::PAYLOAD, columns::ERROR, columns::ATTRIBUTES];

/// The rows of a file with these numbers (ascending, none twice), in event schema and in this order. With `is_alone` nothing else is
/// decoded meanwhile, so two cores share the columns.
pub(crate) async fn read_rows(
    reader: &DataReader,
    footer: &Footer,
    rows: &[u64],
    is_alone: bool,
    stats: &mut ScanStats,
) -> Result<RecordBatch> {
    let schema = file_schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let (long, short): (Vec<&str>, Vec<&str>) =
        names.iter().copied().partition(|name| is_alone && LONG_TEXTS.contains(name));
    let (mut longs, mut shorts) = (Vec::new(), Vec::new());
    let mut remaining = rows;
    for (row_group, &first_row) in footer.first_rows().iter().enumerate() {
        let end_row = first_row + footer.row_group_rows(row_group) as u64;
        let (here, later) = remaining.split_at(remaining.partition_point(|&row| row < end_row));
        remaining = later;
        if here.is_empty() {
            continue;
        }
        let ranges = runs(here.iter().map(|&row| (row - first_row) as usize));
        let request = RowRequest { row_group, ranges, columns: &names, batch_rows: BATCH_ROWS };
        let fetched = reader.fetch(footer, request, stats).await?;
        longs.push(fetched.rows(&long)?);
        shorts.push(fetched.rows(&short)?);
    }
    let decode = |rows: Vec<Rows>| on_cpu(move || rows.into_iter().flatten().map(|batch| compacted(&batch?)).collect());
    let (longs, shorts): (Vec<RecordBatch>, Vec<RecordBatch>) = if long.is_empty() {
        (Vec::new(), decode(shorts).await?)
    } else {
        futures::try_join!(decode(longs), decode(shorts))?
    };
    let file = &reader.file;
    let batches = shorts.iter().enumerate().map(|(at, short)| conform(short, longs.get(at), file));
    let batch = concat_batches(&event_schema(), &batches.collect::<Result<Vec<_>>>()?).map_err(internal)?;
    if batch.num_rows() != rows.len() {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("{} has {} of {} rows that were found in it", file.path, batch.num_rows(), rows.len()),
        ));
    }
    Ok(batch)
}

/// The rows of an event batch with these numbers, in this order. Their texts are copied, so that a page of events does
/// not hold a whole memtable.
pub(crate) fn event_rows(batch: &RecordBatch, rows: &[u64]) -> Result<RecordBatch> {
    let rows = UInt64Array::from(rows.to_vec());
    let batch = take_record_batch(batch, &rows).map_err(internal)?;
    let columns = batch.columns().iter().map(compact).collect();
    RecordBatch::try_new(batch.schema(), columns).map_err(internal)
}

/// A file's rows in event schema: columns by name out of two batches of the same rows, cast where another program wrote another type,
/// null where there is none, and the partition columns from the table log.
fn conform(batch: &RecordBatch, others: Option<&RecordBatch>, file: &DataFile) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let schema = event_schema();
    let mut arrays = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let found = |name| batch.column_by_name(name).or_else(|| others?.column_by_name(name));
        let array: ArrayRef = match field.name().as_str() {
            columns::PROJECT_ID => {
                Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(file.project_id.as_str(), rows)))
            }
            columns::DAY => Arc::new(Date32Array::from_value(file.day.days(), rows)),
            name => match found(name) {
                Some(array) if array.data_type() == field.data_type() => Arc::clone(array),
                Some(array) => cast(array, field.data_type()).map_err(|error| {
                    Error::with_source(
                        ErrorKind::Corrupt,
                        format!("column {name} of {} has a foreign type", file.path),
                        error,
                    )
                })?,
                None => new_null_array(field.data_type(), rows),
            },
        };
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, arrays, &options).map_err(internal)
}

/// The batch without the pages that its texts were decoded from.
fn compacted(batch: &RecordBatch) -> Result<RecordBatch> {
    let arrays = batch.columns().iter().map(compact).collect();
    RecordBatch::try_new(batch.schema(), arrays).map_err(internal)
}

fn compact(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        _ => Arc::clone(array),
    }
}

fn internal(error: ArrowError) -> Error {
    Error::with_source(ErrorKind::Internal, "the rows of a page could not be put together", error)
}

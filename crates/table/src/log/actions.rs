//! Rows that become `add`, `remove` and `commitInfo` actions: the shapes that the kernel asks of its callers.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::error::ArrowError;
use delta_kernel::EngineData;
use delta_kernel::engine::arrow_conversion::{TryIntoArrow as _, TryIntoKernel as _};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::scan::scan_row_schema;
use delta_kernel::schema::SchemaRef as KernelSchemaRef;

use annals_event::columns::{DAY, PROJECT_ID, TIMESTAMP};
use annals_event::timestamp_type;

use super::statistics::whole_ms;
use crate::data_file::DataFile;

/// Member of `commitInfo` that holds our commit id.
pub(super) const COMMIT_ID: &str = "annalsCommitId";

/// Files to add, one row each.
pub(super) fn add_rows(files: &[DataFile]) -> Result<Box<dyn EngineData>, ArrowError> {
    let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(files.iter().map(|file| file.rows as i64)));
    let bound = |of: fn(&DataFile) -> i64| -> ArrayRef {
        let us = TimestampMicrosecondArray::from_iter_values(files.iter().map(|file| whole_ms(of(file))));
        let field = Arc::new(Field::new(TIMESTAMP, timestamp_type(), true));
        Arc::new(StructArray::from(vec![(field, Arc::new(us.with_timezone("UTC")) as ArrayRef)]))
    };
    let (min, max) = (bound(|file| file.min_timestamp_us), bound(|file| file.max_timestamp_us));
    let statistics = StructArray::from(vec![
        (Arc::new(Field::new("numRecords", DataType::Int64, true)), rows),
        (Arc::new(Field::new("minValues", min.data_type().clone(), true)), min),
        (Arc::new(Field::new("maxValues", max.data_type().clone(), true)), max),
    ]);
    batch([
        ("path", paths(files), false),
        ("partitionValues", partition_values(files)?, false),
        ("size", sizes(files), false),
        ("modificationTime", modified(files), false),
        ("stats", Arc::new(statistics), true),
    ])
}

/// Files to remove, one row each, in the shape of a scan's rows. No statistics: a `remove` needs none.
pub(super) fn remove_rows(files: &[DataFile]) -> Result<Box<dyn EngineData>, ArrowError> {
    let schema: Schema = scan_row_schema().as_ref().try_into_arrow()?;
    let fill = |fields: &Fields, known: &[(&str, ArrayRef)]| -> Vec<ArrayRef> {
        let column = |field: &Arc<Field>| match known.iter().find(|(name, _)| name == field.name()) {
            Some((_, values)) => Arc::clone(values),
            None => new_null_array(field.data_type(), files.len()),
        };
        fields.iter().map(column).collect()
    };
    let DataType::Struct(constants) = schema.field_with_name("fileConstantValues")?.data_type() else {
        return Err(ArrowError::SchemaError("fileConstantValues is not a struct".into()));
    };
    let values = fill(constants, &[("partitionValues", partition_values(files)?)]);
    let constants: ArrayRef = Arc::new(StructArray::try_new(constants.clone(), values, None)?);
    let columns = fill(
        schema.fields(),
        &[
            ("path", paths(files)),
            ("size", sizes(files)),
            ("modificationTime", modified(files)),
            ("fileConstantValues", constants),
        ],
    );
    Ok(Box::new(ArrowEngineData::new(RecordBatch::try_new(Arc::new(schema), columns)?)))
}

/// Our part of `commitInfo`, one row, with its schema.
pub(super) fn commit_info(commit_id: &str) -> Result<(Box<dyn EngineData>, KernelSchemaRef), ArrowError> {
    let schema = Schema::new(vec![Field::new(COMMIT_ID, DataType::Utf8, true)]);
    let kernel_schema = Arc::new((&schema).try_into_kernel()?);
    let id: ArrayRef = Arc::new(StringArray::from_iter_values([commit_id]));
    let row = RecordBatch::try_new(Arc::new(schema), vec![id])?;
    Ok((Box::new(ArrowEngineData::new(row)), kernel_schema))
}

fn batch<const N: usize>(columns: [(&str, ArrayRef, bool); N]) -> Result<Box<dyn EngineData>, ArrowError> {
    let field =
        |(name, values, nullable): &(&str, ArrayRef, bool)| Field::new(*name, values.data_type().clone(), *nullable);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(_, values, _)| values).collect();
    Ok(Box::new(ArrowEngineData::new(RecordBatch::try_new(Arc::new(schema), columns)?)))
}

fn paths(files: &[DataFile]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(files.iter().map(|file| &file.path)))
}

fn sizes(files: &[DataFile]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(files.iter().map(|file| file.bytes as i64)))
}

fn modified(files: &[DataFile]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(files.iter().map(|file| file.modified_ms)))
}

fn partition_values(files: &[DataFile]) -> Result<ArrayRef, ArrowError> {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    let mut map = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for file in files {
        map.keys().append_value(PROJECT_ID);
        map.values().append_value(file.project_id.as_str());
        map.keys().append_value(DAY);
        map.values().append_value(file.day.to_string());
        map.append(true)?;
    }
    Ok(Arc::new(map.finish()))
}

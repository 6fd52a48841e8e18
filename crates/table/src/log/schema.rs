//! Whether a table is ours: its columns, its partitioning, and the settings that would lose rows.

use delta_kernel::Snapshot as KernelSnapshot;
use delta_kernel::engine::arrow_conversion::TryIntoKernel as _;
use delta_kernel::schema::StructType;
use delta_kernel::table_features::ColumnMappingMode;

use annals_event::PARTITION_COLUMNS;

use crate::error::{Error, ErrorKind, Result};
use crate::table::TableOptions;

/// The Delta schema of a table: text as `string`, times as `timestamp`, all columns as nullable as in Arrow.
pub(super) fn delta_schema(options: &TableOptions) -> Result<StructType> {
    options.schema.as_ref().try_into_kernel().map_err(|error| {
        Error::with_source(
            ErrorKind::Invalid,
            format!("the schema of table {} has a column that Delta cannot hold", options.name),
            error,
        )
    })
}

/// Refuses a table that is not the one that `options` describe. Further nullable columns are fine.
///
/// # Errors
/// `Invalid`, naming every difference.
pub(super) fn check_ours(table: &KernelSnapshot, options: &TableOptions) -> Result<()> {
    let mut differences = Vec::new();
    let configuration = table.table_configuration();
    let partitions = configuration.metadata().partition_columns();
    if partitions != PARTITION_COLUMNS {
        differences.push(format!("it is partitioned by {partitions:?} instead of {PARTITION_COLUMNS:?}"));
    }
    if !matches!(table.table_properties().column_mapping_mode, None | Some(ColumnMappingMode::None)) {
        differences.push("its columns are renamed by a column mapping".into());
    }
    let (found, wanted) = (table.schema(), delta_schema(options)?);
    for field in wanted.fields() {
        match found.field(field.name()) {
            None => differences.push(format!("column {} is missing", field.name())),
            Some(other) if other.data_type() != field.data_type() => differences.push(format!(
                "column {} is of type {} instead of {}",
                field.name(),
                other.data_type(),
                field.data_type()
            )),
            Some(other) if !other.is_nullable() => {
                differences.push(format!("column {} does not allow nulls", field.name()));
            }
            Some(_) => {}
        }
    }
    for field in found.fields().filter(|field| wanted.field(field.name()).is_none() && !field.is_nullable()) {
        differences.push(format!("column {}, which is not ours, does not allow nulls", field.name()));
    }
    if differences.is_empty() {
        return Ok(());
    }
    let message = format!("table {} is not a table of this program: {}", options.name, differences.join("; "));
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Refuses to write to a table whose settings would lose rows or forbid what we do.
///
/// # Errors
/// `Invalid`, naming the setting and how to unset it.
pub(super) fn check_writable(table: &KernelSnapshot, options: &TableOptions) -> Result<()> {
    let properties = table.table_properties();
    let refuse = |property: &str, why: &str| {
        let message = format!(
            "table {} has the property {property}, {why}; unset it (ALTER TABLE … UNSET TBLPROPERTIES) to write",
            options.name
        );
        Err(Error::new(ErrorKind::Invalid, message))
    };
    if properties.append_only == Some(true) {
        return refuse("delta.appendOnly", "which forbids compaction and retention");
    }
    if properties.set_transaction_retention_duration.is_some() {
        return refuse(
            "delta.setTransactionRetentionDuration",
            "which makes writers' watermarks vanish, so that a restart would store rows twice",
        );
    }
    Ok(())
}

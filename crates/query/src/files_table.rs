//! [`FilesTable`]: the SQL table `files`, one row a live data file of the snapshot.
//!
//! `writer` is the writer's id as eight hex digits; `first_lsn` and `last_lsn` are the LSN range of the flush that the
//! file is part of. The three are null for files that another program added, and `rows`, `min_timestamp` and
//! `max_timestamp` where such a program wrote no statistics.

use std::sync::{Arc, LazyLock};

use annals_event::{columns, timestamp_type};
use annals_table::{DataFile, FileFilter, Lsn};
use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringViewArray, StringViewBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

use crate::scan_plan::has_statistics;
use crate::view::View;

static FILES_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8View, false),
        Field::new(columns::PROJECT_ID, DataType::Utf8View, false),
        Field::new(columns::DAY, DataType::Date32, false),
        Field::new("bytes", DataType::Int64, false),
        Field::new("rows", DataType::Int64, true),
        Field::new("min_timestamp", timestamp_type(), true),
        Field::new("max_timestamp", timestamp_type(), true),
        Field::new("writer", DataType::Utf8View, true),
        Field::new("first_lsn", DataType::Int64, true),
        Field::new("last_lsn", DataType::Int64, true),
    ]))
});

/// The files of one view. Built only when a query scans it, so that other queries do not pay for it.
#[derive(Debug)]
pub(crate) struct FilesTable {
    view: View,
}

impl FilesTable {
    pub(crate) fn new(view: View) -> Self {
        Self { view }
    }

    fn batch(&self) -> Result<RecordBatch> {
        let mut files = self.view.snapshot.files(&FileFilter::default());
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let integers = |value: fn(&DataFile) -> Option<u64>| -> ArrayRef {
            Arc::new(files.iter().map(|file| value(file).and_then(|n| i64::try_from(n).ok())).collect::<Int64Array>())
        };
        let times = |value: fn(&DataFile) -> i64| -> ArrayRef {
            let values = files.iter().map(|file| has_statistics(file).then(|| value(file)));
            Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let lsns = |lsn: fn(&DataFile) -> Option<Lsn>| -> ArrayRef {
            let values = files.iter().map(|file| lsn(file).and_then(|lsn| i64::try_from(lsn.0).ok()));
            Arc::new(values.collect::<Int64Array>())
        };
        let mut writers = StringViewBuilder::with_capacity(files.len());
        for file in &files {
            writers.append_option(file.origin.map(|origin| origin.writer.to_string()));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from_iter_values(files.iter().map(|file| file.path.as_str()))),
            Arc::new(StringViewArray::from_iter_values(files.iter().map(|file| file.project_id.as_str()))),
            Arc::new(Date32Array::from_iter_values(files.iter().map(|file| file.day.days()))),
            integers(|file| Some(file.bytes)),
            integers(|file| has_statistics(file).then_some(file.rows)),
            times(|file| file.min_timestamp_us),
            times(|file| file.max_timestamp_us),
            Arc::new(writers.finish()),
            lsns(|file| file.origin.map(|origin| origin.first_lsn)),
            lsns(|file| file.origin.map(|origin| origin.last_lsn)),
        ];
        Ok(RecordBatch::try_new(Arc::clone(&FILES_SCHEMA), columns)?)
    }
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&FILES_SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = MemorySourceConfig::try_new(&[vec![self.batch()?]], self.schema(), projection.cloned())?;
        Ok(DataSourceExec::from_data_source(source))
    }
}

//! The stock Parquet scan over chosen data files: how a [`DataFile`] becomes DataFusion's `PartitionedFile`.

use std::sync::Arc;

use annals_event::{PARTITION_COLUMNS, columns, event_schema, file_schema};
use annals_table::{DataFile, SEGMENT_ROWS};
use chrono::DateTime;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::ExecutionPlan;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use parquet::arrow::arrow_reader::RowSelection;

use crate::file_readers::FileReaders;
use crate::index_use::SegmentsByPath;
use crate::scan_plan::has_statistics;

/// Above this many files a scan goes without statistics per file, which cost about 7 kB each for 23 columns.
const FILES_WITH_STATISTICS_MAX: usize = 10_000;

/// Reads data files of the table through DataFusion's own Parquet source.
#[derive(Clone, Debug)]
pub(crate) struct FileScan {
    store: Arc<dyn ObjectStore>,
    store_url: ObjectStoreUrl,
    /// Of this table alone: it goes by paths within the table.
    metadata_cache: Arc<FileMetadataCache>,
    table_schema: TableSchema,
    timestamp_index: usize,
    utc: Arc<str>,
}

impl FileScan {
    /// `store_url` is the name under which the session's runtime knows `store`.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        store_url: ObjectStoreUrl,
        metadata_cache: Arc<FileMetadataCache>,
    ) -> Self {
        let schema = event_schema();
        let partition_fields: Vec<_> = schema
            .fields()
            .iter()
            .filter(|field| PARTITION_COLUMNS.contains(&field.name().as_str()))
            .cloned()
            .collect();
        let table_schema = TableSchema::builder(file_schema()).with_table_partition_cols(partition_fields).build();
        let timestamp_index =
            file_schema().index_of(columns::TIMESTAMP).expect("the file schema has the column timestamp");
        Self { store, store_url, metadata_cache, table_schema, timestamp_index, utc: "UTC".into() }
    }

    /// The store, and its name.
    pub(crate) fn store(&self) -> (&ObjectStoreUrl, &Arc<dyn ObjectStore>) {
        (&self.store_url, &self.store)
    }

    /// A scan of `files` in their order, of those that stand in `segments` only these, dealt out over the session's partitions, so that each begins with the first.
    ///
    /// The table's row count is exact; time bounds are bounds, not values that occur (the log has milliseconds).
    pub(crate) fn plan(
        &self,
        session: &dyn Session,
        files: &[Arc<DataFile>],
        segments: &SegmentsByPath,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let group_count = session.config().target_partitions().clamp(1, files.len().max(1));
        let mut groups = vec![Vec::with_capacity(files.len().div_ceil(group_count)); group_count];
        for (index, file) in files.iter().enumerate() {
            let selected = segments.get(&file.path);
            // Those of the file are not those of a part of it.
            let with_statistics = selected.is_none() && files.len() <= FILES_WITH_STATISTICS_MAX;
            let mut partitioned = self.partitioned_file(file, with_statistics);
            if let Some(segments) = selected {
                partitioned = partitioned.with_extension(ParquetRowSelection::new(selection(segments, file.rows)));
            }
            groups[index % group_count].push(partitioned);
        }
        let source = ParquetSource::new(self.table_schema.clone())
            .with_table_parquet_options(session.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(FileReaders::new(
                Arc::clone(&self.store),
                Arc::clone(&self.metadata_cache),
            )))
            .with_pushdown_filters(true)
            .with_reorder_filters(true)
            .with_bloom_filter_on_read(true);
        let config = FileScanConfigBuilder::new(self.store_url.clone(), Arc::new(source))
            .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
            .with_statistics(if segments.is_empty() {
                self.table_statistics(files)
            } else {
                Statistics::new_unknown(self.table_schema.table_schema())
            })
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn partitioned_file(&self, file: &DataFile, with_statistics: bool) -> PartitionedFile {
        let meta = ObjectMeta {
            location: Path::parse(&file.path).unwrap_or_else(|_| Path::from(file.path.as_str())),
            // The metadata cache compares size and modification time: both are the log's, so they never differ.
            last_modified: DateTime::from_timestamp_millis(file.modified_ms).unwrap_or_default(),
            size: file.bytes,
            e_tag: None,
            version: None,
        };
        let partitioned = PartitionedFile::new_from_meta(meta).with_partition_values(vec![
            ScalarValue::Utf8View(Some(file.project_id.as_str().to_owned())),
            ScalarValue::Date32(Some(file.day.days())),
        ]);
        if with_statistics && has_statistics(file) {
            partitioned.with_statistics(Arc::new(self.file_statistics(file)))
        } else {
            partitioned
        }
    }

    /// Bounds of one file, for skipping and ordering files as a scan runs. They are marked exact, as DataFusion prunes by
    /// exact bounds only; no aggregate is answered from them (those read [`Self::table_statistics`]).
    fn file_statistics(&self, file: &DataFile) -> Statistics {
        let mut statistics = Statistics::new_unknown(self.table_schema.file_schema());
        statistics.num_rows = Precision::Exact(usize::try_from(file.rows).unwrap_or(usize::MAX));
        statistics.column_statistics[self.timestamp_index] = ColumnStatistics {
            min_value: Precision::Exact(self.timestamp(file.min_timestamp_us)),
            max_value: Precision::Exact(self.timestamp(file.max_timestamp_us)),
            ..ColumnStatistics::new_unknown()
        };
        statistics
    }

    fn table_statistics(&self, files: &[Arc<DataFile>]) -> Statistics {
        let mut statistics = Statistics::new_unknown(self.table_schema.table_schema());
        if !files.iter().all(|file| has_statistics(file)) {
            return statistics;
        }
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
        statistics.total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
        let min = files.iter().map(|file| file.min_timestamp_us).min();
        let max = files.iter().map(|file| file.max_timestamp_us).max();
        if let (Some(min), Some(max)) = (min, max) {
            statistics.column_statistics[self.timestamp_index] = ColumnStatistics {
                min_value: Precision::Inexact(self.timestamp(min)),
                max_value: Precision::Inexact(self.timestamp(max)),
                ..ColumnStatistics::new_unknown()
            };
        }
        statistics
    }

    fn timestamp(&self, us: i64) -> ScalarValue {
        ScalarValue::TimestampMicrosecond(Some(us), Some(Arc::clone(&self.utc)))
    }
}

/// The rows of `segments` (ascending) of a file that has so many rows.
fn selection(segments: &[u32], rows: u64) -> RowSelection {
    let row = |row: u64| usize::try_from(row.min(rows)).unwrap_or(usize::MAX);
    let ranges = segments.iter().map(|segment| {
        let start = u64::from(*segment) * SEGMENT_ROWS;
        row(start)..row(start + SEGMENT_ROWS)
    });
    RowSelection::from_consecutive_ranges(ranges, row(rows))
}

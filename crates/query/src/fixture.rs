//! Rows for tests: random ones, the plain way to say which of them match a query, and stores and tails that hold them.

mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_event::{DAY_US, Day, Level, ProjectId, columns, event_schema, file_schema, timestamp_type};
use annals_table::{DataFile, FileOrigin};
use arrow::array::{
    ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use proptest::prelude::*;

use crate::event_query::{EventQuery, Order};
use crate::exclusion::Exclusion;
use crate::facets::FacetField;
use crate::filter::Filter;
use crate::reader::FileCaches;
use crate::tally::TallyScan;
pub(crate) use store::{FixedTail, NOON_US, TestStore, WRITER};

/// One event, as far as filters look.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) timestamp: i64,
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) project: usize,
    pub(crate) level: Level,
    pub(crate) kind: usize,
    pub(crate) trace: Option<usize>,
    pub(crate) user: Option<usize>,
    pub(crate) message: String,
    pub(crate) payload: Option<String>,
    pub(crate) error: Option<String>,
}

pub(crate) const PROJECTS: [&str; 3] = ["acme", "beta", "zeta.1"];
pub(crate) const KINDS: [&str; 3] = ["actionkit", "managed_sync", "webhook_trigger"];
pub(crate) const TEXTS: [&str; 6] =
    ["Sync started", "sync FAILED ü", "", "{\"syncId\":\"A-17\"}", "ÄRGER", "stopped: sYnC failed"];
/// Values to leave out; rows without a trace or a user have none of them.
const EXCLUDED: [&str; 6] =
    ["level:ERROR", "level:INFO", "type:actionkit", "trace:trace-2", "user:user-1", "user:none"];
pub(crate) const BASE_US: i64 = 20_000 * DAY_US;

/// A name such as `user-3`.
pub(crate) fn name(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number}")
}

fn id(row: usize) -> String {
    format!("id-{:03}", (row * 37) % 1_000)
}

pub(crate) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = || prop::option::of(prop::sample::select(&TEXTS[..]).prop_map(str::to_owned));
    let row = (
        // Few distinct times over three days: many ties, several partitions.
        (0..60i64).prop_map(|tick| BASE_US + tick * DAY_US / 20),
        0..PROJECTS.len(),
        prop::sample::select(&Level::ALL[..]),
        0..KINDS.len(),
        prop::option::of(0..6usize),
        prop::option::of(0..4usize),
        prop::sample::select(&TEXTS[..]),
        text(),
        text(),
        0..4u8,
    );
    prop::collection::vec(row, 0..160).prop_map(|rows| {
        let row = |(index, (timestamp, project, level, kind, trace, user, message, payload, error, twin))| {
            // Some rows share timestamp and seq, as rows of two writers may: only the id tells them apart.
            let index: usize = index;
            let seq = if twin == 0 { 1 } else { index as i64 };
            let message = String::from(message);
            Row { timestamp, seq, id: id(index), project, level, kind, trace, user, message, payload, error }
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

pub(crate) fn queries() -> impl Strategy<Value = EventQuery> {
    let some = |prefix: &'static str, count: usize| {
        prop::collection::vec((0..count).prop_map(move |number| name(prefix, number)), 0..3)
    };
    let time = || prop::option::of((0..62i64).prop_map(|tick| BASE_US + tick * DAY_US / 20 + tick % 2));
    (
        prop::collection::vec(prop::sample::select(&PROJECTS[..]), 0..3),
        (time(), time()),
        prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(prop::sample::select(&Level::ALL[..]), 1..3)],
        prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(prop::sample::select(&KINDS[..]), 1..3)],
        prop_oneof![3 => Just(vec![]), 1 => some("trace", 7)],
        prop_oneof![3 => Just(vec![]), 1 => some("user", 5)],
        // Ids of rows are `id-000`, `id-037` and so on.
        prop_oneof![7 => Just(vec![]), 1 => prop::collection::vec((0..170usize).prop_map(id), 1..9)],
        prop_oneof![3 => Just(None), 1 => prop::sample::select(vec!["SYNC", "failed", "a-17", "ä", "Ä", "no such"]).prop_map(|text| Some(text.to_owned()))],
        prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(prop::sample::select(&EXCLUDED[..]), 1..4)],
        any::<bool>(),
        prop_oneof![1..8usize, 100..200usize],
    )
        .prop_map(|(projects, (from_us, until_us), levels, types, trace_ids, end_user_ids, ids, text, excluded, newest, limit)| EventQuery {
            projects: projects.into_iter().map(|id| ProjectId::new(id).unwrap()).collect(),
            from_us,
            until_us,
            ids,
            levels,
            types: types.into_iter().map(str::to_owned).collect(),
            trace_ids,
            end_user_ids,
            text,
            excluded: excluded.into_iter().map(|text| text.parse().unwrap()).collect(),
            order: if newest { Order::NewestFirst } else { Order::OldestFirst },
            limit,
            ..EventQuery::default()
        })
}

/// Whether a word stands in a text: whole, but where it has a star; without the rules of escapes, which are not in these texts.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let bare = word.trim_matches('*');
    let is_letter = |character: char| character.is_ascii_alphanumeric() || !character.is_ascii();
    text.match_indices(bare).any(|(at, _)| {
        let is_free =
            |beside: Option<char>, edge: Option<char>| !(beside.is_some_and(is_letter) && edge.is_some_and(is_letter));
        (word.starts_with('*') || is_free(text[..at].chars().next_back(), bare.chars().next()))
            && (word.ends_with('*') || is_free(text[at + bare.len()..].chars().next(), bare.chars().next_back()))
    })
}

/// The rows that match, worked out the plain way.
pub(crate) fn matching<'a>(rows: &'a [Row], query: &EventQuery) -> Vec<&'a Row> {
    let any = |values: &[String], value: Option<String>| {
        values.is_empty() || value.is_some_and(|value| values.contains(&value))
    };
    let matches = |row: &&Row| {
        let texts = [Some(&row.message), row.payload.as_ref(), row.error.as_ref()];
        (query.projects.is_empty() || query.projects.iter().any(|id| id.as_str() == PROJECTS[row.project]))
            && query.from_us.is_none_or(|from| row.timestamp >= from)
            && query.until_us.is_none_or(|until| row.timestamp < until)
            && (query.levels.is_empty() || query.levels.contains(&row.level))
            && any(&query.ids, Some(row.id.clone()))
            && any(&query.types, Some(KINDS[row.kind].to_owned()))
            && any(&query.trace_ids, row.trace.map(|trace| name("trace", trace)))
            && any(&query.end_user_ids, row.user.map(|user| name("user", user)))
            && !query.excluded.iter().any(|Exclusion { field, value }| {
                let found = match field {
                    FacetField::Level => Some(row.level.as_str().to_owned()),
                    FacetField::Type => Some(KINDS[row.kind].to_owned()),
                    FacetField::Trace => row.trace.map(|trace| name("trace", trace)),
                    FacetField::User => row.user.map(|user| name("user", user)),
                    other => panic!("{other} is not among what is left out"),
                };
                found.as_ref() == Some(value)
            })
            && query.text.as_ref().is_none_or(|text| {
                text.split(' ').all(|word| texts.into_iter().flatten().any(|stored| has_word(stored, word)))
            })
    };
    rows.iter().filter(matches).collect()
}

/// Ids of the rows that match, in the order of the query.
pub(crate) fn oracle(rows: &[Row], query: &EventQuery) -> Vec<String> {
    let mut matching = matching(rows, query);
    matching.sort_by(|a, b| (a.timestamp, a.seq, &a.id).cmp(&(b.timestamp, b.seq, &b.id)));
    if query.order == Order::NewestFirst {
        matching.reverse();
    }
    matching.into_iter().map(|row| row.id.clone()).collect()
}

pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let text = |value: &dyn Fn(&Row) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<StringViewArray>())
    };
    let schema = event_schema();
    let arrays = schema.fields().iter().map(|field| match field.name().as_str() {
        columns::TIMESTAMP | columns::RECEIVED_AT => {
            let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.timestamp));
            Arc::new(times.with_timezone("UTC")) as ArrayRef
        }
        columns::SEQ => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.seq))),
        columns::DAY => {
            Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| Day::of_us(row.timestamp).days())))
        }
        columns::ID => text(&|row| Some(row.id.clone())),
        columns::PROJECT_ID => text(&|row| Some(PROJECTS[row.project].to_owned())),
        columns::LEVEL => text(&|row| Some(row.level.as_str().to_owned())),
        columns::TYPE => text(&|row| Some(KINDS[row.kind].to_owned())),
        columns::TRACE_ID => text(&|row| row.trace.map(|trace| name("trace", trace))),
        columns::END_USER_ID => text(&|row| row.user.map(|user| name("user", user))),
        columns::MESSAGE => text(&|row| Some(row.message.clone())),
        columns::PAYLOAD => text(&|row| row.payload.clone()),
        columns::ERROR => text(&|row| row.error.clone()),
        _ => text(&|_| None),
    });
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writer {
    /// As the table does: sorted and saying so, with Bloom filters and page indexes.
    Ours,
    /// As some other program might: in no order, other types, columns in another order, one of them missing.
    Foreign,
}

/// Rows spread over a store and a tail.
pub(crate) struct Layout {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) files: Vec<Arc<DataFile>>,
    pub(crate) tail: Arc<[RecordBatch]>,
}

impl Layout {
    /// Rows go to the flush of their number; those at `flushes` stay in the tail.
    pub(crate) async fn new(rows: &[Row], flushes: usize, flush_of: impl Fn(usize) -> usize, writer: Writer) -> Self {
        Self::with_origins(rows, flushes, flush_of, writer, |_| None).await
    }

    /// As [`Self::new`], where the files of a flush are said to be of this origin.
    pub(crate) async fn with_origins(
        rows: &[Row],
        flushes: usize,
        flush_of: impl Fn(usize) -> usize,
        writer: Writer,
        origin_of: impl Fn(usize) -> Option<FileOrigin>,
    ) -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut partitions: BTreeMap<(usize, usize, Day), Vec<Row>> = BTreeMap::new();
        let mut tail = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            match flush_of(index) {
                flush if flush < flushes => {
                    partitions.entry((flush, row.project, Day::of_us(row.timestamp))).or_default().push(row.clone());
                }
                _ => tail.push(row.clone()),
            }
        }
        let mut files = Vec::new();
        for ((flush, project, day), mut rows) in partitions {
            if matches!(writer, Writer::Ours) {
                rows.sort_by_key(|row| (row.timestamp, row.seq));
            }
            let path = format!("project_id={}/day={day}/part-{flush}.parquet", PROJECTS[project]);
            let bytes = encode(&batch(&rows), writer);
            let min = rows.iter().map(|row| row.timestamp).min().unwrap();
            let max = rows.iter().map(|row| row.timestamp).max().unwrap();
            files.push(Arc::new(DataFile {
                path: path.clone(),
                project_id: ProjectId::new(PROJECTS[project]).unwrap(),
                day,
                bytes: bytes.len() as u64,
                rows: rows.len() as u64,
                // The log keeps milliseconds.
                min_timestamp_us: min.div_euclid(1_000) * 1_000,
                max_timestamp_us: max.div_euclid(1_000) * 1_000 + 999,
                modified_ms: 0,
                origin: origin_of(flush),
            }));
            store.put(&Path::from(path), bytes.into()).await.unwrap();
        }
        let tail = tail.chunks(7).map(batch).collect();
        Self { store, files, tail }
    }

    /// What the file index leaves for a query, as loosely as it may.
    pub(crate) fn candidates(&self, query: &EventQuery) -> Vec<Arc<DataFile>> {
        let admits = |file: &&Arc<DataFile>| query.projects.is_empty() || query.projects.contains(&file.project_id);
        self.files.iter().filter(admits).cloned().collect()
    }

    /// The scan that counts what a query answers.
    pub(crate) fn tally_scan(&self, query: &EventQuery) -> TallyScan {
        TallyScan {
            tail: Arc::clone(&self.tail),
            files: self.candidates(query),
            store: Arc::clone(&self.store),
            caches: Arc::new(FileCaches::new(1 << 20, 1 << 20, 0, true)),
            filter: Arc::new(Filter::new(query).unwrap()),
        }
    }
}

pub(crate) fn encode(events: &RecordBatch, writer: Writer) -> Vec<u8> {
    let names: Vec<_> = file_schema().fields().iter().map(|field| field.name().clone()).collect();
    let index = |name: &str| events.schema().index_of(name).unwrap();
    let ours = events.project(&names.iter().map(|name| index(name)).collect::<Vec<_>>()).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(11))
        .set_data_page_row_count_limit(3)
        .set_write_batch_size(3)
        .set_column_bloom_filter_enabled(columns::TRACE_ID.into(), true);
    let sorted_by = |name: &str| SortingColumn {
        column_idx: names.iter().position(|other| other == name).unwrap() as i32,
        descending: false,
        nulls_first: false,
    };
    let (batch, properties) = match writer {
        Writer::Ours => {
            let sorting = vec![sorted_by(columns::TIMESTAMP), sorted_by(columns::SEQ)];
            (ours, properties.set_sorting_columns(Some(sorting)))
        }
        Writer::Foreign => (foreign(&ours), properties.set_statistics_enabled(EnabledStatistics::Chunk)),
    };
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn foreign(batch: &RecordBatch) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()).rev() {
        let other = match field.data_type() {
            DataType::Utf8View => DataType::Utf8,
            other if other == &timestamp_type() => {
                DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some("UTC".into()))
            }
            other => other.clone(),
        };
        if field.name() != columns::WEBHOOK_ID {
            fields.push(Field::new(field.name(), other.clone(), true));
            arrays.push(cast(array, &other).unwrap());
        }
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    // In an order that is neither that of time nor its reverse.
    let rows = batch.num_rows() as u64;
    let shuffled = UInt64Array::from_iter_values(
        (0..rows).map(|row| row % 2 * (rows / 2 + rows % 2) + row / 2).map(|row| row % rows),
    );
    let distinct: std::collections::HashSet<_> = shuffled.values().iter().collect();
    if distinct.len() == batch.num_rows() { take_record_batch(&batch, &shuffled).unwrap() } else { batch }
}

pub(crate) fn ids(batch: &RecordBatch) -> Vec<String> {
    let ids = batch.column_by_name(columns::ID).unwrap().as_string_view();
    ids.iter().map(|id| id.unwrap().to_owned()).collect()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// `count` rows a second apart on one day, of which every tenth is an error.
pub(crate) fn plain_rows(count: usize) -> Vec<Row> {
    let row = |index: usize| Row {
        timestamp: BASE_US + index as i64 * 1_000_000,
        seq: index as i64,
        id: format!("id-{index:05}"),
        project: 0,
        level: if index.is_multiple_of(10) { Level::Error } else { Level::Info },
        kind: index % 3,
        trace: Some(index / 5),
        user: None,
        message: "Sync started".to_owned(),
        payload: None,
        error: None,
    };
    (0..count).map(row).collect()
}

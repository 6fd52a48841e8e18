//! The scan against an oracle that sorts and filters all rows: random rows, random layouts, random queries, page by page.

use annals_event::{DAY_US, Day, Level, ProjectId, file_schema, timestamp_type};
use arrow::array::{ArrayRef, Date32Array, Int64Array, StringViewArray, TimestampMicrosecondArray, UInt64Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use proptest::prelude::*;

use super::*;

/// One event, as far as filters look.
#[derive(Clone, Debug)]
struct Row {
    timestamp: i64,
    seq: i64,
    id: String,
    project: usize,
    level: Level,
    kind: usize,
    trace: Option<usize>,
    user: Option<usize>,
    message: String,
    payload: Option<String>,
    error: Option<String>,
}

const PROJECTS: [&str; 3] = ["acme", "beta", "zeta.1"];
const KINDS: [&str; 3] = ["actionkit", "managed_sync", "webhook_trigger"];
const TEXTS: [&str; 6] =
    ["Sync started", "sync FAILED ü", "", "{\"syncId\":\"A-17\"}", "ÄRGER", "stopped: sYnC failed"];
const BASE_US: i64 = 20_000 * DAY_US;

fn name(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number}")
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
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
            let id = format!("id-{:03}", (index * 37) % 1_000);
            let message = String::from(message);
            Row { timestamp, seq, id, project, level, kind, trace, user, message, payload, error }
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

fn queries() -> impl Strategy<Value = EventQuery> {
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
        prop_oneof![3 => Just(None), 1 => prop::sample::select(vec!["SYNC", "failed", "a-17", "ä", "Ä", "no such"]).prop_map(|text| Some(text.to_owned()))],
        any::<bool>(),
        prop_oneof![1..8usize, 100..200usize],
    )
        .prop_map(|(projects, (from_us, until_us), levels, types, trace_ids, end_user_ids, text, newest, limit)| EventQuery {
            projects: projects.into_iter().map(|id| ProjectId::new(id).unwrap()).collect(),
            from_us,
            until_us,
            levels,
            types: types.into_iter().map(str::to_owned).collect(),
            trace_ids,
            end_user_ids,
            text,
            order: if newest { Order::NewestFirst } else { Order::OldestFirst },
            limit,
            ..EventQuery::default()
        })
}

/// Ids of the rows that match, in order, worked out the plain way.
fn oracle(rows: &[Row], query: &EventQuery) -> Vec<String> {
    let any = |values: &[String], value: Option<String>| {
        values.is_empty() || value.is_some_and(|value| values.contains(&value))
    };
    let mut matching: Vec<&Row> = rows
        .iter()
        .filter(|row| {
            let texts = [Some(&row.message), row.payload.as_ref(), row.error.as_ref()];
            (query.projects.is_empty() || query.projects.iter().any(|id| id.as_str() == PROJECTS[row.project]))
                && query.from_us.is_none_or(|from| row.timestamp >= from)
                && query.until_us.is_none_or(|until| row.timestamp < until)
                && (query.levels.is_empty() || query.levels.contains(&row.level))
                && any(&query.types, Some(KINDS[row.kind].to_owned()))
                && any(&query.trace_ids, row.trace.map(|trace| name("trace", trace)))
                && any(&query.end_user_ids, row.user.map(|user| name("user", user)))
                && query.text.as_ref().is_none_or(|text| {
                    let text = text.to_ascii_lowercase();
                    texts.into_iter().flatten().any(|stored| stored.to_ascii_lowercase().contains(&text))
                })
        })
        .collect();
    matching.sort_by(|a, b| (a.timestamp, a.seq, &a.id).cmp(&(b.timestamp, b.seq, &b.id)));
    if query.order == Order::NewestFirst {
        matching.reverse();
    }
    matching.into_iter().map(|row| row.id.clone()).collect()
}

fn batch(rows: &[Row]) -> RecordBatch {
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
enum Writer {
    /// As the table does: sorted and saying so, with Bloom filters and page indexes.
    Ours,
    /// As some other program might: in no order, other types, columns in another order, one of them missing.
    Foreign,
}

/// Rows spread over a store and a tail.
struct Layout {
    store: Arc<dyn ObjectStore>,
    files: Vec<Arc<DataFile>>,
    tail: Arc<[RecordBatch]>,
}

impl Layout {
    /// Rows go to the flush of their number; those at `flushes` stay in the tail.
    async fn new(rows: &[Row], flushes: usize, flush_of: impl Fn(usize) -> usize, writer: Writer) -> Self {
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
                origin: None,
            }));
            store.put(&Path::from(path), bytes.into()).await.unwrap();
        }
        let tail = tail.chunks(7).map(batch).collect();
        Self { store, files, tail }
    }

    async fn page(&self, cache: &Arc<MetadataCache>, query: &EventQuery) -> EventPage {
        let filter = Filter::new(query);
        // What the file index does, as loosely as it may.
        let files =
            self.files.iter().filter(|file| query.projects.is_empty() || query.projects.contains(&file.project_id));
        search_rows(Arc::clone(&self.tail), files.cloned().collect(), &self.store, cache, query, filter).await.unwrap()
    }
}

fn encode(events: &RecordBatch, writer: Writer) -> Vec<u8> {
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

fn foreign(batch: &RecordBatch) -> RecordBatch {
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

fn ids(batch: &RecordBatch) -> Vec<String> {
    (0..batch.num_rows()).map(|row| row_id(batch, row).to_owned()).collect()
}

/// All pages of a query, each from the layout whose turn it is.
async fn walk(layouts: &[Layout], query: &EventQuery) -> Vec<String> {
    let caches: Vec<_> = layouts.iter().map(|_| Arc::new(MetadataCache::new(20_000))).collect();
    let mut query = query.clone();
    let mut found = Vec::new();
    for turn in 0.. {
        let at = turn % layouts.len();
        let page = layouts[at].page(&caches[at], &query).await;
        assert_eq!(page.events.schema(), event_schema());
        assert!(page.events.num_rows() == query.limit || page.next.is_none(), "only the last page is short");
        found.extend(ids(&page.events));
        match page.next {
            // Through its text, as a client has it.
            Some(next) => query.after = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    found
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pages_equal_the_oracle_wherever_rows_are_stored(
        rows in rows(),
        queries in prop::collection::vec(queries(), 4),
        flushes in 0..4usize,
        foreign: bool,
    ) {
        let writer = if foreign { Writer::Foreign } else { Writer::Ours };
        block_on(async {
            let layout = [Layout::new(&rows, flushes, |index| index % (flushes + 1), writer).await];
            for query in &queries {
                assert_eq!(walk(&layout, query).await, oracle(&rows, query), "{query:?}");
            }
        });
    }

    #[test]
    fn a_flush_or_compaction_between_pages_loses_and_repeats_nothing(rows in rows(), query in queries()) {
        let query = EventQuery { limit: query.limit.min(5), ..query };
        block_on(async {
            let layouts = [
                Layout::new(&rows, 2, |index| index % 3, Writer::Ours).await,
                Layout::new(&rows, 3, |index| index % 3, Writer::Ours).await,
                Layout::new(&rows, 1, |_| 0, Writer::Ours).await,
            ];
            assert_eq!(walk(&layouts, &query).await, oracle(&rows, &query), "{query:?}");
        });
    }
}

/// `count` rows a second apart on one day, of which every tenth is an error.
fn plain_rows(count: usize) -> Vec<Row> {
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

#[test]
fn the_latest_rows_come_from_the_newest_file_alone() {
    let rows = plain_rows(400);
    let query = EventQuery { limit: 5, ..EventQuery::default() };
    block_on(async {
        let layout = Layout::new(&rows, 40, |index| index / 10, Writer::Ours).await;
        let page = layout.page(&Arc::new(MetadataCache::new(1 << 20)), &query).await;
        assert_eq!(ids(&page.events), oracle(&rows, &query)[..5]);
        let cores = std::thread::available_parallelism().unwrap().get() as u64;
        assert!(page.stats.files_opened <= 2 * cores + 2, "{:?}", page.stats);
        assert!(page.stats.rows_decoded <= 6 * (2 * cores + 2), "{:?}", page.stats);
    });
}

#[test]
fn a_trace_is_looked_for_only_where_a_bloom_filter_knows_it() {
    let rows = plain_rows(400);
    let query = EventQuery { trace_ids: vec![name("trace", 33)], ..EventQuery::default() };
    block_on(async {
        let layout = Layout::new(&rows, 40, |index| index / 10, Writer::Ours).await;
        let cache = Arc::new(MetadataCache::new(16 << 20));
        let page = layout.page(&cache, &query).await;
        assert_eq!(ids(&page.events), oracle(&rows, &query));
        assert_eq!(page.stats.files_opened, 40);
        assert!(page.stats.row_groups_read <= 3, "{:?}", page.stats);
        let again = layout.page(&cache, &query).await;
        assert_eq!((again.stats.footers_cached, again.events), (40, page.events));
    });
}

#[test]
fn the_metadata_cache_keeps_within_its_bound() {
    let rows = plain_rows(400);
    block_on(async {
        let layout = Layout::new(&rows, 40, |index| index / 10, Writer::Ours).await;
        let cache = Arc::new(MetadataCache::new(100_000));
        let query = EventQuery { trace_ids: vec![name("trace", 33)], ..EventQuery::default() };
        for _ in 0..3 {
            layout.page(&cache, &query).await;
            assert!((1..=100_000).contains(&cache.bytes()), "{}", cache.bytes());
        }
    });
}

#[test]
fn a_damaged_file_is_an_error_and_never_an_answer() {
    let rows = plain_rows(30);
    let query = EventQuery { limit: 100, text: Some("sync".to_owned()), ..EventQuery::default() };
    block_on(async {
        let mut layout = Layout::new(&rows, 1, |_| 0, Writer::Ours).await;
        let path = Path::from(layout.files[0].path.as_str());
        let bytes = layout.store.get(&path).await.unwrap().bytes().await.unwrap();
        for cut in [0, 4, 8, 100, bytes.len() / 2, bytes.len() - 1] {
            layout.store.put(&path, bytes.slice(..cut).into()).await.unwrap();
            let mut file = DataFile::clone(&layout.files[0]);
            file.bytes = cut as u64;
            layout.files[0] = Arc::new(file);
            let filter = Filter::new(&query);
            let cache = Arc::new(MetadataCache::new(0));
            let answer =
                search_rows(Arc::clone(&layout.tail), layout.files.clone(), &layout.store, &cache, &query, filter)
                    .await;
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Corrupt, "cut at {cut}");
        }
    });
}

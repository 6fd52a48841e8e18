//! SQL as a user writes it: every `tests/slt/*.slt` runs against a store with eleven fixed events, eight of them committed
//! in two flushes, three in the tail beside a memtable that the second flush already committed.

use std::fmt;
use std::sync::Arc;

use annals_event::{Clock, Day, ProjectId, columns, event_schema, file_schema};
use annals_query::{Engine, EngineOptions, QuerySettings, SqlAnswer};
use annals_table::{
    CommitOutcome, DataFile, DataFileName, Lsn, NewObject, OsFileSystem, ParquetSettings, Store, Table, TableChange,
    TableOptions, TailMemtable, TailSource, TailView, WriterId, encode_data_file,
};
use arrow::array::{
    ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};

const WRITER: WriterId = WriterId(0xa11a15);
/// 2026-06-01T12:00:00Z: when all events were received, and what `now()` says.
const NOON_US: i64 = 1_780_315_200_000_000;
const SECOND_US: i64 = 1_000_000;

/// project, time relative to [`NOON_US`] in microseconds, level, type, message, trace, user, integration, status, payload.
type Event = (
    &'static str,
    i64,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// Microseconds from [`NOON_US`] to `day` of May (32 is the first of June) at a time of day.
const fn at(day: i64, hour: i64, minute: i64, second: i64) -> i64 {
    ((day - 32) * 86_400 + (hour - 12) * 3_600 + minute * 60 + second) * SECOND_US
}

/// In LSN order, the first has LSN 1.
const EVENTS: [Event; 11] = [
    (
        "acme",
        at(30, 10, 0, 0),
        "INFO",
        "app_event",
        "App Event Trigger Started",
        Some("t1"),
        Some("u1"),
        Some("salesforce"),
        None,
        Some(r#"{"syncId":"s1"}"#),
    ),
    (
        "acme",
        at(30, 10, 0, 1) + 500_000,
        "ERROR",
        "app_event",
        "Error preparing workflow",
        Some("t1"),
        Some("u1"),
        Some("salesforce"),
        Some("FAILED"),
        Some(r#"{"code":500,"response":{"statusCode":502}}"#),
    ),
    (
        "acme",
        at(31, 9, 0, 0),
        "INFO",
        "webhook_trigger",
        "Webhook Trigger request received",
        Some("t2"),
        Some("u2"),
        Some("hubspot"),
        None,
        Some(r#"{"syncId":"s1","count":7,"ok":true,"tags":["a","b"]}"#),
    ),
    (
        "beta",
        at(31, 9, 30, 0),
        "WARN",
        "managed_sync",
        "Sync warning: slow",
        Some("t3"),
        Some("u3"),
        Some("hubspot"),
        None,
        Some(r#"{"syncId":"s2","summary":{"created":3}}"#),
    ),
    (
        "beta",
        at(32, 0, 0, 0) - 1,
        "INFO",
        "managed_sync",
        "Full sync completed",
        Some("t3"),
        Some("u3"),
        Some("hubspot"),
        None,
        None,
    ),
    (
        "acme",
        at(31, 15, 0, 0),
        "INFO",
        "actionkit",
        "Start CREATE_CONTACT",
        Some("t4"),
        Some("u2"),
        Some("hubspot"),
        None,
        Some("[1,2]"),
    ),
    (
        "acme",
        at(31, 15, 0, 2),
        "ERROR",
        "actionkit",
        "Failed CREATE_CONTACT",
        Some("t4"),
        Some("u2"),
        Some("hubspot"),
        Some("FAILED"),
        Some(r#"{"response":{"statusCode":404},"meta":{"requestId":"t4"}}"#),
    ),
    (
        "zeta",
        at(32, 0, 0, 0),
        "INFO",
        "user_credential",
        "Successfully refreshed credential",
        None,
        None,
        None,
        Some("SUCCEEDED"),
        Some(r#""text""#),
    ),
    (
        "acme",
        at(32, 8, 0, 0),
        "DEBUG",
        "request_trigger",
        "Request Trigger Started",
        Some("t5"),
        Some("u1"),
        None,
        None,
        Some(r#"{"count":41}"#),
    ),
    (
        "acme",
        at(32, 8, 0, 3),
        "INFO",
        "app_event",
        "Completed CREATE_CONTACT",
        Some("t4"),
        Some("u2"),
        Some("hubspot"),
        Some("SUCCEEDED"),
        None,
    ),
    (
        "beta",
        at(32, 8, 0, 4),
        "ERROR",
        "managed_sync",
        "Sync error: Authentication Failed",
        Some("t3"),
        Some("u3"),
        Some("hubspot"),
        Some("FAILED"),
        Some(r#"{"syncId":"s2","error":{"code":401}}"#),
    ),
];

/// Events `first..=last` by LSN, in the schema of events.
fn batch(first: usize, last: usize) -> RecordBatch {
    let events = &EVENTS[first - 1..last];
    let seq = || first as i64..=last as i64;
    let text = |value: fn(&Event) -> Option<&'static str>| -> ArrayRef {
        Arc::new(events.iter().map(value).collect::<StringViewArray>())
    };
    let times =
        |values: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) };
    let schema = event_schema();
    let arrays = schema.fields().iter().map(|field| match field.name().as_str() {
        columns::ID => Arc::new(StringViewArray::from_iter_values(seq().map(|seq| format!("e{seq}")))),
        columns::TIMESTAMP => times(events.iter().map(|event| NOON_US + event.1).collect()),
        columns::RECEIVED_AT => times(seq().map(|seq| NOON_US + seq * SECOND_US).collect()),
        columns::SEQ => Arc::new(Int64Array::from_iter_values(seq())),
        columns::LEVEL => text(|event| Some(event.2)),
        columns::TYPE => text(|event| Some(event.3)),
        columns::MESSAGE => text(|event| Some(event.4)),
        columns::TRACE_ID => text(|event| event.5),
        columns::END_USER_ID => text(|event| event.6),
        columns::INTEGRATION_ID => text(|event| event.7),
        columns::STATUS => text(|event| event.8),
        columns::PAYLOAD => text(|event| event.9),
        columns::PROJECT_ID => text(|event| Some(event.0)),
        columns::DAY => {
            Arc::new(Date32Array::from_iter_values(events.iter().map(|event| Day::of_us(NOON_US + event.1).days())))
        }
        _ => text(|_| None),
    });
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}

/// Commits events `first..=last` as one flush: a file for each partition, rows sorted by time.
fn flush(store: &Store, table: &Table, first: usize, last: usize) {
    let all = batch(first, last);
    let projects = all.column_by_name(columns::PROJECT_ID).unwrap().as_string_view().clone();
    let days = all.column_by_name(columns::DAY).unwrap().as_primitive::<arrow::datatypes::Date32Type>().clone();
    let mut partitions: Vec<_> = (0..all.num_rows()).map(|row| (projects.value(row), days.value(row))).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let file_columns: Vec<usize> =
        file_schema().fields().iter().map(|field| all.schema().index_of(field.name()).unwrap()).collect();
    let (first_lsn, last_lsn) = (Lsn(first as u64), Lsn(last as u64));
    let (mut objects, mut adds) = (Vec::new(), Vec::new());
    for (project, day) in partitions {
        let rows = (0..all.num_rows()).map(|row| Some(projects.value(row) == project && days.value(row) == day));
        let rows = arrow::compute::filter_record_batch(&all, &rows.collect()).unwrap();
        let encoded = encode_data_file(&rows.project(&file_columns).unwrap(), &ParquetSettings::default()).unwrap();
        let name = DataFileName { writer: WRITER, first_lsn, last_lsn, hash: encoded.hash };
        let day = Day::from_days(day);
        let path = format!("project_id={project}/day={day}/{name}");
        adds.push(DataFile {
            path: path.clone(),
            project_id: ProjectId::new(project).unwrap(),
            day,
            bytes: encoded.bytes.len() as u64,
            rows: encoded.rows,
            min_timestamp_us: encoded.min_timestamp_us,
            max_timestamp_us: encoded.max_timestamp_us,
            modified_ms: NOON_US / 1_000,
            origin: Some(name.origin()),
        });
        objects.push(NewObject { path, bytes: encoded.bytes });
    }
    store.put_files("events", objects).unwrap();
    let change = TableChange::write(adds, Some((WRITER, last_lsn)));
    assert!(matches!(table.commit(change).unwrap(), CommitOutcome::Committed(_)));
}

/// What a writer would show that committed LSN 8 but has not dropped that memtable yet.
#[derive(Debug)]
struct FixedTail;

impl TailSource for FixedTail {
    fn view(&self) -> TailView {
        let memtable = |first: usize, last: usize| TailMemtable {
            first_lsn: Lsn(first as u64),
            last_lsn: Lsn(last as u64),
            batches: [batch(first, last)].into(),
        };
        TailView { writer: WRITER, memtables: vec![memtable(6, 8), memtable(9, 11)] }
    }
}

#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now_us(&self) -> i64 {
        NOON_US
    }
}

struct Connection {
    engine: Arc<Engine>,
    runtime: tokio::runtime::Handle,
}

/// A message alone, as `.slt` files compare it.
#[derive(Debug)]
struct Message(String);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Message {}

impl DB for Connection {
    type Error = Message;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Message> {
        let message = |error: annals_query::Error| Message(error.to_string());
        let answer: SqlAnswer = self.runtime.block_on(self.engine.sql(sql)).map_err(message)?;
        let types = vec![DefaultColumnType::Any; answer.schema.fields().len()];
        let is_explain = answer.schema.fields().iter().map(|field| field.name()).eq(["plan_type", "plan"]);
        let mut rows = Vec::new();
        for batch in self.runtime.block_on(answer.collect()).map_err(message)? {
            rows.extend(texts(&batch));
        }
        if is_explain {
            return Ok(DBOutput::Rows { types: vec![DefaultColumnType::Text], rows: physical_plan(&rows) });
        }
        Ok(DBOutput::Rows { types, rows })
    }

    fn engine_name(&self) -> &str {
        "annals"
    }
}

fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let formatters: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let cell = |formatter: &ArrayFormatter<'_>, row| match formatter.value(row).to_string() {
        text if text.is_empty() => "(empty)".to_owned(),
        text => text,
    };
    (0..batch.num_rows()).map(|row| formatters.iter().map(|formatter| cell(formatter, row)).collect()).collect()
}

/// The lines of the physical plan, without what names files or repeats a predicate.
fn physical_plan(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let plan = rows.iter().find(|row| row[0] == "physical_plan").map_or("", |row| row[1].as_str());
    let shorten = |line: &str| {
        let line = match (line.find("file_groups={"), line.find("]]}")) {
            (Some(start), Some(end)) => {
                format!("{}{}", &line[..start], line[end + "]]}".len()..].trim_start_matches(", "))
            }
            _ => line.to_owned(),
        };
        line.split(", pruning_predicate=").next().unwrap_or_default().trim_start().to_owned()
    };
    plan.lines().map(|line| vec![shorten(line)]).collect()
}

/// Runs one file of `tests/slt` over a store of its own.
fn run(name: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let url = dir.path().to_str().unwrap();
    let store = Store::open(url, Arc::new(OsFileSystem), runtime.handle().clone()).unwrap();
    let table = Arc::new(Table::open_or_create(&store, TableOptions::events(), Arc::new(FixedClock)).unwrap());
    flush(&store, &table, 1, 5);
    flush(&store, &table, 6, 8);
    let settings = QuerySettings { target_partitions: 2, rows_max: Some(1_000), ..QuerySettings::default() };
    let options = EngineOptions {
        table,
        tail: Some(Arc::new(FixedTail)),
        dead_letters: None,
        settings,
        clock: Arc::new(FixedClock),
    };
    let engine = Arc::new(Engine::new(options).unwrap());
    let path = crate::support::package_dir().join("slt").join(name);
    let connect = || async { Ok(Connection { engine: Arc::clone(&engine), runtime: runtime.handle().clone() }) };
    let result = Runner::new(connect).run_file(path);
    if let Err(error) = result {
        panic!("{}", error.display(false));
    }
}

macro_rules! slt {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            run(concat!(stringify!($name), ".slt"));
        }
    )*};
}

slt!(events, pruning, traces, json, read_only, tables, latest);

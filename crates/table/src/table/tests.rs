//! Tests of the table: one for each rule that its log keeps.

mod damage;
mod faulty;

use std::sync::Arc;

use annals_event::{Clock, Day, ProjectId};
use arrow::datatypes::{DataType, Field, Schema};
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;

use self::faulty::{Fault, FaultyStore};
use super::*;
use crate::change::{Conflict, Operation};
use crate::data_file::DataFile;
use crate::file_name::DataFileName;
use crate::ids::{Lsn, WriterId};
use crate::snapshot::FileFilter;

const WRITER: WriterId = WriterId(0xbeef);
const OTHER_WRITER: WriterId = WriterId(0xcafe);

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now_us(&self) -> i64 {
        1_780_000_000_000_000
    }
}

/// A store in memory, with a runtime to reach it.
struct Bed {
    runtime: Runtime,
    objects: Arc<dyn ObjectStore>,
}

impl Bed {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        Self { runtime, objects: Arc::new(InMemory::new()) }
    }

    fn table(&self) -> Table {
        self.table_over(Arc::clone(&self.objects))
    }

    fn table_over(&self, objects: Arc<dyn ObjectStore>) -> Table {
        self.try_table(objects, TableOptions::events()).unwrap()
    }

    fn try_table(&self, objects: Arc<dyn ObjectStore>, options: TableOptions) -> Result<Table> {
        Table::open_or_create_at(objects, self.runtime.handle().clone(), options, Arc::new(StoppedClock))
    }

    /// A table whose store fails as `faults` say, one fault for each write of a log entry.
    fn faulty_table(&self, faults: &[Fault]) -> (Table, Arc<FaultyStore>) {
        self.table();
        let faulty = Arc::new(FaultyStore::new(Arc::clone(&self.objects)));
        let table = self.table_over(Arc::clone(&faulty) as _);
        faulty.fail_with(faults);
        (table, faulty)
    }

    fn put(&self, path: &str, content: &str) {
        let content = content.as_bytes().to_vec();
        self.runtime.block_on(self.objects.put(&Path::from(path), content.into())).unwrap();
    }

    fn text(&self, path: &str) -> String {
        let get = async { self.objects.get(&Path::from(path)).await?.bytes().await };
        String::from_utf8(self.runtime.block_on(get).unwrap().to_vec()).unwrap()
    }

    fn paths(&self) -> Vec<String> {
        let list = self.objects.list(None).map_ok(|object| object.location.to_string()).try_collect();
        self.runtime.block_on(list).unwrap()
    }

    fn delete(&self, path: &str) {
        self.runtime.block_on(self.objects.delete(&Path::from(path))).unwrap();
    }

    /// Appends a log entry as another program would.
    fn append_entry(&self, version: u64, lines: &str) {
        self.put(&log_entry(version), lines);
    }
}

/// The `metaData` action of version 0 as another program would write it: without the sum of ours at its end.
fn metadata_line(creation: &str) -> String {
    let line = creation.lines().find(|line| line.contains("metaData")).unwrap();
    let (action, _) = line.rsplit_once(r#","annalsCrc32c":""#).unwrap();
    format!("{action}}}}}")
}

fn log_entry(version: u64) -> String {
    format!("_delta_log/{version:020}.json")
}

fn file_of(writer: WriterId, project: &str, day: &str, first: u64, last: u64) -> DataFile {
    let name = DataFileName { writer, first_lsn: Lsn(first), last_lsn: Lsn(last), hash: first * 31 + last };
    let day: Day = day.parse().unwrap();
    DataFile {
        path: format!("project_id={project}/day={day}/{name}"),
        project_id: ProjectId::new(project).unwrap(),
        day,
        bytes: 1_000 + first,
        rows: last - first + 1,
        min_timestamp_us: day.start_us() + 1_500,
        max_timestamp_us: day.start_us() + 7_200_000_500,
        modified_ms: 1_780_000_000_000,
        origin: Some(name.origin()),
    }
}

fn file(first: u64, last: u64) -> DataFile {
    file_of(WRITER, "acme", "2026-05-31", first, last)
}

fn flush(files: Vec<DataFile>, last: u64) -> TableChange {
    TableChange::write(files, Some((WRITER, Lsn(last))))
}

fn replacement(removes: Vec<DataFile>, adds: Vec<DataFile>) -> TableChange {
    TableChange { operation: Operation::Optimize, adds, removes, watermark: None, compaction: None }
}

#[track_caller]
fn committed(outcome: Result<CommitOutcome>) -> Arc<Snapshot> {
    match outcome.unwrap() {
        CommitOutcome::Committed(snapshot) => snapshot,
        CommitOutcome::Conflict(conflict) => panic!("{conflict:?}"),
    }
}

#[track_caller]
fn conflict(outcome: Result<CommitOutcome>) -> Conflict {
    match outcome.unwrap() {
        CommitOutcome::Committed(snapshot) => panic!("committed as version {}", snapshot.version()),
        CommitOutcome::Conflict(conflict) => conflict,
    }
}

fn paths(snapshot: &Snapshot) -> Vec<String> {
    snapshot.files(&FileFilter::all()).iter().map(|file| file.path.clone()).collect()
}

#[track_caller]
fn assert_same(a: &Snapshot, b: &Snapshot) {
    assert_eq!(a.version(), b.version());
    assert_eq!(a.files(&FileFilter::all()), b.files(&FileFilter::all()));
    assert_eq!(a.totals(), b.totals());
    assert_eq!(a.transactions(), b.transactions());
}

#[test]
fn a_commit_is_published_and_looks_the_same_to_every_reader() {
    let bed = Bed::new();
    let table = bed.table();
    let onlooker = bed.table();
    assert_eq!((table.snapshot().version(), table.snapshot().file_count()), (0, 0));

    let other = file_of(WRITER, "beta", "2026-06-01", 1, 10);
    let snapshot = committed(table.commit(flush(vec![file(1, 10), other], 10)));
    assert_eq!(snapshot.version(), 1);
    assert_eq!(snapshot.watermark(WRITER), Some(Lsn(10)));
    assert_eq!(snapshot.totals().rows, 20);
    assert!(Arc::ptr_eq(&snapshot, &table.snapshot()));

    assert_same(&snapshot, &bed.table().snapshot());
    assert_eq!(onlooker.snapshot().version(), 0);
    assert_same(&snapshot, &onlooker.refresh().unwrap());
    assert_same(&snapshot, &onlooker.snapshot());
    let read = &onlooker.snapshot().files(&FileFilter::all())[0];
    let written = file(1, 10);
    assert_eq!(read.min_timestamp_us, written.min_timestamp_us - 500);
    assert_eq!(read.max_timestamp_us, written.max_timestamp_us + 499);
    assert_eq!(
        DataFile { min_timestamp_us: 0, max_timestamp_us: 0, ..written },
        DataFile { min_timestamp_us: 0, max_timestamp_us: 0, ..DataFile::clone(read) }
    );
}

#[test]
fn the_log_says_what_other_readers_need() {
    let bed = Bed::new();
    committed(bed.table().commit(flush(vec![file(1, 10)], 10)));
    let creation = bed.text(&log_entry(0));
    assert!(creation.contains(r#""protocol":{"minReaderVersion":1,"minWriterVersion":2}"#), "{creation}");
    assert!(creation.contains(r#""partitionColumns":["project_id","day"]"#), "{creation}");
    let entry = bed.text(&log_entry(1));
    for part in [
        r#""appId":"annals-0000beef","version":10"#,
        r#""path":"project_id=acme/day=2026-05-31/part-0000beef-"#,
        r#""partitionValues":{"project_id":"acme","day":"2026-05-31"}"#,
        r#"\"numRecords\":10"#,
        r#"\"minValues\":{\"timestamp\":\"2026-05-31T00:00:00.001Z\"}"#,
        r#"\"maxValues\":{\"timestamp\":\"2026-05-31T02:00:00.000Z\"}"#,
        r#""annalsCommitId":""#,
        r#""dataChange":true"#,
    ] {
        assert!(entry.contains(part), "{part} is not in {entry}");
    }
}

#[test]
fn a_write_that_fails_before_landing_is_made_again() {
    let bed = Bed::new();
    let (table, faulty) = bed.faulty_table(&[Fault::Before, Fault::Before]);
    let snapshot = committed(table.commit(flush(vec![file(1, 10)], 10)));
    assert_eq!((snapshot.version(), faulty.log_writes()), (1, 3));
    assert_same(&snapshot, &bed.table().snapshot());
}

#[test]
fn a_write_that_lands_without_an_answer_is_recognised() {
    let bed = Bed::new();
    let (table, faulty) = bed.faulty_table(&[Fault::After]);
    let snapshot = committed(table.commit(flush(vec![file(1, 10)], 10)));
    assert_eq!((snapshot.version(), faulty.log_writes()), (1, 1));
    assert_same(&snapshot, &bed.table().snapshot());
}

#[test]
fn already_exists_by_our_own_hand_is_a_commit() {
    let bed = Bed::new();
    let (table, faulty) = bed.faulty_table(&[Fault::AlreadyExistsAfter]);
    let snapshot = committed(table.commit(flush(vec![file(1, 10)], 10)));
    assert_eq!((snapshot.version(), faulty.log_writes()), (1, 1));
    assert_same(&snapshot, &bed.table().snapshot());
}

/// A change that adds files is known by them in the next version, whoever is said to have made it; one that adds none is
/// known by its commit alone.
#[test]
fn a_deletion_whose_answer_is_lost_or_wrong_is_no_conflict() {
    for fault in [Fault::After, Fault::AlreadyExistsAfter] {
        let bed = Bed::new();
        committed(bed.table().commit(flush(vec![file(1, 10), file(11, 20)], 20)));
        let (table, faulty) = bed.faulty_table(&[fault]);
        let snapshot = committed(table.commit(TableChange::delete(vec![file(1, 10)])));
        assert_eq!((snapshot.version(), snapshot.file_count(), faulty.log_writes()), (2, 1, 1));
        assert_same(&snapshot, &bed.table().snapshot());
    }
}

#[test]
fn an_outcome_that_cannot_be_found_out_is_settled_by_the_next_call() {
    let bed = Bed::new();
    let (table, faulty) = bed.faulty_table(&[Fault::AfterAndBlind]);
    let change = flush(vec![file(1, 10)], 10);
    let error = table.commit(change.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("version 1"), "{error}");
    assert_eq!(table.snapshot().version(), 0);

    let error = table.commit(change.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "still blind: {error}");
    faulty.see_again();
    let snapshot = committed(table.commit(change));
    assert_eq!((snapshot.version(), faulty.log_writes()), (1, 1));
    assert_same(&snapshot, &bed.table().snapshot());
}

#[test]
fn a_replacement_that_landed_without_an_answer_is_not_a_conflict() {
    let bed = Bed::new();
    committed(bed.table().commit(flush(vec![file(1, 10), file(11, 20)], 20)));
    let (table, faulty) = bed.faulty_table(&[Fault::AfterAndBlind]);
    let change = replacement(vec![file(1, 10), file(11, 20)], vec![file(1, 20)]);
    assert_eq!(table.commit(change.clone()).unwrap_err().kind(), ErrorKind::Unavailable);
    faulty.see_again();
    let snapshot = committed(table.commit(change));
    assert_eq!((snapshot.version(), paths(&snapshot)), (2, vec![file(1, 20).path]));
}

#[test]
fn a_write_that_keeps_failing_stops_and_leaves_nothing() {
    let bed = Bed::new();
    let (table, faulty) = bed.faulty_table(&[Fault::Before; 3]);
    let error = table.commit(flush(vec![file(1, 10)], 10)).unwrap_err();
    assert_eq!((error.kind(), faulty.log_writes()), (ErrorKind::Unavailable, 3));
    assert_eq!(bed.table().snapshot().version(), 0);
    assert_eq!(committed(table.commit(flush(vec![file(1, 10)], 10))).version(), 1);
}

#[test]
fn another_writers_commit_in_between_is_built_upon() {
    let bed = Bed::new();
    let (table, other) = (bed.table(), bed.table());
    let theirs = file_of(OTHER_WRITER, "acme", "2026-05-31", 1, 5);
    committed(other.commit(TableChange::write(vec![theirs.clone()], Some((OTHER_WRITER, Lsn(5))))));
    let snapshot = committed(table.commit(flush(vec![file(1, 10)], 10)));
    assert_eq!(snapshot.version(), 2);
    assert_eq!(paths(&snapshot), vec![file(1, 10).path, theirs.path]);
    assert_eq!((snapshot.watermark(WRITER), snapshot.watermark(OTHER_WRITER)), (Some(Lsn(10)), Some(Lsn(5))));
    assert_same(&snapshot, &bed.table().snapshot());
}

#[test]
fn a_watermark_at_or_past_ours_is_a_conflict() {
    let bed = Bed::new();
    let (table, other) = (bed.table(), bed.table());
    committed(other.commit(flush(vec![file(1, 10)], 10)));
    for last in [9, 10] {
        let late = table.commit(flush(vec![file_of(WRITER, "beta", "2026-05-31", 1, last)], last));
        assert_eq!(conflict(late), Conflict::Watermark { found: Lsn(10) });
    }
    assert_eq!(bed.table().snapshot().version(), 1);
}

#[test]
fn a_removed_file_that_is_gone_is_a_conflict() {
    let bed = Bed::new();
    let (table, other) = (bed.table(), bed.table());
    committed(table.commit(flush(vec![file(1, 10), file(11, 20)], 20)));
    other.refresh().unwrap();
    let merged = committed(table.commit(replacement(vec![file(1, 10), file(11, 20)], vec![file(1, 20)])));
    assert_eq!(paths(&merged), vec![file(1, 20).path]);

    let theirs = file_of(OTHER_WRITER, "acme", "2026-05-31", 1, 10);
    let late = other.commit(replacement(vec![file(1, 10)], vec![theirs]));
    assert_eq!(conflict(late), Conflict::Removed { path: file(1, 10).path });
    assert_same(&merged, &bed.table().snapshot());
    assert_same(&merged, &other.snapshot());
}

#[test]
fn a_file_that_is_live_cannot_be_added_again() {
    let bed = Bed::new();
    let table = bed.table();
    committed(table.commit(flush(vec![file(1, 10)], 10)));
    let again = table.commit(flush(vec![file(1, 10), file(11, 20)], 20));
    assert_eq!(conflict(again), Conflict::Added { path: file(1, 10).path });
}

#[test]
fn a_delete_and_its_reader_agree() {
    let bed = Bed::new();
    let (table, other) = (bed.table(), bed.table());
    committed(table.commit(flush(vec![file(1, 10), file(11, 20)], 20)));
    let change = TableChange::delete(vec![file(1, 10)]);
    let snapshot = committed(table.commit(change));
    assert_eq!(paths(&snapshot), vec![file(11, 20).path]);
    assert_same(&snapshot, &other.refresh().unwrap());
    assert_same(&snapshot, &bed.table().snapshot());
    assert!(bed.text(&log_entry(2)).contains(r#""operation":"DELETE""#));
}

#[test]
fn a_malformed_change_is_refused_before_anything_is_written() {
    let bed = Bed::new();
    let table = bed.table();
    let stray = DataFile { path: "project_id=acme/part.parquet".into(), ..file(1, 10) };
    let elsewhere = DataFile { day: "2026-06-01".parse().unwrap(), ..file(1, 10) };
    let empty = TableChange { watermark: None, ..flush(vec![], 1) };
    for change in [
        flush(vec![stray], 10),
        flush(vec![elsewhere], 10),
        flush(vec![file(1, 10), file(1, 10)], 10),
        flush(vec![file(1, 10)], 0),
        flush(vec![file(1, 10)], u64::MAX),
        empty,
    ] {
        assert_eq!(table.commit(change).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(bed.paths().len(), 1);
}

#[test]
fn a_table_whose_settings_lose_rows_is_not_written_to() {
    for property in ["delta.appendOnly\":\"true", "delta.setTransactionRetentionDuration\":\"interval 1 days"] {
        let bed = Bed::new();
        let table = bed.table();
        let creation =
            bed.text(&log_entry(0)).replace(r#""configuration":{}"#, &format!(r#""configuration":{{"{property}"}}"#));
        bed.append_entry(1, &metadata_line(&creation));
        let error = table.commit(flush(vec![file(1, 10)], 10)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(property.split('"').next().unwrap()), "{error}");
        assert_eq!(bed.table().snapshot().version(), 1, "reading goes on");
    }
}

#[test]
fn a_table_that_is_not_ours_is_refused_with_its_differences() {
    let bed = Bed::new();
    bed.table();
    let fields: Vec<_> =
        annals_event::event_schema()
            .fields()
            .iter()
            .map(|field| {
                if field.name() == "seq" {
                    Arc::new(Field::new("seq", DataType::Utf8, true))
                } else {
                    Arc::clone(field)
                }
            })
            .chain([Arc::new(Field::new("shoe_size", DataType::Int32, true))])
            .collect();
    let options = TableOptions { schema: Arc::new(Schema::new(fields)), ..TableOptions::events() };
    let error = bed.try_table(Arc::clone(&bed.objects), options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let message = error.to_string();
    assert!(message.contains("column seq is of type long instead of string"), "{message}");
    assert!(message.contains("column shoe_size is missing"), "{message}");
}

#[test]
fn columns_that_others_add_later_are_fine() {
    let bed = Bed::new();
    let table = bed.table();
    let creation = bed.text(&log_entry(0));
    let metadata = metadata_line(&creation);
    let column = r#"\"fields\":[{\"name\":\"shoe_size\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}},"#;
    bed.append_entry(1, &metadata.replace(r#"\"fields\":["#, column));
    assert_eq!(committed(table.commit(flush(vec![file(1, 10)], 10))).version(), 2);
    assert_eq!(bed.table().snapshot().version(), 2);
}

/// An `add` of another program: no statistics, a name of its own.
const FOREIGN_ADD: &str = r#"{"add":{"path":"project_id=acme/day=2026-05-31/their-file.parquet","partitionValues":{"project_id":"acme","day":"2026-05-31"},"size":77,"modificationTime":5,"dataChange":true}}"#;

#[test]
fn a_file_without_statistics_is_always_considered() {
    let bed = Bed::new();
    let table = bed.table();
    bed.append_entry(1, FOREIGN_ADD);
    for snapshot in [table.refresh().unwrap(), bed.table().snapshot()] {
        let day: Day = "2026-05-31".parse().unwrap();
        let files = snapshot.files(&FileFilter { projects: None, time_us: day.start_us()..=day.start_us() });
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].bytes, files[0].rows, files[0].origin), (77, 0, None));
        assert_eq!((files[0].min_timestamp_us, files[0].max_timestamp_us), (i64::MIN, i64::MAX));
    }
    let theirs = DataFile::clone(&table.snapshot().files(&FileFilter::all())[0]);
    let snapshot = committed(table.commit(replacement(vec![theirs], vec![file(1, 10)])));
    assert_same(&snapshot, &bed.table().snapshot());
}

#[test]
fn entries_that_cannot_be_read_rightly_are_refused() {
    let vector = r#""deletionVector":{"storageType":"u","pathOrInlineDv":"ab^-aqEH.-t@S}K{vb[*k^","offset":4,"sizeInBytes":40,"cardinality":6},"size""#;
    for (entry, kind) in [
        (FOREIGN_ADD.replace(r#""size""#, vector), ErrorKind::Invalid),
        (FOREIGN_ADD.replace(r#""project_id":"acme""#, r#""project_id":"beta""#), ErrorKind::Corrupt),
        (FOREIGN_ADD.replace(r#""project_id":"acme","#, r#""project_id":null,"#), ErrorKind::Corrupt),
        (FOREIGN_ADD.replace("their-file", "their%20file"), ErrorKind::Invalid),
        (FOREIGN_ADD.replace("=acme", "=.acme").replace(r#":"acme"#, r#":".acme"#), ErrorKind::Invalid),
        (FOREIGN_ADD.replace(":77", ":-77"), ErrorKind::Corrupt),
    ] {
        let bed = Bed::new();
        let table = bed.table();
        bed.append_entry(1, &entry);
        let error = table.refresh().unwrap_err();
        assert_eq!(error.kind(), kind, "{error} for {entry}");
        assert_eq!(table.snapshot().version(), 0);
    }
}

#[test]
fn a_checkpoint_opens_to_the_same_version() {
    let bed = Bed::new();
    let table = bed
        .try_table(Arc::clone(&bed.objects), TableOptions { checkpoint_interval: 3, ..TableOptions::events() })
        .unwrap();
    for n in 1..=3 {
        assert!(!table.checkpoint_due());
        committed(table.commit(flush(vec![file(n * 10, n * 10 + 9)], n * 10 + 9)));
    }
    assert!(table.checkpoint_due());
    table.checkpoint().unwrap();
    assert!(!table.checkpoint_due());
    table.checkpoint().unwrap();
    assert!(
        bed.paths().contains(&"_delta_log/00000000000000000003.checkpoint.parquet".to_owned()),
        "{:?}",
        bed.paths()
    );
    committed(table.commit(replacement(vec![file(10, 19)], vec![file(10, 18)])));
    for version in 0..=3 {
        bed.delete(&log_entry(version));
    }
    assert_same(&table.snapshot(), &bed.table().snapshot());
    assert_eq!(bed.table().snapshot().watermark(WRITER), Some(Lsn(39)));
    table.checkpoint().unwrap();
    assert_same(&table.snapshot(), &bed.table().snapshot());
}

#[test]
fn a_log_that_was_cleaned_is_read_whole() {
    let bed = Bed::new();
    let (table, behind) = (bed.table(), bed.table());
    for n in 1..=5 {
        committed(table.commit(flush(vec![file(n * 10, n * 10 + 9)], n * 10 + 9)));
        if n == 4 {
            table.checkpoint().unwrap();
        }
    }
    for version in 0..=3 {
        bed.delete(&log_entry(version));
    }
    assert_same(&table.snapshot(), &behind.refresh().unwrap());
}

#[test]
fn what_others_commit_while_the_newest_is_looked_for_is_read_too() {
    let (bed, others) = (Bed::new(), Bed::new());
    let (table, faulty) = bed.faulty_table(&[]);
    let other = others.table();
    for n in 1..=3 {
        committed(other.commit(flush(vec![file(n * 10, n * 10 + 9)], n * 10 + 9)));
    }
    faulty.land_before_heads((1..=3).map(|version| (Path::from(log_entry(version)), others.text(&log_entry(version)))));
    assert_same(&table.refresh().unwrap(), &other.snapshot());
}

#[test]
fn only_our_own_uncommitted_files_are_orphans() {
    let bed = Bed::new();
    let table = bed.table();
    let live = file(1, 10);
    committed(table.commit(flush(vec![live.clone()], 10)));
    let (orphan, second) = (file(11, 20), file_of(WRITER, "beta", "2026-06-01", 11, 20));
    let (replaced, theirs) = (file(3, 9), file_of(OTHER_WRITER, "acme", "2026-05-31", 11, 20));
    for file in [&live, &orphan, &second, &replaced, &theirs] {
        bed.put(&file.path, "bytes");
    }
    bed.put("project_id=acme/day=2026-05-31/their-file.parquet", "bytes");
    let before = bed.paths().len();
    assert_eq!(table.remove_orphans(WRITER).unwrap(), vec![orphan.path, second.path]);
    assert_eq!(bed.paths().len(), before - 2);
    assert_eq!(table.remove_orphans(WRITER).unwrap(), Vec::<String>::new());
}

#[test]
fn two_tables_opened_at_once_create_one() {
    let bed = Bed::new();
    let handle = bed.runtime.handle().clone();
    let open = |objects| Table::open_at(objects, handle.clone(), TableOptions::events(), Arc::new(StoppedClock));
    assert!(open(Arc::clone(&bed.objects)).unwrap().is_none());
    let tables: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| bed.table())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(tables.iter().all(|table| table.snapshot().version() == 0));
    assert!(open(Arc::clone(&bed.objects)).unwrap().is_some());
}

#[test]
fn a_table_works_from_a_blocking_task() {
    let bed = Bed::new();
    let table = Arc::new(bed.table());
    let tasks: Vec<_> = (0..8)
        .map(|n: u64| {
            let table = Arc::clone(&table);
            bed.runtime.spawn_blocking(move || {
                let writer = WriterId(n as u32);
                let files = vec![file_of(writer, "acme", "2026-05-31", 1, 10)];
                table.commit(TableChange { watermark: Some((writer, Lsn(10))), ..flush(files, 10) })
            })
        })
        .collect();
    for task in tasks {
        committed(bed.runtime.block_on(task).unwrap());
    }
    assert_eq!(table.snapshot().file_count(), 8);
    assert_same(&table.snapshot(), &bed.table().snapshot());
}

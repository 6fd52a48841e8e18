//! Compaction: the same rows in fewer files, whoever else is at work.

use annals_event::{DAY_US, columns, event_schema};
use annals_table::{DataFileRows, Operation, ParquetSettings, Snapshot, TableChange};
use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::util::pretty::pretty_format_batches;

use super::*;
use crate::{Compacted, CompactionOutcome, CompactionPlan, CompactionSettings, compact, expire};

/// Events of two projects over two days, in no order of time.
fn events(seed: u64, rows: u64) -> RecordBatch {
    let now_us = SystemClock.now_us();
    let line = |row: u64| {
        let draw = draw(seed, row);
        let ago_us = (draw % (2 * DAY_US as u64)) as i64;
        let time = annals_event::format_timestamp(now_us - ago_us);
        let (project, trace) = (draw % 2, draw % 37);
        format!(
            r#"{{"type":"t","projectId":"p{project}","traceId":"t{trace}","timestamp":"{time}","payload":{{"n":{row},"seed":{seed}}}}}"#
        )
    };
    let body = (0..rows).map(line).collect::<Vec<_>>().join("\n");
    EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(body.as_bytes(), now_us).batch
}

/// A number that looks like chance.
fn draw(seed: u64, row: u64) -> u64 {
    (seed * 1_000_003 + row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11
}

/// A table with the files of `flushes` flushes.
fn filled(bed: &Bed, flushes: u64, rows: u64) -> (Writer, Arc<Table>) {
    let (writer, table) = bed.open();
    for flush in 0..flushes {
        writer.append(events(flush, rows), Ack::Wal).unwrap().wait().unwrap();
        writer.flush().unwrap();
    }
    (writer, table)
}

/// All rows as text, sorted: whole events, whatever file they are in.
fn rows(table: &Table, snapshot: &Snapshot) -> Vec<String> {
    let mut all = Vec::new();
    for file in snapshot.files(&FileFilter::all()) {
        let bytes = table.read_file(&file).unwrap();
        let batches: Vec<_> = DataFileRows::open(&file.path, bytes, None, 1_000).unwrap().map(Result::unwrap).collect();
        let batch = concat_batches(&batches[0].schema(), &batches).unwrap();
        let times = batch[columns::TIMESTAMP].as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        assert!(times.values().is_sorted());
        let text = pretty_format_batches(&[batch]).unwrap().to_string();
        all.extend(
            text.lines()
                .skip(3)
                .filter(|line| line.starts_with("| "))
                .map(|line| format!("{} {} {line}", file.project_id, file.day)),
        );
    }
    all.iter_mut().for_each(|line| *line = line.split_whitespace().collect::<Vec<_>>().join(" "));
    all.sort();
    all
}

fn compact_all(bed: &Bed, table: &Table, settings: &CompactionSettings) -> Compacted {
    let mut done = Compacted::default();
    let store = bed.store(Arc::new(OsFileSystem));
    for group in CompactionPlan::whole(&table.snapshot(), &FileFilter::all(), settings).groups {
        match compact(table, &store, &group, &ParquetSettings::default(), settings, SystemClock.now_us()).unwrap() {
            CompactionOutcome::Done(more) => done += more,
            CompactionOutcome::Overtaken => panic!("nobody else is at work"),
        }
    }
    done
}

#[test]
fn every_row_is_there_once_and_as_it_was_in_one_file_a_partition() {
    let bed = Bed::new();
    let (writer, table) = filled(&bed, 12, 500);
    let before = rows(&table, &table.snapshot());
    let files = table.snapshot().file_count();
    assert!(before.len() == 6_000 && files >= 48, "{files} files");
    let done = compact_all(&bed, &table, &CompactionSettings::default());
    let snapshot = table.snapshot();
    assert_eq!((done.files.0, done.rows), (files, 6_000));
    assert_eq!(done.files.1, snapshot.file_count());
    assert!(snapshot.projects().all(|(project, totals)| totals.files == snapshot.days(project).count() as u64));
    assert_eq!(snapshot.compactions(), done.files.1);
    assert!(done.bytes.1 < done.bytes.0 / 2, "{done:?}");
    assert_eq!(rows(&table, &snapshot), before);
    assert_eq!(rows(&table, &bed.table().snapshot()), before, "and so for who opens the table");
    assert!(CompactionPlan::whole(&snapshot, &FileFilter::all(), &CompactionSettings::default()).groups.is_empty());
    // What comes later is flushed beside it, and a start takes no compacted file for an orphan.
    writer.append(events(99, 10), Ack::Wal).unwrap().wait().unwrap();
    writer.close(true).unwrap();
    let (writer, table) = bed.open();
    assert_eq!(rows(&table, &table.snapshot()).len(), 6_010);
    assert_eq!(table.snapshot().watermark(writer.status().writer), Some(Lsn(6_010)));
    assert_eq!(event_schema().fields().len(), 23);
}

#[test]
fn a_large_partition_is_cut_by_time_into_files_of_the_size_asked_for() {
    let bed = Bed::new();
    let (_writer, table) = filled(&bed, 6, 4_000);
    let before = rows(&table, &table.snapshot());
    let bytes = table.snapshot().totals().bytes;
    // A setting below its bound, so that a test need not write hundreds of megabytes.
    let settings = CompactionSettings { file_bytes: bytes / 8, ..CompactionSettings::default() };
    let plan = CompactionPlan::whole(&table.snapshot(), &FileFilter::all(), &settings);
    assert!(plan.files() > 0);
    compact_all(&bed, &table, &settings);
    let snapshot = table.snapshot();
    assert_eq!(rows(&table, &snapshot), before);
    for (project, _) in snapshot.projects() {
        for (day, _) in snapshot.days(project) {
            let mut files = snapshot.files(&FileFilter { projects: Some(vec![project.clone()]), ..FileFilter::all() });
            files.retain(|file| file.day == day && file.bytes <= settings.file_bytes / 2);
            files.sort_by_key(|file| file.min_timestamp_us);
            // Bounds are kept in whole milliseconds.
            assert!(files.windows(2).all(|pair| pair[0].max_timestamp_us <= pair[1].min_timestamp_us + 1_000));
        }
    }
}

#[test]
fn of_two_compactors_one_wins_and_the_other_is_told() {
    let bed = Bed::new();
    let (_writer, table) = filled(&bed, 5, 200);
    let before = rows(&table, &table.snapshot());
    let (store, settings) = (bed.store(Arc::new(OsFileSystem)), CompactionSettings::default());
    let other = bed.table();
    let group = CompactionPlan::whole(&table.snapshot(), &FileFilter::all(), &settings).groups.remove(0);
    // The rival merges a part of the same files.
    let mut part = group.clone();
    part.files.truncate(3);
    let run = |table: &Table, group| {
        compact(table, &store, group, &ParquetSettings::default(), &settings, SystemClock.now_us()).unwrap()
    };
    assert!(matches!(run(&other, &part), CompactionOutcome::Done(_)));
    assert_eq!(run(&table, &group), CompactionOutcome::Overtaken);
    assert_eq!(table.snapshot().compactions(), 1);
    assert_eq!(rows(&table, &table.snapshot()), before);
    // One of other files takes the next number instead.
    let plan = CompactionPlan::whole(&other.snapshot(), &FileFilter::all(), &settings);
    let elsewhere = plan.groups.iter().find(|other| (&other.project_id, other.day) != (&group.project_id, group.day));
    assert!(matches!(run(&table, elsewhere.unwrap()), CompactionOutcome::Done(_)));
    assert!(matches!(
        run(&other, &plan.groups.iter().find(|other| Some(*other) != elsewhere).unwrap().clone()),
        CompactionOutcome::Done(_)
    ));
    assert_eq!((other.snapshot().compactions(), bed.table().snapshot().compactions()), (3, 3));
    assert_eq!(rows(&other, &other.snapshot()), before);
}

#[test]
fn files_that_retention_took_are_not_brought_back() {
    let bed = Bed::new();
    let (_writer, table) = filled(&bed, 4, 200);
    let plan = CompactionPlan::whole(&table.snapshot(), &FileFilter::all(), &CompactionSettings::default());
    let today = annals_event::Day::of_us(SystemClock.now_us());
    expire(&bed.table(), today).unwrap();
    let store = bed.store(Arc::new(OsFileSystem));
    for group in plan.groups {
        let settings = CompactionSettings::default();
        let outcome = compact(&table, &store, &group, &ParquetSettings::default(), &settings, SystemClock.now_us());
        assert_eq!(outcome.unwrap() == CompactionOutcome::Overtaken, group.day < today);
    }
    assert!(table.snapshot().files(&FileFilter::all()).iter().all(|file| file.day >= today));
}

#[test]
fn a_damaged_file_is_left_with_its_group() {
    let bed = Bed::new();
    let (_writer, table) = filled(&bed, 3, 200);
    let plan = CompactionPlan::whole(&table.snapshot(), &FileFilter::all(), &CompactionSettings::default());
    let group = &plan.groups[0];
    let path = bed.dir.path().join("store/events").join(&group.files[1].path);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (store, settings) = (bed.store(Arc::new(OsFileSystem)), CompactionSettings::default());
    let error =
        compact(&table, &store, group, &ParquetSettings::default(), &settings, SystemClock.now_us()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains(&group.files[1].path));
    assert_eq!(bed.table().snapshot().compactions(), 0);
}

#[test]
fn a_growing_partition_waits_for_enough_files_and_a_quiet_one_does_not() {
    let bed = Bed::new();
    let (_writer, table) = filled(&bed, 3, 50);
    let (snapshot, settings) = (table.snapshot(), CompactionSettings::default());
    let now_us = SystemClock.now_us();
    assert!(CompactionPlan::due(&snapshot, &settings, now_us).groups.is_empty());
    assert!(!CompactionPlan::due(&snapshot, &settings, now_us + 31 * 60 * 1_000_000).groups.is_empty());
    let eager = CompactionSettings { files_min: 3, ..settings };
    assert!(CompactionPlan::due(&snapshot, &eager, now_us).groups.iter().all(|group| group.files.len() == 3));
    assert!(!CompactionPlan::due(&snapshot, &eager, now_us).groups.is_empty());
}

#[test]
fn a_compaction_without_a_number_of_its_own_is_no_change() {
    let bed = Bed::new();
    let (_writer, table) = filled(&bed, 1, 10);
    let change = TableChange { compaction: Some(0), operation: Operation::Optimize, ..TableChange::delete(Vec::new()) };
    assert_eq!(table.commit(change).unwrap_err().kind(), annals_table::ErrorKind::Invalid);
    assert!(rows(&table, &table.snapshot()).iter().all(|row| !row.is_empty()));
    assert_eq!(table.snapshot().files(&FileFilter::all())[0].origin.unwrap().first_lsn, Lsn(1));
}

#[test]
fn a_merge_that_is_not_row_for_row_is_given_up() {
    let bed = Bed::new();
    let (_writer, table) = filled(&bed, 3, 200);
    let before = rows(&table, &table.snapshot());
    let (store, settings) = (bed.store(Arc::new(OsFileSystem)), CompactionSettings::default());
    let mut group = CompactionPlan::whole(&table.snapshot(), &FileFilter::all(), &settings).groups.remove(0);
    // What the log says of a file is one row more than was read of it.
    Arc::make_mut(&mut group.files[0]).rows += 1;
    let outcome = compact(&table, &store, &group, &ParquetSettings::default(), &settings, SystemClock.now_us());
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!((table.snapshot().compactions(), rows(&table, &table.snapshot())), (0, before));
}

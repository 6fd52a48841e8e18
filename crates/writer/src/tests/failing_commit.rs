//! A store in which nothing can be committed: what stays, and what goes at the next start.

use std::path::Path;

use super::*;

/// A writer with a closed segment and more, of which nothing could be committed; all segments are still there by its own
/// word. Answers the number of rows.
fn write_without_commit(bed: &Bed) -> u64 {
    // The table is there before commits begin to fail.
    drop(bed.table());
    let store_fs = Arc::new(FaultyFileSystem::default());
    let (writer, _) = bed.try_open_over(Arc::clone(&store_fs) as _, Arc::new(OsFileSystem)).unwrap();
    store_fs.fail_links();
    let mut rows = 0;
    while writer.status().wal_segments < 3 {
        rows += writer.append(batch(50), Ack::Wal).unwrap().wait().unwrap().accepted;
    }
    writer.flush().unwrap_err();
    assert_eq!((writer.status().watermark, writer.status().wal_segments), (Lsn(0), 3));
    writer.close(false).unwrap();
    rows
}

fn data_files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => data_files(&path),
            false => usize::from(path.extension().is_some_and(|extension| extension == "parquet")),
        })
        .sum()
}

#[test]
fn the_log_keeps_what_could_not_be_committed() {
    let bed = Bed::new();
    let rows = write_without_commit(&bed);
    let (writer, table) = bed.open();
    assert_eq!(tail_rows(&writer) as u64, rows);
    writer.close(true).unwrap();
    assert_eq!(table.snapshot().totals().rows, rows);
}

#[test]
fn a_start_removes_the_files_of_a_flush_that_was_not_committed() {
    let bed = Bed::new();
    write_without_commit(&bed);
    let events = bed.dir.path().join("store").join("events");
    assert_eq!(data_files(&events), 1, "the flush got as far as its commit");
    let (writer, table) = bed.open();
    assert_eq!(data_files(&events), 0);
    writer.append(batch(1), Ack::Wal).unwrap().wait().unwrap();
    writer.close(true).unwrap();
    assert_eq!(data_files(&events), table.snapshot().totals().files as usize);
}

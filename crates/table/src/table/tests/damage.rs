//! Damaged files of the log: each is found, and what can be done without is done without.

use delta_kernel::Snapshot as KernelSnapshot;
use delta_kernel_default_engine::DefaultEngineBuilder;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;

use super::*;

const CHECKPOINT: &str = "_delta_log/00000000000000000003.checkpoint.parquet";
const POINTER: &str = "_delta_log/_last_checkpoint";

impl Bed {
    fn bytes(&self, path: &str) -> Vec<u8> {
        let get = async { self.objects.get(&Path::from(path)).await?.bytes().await };
        self.runtime.block_on(get).unwrap().to_vec()
    }

    fn put_bytes(&self, path: &str, bytes: &[u8]) {
        self.runtime.block_on(self.objects.put(&Path::from(path), bytes.to_vec().into())).unwrap();
    }

    fn try_open(&self) -> Result<Table> {
        let opened = Table::open_at(
            Arc::clone(&self.objects),
            self.runtime.handle().clone(),
            TableOptions::events(),
            Arc::new(StoppedClock),
        )?;
        Ok(opened.expect("there is a log"))
    }

    /// Opens the table, which must not work, and answers with the message.
    #[track_caller]
    fn refused(&self, file: &str) -> String {
        let error = self.try_open().expect_err(file);
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{message}");
        assert!(message.contains(file), "{file} is not named: {message}");
        message
    }
}

/// A table of four flushes, with a checkpoint of the third.
fn table_with_checkpoint(bed: &Bed) -> Arc<Snapshot> {
    let table = bed.table();
    for n in 1..=4 {
        committed(table.commit(flush(vec![file(n * 10, n * 10 + 9)], n * 10 + 9)));
        if n == 3 {
            table.checkpoint().unwrap();
        }
    }
    table.snapshot()
}

/// `bytes` with one bit in about every `step`th byte the other way round, one after another.
fn flipped(bytes: &[u8], step: usize) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).step_by(step).map(move |at| {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 1 << (at / step % 8);
        (at, damaged)
    })
}

#[test]
fn a_digit_that_changed_in_a_commit_is_not_believed() {
    let bed = Bed::new();
    let onlooker = bed.table();
    committed(bed.table().commit(flush(vec![file(1, 10)], 10)));
    let path = log_entry(1);
    let entry = bed.text(&path);
    for (from, to) in [
        (r#"\"numRecords\":10"#, r#"\"numRecords\":90"#),
        (r#""version":10"#, r#""version":90"#),
        ("2026-05-31T00:00:00.001Z", "2026-05-31T00:00:09.001Z"),
        (r#""project_id":"acme""#, r#""project_id":"acne""#),
        (r#""size":1001"#, r#""size":1009"#),
    ] {
        assert!(entry.contains(from), "{from} is not in {entry}");
        bed.put(&path, &entry.replacen(from, to, 1));
        bed.refused(&path);
        let error = onlooker.refresh().unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(&path), "{error}");
        assert_eq!(onlooker.snapshot().version(), 0, "what was published stays");
    }
    bed.put(&path, &entry);
    assert_eq!(onlooker.refresh().unwrap().version(), 1);
}

#[test]
fn a_commit_is_damaged_wherever_it_is_cut_or_flipped() {
    let bed = Bed::new();
    committed(bed.table().commit(flush(vec![file(1, 10)], 10)));
    for version in [0, 1] {
        let path = log_entry(version);
        let whole = bed.bytes(&path);
        for (_, damaged) in flipped(&whole, 41) {
            bed.put_bytes(&path, &damaged);
            bed.refused(&path);
        }
        for left in (0..whole.len()).step_by(37) {
            bed.put_bytes(&path, &whole[..left]);
            bed.refused(&path);
        }
        bed.put_bytes(&path, &whole);
    }
    bed.try_open().unwrap();
}

#[test]
fn a_damaged_checkpoint_is_passed_over_while_the_commits_are_there() {
    let bed = Bed::new();
    let expected = table_with_checkpoint(&bed);
    let whole = bed.bytes(CHECKPOINT);
    for (at, damaged) in flipped(&whole, whole.len() / 60) {
        bed.put_bytes(CHECKPOINT, &damaged);
        let table = bed.try_open().unwrap_or_else(|error| panic!("byte {at}: {error}"));
        assert_same(&expected, &table.snapshot());
    }
    for left in (0..whole.len()).step_by(whole.len() / 30) {
        bed.put_bytes(CHECKPOINT, &whole[..left]);
        assert_same(&expected, &bed.try_open().unwrap().snapshot());
    }
    // The next checkpoint is whole again, and what it stands for is gone for good.
    let table = bed.try_open().unwrap();
    table.checkpoint().unwrap();
    for version in 0..=3 {
        bed.delete(&log_entry(version));
    }
    assert_same(&expected, &bed.try_open().unwrap().snapshot());
}

#[test]
fn the_older_of_two_checkpoints_is_gone_back_to() {
    let bed = Bed::new();
    table_with_checkpoint(&bed);
    let table = bed.try_open().unwrap();
    committed(table.commit(flush(vec![file(60, 69)], 69)));
    table.checkpoint().unwrap();
    let expected = table.snapshot();
    for version in 0..=3 {
        bed.delete(&log_entry(version));
    }
    let newest = CHECKPOINT.replace("03.", "05.");
    let mut bytes = bed.bytes(&newest);
    bytes[5] ^= 4;
    bed.put_bytes(&newest, &bytes);
    assert_same(&expected, &bed.try_open().unwrap().snapshot());
    let mut bytes = bed.bytes(CHECKPOINT);
    bytes[5] ^= 4;
    bed.put_bytes(CHECKPOINT, &bytes);
    bed.refused(&newest);
}

#[test]
fn a_damaged_checkpoint_without_the_commits_before_it_stops_the_opening() {
    let bed = Bed::new();
    let expected = table_with_checkpoint(&bed);
    for version in 0..=2 {
        bed.delete(&log_entry(version));
    }
    let whole = bed.bytes(CHECKPOINT);
    for (_, damaged) in flipped(&whole, whole.len() / 60) {
        bed.put_bytes(CHECKPOINT, &damaged);
        bed.refused(CHECKPOINT);
    }
    bed.put_bytes(CHECKPOINT, &whole);
    assert_same(&expected, &bed.try_open().unwrap().snapshot());
    bed.delete(CHECKPOINT);
    bed.delete(POINTER);
    assert_eq!(bed.try_open().unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn commits_without_those_before_them_are_not_taken_for_all_there_is() {
    let bed = Bed::new();
    table_with_checkpoint(&bed);
    let creation = bed.text(&log_entry(0));
    let protocol = creation.lines().find(|line| line.contains("protocol")).unwrap();
    bed.append_entry(5, &format!("{protocol}\n{}", metadata_line(&creation)));
    for path in bed.paths().iter().filter(|path| !path.ends_with("5.json")) {
        bed.delete(path);
    }
    assert!(bed.refused("_delta_log").contains("no beginning"));
}

#[test]
fn a_checkpoint_of_ours_without_its_sums_is_damaged() {
    let bed = Bed::new();
    table_with_checkpoint(&bed);
    for version in 0..=2 {
        bed.delete(&log_entry(version));
    }
    let whole = bed.bytes(CHECKPOINT);
    let find = |mark: &[u8]| whole.windows(mark.len()).rposition(|window| window == mark).unwrap();
    let (key, value, root) = (find(b"annals.checksums"), find(b"annals-crc32c"), find(b"annals_checkpoint"));
    assert!(key - root > 4_096, "no page holds both marks");
    for at in [key, value, root] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        bed.put_bytes(CHECKPOINT, &damaged);
        bed.refused(CHECKPOINT);
    }
}

#[test]
fn a_damaged_pointer_to_the_newest_checkpoint_does_not_matter() {
    let bed = Bed::new();
    let expected = table_with_checkpoint(&bed);
    let whole = bed.bytes(POINTER);
    for (_, damaged) in flipped(&whole, 1) {
        bed.put_bytes(POINTER, &damaged);
        assert_same(&expected, &bed.try_open().unwrap().snapshot());
    }
    for left in 0..whole.len() {
        bed.put_bytes(POINTER, &whole[..left]);
        assert_same(&expected, &bed.try_open().unwrap().snapshot());
    }
    // A pointer to a version that has no checkpoint, which without its sum would be believed.
    let text = String::from_utf8(whole).unwrap();
    let moved = text.replacen(r#""version":3"#, r#""version":9"#, 1);
    assert_ne!(moved, text);
    bed.put(POINTER, &moved);
    assert_same(&expected, &bed.try_open().unwrap().snapshot());
}

#[test]
fn a_checkpoint_of_another_program_is_read_as_it_is() {
    let bed = Bed::new();
    let table = bed.table();
    for n in 1..=3 {
        committed(table.commit(flush(vec![file(n * 10, n * 10 + 9)], n * 10 + 9)));
    }
    let executor = Arc::new(TokioMultiThreadExecutor::new(bed.runtime.handle().clone()));
    let engine = DefaultEngineBuilder::new(Arc::clone(&bed.objects)).with_task_executor(executor).build();
    KernelSnapshot::builder_for("file:///").build(&engine).unwrap().checkpoint(&engine, None).unwrap();
    for version in 0..=2 {
        bed.delete(&log_entry(version));
    }
    assert_same(&table.snapshot(), &bed.try_open().unwrap().snapshot());
    assert!(!bed.bytes(CHECKPOINT).windows(6).any(|window| window == b"crc32c"), "it has no sums of ours");
}

#[test]
fn a_checkpoint_is_not_made_of_a_damaged_one() {
    let bed = Bed::new();
    table_with_checkpoint(&bed);
    for version in 0..=3 {
        bed.delete(&log_entry(version));
    }
    let table = bed.try_open().unwrap();
    let mut bytes = bed.bytes(CHECKPOINT);
    bytes[100] ^= 1;
    bed.put_bytes(CHECKPOINT, &bytes);
    let error = table.checkpoint().unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(CHECKPOINT), "{error}");
    assert!(!bed.paths().contains(&CHECKPOINT.replace("03.", "04.")));
}

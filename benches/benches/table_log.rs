//! Bench `table_log`: the table log and file index at 100,000 files.
//!
//! Builds a synthetic log (no data files, only their entries) of 100,000 files over projects and days, in 100 commits,
//! with a checkpoint at its end, and prints what opening, catching up, planning and committing cost. Runs on a disk, where
//! commits wait for syncs, and on a memory file system where one is mounted, where syncs are free.
//!
//! `cargo bench -p annals-benches --bench table_log`
//! `TABLE_LOG_DIR=/path` picks the disk, default is the target folder.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_event::{Day, ProjectId, SystemClock};
use annals_table::{
    CommitOutcome, DataFile, DataFileName, FileFilter, Lsn, OsFileSystem, Store, Table, TableChange, TableOptions,
    WriterId,
};

const FILES: u64 = 100_000;
const COMMITS: u64 = 100;
const DAYS: u64 = 30;
const FIRST_DAY: i32 = 20_600;
const ROWS_A_FILE: u64 = 20_000;
const BUILDER: WriterId = WriterId(0xb11d);
const COMMITTER: WriterId = WriterId(0xc033);
const MEMORY_FILE_SYSTEM: &str = "/dev/shm";

fn main() {
    let disk =
        std::env::var_os("TABLE_LOG_DIR").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for projects in [20, 1_000] {
        for (place, parent) in [("memory", Path::new(MEMORY_FILE_SYSTEM)), ("disk", disk.as_path())] {
            if parent.is_dir() {
                let root = parent.join(format!("annals-table-log-{}", std::process::id()));
                println!("\n{FILES} files, {projects} projects x {DAYS} days, on {place} ({})", parent.display());
                run(&root, projects, runtime.handle());
                std::fs::remove_dir_all(&root).unwrap();
            }
        }
    }
}

fn run(root: &Path, projects: u64, runtime: &tokio::runtime::Handle) {
    let store = Store::open(root.to_str().unwrap(), Arc::new(OsFileSystem), runtime.clone()).unwrap();
    let open = || Table::open_or_create(&store, TableOptions::events(), Arc::new(SystemClock)).unwrap();

    let table = open();
    let files_a_commit = FILES / COMMITS;
    let build: Vec<_> = (0..COMMITS)
        .map(|n| {
            let adds = (0..files_a_commit).map(|i| file(BUILDER, projects, n * files_a_commit + i)).collect();
            time(|| commit(&table, adds, BUILDER, (n + 1) * files_a_commit))
        })
        .collect();
    report("commit of 1,000 files", build);
    report("open from 100 commits", (0..3).map(|_| time(|| drop(open()))).collect());
    report("checkpoint", vec![time(|| table.checkpoint().unwrap())]);
    report("open from a checkpoint", (0..11).map(|_| time(|| drop(open()))).collect());

    let follower = open();
    let (mut commits, mut refreshes) = (vec![], vec![]);
    for n in 0..300 {
        let adds = (0..4).map(|i| file(COMMITTER, projects, n * 7 + i)).collect();
        commits.push(time(|| commit(&table, adds, COMMITTER, n + 1)));
        refreshes.push(time(|| drop(follower.refresh().unwrap())));
    }
    report("commit of 4 files", commits);
    report("refresh after one commit", refreshes);
    report("refresh after none", (0..100).map(|_| time(|| drop(follower.refresh().unwrap()))).collect());

    let snapshot = table.snapshot();
    assert_eq!(follower.snapshot().file_count(), snapshot.file_count());
    let plan = |n: u64| {
        let day = Day::from_days(FIRST_DAY + (n % DAYS) as i32);
        let filter =
            FileFilter { projects: Some(vec![project(n % projects)]), time_us: day.start_us()..=day.end_us() - 1 };
        let mut found = 0;
        let took = time(|| found = snapshot.files(&filter).len());
        assert!(found > 0 || projects * DAYS > FILES);
        took
    };
    report("files of a project and day", (0..10_000).map(plan).collect());
    report("all files", (0..20).map(|_| time(|| drop(snapshot.files(&FileFilter::all())))).collect());
    report("remove orphans (nothing stored)", vec![time(|| drop(table.remove_orphans(COMMITTER).unwrap()))]);
}

fn commit(table: &Table, adds: Vec<DataFile>, writer: WriterId, lsn: u64) {
    let change = TableChange::write(adds, Some((writer, Lsn(lsn))));
    assert!(matches!(table.commit(change).unwrap(), CommitOutcome::Committed(_)));
}

fn project(n: u64) -> ProjectId {
    ProjectId::new(&format!("project-{n:04}")).unwrap()
}

/// The n-th file: projects in turn, and each project's days in turn.
fn file(writer: WriterId, projects: u64, n: u64) -> DataFile {
    let day = Day::from_days(FIRST_DAY + (n / projects % DAYS) as i32);
    let project_id = project(n % projects);
    let first = n * ROWS_A_FILE + 1;
    let name = DataFileName { writer, first_lsn: Lsn(first), last_lsn: Lsn(first + ROWS_A_FILE - 1), hash: n };
    let min_timestamp_us = day.start_us() + (n * 7_919 % 80_000) as i64 * 1_000_000;
    DataFile {
        path: format!("project_id={project_id}/day={day}/{name}"),
        project_id,
        day,
        bytes: 2_000_000 + n,
        rows: ROWS_A_FILE,
        min_timestamp_us,
        max_timestamp_us: min_timestamp_us + 600_000_000,
        modified_ms: 1_780_000_000_000 + n as i64,
        origin: Some(name.origin()),
    }
}

#[allow(clippy::disallowed_methods, reason = "a bench measures time")]
fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{what:32} x{:<6} p50 {:>10.2?}  p99 {:>10.2?}", times.len(), at(50), at(99));
}

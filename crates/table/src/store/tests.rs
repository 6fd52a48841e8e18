//! Opening by URL, and the batch put of a flush.

use std::io;

use super::recording::{Call, RecordingFs};
use super::*;
use crate::fs::OsFileSystem;

fn open(url: &str) -> Result<Store> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    Store::open(url, Arc::new(OsFileSystem), runtime.handle().clone())
}

fn files(count: usize) -> Vec<NewObject> {
    let file = |i: usize| NewObject {
        path: format!("project_id=p{}/day=2026-05-{:02}/part-{i}.parquet", i % 7, i % 3 + 1),
        bytes: format!("bytes of {i}").into(),
    };
    (0..count).map(file).collect()
}

#[test]
fn local_stores_open_by_path_and_by_url() {
    let by_url = open("file:///data/log").unwrap();
    assert_eq!(by_url.local_path(), Some(Path::new("/data/log")));
    assert_eq!(by_url.table_url("events").as_str(), "file:///data/log/events/");
    assert_eq!(open("/data/log").unwrap().local_path(), by_url.local_path());
    let relative = open("./annals-data").unwrap();
    assert!(relative.local_path().unwrap().is_absolute() && relative.local_path().unwrap().ends_with("annals-data"));
    assert_eq!(relative.url(), "./annals-data");
}

#[test]
fn s3_stores_open_by_bucket_and_prefix() {
    let store = open("s3://bucket/some/prefix/").unwrap();
    assert_eq!(store.local_path(), None);
    assert_eq!(store.url(), "s3://bucket/some/prefix");
    assert_eq!(store.table_url("events").as_str(), "s3://bucket/some/prefix/events/");
    assert_eq!(open("s3://bucket").unwrap().table_url("events").as_str(), "s3://bucket/events/");
}

#[test]
fn other_urls_are_refused_with_what_to_do() {
    for (url, says) in [
        ("gs://bucket/x", "s3://bucket/prefix"),
        ("http://host/x", "local path"),
        ("s3://key:secret@bucket/x", "AWS_ACCESS_KEY_ID"),
        ("s3://", "names no bucket"),
        ("file://host/x", "file:///path"),
        ("s3://bucket/x?versionId=1", "no query"),
    ] {
        let error = open(url).unwrap_err();
        assert!(error.to_string().contains(says), "{url}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn a_batch_syncs_all_files_then_names_them_then_syncs_each_directory_once() {
    let dir = tempfile::tempdir().unwrap();
    let fs = RecordingFs::new(dir.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Store::open(dir.path().to_str().unwrap(), Arc::new(fs.clone()), runtime.handle().clone()).unwrap();
    store.put_files("events", files(100)).unwrap();
    let calls = fs.take();
    let last = |find: fn(&Call) -> bool| calls.iter().rposition(find).unwrap();
    let first = |find: fn(&Call) -> bool| calls.iter().position(find).unwrap();
    let renamed = |call: &Call| matches!(call, Call::Rename(..));
    let dir_synced = |call: &Call| matches!(call, Call::SyncDir(_));
    assert_eq!(calls.iter().filter(|call| renamed(call)).count(), 100);
    assert_eq!(calls.iter().filter(|call| matches!(call, Call::Sync(_))).count(), 100);
    assert!(last(|call| matches!(call, Call::Sync(_))) < first(renamed), "{calls:#?}");
    let calls = &calls[first(renamed)..];
    assert!(calls.iter().rposition(renamed).unwrap() < calls.iter().position(dir_synced).unwrap(), "{calls:#?}");
    let dirs: Vec<&str> =
        calls.iter().filter_map(|call| if let Call::SyncDir(dir) = call { Some(&**dir) } else { None }).collect();
    assert_eq!(dirs.len(), 21 + 7 + 1, "21 partitions, 7 projects, the table: {dirs:#?}");
    let depth = |dir: &str| dir.split('/').count();
    assert!(dirs.is_sorted_by(|a, b| depth(a) >= depth(b)), "{dirs:#?}");

    store.put_files("events", files(100)).unwrap();
    let dirs = fs.take().into_iter().filter(|call| dir_synced(call)).count();
    assert_eq!(dirs, 21, "directories above are durable already");
    for file in files(100) {
        assert_eq!(std::fs::read(dir.path().join("events").join(file.path)).unwrap(), file.bytes);
    }
}

#[test]
fn a_full_disk_is_exhaustion_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let fs = RecordingFs::new(dir.path());
    fs.fail(Call::Write, io::ErrorKind::StorageFull);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Store::open(dir.path().to_str().unwrap(), Arc::new(fs.clone()), runtime.handle().clone()).unwrap();
    assert_eq!(store.put_files("events", files(30)).unwrap_err().kind(), ErrorKind::Exhausted);
    let put = runtime.block_on(store.table("events").put(&"a".into(), "x".into()));
    assert_eq!(store_error("put", put.unwrap_err()).kind(), ErrorKind::Exhausted);
    assert!(!fs.take().iter().any(|call| matches!(call, Call::Rename(..) | Call::Link(..))));
    assert_eq!(std::fs::read_dir(dir.path().join("events/.tmp")).unwrap().count(), 0);
}

#[test]
fn a_batch_refuses_paths_that_leave_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path().to_str().unwrap()).unwrap();
    for path in ["../x", "a//b", ".tmp/x", "a/../../x"] {
        let file = NewObject { path: path.into(), bytes: Bytes::new() };
        assert!(store.put_files("events", vec![file]).is_err(), "{path}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

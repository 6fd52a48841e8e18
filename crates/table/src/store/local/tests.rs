//! The contract of an object store, and the order of calls that durability rests on.

use futures::executor::block_on;
use object_store::{GetRange, ObjectStoreExt};
use proptest::prelude::*;

use super::*;
use crate::fs::OsFileSystem;
use crate::store::recording::{Call, RecordingFs};

fn os_store() -> (tempfile::TempDir, LocalStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::new(Arc::new(OsFileSystem), dir.path().join("store"));
    (dir, store)
}

fn put(store: &LocalStore, path: &str, bytes: &'static [u8]) {
    block_on(store.put(&path.into(), Bytes::from_static(bytes).into())).unwrap();
}

fn get(store: &LocalStore, path: &str) -> Result<Bytes> {
    block_on(async { store.get(&path.into()).await?.bytes().await })
}

fn listed(stream: BoxStream<'static, Result<ObjectMeta>>) -> Vec<String> {
    block_on(stream.map_ok(|meta| meta.location.to_string()).try_collect()).unwrap()
}

fn create() -> PutOptions {
    PutMode::Create.into()
}

#[test]
fn what_is_put_is_got_whole_and_in_ranges() {
    let (_dir, store) = os_store();
    put(&store, "a/b/c", b"0123456789");
    assert_eq!(get(&store, "a/b/c").unwrap(), "0123456789");
    let path = Path::from("a/b/c");
    let range = |range: GetRange| {
        let options = GetOptions { range: Some(range), ..Default::default() };
        block_on(async { store.get_opts(&path, options).await?.bytes().await })
    };
    assert_eq!(range(GetRange::Suffix(3)).unwrap(), "789");
    assert_eq!(range(GetRange::Offset(8)).unwrap(), "89");
    assert_eq!(range(GetRange::Bounded(2..99)).unwrap(), "23456789");
    assert!(range(GetRange::Bounded(10..12)).is_err());
    assert_eq!(block_on(store.get_ranges(&path, &[7..9, 0..1])).unwrap(), ["78", "0"]);
    assert!(block_on(store.get_ranges(&path, std::slice::from_ref(&(10..11)))).is_err());
    assert!(block_on(store.get_ranges(&path, std::slice::from_ref(&Range { start: 5, end: 2 }))).is_err());
    let meta = block_on(store.head(&path)).unwrap();
    assert_eq!(meta.size, 10);
    assert!(meta.last_modified.timestamp() > 1_600_000_000 && meta.e_tag.is_some());
}

#[test]
fn an_object_larger_than_a_chunk_streams_whole() {
    let (_dir, store) = os_store();
    let bytes: Vec<u8> = (0..STREAM_CHUNK_BYTES as u32 * 2 + 17).map(|i| (i ^ i >> 11) as u8).collect();
    block_on(store.put(&"big".into(), bytes.clone().into())).unwrap();
    assert!(get(&store, "big").unwrap() == bytes);
}

#[test]
fn preconditions_on_the_e_tag_are_kept() {
    let (_dir, store) = os_store();
    put(&store, "a", b"x");
    let e_tag = block_on(store.head(&"a".into())).unwrap().e_tag.unwrap();
    let ask = |options: GetOptions| block_on(store.get_opts(&"a".into(), options)).map(drop);
    ask(GetOptions { if_match: Some(e_tag.clone()), ..Default::default() }).unwrap();
    let error = ask(GetOptions { if_none_match: Some(e_tag), ..Default::default() }).unwrap_err();
    assert!(matches!(error, Error::NotModified { .. }));
    let error = ask(GetOptions { if_match: Some("other".into()), ..Default::default() }).unwrap_err();
    assert!(matches!(error, Error::Precondition { .. }));
}

#[test]
fn missing_objects_and_directories_are_not_found() {
    let (_dir, store) = os_store();
    put(&store, "a/b", b"x");
    for path in ["nothing", "a", "a/b/c", "x/y"] {
        assert!(matches!(get(&store, path), Err(Error::NotFound { .. })), "{path}");
        assert!(matches!(block_on(store.head(&path.into())), Err(Error::NotFound { .. })), "{path}");
        assert!(matches!(block_on(store.delete(&path.into())), Err(Error::NotFound { .. })), "{path}");
        assert!(matches!(block_on(store.copy(&path.into(), &"z".into())), Err(Error::NotFound { .. })), "{path}");
    }
}

#[test]
fn creating_has_one_winner_among_threads() {
    let (_dir, store) = os_store();
    for round in 0..50 {
        let path = Path::from(format!("log/{round:020}.json"));
        let wins: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8_usize)
                .map(|me| {
                    let (store, path) = (store.clone(), path.clone());
                    scope.spawn(move || match block_on(store.put_opts(&path, format!("by {me}").into(), create())) {
                        Ok(_) => Some(me),
                        Err(Error::AlreadyExists { .. }) => None,
                        Err(other) => panic!("{other}"),
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(wins.len(), 1);
        assert_eq!(get(&store, path.as_ref()).unwrap(), format!("by {}", wins[0]));
    }
    assert_eq!(listed(store.list(None)).len(), 50);
}

#[test]
fn overwriting_replaces_and_leaves_no_temporary() {
    let (dir, store) = os_store();
    put(&store, "a/b", b"old");
    put(&store, "a/b", b"new one");
    assert!(matches!(block_on(store.put_opts(&"a/b".into(), "x".into(), create())), Err(Error::AlreadyExists { .. })));
    assert_eq!(get(&store, "a/b").unwrap(), "new one");
    assert_eq!(std::fs::read_dir(dir.path().join("store/.tmp")).unwrap().count(), 0);
}

#[test]
fn copies_and_renames_refuse_or_replace_as_asked() {
    let (_dir, store) = os_store();
    put(&store, "a", b"A");
    put(&store, "b", b"B");
    let exists = |outcome: Result<()>| assert!(matches!(outcome, Err(Error::AlreadyExists { .. })));
    exists(block_on(store.copy_if_not_exists(&"a".into(), &"b".into())));
    exists(block_on(store.rename_if_not_exists(&"a".into(), &"b".into())));
    assert_eq!((get(&store, "a").unwrap(), get(&store, "b").unwrap()), ("A".into(), "B".into()));
    block_on(store.copy(&"a".into(), &"b".into())).unwrap();
    block_on(store.rename_if_not_exists(&"a".into(), &"x/y".into())).unwrap();
    block_on(store.rename(&"b".into(), &"x/z".into())).unwrap();
    put(&store, "x/z", b"C");
    assert_eq!((get(&store, "x/y").unwrap(), get(&store, "x/z").unwrap()), ("A".into(), "C".into()));
    assert_eq!(listed(store.list(None)), ["x/y", "x/z"]);
}

#[test]
fn a_listing_with_delimiter_shows_one_level() {
    let (_dir, store) = os_store();
    for path in ["t/a", "t/b/c", "t/b/d", "t/c/e/f", "u"] {
        put(&store, path, b"x");
    }
    let level = block_on(store.list_with_delimiter(Some(&"t".into()))).unwrap();
    assert_eq!(level.common_prefixes, [Path::from("t/b"), Path::from("t/c")]);
    assert_eq!(level.objects.iter().map(|o| o.location.as_ref()).collect::<Vec<_>>(), ["t/a"]);
    let level = block_on(store.list_with_delimiter(None)).unwrap();
    assert_eq!((level.common_prefixes.len(), level.objects.len()), (1, 1));
    assert!(block_on(store.list_with_delimiter(Some(&"nothing".into()))).unwrap().objects.is_empty());
}

#[test]
fn deleting_many_answers_for_each() {
    let (_dir, store) = os_store();
    put(&store, "a/1", b"x");
    put(&store, "b/2", b"x");
    let paths = ["a/1", "nothing", "b/2"].map(|path| Ok(Path::from(path)));
    let outcomes: Vec<_> = block_on(store.delete_stream(stream::iter(paths).boxed()).collect());
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(listed(store.list(None)).is_empty());
}

#[test]
fn a_multipart_upload_is_seen_only_when_complete() {
    let (dir, store) = os_store();
    let mut upload = block_on(store.put_multipart(&"m".into())).unwrap();
    let (first, second) = (upload.put_part("first ".into()), upload.put_part("second".into()));
    block_on(second).unwrap();
    block_on(first).unwrap();
    assert!(get(&store, "m").is_err() && listed(store.list(None)).is_empty());
    block_on(upload.complete()).unwrap();
    assert_eq!(get(&store, "m").unwrap(), "first second");
    let mut upload = block_on(store.put_multipart(&"n".into())).unwrap();
    block_on(upload.put_part("x".into())).unwrap();
    block_on(upload.abort()).unwrap();
    assert!(get(&store, "n").is_err());
    assert_eq!(std::fs::read_dir(dir.path().join("store/.tmp")).unwrap().count(), 0);
}

#[test]
fn no_path_leaves_the_root_or_touches_what_is_the_stores_own() {
    let (dir, store) = os_store();
    std::fs::write(dir.path().join("secret"), "s").unwrap();
    put(&store, "a", b"x");
    for path in [".tmp/0", "a/.tmp", ".tmp-x/y"] {
        assert!(block_on(store.put(&path.into(), "x".into())).is_err(), "{path}");
        assert!(get(&store, path).is_err(), "{path}");
    }
    // `Path` itself makes plain segments of these; they must stay inside.
    for path in ["../secret", "a/../../secret", "/secret", "%2e%2e/secret", "..\\secret", "\0"] {
        assert!(get(&store, path).is_err(), "{path}");
        let file = store.file_of(&path.into()).unwrap();
        assert!(file.starts_with(dir.path().join("store")) && !file.components().any(|c| c.as_os_str() == ".."));
    }
    assert!(Path::parse("../secret").is_err() && Path::parse("a/\0").is_err());
}

#[test]
fn foreign_temporaries_are_not_listed() {
    let (dir, store) = os_store();
    put(&store, "a/b", b"x");
    std::fs::write(dir.path().join("store/.tmp/left"), "x").unwrap();
    std::fs::write(dir.path().join("store/a/.tmp-left"), "x").unwrap();
    assert_eq!(listed(store.list(None)), ["a/b"]);
    assert_eq!(block_on(store.list_with_delimiter(None)).unwrap().common_prefixes, [Path::from("a")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn listings_are_in_byte_order_and_begin_after_the_offset(
        names in prop::collection::btree_set("[a-c]{1,2}(/[a-c.-]?[a-c]{1,2}){0,2}", 1..20),
        offset in "[a-c]{1,2}(/[a-c.-]?[a-c]{0,2}){0,2}",
    ) {
        // A name is an object or a directory, not both.
        let names: Vec<String> = names.iter().filter(|name| !names.iter().any(|other| other.starts_with(&format!("{name}/")))).cloned().collect();
        let (_dir, store) = os_store();
        for name in &names {
            block_on(store.put(&Path::parse(name).unwrap(), "x".into())).unwrap();
        }
        let mut expected = names.clone();
        expected.sort();
        prop_assert_eq!(listed(store.list(None)), expected.clone());
        let Ok(offset) = Path::parse(&offset) else { return Ok(()) };
        let after: Vec<_> = expected.iter().filter(|name| name.as_str() > offset.as_ref()).cloned().collect();
        prop_assert_eq!(listed(store.list_with_offset(None, &offset)), after);
        let below: Vec<_> = expected.iter().filter(|name| name.starts_with("a/")).cloned().collect();
        prop_assert_eq!(listed(store.list(Some(&"a".into()))), below);
    }
}

#[test]
fn a_put_syncs_the_file_then_names_it_then_syncs_every_directory_to_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let fs = RecordingFs::new(dir.path());
    let store = LocalStore::new(Arc::new(fs.clone()), dir.path().join("t"));
    block_on(store.put_opts(&"p/d/one".into(), "x".into(), create())).unwrap();
    let calls = fs.take();
    let at = |find: &dyn Fn(&Call) -> bool| calls.iter().position(find).unwrap_or_else(|| panic!("{calls:#?}"));
    let synced = at(&|call| matches!(call, Call::Sync(path) if path.starts_with("t/.tmp/")));
    let linked = at(&|call| matches!(call, Call::Link(_, to) if to == "t/p/d/one"));
    let removed = at(&|call| matches!(call, Call::Remove(path) if path.starts_with("t/.tmp/")));
    let dir_synced = |dir: &str| calls.iter().rposition(|call| *call == Call::SyncDir(dir.into())).unwrap();
    let dirs = ["t/p/d", "t/p", "t"].map(dir_synced);
    assert!(synced < linked && linked < dirs[0] && dirs.is_sorted() && dirs[2] < removed, "{calls:#?}");
    assert!(at(&|call| *call == Call::CreateDir("t".into())) < dir_synced("."), "{calls:#?}");

    // The directories above are durable now.
    block_on(store.put(&"p/d/two".into(), "x".into())).unwrap();
    let dirs: Vec<Call> = fs.take().into_iter().filter(|call| matches!(call, Call::SyncDir(_))).collect();
    assert_eq!(dirs, [Call::SyncDir("t/p/d".into())]);
}

#[test]
fn directories_that_another_process_made_are_synced_once_too() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("t/p/d")).unwrap();
    let fs = RecordingFs::new(dir.path());
    let store = LocalStore::new(Arc::new(fs.clone()), dir.path().join("t"));
    put(&store, "p/d/one", b"x");
    let dirs: Vec<Call> = fs.take().into_iter().filter(|call| matches!(call, Call::SyncDir(_))).collect();
    assert!(dirs.ends_with(&["t/p/d", "t/p", "t"].map(|dir| Call::SyncDir(dir.into()))), "{dirs:?}");
}

#[test]
fn a_directory_that_vanishes_is_made_and_synced_again() {
    let (dir, store) = os_store();
    put(&store, "p/d/one", b"x");
    std::fs::remove_dir_all(dir.path().join("store/p")).unwrap();
    put(&store, "p/d/two", b"x");
    assert_eq!(listed(store.list(None)), ["p/d/two"]);
}

#[test]
fn a_failed_sync_gives_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let fs = RecordingFs::new(dir.path());
    let store = LocalStore::new(Arc::new(fs.clone()), dir.path().to_path_buf());
    put(&store, "a", b"x");
    let Some(Call::Create(first)) = fs.take().into_iter().find(|call| matches!(call, Call::Create(_))) else {
        panic!()
    };
    let number = u64::from_str_radix(first.rsplit('/').next().unwrap(), 16).unwrap();
    fs.fail(Call::Sync(format!(".tmp/{:x}", number + 1)), io::ErrorKind::Other);
    assert!(block_on(store.put(&"b".into(), "x".into())).is_err());
    let calls = fs.take();
    assert!(!calls.iter().any(|call| matches!(call, Call::Rename(..) | Call::Link(..))), "{calls:?}");
    assert!(calls.iter().any(|call| matches!(call, Call::Remove(_))), "{calls:?}");
}

/// A store in whose directory `d` a put failed at the sync of the name, on a disk that is well again.
fn store_in_doubt() -> (tempfile::TempDir, RecordingFs, LocalStore) {
    let dir = tempfile::tempdir().unwrap();
    let fs = RecordingFs::new(dir.path());
    let store = LocalStore::new(Arc::new(fs.clone()), dir.path().to_path_buf());
    put(&store, "d/old", b"x");
    fs.fail(Call::SyncDir("d".into()), io::ErrorKind::Other);
    assert!(block_on(store.put(&"d/new".into(), "x".into())).is_err());
    fs.mend();
    fs.take();
    (dir, fs, store)
}

fn dir_syncs(fs: &RecordingFs) -> usize {
    fs.take().iter().filter(|call| **call == Call::SyncDir("d".into())).count()
}

#[test]
fn a_read_while_a_doubtful_directory_is_synced_does_not_wait_for_it() {
    let (_dir, fs, store) = store_in_doubt();
    let (told, read) = std::sync::mpsc::sync_channel(1);
    let other = store.clone();
    fs.during(Call::SyncDir("d".into()), move || {
        // On a thread of its own: one that waited would wait for ever.
        let reader = std::thread::spawn(move || told.send(get(&other, "d/old").unwrap()).unwrap());
        let seconds = std::time::Duration::from_secs(20);
        assert_eq!(read.recv_timeout(seconds).expect("the read waits for the sync"), "x");
        reader.join().unwrap();
    });
    assert_eq!(get(&store, "d/new").unwrap(), "x");
    assert_eq!(dir_syncs(&fs), 2, "each reader has synced what it rests on");
    get(&store, "d/new").unwrap();
    assert_eq!(dir_syncs(&fs), 0, "then nothing is in doubt");
}

#[test]
fn a_sync_that_fails_while_another_settles_leaves_the_directory_in_doubt() {
    let (_dir, fs, store) = store_in_doubt();
    let (failing, other) = (fs.clone(), store.clone());
    fs.during(Call::SyncDir("d".into()), move || {
        failing.fail(Call::SyncDir("d".into()), io::ErrorKind::Other);
        std::thread::spawn(move || block_on(other.put(&"d/newer".into(), "x".into())).unwrap_err()).join().unwrap();
        failing.mend();
    });
    get(&store, "d/new").unwrap();
    fs.take();
    get(&store, "d/newer").unwrap();
    assert_eq!(dir_syncs(&fs), 1, "the later failure is not settled by the earlier sync");
}

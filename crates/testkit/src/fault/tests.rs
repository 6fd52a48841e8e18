//! The model against what it claims: a model that forgives proves nothing.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use annals_table::FileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::*;

fn disk() -> ModelFileSystem {
    ModelFileSystem::new(Arc::new(SimClock::new(1)), 7)
}

fn read(fs: &ModelFileSystem, path: &str) -> Option<Vec<u8>> {
    fs.image().get(Path::new(path)).cloned()
}

#[test]
fn what_was_not_synced_is_gone_after_a_loss_of_power_and_there_after_a_kill() {
    let fs = disk();
    let file = fs.create_new(Path::new("/f")).unwrap();
    file.write_all_at(b"synced", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(read(&fs.power_lost(Unsynced::Lost, 1), "/f"), None, "its name was not synced");
    let fs = fs.killed();
    assert_eq!(read(&fs, "/f").unwrap(), b"synced");
    fs.sync_dir(Path::new("/")).unwrap();
    let file = fs.open(Path::new("/f"), true).unwrap();
    file.write_all_at(b" and not", 6).unwrap();
    let killed = fs.killed();
    assert_eq!(read(&killed, "/f").unwrap(), b"synced and not");
    assert_eq!(read(&killed.power_lost(Unsynced::Lost, 1), "/f").unwrap(), b"synced");
    assert!(file.write_all_at(b"x", 0).is_err(), "the process is gone");
}

#[test]
fn reordered_sectors_and_names_arrive_each_by_itself() {
    let (mut sizes, mut halves) = (std::collections::BTreeSet::new(), 0);
    for seed in 0..64 {
        let fs = disk();
        let file = fs.create_new(Path::new("/f")).unwrap();
        file.write_all_at(&[0; 1024], 0).unwrap();
        file.sync_data().unwrap();
        fs.sync_dir(Path::new("/")).unwrap();
        file.write_all_at(&[1; 1536], 0).unwrap();
        fs.rename(Path::new("/f"), Path::new("/g")).unwrap();
        let left = fs.power_lost(Unsynced::Reordered, seed);
        let (old, new) = (read(&left, "/f"), read(&left, "/g"));
        assert!(old.is_some() != new.is_some(), "a rename is whole or not at all");
        let bytes = old.or(new).unwrap();
        sizes.insert(bytes.len());
        halves += usize::from(bytes[0] == 0 && bytes[512] == 1);
        assert!(bytes.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])), "a sector is whole");
    }
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [1024, 1536]);
    assert!(halves > 0, "the second sector may arrive without the first");
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next() {
    let lost = (0..32).filter(|seed| {
        let fs = ModelFileSystem::new(Arc::new(SimClock::new(1)), *seed);
        let file = fs.create_new(Path::new("/f")).unwrap();
        fs.sync_dir(Path::new("/")).unwrap();
        file.write_all_at(&[1; 4096], 0).unwrap();
        fs.follow(|operation| (operation.kind == FsOperationKind::SyncData).then_some(FsFault::Fail(ErrorKind::Other)));
        file.sync_data().unwrap_err();
        fs.follow_nothing();
        file.sync_data().unwrap();
        read(&fs.power_lost(Unsynced::Lost, 1), "/f").unwrap() != [1; 4096]
    });
    assert!(lost.count() > 16);
}

#[test]
fn a_directory_that_was_not_synced_takes_what_is_in_it_along() {
    let fs = disk();
    fs.create_dir(Path::new("/d")).unwrap();
    let file = fs.create_new(Path::new("/d/f")).unwrap();
    file.sync_data().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    assert!(fs.power_lost(Unsynced::Lost, 1).image().is_empty());
}

#[test]
fn a_full_disk_takes_what_fits_and_a_lock_ends_with_its_handle() {
    let fs = disk();
    let file = fs.create_new(Path::new("/f")).unwrap();
    fs.set_capacity(Some(10));
    assert_eq!(file.write_all_at(&[1; 16], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 10);
    file.write_all_at(&[2; 10], 0).unwrap();
    let other = fs.open(Path::new("/f"), true).unwrap();
    assert!(file.try_lock().unwrap() && !other.try_lock().unwrap());
    drop(file);
    assert!(other.try_lock().unwrap());
    assert!(fs.killed().open(Path::new("/f"), true).unwrap().try_lock().unwrap());
}

#[test]
fn an_answer_is_lost_before_or_after_the_object_landed() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for (fault, lands) in [
            (StoreFault::Before, false),
            (StoreFault::SlowDown, false),
            (StoreFault::Timeout, true),
            (StoreFault::OwnConflict, true),
            (StoreFault::OwnPrecondition, true),
        ] {
            let store = FaultyStore::new(Arc::new(InMemory::new()));
            store.follow(move |operation| (operation.kind == StoreOperationKind::PutCreate).then_some(fault));
            let path = ObjectPath::from("a");
            let create = PutOptions::from(PutMode::Create);
            store.put_opts(&path, "body".into(), create).await.unwrap_err();
            assert_eq!(store.get(&path).await.is_ok(), lands, "{fault:?}");
        }
        let store = FaultyStore::new(Arc::new(InMemory::new()));
        store.put(&ObjectPath::from("a"), "body".into()).await.unwrap();
        store.follow(|_| Some(StoreFault::ShortBody));
        store.get(&ObjectPath::from("a")).await.unwrap().bytes().await.unwrap_err();
        store.follow(|_| Some(StoreFault::StaleList));
        let listed: Vec<_> = futures::StreamExt::collect(store.list(None)).await;
        assert!(listed.is_empty());
    });
}

//! [`Place`]: where a simulated store lies, and what outlives its processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use annals_event::Clock;
use annals_table::{FileSystem, Store};
use annals_testkit::fault::{FaultyStore, ModelFileSystem, SimClock, Unsynced};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

/// 2026-06-01T00:00:00Z, in microseconds.
pub(crate) const START_US: i64 = 1_780_272_000_000_000;

/// Where data files and table log lie.
#[derive(Clone, Debug)]
pub(crate) enum Objects {
    /// On the disk of the write-ahead log.
    Local,
    /// In an object store.
    Remote(Arc<FaultyStore>),
}

/// A disk, objects and a clock.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) fs: ModelFileSystem,
    pub(crate) objects: Objects,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) runtime: Handle,
    pub(crate) seed: u64,
}

impl Place {
    pub(crate) fn new(remote: bool, seed: u64, runtime: &Handle) -> Self {
        let clock = Arc::new(SimClock::new(START_US));
        let fs = ModelFileSystem::new(Arc::clone(&clock) as _, seed);
        let objects = match remote {
            true => Objects::Remote(Arc::new(FaultyStore::new(Arc::new(InMemory::new())))),
            false => Objects::Local,
        };
        // The folders that a user's disk has before there is a store.
        fs.create_dir(&PathBuf::from("/disk")).unwrap();
        fs.sync_dir(&PathBuf::from("/")).unwrap();
        Self { fs, objects, clock, runtime: runtime.clone(), seed }
    }

    pub(crate) fn store(&self) -> Store {
        match &self.objects {
            Objects::Local => Store::open("/disk/store", Arc::new(self.fs.clone()), self.runtime.clone()),
            Objects::Remote(objects) => Store::over(Arc::clone(objects) as _, "sim://store", self.runtime.clone()),
        }
        .unwrap()
    }

    pub(crate) fn wal_dir(&self) -> PathBuf {
        PathBuf::from("/disk/wal")
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// The process is killed: its disk is as it wrote it.
    pub(crate) fn kill(&mut self) {
        self.fs = self.fs.killed();
    }

    /// Power is lost.
    pub(crate) fn lose_power(&mut self, unsynced: Unsynced, seed: u64) {
        self.fs = self.fs.power_lost(unsynced, seed);
    }

    /// Every file and object of the place, and its bytes. Of the table log the names alone: the kernel notes in it the time of
    /// day at which it ran.
    pub(crate) fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (path, bytes) in self.fs.image() {
            all.insert(path.display().to_string(), bytes);
        }
        if let Objects::Remote(objects) = &self.objects {
            objects.follow_nothing();
            let read = async {
                let listed: Vec<ObjectMeta> = objects.list(None).try_collect().await?;
                for object in listed {
                    let bytes = objects.get(&object.location).await?.bytes().await?;
                    all.insert(object.location.to_string(), bytes.to_vec());
                }
                Ok::<_, object_store::Error>(())
            };
            self.runtime.block_on(read).unwrap();
        }
        all.iter_mut().filter(|(path, _)| path.contains("_delta_log/")).for_each(|(_, bytes)| bytes.clear());
        all
    }
}

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
use serde_json::Value;
use tokio::runtime::Handle;

/// 2026-06-01T03:00:00Z, in microseconds.
pub(crate) const START_US: i64 = 1_780_282_800_000_000;

/// Where data files and table log lie.
#[derive(Clone, Debug)]
pub(crate) enum Objects {
    /// On the disk of the write-ahead log.
    Local,
    /// In an object store.
    Remote(Arc<FaultyStore>),
}

/// Members of actions in the table log that the kernel makes up from the time of day or by chance, and our sum over them.
const OF_THE_RUN: [&str; 5] = ["timestamp", "txnId", "lastUpdated", "deletionTimestamp", "annalsCrc32c"];

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

    /// Every file and object of the place, and its bytes, without what the kernel notes of its own run.
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
        all.iter_mut().for_each(|(path, bytes)| leave_out_the_run(path, bytes));
        all
    }
}

/// Takes out of a file of the table log, or of one that was to become such, what no seed decides: the kernel writes into a
/// commit the time of day and an id that it draws. Checkpoints repeat it all in Parquet: of these the name is left.
fn leave_out_the_run(path: &str, bytes: &mut Vec<u8>) {
    let is_parquet = bytes.starts_with(b"PAR1");
    match () {
        () if path.contains("/.tmp/") && is_parquet || path.ends_with(".checkpoint.parquet") => bytes.clear(),
        () if path.contains("/.tmp/") || path.ends_with(".json") => {
            let lines = String::from_utf8_lossy(bytes).lines().map(without_the_run).collect::<Vec<_>>();
            *bytes = lines.join("\n").into_bytes();
        }
        () => {}
    }
}

/// A line of a commit, or as much of one as was written.
fn without_the_run(line: &str) -> String {
    let Ok(mut action) = serde_json::from_str::<Value>(line) else {
        // Torn: what it was cut from stands elsewhere.
        return String::new();
    };
    for object in action.as_object_mut().into_iter().flat_map(|action| action.values_mut()) {
        if let Some(members) = object.as_object_mut() {
            members.retain(|name, _| !OF_THE_RUN.contains(&name.as_str()));
        }
    }
    // The pointer to the newest checkpoint is one flat object, with the checkpoint's size in it.
    if let Some(members) = action.as_object_mut() {
        members.retain(|name, value| value.is_object() || name == "version");
    }
    action.to_string()
}

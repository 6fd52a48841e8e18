//! Promises 2 and 3: what was acknowledged survives a loss of power at any sync, and a sync that failed is never
//! acknowledged and never trusted again.

use annals_table::FileSystem;
use annals_testkit::fault::{FsFault, FsOperation, FsOperationKind, Unsynced};
use annals_writer::Ack;
use rand::Rng;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sim::{Findings, Place, World};
use super::{Form, Proof, runtime, seed, settled};

/// The syncs at which a run is stopped: each of them.
const SYNCS: u64 = 200;
/// Events of an append, at most.
const EVENTS_MAX: usize = 12;

/// Does what writers do: appends at all levels, flushes small and large memtables, writes checkpoints.
fn work(world: &mut World, steps: u64) {
    for _ in 0..steps {
        if world.node.is_none() || world.place.fs.is_stopped() {
            return;
        }
        let ack = [Ack::Memory, Ack::Wal, Ack::Wal, Ack::Stored][world.chance.random_range(0..4)];
        world.append(EVENTS_MAX, ack);
        if world.chance.random_bool(0.3) {
            world.append(EVENTS_MAX, Ack::Wal);
        }
        world.log();
        if world.chance.random_bool(0.2) {
            world.wait();
        }
        world.flush();
    }
}

/// A run over a disk where something happens at sync number `at`, then a crash, a restart, more work, a loss of power, a
/// restart. Returns how many events were acknowledged before the first.
///
/// After a failed sync the first crash is a kill as often as not: then the next process finds in the system's memory what the
/// disk never got.
fn run(at: u64, fault: FsFault, unsynced: Unsynced, remote: bool, seed: u64) -> (u64, Findings) {
    let runtime = runtime();
    let mut world = World::new(Place::new(remote, seed, runtime.handle()));
    let syncs = Arc::new(AtomicU64::new(0));
    world.place.fs.follow(move |operation: &FsOperation| {
        let counts = operation.kind.is_sync() && syncs.fetch_add(1, Ordering::SeqCst) + 1 == at;
        counts.then_some(fault)
    });
    // A failed sync in the first start is an error of the start.
    if world.open().is_ok() {
        work(&mut world, 40);
    }
    world.place.fs.follow_nothing();
    let acknowledged = world.oracle.synced();
    let first = if fault == FsFault::Stop || seed.is_multiple_of(2) { Some(unsynced) } else { None };
    for (crash, when) in [(first, "after the first crash"), (Some(unsynced), "after the second")] {
        world.crash(crash);
        if let Err(error) = world.open() {
            world.oracle.findings.wrong(format!("{when}: the store does not open: {error:#}"));
            break;
        }
        world.look(when);
        world.send_again(Ack::Wal);
        work(&mut world, 5);
        world.read(when);
    }
    let mut findings = world.oracle.findings.clone();
    findings
        .told
        .iter_mut()
        .for_each(|told| *told = format!("sync {at}, {fault:?}, {unsynced:?}, seed {seed}: {told}"));
    (acknowledged, findings)
}

fn prove(promise: u32, what: &'static str, fault: FsFault) {
    let form = Form::asked();
    let seed = seed();
    let every = form.of(3, 1);
    let repeats = form.of(1, 5);
    let mut runs = Vec::new();
    for repeat in 0..repeats {
        for at in (1..=SYNCS).filter(|at| (at + seed).is_multiple_of(every)) {
            for unsynced in [Unsynced::Lost, Unsynced::Reordered] {
                let remote = at % 4 == 0;
                let repeat = repeat * 2 + u64::from(unsynced == Unsynced::Lost);
                runs.push((at, unsynced, remote, seed.wrapping_add(repeat * 1_000 + at)));
            }
        }
    }
    settled(Proof { promise, what, ..Proof::default() }, runs, |(at, unsynced, remote, seed)| {
        run(at, fault, unsynced, remote, seed)
    });
}

#[test]
fn power_lost_at_any_sync_loses_nothing_acknowledged() {
    prove(2, "power lost at every sync of 200, unsynced sectors lost or reordered", FsFault::Stop);
}

#[test]
fn a_failed_sync_is_never_acknowledged_nor_trusted() {
    prove(3, "an error at every sync of 200, then power lost", FsFault::Fail(io::ErrorKind::Other));
}

/// Found by the simulation: the process after one whose sync failed finds the frame in the system's memory and syncs it, which
/// writes nothing, for the system takes it for clean. Frames after it then proved that it had been durable.
#[test]
fn a_frame_whose_sync_failed_is_written_again_before_it_is_trusted() {
    for seed in 0..16 {
        let runtime = runtime();
        let mut world = World::new(Place::new(false, seed, runtime.handle()));
        world.open().unwrap();
        world.append(EVENTS_MAX, Ack::Wal);
        world.log();
        world.place.fs.follow(|operation| {
            let is_log = operation.path.starts_with("/disk/wal") && operation.kind == FsOperationKind::SyncData;
            is_log.then_some(FsFault::Fail(io::ErrorKind::Other))
        });
        world.append(EVENTS_MAX, Ack::Wal);
        world.log();
        world.place.fs.follow_nothing();
        world.crash(None);
        world.open().unwrap();
        world.look("after the failed sync");
        world.append(EVENTS_MAX, Ack::Wal);
        world.log();
        world.crash(Some(Unsynced::Lost));
        world.open().unwrap();
        world.look("after the loss of power");
        assert_eq!(world.oracle.findings.told, Vec::<String>::new());
        assert!(world.oracle.synced() > 0);
    }
}

/// Found by chance: the folder of the log had been made by a process whose sync of the folder above failed. The next found
/// it there, wrote and acknowledged, and a loss of power took the folder with the log.
#[test]
fn a_log_folder_whose_name_is_not_durable_yet_is_made_so_by_the_next_start() {
    for fault in [FsFault::Fail(io::ErrorKind::Other), FsFault::Stop] {
        let runtime = runtime();
        // With the objects elsewhere nothing else of the store makes the names of this disk durable.
        let mut world = World::new(Place::new(true, 7, runtime.handle()));
        // Every folder's first sync.
        world.place.fs.follow(move |operation| (operation.kind == FsOperationKind::SyncDir).then_some(fault));
        assert!(world.open().is_err());
        world.place.fs.follow_nothing();
        world.crash(None);
        assert!(world.place.fs.metadata(&world.place.wal_dir()).is_ok(), "the folder was made");
        world.open().unwrap();
        acknowledge_and_lose_power(&mut world);
    }
}

/// Found by the simulation: the sync of the table log's folder failed, the commit was found there when it was read back and
/// taken for durable, the write-ahead log was cut, and a loss of power took the commit.
#[test]
fn a_commit_whose_name_could_not_be_synced_is_not_relied_upon() {
    for kills in [false, true] {
        let runtime = runtime();
        let mut world = World::new(Place::new(false, 7, runtime.handle()));
        world.open().unwrap();
        work(&mut world, 20);
        world.place.fs.follow(|operation| {
            let is_log = operation.path.ends_with("_delta_log") && operation.kind == FsOperationKind::SyncDir;
            is_log.then_some(FsFault::Fail(io::ErrorKind::Other))
        });
        work(&mut world, 20);
        world.wait();
        world.flush();
        if kills {
            world.crash(None);
            world.place.fs.follow_nothing();
            world.open().unwrap();
        }
        // The log goes on into other segments, whose names make the removal of the old ones durable.
        for _ in 0..200 {
            world.append(EVENTS_MAX, Ack::Wal);
            world.log();
        }
        acknowledge_and_lose_power(&mut world);
    }
}

/// A process dies between giving a commit its name and syncing it. The next finds the commit, and whatever it does on its word must
/// not outlive it.
#[test]
fn a_start_makes_the_commit_durable_that_it_finds() {
    let runtime = runtime();
    let mut world = World::new(Place::new(false, 7, runtime.handle()));
    let commits = |world: &World| {
        let image = world.place.fs.image();
        image.keys().filter(|path| path.to_string_lossy().contains("_delta_log/0")).count()
    };
    world.open().unwrap();
    world.append(EVENTS_MAX, Ack::Wal);
    world.log();
    world.place.fs.follow(|operation| {
        let is_log = operation.path.ends_with("_delta_log") && operation.kind == FsOperationKind::SyncDir;
        is_log.then_some(FsFault::Stop)
    });
    world.wait();
    world.flush();
    assert!(world.oracle.synced() > 0 && world.place.fs.is_stopped());
    world.place.fs.follow_nothing();
    world.crash(None);
    let found = commits(&world);
    assert_eq!(found, 2, "the creation and the flush");
    world.open().unwrap();
    world.crash(Some(Unsynced::Lost));
    assert_eq!(commits(&world), found);
    world.open().unwrap();
    world.look("after the loss of power");
    assert_eq!(world.oracle.findings.told, Vec::<String>::new());
}

fn acknowledge_and_lose_power(world: &mut World) {
    world.append(EVENTS_MAX, Ack::Wal);
    world.log();
    assert!(world.oracle.synced() > 0);
    world.place.fs.follow_nothing();
    world.crash(Some(Unsynced::Lost));
    world.open().unwrap();
    world.look("after the loss of power");
    assert_eq!(world.oracle.findings.told, Vec::<String>::new());
}

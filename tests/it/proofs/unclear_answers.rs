//! Promise 7: an object store's unclear answer neither loses nor doubles. Every operation of a run meets every fault.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use annals_testkit::fault::{FaultyStore, StoreFault, StoreOperation, StoreOperationKind, Unsynced};
use annals_writer::Ack;
use rand::Rng;

use super::sim::{Findings, Objects, Place, World};
use super::{Form, Proof, runtime, seed, settled};

/// Events of an append, at most.
const EVENTS_MAX: usize = 10;
/// Steps of a run.
const STEPS: u64 = 24;

type Key = (StoreOperationKind, String, u64);

fn key(operation: &StoreOperation) -> Key {
    (operation.kind, operation.path.clone(), operation.nth)
}

/// A world over an object store, and that store.
fn remote_world(seed: u64, runtime: &tokio::runtime::Handle) -> (World, Arc<FaultyStore>) {
    let world = World::new(Place::new(true, seed, runtime));
    let Objects::Remote(objects) = &world.place.objects else { unreachable!("the place is remote") };
    let objects = Arc::clone(objects);
    (world, objects)
}

/// Appends some events and flushes them.
fn commit_some(world: &mut World) {
    world.append(EVENTS_MAX, Ack::Wal);
    world.log();
    world.wait();
    world.flush();
}

/// Appends and flushes through two lives of the process.
fn work(world: &mut World) {
    for step in 0..STEPS {
        if step == STEPS / 2 {
            world.crash(None);
        }
        let mut tries = 0;
        while world.node.is_none() {
            tries += 1;
            if let Err(error) = world.open() {
                world.check_start_error(&error);
                world.place.kill();
                if tries > 8 {
                    return world.oracle.findings.wrong(format!("no start succeeds: {error:#}"));
                }
            }
        }
        let ack = [Ack::Wal, Ack::Stored][world.chance.random_range(0..2)];
        world.append(EVENTS_MAX, ack);
        world.log();
        if step % 2 == 0 {
            world.wait();
        }
        world.flush();
        world.read("with unclear answers");
    }
}

/// A run in which `fault` comes to one operation, `times` times in a row; without one, all operations are noted.
fn run(fault: Option<(Key, StoreFault, u64)>, seed: u64) -> (BTreeSet<Key>, u64, Findings) {
    let runtime = runtime();
    let (mut world, objects) = remote_world(seed, runtime.handle());
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&seen);
    let chosen = fault.clone();
    objects.follow(move |operation| {
        noted.lock().unwrap().insert(key(operation));
        let ((kind, path, nth), fault, times) = chosen.as_ref()?;
        let hit = *kind == operation.kind && *path == operation.path && (*nth..nth + times).contains(&operation.nth);
        hit.then_some(*fault)
    });
    work(&mut world);
    objects.follow_nothing();
    for _ in 0..4 {
        world.wait();
        world.flush();
    }
    world.crash(Some(Unsynced::Lost));
    if let Err(error) = world.open() {
        world.oracle.findings.wrong(format!("the store does not open: {error:#}"));
    }
    world.look("at the end");
    let mut findings = world.oracle.findings.clone();
    findings.told.iter_mut().for_each(|told| *told = format!("{fault:?}, seed {seed}: {told}"));
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (seen, world.oracle.synced(), findings)
}

#[test]
fn every_fault_at_every_operation_neither_loses_nor_doubles() {
    let form = Form::asked();
    let seed = seed();
    let (operations, _, findings) = run(None, seed);
    assert_eq!(findings.told, Vec::<String>::new(), "without faults");
    let mut runs = Vec::new();
    for (at, operation) in operations.into_iter().enumerate() {
        for fault in StoreFault::ALL {
            let is_chosen = (at as u64 + seed).is_multiple_of(form.of(12, 1));
            if fault.can_come_to(operation.0) && is_chosen {
                let times = 1 + (at as u64 + fault as u64) % 3;
                runs.push((operation.clone(), fault, times));
            }
        }
    }
    let what = "every fault at every operation of a store";
    settled(Proof { promise: 7, what, ..Proof::default() }, runs, |(operation, fault, times)| {
        let (_, acknowledged, findings) = run(Some((operation, fault, times)), seed);
        (acknowledged, findings)
    });
}

/// Found by every fault at every operation: errors of Arrow around what the store had answered were taken for damage.
#[test]
fn a_checkpoint_that_the_store_does_not_give_is_no_damage() {
    let runtime = runtime();
    let (mut world, objects) = remote_world(1, runtime.handle());
    world.open().unwrap();
    for _ in 0..6 {
        commit_some(&mut world);
    }
    world.crash(None);
    let asked = Arc::new(AtomicBool::new(false));
    for fault in [StoreFault::Before, StoreFault::SlowDown, StoreFault::ShortBody] {
        let asked = Arc::clone(&asked);
        objects.follow(move |operation| {
            let hit = operation.kind == StoreOperationKind::Get && operation.path.ends_with(".checkpoint.parquet");
            asked.fetch_or(hit, Ordering::SeqCst);
            hit.then_some(fault)
        });
        let error = world.open().unwrap_err();
        world.check_start_error(&error);
        world.place.kill();
    }
    assert!(asked.load(Ordering::SeqCst), "no checkpoint was read");
    objects.follow_nothing();
    world.open().unwrap();
    world.look("with a store that answers");
    assert_eq!(world.oracle.findings.told, Vec::<String>::new());
}

/// Found by the simulation: a start was shown a log without its newest commit, took the files of that commit for orphans, and
/// deleted them.
#[test]
fn a_start_that_sees_an_old_listing_deletes_no_live_file() {
    let runtime = runtime();
    let (mut world, objects) = remote_world(1, runtime.handle());
    world.open().unwrap();
    for _ in 0..6 {
        commit_some(&mut world);
        world.crash(None);
        objects.follow(|operation| {
            let hit = operation.kind == StoreOperationKind::List && operation.path.contains("_delta_log");
            hit.then_some(StoreFault::StaleList)
        });
        if let Err(error) = world.open() {
            world.check_start_error(&error);
            world.place.kill();
        } else {
            world.crash(None);
        }
        objects.follow_nothing();
        world.open().unwrap();
        world.look("with a store that lists everything");
        assert_eq!(world.oracle.findings.told, Vec::<String>::new());
    }
    assert!(world.oracle.synced() > 0);
}

/// Found by the simulation: a listing that does not know the newest checkpoint yet, which the pointer names already, was taken
/// for a damaged log.
#[test]
fn a_checkpoint_that_is_not_listed_yet_is_no_damage() {
    let runtime = runtime();
    let (mut world, objects) = remote_world(1, runtime.handle());
    world.open().unwrap();
    let is_checkpoint = |path: &str| path.ends_with(".checkpoint.parquet");
    // The checkpoint is then the newest object of the log.
    let written = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&written);
    objects.follow(move |operation| {
        let is_put = matches!(operation.kind, StoreOperationKind::Put | StoreOperationKind::PutCreate);
        noted.fetch_or(is_put && is_checkpoint(&operation.path), Ordering::SeqCst);
        None
    });
    for _ in 0..8 {
        commit_some(&mut world);
        if written.load(Ordering::SeqCst) {
            break;
        }
    }
    assert!(written.load(Ordering::SeqCst), "no checkpoint was written");
    world.crash(None);
    // Every listing of this start is old: it may find nothing to open, but no damage.
    objects.follow(|operation| {
        let hit = operation.kind == StoreOperationKind::List && operation.path.contains("_delta_log");
        hit.then_some(StoreFault::StaleList)
    });
    if let Err(error) = world.open() {
        world.check_start_error(&error);
    }
    world.place.kill();
    objects.follow_nothing();
    world.open().unwrap();
    world.look("with a store that lists everything");
    assert_eq!(world.oracle.findings.told, Vec::<String>::new());
}

//! Promise 4: a full disk refuses writes, reads go on, and writing resumes by itself.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annals_testkit::fault::{FsFault, FsOperation, Unsynced};
use annals_writer::Ack;
use rand::Rng;

use super::sim::{Findings, Place, World};
use super::{Form, Proof, runtime, seed, settled};

/// The writes that fail: each of these.
const WRITES: u64 = 240;
/// How often a disk is given more to hold until it is full.
const ROUNDS_MAX: usize = 20;
/// Events of an append, at most.
const EVENTS_MAX: usize = 12;

fn work(world: &mut World, steps: u64) {
    for _ in 0..steps {
        let ack = [Ack::Memory, Ack::Wal, Ack::Stored][world.chance.random_range(0..3)];
        world.append(EVENTS_MAX, ack);
        world.log();
        if world.chance.random_bool(0.25) {
            world.wait();
        }
        world.flush();
        if world.chance.random_bool(0.1) {
            world.read("with a full disk");
        }
    }
}

/// Ends with a process that took everything without a restart, and with a loss of power after it.
fn ends_well(world: &mut World) -> Findings {
    if world.has_failed() {
        world.oracle.findings.wrong("the writer closed, though there is room again".to_owned());
    }
    let before = world.oracle.synced();
    world.append(EVENTS_MAX, Ack::Wal);
    world.log();
    if world.oracle.synced() == before {
        world.oracle.findings.wrong("nothing is acknowledged, though there is room again".to_owned());
    }
    world.wait();
    world.flush();
    world.read("with room again");
    world.crash(Some(Unsynced::Lost));
    if let Err(error) = world.open() {
        world.oracle.findings.wrong(format!("the store does not open: {error:#}"));
    }
    world.look("after the loss of power");
    world.oracle.findings.clone()
}

/// The `at`-th write finds no room, and some after it.
fn run(at: u64, failures: u64, remote: bool, seed: u64) -> (u64, Findings) {
    let runtime = runtime();
    let mut world = World::new(Place::new(remote, seed, runtime.handle()));
    // The start is no matter of this: without room for a log there is no process.
    world.open().unwrap();
    let writes = Arc::new(AtomicU64::new(0));
    world.place.fs.follow(move |operation: &FsOperation| {
        let nth = if operation.kind.takes_room() { writes.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        (at..at + failures).contains(&nth).then_some(FsFault::Fail(ErrorKind::StorageFull))
    });
    work(&mut world, 40);
    world.place.fs.follow_nothing();
    let mut findings = ends_well(&mut world);
    let told = |told: &String| format!("write {at} and {failures} in all, seed {seed}: {told}");
    findings.told = findings.told.iter().map(told).collect();
    (world.oracle.synced(), findings)
}

#[test]
fn a_write_that_finds_no_room_is_refused_and_the_next_is_not() {
    let form = Form::asked();
    let seed = seed();
    let every = form.of(4, 1);
    let runs: Vec<_> = (1..=WRITES)
        .filter(|at| (at + seed).is_multiple_of(every))
        .flat_map(|at| [(at, 1), (at, 7)])
        .map(|(at, failures)| (at, failures, at % 3 == 0, seed.wrapping_add(at)))
        .collect();
    let what = "no room at every write of 240, once and seven times";
    settled(Proof { promise: 4, what, ..Proof::default() }, runs, |(at, failures, remote, seed)| {
        run(at, failures, remote, seed)
    });
}

#[test]
fn a_disk_that_fills_up_refuses_until_there_is_room() {
    let seed = seed();
    let runs: Vec<u64> = (0..Form::asked().of(10, 200)).map(|nth| seed.wrapping_add(nth)).collect();
    let what = "a disk filled until it refuses, then given room";
    settled(Proof { promise: 4, what, ..Proof::default() }, runs, |seed| {
        let runtime = runtime();
        let mut world = World::new(Place::new(false, seed, runtime.handle()));
        world.open().unwrap();
        let room = world.chance.random_range(1_000..300_000);
        let used = world.place.fs.used_bytes();
        world.place.fs.set_capacity(Some(used + room));
        let is_full = |world: &World| world.place.fs.used_bytes() + 70_000 > used + room;
        for _ in 0..ROUNDS_MAX {
            work(&mut world, 60);
            if is_full(&world) {
                break;
            }
        }
        // What a full disk refuses, it refuses for a while.
        work(&mut world, 20);
        let filled = is_full(&world);
        world.place.fs.set_capacity(None);
        if !filled {
            world.oracle.findings.wrong("the disk was never full: the run proves nothing".to_owned());
        }
        let mut findings = ends_well(&mut world);
        findings.told.iter_mut().for_each(|told| *told = format!("seed {seed}: {told}"));
        (world.oracle.synced(), findings)
    });
}

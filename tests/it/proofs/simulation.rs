//! The simulation: producers, a flush, compaction, readers and a killer over one store, in an order that a seed decides.
//!
//! One thing happens at a time. While a flush is at the disk or the store, others may come between: an append is logged, a
//! query is answered, the process dies. Every answer is compared with what the producers were told, and a seed that is run
//! again ends in the same bytes. Disk and store fail in phases; the clock jumps.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use annals_testkit::fault::{FsFault, FsOperation, StoreFault, StoreOperation, StoreOperationKind, Unsynced};
use annals_writer::Ack;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::sim::{Findings, Objects, Place, START_US, World};
use super::{Form, Proof, runtime, seed, settled};

/// Operations of a seed.
const OPERATIONS: u64 = 200;
/// Events of an append, at most.
const EVENTS_MAX: usize = 8;
/// How often a start is tried while disk and store fail; then they work again.
const STARTS_MAX: u64 = 8;
/// How often the same operation on the same object fails.
const FAULTS_AN_OBJECT_MAX: u64 = 3;
const HOUR_US: i64 = 3_600 * 1_000_000;
const TEN_YEARS_US: i64 = 87_660 * HOUR_US;

/// What fails at present, shared with the scripts of disk and store.
#[derive(Debug)]
struct Weather {
    seed: u64,
    bad: AtomicBool,
    drawn: AtomicU64,
    /// Goes on with the world's operations: a read that is bound to fail fails for as long as one lasts.
    hour: AtomicU64,
    /// What the disk was asked to do, in its order: where two runs of one seed part, it says how.
    asked: Mutex<Vec<String>>,
}

impl Weather {
    fn is_bad(&self) -> bool {
        self.bad.load(Ordering::SeqCst)
    }

    /// A number for the next operation of the disk, which come one at a time.
    fn draw(&self) -> u64 {
        hash((self.seed, self.drawn.fetch_add(1, Ordering::SeqCst)))
    }
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// What a seed came to.
struct Outcome {
    acknowledged: u64,
    findings: Findings,
    bytes: BTreeMap<String, Vec<u8>>,
    asked: Vec<String>,
}

fn simulate(seed: u64) -> Outcome {
    let runtime = runtime();
    let weather = Arc::new(Weather {
        seed,
        bad: AtomicBool::new(false),
        drawn: AtomicU64::new(0),
        hour: AtomicU64::new(0),
        asked: Mutex::default(),
    });
    let place = Place::new(seed % 2 == 1, seed, runtime.handle());
    if let Objects::Remote(objects) = &place.objects {
        let weather = Arc::clone(&weather);
        objects.follow(move |operation| store_fault(&weather, operation));
    }
    let world = Arc::new(Mutex::new(World::new(place)));
    for _ in 0..OPERATIONS {
        ensure_open(&world, &weather);
        act(&world, &weather);
    }
    finish(&world, &weather);
    let mut world = world.lock().unwrap();
    world.end();
    let findings = std::mem::take(&mut world.oracle.findings);
    let asked = std::mem::take(&mut *weather.asked.lock().unwrap());
    Outcome { acknowledged: world.oracle.synced(), findings, bytes: world.place.bytes(), asked }
}

/// Starts the process where there is none, and looks at what it finds.
fn ensure_open(world: &Arc<Mutex<World>>, weather: &Arc<Weather>) {
    let mut tries = 0;
    loop {
        let mut guard = world.lock().unwrap();
        if guard.place.fs.is_stopped() || guard.has_failed() {
            let unsynced = crash_kind(&mut guard);
            guard.crash(unsynced);
        }
        if guard.node.is_some() {
            return;
        }
        follow(&guard, world, weather);
        tries += 1;
        weather.hour.fetch_add(1, Ordering::SeqCst);
        if tries > STARTS_MAX {
            weather.bad.store(false, Ordering::SeqCst);
        }
        match guard.open() {
            Ok(()) => {
                guard.look("after a start");
                return;
            }
            Err(error) if weather.is_bad() || guard.place.fs.is_stopped() => {
                guard.check_start_error(&error);
                let fs = guard.place.fs.clone();
                if !fs.is_stopped() {
                    // The next try is another process.
                    guard.place.kill();
                }
            }
            Err(error) => {
                guard.oracle.findings.wrong(format!("the store does not open: {error:#}"));
                guard.place.kill();
                assert!(tries < 2 * STARTS_MAX, "seed {}: {:?}", guard.place.seed, guard.oracle.findings);
            }
        }
    }
}

/// Lets the disk of a new process ask for faults and for what comes between.
fn follow(guard: &World, world: &Arc<Mutex<World>>, weather: &Arc<Weather>) {
    let (world, weather) = (Arc::downgrade(world), Arc::clone(weather));
    guard.place.fs.follow(move |operation| at_the_disk(&world, &weather, operation));
}

/// What happens at an operation of the disk, before it.
fn at_the_disk(world: &Weak<Mutex<World>>, weather: &Weather, operation: &FsOperation) -> Option<FsFault> {
    weather.asked.lock().unwrap().push(format!("{:?} {}", operation.kind, operation.path.display()));
    let draw = weather.draw();
    if draw.is_multiple_of(400) {
        return Some(FsFault::Stop);
    }
    if weather.is_bad() && draw % 16 == 1 {
        let kind = operation.kind;
        if kind.takes_room() {
            return Some(FsFault::Fail(std::io::ErrorKind::StorageFull));
        }
        if kind.is_sync() && draw % 64 == 1 {
            return Some(FsFault::Fail(std::io::ErrorKind::Other));
        }
    }
    // Others come between only while a flush is under way: everything else holds the world.
    if draw % 10 == 2
        && let Some(world) = world.upgrade()
        && let Ok(mut world) = world.try_lock()
    {
        between(&mut world, draw / 10);
    }
    None
}

/// One thing that others do while a flush is at the disk.
fn between(world: &mut World, draw: u64) {
    if world.node.is_none() || world.place.fs.is_stopped() {
        return;
    }
    match draw % 16 {
        0..5 => world.append(EVENTS_MAX, ack(draw / 16)),
        5..9 => world.log(),
        9..15 => world.read("during a flush"),
        _ => {
            let unsynced = crash_kind(world);
            world.crash(unsynced);
        }
    }
}

/// One operation of the world.
fn act(world: &Arc<Mutex<World>>, weather: &Weather) {
    let mut guard = world.lock().unwrap();
    weather.hour.fetch_add(1, Ordering::SeqCst);
    let draw = guard.chance.random_range(0..100);
    let number = guard.chance.random::<u64>();
    match draw {
        0..32 => guard.append(EVENTS_MAX, ack(number)),
        32..54 => guard.log(),
        54..68 => guard.read("at rest"),
        68..82 => {
            drop(guard);
            flush(world);
        }
        82..84 => guard.compact(weather.is_bad()),
        84..87 => guard.place.clock.advance((number % 4_000_000) as i64),
        87..90 => guard.wait(),
        90..93 => guard.send_again(ack(number)),
        93 => guard.place.clock.advance([HOUR_US, -HOUR_US][(number % 2) as usize]),
        94 => {
            // There and back: events of before the year 2000 would be refused.
            let ahead_us = guard.place.now_us() - START_US;
            let is_back = if ahead_us.abs() < TEN_YEARS_US / 2 { number % 2 == 0 } else { ahead_us > 0 };
            guard.place.clock.advance(if is_back { -TEN_YEARS_US } else { TEN_YEARS_US });
        }
        95..98 => {
            let unsynced = crash_kind(&mut guard);
            guard.crash(unsynced);
        }
        _ => {
            weather.bad.fetch_xor(true, Ordering::SeqCst);
        }
    }
}

/// A step of the flush, with the world free for others meanwhile.
fn flush(world: &Arc<Mutex<World>>) {
    let step = world.lock().unwrap().node.as_mut().and_then(|node| node.flush.take());
    let Some(step) = step else { return };
    let life = world.lock().unwrap().life();
    step.take();
    let mut world = world.lock().unwrap();
    // Of another life when the process died meanwhile.
    if world.life() == life
        && let Some(node) = &mut world.node
    {
        node.flush = Some(step);
    }
    world.hear();
}

/// Everything works; what is in memory goes into files; after another crash all is as it was.
fn finish(world: &Arc<Mutex<World>>, weather: &Arc<Weather>) {
    weather.bad.store(false, Ordering::SeqCst);
    ensure_open(world, weather);
    let mut guard = world.lock().unwrap();
    guard.place.fs.follow_nothing();
    guard.append(EVENTS_MAX, Ack::Stored);
    guard.log();
    for _ in 0..4 {
        guard.wait();
        guard.flush();
    }
    guard.read("at the end");
    guard.crash(Some(Unsynced::Lost));
    if let Err(error) = guard.open() {
        guard.oracle.findings.wrong(format!("the store does not open at the end: {error:#}"));
    }
    guard.look("after the end");
}

fn crash_kind(world: &mut World) -> Option<Unsynced> {
    [None, None, Some(Unsynced::Lost), Some(Unsynced::Reordered)][world.chance.random_range(0..4)]
}

fn ack(number: u64) -> Ack {
    [Ack::Memory, Ack::Wal, Ack::Wal, Ack::Stored][(number % 4) as usize]
}

/// A fault that depends on nothing but the seed, the operation, and for a read the hour: queries read ahead and give up what
/// they need no more, so how often an object was read is a matter of threads.
fn store_fault(weather: &Weather, operation: &StoreOperation) -> Option<StoreFault> {
    let is_read = matches!(operation.kind, StoreOperationKind::Get | StoreOperationKind::List);
    if !weather.is_bad() || (!is_read && operation.nth >= FAULTS_AN_OBJECT_MAX) {
        return None;
    }
    let when = if is_read { weather.hour.load(Ordering::SeqCst) } else { operation.nth };
    let mut chance = StdRng::seed_from_u64(hash((weather.seed, operation.kind, &operation.path, when)));
    chance.random_bool(0.3).then(|| StoreFault::ALL[chance.random_range(0..StoreFault::ALL.len())])
}

#[test]
fn simulated_worlds_lose_double_and_invent_nothing() {
    let form = Form::asked();
    let first = seed();
    let seeds: Vec<u64> = (0..form.of(1_000, 10_000)).map(|nth| first.wrapping_add(nth)).collect();
    settled(Proof { promise: 7, what: "simulated worlds of 200 operations", ..Proof::default() }, seeds, |seed| {
        let Outcome { acknowledged, mut findings, .. } = simulate(seed);
        findings.told.iter_mut().for_each(|told| *told = format!("seed {seed}: {told}"));
        (acknowledged, findings)
    });
}

#[test]
fn equal_seeds_end_in_equal_bytes() {
    let first = seed();
    let seeds: Vec<u64> = (0..Form::asked().of(20, 200)).map(|nth| first.wrapping_add(nth)).collect();
    settled(Proof { promise: 7, what: "seeds run twice", ..Proof::default() }, seeds, |seed| {
        let (once, again) = (simulate(seed), simulate(seed));
        let mut findings = Findings::default();
        let files = |outcome: &Outcome| outcome.bytes.keys().cloned().collect::<Vec<_>>();
        if once.acknowledged != again.acknowledged || files(&once) != files(&again) {
            findings.wrong(format!("seed {seed}: {} and {} acknowledged", once.acknowledged, again.acknowledged));
        }
        if let Some(at) = (0..once.asked.len()).find(|at| once.asked.get(*at) != again.asked.get(*at)) {
            let (first, others) = (&once.asked[at.saturating_sub(3)..=at], again.asked.get(at));
            findings.wrong(format!("seed {seed}: operation {at} is {first:?} and {others:?}"));
        }
        for (path, bytes) in &once.bytes {
            if again.bytes.get(path).is_some_and(|others| others != bytes) {
                findings.wrong(format!("seed {seed}: {path} differs"));
            }
        }
        (once.acknowledged, findings)
    });
}

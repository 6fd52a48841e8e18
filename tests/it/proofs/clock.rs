//! Promise 12: a clock that jumps harms nothing.
//!
//! Simulated worlds on a disk without faults, in which the clock jumps by an hour or ten years either way at any moment,
//! and processes die. Every event stays as it was told, ids and LSNs are given once and in order, memory is still flushed
//! by its age, and what expires is what the days say.

use std::collections::BTreeSet;

use annals_event::{Day, columns};
use annals_query::{EventQuery, Order};
use annals_writer::{Ack, expire};
use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use rand::Rng;

use super::sim::{Findings, Place, World};
use super::{Form, Proof, runtime, seed, settled};

const OPERATIONS: u64 = 60;
const EVENTS_MAX: usize = 6;
const HOUR_US: i64 = 3_600 * 1_000_000;
const DAY_US: i64 = 24 * HOUR_US;
const TEN_YEARS_US: i64 = 3_652 * DAY_US;
/// 2006 and 2056, between which the clock jumps: events of the last century are refused, as they should be.
const EARLIEST_US: i64 = 1_140_000_000_000_000;
const LATEST_US: i64 = 2_720_000_000_000_000;
/// Waits and flushes after which all that was appended must be in the table: one round for each memtable that may be
/// frozen, one in which a clock that was set back is noticed, and one more.
const ROUNDS_MAX: u32 = 6;

#[test]
fn clock_jumps_harm_nothing() {
    let form = Form::asked();
    let first = seed();
    let seeds: Vec<u64> = (0..form.of(40, 1_000)).map(|nth| first.wrapping_add(nth)).collect();
    let what = "worlds whose clock jumps by an hour and ten years";
    settled(Proof { promise: 12, what, ..Proof::default() }, seeds, |seed| {
        let (acknowledged, mut findings) = live(seed);
        findings.told.iter_mut().for_each(|told| *told = format!("seed {seed}: {told}"));
        (acknowledged, findings)
    });
}

fn live(seed: u64) -> (u64, Findings) {
    let runtime = runtime();
    let mut world = World::new(Place::new(seed % 2 == 1, seed, runtime.handle()));
    world.open().unwrap();
    for _ in 0..OPERATIONS {
        match world.chance.random_range(0..100) {
            0..30 => {
                let ack = [Ack::Memory, Ack::Wal, Ack::Stored][world.chance.random_range(0..3)];
                world.append(EVENTS_MAX, ack);
            }
            30..52 => world.log(),
            52..64 => world.flush(),
            64..76 => world.read("between jumps"),
            76..90 => {
                let way = [HOUR_US, -HOUR_US, TEN_YEARS_US, -TEN_YEARS_US][world.chance.random_range(0..4)];
                let is_odd = !(EARLIEST_US..LATEST_US).contains(&(world.place.now_us() + way));
                world.place.clock.advance(if is_odd { -way } else { way });
            }
            90..97 => flush_by_age(&mut world),
            _ => {
                world.crash(None);
                world.open().unwrap();
                world.look("after a kill");
            }
        }
    }
    flush_by_age(&mut world);
    check_order(&mut world);
    check_expiry(&mut world);
    let acknowledged = world.oracle.synced();
    world.end();
    (acknowledged, std::mem::take(&mut world.oracle.findings))
}

/// Rows are flushed for their age alone, whatever the clock did before.
fn flush_by_age(world: &mut World) {
    world.append(EVENTS_MAX, Ack::Wal);
    world.log();
    for _ in 0..ROUNDS_MAX {
        world.wait();
        world.flush();
    }
    let Some(node) = &world.node else { return };
    let status = node.writer.status();
    if status.watermark.0 + 1 != status.next_lsn.0 || status.memtable_rows > 0 {
        world.oracle.findings.wrong(format!("rows stay in memory however old they are: {status:?}"));
    }
}

/// A row of the whole store: (seq, id, timestamp).
type Row = (i64, String, i64);

fn all_rows(world: &World) -> Vec<Row> {
    let Some(node) = &world.node else { return Vec::new() };
    let query = EventQuery { limit: 100_000, order: Order::OldestFirst, ..EventQuery::default() };
    let page = world.place.runtime.block_on(node.engine.search(&query)).unwrap();
    assert!(page.next.is_none(), "one page holds a world");
    let seqs = page.events[columns::SEQ].as_primitive::<Int64Type>();
    let ids = page.events[columns::ID].as_string_view();
    let times = page.events[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>();
    let row = |at: usize| (seqs.value(at), ids.value(at).to_owned(), times.value(at));
    (0..page.events.num_rows()).map(row).collect()
}

/// Every id and every LSN is given once; by time, rows come in the order of their times.
fn check_order(world: &mut World) {
    let rows = all_rows(world);
    let seqs: BTreeSet<i64> = rows.iter().map(|row| row.0).collect();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.1.as_str()).collect();
    let wrong = [
        (seqs.len() != rows.len(), "an LSN was given twice"),
        (ids.len() != rows.len(), "an id was given twice"),
        (!rows.is_sorted_by_key(|row| (row.2, row.0)), "rows are out of order"),
    ];
    for (_, what) in wrong.into_iter().filter(|(is_wrong, _)| *is_wrong) {
        world.oracle.findings.wrong(what.to_owned());
    }
}

/// After whatever the clock did: exactly the rows of the days before the first that is kept leave.
fn check_expiry(world: &mut World) {
    let before = all_rows(world);
    let Some((_, _, some_time)) = before.get(before.len() / 2).cloned() else { return };
    // A day amid the rows, and the one that the clock of this moment asks for.
    for first_kept in [Day::of_us(some_time), Day::of_us(world.place.now_us() - 2 * DAY_US)] {
        let before = all_rows(world);
        let Some(node) = &world.node else { return };
        let expired = expire(node.engine.table(), first_kept).unwrap();
        let kept: Vec<Row> = before.iter().filter(|row| Day::of_us(row.2) >= first_kept).cloned().collect();
        if all_rows(world) != kept || expired.rows != (before.len() - kept.len()) as u64 {
            let what = format!("{} of {} rows are before {first_kept}", before.len() - kept.len(), before.len());
            world.oracle.findings.wrong(format!("{what}, {} left", expired.rows));
        }
    }
}

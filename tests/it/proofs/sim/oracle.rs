//! [`Oracle`]: what a store must, may and must not hold, after what its producers were told.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{Row, Sent};

/// What is known of an event's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sent, and not or not clearly answered: it may be there.
    Open,
    /// Acknowledged at `memory`: survives the process, not a loss of power.
    InMemory,
    /// Acknowledged at `wal` or above.
    Synced,
    /// Looked for after a restart and found: it stays.
    Found,
    /// Looked for after a restart and not found, or refused: it never comes.
    Absent,
}

/// What was not as promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) invented: u64,
    pub(crate) wrong: u64,
    /// The first ones in words.
    pub(crate) told: Vec<String>,
}

/// How many findings are told in words.
const TOLD_MAX: usize = 8;

impl Findings {
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.invented += other.invented;
        self.wrong += other.wrong;
        self.told.extend(other.told);
        self.told.truncate(TOLD_MAX);
    }

    pub(crate) fn wrong(&mut self, what: String) {
        self.wrong += 1;
        self.tell(what);
    }

    fn tell(&mut self, what: String) {
        if self.told.len() < TOLD_MAX {
            self.told.push(what);
        }
    }
}

/// The producers' side of a world.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    events: BTreeMap<u64, (Sent, Fate)>,
    /// The LSN that a receipt gave each event.
    lsns: BTreeMap<u64, i64>,
    given: BTreeSet<i64>,
    pub(crate) findings: Findings,
}

impl Oracle {
    pub(crate) fn sent(&mut self, event: &Sent) {
        self.events.entry(event.number).or_insert_with(|| (event.clone(), Fate::Open));
    }

    /// Takes back what was refused before anything was taken.
    pub(crate) fn refused(&mut self, number: u64) {
        self.settle(number, |fate| if fate == Fate::Open { Fate::Absent } else { fate });
    }

    /// An event whose fate is open again, because it is sent again.
    pub(crate) fn sent_again(&mut self, number: u64) {
        self.settle(number, |fate| if fate == Fate::Absent { Fate::Open } else { fate });
    }

    /// An acknowledgement, with the LSN where the receipt gave one.
    pub(crate) fn acknowledged(&mut self, number: u64, synced: bool, lsn: Option<i64>) {
        self.settle(number, |fate| match (fate, synced) {
            (_, true) | (Fate::Synced, _) => Fate::Synced,
            (Fate::Found, false) => Fate::Found,
            _ => Fate::InMemory,
        });
        if let Some(lsn) = lsn {
            if !self.given.insert(lsn) {
                self.findings.wrong(format!("LSN {lsn} was given twice, now to event {number}"));
            }
            self.lsns.insert(number, lsn);
        }
    }

    /// After power was lost, what was acknowledged in memory is open.
    pub(crate) fn power_lost(&mut self) {
        let lsns = &mut self.lsns;
        for (number, (_, fate)) in &mut self.events {
            if *fate == Fate::InMemory {
                *fate = Fate::Open;
                // Its LSN may be given again, to what comes in its place.
                if let Some(lsn) = lsns.remove(number) {
                    self.given.remove(&lsn);
                }
            }
        }
    }

    /// Settles what was open by what a reader finds after a restart.
    pub(crate) fn restarted(&mut self, found: &[Row]) {
        let found: BTreeSet<u64> = found.iter().filter_map(|row| row.number).collect();
        for (number, (_, fate)) in &mut self.events {
            if *fate == Fate::Open {
                *fate = if found.contains(number) { Fate::Found } else { Fate::Absent };
            }
        }
    }

    /// Events whose producer was not told that they are stored, and that could be sent again.
    pub(crate) fn unanswered(&self) -> Vec<Sent> {
        let unanswered = |fate: Fate| matches!(fate, Fate::Found | Fate::Absent);
        self.events.values().filter(|(_, fate)| unanswered(*fate)).map(|(sent, _)| sent.clone()).collect()
    }

    /// How many were acknowledged at `wal` or above.
    pub(crate) fn synced(&self) -> u64 {
        self.events.values().filter(|(_, fate)| *fate == Fate::Synced).count() as u64
    }

    /// Compares what a query found with what it must find: all events that `asked` picks.
    pub(crate) fn compare(&self, rows: &[Row], asked: impl Fn(&Sent) -> bool, when: &str) -> Findings {
        let mut findings = Findings::default();
        let mut found: BTreeMap<u64, u64> = BTreeMap::new();
        let mut lsns = BTreeSet::new();
        for row in rows {
            if !lsns.insert(row.lsn) {
                findings.wrong(format!("{when}: LSN {} stands twice", row.lsn));
            }
            let Some((sent, fate)) = row.number.and_then(|number| self.events.get(&number)) else {
                findings.invented += 1;
                findings.tell(format!("{when}: nobody sent {row:?}"));
                continue;
            };
            *found.entry(sent.number).or_default() += 1;
            if !sent.is(row) || !asked(sent) {
                findings.wrong(format!("{when}: {row:?} is not {sent:?} as it was sent or asked for"));
            }
            if self.lsns.get(&sent.number).is_some_and(|lsn| *lsn != row.lsn) {
                findings
                    .wrong(format!("{when}: {row:?} has another LSN than its receipt, {:?}", self.lsns[&sent.number]));
            }
            if *fate == Fate::Absent {
                findings.invented += 1;
                findings.tell(format!("{when}: {row:?} was refused or gone, and is back"));
            }
        }
        for (number, count) in found.iter().filter(|(_, count)| **count > 1) {
            findings.doubled += count - 1;
            findings.tell(format!("{when}: event {number} is there {count} times"));
        }
        for (number, (sent, fate)) in &self.events {
            let must = matches!(fate, Fate::InMemory | Fate::Synced | Fate::Found);
            if must && asked(sent) && !found.contains_key(number) {
                findings.lost += 1;
                findings.tell(format!("{when}: {sent:?} is {fate:?} and not there"));
            }
        }
        findings
    }

    fn settle(&mut self, number: u64, to: impl Fn(Fate) -> Fate) {
        let (_, fate) = self.events.get_mut(&number).expect("only what was sent is answered");
        *fate = to(*fate);
    }
}

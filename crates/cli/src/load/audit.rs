//! [`Audit`]: holds what a store has of a run against the run's ledger. Pure.

use serde::Serialize;

use super::ledger::{Ledger, Status};

/// What the store has of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The part of the markers that names the batch, as it is stored.
    pub(super) key: String,
    /// Events, each as often as it is there.
    pub(super) events: u64,
    /// Different markers.
    pub(super) markers: u64,
    /// Of those, the ones whose index no event of a batch has.
    pub(super) outside: u64,
}

/// The outcome. Only `lost`, `doubled` and `invented` are failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    /// Events that were acknowledged.
    pub(super) acked: u64,
    /// Of those, how many are not there.
    pub(super) lost: u64,
    /// Events that are there again, each further time counted.
    pub(super) doubled: u64,
    /// Events that nobody sent, or that were sent and refused.
    pub(super) invented: u64,
    /// Events that were sent and never answered for.
    pub(super) unknown: u64,
    /// Of those, how many are there.
    pub(super) unknown_found: u64,
}

impl Verdict {
    /// Whether the store holds what it must and nothing else.
    pub(super) fn is_good(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.invented == 0
    }
}

/// An audit under way.
pub(super) struct Audit<'a> {
    ledger: &'a Ledger,
    verdict: Verdict,
    acked_found: u64,
}

impl<'a> Audit<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        let mut verdict = Verdict::default();
        for (_, _, entry) in ledger.batches() {
            match entry.status {
                Status::Acked => verdict.acked += u64::from(entry.events),
                Status::Unknown => verdict.unknown += u64::from(ledger.batch),
                Status::Refused => {}
            }
        }
        Self { ledger, verdict, acked_found: 0 }
    }

    /// Takes what was found of a batch. Every batch comes once; those of which nothing was found do not come.
    pub(super) fn take(&mut self, found: &Found) {
        let verdict = &mut self.verdict;
        verdict.doubled += found.events.saturating_sub(found.markers);
        let inside = found.markers.saturating_sub(found.outside);
        verdict.invented += found.outside;
        let place = self.ledger.run.parse_batch_key(&found.key);
        match place.and_then(|(producer, batch)| self.ledger.get(producer, batch)) {
            Some(entry) => match entry.status {
                Status::Acked => {
                    let expected = u64::from(entry.events);
                    self.acked_found += inside.min(expected);
                    verdict.invented += inside.saturating_sub(expected);
                }
                Status::Unknown => verdict.unknown_found += inside,
                Status::Refused => verdict.invented += inside,
            },
            None => verdict.invented += inside,
        }
    }

    pub(super) fn finish(self) -> Verdict {
        Verdict { lost: self.verdict.acked.saturating_sub(self.acked_found), ..self.verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Entry;
    use super::super::marker::RunId;
    use super::*;

    const RUN: u32 = 5;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(RunId::new(RUN), 10, 0);
        for (batch, status, events) in
            [(0, Status::Acked, 10), (1, Status::Unknown, 0), (2, Status::Refused, 0), (3, Status::Acked, 8)]
        {
            ledger.put(0, batch, Entry { status, events }).unwrap();
        }
        ledger
    }

    fn found(batch: u64, events: u64, markers: u64, outside: u64) -> Found {
        Found { key: RunId::new(RUN).batch_key(0, batch), events, markers, outside }
    }

    fn verdict(found: &[Found]) -> Verdict {
        let ledger = ledger();
        let mut audit = Audit::new(&ledger);
        found.iter().for_each(|found| audit.take(found));
        audit.finish()
    }

    #[test]
    fn a_store_with_every_acknowledged_event_once_is_good_with_or_without_unknown_ones() {
        let without = verdict(&[found(0, 10, 10, 0), found(3, 8, 8, 0)]);
        assert!(without.is_good());
        assert_eq!((without.acked, without.unknown, without.unknown_found), (18, 10, 0));
        let with = verdict(&[found(0, 10, 10, 0), found(1, 7, 7, 0), found(3, 8, 8, 0)]);
        assert!(with.is_good());
        assert_eq!(with.unknown_found, 7);
    }

    #[test]
    fn a_missing_batch_and_a_missing_event_are_lost() {
        assert_eq!(verdict(&[found(0, 10, 10, 0)]).lost, 8);
        assert_eq!(verdict(&[found(0, 9, 9, 0), found(3, 8, 8, 0)]).lost, 1);
        // One twice and one not at all are both told.
        let swapped = verdict(&[found(0, 10, 9, 0), found(3, 8, 8, 0)]);
        assert_eq!((swapped.lost, swapped.doubled), (1, 1));
    }

    #[test]
    fn an_event_that_is_there_twice_is_doubled_be_it_acknowledged_or_not() {
        assert_eq!(verdict(&[found(0, 12, 10, 0), found(1, 14, 7, 0), found(3, 8, 8, 0)]).doubled, 9);
    }

    #[test]
    fn what_was_not_sent_or_not_taken_is_invented() {
        let good = [found(0, 10, 10, 0), found(3, 8, 8, 0)];
        let and = |more: Found| verdict(&[good[0].clone(), good[1].clone(), more]);
        assert_eq!(and(found(2, 10, 10, 0)).invented, 10);
        assert_eq!(and(found(99, 4, 4, 0)).invented, 4);
        assert_eq!(and(Found { key: "00000005-rubbish".to_owned(), ..found(0, 3, 3, 0) }).invented, 3);
        assert_eq!(verdict(&[found(0, 12, 12, 2), found(3, 8, 8, 0)]).invented, 2);
        assert_eq!(verdict(&[found(0, 10, 10, 0), found(3, 10, 10, 0)]).invented, 2);
    }
}

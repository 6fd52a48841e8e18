//! [`Budget`]: a number of bytes that many share. Nobody waits here: who gets none is told so and says "later" to the client.
//!
//! What is reserved never exceeds the limit, and a [`Reservation`] gives back all it holds when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes to reserve from. Clones share one count. Lock-free; the count orders no other memory, so it is relaxed.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes, all free.
    pub fn new(limit: u64) -> Self {
        Self { shared: Arc::new(Shared { limit, used: AtomicU64::new(0) }) }
    }

    /// Reserves `bytes`, all of them or, where they do not fit, none. Zero always fits.
    pub fn try_reserve(&self, bytes: u64) -> Option<Reservation> {
        self.take(bytes).then(|| Reservation { budget: self.clone(), bytes })
    }

    /// Bytes reserved now, at most [`limit`](Self::limit).
    pub fn used(&self) -> u64 {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Bytes that can be reserved in all.
    pub fn limit(&self) -> u64 {
        self.shared.limit
    }

    fn take(&self, bytes: u64) -> bool {
        let grown = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.shared.limit);
        self.shared.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    fn give(&self, bytes: u64) {
        let before = self.shared.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "{bytes} bytes come back of {before}");
    }
}

/// Bytes taken from a [`Budget`], given back when this is dropped.
#[derive(Debug)]
#[must_use = "dropped, it gives its bytes back at once"]
pub struct Reservation {
    budget: Budget,
    bytes: u64,
}

impl Reservation {
    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that can be reserved of its budget in all.
    pub fn limit(&self) -> u64 {
        self.budget.limit()
    }

    /// Takes `bytes` more; where they do not fit it answers false and holds what it held.
    #[must_use]
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let fits = self.budget.take(bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }

    /// Gives back all but `bytes`; nothing when it holds fewer.
    pub fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.budget.give(surplus);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let budget = Budget::new(100);
        let mut first = budget.try_reserve(60).unwrap();
        assert!(budget.try_reserve(41).is_none());
        assert!(!first.try_grow(41));
        assert!(!first.try_grow(u64::MAX), "a sum beyond 64 bits does not fit either");
        assert_eq!((budget.used(), first.bytes()), (60, 60));
        assert!(first.try_grow(40));
        assert_eq!((budget.used(), budget.limit()), (100, 100));
    }

    #[test]
    fn shrinking_and_dropping_give_back() {
        let budget = Budget::new(100);
        let mut first = budget.try_reserve(80).unwrap();
        first.shrink_to(30);
        assert_eq!((budget.used(), first.bytes()), (30, 30));
        first.shrink_to(50);
        assert_eq!((budget.used(), first.bytes()), (30, 30), "shrinking never grows");
        let second = budget.clone().try_reserve(70).unwrap();
        drop(first);
        assert_eq!(budget.used(), 70);
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Reserve(u64),
        Grow(usize, u64),
        Shrink(usize, u64),
        Drop(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = prop_oneof![0u64..400, Just(u64::MAX)];
        prop_oneof![
            bytes.clone().prop_map(Step::Reserve),
            (any::<usize>(), bytes.clone()).prop_map(|(at, bytes)| Step::Grow(at, bytes)),
            (any::<usize>(), bytes).prop_map(|(at, bytes)| Step::Shrink(at, bytes)),
            any::<usize>().prop_map(Step::Drop),
        ]
    }

    /// Takes the steps; the budget is within its limit and holds at least what is held here, after each of them.
    fn walk(budget: &Budget, steps: &[Step]) -> bool {
        let mut held: Vec<Reservation> = Vec::new();
        let mut holds = true;
        for step in steps {
            let count = held.len().max(1);
            match *step {
                Step::Reserve(bytes) => held.extend(budget.try_reserve(bytes)),
                Step::Grow(at, bytes) => {
                    if let Some(reservation) = held.get_mut(at % count) {
                        let before = reservation.bytes();
                        let grew = reservation.try_grow(bytes);
                        holds &= reservation.bytes() == if grew { before + bytes } else { before };
                    }
                }
                Step::Shrink(at, bytes) => {
                    if let Some(reservation) = held.get_mut(at % count) {
                        reservation.shrink_to(bytes);
                    }
                }
                Step::Drop(at) => {
                    if !held.is_empty() {
                        drop(held.swap_remove(at % count));
                    }
                }
            }
            let used = budget.used();
            holds &= used <= budget.limit() && used >= held.iter().map(Reservation::bytes).sum();
        }
        holds
    }

    proptest! {
        #[test]
        fn threads_never_exceed_the_limit_and_leave_nothing_behind(
            limit in 0u64..1_000,
            walks in prop::collection::vec(prop::collection::vec(step(), 0..60), 1..5),
        ) {
            let budget = Budget::new(limit);
            let held = std::thread::scope(|scope| {
                let walkers: Vec<_> = walks.iter().map(|steps| scope.spawn(|| walk(&budget, steps))).collect();
                walkers.into_iter().all(|walker| walker.join().unwrap())
            });
            prop_assert!(held);
            prop_assert_eq!(budget.used(), 0);
        }
    }
}

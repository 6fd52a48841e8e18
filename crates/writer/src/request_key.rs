//! [`RequestKeys`]: idempotency keys, what each was answered, and who is being answered now.
//!
//! A key is claimed before its request is decoded, so of several equal requests one goes in and the others wait for its
//! answer. What was answered travels in the WAL frame of the rows and from there into the ledger: it outlives every crash
//! that the rows outlive. A claim that is dropped without an answer frees the key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_event::Clock;
use bytes::Bytes;
use tokio::sync::watch;

use crate::receipt::Receipt;

/// Bytes that one remembered key costs besides its note: two entries of the tables and the record.
const KEY_BYTES: usize = 192;

/// A caller's idempotency key: a hash of whatever makes it that caller's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(pub [u8; 16]);

/// A hash of all that the same request must repeat: its body and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHash(pub [u8; 16]);

/// What a key stands for.
#[derive(Debug)]
pub enum Claim {
    /// Nobody used it within the time: the request is the caller's to make.
    New(KeyClaim),
    /// The request was answered: this is the answer.
    Known(KnownReceipt),
    /// The key was used for another request.
    OtherRequest,
    /// The same request is on its way: wait, then claim again.
    InFlight(KeyWait),
    /// No more keys can be remembered until the oldest expire.
    Full,
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownReceipt {
    /// The writer's part.
    pub receipt: Receipt,
    /// What the caller had noted.
    pub note: Bytes,
}

/// One remembered request, as it is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    pub key: RequestKey,
    pub request: RequestHash,
    /// When it was answered, microseconds UTC.
    pub at_us: i64,
    pub known: KnownReceipt,
}

/// The right to make the request of a key. Dropping it unused frees the key.
#[derive(Debug)]
pub struct KeyClaim {
    keys: Arc<RequestKeys>,
    pub(crate) key: RequestKey,
    pub(crate) request: RequestHash,
    answered: bool,
}

/// The wait for somebody else's claim to end.
#[derive(Debug)]
pub struct KeyWait {
    ended: watch::Receiver<()>,
}

impl KeyWait {
    /// Waits until the claim ended, with an answer or without.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn ended(mut self) {
        // The sender is dropped and never sends: the only answer is that it is gone.
        let _ = self.ended.changed().await;
    }
}

#[derive(Debug)]
enum Entry {
    Claimed { request: RequestHash, _ends: watch::Sender<()>, wait: watch::Receiver<()> },
    Answered { request: RequestHash, known: KnownReceipt },
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<RequestKey, Entry>,
    /// Answered keys, oldest first.
    by_age: VecDeque<(i64, RequestKey)>,
    bytes: usize,
}

/// All keys that are remembered or claimed.
#[derive(Debug)]
pub(crate) struct RequestKeys {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    ttl_us: i64,
    bytes_max: usize,
}

impl RequestKeys {
    /// Remembers keys for `ttl_us` after their answer, in at most about `bytes_max` bytes.
    pub(crate) fn new(clock: Arc<dyn Clock>, ttl_us: i64, bytes_max: u64) -> Self {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self { state: Mutex::default(), clock, ttl_us, bytes_max }
    }

    pub(crate) fn claim(self: &Arc<Self>, key: RequestKey, request: RequestHash) -> Claim {
        let mut state = self.lock();
        self.expire(&mut state);
        match state.entries.get(&key) {
            Some(Entry::Claimed { request: other, .. } | Entry::Answered { request: other, .. })
                if *other != request =>
            {
                Claim::OtherRequest
            }
            Some(Entry::Claimed { wait, .. }) => Claim::InFlight(KeyWait { ended: wait.clone() }),
            Some(Entry::Answered { known, .. }) => Claim::Known(known.clone()),
            None if state.bytes + KEY_BYTES > self.bytes_max => Claim::Full,
            None => {
                let (ends, wait) = watch::channel(());
                state.entries.insert(key, Entry::Claimed { request, _ends: ends, wait });
                state.bytes += KEY_BYTES;
                Claim::New(KeyClaim { keys: Arc::clone(self), key, request, answered: false })
            }
        }
    }

    /// Takes in a request that was answered before this process began. Call oldest first.
    pub(crate) fn restore(&self, record: KeyRecord) {
        let mut state = self.lock();
        let now_us = self.clock.now_us();
        if record.at_us.saturating_add(self.ttl_us) <= now_us {
            return;
        }
        // One that was answered later than now was answered by a clock that ran ahead.
        state.remember(KeyRecord { at_us: record.at_us.min(now_us), ..record });
    }

    fn expire(&self, state: &mut State) {
        let now_us = self.clock.now_us();
        if state.by_age.front().is_some_and(|(at_us, _)| *at_us > now_us) {
            // The clock was set back: these would stay, and take room, until it has come so far again. Their time starts anew.
            for (at_us, _) in &mut state.by_age {
                *at_us = (*at_us).min(now_us);
            }
        }
        let oldest_us = now_us.saturating_sub(self.ttl_us);
        while let Some((at_us, key)) = state.by_age.front().copied()
            && at_us <= oldest_us
        {
            state.by_age.pop_front();
            state.forget(&key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Entries are replaced whole, so a panic elsewhere leaves good ones.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, record: KeyRecord) {
        let KeyRecord { key, request, at_us, known } = record;
        let note_bytes = known.note.len();
        match self.entries.insert(key, Entry::Answered { request, known }) {
            None => self.bytes += KEY_BYTES + note_bytes,
            Some(Entry::Claimed { .. }) => self.bytes += note_bytes,
            // The log and the ledger may both tell of a request.
            Some(Entry::Answered { known: before, .. }) => {
                self.bytes = self.bytes + note_bytes - before.note.len();
                return;
            }
        }
        self.by_age.push_back((at_us, key));
    }

    fn forget(&mut self, key: &RequestKey) {
        self.bytes -= match self.entries.remove(key) {
            None => 0,
            Some(Entry::Claimed { .. }) => KEY_BYTES,
            Some(Entry::Answered { known, .. }) => KEY_BYTES + known.note.len(),
        };
    }
}

impl KeyClaim {
    /// The request was answered so: whoever claims the key from now on hears it.
    pub(crate) fn answered(mut self, at_us: i64, known: KnownReceipt) {
        let record = KeyRecord { key: self.key, request: self.request, at_us, known };
        self.keys.lock().remember(record);
        self.answered = true;
    }
}

impl Drop for KeyClaim {
    fn drop(&mut self) {
        if !self.answered {
            self.keys.lock().forget(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use annals_table::Lsn;

    use super::*;
    use crate::receipt::Ack;

    #[derive(Debug, Default)]
    struct MockClock(AtomicI64);

    impl Clock for MockClock {
        fn now_us(&self) -> i64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    const KEY: RequestKey = RequestKey([1; 16]);
    const REQUEST: RequestHash = RequestHash([2; 16]);
    const OTHER: RequestHash = RequestHash([3; 16]);

    fn keys(bytes_max: u64) -> (Arc<RequestKeys>, Arc<MockClock>) {
        let clock = Arc::new(MockClock::default());
        (Arc::new(RequestKeys::new(clock.clone(), 1_000, bytes_max)), clock)
    }

    fn known(first: u64) -> KnownReceipt {
        let receipt = Receipt { ack: Ack::Wal, accepted: 1, duplicates: 0, lsn: Lsn(first)..=Lsn(first) };
        KnownReceipt { receipt, note: Bytes::from_static(b"note") }
    }

    fn new(claim: Claim) -> KeyClaim {
        match claim {
            Claim::New(claim) => claim,
            other => panic!("expected a new key, found {other:?}"),
        }
    }

    #[test]
    fn the_same_request_is_answered_alike_until_its_time_is_over() {
        let (keys, clock) = keys(1 << 20);
        new(keys.claim(KEY, REQUEST)).answered(0, known(7));
        assert!(matches!(keys.claim(KEY, REQUEST), Claim::Known(found) if found == known(7)));
        assert!(matches!(keys.claim(KEY, OTHER), Claim::OtherRequest));
        clock.0.store(1_000, Ordering::SeqCst);
        drop(new(keys.claim(KEY, OTHER)));
        assert_eq!(keys.lock().bytes, 0);
    }

    #[tokio::test]
    async fn who_comes_second_waits_and_takes_over_when_the_first_gives_up() {
        let (keys, _clock) = keys(1 << 20);
        let first = new(keys.claim(KEY, REQUEST));
        let Claim::InFlight(wait) = keys.claim(KEY, REQUEST) else { panic!("the first is on its way") };
        assert!(matches!(keys.claim(KEY, OTHER), Claim::OtherRequest));
        drop(first);
        wait.ended().await;
        let second = new(keys.claim(KEY, REQUEST));
        let Claim::InFlight(wait) = keys.claim(KEY, REQUEST) else { panic!("the second is on its way") };
        second.answered(0, known(1));
        wait.ended().await;
        assert!(matches!(keys.claim(KEY, REQUEST), Claim::Known(_)));
    }

    #[test]
    fn keys_are_refused_rather_than_forgotten_when_memory_is_full() {
        let (keys, clock) = keys(2 * KEY_BYTES as u64 + 10);
        new(keys.claim(KEY, REQUEST)).answered(0, known(1));
        let second = new(keys.claim(RequestKey([9; 16]), REQUEST));
        assert!(matches!(keys.claim(RequestKey([8; 16]), REQUEST), Claim::Full));
        drop(second);
        clock.0.store(5_000, Ordering::SeqCst);
        new(keys.claim(RequestKey([8; 16]), REQUEST)).answered(5_000, known(2));
        assert_eq!(keys.lock().bytes, KEY_BYTES + 4);
    }

    #[test]
    fn keys_of_a_clock_that_ran_ahead_leave_in_their_time_once_it_is_set_back() {
        let year_us = 31_536_000_000_000;
        let (keys, clock) = keys(3 * KEY_BYTES as u64);
        clock.0.store(10 * year_us, Ordering::SeqCst);
        new(keys.claim(KEY, REQUEST)).answered(10 * year_us, known(1));
        clock.0.store(5_000, Ordering::SeqCst);
        assert!(matches!(keys.claim(KEY, REQUEST), Claim::Known(_)), "it is still known");
        let restored = KeyRecord { key: RequestKey([4; 16]), request: REQUEST, at_us: 10 * year_us, known: known(2) };
        keys.restore(restored);
        clock.0.store(5_999, Ordering::SeqCst);
        assert_eq!(keys.lock().entries.len(), 2);
        clock.0.store(6_000, Ordering::SeqCst);
        drop(new(keys.claim(KEY, REQUEST)));
        let state = keys.lock();
        assert_eq!((state.entries.len(), state.bytes), (0, 0));
    }

    #[test]
    fn what_is_restored_twice_counts_once() {
        let (keys, clock) = keys(1 << 20);
        let record = KeyRecord { key: KEY, request: REQUEST, at_us: 0, known: known(3) };
        keys.restore(record.clone());
        keys.restore(record.clone());
        assert_eq!(keys.lock().bytes, KEY_BYTES + 4);
        assert_eq!(keys.lock().by_age.len(), 1);
        clock.0.store(1_000, Ordering::SeqCst);
        keys.restore(KeyRecord { key: RequestKey([4; 16]), ..record });
        assert_eq!(keys.lock().entries.len(), 1, "what expired is not taken in");
    }
}

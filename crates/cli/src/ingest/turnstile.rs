//! [`Turnstile`]: lets block after block pass in the order of their places, whichever thread holds them.

use std::sync::{Condvar, Mutex, PoisonError};

use super::lock;

/// Lets one place pass at a time, from 0 on.
#[derive(Default)]
pub(super) struct Turnstile {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    closed: bool,
}

/// The right to go; dropping it lets the next block pass.
pub(super) struct Turn<'a>(&'a Turnstile);

impl Turnstile {
    /// Waits for the turn of `place`; `None` once closed.
    pub(super) fn pass(&self, place: u64) -> Option<Turn<'_>> {
        let state = lock(&self.state);
        let state = self
            .moved
            .wait_while(state, |state| state.next != place && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.closed).then_some(Turn(self))
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Turns everyone away, for good.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.moved.notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).next += 1;
        self.0.moved.notify_all();
    }
}

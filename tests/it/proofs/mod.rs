//! The promises under fault: each has a test that tries to break it, in a short form for every run of the tests and in a
//! full form (`cargo xtask faults --full`), the table of which stands in `crates/RELIABILITY.md`.
//!
//! A test of a promise ends in [`Proof::tell`]. Its choices come from a seed that it prints; a seed that once failed stays
//! as a test of its own, under the name of what it found.

#![allow(clippy::print_stdout, reason = "a proof that fails tells in words what it found")]

mod bombs;
mod clock;
mod corruption;
mod crash;
mod full_disk;
mod ids;
mod image;
mod lookups;
mod malformed;
mod overload;
mod power_loss;
mod proof;
mod sim;
mod simulation;
mod small_disk;
mod specimen;
mod torn_tail;
mod unclear_answers;
mod visibility;

pub(crate) use annals_testkit::{Form, Proof, seed};
pub(crate) use proof::settled;

/// A runtime for one world: it does nothing by itself, and may block.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

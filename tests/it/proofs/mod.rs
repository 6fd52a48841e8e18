//! The promises under fault: each has a test that tries to break it, in a short form for every run of the tests and in a
//! full form (`cargo xtask faults --full`), the table of which stands in `crates/RELIABILITY.md`.
//!
//! A test of a promise ends in [`Proof::tell`]. Its choices come from a seed that it prints; a seed that once failed stays
//! as a test of its own, under the name of what it found.

pub(crate) use annals_testkit::{Form, Proof, seed};

//! What tests, benches and the demo stand on: a seeded generator of realistic events, a [story](DemoStory) to be found among
//! them, [faults](fault) on demand, a seeded hand that spoils bytes, and the way in which the tests of promises tell what they
//! found ([`Proof`], [`Fuzz`]).
//!
//! Not for production paths: only the command line's `generate` and `demo` use it outside tests.
//!
//! # The workload
//! [`Generator`] imitates the log of a product that runs other people's integrations: triggers that start workflows,
//! tool calls, managed syncs, credential refreshes, requests, deliveries. Every type of the catalogue occurs.
//!
//! - A *trace* is one execution: 3 to 12 events, milliseconds to minutes apart, interleaved with other traces.
//! - Projects have a long tail (Zipf, exponent 1); users, workflows and integrations are skewed too. Each project writes
//!   user ids its own way: e-mail, prefix and letters, number, UUID, ULID; a quarter of them add members of their own.
//! - The hours of the day differ by a factor of three.
//! - About 4% of the events are WARN, 3% ERROR (these with an error object), 5% DEBUG.
//! - A line is about 1.0 kB. Payloads hold what such platforms log: requests and responses with headers, business
//!   records, sync configurations and summaries. Ids are random, names and phrases come from word lists, so a payload
//!   compresses like text with ids in it, neither like noise nor like one repeated line.
//! - Times have milliseconds; no event carries an `id` of its own.
//!
//! The mix is fixed: figures measured on it are compared from version to version, so it is not tuned.
//!
//! ```
//! use annals_testkit::{Generator, GeneratorSettings};
//!
//! let mut generator = Generator::new(GeneratorSettings { events: 3, ..GeneratorSettings::default() });
//! let mut lines = Vec::new();
//! assert_eq!(generator.write_ndjson(&mut lines, 10), 3);
//! assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 3);
//! ```

mod chance;
mod demo_story;
mod event_line;
pub mod fault;
mod fuzz;
mod generator;
mod json_text;
mod mutate;
mod payload;
mod population;
mod proof;
mod script;
mod settings;
mod step;
mod trace;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use demo_story::{DemoStory, Lead};
pub use fuzz::{Fuzz, corpus};
pub use generator::Generator;
pub use mutate::{Damage, Mutator};
pub use proof::{Form, Proof, seed};
pub use settings::GeneratorSettings;

//! `annals ingest`: files to blocks of whole lines, blocks to the store, by this process or through the server that holds it.

mod feed;
mod local;
mod mapped;
mod refusal_log;
mod refusals;
mod served;
mod turnstile;

use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_event::{DecodeSettings, EventDecoder, EventMap};
use anyhow::{Context, Result, bail};

use crate::access::Access;
use crate::command::{Common, Ingest};
use crate::paint::{duration, size, thousands};
use crate::session::seed;

/// What an ingest did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    /// Events that the store had before.
    pub(crate) known: u64,
    pub(crate) refused: u64,
    pub(crate) skipped: u64,
    /// Uncompressed bytes of the blocks.
    pub(crate) bytes: u64,
}

/// What is ingested, and how it is read.
struct Ingesting<'a> {
    command: &'a Ingest,
    map: Option<EventMap>,
}

pub(crate) fn run(common: &Common, command: &Ingest) -> Result<()> {
    let access = Access::open(common)?;
    let ingesting = Ingesting { command, map: command.map.as_deref().map(load_map).transpose()? };
    let totals = match &access {
        Access::Here(session) => local::run(session, &ingesting)?,
        Access::Held { client, .. } | Access::Elsewhere { client, .. } => {
            let run = seed(access.clock());
            served::run(client, access.runtime(), access.clock(), run, &ingesting)?
        }
    };
    if totals.accepted == 0 && totals.known == 0 && totals.refused > 0 {
        bail!("no record was accepted: see the reasons above, or use --map to turn foreign JSON into events");
    }
    Ok(())
}

impl Ingesting<'_> {
    /// The decoder of this ingest, which keeps every refused record.
    fn decoder(&self) -> EventDecoder {
        let mut settings =
            DecodeSettings { allow_before_2000: self.command.allow_before_2000, ..DecodeSettings::default() };
        // A block is small, and `--refused` keeps every record.
        settings.limits.refusals_max = usize::MAX;
        EventDecoder::new(settings, self.command.project.clone())
    }
}

impl Totals {
    #[expect(clippy::print_stderr, reason = "the summary is for the person; standard output stays empty")]
    fn report(&self, elapsed: std::time::Duration, whereto: &str) {
        let seconds = elapsed.as_secs_f64().max(1e-6);
        let more = |count: u64, what: &str| match count {
            0 => String::new(),
            count => format!(", {} {what}", thousands(count)),
        };
        eprintln!(
            "{} events accepted, {} refused{}{} in {} ({} events/s, {}/s) -> {whereto}",
            thousands(self.accepted),
            thousands(self.refused),
            more(self.known, "known already"),
            more(self.skipped, "skipped by the map"),
            duration(elapsed),
            thousands((self.accepted as f64 / seconds) as u64),
            size((self.bytes as f64 / seconds) as u64),
        );
    }
}

/// A map by built-in name or by file.
fn load_map(name: &str) -> Result<EventMap> {
    if let Some(map) = EventMap::builtin(name) {
        return Ok(map);
    }
    let text = std::fs::read_to_string(name).with_context(|| {
        format!("no map {name:?}: built in are {}; or give a TOML file", EventMap::builtin_names().join(", "))
    })?;
    EventMap::from_toml(&text).with_context(|| format!("the map {name} is not valid"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join<T>(handle: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests;

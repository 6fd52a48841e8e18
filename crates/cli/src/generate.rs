//! `annals generate`: seeded realistic events as NDJSON on standard output.

use std::io::{self, Write};

use annals_event::{Clock, SystemClock, parse_time_bound};
use annals_testkit::{Generator, GeneratorSettings};
use anyhow::{Context, Result};

use crate::command::Generate;

const EVENTS_PER_WRITE: usize = 4_096;

pub(crate) fn run(command: &Generate) -> Result<()> {
    let end_us = parse_time_bound(&command.end, SystemClock.now_us()).context("--end")?;
    let mut generator = Generator::new(GeneratorSettings {
        events: command.events,
        seed: command.seed,
        projects: command.projects,
        users: command.users,
        days: command.days,
        end_us,
        ..GeneratorSettings::default()
    });
    let mut out = io::stdout().lock();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if generator.write_ndjson(&mut bytes, EVENTS_PER_WRITE) == 0 {
            break;
        }
        out.write_all(&bytes)?;
    }
    out.flush()?;
    Ok(())
}

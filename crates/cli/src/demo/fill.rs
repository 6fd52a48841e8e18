//! Fills the demo's store: the generator's traffic, and the story in it.

use std::io::Write;
use std::path::Path;

use annals_event::{DecodeSettings, EventDecoder, format_timestamp, parse_timestamp};
use annals_testkit::{DemoStory, Generator, GeneratorSettings};
use annals_writer::Ack;
use anyhow::{Context, Result, bail};

use crate::paint::{duration, size, thousands};
use crate::progress::Progress;
use crate::session::Session;
use crate::stopwatch::Stopwatch;

pub(super) const SEED: u64 = 2_026;
const PROJECTS: u32 = 10;
const USERS: u32 = 2_000;
const DAYS: u32 = 7;
const EVENTS_PER_BATCH: usize = 8_192;
/// Begins the marker's line that says when the events end.
const ENDS: &str = "ends ";

/// Generates `events` and the story's, decodes them and writes them, as `annals generate | annals ingest -` would.
pub(super) fn fill(session: &Session, events: u64, root: &Path, marker: &Path, out: &mut impl Write) -> Result<()> {
    let end_us = session.clock.now_us();
    std::fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
    let made = format!(
        "made by `annals demo`; `annals demo --fresh` replaces this store\n{ENDS}{}\n",
        format_timestamp(end_us)
    );
    std::fs::write(marker, made).with_context(|| format!("cannot write {}", marker.display()))?;
    let (_, writer) = session.writer()?;
    let mut generator = Generator::new(GeneratorSettings {
        events,
        seed: SEED,
        projects: PROJECTS,
        users: USERS,
        days: DAYS,
        end_us,
        ..GeneratorSettings::default()
    });
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let progress = Progress::over_items(events, "events", false);
    let watch = Stopwatch::start();
    // The story first: it is one batch, and the store sorts by time.
    let mut lines = Vec::new();
    let of_story = DemoStory::new(SEED, end_us).write_ndjson(&mut lines);
    let (mut accepted, mut bytes) = (0_u64, 0_u64);
    let mut last = None;
    while !lines.is_empty() {
        let decoded = decoder.decode_ndjson(&lines, session.clock.now_us());
        if let Some(refusal) = decoded.refusals.first() {
            bail!("a generated event was refused: {}", refusal.reason);
        }
        accepted += decoded.batch.num_rows() as u64;
        bytes += lines.len() as u64;
        last = Some(writer.append_wait(decoded.batch, Ack::Wal).context("cannot append to the log")?);
        progress.set(accepted.saturating_sub(of_story), String::new());
        lines.clear();
        generator.write_ndjson(&mut lines, EVENTS_PER_BATCH);
    }
    if let Some(ticket) = last {
        ticket.wait().context("the write-ahead log failed")?;
    }
    writer.flush().context("cannot commit the events")?;
    let elapsed = watch.elapsed();
    writer.close(false).context("cannot close the write-ahead log")?;
    progress.finish();
    writeln!(
        out,
        "Generated and ingested {} events of {PROJECTS} projects over {DAYS} days and {} of a story in them ({} of JSON) in {}: \
         every one synced to the write-ahead log, then committed as Parquet.\n",
        thousands(accepted - of_story),
        thousands(of_story),
        size(bytes),
        duration(elapsed),
    )?;
    Ok(())
}

/// When the events end that the demo with this marker made; `None` of one that does not say so.
pub(super) fn filled_until_us(marker: &Path) -> Option<i64> {
    let text = std::fs::read_to_string(marker).ok()?;
    let end = text.lines().find_map(|line| line.strip_prefix(ENDS))?;
    parse_timestamp(end).ok()
}

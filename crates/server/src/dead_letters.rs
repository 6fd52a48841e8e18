//! [`DeadLetters`]: refused records, kept with their reasons in a table of their own.
//!
//! A dead letter is an event about a record, in a second log and table with the schema of events: what reads, flushes,
//! verifies and expires events does the same for it. `data/README.md` tells which column holds what.

use std::sync::Arc;

use annals_event::{Clock, DecodeLimits, DecodeSettings, EventDecoder, ProjectId, Refusal, format_timestamp};
use annals_writer::{Ack, Writer};
use serde_json::json;

use crate::error::{Error, Result};

/// Project of dead letters whose record names none that is allowed, and whose request names none.
pub const UNASSIGNED_PROJECT: &str = "annals.unassigned";
/// Type of every dead letter.
pub(crate) const DEAD_LETTER_TYPE: &str = "dead_letter";

/// Keeps refused records. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetters {
    writer: Arc<Writer>,
    clock: Arc<dyn Clock>,
    raw_bytes_max: usize,
}

impl DeadLetters {
    /// Keeps at most `raw_bytes_max` bytes of each record.
    pub(crate) fn new(writer: Arc<Writer>, clock: Arc<dyn Clock>, raw_bytes_max: usize) -> Self {
        Self { writer, clock, raw_bytes_max }
    }

    /// Keeps `refusals`, the first of `count` records that one request of `source` brought and were refused. One more letter
    /// tells of those beyond.
    ///
    /// # Errors
    /// When the log of dead letters takes none now: they are not kept.
    ///
    /// # Durability
    /// Synced when this returns.
    pub(crate) async fn keep(
        &self,
        refusals: &[Refusal],
        count: u64,
        project: Option<&ProjectId>,
        source: &'static str,
    ) -> Result<()> {
        if refusals.is_empty() {
            return Ok(());
        }
        let now_us = self.clock.now_us();
        let mut lines = Vec::new();
        for refusal in refusals {
            write_letter(&mut lines, refusal, project, source, now_us, self.raw_bytes_max);
        }
        let beyond = count - refusals.len() as u64;
        if beyond > 0 {
            let reason = format!("{beyond} more records of the same request were refused and not kept one by one");
            let last = Refusal { index: refusals.len() as u64, line: 0, reason, raw: Vec::new() };
            write_letter(&mut lines, &last, project, source, now_us, 0);
        }
        let writer = Arc::clone(&self.writer);
        let ticket = tokio::task::spawn_blocking(move || {
            let decoded = EventDecoder::new(settings(), None).decode_ndjson(&lines, now_us);
            debug_assert!(decoded.refusals.is_empty(), "{:?}", decoded.refusals);
            writer.append(decoded.batch, Ack::Wal)
        })
        .await
        .map_err(|error| Error::internal("keeping dead letters stopped unexpectedly", error))??;
        ticket.received().await?;
        Ok(())
    }
}

/// A record that we wrote ourselves has no bounds but its own.
fn settings() -> DecodeSettings {
    let limits = DecodeLimits { event_bytes_max: 64 << 20, ..DecodeLimits::default() };
    DecodeSettings { limits, allow_before_2000: true, ..DecodeSettings::default() }
}

fn write_letter(
    out: &mut Vec<u8>,
    refusal: &Refusal,
    project: Option<&ProjectId>,
    source: &str,
    now_us: i64,
    raw_bytes_max: usize,
) {
    let whole = refusal.raw.len();
    let raw = &refusal.raw[..whole.min(raw_bytes_max)];
    // Text stays text as far as it is text: bytes that are not are told apart by the encoding.
    let (text, encoding) = match std::str::from_utf8(raw) {
        Ok(text) => (text.to_owned(), "utf-8"),
        Err(error) if error.error_len().is_none() && raw.len() < whole => {
            let text = String::from_utf8_lossy(&raw[..error.valid_up_to()]);
            (text.into_owned(), "utf-8")
        }
        Err(_) => (hex(raw), "hex"),
    };
    let named = project_of(&refusal.raw);
    let project = named.as_ref().or(project).map_or(UNASSIGNED_PROJECT, ProjectId::as_str);
    let letter = json!({
        "timestamp": format_timestamp(now_us),
        "projectId": project,
        "type": DEAD_LETTER_TYPE,
        "level": "ERROR",
        "message": refusal.reason,
        "status": "REFUSED",
        "error": {
            "source": source, "index": refusal.index, "line": refusal.line, "bytes": whole,
            "truncated": text.len() < whole && encoding == "utf-8" || raw.len() < whole, "encoding": encoding,
        },
        "payload": text,
    });
    serde_json::to_writer(&mut *out, &letter).expect("a vector takes every byte");
    out.push(b'\n');
}

/// The project that a refused record names, where it can be read and is one.
fn project_of(raw: &[u8]) -> Option<ProjectId> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(rename = "projectId", borrow)]
        project_id: std::borrow::Cow<'a, str>,
    }
    let named: Named<'_> = serde_json::from_slice(raw).ok()?;
    ProjectId::new(&named.project_id).ok()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

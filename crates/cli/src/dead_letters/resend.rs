//! `--retry`: the records of dead letters as new events, in bodies by project.
//!
//! A record that names no project goes to the one that its dead letter is kept under. What is refused again
//! stays a dead letter (and becomes another one at a server). Nothing is removed: sending the same dead letters twice stores
//! events without an `id` twice.

use std::collections::BTreeMap;

use annals_event::{DecodeSettings, EventDecoder, ProjectId};
use annals_server::UNASSIGNED_PROJECT;
use annals_writer::{Ack, Writer};
use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use futures::TryStreamExt;

use super::NOT_READ;
use super::statement::Selection;
use crate::access::Access;
use crate::paint::thousands;
use crate::remote::{Client, EventsPost, Failure};
use crate::session::{Session, seed};
use crate::source::Source;

/// Bytes of a body.
const BODY_BYTES: usize = 4 << 20;

/// What became of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Resent {
    accepted: u64,
    known: u64,
    refused: u64,
    /// Records that were not kept whole, or were no text.
    skipped: u64,
}

/// Sends the selected records again and tells what became of them.
pub(super) fn run(access: &Access, source: &Source, selection: &Selection) -> Result<()> {
    let resent = match access {
        Access::Held { client, .. } | Access::Elsewhere { client, .. } => {
            let mut run = Post { client, run: seed(access.clock()), bodies: 0 };
            access.runtime().block_on(resend(source, selection, async |project, body| run.send(project, body).await))
        }
        Access::Here(session) => locally(session, source, selection),
    };
    report(&resent?);
    Ok(())
}

/// Decodes and writes here, and commits.
fn locally(session: &Session, source: &Source, selection: &Selection) -> Result<Resent> {
    let (_, writer) = session.writer()?;
    let write = async |project: Option<&ProjectId>, body: Vec<u8>| append(session, &writer, project, &body);
    let outcome = session.runtime.block_on(resend(source, selection, write));
    let committed = writer.flush();
    writer.close(false).context("cannot close the write-ahead log")?;
    committed.context("cannot commit the events; they are safe in the write-ahead log")?;
    outcome
}

/// Gathers records into bodies and hands each to `send`, which says what became of it.
async fn resend(
    source: &Source,
    selection: &Selection,
    mut send: impl AsyncFnMut(Option<&ProjectId>, Vec<u8>) -> Result<Resent>,
) -> Result<Resent> {
    let mut resent = Resent::default();
    let mut bodies: BTreeMap<Option<ProjectId>, Vec<u8>> = BTreeMap::new();
    let mut rows = source.sql(&selection.records()).await.context(NOT_READ)?.stream;
    while let Some(batch) = rows.try_next().await.context(NOT_READ)? {
        for record in records(&batch)? {
            let Some(Record { project, line }) = record else {
                resent.skipped += 1;
                continue;
            };
            let body = bodies.entry(project.clone()).or_default();
            body.extend_from_slice(&line);
            body.push(b'\n');
            if body.len() >= BODY_BYTES {
                let body = std::mem::take(body);
                resent += send(project.as_ref(), body).await?;
            }
        }
    }
    for (project, body) in bodies.into_iter().filter(|(_, body)| !body.is_empty()) {
        resent += send(project.as_ref(), body).await?;
    }
    Ok(resent)
}

/// A refused record.
struct Record {
    /// Under which its dead letter is kept; `None` for the one of records that named none.
    project: Option<ProjectId>,
    /// Its bytes on one line, without a line feed.
    line: Vec<u8>,
}

/// The records of a batch; `None` for those that were not kept whole.
fn records(batch: &RecordBatch) -> Result<Vec<Option<Record>>> {
    let column = |name: &str, kind: &DataType| -> Result<_> {
        let column = batch.column_by_name(name).with_context(|| format!("the answer has no column {name}"))?;
        Ok(cast(column, kind)?)
    };
    let (projects, raw) = (column("project_id", &DataType::Utf8)?, column("raw", &DataType::Utf8)?);
    let (bytes, truncated) = (column("bytes", &DataType::Int64)?, column("truncated", &DataType::Boolean)?);
    let bytes = bytes.as_primitive::<Int64Type>();
    let (projects, raw, truncated) = (projects.as_string::<i32>(), raw.as_string::<i32>(), truncated.as_boolean());
    Ok((0..batch.num_rows())
        .map(|row| {
            if raw.is_null(row) || projects.is_null(row) || raw.value(row).trim().is_empty() {
                return None;
            }
            // What was no text is kept as hex digits and so has another length.
            let is_other = bytes.is_valid(row) && bytes.value(row) != raw.value(row).len() as i64;
            if is_other || (truncated.is_valid(row) && truncated.value(row)) {
                return None;
            }
            let project = ProjectId::new(projects.value(row)).ok()?;
            let project = Some(project).filter(|project| project.as_str() != UNASSIGNED_PROJECT);
            // Line feeds of JSON stand between its tokens only, where a blank means the same.
            Some(Record { project, line: raw.value(row).replace(['\n', '\r'], " ").into_bytes() })
        })
        .collect())
}

/// Sends to a server.
struct Post<'a> {
    client: &'a Client,
    run: u64,
    bodies: u64,
}

impl Post<'_> {
    async fn send(&mut self, project: Option<&ProjectId>, body: Vec<u8>) -> Result<Resent> {
        let key = format!("{:016x}-{}", self.run, self.bodies);
        self.bodies += 1;
        let post = EventsPost { body: body.into(), is_array: false, encoding: None, project, key };
        let answer = self.client.deliver(&post, |failure| !matches!(failure, Failure::Unreachable { .. })).await?;
        Ok(Resent { accepted: answer.accepted, known: answer.duplicates, refused: answer.refused, skipped: 0 })
    }
}

fn append(session: &Session, writer: &Writer, project: Option<&ProjectId>, body: &[u8]) -> Result<Resent> {
    let decoder = EventDecoder::new(DecodeSettings::default(), project.cloned());
    let decoded = decoder.decode_ndjson(body, session.clock.now_us());
    let accepted = decoded.batch.num_rows() as u64;
    if accepted > 0 {
        writer.append_wait(decoded.batch, Ack::Memory).context("cannot append to the log")?;
    }
    Ok(Resent { accepted, refused: decoded.refused, ..Resent::default() })
}

impl std::ops::AddAssign for Resent {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.known += other.known;
        self.refused += other.refused;
        self.skipped += other.skipped;
    }
}

#[expect(clippy::print_stdout, reason = "the outcome is the answer")]
fn report(resent: &Resent) {
    let known = if resent.known > 0 { format!(", {} known already", thousands(resent.known)) } else { String::new() };
    println!(
        "{} records sent again: {} accepted{known}, {} refused again; {} not sent, for they were not kept whole or are no text",
        thousands(resent.accepted + resent.known + resent.refused),
        thousands(resent.accepted),
        thousands(resent.refused),
        thousands(resent.skipped),
    );
}

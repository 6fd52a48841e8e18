//! [`MappedBlock`]: a block of foreign records turned into events by a map, each knowing its line in the source.

use annals_event::{EventMap, MapOutcome, Refusal};

use crate::input::Block;

/// Events as NDJSON, and what the map made of the other records.
#[derive(Debug, Default)]
pub(super) struct MappedBlock {
    /// One event a line.
    pub(super) events: Vec<u8>,
    /// For each line of `events`, the line of the source that it comes from, from 1.
    source_lines: Vec<u64>,
    /// Records that the map refuses, by their lines in the source.
    pub(super) refusals: Vec<Refusal>,
    /// Records that the map passes over.
    pub(super) skipped: u64,
}

impl MappedBlock {
    /// Applies `map` to every line that is not blank.
    pub(super) fn of(map: &EventMap, block: &Block) -> Self {
        let mut mapped = Self { events: Vec::with_capacity(block.bytes.len() * 2), ..Self::default() };
        for (offset, line) in block.bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let number = block.first_line + offset as u64;
            let before = mapped.events.len();
            match map.apply(line, &mut mapped.events) {
                Ok(MapOutcome::Event) => {
                    let made = memchr::memchr_iter(b'\n', &mapped.events[before..]).count();
                    mapped.source_lines.extend(std::iter::repeat_n(number, made));
                }
                Ok(MapOutcome::Skipped) => mapped.skipped += 1,
                Err(error) => {
                    mapped.events.truncate(before);
                    mapped.refusals.push(Refusal {
                        index: offset as u64,
                        line: number,
                        reason: error.to_string(),
                        raw: line.to_vec(),
                    });
                }
            }
        }
        mapped
    }

    /// The line of the source behind line `line` of `events`; both from 1.
    pub(super) fn source_line(&self, line: u64) -> u64 {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        self.source_lines.get(index).copied().unwrap_or(line)
    }
}

//! [`EventMap`]: foreign JSON to events, by a small TOML file.
//!
//! A map runs in front of the decoder and writes NDJSON for it. Whatever it picks out for the fields, the record itself
//! goes along as the payload, so nothing of the source is lost.

mod definition;
mod path;
mod source;

use crate::encode::write_one_line;
use crate::error::{Error, Result};
use crate::scan::{Kind, Value, space};

use definition::{Definition, LevelRule, Payload};
use path::{Condition, Document};
use source::Source;

const BUILTIN: [(&str, &str); 3] = [
    ("cloudtrail", include_str!("../../../data/maps/cloudtrail.toml")),
    ("github", include_str!("../../../data/maps/github.toml")),
    ("zeek", include_str!("../../../data/maps/zeek.toml")),
];

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapOutcome {
    /// At least one event was written.
    Event,
    /// The map's rules say that it holds no event.
    Skipped,
}

/// Turns foreign JSON records into events.
///
/// The TOML of a map:
///
/// ```
/// let map = annals_event::EventMap::from_toml(r#"
/// unroll = "Records"              # where a line may hold many records in an array; lines without it are one record
/// payload = "record"              # the whole record (the default), or "rest": less the members moved whole to a field
///
/// [[skip]]                        # lines that are no events; every condition of a rule must hold
/// when = [{ path = "index" }, { path = "type", absent = true }]
///
/// [fields]                        # wire name of a field = where its value comes from
/// traceId = "request.id"          # a path; a number picks from an array, quotes hold dots: '"id.orig_h"'
/// type = { const = "audit" }
/// message = { template = "{verb} {object.name}" }
/// endUserId = ["user.name", "user.id", { const = "nobody" }]       # the first that is there
/// error = { object = { code = "errorCode", message = "errorMessage" } }
/// status = [{ const = "failed", when = [{ path = "errorCode" }] }, { const = "success" }]
///
/// [[level]]                       # the first rule that holds; INFO when none does
/// when = [{ path = "severity", is = ["notice", "weird"] }]
/// level = "WARN"
/// [[level]]
/// from = "severity"               # the value itself, where it spells a level
/// "#)?;
/// let mut out = Vec::new();
/// map.apply(br#"{"verb":"GET","object":{"name":"x"},"severity":"err"}"#, &mut out)?;
/// let event = std::str::from_utf8(&out).expect("events are text");
/// assert!(event.starts_with(r#"{"endUserId":"nobody","message":"GET x","status":"success","type":"audit","level":"ERROR""#));
/// # Ok::<(), annals_event::Error>(())
/// ```
///
/// A value that cannot serve is passed over for the next: null and empty text everywhere, objects and arrays where a field
/// is text, what is no time or before the year 2000 for `timestamp`, what breaks the rule of project ids for `projectId`.
/// A field for which nothing is left is not written, and the decoder's defaults apply: the time of receipt for `timestamp`.
#[derive(Clone, Debug)]
pub struct EventMap {
    definition: Definition,
}

impl EventMap {
    /// Reads a map.
    ///
    /// # Errors
    /// `Invalid`, naming the part that is not understood.
    pub fn from_toml(text: &str) -> Result<Self> {
        Ok(Self { definition: Definition::from_toml(text)? })
    }

    /// The map of that name among those this program comes with.
    pub fn builtin(name: &str) -> Option<Self> {
        let (_, text) = BUILTIN.iter().find(|(known, _)| *known == name)?;
        Some(Self::from_toml(text).expect("built-in maps are valid, as their test says"))
    }

    /// Names of the maps this program comes with.
    pub fn builtin_names() -> &'static [&'static str] {
        &["cloudtrail", "github", "zeek"]
    }

    /// Appends the events of one record to `out`, one JSON object and a line feed each. White space around the record is
    /// allowed, line breaks inside it too.
    ///
    /// # Errors
    /// `Invalid` when the text is not one JSON object (or, unrolled, objects); nothing is written then.
    pub fn apply(&self, record: &[u8], out: &mut Vec<u8>) -> Result<MapOutcome> {
        let text = std::str::from_utf8(record)
            .map_err(|error| Error::invalid(format!("byte {}: the record is not UTF-8", error.valid_up_to())))?;
        let start = space(record, 0);
        let whole = path::scan(record, start)?;
        if space(record, whole.span.end) < record.len() {
            return Err(Error::invalid(format!("byte {}: text after the end of the record", whole.span.end)));
        }
        let document = Document::new(text, whole)?;
        if self.definition.skip.iter().any(|rule| holds(rule, &document)) {
            return Ok(MapOutcome::Skipped);
        }
        let before = out.len();
        match self.definition.unroll.as_ref().and_then(|path| document.find(path)) {
            Some(records) if records.kind == Kind::Array => {
                for element in path::elements(text, records) {
                    if let Err(error) = self.element(text, element, out) {
                        out.truncate(before);
                        return Err(error);
                    }
                }
            }
            _ => self.write(&document, whole, out),
        }
        Ok(if out.len() > before { MapOutcome::Event } else { MapOutcome::Skipped })
    }

    fn element(&self, text: &str, element: Value, out: &mut Vec<u8>) -> Result<()> {
        let document = Document::new(text, element)?;
        if !self.definition.skip.iter().any(|rule| holds(rule, &document)) {
            self.write(&document, element, out);
        }
        Ok(())
    }

    fn write(&self, document: &Document<'_>, whole: Value, out: &mut Vec<u8>) {
        let mut moved = Vec::new();
        out.push(b'{');
        for (wire_name, source) in &self.definition.fields {
            if let Some(taken) = source.write(wire_name, document, out) {
                moved.extend(taken.whole_member);
            }
        }
        if let Some(level) = self.definition.levels.iter().find_map(|rule| level_of(rule, document)) {
            out.extend_from_slice(b"\"level\":\"");
            out.extend_from_slice(level.as_bytes());
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"payload\":");
        match self.definition.payload {
            Payload::Record => write_one_line(whole.span.of_text(document.text), out),
            Payload::Rest => {
                out.push(b'{');
                let open = out.len();
                for (name, value) in document.members.iter().filter(|(_, value)| !moved.contains(&value.span.start)) {
                    if out.len() > open {
                        out.push(b',');
                    }
                    out.extend_from_slice(name.span.of(document.text.as_bytes()));
                    out.push(b':');
                    write_one_line(value.span.of_text(document.text), out);
                }
                out.push(b'}');
            }
        }
        out.extend_from_slice(b"}\n");
    }
}

fn holds(rule: &[Condition], document: &Document<'_>) -> bool {
    rule.iter().all(|condition| condition.holds(document))
}

fn level_of(rule: &LevelRule, document: &Document<'_>) -> Option<&'static str> {
    if !holds(&rule.when, document) {
        return None;
    }
    let level = match &rule.level {
        definition::RuleLevel::Is(level) => *level,
        definition::RuleLevel::From(path) => {
            document.find(path).and_then(|value| document.scalar(value))?.parse().ok()?
        }
    };
    Some(level.as_str())
}

#[cfg(test)]
mod tests;

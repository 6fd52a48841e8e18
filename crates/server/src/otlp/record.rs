//! One log record to one event: [`Plan`] decides which part of it fills which field, [`write_event`] writes the line.
//!
//! Every part of the record ends in exactly one place: a field, a member of its own, or the member `otel`. The line is an
//! object whose members stand once each, so that the decoder has no reason to refuse it but the event's own rules.

use std::borrow::Cow;

use annals_event::{Level, format_timestamp};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::field::{Field, Rank, field_of, is_reserved};
use super::map::Surroundings;
use super::value::{Keys, write_display, write_hex, write_pair_list, write_pairs, write_string, write_value};

/// Longest message that is made of a body which is no text, in bytes.
const MADE_MESSAGE_BYTES_MAX: usize = 200;

/// The type of a record of which nothing else can be said: the event model's own default.
const TYPE_DEFAULT: &str = "custom";

/// Attributes of an exception, in the order of the members of `error`.
const EXCEPTION: [(&str, &str); 4] = [
    ("exception.type", "type"),
    ("exception.message", "message"),
    ("exception.stacktrace", "stacktrace"),
    ("exception.escaped", "escaped"),
];

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The part of the record that OTLP has for it.
    Otlp,
    /// An attribute, by position.
    Attribute(usize),
}

/// Which part of a record fills which field.
#[derive(Debug)]
struct Plan<'a> {
    record: &'a LogRecord,
    around: &'a Surroundings,
    origins: [Option<(Rank, Origin)>; Field::ALL.len()],
    /// Positions of the attributes of [`EXCEPTION`].
    exception: [Option<usize>; EXCEPTION.len()],
    level: Option<Level>,
    /// Attributes that fill a field.
    used: Vec<bool>,
}

/// Appends the event that `record` becomes, one JSON object without a line feed.
pub(super) fn write_event(record: &LogRecord, around: &Surroundings, out: &mut Vec<u8>) {
    let plan = Plan::new(record, around);
    let mut members = Members::new(out);
    plan.write_fields(&mut members);
    let mut names = Keys::default();
    plan.write_otlp_members(&mut members, &mut names);
    plan.write_attributes(&mut members, &mut names);
    members.finish();
}

impl<'a> Plan<'a> {
    fn new(record: &'a LogRecord, around: &'a Surroundings) -> Self {
        let mut plan = Self {
            record,
            around,
            origins: [None; Field::ALL.len()],
            exception: [None; EXCEPTION.len()],
            level: level(record),
            used: vec![false; record.attributes.len()],
        };
        for (field, is_there) in [
            (Field::ProjectId, around.project.is_some()),
            (Field::Timestamp, occurred_ns(record) != 0),
            (Field::Level, plan.level.is_some()),
            (Field::Message, matches!(body(record), Some(Value::StringValue(text)) if !text.is_empty())),
            (Field::Payload, matches!(body(record), Some(value) if !matches!(value, Value::StringValue(_)))),
            (Field::EventName, !record.event_name.is_empty()),
            (Field::TraceId, is_id(&record.trace_id)),
        ] {
            if is_there {
                plan.claim(field, Rank::Otlp, Origin::Otlp);
            }
        }
        for (at, attribute) in record.attributes.iter().enumerate() {
            let Some(value) = attribute.value.as_ref().and_then(|value| value.value.as_ref()) else { continue };
            if let Some(part) = EXCEPTION.iter().position(|(key, _)| *key == attribute.key) {
                plan.exception[part].get_or_insert(at);
                plan.claim(Field::Error, Rank::Otlp, Origin::Otlp);
            } else if let Some((field, rank)) = field_of(&attribute.key) {
                // An attribute of this name may mean another thing altogether, and a project is where events are kept.
                let is_settled = field == Field::ProjectId && rank > Rank::Otlp && around.has_default_project;
                if !is_settled && field.takes(rank, value) {
                    plan.claim(field, rank, Origin::Attribute(at));
                }
            }
        }
        for (_, origin) in plan.origins.into_iter().flatten() {
            if let Origin::Attribute(at) = origin {
                plan.used[at] = true;
            }
        }
        if plan.origin(Field::Error) == Some(Origin::Otlp) {
            for at in plan.exception.into_iter().flatten() {
                plan.used[at] = true;
            }
        }
        plan
    }

    /// Gives the field to this origin unless one of the same or a higher rank has it.
    fn claim(&mut self, field: Field, rank: Rank, origin: Origin) {
        let slot = &mut self.origins[field as usize];
        if slot.is_none_or(|(held, _)| rank < held) {
            *slot = Some((rank, origin));
        }
    }

    fn origin(&self, field: Field) -> Option<Origin> {
        self.origins[field as usize].map(|(_, origin)| origin)
    }

    fn write_fields(&self, members: &mut Members<'_>) {
        let made_message = self.origin(Field::Message).is_none().then(|| self.made_message()).flatten();
        for field in Field::ALL {
            let name = field.wire_name();
            match (self.origin(field), field) {
                (Some(Origin::Attribute(at)), _) => {
                    write_value(self.record.attributes[at].value.as_ref(), members.name(name));
                }
                (Some(Origin::Otlp), _) => self.write_otlp_value(field, members.name(name)),
                (None, Field::Message) => {
                    if let Some(message) = &made_message {
                        write_string(message, members.name(name));
                    }
                }
                (None, Field::Type) => {
                    let has_message = self.origin(Field::Message).is_some() || made_message.is_some();
                    let made = self.around.service.as_deref().or((!has_message).then_some(TYPE_DEFAULT));
                    if let Some(made) = made {
                        write_string(made, members.name(name));
                    }
                }
                (None, _) => {}
            }
        }
    }

    /// Appends what OTLP itself has for a field.
    fn write_otlp_value(&self, field: Field, out: &mut Vec<u8>) {
        match field {
            Field::ProjectId => write_string(self.around.project.as_deref().unwrap_or_default(), out),
            Field::Timestamp => write_string(&format_timestamp(microseconds(occurred_ns(self.record))), out),
            Field::Level => write_string(self.level.unwrap_or(Level::Info).as_str(), out),
            Field::EventName => write_string(&self.record.event_name, out),
            Field::TraceId => write_hex(&self.record.trace_id, out),
            Field::Error => {
                out.push(b'{');
                let parts = EXCEPTION.iter().zip(self.exception).filter_map(|((_, name), at)| Some((name, at?)));
                for (number, (name, at)) in parts.enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    write_value(self.record.attributes[at].value.as_ref(), out);
                }
                out.push(b'}');
            }
            // Message and payload; OTLP has nothing for the others.
            _ => write_value(self.record.body.as_ref(), out),
        }
    }

    /// The message of a record whose body is no text: what its body says the message is, else the event's name, else the
    /// exception's message, else the beginning of the body.
    fn made_message(&self) -> Option<Cow<'a, str>> {
        if let Some(Value::KvlistValue(list)) = body(self.record) {
            let said = ["message", "msg"].iter().find_map(|name| text_of(&list.values, name));
            if let Some(said) = said {
                return Some(Cow::Borrowed(said));
            }
        }
        if let Some(Origin::Attribute(at)) = self.origin(Field::EventName) {
            let name = self.record.attributes[at].value.as_ref().and_then(|value| value.value.as_ref());
            if let Some(Value::StringValue(name)) = name {
                return Some(Cow::Borrowed(name));
            }
        }
        if !self.record.event_name.is_empty() {
            return Some(Cow::Borrowed(&self.record.event_name));
        }
        if let Some(message) = text_of(&self.record.attributes, "exception.message") {
            return Some(Cow::Borrowed(message));
        }
        match body(self.record) {
            None | Some(Value::StringValue(_)) => None,
            Some(Value::BytesValue(bytes)) => Some(Cow::Owned(format!("{} bytes", bytes.len()))),
            Some(_) => {
                let mut json = Vec::new();
                write_value(self.record.body.as_ref(), &mut json);
                Some(Cow::Owned(beginning(String::from_utf8_lossy(&json).into_owned())))
            }
        }
    }

    /// Writes the members that no field has a place for, and adds their names to `names`.
    fn write_otlp_members(&self, members: &mut Members<'_>, names: &mut Keys<'a>) {
        let record = self.record;
        if is_id(&record.span_id) {
            names.insert("spanId");
            write_hex(&record.span_id, members.name("spanId"));
        }
        for (name, number) in [("flags", record.flags), ("droppedAttributesCount", record.dropped_attributes_count)] {
            if number != 0 {
                names.insert(name);
                write_display(number, members.name(name));
            }
        }
        let is_level_otlp = self.origin(Field::Level) == Some(Origin::Otlp);
        let says_all = |number: i32| is_level_otlp && self.level.is_some_and(|level| plain_number(level) == number);
        if record.severity_number != 0 && !says_all(record.severity_number) {
            names.insert("severityNumber");
            write_display(record.severity_number, members.name("severityNumber"));
        }
        let is_level_name = is_level_otlp && self.level.is_some_and(|level| level.as_str() == record.severity_text);
        if !record.severity_text.is_empty() && !is_level_name {
            names.insert("severityText");
            write_string(&record.severity_text, members.name("severityText"));
        }
        let is_observed_said = self.origin(Field::Timestamp) == Some(Origin::Otlp)
            && record.observed_time_unix_nano == occurred_ns(record);
        if record.observed_time_unix_nano != 0 && !is_observed_said {
            names.insert("observedTimestamp");
            write_string(&format_ns(record.observed_time_unix_nano), members.name("observedTimestamp"));
        }
        for (name, object) in [("resource", &self.around.resource), ("scope", &self.around.scope)] {
            if !object.is_empty() {
                names.insert(name);
                members.name(name).extend_from_slice(object);
            }
        }
    }

    /// Writes the attributes that fill no field, and `otel` with what cannot be a member under its own name.
    fn write_attributes(&self, members: &mut Members<'_>, names: &mut Keys<'a>) {
        let mut collided: Vec<&KeyValue> = Vec::new();
        for (attribute, used) in self.record.attributes.iter().zip(&self.used) {
            if *used {
                continue;
            }
            if is_reserved(&attribute.key) || !names.insert(&attribute.key) {
                collided.push(attribute);
                continue;
            }
            write_value(attribute.value.as_ref(), members.key(&attribute.key));
        }
        let mut object = Vec::new();
        let mut otel = Members::new(&mut object);
        self.write_beaten(&mut otel);
        if !self.around.details.is_empty() {
            otel.name("resource").extend_from_slice(&self.around.details);
        }
        if !collided.is_empty() {
            let mut keys = Keys::default();
            let (first, repeated): (Vec<&KeyValue>, Vec<&KeyValue>) =
                collided.into_iter().partition(|attribute| keys.insert(&attribute.key));
            write_pairs(first.into_iter(), otel.name("attributes"));
            if !repeated.is_empty() {
                write_pair_list(repeated.into_iter(), otel.name("repeated"));
            }
        }
        if otel.is_empty() {
            return;
        }
        otel.finish();
        members.name("otel").extend_from_slice(&object);
    }

    /// Whether an explicit attribute has this field.
    fn is_beaten(&self, field: Field) -> bool {
        matches!(self.origins[field as usize], Some((rank, Origin::Attribute(_))) if rank < Rank::Otlp)
    }

    /// Writes what OTLP itself had for the fields that explicit attributes have.
    fn write_beaten(&self, otel: &mut Members<'_>) {
        let record = self.record;
        if self.is_beaten(Field::Timestamp) && record.time_unix_nano != 0 {
            write_string(&record.time_unix_nano.to_string(), otel.name("timeUnixNano"));
        }
        let is_body_text = matches!(body(record), Some(Value::StringValue(_)));
        let body_field = if is_body_text { Field::Message } else { Field::Payload };
        if self.is_beaten(body_field) && body(record).is_some() {
            write_value(record.body.as_ref(), otel.name("body"));
        }
        if self.is_beaten(Field::EventName) && !record.event_name.is_empty() {
            write_string(&record.event_name, otel.name("eventName"));
        }
        if self.is_beaten(Field::TraceId) && is_id(&record.trace_id) {
            write_hex(&record.trace_id, otel.name("traceId"));
        }
        if let Some(project) = self.around.project.as_deref().filter(|_| self.is_beaten(Field::ProjectId)) {
            write_string(project, otel.name("resourceProjectId"));
        }
    }
}

/// Writes the members of one object.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    open: usize,
}

impl<'a> Members<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        let open = out.len();
        Self { out, open }
    }

    /// Begins a member whose name needs no escaping; its value is to be appended to what this answers.
    fn name(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Begins a member of any name.
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.separate();
        write_string(key, self.out);
        self.out.push(b':');
        self.out
    }

    fn is_empty(&self) -> bool {
        self.out.len() == self.open
    }

    fn separate(&mut self) {
        self.out.push(if self.is_empty() { b'{' } else { b',' });
    }

    fn finish(self) {
        if self.is_empty() {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

fn body(record: &LogRecord) -> Option<&Value> {
    record.body.as_ref().and_then(|body| body.value.as_ref())
}

/// When it occurred, or else when it was observed; 0 when neither is known.
fn occurred_ns(record: &LogRecord) -> u64 {
    if record.time_unix_nano != 0 { record.time_unix_nano } else { record.observed_time_unix_nano }
}

/// The level that the severity's number says, or else its text.
fn level(record: &LogRecord) -> Option<Level> {
    Level::from_otlp(i64::from(record.severity_number)).or_else(|| record.severity_text.parse().ok())
}

/// The severity number of a level without finer grades.
fn plain_number(level: Level) -> i32 {
    match level {
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
    }
}

/// Whether a trace or span id is one: an empty one is absent, and so, says OTLP, is one of zeros. One of another length
/// than it should have is kept.
fn is_id(id: &[u8]) -> bool {
    id.iter().any(|byte| *byte != 0)
}

/// The text under this key, if it has one.
fn text_of<'a>(pairs: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let value = pairs.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()?;
    match value {
        Value::StringValue(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The first [`MADE_MESSAGE_BYTES_MAX`] bytes of a text that is longer, and a sign that it goes on.
fn beginning(mut text: String) -> String {
    if text.len() > MADE_MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MADE_MESSAGE_BYTES_MAX));
        text.push('…');
    }
    text
}

fn microseconds(ns: u64) -> i64 {
    i64::try_from(ns / 1_000).unwrap_or(i64::MAX)
}

/// RFC 3339, UTC, to the nanosecond.
fn format_ns(ns: u64) -> String {
    let mut text = format_timestamp(microseconds(ns));
    text.truncate(text.len() - 1);
    text + &format!("{:03}Z", ns % 1_000)
}

#[cfg(test)]
mod tests;

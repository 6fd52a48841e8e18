//! [`Catalog`]: the known kinds of events, as data. It describes; it never rejects.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::level::Level;

const BUILTIN_JSON: &str = include_str!("../../../data/catalog.json");

/// Where in the life of a trigger, tool call or sync an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It begins.
    Start,
    /// It goes on.
    Step,
    /// It ended well.
    End,
    /// It failed.
    Failure,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Step => "step",
            Self::End => "end",
            Self::Failure => "failure",
        })
    }
}

/// One kind of event: a type and a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventKind {
    /// Part of the product, such as `Workflows`.
    pub category: String,
    /// The event's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The event's message; `{x}` stands for any text.
    pub message: String,
    /// Level such events usually have. The decoder does not look here: an event without a level is INFO.
    #[serde(deserialize_with = "level")]
    pub level: Level,
    /// Its place in a lifecycle.
    pub role: Role,
}

fn level<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// The kinds of events, in the order of their file.
#[derive(Debug)]
pub struct Catalog {
    kinds: Vec<EventKind>,
    by_type: HashMap<String, Vec<usize>>,
}

static BUILTIN: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::from_json(BUILTIN_JSON).expect("data/catalog.json is valid, as its test says"));

impl Catalog {
    /// The catalogue this program comes with: `data/catalog.json`.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads an array of kinds.
    ///
    /// # Errors
    /// `Invalid` when the text is not such an array or a template has an unclosed brace.
    pub fn from_json(text: &str) -> Result<Self> {
        let kinds: Vec<EventKind> =
            serde_json::from_str(text).map_err(|error| Error::invalid(format!("not a catalogue: {error}")))?;
        let mut by_type: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, kind) in kinds.iter().enumerate() {
            if kind.message.matches('{').count() != kind.message.matches('}').count() {
                return Err(Error::invalid(format!("template {:?} has a brace without its partner", kind.message)));
            }
            by_type.entry(kind.kind.clone()).or_default().push(at);
        }
        // Exact messages before templates, and templates with more literal text before those with less.
        for of_type in by_type.values_mut() {
            of_type.sort_by_key(|at| std::cmp::Reverse(literal_bytes(&kinds[*at].message)));
        }
        Ok(Self { kinds, by_type })
    }

    /// All kinds.
    pub fn kinds(&self) -> &[EventKind] {
        &self.kinds
    }

    /// The kind an event is of, if it is a known one: by type, then by message, the closest template first.
    pub fn match_message(&self, kind: &str, message: &str) -> Option<&EventKind> {
        self.by_type.get(kind)?.iter().map(|at| &self.kinds[*at]).find(|kind| matches(&kind.message, message))
    }

    /// The kinds as a batch of the columns `category`, `type`, `message`, `level`, `role`, all `Utf8View` and not null:
    /// the SQL view `event_kinds`.
    pub fn to_batch(&self) -> RecordBatch {
        let column = |name: &str, value: &dyn Fn(&EventKind) -> String| {
            let values: ArrayRef = Arc::new(StringViewArray::from_iter_values(self.kinds.iter().map(value)));
            (Field::new(name, DataType::Utf8View, false), values)
        };
        let (fields, columns): (Vec<_>, Vec<_>) = [
            column("category", &|kind| kind.category.clone()),
            column("type", &|kind| kind.kind.clone()),
            column("message", &|kind| kind.message.clone()),
            column("level", &|kind| kind.level.to_string()),
            column("role", &|kind| kind.role.to_string()),
        ]
        .into_iter()
        .unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("five text columns of one length")
    }
}

/// The literal parts of a template: what stands before, between and behind its `{x}`.
fn literals(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').enumerate().map(|(at, part)| match part.split_once('}') {
        Some((_, literal)) if at > 0 => literal,
        _ => part,
    })
}

fn literal_bytes(template: &str) -> usize {
    literals(template).map(str::len).sum()
}

fn matches(template: &str, message: &str) -> bool {
    let mut parts = literals(template).peekable();
    let Some(mut rest) = parts.next().and_then(|first| message.strip_prefix(first)) else { return false };
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_kind_matches_its_own_message() {
        let catalog = Catalog::builtin();
        let batch = catalog.to_batch();
        let schema = batch.schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(
            (batch.num_rows(), names),
            (catalog.kinds().len(), vec!["category", "type", "message", "level", "role"])
        );
        for kind in catalog.kinds() {
            let message = kind.message.replace('{', "<").replace('}', ">");
            let found = catalog.match_message(&kind.kind, &message).unwrap();
            assert_eq!(found.message, kind.message);
        }
    }

    #[test]
    fn parameters_take_any_text_and_literals_none_other() {
        let catalog = Catalog::builtin();
        let kind = |kind, message| catalog.match_message(kind, message).map(|kind| kind.message.as_str());
        assert_eq!(kind("actionkit", "Start SLACK_SEND_MESSAGE"), Some("Start {ACTION_NAME}"));
        assert_eq!(
            kind("managed_sync", "Sync error: Authentication Failed"),
            Some("Sync error: Authentication Failed")
        );
        assert_eq!(kind("managed_sync", "Sync error: 500 from the API"), Some("Sync error: {message}"));
        assert_eq!(
            kind("managed_sync", "Sync rate limited, backing off for 30 seconds…"),
            Some("Sync rate limited, backing off for {seconds} seconds…")
        );
        assert_eq!(kind("actionkit", "Starting"), None);
        assert_eq!(kind("no_such_type", "Start X"), None);
    }

    #[test]
    fn a_broken_catalogue_is_refused() {
        assert!(Catalog::from_json("{}").is_err());
        let text = r#"[{"category":"c","type":"t","message":"a {b","level":"INFO","role":"step"}]"#;
        assert!(Catalog::from_json(text).is_err());
    }
}

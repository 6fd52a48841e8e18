//! [`Source`]: where a field's value comes from, and how it is written.

use super::path::{Condition, Document, Path};
use crate::encode::{write_one_line, write_string};
use crate::error::{Error, Result};
use crate::member;
use crate::project::ProjectId;
use crate::scan::{Kind, Value};
use crate::time::{YEAR_2000_US, parse_epoch, parse_rfc3339};

/// Where a field's value comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Path(Path),
    Const(String),
    Template(Vec<Piece>),
    Object(Vec<(String, Source)>),
    First(Vec<Source>),
    /// The source, where all conditions hold.
    When(Vec<Condition>, Box<Source>),
}

/// A part of a template.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Literal(String),
    Path(Path),
}

/// Says that a value was written.
#[derive(Debug)]
pub(super) struct Taken {
    /// Position of the value of the record's own member that it was, whole and unchanged.
    pub(super) whole_member: Option<usize>,
}

impl Source {
    /// Reads a source from TOML; `field` is for messages.
    pub(super) fn from_toml(field: &str, value: &toml::Value) -> Result<Self> {
        let wrong = |problem: String| Error::invalid(format!("field {field}: {problem}"));
        match value {
            toml::Value::String(path) => Path::parse(path).map(Self::Path).map_err(|error| wrong(error.to_string())),
            toml::Value::Array(all) if !all.is_empty() => {
                all.iter().map(|source| Self::from_toml(field, source)).collect::<Result<_>>().map(Self::First)
            }
            toml::Value::Table(table) if table.contains_key("when") => {
                let mut source = table.clone();
                let when = source.remove("when").expect("the key was just seen");
                let when = when.try_into().map_err(|error| wrong(format!("when: {error}")))?;
                Ok(Self::When(when, Box::new(Self::from_toml(field, &toml::Value::Table(source))?)))
            }
            toml::Value::Table(table) if table.len() == 1 => {
                let (kind, value) = table.iter().next().expect("the table has one entry");
                match (kind.as_str(), value) {
                    ("const", toml::Value::String(text)) => Ok(Self::Const(text.clone())),
                    ("path", toml::Value::String(_)) => Self::from_toml(field, value),
                    ("template", toml::Value::String(text)) => {
                        pieces(text).map(Self::Template).map_err(|error| wrong(error.to_string()))
                    }
                    ("object", toml::Value::Table(members)) => members
                        .iter()
                        .map(|(name, source)| Ok((name.clone(), Self::from_toml(field, source)?)))
                        .collect::<Result<_>>()
                        .map(Self::Object),
                    _ => Err(wrong(format!("{kind} is not path, const, template (texts) or object (a table)"))),
                }
            }
            _ => Err(wrong(
                "expected a path, a list of alternatives, or one of { path = … }, { const = … }, { template = … }, { object = … }".to_owned(),
            )),
        }
    }

    /// Appends `"name":value,` for the first value that will do; `None` and nothing when there is none.
    pub(super) fn write(&self, wire_name: &str, document: &Document<'_>, out: &mut Vec<u8>) -> Option<Taken> {
        let before = out.len();
        write_string(wire_name, out);
        out.push(b':');
        let taken = self.value(Wanted::of(wire_name), document, out);
        match taken {
            Some(_) => out.push(b','),
            None => out.truncate(before),
        }
        taken
    }

    fn value(&self, wanted: Wanted, document: &Document<'_>, out: &mut Vec<u8>) -> Option<Taken> {
        let made = Some(Taken { whole_member: None });
        match self {
            Self::First(all) => all.iter().find_map(|source| source.value(wanted, document, out)),
            Self::When(when, source) => {
                when.iter().all(|condition| condition.holds(document)).then(|| source.value(wanted, document, out))?
            }
            Self::Const(text) => {
                wanted.takes(text).then(|| write_string(text, out))?;
                made
            }
            Self::Template(pieces) => {
                let text = fill(pieces, document)?;
                wanted.takes(&text).then(|| write_string(&text, out))?;
                made
            }
            Self::Path(path) => {
                let value = document.find(path)?;
                if !wanted.takes_value(value, document) {
                    return None;
                }
                write_one_line(value.span.of_text(document.text), out);
                // A time is stored as microseconds: what was finer, or in another zone, stays in the payload.
                let is_whole = path.is_top() && wanted != Wanted::Time;
                Some(Taken { whole_member: is_whole.then_some(value.span.start) })
            }
            Self::Object(members) => {
                let before = out.len();
                out.push(b'{');
                for (name, source) in members {
                    source.write_member(name, document, out);
                }
                if out.pop() == Some(b'{') {
                    out.truncate(before);
                    return None;
                }
                out.push(b'}');
                made
            }
        }
    }

    fn write_member(&self, name: &str, document: &Document<'_>, out: &mut Vec<u8>) {
        let before = out.len();
        write_string(name, out);
        out.push(b':');
        match self.value(Wanted::Any, document, out) {
            Some(_) => out.push(b','),
            None => out.truncate(before),
        }
    }
}

/// What a field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Any,
    Text,
    Time,
    Project,
}

impl Wanted {
    fn of(wire_name: &str) -> Self {
        match member::slot(wire_name.as_bytes()) {
            None | Some(member::ERROR | member::PAYLOAD) => Self::Any,
            Some(member::TIMESTAMP) => Self::Time,
            Some(member::PROJECT_ID) => Self::Project,
            Some(_) => Self::Text,
        }
    }

    fn takes(self, text: &str) -> bool {
        match self {
            Self::Any | Self::Text => !text.is_empty(),
            Self::Time => {
                parse_rfc3339(text.as_bytes()).or_else(|| parse_epoch(text)).is_some_and(|us| us >= YEAR_2000_US)
            }
            Self::Project => ProjectId::is_valid(text),
        }
    }

    fn takes_value(self, value: Value, document: &Document<'_>) -> bool {
        match document.scalar(value) {
            Some(text) => self.takes(&text),
            None => self == Self::Any && matches!(value.kind, Kind::Array | Kind::Object | Kind::Escaped),
        }
    }
}

/// Reads `text {path} text`.
fn pieces(template: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((literal, behind)) = rest.split_once('{') {
        let (path, behind) = behind
            .split_once('}')
            .ok_or_else(|| Error::invalid(format!("template {template:?} has a brace that is not closed")))?;
        pieces.push(Piece::Literal(literal.to_owned()));
        pieces.push(Piece::Path(Path::parse(path)?));
        rest = behind;
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    Ok(pieces)
}

/// The filled template; `None` when one of its values is missing.
fn fill(pieces: &[Piece], document: &Document<'_>) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Path(path) => {
                text.push_str(
                    &document.find(path).and_then(|value| document.scalar(value)).filter(|text| !text.is_empty())?,
                );
            }
        }
    }
    Some(text)
}

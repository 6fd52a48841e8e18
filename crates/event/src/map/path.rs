//! Paths into a record's JSON text, and what is found there.

use std::borrow::Cow;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::scan::{Kind, Scanner, Value, unescape};
use crate::settings::DecodeLimits;

/// Bounds on a source record. The event it becomes meets those of the decoder.
const LIMITS: DecodeLimits =
    DecodeLimits { event_bytes_max: usize::MAX, depth_max: 1_024, members_max: 1_000_000, refusals_max: 1 };

/// Names of members and positions in arrays, from the record inwards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Path(Vec<String>);

impl Path {
    /// Reads `a.b.0.c`; a part in double quotes may hold dots.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |problem: &str| Error::invalid(format!("path {text:?} {problem}"));
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, behind) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(|| wrong("has a quote that is not closed"))?,
                None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
            };
            if part.is_empty() {
                return Err(wrong("has an empty part"));
            }
            parts.push(part.to_owned());
            rest = match behind.strip_prefix('.') {
                Some(next) => next,
                None if behind.is_empty() => return Ok(Self(parts)),
                None => return Err(wrong("needs a dot behind a quoted part")),
            };
        }
    }

    /// Whether it names a member of the record itself.
    pub(super) fn is_top(&self) -> bool {
        self.0.len() == 1
    }
}

impl TryFrom<String> for Path {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

/// Something a record may be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    path: Path,
    /// Texts one of which it must be; none means that any value but null will do.
    #[serde(default)]
    is: OneOrMore,
    /// Turns the condition round.
    #[serde(default)]
    absent: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    #[default]
    Any,
    One(String),
    More(Vec<String>),
}

impl Condition {
    pub(super) fn holds(&self, document: &Document<'_>) -> bool {
        let found = document.find(&self.path).filter(|value| value.kind != Kind::Null);
        let is = |wanted: &String| found.and_then(|value| document.scalar(value)).is_some_and(|text| text == *wanted);
        let holds = match &self.is {
            OneOrMore::Any => found.is_some(),
            OneOrMore::One(wanted) => is(wanted),
            OneOrMore::More(wanted) => wanted.iter().any(is),
        };
        holds != self.absent
    }
}

/// A record: its members, as they lie in the text.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) text: &'a str,
    pub(super) members: Vec<(Value, Value)>,
}

impl<'a> Document<'a> {
    /// The object `whole` of `text`.
    ///
    /// # Errors
    /// `Invalid` when it is no object.
    pub(super) fn new(text: &'a str, whole: Value) -> Result<Self> {
        if whole.kind != Kind::Object {
            return Err(Error::invalid("the record is not a JSON object"));
        }
        Ok(Self { text, members: members(text, whole) })
    }

    /// What stands at `path`.
    pub(super) fn find(&self, path: &Path) -> Option<Value> {
        let (first, inner) = path.0.split_first()?;
        let top = pick(self.text, &self.members, first)?;
        inner.iter().try_fold(top, |value, part| match value.kind {
            Kind::Object => pick(self.text, &members(self.text, value), part),
            Kind::Array => elements(self.text, value).get(part.parse::<usize>().ok()?).copied(),
            _ => None,
        })
    }

    /// The text of a string, number, `true` or `false`.
    pub(super) fn scalar(&self, value: Value) -> Option<Cow<'a, str>> {
        match value.kind {
            Kind::Plain | Kind::Escaped => unescape(value.inside().of_text(self.text), value.kind),
            Kind::Number | Kind::Bool => Some(Cow::Borrowed(value.span.of_text(self.text))),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }
}

/// Scans the value at `at`.
pub(super) fn scan(text: &[u8], at: usize) -> Result<Value> {
    Scanner::new(&LIMITS)
        .value(text, at, 0)
        .map_err(|error| Error::invalid(format!("byte {}: not JSON: {}", error.at, error.problem)))
}

/// The elements of a scanned array.
pub(super) fn elements(text: &str, array: Value) -> Vec<Value> {
    let mut all = Vec::new();
    // Scanned before as part of the whole: it cannot fail now.
    let _ = Scanner::new(&LIMITS).array(text.as_bytes(), array.span.start, |element| all.push(element));
    all
}

fn members(text: &str, object: Value) -> Vec<(Value, Value)> {
    let mut all = Vec::new();
    // Scanned before, as above.
    let _ = Scanner::new(&LIMITS).object(text.as_bytes(), object.span.start, |name, value| all.push((name, value)));
    all
}

fn pick(text: &str, members: &[(Value, Value)], wanted: &str) -> Option<Value> {
    let is_wanted = |name: &Value| {
        let inside = name.inside().of_text(text);
        if name.kind == Kind::Plain {
            inside == wanted
        } else {
            unescape(inside, name.kind).is_some_and(|name| name == wanted)
        }
    };
    members.iter().find(|(name, _)| is_wanted(name)).map(|(_, value)| *value)
}

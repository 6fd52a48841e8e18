//! One record on its way to a row: [`Record`] is where its members lie in the text, [`plan`] decides what each becomes.
//!
//! `plan` changes nothing but its scratch; a row it answers fits the columns, so storing it cannot fail.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::error::Error;
use crate::level::Level;
use crate::member::{
    self, ALIASES, ATTRIBUTES, ERROR, ID, LEVEL, MESSAGE, PAYLOAD, PROJECT_ID, SLOTS, TIMESTAMP, TYPE,
};
use crate::project::ProjectId;
use crate::scan::{Kind, ScanError, Scanner, Span, Value, unescape};
use crate::settings::DecodeSettings;
use crate::time::{YEAR_2000_US, format_timestamp, parse_epoch, parse_rfc3339};

/// The type of an event that names none.
pub(crate) const TYPE_DEFAULT: &str = "custom";

/// Pairs of unknown names that are compared one by one; more go through a set.
const PAIRWISE_NAMES_MAX: usize = 16;

/// Where the members of one record lie in its text. Kept between records for its allocation.
#[derive(Debug)]
pub(crate) struct Record {
    /// A bit for each slot that is filled.
    filled: u32,
    slots: [Value; SLOTS],
    /// Members of unknown name: name and value, in order.
    others: Vec<(Value, Value)>,
    /// Whether a known name came twice, and which.
    twice: Option<usize>,
}

impl Record {
    pub(crate) fn new() -> Self {
        let absent = Value { span: Span::default(), kind: Kind::Null };
        Self { filled: 0, slots: [absent; SLOTS], others: Vec::new(), twice: None }
    }

    /// Scans the object that `text` starts with; answers the position behind it.
    pub(crate) fn scan(&mut self, scanner: &mut Scanner, text: &[u8]) -> Result<usize, ScanError> {
        self.filled = 0;
        self.others.clear();
        self.twice = None;
        scanner.object(text, 0, |name, value| {
            let slot = match name.kind {
                Kind::Plain => member::slot(name.inside().of(text)),
                _ => std::str::from_utf8(name.inside().of(text))
                    .ok()
                    .and_then(|inside| unescape(inside, name.kind))
                    .and_then(|name| member::slot(name.as_bytes())),
            };
            match slot {
                Some(slot) => {
                    if self.filled & (1 << slot) != 0 {
                        self.twice = Some(slot);
                    }
                    self.filled |= 1 << slot;
                    self.slots[slot] = value;
                }
                None => self.others.push((name, value)),
            }
        })
    }

    #[inline]
    fn get(&self, slot: usize) -> Option<Value> {
        (self.filled & (1 << slot) != 0).then(|| self.slots[slot])
    }

    #[inline]
    fn present(&self, slot: usize) -> Option<Value> {
        self.get(slot).filter(|value| value.kind != Kind::Null)
    }

    /// A name that stands twice in the record.
    fn duplicate(&self, text: &str) -> Option<String> {
        if let Some(slot) = self.twice {
            return Some(member::wire_name(slot).to_owned());
        }
        let plain = self.others.iter().all(|(name, _)| name.kind == Kind::Plain);
        if plain && self.others.len() <= PAIRWISE_NAMES_MAX {
            let raw = |at: usize| self.others[at].0.span.of_text(text);
            let found = (1..self.others.len()).find(|at| (0..*at).any(|earlier| raw(earlier) == raw(*at)));
            return found.map(|at| raw(at).trim_matches('"').to_owned());
        }
        let mut seen = HashSet::with_capacity(self.others.len());
        self.others.iter().find_map(|(name, _)| {
            let inside = name.inside().of_text(text);
            let name = unescape(inside, name.kind).unwrap_or(Cow::Borrowed(inside));
            let shown = name.to_string();
            (!seen.insert(name)).then_some(shown)
        })
    }
}

/// What a record becomes. `None` is a null.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// By position in `TEXT_COLUMNS`; that of `attributes` is unused.
    pub(crate) text: [Option<Cow<'a, str>>; ATTRIBUTES + 2],
    /// One JSON object.
    pub(crate) attributes: Option<&'a str>,
    pub(crate) timestamp_us: i64,
}

/// Decides what `record` of `text` becomes, or why it is refused.
///
/// `project` is used where the record names none. `attributes` is scratch.
pub(crate) fn plan<'a>(
    record: &Record,
    text: &'a str,
    settings: &DecodeSettings,
    project: Option<&'a ProjectId>,
    received_at_us: i64,
    attributes: &'a mut String,
) -> Result<Row<'a>, String> {
    if let Some(name) = record.duplicate(text) {
        let shown: String = name.chars().take(80).collect();
        return Err(format!("member {shown:?} stands twice: give each member once"));
    }
    let mut kept = Attributes { out: attributes, text };
    kept.out.clear();
    let mut columns = [const { None }; ATTRIBUTES + 2];

    let mut slots = record.slots;
    let mut filled = record.filled;
    for (canonical, alias) in ALIASES {
        let Some(value) = record.present(alias) else { continue };
        match record.present(canonical) {
            None if is_text(value, text) => {
                slots[canonical] = value;
                filled = (filled & !(1 << alias)) | (1 << canonical);
            }
            Some(other) if other.span.of_text(text) == value.span.of_text(text) => filled &= !(1 << alias),
            _ => {}
        }
    }

    while filled != 0 {
        let slot = filled.trailing_zeros() as usize;
        filled &= filled - 1;
        let value = slots[slot];
        let is_filled_in = matches!(slot, ID | LEVEL | TYPE | PROJECT_ID | TIMESTAMP);
        match slot {
            TIMESTAMP => {}
            _ if value.kind == Kind::Null && is_filled_in => {}
            ERROR | PAYLOAD if value.kind != Kind::Null => {
                columns[slot] = Some(Cow::Borrowed(value.span.of_text(text)))
            }
            0..=PROJECT_ID => match text_of(value, text) {
                Some(found) => columns[slot] = Some(found),
                None if is_filled_in => {
                    return Err(format!("{} must be a text, not {}", member::wire_name(slot), describe(value)));
                }
                None => kept.push(slot, value),
            },
            _ => kept.push(slot, value),
        }
    }
    for (name, value) in &record.others {
        kept.push_other(*name, *value);
    }

    columns[LEVEL] = Some(Cow::Borrowed(match &columns[LEVEL] {
        Some(level) => level.parse::<Level>().map_err(|error| error.to_string())?.as_str(),
        None => Level::Info.as_str(),
    }));
    if columns[TYPE].is_none() {
        if columns[MESSAGE].is_none() {
            return Err("an event needs a message or a type, as text: it has neither".to_owned());
        }
        columns[TYPE] = Some(Cow::Borrowed(TYPE_DEFAULT));
    }
    match (&columns[PROJECT_ID], project) {
        (Some(id), _) if ProjectId::is_valid(id) => {}
        (Some(id), _) => return Err(ProjectId::new(id).map_or_else(|error| error.to_string(), |id| id.to_string())),
        (None, Some(project)) => columns[PROJECT_ID] = Some(Cow::Borrowed(project.as_str())),
        (None, None) => return Err("an event needs a projectId: neither it nor the request names a project".to_owned()),
    }
    let timestamp_us = match record.present(TIMESTAMP) {
        Some(value) => timestamp(value, text, settings, received_at_us)?,
        None => received_at_us,
    };
    let attributes = kept.finish();
    Ok(Row { text: columns, attributes, timestamp_us })
}

/// Members kept as one JSON object.
struct Attributes<'a> {
    out: &'a mut String,
    text: &'a str,
}

impl<'a> Attributes<'a> {
    fn push(&mut self, slot: usize, value: Value) {
        self.out.push_str(if self.out.is_empty() { "{\"" } else { ",\"" });
        self.out.push_str(member::wire_name(slot));
        self.out.push_str("\":");
        self.out.push_str(value.span.of_text(self.text));
    }

    fn push_other(&mut self, name: Value, value: Value) {
        self.out.push(if self.out.is_empty() { '{' } else { ',' });
        self.out.push_str(name.span.of_text(self.text));
        self.out.push(':');
        self.out.push_str(value.span.of_text(self.text));
    }

    fn finish(self) -> Option<&'a str> {
        if self.out.is_empty() {
            return None;
        }
        self.out.push('}');
        Some(self.out)
    }
}

/// A string's text, or the JSON text of a number, true or false; `None` for what is no text.
#[inline]
fn text_of(value: Value, text: &str) -> Option<Cow<'_, str>> {
    match value.kind {
        Kind::Plain => Some(Cow::Borrowed(value.inside().of_text(text))),
        Kind::Escaped => unescape(value.inside().of_text(text), value.kind),
        Kind::Number | Kind::Bool => Some(Cow::Borrowed(value.span.of_text(text))),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

fn is_text(value: Value, text: &str) -> bool {
    matches!(value.kind, Kind::Plain | Kind::Number | Kind::Bool) || text_of(value, text).is_some()
}

fn describe(value: Value) -> &'static str {
    match value.kind {
        Kind::Array => "an array",
        Kind::Object => "an object",
        Kind::Null => "null",
        Kind::Number => "a number",
        Kind::Bool => "true or false",
        Kind::Plain => "a text",
        Kind::Escaped => "a text with half a surrogate pair (\\ud800 to \\udfff must come in pairs)",
    }
}

fn timestamp(value: Value, text: &str, settings: &DecodeSettings, received_at_us: i64) -> Result<i64, String> {
    let given = value.span.of_text(text);
    let read = match value.kind {
        Kind::Number => parse_epoch(given),
        Kind::Plain => {
            let inside = value.inside().of_text(text);
            parse_rfc3339(inside.as_bytes()).or_else(|| parse_epoch(inside))
        }
        Kind::Escaped => {
            text_of(value, text).and_then(|inside| parse_rfc3339(inside.as_bytes()).or_else(|| parse_epoch(&inside)))
        }
        _ => None,
    };
    let Some(us) = read else {
        let shown: String = given.chars().take(60).collect();
        return Err(format!(
            "timestamp {shown} is not a time: use RFC 3339, such as \"2026-05-31T12:00:00Z\", or a number of milliseconds since 1970"
        ));
    };
    check_time(us, settings, received_at_us).map_err(|error| error.to_string())?;
    Ok(us)
}

/// The rules of believable times.
pub(crate) fn check_time(us: i64, settings: &DecodeSettings, received_at_us: i64) -> Result<(), Error> {
    if us < YEAR_2000_US && !settings.allow_before_2000 {
        return Err(Error::invalid(format!(
            "timestamp {} is before the year 2000: check its unit, or set allow_before_2000",
            format_timestamp(us)
        )));
    }
    let ahead_max_us = i64::try_from(settings.ahead_max_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    if us.saturating_sub(received_at_us) > ahead_max_us {
        return Err(Error::invalid(format!(
            "timestamp {} is more than {} s ahead of the time of receipt, {}: check the sender's clock and unit",
            format_timestamp(us),
            settings.ahead_max_s,
            format_timestamp(received_at_us)
        )));
    }
    Ok(())
}

//! The text of `annals.toml` as entries, each with its line. Which keys exist is the table's business; no value is read here.
//!
//! A broken line costs that line: the others are still told, so that a person mends the file in one go.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::setting::{SETTINGS, Setting, Shape};
use super::value::quoted;
use crate::nearest::nearest;

/// One thing found in the file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its line, the first being 1.
    pub(super) line: usize,
    /// A setting and the text of its value, or what is wrong.
    pub(super) found: Result<(&'static Setting, String), Wrong>,
}

/// What is wrong with a line.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The setting, where the line names one.
    pub(super) setting: Option<&'static Setting>,
    pub(super) text: String,
}

/// Takes the file apart, in the order of its lines.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let line = |at: usize| 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut entries: Vec<Entry> = Vec::new();
    for error in errors {
        let line = line(error.span().map_or(0, |Range { start, .. }| start));
        // One broken line makes the parser complain more than once.
        if entries.last().is_none_or(|entry| entry.line != line) {
            let text = error.message().replace('\n', ", ");
            entries.push(Entry { line, found: Err(Wrong { setting: None, text }) });
        }
    }
    let broken: Vec<usize> = entries.iter().map(|entry| entry.line).collect();
    for (key, value) in table.get_ref() {
        let line = line(key.span().start);
        if !broken.contains(&line) {
            entries.push(Entry { line, found: entry(key.get_ref(), value.get_ref()) });
        }
    }
    entries.sort_by_key(|entry| entry.line);
    entries
}

fn entry(key: &str, value: &DeValue<'_>) -> Result<(&'static Setting, String), Wrong> {
    let Some(setting) = Setting::of(key) else {
        let near = match nearest(key, SETTINGS.iter().map(|setting| setting.key)) {
            Some(near) => format!(": did you mean {near:?}?"),
            None => ": `annals config` lists all keys".to_owned(),
        };
        return Err(Wrong { setting: None, text: format!("unknown key {}{near}", quoted(key)) });
    };
    match value_text(setting.shape, value) {
        Ok(text) => Ok((setting, text)),
        Err(text) => Err(Wrong { setting: Some(setting), text }),
    }
}

/// The text of a value of the right type.
fn value_text(shape: Shape, value: &DeValue<'_>) -> Result<String, String> {
    match (shape, value) {
        (Shape::Text | Shape::Size | Shape::Number | Shape::List, DeValue::String(text)) => {
            Ok(text.clone().into_owned())
        }
        (Shape::Size | Shape::Number, DeValue::Integer(number)) => {
            match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Ok(number.to_string()),
                Err(_) => Err(format!("{} is no number that counts", quoted(&number.to_string()))),
            }
        }
        (Shape::Switch, DeValue::Boolean(on)) => Ok(on.to_string()),
        (Shape::List, DeValue::Array(items)) => {
            let mut texts = Vec::with_capacity(items.len());
            for item in items.iter() {
                match item.get_ref() {
                    DeValue::String(text) => texts.push(text.as_ref()),
                    other => return Err(format!("{} among the strings", type_name(other))),
                }
            }
            Ok(texts.join(","))
        }
        (shape, other) => {
            let wanted = match shape {
                Shape::Text => "a string",
                Shape::Size => "a string like \"64MiB\" or an integer",
                Shape::Number => "an integer",
                Shape::Switch => "true or false",
                Shape::List => "an array of strings",
            };
            Err(format!("{} where {wanted} belongs", type_name(other)))
        }
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

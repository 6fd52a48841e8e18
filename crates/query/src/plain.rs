//! DataFusion's errors in plain words: what is wrong, and what could be meant instead.

use datafusion::common::{DataFusionError, SchemaError};

use crate::catalog::table_names;
use crate::error::{Error, ErrorKind};

impl Error {
    /// The error of a query or of its stream, with its kind and in plain words.
    pub fn from_datafusion(error: DataFusionError) -> Self {
        Self::from_planning(error, table_names(false))
    }

    /// As [`Self::from_datafusion`], where these are the tables that the query may name.
    pub(crate) fn from_planning(error: DataFusionError, tables: &[&str]) -> Self {
        if let Some(own) = find_own(&error) {
            return Self::new(own.kind(), own.to_string());
        }
        let (kind, message) = describe(error.find_root(), tables);
        Self::with_source(kind, message, error)
    }
}

/// An error of ours that went through DataFusion, however deep it packed it.
fn find_own(error: &DataFusionError) -> Option<&Error> {
    let mut at: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(own) = at.downcast_ref::<Error>() {
            return Some(own);
        }
        at = at.source()?;
    }
}

fn describe(error: &DataFusionError, tables: &[&str]) -> (ErrorKind, String) {
    match error {
        DataFusionError::SchemaError(schema, _) => (ErrorKind::Invalid, describe_schema(schema)),
        DataFusionError::SQL(parser, _) => {
            (ErrorKind::Invalid, format!("the SQL is not understood: {}", trim(&parser.to_string())))
        }
        DataFusionError::Plan(message) => (ErrorKind::Invalid, describe_plan(message, tables)),
        DataFusionError::NotImplemented(message) => (ErrorKind::Invalid, format!("not supported: {}", trim(message))),
        DataFusionError::Execution(message) | DataFusionError::Configuration(message) => {
            (ErrorKind::Invalid, trim(message))
        }
        DataFusionError::ArrowError(arrow, _) => (ErrorKind::Invalid, trim(&arrow.to_string())),
        DataFusionError::ResourcesExhausted(message) => (
            ErrorKind::Exhausted,
            format!(
                "the query needs more memory than memory_bytes_max allows: narrow it, raise the limit or set spill_dir ({})",
                trim(message)
            ),
        ),
        DataFusionError::ObjectStore(store) => match store.as_ref() {
            object_store::Error::NotFound { path, .. } => {
                (ErrorKind::Unavailable, format!("the file {path} is gone, removed since the query began: ask again"))
            }
            other => (ErrorKind::Unavailable, format!("the store did not answer: {other}")),
        },
        DataFusionError::IoError(io) => (ErrorKind::Unavailable, format!("the store did not answer: {io}")),
        DataFusionError::ParquetError(parquet) => {
            (ErrorKind::Corrupt, format!("a data file cannot be read: {parquet}"))
        }
        other => (ErrorKind::Internal, trim(&other.strip_backtrace())),
    }
}

fn describe_schema(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut names: Vec<&str> = valid_fields.iter().map(|field| field.name.as_str()).collect();
            names.dedup();
            let near = nearest(&field.name, &names).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
            format!("there is no column {:?}{near} (columns here: {})", field.name, names.join(", "))
        }
        SchemaError::AmbiguousReference { field } => {
            format!("the column {:?} could be of several tables: write table.{}", field.name, field.name)
        }
        other => trim(&other.to_string()),
    }
}

fn describe_plan(message: &str, tables: &[&str]) -> String {
    let quoted = |before: &str, after: &str| {
        let rest = &message[message.find(before)? + before.len()..];
        Some(rest[..rest.find(after)?].to_owned())
    };
    if let Some(name) = quoted("table '", "' not found") {
        let name = name.rsplit('.').next().unwrap_or(&name).to_owned();
        let near = nearest(&name, tables).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        return format!("there is no table {name:?}{near} (tables: {})", tables.join(", "));
    }
    trim(message)
}

/// The first line, without DataFusion's prefixes and the full stop, its first letter small.
fn trim(message: &str) -> String {
    let mut line = message.lines().next().unwrap_or_default().trim();
    for prefix in ["Error during planning: ", "Execution error: ", "sql parser error: ", "SQL error: ", "Arrow error: "]
    {
        line = line.strip_prefix(prefix).unwrap_or(line);
    }
    let line = line.trim_end_matches('.');
    let mut letters = line.chars();
    match (letters.next(), line.chars().nth(1)) {
        // An acronym or a quoted name stays as it is.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => line.to_owned(),
    }
}

/// The name that takes the fewest edits, if that is at most a third of its length (at least two).
fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    let folded: String = wanted.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect();
    names
        .iter()
        .map(|name| (edits(&folded, &name.replace('_', "")), *name))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, name)| *edits <= (name.len() / 3).max(2))
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_forgives_case_underscores_and_typos() {
        let names = ["trace_id", "timestamp", "type"];
        assert_eq!(nearest("traceId", &names), Some("trace_id"));
        assert_eq!(nearest("timestmap", &names), Some("timestamp"));
        assert_eq!(nearest("sandwich", &names), None);
    }

    #[test]
    fn first_letter_is_small_and_the_full_stop_gone() {
        assert_eq!(trim("Error during planning: Cannot coerce.\nmore"), "cannot coerce");
        assert_eq!(trim("LIMIT must not be negative"), "LIMIT must not be negative");
    }
}

//! [`Filter`]: an [`EventQuery`] made ready to be asked of statistics and of batches.
//!
//! One filter judges tail batches and file batches, so a row's answer does not depend on where it is stored. Null matches
//! nothing. The text condition stands apart from the others, because a file scan reads the texts only of the rows that
//! passed everything else.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use annals_event::columns;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, Scalar, StringViewArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, kernels::cmp};
use arrow::datatypes::{DataType, TimestampMicrosecondType};

use crate::error::{Error, ErrorKind, Result};
use crate::event_query::{EventQuery, Order};
use crate::exclusion::Exclusion;
use crate::reader::Seqs;
use crate::text_query::TextQuery;
use crate::word_filter::WordFilter;

/// Columns that a text condition looks into, the cheapest first.
pub(crate) const SEARCHED_COLUMNS: [&str; 3] = [columns::MESSAGE, columns::PAYLOAD, columns::ERROR];

/// Up to this many values are compared one after the other with a kernel; more are looked up in a set.
const KERNEL_VALUES_MAX: usize = 8;

/// Every seq; a row without one counts as the lowest.
const ALL_SEQS: RangeInclusive<i64> = i64::MIN..=i64::MAX;

/// The conditions of a query.
#[derive(Debug)]
pub(crate) struct Filter {
    /// Earliest and latest timestamp, both inclusive; narrowed by the cursor.
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
    /// The seqs to look among: all of them, unless rows of one writer are followed.
    pub(crate) seqs: RangeInclusive<i64>,
    /// Only for tail batches: a file is of one project.
    project: Option<Term>,
    /// One a column.
    pub(crate) terms: Vec<Term>,
    /// The text to find.
    pub(crate) text: Option<TextQuery>,
    /// What an index of words may know of all this.
    pub(crate) words: WordFilter,
}

/// A column that must equal one of the values, or none of them.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) column: &'static str,
    /// Sorted, without repetition, never empty.
    pub(crate) values: Vec<String>,
    /// Whether rows with one of the values are left out; those where the column is null are not.
    pub(crate) excludes: bool,
}

impl Filter {
    /// # Errors
    /// `Invalid` for a text that cannot be searched for.
    pub(crate) fn new(query: &EventQuery) -> Result<Self> {
        let mut first_us = query.from_us.unwrap_or(i64::MIN);
        // An exclusive bound of i64::MIN excludes everything; so does an empty range.
        let mut last_us = query.until_us.map_or(i64::MAX, |until| until.saturating_sub(1));
        if query.until_us == Some(i64::MIN) {
            first_us = i64::MAX;
        }
        if let Some(after) = &query.after {
            match query.order {
                Order::NewestFirst => last_us = last_us.min(after.timestamp_us()),
                Order::OldestFirst => first_us = first_us.max(after.timestamp_us()),
            }
        }
        let levels: Vec<String> = query.levels.iter().map(|level| level.as_str().to_owned()).collect();
        let projects: Vec<String> = query.projects.iter().map(|project| project.as_str().to_owned()).collect();
        let terms = [
            (columns::ID, &query.ids),
            (columns::LEVEL, &levels),
            (columns::TYPE, &query.types),
            (columns::END_USER_ID, &query.end_user_ids),
            (columns::INTEGRATION_ID, &query.integration_ids),
            (columns::WORKFLOW_ID, &query.workflow_ids),
            (columns::CONNECT_CREDENTIAL_ID, &query.credential_ids),
            (columns::TRACE_ID, &query.trace_ids),
            (columns::EVENT_NAME, &query.event_names),
            (columns::STATUS, &query.statuses),
        ];
        let mut terms: Vec<Term> = terms.into_iter().filter_map(|(column, values)| Term::new(column, values)).collect();
        let text = query.text.as_deref().map(TextQuery::parse).transpose()?;
        let mut words = WordFilter::default();
        terms.iter().for_each(|term| words.require_value(term.column, &term.values));
        if let Some(text) = &text {
            words.require_text(text.tokens());
        }
        // No index tells where a value is not, so these are only asked of rows, after all that narrows.
        terms.extend(excluding(&query.excluded));
        let project = Term::new(columns::PROJECT_ID, &projects);
        Ok(Self { first_us, last_us, seqs: ALL_SEQS, project, terms, text, words })
    }

    /// The same, among these seqs alone.
    pub(crate) fn with_seqs(self, seqs: RangeInclusive<i64>) -> Self {
        Self { seqs, ..self }
    }

    /// Whether no row at all can match.
    pub(crate) fn is_empty(&self) -> bool {
        self.first_us > self.last_us || self.seqs.is_empty()
    }

    /// The trace ids asked for, if any.
    pub(crate) fn trace_ids(&self) -> Option<&[String]> {
        self.requiring().find(|term| term.column == columns::TRACE_ID).map(|term| term.values.as_slice())
    }

    /// Whether the query names few rows that may be anywhere, so that many files must be asked and hardly one has any.
    pub(crate) fn seeks(&self) -> bool {
        let is_rare = |column| matches!(column, columns::TRACE_ID | columns::ID | columns::END_USER_ID);
        self.requiring().any(|term| is_rare(term.column))
    }

    /// The terms that a row must meet by having a value: what statistics and indexes may be asked of.
    pub(crate) fn requiring(&self) -> impl Iterator<Item = &Term> {
        self.terms.iter().filter(|term| !term.excludes)
    }

    /// The rows of a tail batch (event schema) that match, text included.
    pub(crate) fn tail_rows(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let rows = self.tail_keys(batch)?;
        let Some(text) = &self.text else { return Ok(rows) };
        let mut found = vec![0; batch.num_rows()];
        for column in SEARCHED_COLUMNS {
            if let Some(array) = batch.column_by_name(column) {
                text.search(array, &rows, &mut found)?;
            }
        }
        Ok(BooleanBuffer::collect_bool(found.len(), |row| rows.value(row) && found[row] == text.all()))
    }

    /// The rows of a tail batch (event schema) that match all but the text.
    pub(crate) fn tail_keys(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let rows = self.rows(batch)?;
        match &self.project {
            Some(project) if rows.count_set_bits() > 0 => Ok(&rows & &project.rows(batch)?),
            _ => Ok(rows),
        }
    }

    /// The rows of a batch that match time, seqs and terms: neither project nor text is asked. The batch holds at least
    /// those columns that its source has of the timestamp, the seq and those of the terms.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let timestamps = timestamps(batch)?;
        let (first, last) = (self.first_us, self.last_us);
        let values = timestamps.values();
        let mut rows = if first == i64::MIN && last == i64::MAX {
            BooleanBuffer::new_set(batch.num_rows())
        } else {
            BooleanBuffer::collect_bool(values.len(), |row| first <= values[row] && values[row] <= last)
        };
        if let Some(nulls) = timestamps.nulls() {
            rows = &rows & nulls.inner();
        }
        if self.seqs != ALL_SEQS {
            let seqs = Seqs::of(batch);
            rows = &rows & &BooleanBuffer::collect_bool(values.len(), |row| self.seqs.contains(&seqs.get(row)));
        }
        for term in &self.terms {
            if rows.count_set_bits() == 0 {
                break;
            }
            rows = &rows & &term.rows(batch)?;
        }
        Ok(rows)
    }
}

impl Term {
    fn new(column: &'static str, values: &[String]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_unstable();
        values.dedup();
        (!values.is_empty()).then_some(Self { column, values, excludes: false })
    }

    fn rows(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let equal = self.equal_rows(batch)?;
        Ok(if self.excludes { !&equal } else { equal })
    }

    /// The rows whose column is one of the values.
    fn equal_rows(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let Some(array) = batch.column_by_name(self.column) else {
            return Ok(BooleanBuffer::new_unset(batch.num_rows()));
        };
        let array = text(array)?;
        let array = array.as_string_view();
        if self.values.len() > KERNEL_VALUES_MAX {
            let set: HashSet<&str> = self.values.iter().map(String::as_str).collect();
            return Ok(BooleanBuffer::collect_bool(array.len(), |row| {
                array.is_valid(row) && set.contains(array.value(row))
            }));
        }
        let mut rows = BooleanBuffer::new_unset(array.len());
        for value in &self.values {
            let value = Scalar::new(StringViewArray::from_iter_values([value]));
            rows = &rows | &set_and_valid(&cmp::eq(array, &value).map_err(internal)?);
        }
        Ok(rows)
    }
}

/// One term a column that has excluded values.
fn excluding(excluded: &[Exclusion]) -> impl Iterator<Item = Term> {
    let mut by_column: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for Exclusion { field, value } in excluded {
        by_column.entry(field.column()).or_default().push(value.clone());
    }
    by_column.into_iter().filter_map(|(column, values)| Some(Term { excludes: true, ..Term::new(column, &values)? }))
}

/// The timestamps of a batch, microseconds UTC.
pub(crate) fn timestamps(batch: &RecordBatch) -> Result<&arrow::array::PrimitiveArray<TimestampMicrosecondType>> {
    batch
        .column_by_name(columns::TIMESTAMP)
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a batch without timestamps in microseconds was scanned"))
}

/// The column as `Utf8View`; text of another width or in a dictionary is cast.
pub(crate) fn text(array: &ArrayRef) -> Result<ArrayRef> {
    if array.data_type() == &DataType::Utf8View {
        Ok(array.clone())
    } else {
        cast(array, &DataType::Utf8View).map_err(internal)
    }
}

fn set_and_valid(array: &BooleanArray) -> BooleanBuffer {
    match array.nulls() {
        Some(nulls) => array.values() & nulls.inner(),
        None => array.values().clone(),
    }
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::with_source(ErrorKind::Internal, "a filter could not be evaluated", error)
}

#[cfg(test)]
mod tests;

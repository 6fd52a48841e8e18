//! [`Facets`]: the most frequent values of some columns among the matching rows.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use annals_event::columns;
use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::buffer::BooleanBuffer;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use crate::deadline::within;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::event_query::EventQuery;
use crate::filter::text;
use crate::reader::ScanStats;
use crate::stopwatch::Stopwatch;
use crate::tally::Tally;

/// Most values that one facet may list.
pub const FACET_VALUES_MAX: usize = 10_000;

/// Memory that a distinct value takes beside its text.
const VALUE_BYTES: usize = 64;

/// A column whose values can be counted. Named as the filters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FacetField {
    /// Severity.
    Level,
    /// The feature that emitted the event.
    Type,
    /// The integration.
    Integration,
    /// The workflow.
    Workflow,
    /// The end user.
    User,
    /// The credential.
    Credential,
    /// Name of the App Event.
    EventName,
    /// The result.
    Status,
    /// The trace.
    Trace,
    /// The project.
    Project,
}

impl FacetField {
    /// Every field.
    pub const ALL: [Self; 10] = [
        Self::Level,
        Self::Type,
        Self::Integration,
        Self::Workflow,
        Self::User,
        Self::Credential,
        Self::EventName,
        Self::Status,
        Self::Trace,
        Self::Project,
    ];

    /// Its name, as [`FromStr`] takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Type => "type",
            Self::Integration => "integration",
            Self::Workflow => "workflow",
            Self::User => "user",
            Self::Credential => "credential",
            Self::EventName => "event_name",
            Self::Status => "status",
            Self::Trace => "trace",
            Self::Project => "project",
        }
    }

    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Level => columns::LEVEL,
            Self::Type => columns::TYPE,
            Self::Integration => columns::INTEGRATION_ID,
            Self::Workflow => columns::WORKFLOW_ID,
            Self::User => columns::END_USER_ID,
            Self::Credential => columns::CONNECT_CREDENTIAL_ID,
            Self::EventName => columns::EVENT_NAME,
            Self::Status => columns::STATUS,
            Self::Trace => columns::TRACE_ID,
            Self::Project => columns::PROJECT_ID,
        }
    }
}

impl fmt::Display for FacetField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FacetField {
    type Err = Error;

    /// # Errors
    /// `Invalid`, listing the fields.
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name).ok_or_else(|| {
            let shown: String = name.chars().take(40).collect();
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid(format!("{shown:?} is not a field to count values of: use one of {names}"))
        })
    }
}

/// Values of some fields among the matching rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Facets {
    /// One for each field asked for, in that order.
    pub facets: Vec<Facet>,
    /// What it took.
    pub stats: ScanStats,
}

/// The values of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// The field.
    pub field: FacetField,
    /// The most frequent values, those first; equally frequent ones by value. Null is no value.
    pub values: Vec<FacetValue>,
    /// Distinct values in all.
    pub distinct: u64,
}

/// A value and how many rows have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// Rows.
    pub count: u64,
}

impl Engine {
    /// Counts the values of `fields` over the rows that [`search`](Self::search) answers for the same filters, and lists
    /// the `values_max` most frequent of each. `limit`, `order` and `after` of the query are not looked at.
    ///
    /// # Errors
    /// `Invalid` for bounds that are broken, `Exhausted` when the distinct values take more than is left of
    /// `memory_bytes_max`, otherwise as [`search`](Self::search), as is cancel safety.
    pub async fn facets(&self, query: &EventQuery, fields: &[FacetField], values_max: usize) -> Result<Facets> {
        let watch = Stopwatch::start();
        if !(1..=FACET_VALUES_MAX).contains(&values_max) {
            return Err(Error::invalid(format!("values_max is {values_max} and must be 1 to {FACET_VALUES_MAX}")));
        }
        if fields.is_empty() || fields.len() > FacetField::ALL.len() {
            let (count, most) = (fields.len(), FacetField::ALL.len());
            return Err(Error::invalid(format!("{count} fields are to be counted and must be 1 to {most}")));
        }
        let (scan, files_total) = self.tally_scan(query)?;
        let plan_ms = watch.ms();
        let memory = MemoryConsumer::new("facets").register(self.memory());
        let mut stats = ScanStats::default();
        let counting = scan.count(ValueCounts::new(fields.into(), Some(memory)), &mut stats);
        let counts = within(self.settings().time_ms_max, counting).await?;
        let facets = counts.into_facets(values_max);
        stats.files_total = files_total;
        Ok(Facets { facets, stats: stats.timed(plan_ms, watch.ms()) })
    }
}

/// How often each value occurs.
struct ValueCounts {
    fields: Arc<[FacetField]>,
    columns: Vec<&'static str>,
    /// By field.
    counts: Vec<HashMap<Box<str>, u64>>,
    /// What the whole may take; parts are small.
    memory: Option<MemoryReservation>,
}

impl ValueCounts {
    fn new(fields: Arc<[FacetField]>, memory: Option<MemoryReservation>) -> Self {
        let columns = fields.iter().map(|field| field.column()).collect();
        let counts = vec![HashMap::new(); fields.len()];
        Self { fields, columns, counts, memory }
    }

    fn into_facets(self, values_max: usize) -> Vec<Facet> {
        let facet = |(field, counts): (&FacetField, HashMap<Box<str>, u64>)| Facet {
            field: *field,
            distinct: counts.len() as u64,
            values: most_frequent(counts, values_max),
        };
        self.fields.iter().zip(self.counts).map(facet).collect()
    }
}

impl Tally for ValueCounts {
    fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    fn fork(&self) -> Self {
        Self::new(Arc::clone(&self.fields), None)
    }

    fn add(&mut self, batch: &RecordBatch, rows: &BooleanBuffer, project: Option<&str>) -> Result<()> {
        for (field, counts) in self.fields.iter().zip(&mut self.counts) {
            match (project, batch.column_by_name(field.column())) {
                (Some(project), _) if *field == FacetField::Project => {
                    add(counts, project, rows.count_set_bits() as u64);
                }
                (_, Some(array)) => add_values(counts, text(array)?.as_string_view(), rows),
                (_, None) => {}
            }
        }
        Ok(())
    }

    fn merge(&mut self, part: Self) -> Result<()> {
        let mut bytes = 0;
        for (counts, more) in self.counts.iter_mut().zip(part.counts) {
            for (value, count) in more {
                match counts.get_mut(&value) {
                    Some(sum) => *sum += count,
                    None => {
                        bytes += value.len() + VALUE_BYTES;
                        counts.insert(value, count);
                    }
                }
            }
        }
        match &self.memory {
            Some(memory) if bytes > 0 => memory.try_grow(bytes).map_err(Error::from_datafusion),
            _ => Ok(()),
        }
    }
}

/// Counts the values of these rows. The views of equal values are mostly equal themselves (short text stands in the view,
/// longer text once in a page's dictionary), so few texts are looked at.
fn add_values(counts: &mut HashMap<Box<str>, u64>, array: &StringViewArray, rows: &BooleanBuffer) {
    // The first row that has the view, and the number of them.
    let mut by_view: HashMap<u128, (usize, u64)> = HashMap::new();
    let views = array.views();
    let mut run: Option<(usize, u64)> = None;
    let mut end_run = |run: Option<(usize, u64)>| {
        if let Some((row, count)) = run {
            by_view.entry(views[row]).or_insert((row, 0)).1 += count;
        }
    };
    for row in rows.set_indices().filter(|row| array.is_valid(*row)) {
        match &mut run {
            Some((first, count)) if views[*first] == views[row] => *count += 1,
            _ => end_run(run.replace((row, 1))),
        }
    }
    end_run(run);
    for (row, count) in by_view.into_values() {
        add(counts, array.value(row), count);
    }
}

fn add(counts: &mut HashMap<Box<str>, u64>, value: &str, count: u64) {
    match counts.get_mut(value) {
        Some(sum) => *sum += count,
        None => {
            counts.insert(value.into(), count);
        }
    }
}

fn most_frequent(counts: HashMap<Box<str>, u64>, values_max: usize) -> Vec<FacetValue> {
    let mut values: Vec<(Box<str>, u64)> = counts.into_iter().collect();
    let before = |(value, count): &(Box<str>, u64), (other, other_count): &(Box<str>, u64)| {
        other_count.cmp(count).then_with(|| value.cmp(other))
    };
    if values.len() > values_max {
        values.select_nth_unstable_by(values_max, before);
        values.truncate(values_max);
    }
    values.sort_unstable_by(before);
    values.into_iter().map(|(value, count)| FacetValue { value: value.into(), count }).collect()
}

#[cfg(test)]
mod tests;

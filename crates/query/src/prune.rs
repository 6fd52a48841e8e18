//! [`Bounds`]: what a query's filters say about the columns that the file index knows, and which files that leaves.
//!
//! Deciding only: no file is opened here. A filter is read as a bound on one named column, and a file is compared only
//! with the bound of the same column: a predicate on `received_at` never touches the file's time range, which is that of
//! `timestamp`. Whatever is not understood bounds nothing, so pruning can be too weak but never too strong.

use std::collections::BTreeSet;

use annals_event::{DAY_US, columns};
use annals_table::DataFile;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, BinaryExpr, InList};
use datafusion::logical_expr::{Expr, Operator};

/// An inclusive range of integers; empty when `min > max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) min: i64,
    pub(crate) max: i64,
}

impl Span {
    pub(crate) const ALL: Self = Self { min: i64::MIN, max: i64::MAX };
    const NONE: Self = Self { min: i64::MAX, max: i64::MIN };

    pub(crate) fn is_empty(self) -> bool {
        self.min > self.max
    }

    /// Whether some value of `min..=max` lies in the span.
    pub(crate) fn overlaps(self, min: i64, max: i64) -> bool {
        self.min <= max && min <= self.max && !self.is_empty()
    }

    fn and(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }

    /// The smallest span that holds both.
    fn hull(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    fn widen(self, by: i64) -> Self {
        Self { min: self.min.saturating_sub(by), max: self.max.saturating_add(by) }
    }
}

/// Bounds that every matching row keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The only projects that can match; `None` means any.
    pub(crate) projects: Option<BTreeSet<String>>,
    /// `timestamp`, microseconds UTC.
    pub(crate) time_us: Span,
    /// `day`, days since 1970-01-01.
    pub(crate) days: Span,
    /// `seq`.
    pub(crate) seq: Span,
}

impl Bounds {
    /// Bounds that every row keeps.
    pub(crate) const ALL: Self = Self { projects: None, time_us: Span::ALL, days: Span::ALL, seq: Span::ALL };

    /// The bounds of the conjunction of `filters`.
    pub(crate) fn of<'a>(filters: impl IntoIterator<Item = &'a Expr>) -> Self {
        filters.into_iter().map(Self::of_expr).fold(Self::ALL, Self::and)
    }

    /// Whether no row at all can match.
    pub(crate) fn is_empty(&self) -> bool {
        self.projects.as_ref().is_some_and(BTreeSet::is_empty)
            || self.time_us.is_empty()
            || self.days.is_empty()
            || self.seq.is_empty()
    }

    /// Whether `file` may hold a matching row.
    pub(crate) fn admits(&self, file: &DataFile) -> bool {
        let day = i64::from(file.day.days());
        self.projects.as_ref().is_none_or(|projects| projects.contains(file.project_id.as_str()))
            && self.days.overlaps(day, day)
            && self.time_us.overlaps(file.min_timestamp_us, file.max_timestamp_us)
            && file.origin.is_none_or(|origin| {
                let lsn = |lsn: u64| i64::try_from(lsn).unwrap_or(i64::MAX);
                self.seq.overlaps(lsn(origin.first_lsn.0), lsn(origin.last_lsn.0))
            })
    }

    fn of_expr(expr: &Expr) -> Self {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Self::of_expr(left).and(Self::of_expr(right))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Self::of_expr(left).or(Self::of_expr(right))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => Self::of_comparison(left, *op, right),
            Expr::Between(Between { expr, negated: false, low, high }) => {
                Self::of_comparison(expr, Operator::GtEq, low).and(Self::of_comparison(expr, Operator::LtEq, high))
            }
            Expr::InList(InList { expr, list, negated: false }) => list
                .iter()
                .map(|item| Self::of_comparison(expr, Operator::Eq, item))
                .reduce(Self::or)
                .unwrap_or(Self::ALL),
            Expr::Literal(ScalarValue::Boolean(Some(false)), _) => Self { time_us: Span::NONE, ..Self::ALL },
            _ => Self::ALL,
        }
    }

    fn of_comparison(left: &Expr, op: Operator, right: &Expr) -> Self {
        let (subject, op, literal) = match (left, right) {
            (_, Expr::Literal(literal, _)) => (Subject::of(left), op, literal),
            (Expr::Literal(literal, _), _) => match op.swap() {
                Some(swapped) => (Subject::of(right), swapped, literal),
                None => return Self::ALL,
            },
            _ => return Self::ALL,
        };
        let Some(subject) = subject else { return Self::ALL };
        match subject {
            Subject::Project => match (op, literal.try_as_str()) {
                (Operator::Eq, Some(Some(id))) => Self { projects: Some(BTreeSet::from([id.to_owned()])), ..Self::ALL },
                _ => Self::ALL,
            },
            Subject::Time { slack_us } => match literal_us(literal).and_then(|at| compare(op, at)) {
                Some(span) => Self { time_us: span.widen(slack_us), ..Self::ALL },
                None => Self::ALL,
            },
            Subject::DateOfTime => match literal {
                ScalarValue::Date32(Some(day)) => {
                    let start = i64::from(*day) * DAY_US;
                    match compare(op, Span { min: start, max: start + DAY_US - 1 }) {
                        Some(span) => Self { time_us: span, ..Self::ALL },
                        None => Self::ALL,
                    }
                }
                _ => Self::ALL,
            },
            Subject::Day => {
                let at = match literal {
                    ScalarValue::Date32(Some(day)) => Some(Span { min: i64::from(*day), max: i64::from(*day) }),
                    other => literal_us(other).map(|at| divide(at, DAY_US)),
                };
                match at.and_then(|at| compare(op, at)) {
                    Some(span) => Self { days: span, ..Self::ALL },
                    None => Self::ALL,
                }
            }
            Subject::Seq => match literal {
                ScalarValue::Int64(Some(seq)) => match compare(op, Span { min: *seq, max: *seq }) {
                    Some(span) => Self { seq: span, ..Self::ALL },
                    None => Self::ALL,
                },
                _ => Self::ALL,
            },
        }
    }

    fn and(self, other: Self) -> Self {
        let projects = match (self.projects, other.projects) {
            (Some(left), Some(right)) => Some(left.intersection(&right).cloned().collect()),
            (one, None) | (None, one) => one,
        };
        Self {
            projects,
            time_us: self.time_us.and(other.time_us),
            days: self.days.and(other.days),
            seq: self.seq.and(other.seq),
        }
    }

    fn or(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let projects = match (self.projects, other.projects) {
            (Some(left), Some(right)) => Some(left.into_iter().chain(right).collect()),
            _ => None,
        };
        Self {
            projects,
            time_us: self.time_us.hull(other.time_us),
            days: self.days.hull(other.days),
            seq: self.seq.hull(other.seq),
        }
    }
}

/// Whether pruning files by [`Bounds`] answers `expr` completely, so that no row of an admitted file breaks it: a
/// conjunction of comparisons of the partition columns with literals.
pub(crate) fn is_answered_by_partitions(expr: &Expr) -> bool {
    let is_column = |expr: &Expr, name: &str| matches!(expr, Expr::Column(column) if column.name == name);
    let is_date = |expr: &Expr| matches!(expr, Expr::Literal(ScalarValue::Date32(Some(_)), _));
    match expr {
        _ if is_set_of_projects(expr) => true,
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            is_answered_by_partitions(left) && is_answered_by_partitions(right)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            is_column(left, columns::DAY)
                && is_date(right)
                && matches!(op, Operator::Eq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            !negated && is_column(expr, columns::DAY) && is_date(low) && is_date(high)
        }
        _ => false,
    }
}

/// Whether `expr` says exactly that the project is one of some: an equality, a list, or alternatives of these.
fn is_set_of_projects(expr: &Expr) -> bool {
    let is_project = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == columns::PROJECT_ID);
    let is_text = |expr: &Expr| matches!(expr, Expr::Literal(text, _) if matches!(text.try_as_str(), Some(Some(_))));
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            is_set_of_projects(left) && is_set_of_projects(right)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => is_project(left) && is_text(right),
        Expr::InList(InList { expr, list, negated: false }) => is_project(expr) && list.iter().all(is_text),
        _ => false,
    }
}

/// The only values that a text column can have in a row that keeps all of `filters`; `None` when it can have any.
pub(crate) fn text_values<'a>(filters: impl IntoIterator<Item = &'a Expr>, column: &str) -> Option<BTreeSet<String>> {
    filters.into_iter().filter_map(|filter| text_values_of(filter, column)).reduce(|one, other| &one & &other)
}

fn text_values_of(expr: &Expr, column: &str) -> Option<BTreeSet<String>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(found) if found.name == column);
    let text = |expr: &Expr| match expr {
        Expr::Literal(literal, _) => literal.try_as_str().flatten().map(str::to_owned),
        _ => None,
    };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => text_values([&**left, &**right], column),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(&text_values_of(left, column)? | &text_values_of(right, column)?)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let literal = if is_column(left) { right } else { left };
            (is_column(left) || is_column(right)).then(|| text(literal)).flatten().map(|value| BTreeSet::from([value]))
        }
        Expr::InList(InList { expr, list, negated: false }) if is_column(expr) => list.iter().map(text).collect(),
        _ => None,
    }
}

/// The column, and what was done to it, that a comparison speaks of.
#[derive(Clone, Copy)]
enum Subject {
    Project,
    /// `timestamp`, possibly cast to a unit of this many microseconds.
    Time {
        slack_us: i64,
    },
    /// `timestamp` cast to a date.
    DateOfTime,
    Day,
    Seq,
}

impl Subject {
    fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Column(column) => match column.name.as_str() {
                columns::PROJECT_ID => Some(Self::Project),
                columns::TIMESTAMP => Some(Self::Time { slack_us: 0 }),
                columns::DAY => Some(Self::Day),
                columns::SEQ => Some(Self::Seq),
                _ => None,
            },
            Expr::Cast(cast) => {
                // Only a bare column: a cast of a cast may lose more than the outer one tells.
                let Expr::Column(_) = cast.expr.as_ref() else { return None };
                match (Self::of(&cast.expr)?, cast.field.data_type()) {
                    (Self::Project, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => Some(Self::Project),
                    (Self::Time { .. }, DataType::Timestamp(unit, _)) => {
                        let slack_us = match unit {
                            TimeUnit::Second => 1_000_000,
                            TimeUnit::Millisecond => 1_000,
                            TimeUnit::Microsecond | TimeUnit::Nanosecond => 0,
                        };
                        Some(Self::Time { slack_us })
                    }
                    (Self::Time { .. }, DataType::Date32) => Some(Self::DateOfTime),
                    (Self::Day, DataType::Timestamp(..)) => Some(Self::Day),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// The values of a column that equal a literal are `at`, which is empty (`min == max + 1`) when the literal lies between
/// two values: the span of the values for which `column op literal` holds.
fn compare(op: Operator, at: Span) -> Option<Span> {
    match op {
        Operator::Eq => Some(at),
        Operator::Lt => Some(Span { min: i64::MIN, max: at.min.saturating_sub(1) }),
        Operator::LtEq => Some(Span { min: i64::MIN, max: at.max }),
        Operator::Gt => Some(Span { min: at.max.saturating_add(1), max: i64::MAX }),
        Operator::GtEq => Some(Span { min: at.min, max: i64::MAX }),
        _ => None,
    }
}

/// A timestamp literal in microseconds: `min` rounded up, `max` rounded down. Zones name the same instant.
fn literal_us(literal: &ScalarValue) -> Option<Span> {
    let whole = |value: i64, us: i64| value.checked_mul(us).map(|value| Span { min: value, max: value });
    match literal {
        ScalarValue::TimestampSecond(Some(value), _) => whole(*value, 1_000_000),
        ScalarValue::TimestampMillisecond(Some(value), _) => whole(*value, 1_000),
        ScalarValue::TimestampMicrosecond(Some(value), _) => whole(*value, 1),
        ScalarValue::TimestampNanosecond(Some(value), _) => Some(divide(Span { min: *value, max: *value }, 1_000)),
        ScalarValue::Date32(Some(day)) => whole(i64::from(*day), DAY_US),
        _ => None,
    }
}

/// A literal's span in a unit `by` times coarser: `min` rounded up, `max` rounded down.
fn divide(at: Span, by: i64) -> Span {
    let up = at.min.div_euclid(by) + i64::from(at.min.rem_euclid(by) != 0);
    Span { min: up, max: at.max.div_euclid(by) }
}

#[cfg(test)]
#[path = "prune_tests.rs"]
mod tests;

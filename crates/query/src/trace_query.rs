//! [`TraceQuery`]: all events of one execution, in time order.

use annals_event::ProjectId;

use crate::event_query::{EventQuery, Order};

/// Which trace to answer. Its events come oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceQuery {
    /// The trace id, compared byte by byte.
    pub trace_id: String,
    /// The project to look in; `None` means all of them.
    pub project: Option<ProjectId>,
    /// Earliest timestamp, microseconds UTC, inclusive.
    pub from_us: Option<i64>,
    /// Latest timestamp, microseconds UTC, exclusive.
    pub until_us: Option<i64>,
    /// Most events to answer, 1 to [`PAGE_EVENTS_MAX`](crate::PAGE_EVENTS_MAX).
    pub limit: usize,
}

impl TraceQuery {
    /// The same question as a filter scan.
    pub fn event_query(&self) -> EventQuery {
        EventQuery {
            projects: self.project.iter().cloned().collect(),
            from_us: self.from_us,
            until_us: self.until_us,
            trace_ids: vec![self.trace_id.clone()],
            order: Order::OldestFirst,
            limit: self.limit,
            ..EventQuery::default()
        }
    }
}

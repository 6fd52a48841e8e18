//! [`EventQuery`]: which events a filter scan answers, in which order, and how many at a time.
//!
//! Plain data: the server and the command line fill it in, [`Engine::search`](crate::Engine::search) answers it.

use annals_event::{Level, ProjectId};

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::exclusion::Exclusion;
use crate::text_query::TextQuery;

/// Most events that one page may hold.
pub const PAGE_EVENTS_MAX: usize = 100_000;

/// Most values that one field of a query may name.
pub const QUERY_VALUES_MAX: usize = 1_000;

/// Longest text to search for, in bytes.
pub const QUERY_TEXT_BYTES_MAX: usize = 4_096;

/// Events asked for when nobody says how many.
const LIMIT_DEFAULT: usize = 100;

/// Which events to answer. Fields narrow each other; the values within a field widen it; an empty field does not filter.
///
/// Values compare byte by byte. A column that is null matches no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Projects to look in; empty means all of them.
    pub projects: Vec<ProjectId>,
    /// Earliest timestamp, microseconds UTC, inclusive.
    pub from_us: Option<i64>,
    /// Latest timestamp, microseconds UTC, exclusive.
    pub until_us: Option<i64>,
    /// The events' own ids. Client-given ids need not be unique, so one may match several events.
    pub ids: Vec<String>,
    /// Severities.
    pub levels: Vec<Level>,
    /// Features that emitted the event.
    pub types: Vec<String>,
    /// End users.
    pub end_user_ids: Vec<String>,
    /// Integrations.
    pub integration_ids: Vec<String>,
    /// Workflows.
    pub workflow_ids: Vec<String>,
    /// Credentials (`connect_credential_id`).
    pub credential_ids: Vec<String>,
    /// Traces. Files whose Bloom filter knows none of them are not read.
    pub trace_ids: Vec<String>,
    /// Names of App Events.
    pub event_names: Vec<String>,
    /// Results, e.g. `EVENT_STATUS.FAILED`.
    pub statuses: Vec<String>,
    /// Values that no answered event has. An event whose column is null has none of them.
    pub excluded: Vec<Exclusion>,
    /// Words that all stand in `message`, `payload` or `error`, as these are stored (JSON text, escapes included). A word
    /// matches whole, `"…"` holds words together, `*` at an end stands for more letters. ASCII letters match in either
    /// case, all other characters as they are.
    pub text: Option<String>,
    /// Order of the answer.
    pub order: Order,
    /// Events in one page, 1 to [`PAGE_EVENTS_MAX`].
    pub limit: usize,
    /// Where the page before ended ([`EventPage::next`](crate::EventPage)). Only with the same filters and order does it
    /// mean "the rows after that page".
    pub after: Option<Cursor>,
}

/// In which order events are answered. Ties of timestamp are broken by `seq`, then by `id`, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Latest first.
    #[default]
    NewestFirst,
    /// Earliest first.
    OldestFirst,
}

impl Default for EventQuery {
    /// The latest 100 events of all projects.
    fn default() -> Self {
        Self {
            projects: Vec::new(),
            from_us: None,
            until_us: None,
            ids: Vec::new(),
            levels: Vec::new(),
            types: Vec::new(),
            end_user_ids: Vec::new(),
            integration_ids: Vec::new(),
            workflow_ids: Vec::new(),
            credential_ids: Vec::new(),
            trace_ids: Vec::new(),
            event_names: Vec::new(),
            statuses: Vec::new(),
            excluded: Vec::new(),
            text: None,
            order: Order::NewestFirst,
            limit: LIMIT_DEFAULT,
            after: None,
        }
    }
}

impl EventQuery {
    /// Checks the bounds of every field.
    ///
    /// # Errors
    /// `Invalid`, naming every bound that is broken.
    pub fn validate(&self) -> Result<()> {
        let mut problems = Vec::new();
        if self.limit == 0 || self.limit > PAGE_EVENTS_MAX {
            problems.push(format!("limit is {} and must be 1 to {PAGE_EVENTS_MAX}", self.limit));
        }
        let counts = [
            ("projects", self.projects.len()),
            ("ids", self.ids.len()),
            ("levels", self.levels.len()),
            ("types", self.types.len()),
            ("end_user_ids", self.end_user_ids.len()),
            ("integration_ids", self.integration_ids.len()),
            ("workflow_ids", self.workflow_ids.len()),
            ("credential_ids", self.credential_ids.len()),
            ("trace_ids", self.trace_ids.len()),
            ("event_names", self.event_names.len()),
            ("statuses", self.statuses.len()),
            ("excluded", self.excluded.len()),
        ];
        for (field, count) in counts {
            if count > QUERY_VALUES_MAX {
                problems.push(format!("{field} names {count} values and may name {QUERY_VALUES_MAX}"));
            }
        }
        match &self.text {
            Some(text) if text.is_empty() => {
                problems.push("text is empty: leave it out to match every event".to_owned())
            }
            Some(text) if text.len() > QUERY_TEXT_BYTES_MAX => {
                problems.push(format!("text has {} bytes and may have {QUERY_TEXT_BYTES_MAX}", text.len()));
            }
            Some(text) => problems.extend(TextQuery::parse(text).err().map(|error| error.to_string())),
            None => {}
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        EventQuery::default().validate().unwrap();
    }

    #[test]
    fn every_broken_bound_is_named() {
        let query = EventQuery {
            limit: 0,
            text: Some(String::new()),
            types: vec!["x".to_owned(); QUERY_VALUES_MAX + 1],
            ..EventQuery::default()
        };
        let message = query.validate().unwrap_err().to_string();
        for part in ["limit is 0", "text is empty", "types names 1001"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

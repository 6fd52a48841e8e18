//! How rows get out: the tail and a snapshot joined into one view, typed event and trace queries, and SQL.
//!
//! [`Engine`] is the door. It takes a [`View`] (memtables first, then the published snapshot: each row exactly once) and
//! answers over it: [`Engine::sql`] through DataFusion; straight from the pages [`Engine::search`], [`Engine::trace`],
//! [`Engine::event`], [`Engine::histogram`], [`Engine::facets`] and, for those who follow the log, [`Engine::rows_after`].
//! Files are chosen by the file index before any is opened. Refused records are asked through
//! [`Engine::dead_letters`] or the SQL table of that name. Nothing here writes, and nothing here knows a wire format.
//!
//! Every answer tells in its [`ScanStats`] what it took, keeps the limits in [`QuerySettings`], and ends when its future
//! (or stream) is dropped.

mod answer;
mod catalog;
mod cursor;
mod dead_letters;
mod deadline;
mod engine;
mod error;
mod event_lookup;
mod event_query;
mod exclusion;
mod facets;
mod file_readers;
mod file_scan;
mod files_table;
mod filter;
#[cfg(test)]
mod fixture;
mod follow;
#[cfg(test)]
mod fuzz;
mod histogram;
mod index_use;
mod like;
mod page_budget;
mod plain;
mod provider;
mod prune;
mod reader;
mod scan_exec;
mod scan_plan;
mod search;
mod session;
mod settings;
mod sql;
mod sql_bounds;
mod sql_dialect;
mod sql_stats;
mod stopwatch;
mod tally;
mod text_query;
mod trace_query;
mod traces;
mod view;
mod word_filter;

pub use answer::SqlAnswer;
pub use cursor::Cursor;
pub use engine::{Engine, EngineOptions, EventSource};
pub use error::{Error, ErrorKind, Result};
pub use event_query::{EventQuery, Order, PAGE_EVENTS_MAX, QUERY_TEXT_BYTES_MAX, QUERY_VALUES_MAX};
pub use exclusion::Exclusion;
pub use facets::{FACET_VALUES_MAX, Facet, FacetField, FacetValue, Facets};
pub use follow::Position;
pub use histogram::{Bucket, HISTOGRAM_BUCKETS_MAX, Histogram};
pub use reader::{CacheStats, FileCaches, IndexUse, ScanStats, WordUse};
pub use search::EventPage;
pub use settings::QuerySettings;
pub use sql_stats::SqlStats;
pub use text_query::QUERY_WORDS_MAX;
pub use trace_query::TraceQuery;
pub use view::View;

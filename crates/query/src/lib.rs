//! How rows get out: the tail and a snapshot joined into one view, typed event and trace queries, and SQL.
//!
//! [`Engine`] is the door. It takes a [`View`] (memtables first, then the published snapshot: each row exactly once) and
//! answers over it: [`Engine::sql`] through DataFusion, filter and trace scans straight from the pages. Files are chosen by
//! the file index before any is opened. Nothing here writes, and nothing here knows a wire format.

mod answer;
mod catalog;
mod cursor;
mod engine;
mod error;
mod event_query;
mod file_scan;
mod files_table;
mod filter;
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
mod trace_query;
mod traces;
mod view;

pub use answer::SqlAnswer;
pub use cursor::Cursor;
pub use engine::{Engine, EngineOptions};
pub use error::{Error, ErrorKind, Result};
pub use event_query::{EventQuery, Order, PAGE_EVENTS_MAX, QUERY_TEXT_BYTES_MAX, QUERY_VALUES_MAX};
pub use reader::{MetadataCache, ScanStats};
pub use search::EventPage;
pub use settings::QuerySettings;
pub use trace_query::TraceQuery;
pub use view::View;

//! What finds events and shows them.

use annals_event::{Level, ProjectId};
use annals_query::Exclusion;

use super::project_id;
use crate::output::Format;

/// `annals search`
#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    /// Words that message, payload or error must hold, all of them, whole and in either case; "…" for a phrase, * at an end for
    /// more letters
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Only this project (may be repeated, like every filter below; repeated means any of them)
    #[arg(long, value_name = "ID", value_parser = project_id)]
    pub(crate) project: Vec<ProjectId>,
    /// From this time on: RFC 3339, a date, or how long ago: 90s, 30m, 24h, 7d (no zone: UTC)
    #[arg(long, value_name = "TIME", visible_alias = "from")]
    pub(crate) since: Option<String>,
    /// Before this time, written like --since
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// DEBUG, INFO, WARN or ERROR
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Vec<Level>,
    /// Type, e.g. managed_sync
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// End user
    #[arg(long, value_name = "ID")]
    pub(crate) user: Vec<String>,
    /// Integration
    #[arg(long, value_name = "ID")]
    pub(crate) integration: Vec<String>,
    /// Workflow
    #[arg(long, value_name = "ID")]
    pub(crate) workflow: Vec<String>,
    /// Credential
    #[arg(long, value_name = "ID")]
    pub(crate) credential: Vec<String>,
    /// Trace id (see also `annals trace`)
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Vec<String>,
    /// App Event name
    #[arg(long, value_name = "NAME")]
    pub(crate) event_name: Vec<String>,
    /// Status, e.g. EVENT_STATUS.FAILED
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<String>,
    /// Without the events that have this value, e.g. --not type:actionkit
    #[arg(long, value_name = "FIELD:VALUE")]
    pub(crate) not: Vec<Exclusion>,
    /// Most events to show
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: u32,
    /// Oldest first instead of newest first
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// Go on after an earlier page, with the cursor that it printed
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
    /// How to write the events
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Print what the search read, as one JSON line on standard error
    #[arg(long)]
    pub(crate) stats: bool,
}

/// `annals trace`
#[derive(Debug, clap::Args)]
pub(crate) struct Trace {
    /// The trace id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Only this project
    #[arg(long, value_name = "ID", value_parser = project_id)]
    pub(crate) project: Option<ProjectId>,
    /// From this time on, written as for `annals search`
    #[arg(long, value_name = "TIME", visible_alias = "from")]
    pub(crate) since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// How to write the events; a table is a timeline
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Print what the search read, as one JSON line on standard error
    #[arg(long)]
    pub(crate) stats: bool,
}

/// `annals sql`
#[derive(Debug, clap::Args)]
pub(crate) struct Sql {
    /// The statement; read from standard input when that is not a terminal
    #[arg(value_name = "STATEMENT")]
    pub(crate) statement: Option<String>,
    /// How to write the rows
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Most rows that a table shows; other formats write all
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) rows: usize,
    /// Print what each statement read, as one JSON line on standard error
    #[arg(long)]
    pub(crate) stats: bool,
}

/// `annals dead-letters`
#[derive(Debug, clap::Args)]
pub(crate) struct DeadLetters {
    /// Only this project (may be repeated)
    #[arg(long, value_name = "ID", value_parser = project_id)]
    pub(crate) project: Vec<ProjectId>,
    /// Refused from this time on, written as for `annals search`
    #[arg(long, value_name = "TIME", visible_alias = "from")]
    pub(crate) since: Option<String>,
    /// Refused before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Most dead letters, the latest [default: 50, and all of them with --retry]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: Option<u32>,
    /// How to write them
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Send the records again as new events and say what became of them
    #[arg(long)]
    pub(crate) retry: bool,
}

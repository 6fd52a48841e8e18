//! What looks after a store.

use annals_event::ProjectId;
use clap::Subcommand;

use super::project_id;
use crate::output::Format;

/// `annals info`
#[derive(Debug, clap::Args)]
pub(crate) struct Info {
    /// How to write the projects
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// One row a project and day instead of one a project
    #[arg(long)]
    pub(crate) days: bool,
}

/// `annals verify`
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Only this project
    #[arg(long, value_name = "ID", value_parser = project_id)]
    pub(crate) project: Vec<ProjectId>,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `annals compact`
#[derive(Debug, clap::Args)]
pub(crate) struct Compact {
    /// Only this project
    #[arg(long, value_name = "ID", value_parser = project_id)]
    pub(crate) project: Vec<ProjectId>,
    /// Show what would be merged, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Make files without a word index
    #[arg(long)]
    pub(crate) no_word_index: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `annals index`
#[derive(Debug, clap::Args)]
pub(crate) struct Index {
    #[command(subcommand)]
    pub(crate) command: IndexCommand,
}

/// What to do with the trace index.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Read the trace ids of all data files and make the index anew
    Rebuild(Rebuild),
    /// Index the files that have none, and merge what has become many small parts
    Tend,
}

/// `annals index rebuild`
#[derive(Debug, clap::Args)]
pub(crate) struct Rebuild {
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

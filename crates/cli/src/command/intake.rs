//! What takes events in: a server, its settings, and files.

use std::path::PathBuf;

use annals_event::ProjectId;
use annals_server::settings::Setting;

use super::project_id;

/// `annals serve`: what the command line says of the settings. The flags come from the table of settings, see
/// [`config::flags`](crate::config).
#[derive(Clone, Debug, Default)]
pub(crate) struct Serve {
    /// The settings file, where `--config` names one.
    pub(crate) config: Option<PathBuf>,
    /// Settings given as flags, `--store` and `--wal` too, each once with its text.
    pub(crate) flags: Vec<(&'static Setting, String)>,
}

/// `annals config`
#[derive(Debug, clap::Args)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// How to write the settings; toml is a settings file
    #[arg(long, short, value_enum, default_value_t = ConfigFormat::Table)]
    pub(crate) format: ConfigFormat,
}

/// `--format` of `annals config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ConfigFormat {
    /// A table for people; in a pipe, lines of key, value and source with tabs between.
    Table,
    /// A settings file with comments.
    Toml,
    /// One JSON object.
    Json,
}

/// `annals ingest`
#[derive(Debug, clap::Args)]
pub(crate) struct Ingest {
    /// NDJSON or JSON-array files, plain, gzip or zstd; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Project of the events that name none
    #[arg(long, value_name = "ID", value_parser = project_id)]
    pub(crate) project: Option<ProjectId>,
    /// Turn foreign JSON into events: github, cloudtrail, zeek, or a TOML file of your own
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) map: Option<String>,
    /// Write refused records to this file, one JSON object a line: file, line, reason, record
    #[arg(long, value_name = "FILE")]
    pub(crate) refused: Option<PathBuf>,
    /// Accept timestamps before the year 2000
    #[arg(long)]
    pub(crate) allow_before_2000: bool,
    /// Make files without a word index (a server that holds the store goes by its own setting)
    #[arg(long)]
    pub(crate) no_word_index: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

//! The command line as a person types it: commands, flags, help and examples.

use std::path::PathBuf;

use annals_event::{Level, ProjectId};
use annals_server::settings::Setting;
use clap::{Parser, Subcommand};

use crate::output::Format;
use crate::paint::ColorChoice;

/// Annals keeps every event of every customer on plain object storage and finds any of them at once.
#[derive(Debug, Parser)]
#[command(
    name = "annals",
    version,
    max_term_width = 100,
    after_help = "Start with:\n  annals demo                          a store with a week of events, searched and traced\n  \
                  annals ingest events.ndjson.gz       your own events, one JSON object a line\n  \
                  annals search --since 24h --level ERROR\n\n\
                  Exit codes: 0 it ran (even when nothing was found), 1 an error, 2 wrong usage."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Flags that every command takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    /// Where the store is: a folder or s3://bucket/prefix (with the usual AWS_* variables)
    #[arg(long, global = true, env = "ANNALS_STORE", default_value = "./annals-data", value_name = "URL")]
    pub(crate) store: String,
    /// Folder of the write-ahead log, on a local disk [default: <store>/wal; for s3:// a folder under the user's state]
    #[arg(long, global = true, env = "ANNALS_WAL", value_name = "DIR")]
    pub(crate) wal: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write events from files or standard input into the store
    #[command(after_help = "Examples:\n  annals ingest events.ndjson events-2.ndjson.gz\n  \
        zcat big.json.gz | annals ingest - --project acme\n  \
        annals ingest --map github 2015-01-01-15.json.gz\n  \
        annals ingest --map ./my-map.toml export.ndjson.zst\n\n\
        Every event is synced to the write-ahead log before it counts as accepted, and the command ends with all of\n\
        them in the table. An event without `id` is stored again when its file is ingested again.")]
    Ingest(Ingest),
    /// Find events by project, time, level, type, ids or text
    #[command(after_help = "Examples:\n  annals search --project acme --level ERROR --since 24h\n  \
        annals search \"rate limited\" --type managed_sync --since 7d --limit 20\n  \
        annals search --user user-42 --format ndjson | jq .payload\n  \
        annals search --since 2026-05-01 --until 2026-05-02T12:00:00Z --oldest-first")]
    Search(Box<Search>),
    /// Show all events of one trace id in time order
    #[command(after_help = "Examples:\n  annals trace 4bf92f3577b34da6a3ce929d0e0e4736\n  \
        annals trace 4bf92f3577b34da6a3ce929d0e0e4736 --project acme --format json")]
    Trace(Trace),
    /// Run SQL over the store; without a statement, an interactive shell
    #[command(after_help = "Tables: events, traces, event_kinds, files.\n\nExamples:\n  \
        annals sql \"select level, count(*) from events group by level\"\n  \
        annals sql \"select payload->>'syncId' as sync, count(*) from events where type = 'managed_sync' group by 1\"\n  \
        annals sql \"select * from traces where errors > 0 order by last desc limit 10\"\n  \
        annals sql \"select * from events where project_id = 'acme'\" --format parquet > acme.parquet\n  \
        annals sql < report.sql")]
    Sql(Sql),
    /// Show the settings of `annals serve` in effect, where each comes from, and how memory is divided
    #[command(after_help = "Examples:\n  annals config\n  annals config --memory 2GiB --keep 30d\n  \
        annals config --format toml > full.toml\n  annals config --format json | jq .settings.http\n\n\
        A flag wins over its environment variable, that over the settings file, that over the default.")]
    Config(Config),
    /// Show projects, days, files, bytes, bytes an event and the write-ahead log
    Info(Info),
    /// Read every data file again and check it against its checksums and the table log
    Verify(Verify),
    /// Write realistic events as NDJSON to standard output, the same ones for the same seed
    #[command(after_help = "Examples:\n  annals generate --events 100000 > events.ndjson\n  \
        annals generate --events 5000000 --seed 7 --projects 50 | annals ingest -")]
    Generate(Generate),
    /// Fill a store with a week of events of ten projects, then search, trace and query it
    #[command(after_help = "Examples:\n  annals demo\n  annals demo --fresh")]
    Demo(Demo),
}

/// `annals serve`: what the command line says of the settings. The flags come from the table of settings, see
/// [`config::flags`](crate::config).
#[derive(Clone, Debug)]
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
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `annals search`
#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    /// Words that message, payload or error must hold (one phrase, upper and lower case alike)
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
}

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

/// `annals generate`
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// How many events
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(crate) events: u64,
    /// The same seed gives the same events
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub(crate) seed: u64,
    /// How many projects
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) projects: u32,
    /// How many end users
    #[arg(long, default_value_t = 50_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: u32,
    /// Over how many days the events are spread
    #[arg(long, default_value_t = 14, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) days: u32,
    /// When the last event happens; the events of a seed differ from run to run unless it is a fixed time
    #[arg(long, default_value = "now", value_name = "TIME")]
    pub(crate) end: String,
}

/// `annals demo`
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Replace the demo store that is there
    #[arg(long)]
    pub(crate) fresh: bool,
    /// How many events to generate
    #[arg(long, default_value_t = 200_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..))]
    pub(crate) events: u64,
}

fn project_id(text: &str) -> Result<ProjectId, annals_event::Error> {
    ProjectId::new(text)
}

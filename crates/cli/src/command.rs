//! The command line as a person types it: commands, flags, help and examples.

use std::path::PathBuf;

use annals_event::{Level, ProjectId};
use annals_query::Exclusion;
use annals_server::settings::Setting;
use clap::{Parser, Subcommand};

use crate::load::{Encoding, ReportFormat};
use crate::output::Format;
use crate::paint::ColorChoice;
use crate::remote::ServerUrl;

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
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// Where the store is: a folder or s3://bucket/prefix (with the usual AWS_* variables)
    #[arg(long, global = true, env = "ANNALS_STORE", default_value = "./annals-data", value_name = "URL")]
    pub(crate) store: String,
    /// Folder of the write-ahead log, on a local disk [default: <store>/wal; for s3:// a folder under the user's state]
    #[arg(long, global = true, env = "ANNALS_WAL", value_name = "DIR")]
    pub(crate) wal: Option<PathBuf>,
    /// Ask the server at this URL instead of opening a store; without it, a server that holds the store is asked
    #[arg(long, global = true, env = "ANNALS_SERVER", value_name = "URL")]
    pub(crate) server: Option<ServerUrl>,
    /// File that holds the server's bearer token
    #[arg(long, global = true, env = "ANNALS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Say on standard error what is done and whom it is asked of (ANNALS_LOG=info or =debug says more)
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take events over HTTP and OTLP and answer queries, until told to stop
    Serve(Serve),
    /// Write events from files or standard input into the store
    #[command(after_help = "Examples:\n  annals ingest events.ndjson events-2.ndjson.gz\n  \
        zcat big.json.gz | annals ingest - --project acme\n  \
        annals ingest --map github 2015-01-01-15.json.gz\n  \
        annals ingest --map ./my-map.toml export.ndjson.zst\n  \
        annals ingest --server http://annals.example:6170 --token-file token events.ndjson\n\n\
        Every event is synced to the write-ahead log before it counts as accepted, and the command ends with all of \
        them in the table. While a server holds the store (or with --server) the events are sent to it: it has them in \
        its log when the command ends, and brings them to the table. An event without `id` is stored again when its \
        file is ingested again.")]
    Ingest(Ingest),
    /// Find events by project, time, level, type, ids or text
    #[command(after_help = "Examples:\n  annals search --project acme --level ERROR --since 24h\n  \
        annals search 'rate limited' --type managed_sync --since 7d --limit 20\n  \
        annals search '\"rate limited\" contact*'\n  \
        annals search --user user-42 --format ndjson | jq .payload\n  \
        annals search --since 2026-05-01 --until 2026-05-02T12:00:00Z --oldest-first\n\n\
        TEXT is words that must all be there, each whole: no letter or digit beside it. Quotes hold words together, * at an end \
        stands for more letters. Whole words and ids are found by the word index, which parts of words are not.")]
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
    /// Show the records that a server refused, or send them again
    #[command(after_help = "Examples:\n  annals dead-letters --since 24h\n  \
        annals dead-letters --project acme --limit 500 --format ndjson | jq .reason\n  \
        annals dead-letters --project acme --since 2026-05-01 --retry\n\n\
        --retry sends the records as they came, as new events, and removes nothing: what is sent twice and has no `id` is \
        stored twice. Records of which only the beginning was kept are passed over.")]
    DeadLetters(DeadLetters),
    /// Show projects, days, files, bytes, bytes an event and the write-ahead log
    Info(Info),
    /// Read all files of the store again and check them: data files, dead letters, table logs, write-ahead logs
    #[command(
        after_help = "Exit code 1 when anything is damaged. A write-ahead log that a process holds is passed over."
    )]
    Verify(Verify),
    /// Merge small data files of each project and day into large ones, row for row
    #[command(
        after_help = "Examples:\n  annals compact\n  annals compact --dry-run\n  annals compact --project acme\n\n\
        With `annals serve --compact` a server does it by itself, every minute where it is worth it. \
        It may run beside a server and beside queries: a merge is one commit, and of two that merge the same files one wins. \
        Rows are compared before it is committed. Replaced files stay in the store: queries that began before read them."
    )]
    Compact(Compact),
    /// Tend the trace index, or make it anew from the data files
    #[command(after_help = "Examples:\n  annals index rebuild\n  annals index tend\n\n\
        A server tends it by itself. The index is derived: without it a search for a trace looks into more files, and finds \
        the same.")]
    Index(Index),
    /// Set damaged parts of the write-ahead log aside, and bring what can be read of it into the table
    #[command(
        after_help = "For a store that does not start because synced rows in its write-ahead log are damaged, when \
        there is no copy to restore. Says which rows are lost; the damaged segments stay in the log's folder quarantine."
    )]
    Repair,
    /// Write realistic events as NDJSON to standard output, the same ones for the same seed
    #[command(after_help = "Examples:\n  annals generate --events 100000 > events.ndjson\n  \
        annals generate --events 5000000 --seed 7 --projects 50 | annals ingest -")]
    Generate(Generate),
    /// Send realistic events to a server as fast as it takes them, or at a rate, and prove that it kept them
    #[command(after_help = "Examples:\n  annals load\n  \
        annals load --connections 32 --batch 500 --seconds 300 --check\n  \
        annals load --connections 256 --batch 1              single events\n  \
        annals load --rate 50000 --format json               latency counts from when a batch was due\n  \
        annals load --idle 10000 --slow-readers 100          a normal day's crowd beside it\n  \
        annals load --idempotency-keys --ledger run.ndjson   goes on over restarts of the server\n  \
        annals load --check-only --ledger run.ndjson         checks the same run again, e.g. after a crash\n\n\
        Every event carries a member `load` of its own. --check asks for them by SQL and counts what was acknowledged and \
        is not there (lost), what is there twice (doubled) and what nobody sent (invented); any of them ends with exit \
        code 1. Batches without an answer may be there or not. Without --ids or --idempotency-keys they are not sent again.")]
    Load(Box<Load>),
    /// Fill a store with a week of events of ten projects, search, trace and query it, then serve it
    #[command(after_help = "Examples:\n  annals demo\n  annals demo --fresh\n  annals demo --no-serve")]
    Demo(Demo),
}

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

/// `annals load`
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9_999))]
    pub(crate) connections: u16,
    /// Events of a request
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) batch: u32,
    /// How long to send; Ctrl-C ends it earlier
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub(crate) seconds: u32,
    /// Events a second, whether or not the server keeps up; 0 is as fast as it answers
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) rate: u64,
    /// What the server must have done before it answers
    #[arg(long, value_enum, default_value_t = AckLevel::Wal)]
    pub(crate) ack: AckLevel,
    /// The same seed gives the same events
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub(crate) seed: u64,
    /// How many projects the events are of
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) projects: u32,
    /// How long before the start the first events are, e.g. 10m or 7d
    #[arg(long, default_value = "10m", value_name = "DURATION")]
    pub(crate) spread: String,
    /// Pad the payloads until events have this many bytes; 0 leaves them as they are, about 1 kB
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u64).range(..=1_048_576))]
    pub(crate) event_bytes: u64,
    /// Give every event an id, by which the server tells what it has already
    #[arg(long)]
    pub(crate) ids: bool,
    /// Send an Idempotency-Key with every request
    #[arg(long)]
    pub(crate) idempotency_keys: bool,
    /// How bodies travel; compressing takes client time
    #[arg(long, value_enum, default_value_t = Encoding::Identity)]
    pub(crate) encoding: Encoding,
    /// Leave a request that finds no room (429, 503) instead of sending it again
    #[arg(long)]
    pub(crate) overload: bool,
    /// Connections held open beside the load, each answered once and idle then
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) idle: u32,
    /// Connections beside the load that follow, or ask for 1,000 events, and read a byte a second
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) slow_readers: u32,
    /// Threads of the client
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// Write what became of every request to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// Ask the server afterwards for every event
    #[arg(long)]
    pub(crate) check: bool,
    /// Send nothing; check the run that wrote the ledger
    #[arg(long, requires = "ledger", conflicts_with = "check")]
    pub(crate) check_only: bool,
    /// How to write the report
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Table)]
    pub(crate) format: ReportFormat,
}

/// `--ack`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AckLevel {
    /// Handed to the operating system.
    Memory,
    /// Synced to the write-ahead log.
    Wal,
    /// In the table.
    Stored,
}

impl AckLevel {
    /// As the server names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Wal => "wal",
            Self::Stored => "stored",
        }
    }
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
    /// Only fill and show; do not serve the store afterwards
    #[arg(long)]
    pub(crate) no_serve: bool,
}

fn project_id(text: &str) -> Result<ProjectId, annals_event::Error> {
    ProjectId::new(text)
}

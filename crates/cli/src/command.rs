//! The command line as a person types it: commands, flags, help and examples.

mod intake;
mod queries;
mod trials;
mod upkeep;

use std::path::PathBuf;

use annals_event::ProjectId;
use clap::{Parser, Subcommand};

pub(crate) use self::intake::{Config, ConfigFormat, Ingest, Serve};
pub(crate) use self::queries::{DeadLetters, Search, Sql, Trace};
pub(crate) use self::trials::{Demo, Generate, Load};
pub(crate) use self::upkeep::{Compact, Index, IndexCommand, Info, Verify};
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

fn project_id(text: &str) -> Result<ProjectId, annals_event::Error> {
    ProjectId::new(text)
}

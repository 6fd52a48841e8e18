//! What tries the program out: made events, load, a demonstration.

use std::path::PathBuf;

use crate::load::{Encoding, ReportFormat};

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

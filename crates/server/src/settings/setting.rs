//! [`SETTINGS`]: the table that names every setting once.

use super::ServeSettings;
use super::kind::{
    Address, Count, Days, File, Folder, Hosts, Hours, Kind, LogLines, Memory, Seconds, Size, Switch, Url,
};

/// One setting: what it is called in every layer, and how its text is read and written.
#[derive(Debug)]
pub struct Setting {
    /// The key in `annals.toml`, which is also the field of [`ServeSettings`].
    pub key: &'static str,
    /// Under which heading help and listings show it.
    pub group: &'static str,
    /// What it is in TOML and on the command line.
    pub shape: Shape,
    /// What stands for the value in a flag's help.
    pub value_name: &'static str,
    /// Meaning, unit and bounds in one line.
    pub help: &'static str,
    pub(super) set: fn(&mut ServeSettings, &str) -> Result<(), String>,
    pub(super) get: fn(&ServeSettings) -> Option<String>,
}

/// What a setting is in TOML and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// A string with a unit, or an integer.
    Size,
    /// An integer, or a string.
    Number,
    /// A boolean; as a flag, its bare name is `true`.
    Switch,
    /// An array of strings; as text with commas between; as a flag repeated.
    List,
}

impl Setting {
    /// The setting with this key.
    pub fn of(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The flag without its dashes in front: the key with `-` for `_`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The environment variable: `ANNALS_` and the key in upper case.
    pub fn env(&self) -> String {
        format!("ANNALS_{}", self.key.to_ascii_uppercase())
    }

    /// The text of the default, `None` where there is none.
    pub fn default_text(&self) -> Option<String> {
        self.text(&ServeSettings::default())
    }

    /// The text of this setting's value, which reads as the same value; `None` where there is none.
    pub fn text(&self, settings: &ServeSettings) -> Option<String> {
        (self.get)(settings)
    }
}

macro_rules! settings {
    ($($group:literal { $($key:ident: $kind:ty, $help:literal;)* })*) => {
        &[$($(Setting {
            key: stringify!($key),
            group: $group,
            shape: <$kind>::SHAPE,
            value_name: <$kind>::VALUE_NAME,
            help: $help,
            set: |settings, text| {
                settings.$key = <$kind>::parse(text)?;
                Ok(())
            },
            get: |settings| <$kind>::text(&settings.$key),
        },)*)*]
    };
}

/// Every setting of `annals serve`, one for each field of [`ServeSettings`], group by group.
pub const SETTINGS: &[Setting] = settings! {
    "Store" {
        store: Url, "Where the store is: a folder or s3://bucket/prefix (with the usual AWS_* variables)";
        wal: Folder, "Folder of the write-ahead log, on a local disk; unset: <store>/wal, for s3:// under the user's state";
    }
    "Listening" {
        http: Address, "Address of the HTTP API; port 0 takes a free one";
        otlp: Switch, "Listen for OpenTelemetry logs (OTLP) too, over HTTP and gRPC";
        otlp_http: Address, "Address for OTLP over HTTP";
        otlp_grpc: Address, "Address for OTLP over gRPC";
        token_file: File, "File with the bearer token that every request must carry; readable by its owner alone (chmod 600)";
        allow_host: Hosts, "Host name that requests may use besides loopback names and the bound address; may be repeated";
    }
    "Limits" {
        memory: Memory, "Memory to plan with: a share of the machine like 50%, or a size like 2GiB; at least 256MiB";
        request_bytes_max: Size, "Largest body of a request, decompressed: 1KiB to 64MiB";
        event_bytes_max: Size, "Longest JSON text of one event: 1KiB to 64MiB";
        connections_max: Count, "Connections open at a time: 1 to 1000000";
        header_timeout_s: Seconds, "Longest that the head of a request may take, seconds: 1 to 600";
        body_idle_timeout_s: Seconds, "Longest that a body may stand still, seconds: 1 to 3600";
        query_time_s_max: Seconds, "Longest that a query may run, seconds: 1 to 86400";
        queries_max: Count, "Queries that run at a time: 1 to 1024";
    }
    "Keeping" {
        idempotency_hours: Hours, "How long the answer to an Idempotency-Key is remembered, hours: 1 to 168";
        known_ids_max: Count, "Event ids remembered to tell duplicates, as far as memory has room: 0 to 1000000000";
        keep: Days, "How long events are kept: whole days like 30d, at least 1d, or forever";
        dead_letters_keep: Days, "How long refused records are kept: whole days like 30d, at least 1d, or forever";
        dead_letter_bytes_max: Size, "Raw bytes kept of a refused record: 0 to 64MiB";
        compact: Switch, "Merge small data files into large ones in the background; the replaced files stay in the store";
        word_index: Switch, "Index words and ids within each data file, for searches: about a tenth of its size";
        freeze_age_s: Seconds, "Age of the oldest row in memory at which it is written to files, seconds: 1 to 86400";
    }
    "Running" {
        shutdown_s: Seconds, "Longest that stopping waits for running requests, seconds: 1 to 3600";
        log_format: LogLines, "How log lines are written: text or json";
    }
};

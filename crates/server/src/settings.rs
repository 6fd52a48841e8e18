//! [`ServeSettings`]: everything that `annals serve` can be told, with its bounds.
//!
//! What a setting is called, how its text reads and what it does stands once, in [`SETTINGS`]: the flags, the environment
//! variables, the keys of `annals.toml` and what `annals config` prints all come from there. Texts of the layers are
//! gathered by [`Layers`] and settled by [`resolve`], which is pure: nothing here reads a file or the environment.

mod file;
mod kind;
mod layers;
mod resolved;
mod setting;
mod value;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use layers::{Layers, Source, resolve};
pub use resolved::{Effective, Resolved};
pub use setting::{SETTINGS, Setting, Shape};
pub use value::{Keep, LogFormat, MemoryLimit};

use value::{format_size, size_or_text};

use crate::error::{Error, Result};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Least memory that a server works with: below it a flush, a query and a few requests do not fit side by side.
pub const MEMORY_BYTES_MIN: u64 = 256 * MIB;

/// The settings of `annals serve`. Unknown fields are refused. Paths are relative to the working directory, whichever layer
/// they come from.
///
/// As serde data, sizes are numbers of bytes (texts such as `64MiB` are read too), and [`MemoryLimit`], [`Keep`] and
/// addresses are texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSettings {
    /// Where the store is: a folder, or `s3://bucket/prefix`. Default `./annals-data`; not empty.
    pub store: String,
    /// Folder of the write-ahead log, on a local disk. Default none: `<store>/wal`, or for a remote store a folder under
    /// the user's state.
    pub wal: Option<PathBuf>,
    /// Address of the HTTP API; port 0 takes a free one. Default `127.0.0.1:6170`.
    pub http: SocketAddr,
    /// Listen for OTLP on `otlp_http` and `otlp_grpc`. Default false.
    pub otlp: bool,
    /// Address for OTLP over HTTP. Default `127.0.0.1:4318`; another than `http` and `otlp_grpc`.
    pub otlp_http: SocketAddr,
    /// Address for OTLP over gRPC. Default `127.0.0.1:4317`; another than `http` and `otlp_http`.
    pub otlp_grpc: SocketAddr,
    /// File that holds the bearer token which every request must carry (see [`Token`](crate::Token)). Default none:
    /// requests need no token.
    pub token_file: Option<PathBuf>,
    /// Names accepted in a request's `Host` besides the loopback names and the bound address, in lower case and without
    /// port. Default none.
    pub allow_host: Vec<String>,
    /// Memory that the server plans with, a share of the machine or a size. Default `50%`; at least 256 MiB.
    pub memory: MemoryLimit,
    /// Largest body of a request after decompression, bytes. Default 64 MiB; 1 KiB to 64 MiB.
    #[serde(deserialize_with = "size_or_text")]
    pub request_bytes_max: usize,
    /// Longest JSON text of one event, bytes. Default 1 MiB; 1 KiB to 64 MiB.
    #[serde(deserialize_with = "size_or_text")]
    pub event_bytes_max: usize,
    /// Connections open at a time, over all addresses. Default 12,000; 1 to 1,000,000.
    pub connections_max: usize,
    /// Longest that the head of a request may take to arrive, seconds. Default 10; 1 to 600.
    pub header_timeout_s: u64,
    /// Longest that a body may stand still, seconds. Default 30; 1 to 3,600.
    pub body_idle_timeout_s: u64,
    /// How long the answer to an `Idempotency-Key` is remembered, hours. Default 24; 1 to 168.
    pub idempotency_hours: u64,
    /// Event ids remembered to tell duplicates, at most (fewer where the memory plan has no room for them). Default
    /// 10,000,000; 0 to 1,000,000,000; 0 remembers none.
    pub known_ids_max: usize,
    /// How long events are kept, whole days. Default for ever; 1 to 36,500 days.
    pub keep: Keep,
    /// How long refused records are kept, whole days. Default 30 days; 1 to 36,500 days, or for ever.
    pub dead_letters_keep: Keep,
    /// Raw bytes kept of a refused record. Default 64 KiB; 0 to 64 MiB.
    #[serde(deserialize_with = "size_or_text")]
    pub dead_letter_bytes_max: usize,
    /// Longest that a query may run, seconds. Default 60; 1 to 86,400.
    pub query_time_s_max: u64,
    /// Queries that run at a time. Default 16; 1 to 1,024.
    pub queries_max: usize,
    /// Longest that stopping waits for running requests, seconds. Default 30; 1 to 3,600.
    pub shutdown_s: u64,
    /// Merge small data files into large ones in the background. Default false, as long as nothing removes the files that were
    /// replaced: with each tier of sizes the store would hold every row once more.
    pub compact: bool,
    /// Write a word index into each data file. Default true.
    pub word_index: bool,
    /// Age of the oldest row in memory at which it is written to files, seconds. Default 60; 1 to 86,400.
    pub freeze_age_s: u64,
    /// How log lines are written. Default `text`.
    pub log_format: LogFormat,
}

impl Default for ServeSettings {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            store: "./annals-data".to_owned(),
            wal: None,
            http: local(6170),
            otlp: false,
            otlp_http: local(4318),
            otlp_grpc: local(4317),
            token_file: None,
            allow_host: Vec::new(),
            memory: MemoryLimit::Share(50),
            request_bytes_max: 64 << 20,
            event_bytes_max: 1 << 20,
            connections_max: 12_000,
            header_timeout_s: 10,
            body_idle_timeout_s: 30,
            idempotency_hours: 24,
            known_ids_max: 10_000_000,
            keep: Keep::Forever,
            dead_letters_keep: Keep::Days(30),
            compact: false,
            word_index: true,
            dead_letter_bytes_max: 64 << 10,
            query_time_s_max: 60,
            queries_max: 16,
            shutdown_s: 30,
            freeze_age_s: 60,
            log_format: LogFormat::Text,
        }
    }
}

/// What is wrong with the setting `key`, and perhaps `other`, which it does not go with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) key: &'static str,
    pub(crate) other: Option<&'static str>,
    pub(crate) text: String,
}

impl ServeSettings {
    /// Checks every bound, and that no two addresses collide. Whether a share of the machine's memory is enough depends on
    /// the machine: [`resolve`] checks that.
    ///
    /// # Errors
    /// `Invalid`, naming all problems at once.
    pub fn validate(&self) -> Result<()> {
        let problems: Vec<_> =
            self.problems().into_iter().map(|problem| format!("{}: {}", problem.key, problem.text)).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(format!("settings: {}", problems.join("; ")))) }
    }

    /// All that [`validate`](Self::validate) finds.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.out_of_bounds();
        problems.extend(self.colliding_addresses());
        problems
    }

    /// What each setting breaks for itself.
    fn out_of_bounds(&self) -> Vec<Problem> {
        let alone = |key, text: String| Problem { key, other: None, text };
        let mut problems = Vec::new();
        if self.store.trim().is_empty() {
            problems.push(alone("store", "no store is named: give a folder or s3://bucket/prefix".to_owned()));
        }
        if let MemoryLimit::Size(bytes) = self.memory
            && bytes < MEMORY_BYTES_MIN
        {
            let (given, least) = (format_size(bytes), format_size(MEMORY_BYTES_MIN));
            problems.push(alone("memory", format!("{given} is too little: at least {least}")));
        }
        if let MemoryLimit::Share(percent) = self.memory
            && !(1..=100).contains(&percent)
        {
            problems.push(alone("memory", format!("{percent}% is out of bounds: 1% to 100%")));
        }
        for (key, keep) in [("keep", self.keep), ("dead_letters_keep", self.dead_letters_keep)] {
            if let Keep::Days(days) = keep
                && !(1..=Keep::DAYS_MAX).contains(&days)
            {
                problems.push(alone(key, format!("{days}d is out of bounds: 1d to {}d", Keep::DAYS_MAX)));
            }
        }
        for (key, value, min, max) in [
            ("request_bytes_max", self.request_bytes_max as u64, KIB, 64 * MIB),
            ("event_bytes_max", self.event_bytes_max as u64, KIB, 64 * MIB),
            ("dead_letter_bytes_max", self.dead_letter_bytes_max as u64, 0, 64 * MIB),
        ] {
            if !(min..=max).contains(&value) {
                let [value, min, max] = [value, min, max].map(format_size);
                problems.push(alone(key, format!("{value} is out of bounds: {min} to {max}")));
            }
        }
        for (key, value, min, max) in [
            ("connections_max", self.connections_max as u64, 1, 1_000_000),
            ("header_timeout_s", self.header_timeout_s, 1, 600),
            ("body_idle_timeout_s", self.body_idle_timeout_s, 1, 3_600),
            ("idempotency_hours", self.idempotency_hours, 1, 168),
            ("known_ids_max", self.known_ids_max as u64, 0, 1_000_000_000),
            ("query_time_s_max", self.query_time_s_max, 1, 86_400),
            ("queries_max", self.queries_max as u64, 1, 1_024),
            ("shutdown_s", self.shutdown_s, 1, 3_600),
            ("freeze_age_s", self.freeze_age_s, 1, 86_400),
        ] {
            if !(min..=max).contains(&value) {
                problems.push(alone(key, format!("{value} is out of bounds: {min} to {max}")));
            }
        }
        problems
    }

    /// Addresses that cannot both be listened on.
    fn colliding_addresses(&self) -> Vec<Problem> {
        if !self.otlp {
            return Vec::new();
        }
        let addresses = [("http", self.http), ("otlp_http", self.otlp_http), ("otlp_grpc", self.otlp_grpc)];
        let mut problems = Vec::new();
        for (at, &(key, address)) in addresses.iter().enumerate() {
            for &(other, taken) in &addresses[..at] {
                let same_host =
                    address.ip() == taken.ip() || address.ip().is_unspecified() || taken.ip().is_unspecified();
                if same_host && address.port() == taken.port() && address.port() != 0 {
                    let text = format!("{address} collides with {other} ({taken}): give each a port of its own");
                    problems.push(Problem { key, other: Some(other), text });
                }
            }
        }
        problems
    }
}

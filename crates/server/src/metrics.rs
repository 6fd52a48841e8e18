//! [`Metrics`]: what the server counts from its first connection on, as OpenMetrics text.
//!
//! Counters are counted where things happen. What stands somewhere already (the writer, the table, the process) is read
//! when it is asked for: a [`Reading`].

mod caches;

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use annals_writer::WriterStatus;
use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as AnyGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::node::Node;
use caches::{CacheMetrics, CacheReading};

/// The media type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The status under which a request is counted whose client left before the answer.
const CLIENT_LEFT: u16 = 499;

type Gauge = AnyGauge<u64, AtomicU64>;

/// The way by which events come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `POST /v1/events`.
    Http,
    /// OTLP over HTTP.
    OtlpHttp,
    /// OTLP over gRPC.
    OtlpGrpc,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::OtlpHttp => "otlp_http",
            Self::OtlpGrpc => "otlp_grpc",
        }
    }
}

/// What became of the events of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Events that were stored.
    pub(crate) accepted: u64,
    /// Events whose ids were known.
    pub(crate) duplicates: u64,
    /// Records that were refused.
    pub(crate) refused: u64,
    /// Bytes of the body after decompression.
    pub(crate) bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    requests_in_flight: AnyGauge,
    accepted: Family<SourceLabels, Counter>,
    duplicates: Family<SourceLabels, Counter>,
    refused: Family<SourceLabels, Counter>,
    bytes: Family<SourceLabels, Counter>,
    memory_used: Gauge,
    memory_limit: Gauge,
    read: Gauges,
    caches: CacheMetrics,
}

/// What a [`Reading`] sets.
#[derive(Debug, Default)]
struct Gauges {
    queries_running: Gauge,
    tails_open: Gauge,
    memtable_bytes: Gauge,
    memtable_rows: Gauge,
    memtables_frozen: Gauge,
    wal_bytes: Gauge,
    wal_segments: Gauge,
    next_lsn: Gauge,
    durable_lsn: Gauge,
    watermark_lsn: Gauge,
    writer_failing: Gauge,
    table_version: Gauge,
    table_files: Gauge,
    table_rows: Gauge,
    table_bytes: Gauge,
    resident_bytes: Gauge,
}

/// How an open store stands.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    writer: WriterStatus,
    version: u64,
    totals: annals_table::Totals,
    queries_running: usize,
    tails_open: usize,
    caches: CacheReading,
}

impl Reading {
    /// How `node` stands now.
    pub(crate) fn of(node: &Node) -> Self {
        let snapshot = node.engine.table().snapshot();
        Self {
            writer: node.writer.status(),
            version: snapshot.version(),
            totals: snapshot.totals(),
            queries_running: node.reads.queries_running(),
            tails_open: node.reads.tails_open(),
            caches: CacheReading::of(&node.engine),
        }
    }
}

impl Metrics {
    /// Nothing counted yet. The process started at `started_us`, microseconds UTC.
    pub(crate) fn new(started_us: i64) -> Self {
        let mut registry = Registry::with_prefix("annals");
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_5, 2.0, 18));
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            requests_in_flight: AnyGauge::default(),
            accepted: Family::default(),
            duplicates: Family::default(),
            refused: Family::default(),
            bytes: Family::default(),
            memory_used: Gauge::default(),
            memory_limit: Gauge::default(),
            read: Gauges::default(),
            caches: CacheMetrics::default(),
            registry: Registry::default(),
        };
        let started: AnyGauge<f64, AtomicU64> = AnyGauge::default();
        started.set(started_us as f64 / 1_000_000.0);
        registry.register_with_unit("start_time", "When the process started, since 1970", Unit::Seconds, started);
        metrics.register_counted(&mut registry);
        metrics.read.register(&mut registry);
        metrics.caches.register(&mut registry);
        Self { registry, ..metrics }
    }

    fn register_counted(&self, registry: &mut Registry) {
        registry.register("requests", "Requests answered", self.requests.clone());
        let help = "Time from a request's head to that of its answer";
        registry.register_with_unit("request", help, Unit::Seconds, self.request_seconds.clone());
        let help = "Requests whose answer has no head yet";
        registry.register("requests_in_flight", help, self.requests_in_flight.clone());
        registry.register("events_accepted", "Events stored", self.accepted.clone());
        registry.register("events_duplicate", "Events left out because their ids were known", self.duplicates.clone());
        registry.register("events_refused", "Records refused", self.refused.clone());
        let help = "Bytes of events taken in, after decompression";
        registry.register_with_unit("ingested", help, Unit::Bytes, self.bytes.clone());
        let help = "Memory that bodies of requests hold";
        registry.register_with_unit("requests_memory_used", help, Unit::Bytes, self.memory_used.clone());
        let help = "Memory that bodies of requests may hold";
        registry.register_with_unit("requests_memory_limit", help, Unit::Bytes, self.memory_limit.clone());
    }

    /// Notes that a request begins. `route` is a path of the list of routes, never a client's.
    pub(crate) fn begin(&self, route: &'static str) -> UnderWay<'_> {
        self.requests_in_flight.inc();
        UnderWay { metrics: self, route, watch: Stopwatch::start(), status: CLIENT_LEFT }
    }

    /// Notes what became of a request's events.
    pub(crate) fn took(&self, source: Source, taken: Taken) {
        let labels = SourceLabels { source: source.as_str() };
        for (family, count) in [
            (&self.accepted, taken.accepted),
            (&self.duplicates, taken.duplicates),
            (&self.refused, taken.refused),
            (&self.bytes, taken.bytes),
        ] {
            family.get_or_create(&labels).inc_by(count);
        }
    }

    /// Notes how the memory of requests stands.
    pub(crate) fn set_memory(&self, used_bytes: u64, limit_bytes: u64) {
        self.memory_used.set(used_bytes);
        self.memory_limit.set(limit_bytes);
    }

    /// Everything as OpenMetrics text, with `reading` where a store is open.
    pub(crate) fn text(&self, reading: Option<&Reading>) -> String {
        if let Some(reading) = reading {
            self.read.set(reading);
            self.caches.set(&reading.caches);
        }
        self.read.resident_bytes.set(resident_bytes().unwrap_or(0));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        for (name, help, gauge) in [
            ("queries_running", "Queries that run", &self.queries_running),
            ("tails_open", "Tails that are open", &self.tails_open),
            ("memtable_rows", "Rows in memory that are not in the table", &self.memtable_rows),
            ("memtables_frozen", "Memtables on their way into the table", &self.memtables_frozen),
            ("wal_segments", "Segments of the write-ahead log", &self.wal_segments),
            ("next_lsn", "The LSN that the next row gets", &self.next_lsn),
            ("durable_lsn", "Everything up to this LSN is synced", &self.durable_lsn),
            ("watermark_lsn", "Everything up to this LSN is in the table", &self.watermark_lsn),
            ("writer_failing", "1 when the writer closed or its last flush failed", &self.writer_failing),
            ("table_version", "Version of the table", &self.table_version),
            ("table_files", "Data files of the table", &self.table_files),
            ("table_rows", "Rows of the table", &self.table_rows),
        ] {
            registry.register(name, help, gauge.clone());
        }
        for (name, help, gauge) in [
            ("memtable", "Bytes of rows in memory", &self.memtable_bytes),
            ("wal", "Bytes of the write-ahead log", &self.wal_bytes),
            ("table", "Bytes of the table's data files", &self.table_bytes),
            ("process_resident_memory", "Resident memory of the process", &self.resident_bytes),
        ] {
            registry.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        }
    }

    fn set(&self, reading: &Reading) {
        let Reading { writer, version, totals, queries_running, tails_open, caches: _ } = reading;
        for (gauge, value) in [
            (&self.queries_running, *queries_running as u64),
            (&self.tails_open, *tails_open as u64),
            (&self.memtable_bytes, writer.memtable_bytes),
            (&self.memtable_rows, writer.memtable_rows),
            (&self.memtables_frozen, writer.frozen as u64),
            (&self.wal_bytes, writer.wal_bytes),
            (&self.wal_segments, writer.wal_segments),
            (&self.next_lsn, writer.next_lsn.0),
            (&self.durable_lsn, writer.durable_lsn.0),
            (&self.watermark_lsn, writer.watermark.0),
            (&self.writer_failing, u64::from(writer.failure.is_some())),
            (&self.table_version, *version),
            (&self.table_files, totals.files),
            (&self.table_rows, totals.rows),
            (&self.table_bytes, totals.bytes),
        ] {
            gauge.set(value);
        }
    }
}

/// A request that has no answer yet. Dropped without one, its client left.
#[derive(Debug)]
pub(crate) struct UnderWay<'a> {
    metrics: &'a Metrics,
    route: &'static str,
    watch: Stopwatch,
    status: u16,
}

impl UnderWay<'_> {
    /// The head of the answer is there.
    pub(crate) fn end(mut self, status: StatusCode) {
        self.status = status.as_u16();
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let (route, status) = (self.route, self.status);
        self.metrics.requests_in_flight.dec();
        self.metrics.requests.get_or_create(&RequestLabels { route, status }).inc();
        self.metrics.request_seconds.get_or_create(&RouteLabels { route }).observe(self.watch.seconds());
    }
}

/// Measures time. Nothing is decided by it.
#[derive(Clone, Copy, Debug)]
struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the one place that measures; no answer depends on it")]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Resident memory of this process, where the system tells it (Linux).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_events_are_counted_by_their_labels() {
        let metrics = Metrics::new(1_780_000_000_500_000);
        metrics.begin("/v1/events").end(StatusCode::OK);
        drop(metrics.begin("/v1/sql"));
        let under_way = metrics.begin("/v1/events");
        metrics.took(Source::Http, Taken { accepted: 3, duplicates: 2, refused: 1, bytes: 700 });
        metrics.took(Source::OtlpGrpc, Taken { accepted: 4, ..Taken::default() });
        metrics.took(Source::OtlpHttp, Taken { refused: 5, ..Taken::default() });
        metrics.set_memory(5, 6);
        let text = metrics.text(None);
        for line in [
            "annals_requests_total{route=\"/v1/events\",status=\"200\"} 1",
            "annals_requests_total{route=\"/v1/sql\",status=\"499\"} 1",
            "annals_request_seconds_count{route=\"/v1/events\"} 1",
            "annals_requests_in_flight 1",
            "annals_events_accepted_total{source=\"http\"} 3",
            "annals_events_accepted_total{source=\"otlp_grpc\"} 4",
            "annals_events_duplicate_total{source=\"http\"} 2",
            "annals_events_refused_total{source=\"otlp_http\"} 5",
            "annals_events_refused_total{source=\"http\"} 1",
            "annals_ingested_bytes_total{source=\"http\"} 700",
            "annals_requests_memory_used_bytes 5",
            "annals_requests_memory_limit_bytes 6",
            "annals_start_time_seconds 1780000000.5",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        drop(under_way);
        assert!(metrics.text(None).contains("annals_requests_in_flight 0"));
    }

    #[test]
    fn the_process_knows_its_own_size() {
        if cfg!(target_os = "linux") {
            assert!(resident_bytes().unwrap() > 1 << 20);
        }
    }
}

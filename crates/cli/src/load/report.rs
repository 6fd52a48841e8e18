//! [`Report`]: what a run and its check came to, as a table or as JSON.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::audit::Verdict;
use super::run::RunPlan;
use super::tally::{Counts, Latencies, Second, Tally};
use crate::paint::{Paint, thousands};

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// Lines for people.
    Table,
    /// One JSON object.
    Json,
}

/// A finished run.
#[derive(Debug, Serialize)]
pub(super) struct RunReport {
    run: String,
    server: String,
    connections: u16,
    batch: u32,
    /// How long events were sent, and to the last acknowledgement where that came later.
    seconds: f64,
    events_per_s: f64,
    /// Of JSON, before compression; a megabyte is 1,000,000 bytes.
    mb_per_s: f64,
    /// Of acknowledged batches; from when they were due where there is a rate, else from when they were first sent.
    latency_ms: Latencies,
    #[serde(flatten)]
    counts: Counts,
}

impl RunReport {
    pub(super) fn of(plan: &RunPlan, elapsed: Duration, tally: &mut Tally) -> Self {
        let seconds = elapsed.max(Duration::from_millis(1)).as_secs_f64();
        let counts = tally.counts.clone();
        Self {
            run: plan.run.to_string(),
            server: plan.server.to_string(),
            connections: plan.connections,
            batch: plan.batch,
            seconds,
            events_per_s: counts.acked_events as f64 / seconds,
            mb_per_s: counts.acked_bytes as f64 / 1e6 / seconds,
            latency_ms: tally.latencies(),
            counts,
        }
    }

    /// Events that were acknowledged.
    pub(super) fn acked_events(&self) -> u64 {
        self.counts.acked_events
    }
}

/// All that is reported.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) load: Option<RunReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<Verdict>,
}

impl Report {
    pub(super) fn write(&self, format: ReportFormat, paint: Paint, out: &mut impl Write) -> Result<()> {
        if format == ReportFormat::Json {
            serde_json::to_writer(&mut *out, self)?;
            writeln!(out)?;
            return Ok(());
        }
        let mut line = |name: &str, value: String| writeln!(out, "{} {value}", paint.dim(&format!("{name:<14}")));
        if let Some(load) = &self.load {
            let (counts, latency) = (&load.counts, &load.latency_ms);
            line("run", format!("{} of {} connections, {} events a batch", load.run, load.connections, load.batch))?;
            line("server", load.server.clone())?;
            let rate = format!("{} events/s", thousands(load.events_per_s.round() as u64));
            line("sustained", format!("{}, {:.1} MB/s of JSON", paint.bold(&rate), load.mb_per_s))?;
            line("acknowledged", format!("{} events in {:.1} s", thousands(counts.acked_events), load.seconds))?;
            line(
                "latency",
                format!(
                    "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms",
                    latency.p50, latency.p90, latency.p99, latency.p999, latency.max
                ),
            )?;
            let answers: Vec<_> =
                counts.statuses.iter().map(|(status, count)| format!("{status}: {}", thousands(*count))).collect();
            line("answers", answers.join(", "))?;
            line("rejected", format!("{} (429 and 503)", thousands(counts.rejected)))?;
            line("errors", thousands(counts.errors))?;
            line(
                "not stored",
                format!(
                    "{} batches refused, {} unknown, {} events refused",
                    thousands(counts.refused_batches),
                    thousands(counts.unknown_batches),
                    thousands(counts.refused_events)
                ),
            )?;
            if counts.known_events > 0 {
                line("known", format!("{} events were stored by an earlier attempt", thousands(counts.known_events)))?;
            }
        }
        if let Some(verdict) = &self.check {
            let failures = [("lost", verdict.lost), ("doubled", verdict.doubled), ("invented", verdict.invented)];
            let told: Vec<_> = failures
                .into_iter()
                .map(|(name, count)| {
                    let text = format!("{} {name}", thousands(count));
                    if count > 0 { paint.red(&text) } else { text }
                })
                .collect();
            let acked = format!("{} acknowledged", thousands(verdict.acked));
            line("check", format!("{acked}: {}", told.join(", ")))?;
            if verdict.unknown > 0 {
                let (sent, found) = (thousands(verdict.unknown), thousands(verdict.unknown_found));
                line("unanswered", format!("{sent} events, of which {found} are there"))?;
            }
            let good = if verdict.is_good() { paint.green("every one once") } else { paint.red("not as acknowledged") };
            line("verdict", good)?;
        }
        Ok(())
    }
}

/// One second of a run, for people.
pub(super) fn second_line(nth: u64, second: Second) -> String {
    format!(
        "{nth:>4} s  {:>9} events/s  p99 {:>7.1} ms  {} rejected  {} errors",
        thousands(second.events),
        second.p99_ms,
        thousands(second.rejected),
        thousands(second.errors),
    )
}

#[cfg(test)]
mod tests {
    use super::super::encoding::Encoding;
    use super::super::marker::RunId;
    use super::*;

    fn report() -> Report {
        let mut tally = Tally::new().unwrap();
        tally.counts.acked_events = 2_000;
        tally.counts.acked_bytes = 2_000_000;
        tally.answered(200);
        tally.acknowledged(Duration::from_millis(5), Duration::from_secs(2));
        let plan = RunPlan {
            run: RunId::new(0xbeef),
            server: "http://h:1".parse().unwrap(),
            authorization: None,
            connections: 8,
            batch: 1_000,
            duration: Duration::from_secs(2),
            rate: 0,
            ack: "wal",
            ids: false,
            keys: false,
            encoding: Encoding::Identity,
            overload: false,
            idle: 0,
            slow: 0,
        };
        let load = RunReport::of(&plan, Duration::from_secs(2), &mut tally);
        let check = Verdict { acked: 2_000, lost: 3, ..Verdict::default() };
        Report { load: Some(load), check: Some(check) }
    }

    #[test]
    fn a_table_tells_what_matters() {
        let mut out = Vec::new();
        let paint = Paint::for_stdout(crate::paint::ColorChoice::Never);
        report().write(ReportFormat::Table, paint, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in ["1,000 events/s", "1.0 MB/s", "p99 5.0", "200: 1", "3 lost, 0 doubled, 0 invented", "not as ack"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn json_has_the_counts_beside_the_rates() {
        let mut out = Vec::new();
        report().write(ReportFormat::Json, Paint::for_stdout(crate::paint::ColorChoice::Never), &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["load"]["events_per_s"], 1_000.0);
        assert_eq!(value["load"]["acked_events"], 2_000);
        assert_eq!(value["load"]["statuses"]["200"], 1);
        assert_eq!(value["check"]["lost"], 3);
    }
}

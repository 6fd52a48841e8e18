//! Warm query times of a store: `queries STORE PROJECT SINCE RUNS TRACE…` prints their medians in milliseconds as JSON.
//!
//! Workload: the latest 50 events of a project; its latest 100 errors since a time; one trace over everything, another one
//! in each run. Every answer is a batch of whole events in memory. One process, one engine, first run of each not counted.
//! `cargo xtask bench peers` measures the same over HTTP, against peers; with `--keep` it leaves a store to run this on.
#![allow(clippy::print_stdout, reason = "the result of a bench goes to standard output")]

use std::path::Path;

use annals_benches::{median_ms, open_engine, timed};
use annals_event::{Level, ProjectId, parse_timestamp};
use annals_query::{Engine, EventQuery, TraceQuery};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::runtime::Runtime;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [store, project, since, runs, traces @ ..] = words.as_slice() else {
        println!("usage: queries STORE PROJECT SINCE RUNS TRACE… (`cargo xtask bench peers --keep` leaves a store)");
        return Ok(());
    };
    ensure!(!traces.is_empty(), "name at least one trace");
    let runs: usize = runs.parse().context("RUNS")?;
    let project = ProjectId::new(project)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (engine, opened) = timed(|| open_engine(&runtime, Path::new(store)));
    let engine = engine?;

    let latest = EventQuery { projects: vec![project.clone()], limit: 50, ..EventQuery::default() };
    let errors = EventQuery {
        projects: vec![project],
        levels: vec![Level::Error],
        from_us: Some(parse_timestamp(since)?),
        limit: 100,
        ..EventQuery::default()
    };
    let trace = |run: usize| {
        let trace_id = traces[run % traces.len()].clone();
        TraceQuery { trace_id, project: None, from_us: None, until_us: None, limit: 1_000 }.event_query()
    };
    let results = json!({
        "open_ms": opened.as_secs_f64() * 1_000.0,
        "runs": runs,
        "latest_ms": median_of(&runtime, &engine, runs, |_| latest.clone())?,
        "errors_ms": median_of(&runtime, &engine, runs, |_| errors.clone())?,
        "trace_ms": median_of(&runtime, &engine, runs, trace)?,
    });
    println!("{results}");
    Ok(())
}

/// The median of `runs` answers after one that does not count, all of which must hold events.
fn median_of(runtime: &Runtime, engine: &Engine, runs: usize, query: impl Fn(usize) -> EventQuery) -> Result<f64> {
    let mut times = Vec::with_capacity(runs);
    for run in 0..=runs {
        let query = query(run);
        let (page, took) = timed(|| runtime.block_on(engine.search(&query)));
        ensure!(page?.events.num_rows() > 0, "nothing was found by {query:?}");
        if run > 0 {
            times.push(took);
        }
    }
    Ok(median_ms(&times))
}

//! How fast one core turns NDJSON into Arrow columns and back.
//!
//! Workload: events of `annals_testkit::Generator`, the mix the whole project is measured on, in bodies of 4 MiB as
//! `annals ingest` sends them. One thread. Each figure is the median of several runs over all bodies.
//!
//! `cargo bench -p annals-benches --bench decode`
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures and prints")]

use std::hint::black_box;
use std::time::Instant;

use annals_event::{DecodeSettings, EventDecoder, assign, write_ndjson};
use annals_testkit::{Generator, GeneratorSettings};

const EVENTS: u64 = 200_000;
const BODY_BYTES: usize = 4 << 20;
const RUNS: usize = 11;

/// The least that decoding should reach on one core.
const TARGET_ROWS_PER_SECOND: f64 = 350_000.0;

fn main() {
    let settings = GeneratorSettings { events: EVENTS, ..GeneratorSettings::default() };
    let received_at_us = settings.end_us;
    let bodies = bodies(settings);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{EVENTS} generated events, {} bytes each, {} bodies of {} MiB; one thread of {cores} cores; median of {RUNS}",
        bytes / EVENTS as usize,
        bodies.len(),
        BODY_BYTES >> 20
    );

    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let per_second = measure("decode ndjson", bytes, || {
        bodies.iter().map(|body| decoder.decode_ndjson(black_box(body), received_at_us).batch.num_rows()).sum()
    });
    let arrays: Vec<Vec<u8>> = bodies.iter().map(|body| array(body)).collect();
    measure("decode array", bytes, || {
        let rows =
            |body: &Vec<u8>| decoder.decode_array(black_box(body), received_at_us).map_or(0, |it| it.batch.num_rows());
        arrays.iter().map(rows).sum()
    });
    let batches: Vec<_> = bodies.iter().map(|body| decoder.decode_ndjson(body, received_at_us).batch).collect();
    measure("assign ids", bytes, || {
        batches.iter().map(|batch| assign(black_box(batch), 1, 7).map_or(0, |batch| batch.num_rows())).sum()
    });
    let mut out = Vec::with_capacity(BODY_BYTES * 2);
    measure("encode ndjson", bytes, || {
        let mut rows = 0;
        for batch in &batches {
            out.clear();
            write_ndjson(black_box(batch), &mut out);
            rows += batch.num_rows();
        }
        rows
    });
    println!(
        "decode ndjson: {:.2} x the target of {TARGET_ROWS_PER_SECOND:.0} rows/s",
        per_second / TARGET_ROWS_PER_SECOND
    );
}

/// The events as NDJSON, cut behind the line that fills a body.
fn bodies(settings: GeneratorSettings) -> Vec<Vec<u8>> {
    let mut generator = Generator::new(settings);
    let mut bodies = vec![Vec::with_capacity(BODY_BYTES * 2)];
    loop {
        let body = bodies.last_mut().expect("there is always a body under way");
        if generator.write_ndjson(body, 1) == 0 {
            bodies.retain(|body| !body.is_empty());
            return bodies;
        }
        if body.len() >= BODY_BYTES {
            bodies.push(Vec::with_capacity(BODY_BYTES * 2));
        }
    }
}

/// The same events as one JSON array.
fn array(lines: &[u8]) -> Vec<u8> {
    let inside = lines.trim_ascii_end().iter().map(|byte| if *byte == b'\n' { b',' } else { *byte });
    std::iter::once(b'[').chain(inside).chain(std::iter::once(b']')).collect()
}

/// Prints the median speed of `run`, which answers its rows; returns rows/s.
fn measure(name: &str, bytes: usize, mut run: impl FnMut() -> usize) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(black_box(run()) as u64, EVENTS, "every event is a row");
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[RUNS / 2];
    let per_second = EVENTS as f64 / median;
    println!(
        "{name:14} {per_second:>10.0} rows/s {:>8.1} MB/s {:>7.0} ns/row",
        bytes as f64 / median / 1e6,
        1e9 / per_second
    );
    per_second
}

//! How fast one core decodes and encodes: events of about 1.2 kB, medians of several runs.
//!
//! `cargo run --release -p annals-event --example decode_speed`
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use annals_event::{DecodeSettings, EventDecoder, assign, write_ndjson};

const EVENTS: usize = 20_000;
const RUNS: usize = 9;
const NOW_US: i64 = 1_780_228_800_000_000;

fn main() {
    let mut body = String::new();
    for n in 0..EVENTS as u64 {
        let x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let records: Vec<_> = (0..7)
            .map(|r| {
                let y = x.rotate_left(r * 7);
                format!(
                    r#"{{"id":"rec_{y:016x}","name":"Record {r} of the \"run\"","amount":{}.25,"ok":true}}"#,
                    y % 9_999
                )
            })
            .collect();
        body += &format!(
            r#"{{"timestamp":"2026-05-31T{:02}:{:02}:{:02}.{:06}Z","level":"INFO","type":"managed_sync","message":"Incremental sync completed","projectId":"project-{}","endUserId":"user_{:08x}","connectCredentialId":"{x:016x}-cred","workflowId":"{x:016x}","traceId":"{x:016x}{n:016x}","integrationId":"salesforce","status":"EVENT_STATUS.SUCCEEDED","payload":{{"syncId":"{x:016x}","pipeline":"crm-contacts","syncEvent":"SYNC_RUN_COMPLETED","summary":{{"created":{},"updated":12,"deleted":0,"duration":1234.5}},"note":"Zwölf Einträge übernommen","records":[{}]}}}}"#,
            n / 3_600 % 24,
            n / 60 % 60,
            n % 60,
            x % 1_000_000,
            x % 20,
            x % 5_000,
            n % 100,
            records.join(",")
        );
        body.push('\n');
    }
    println!("{EVENTS} events, {} bytes an event, one thread, median of {RUNS}", body.len() / EVENTS);
    let array = format!("[{}]", body.trim_end().replace('\n', ","));
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    measure("decode ndjson", body.len(), || decoder.decode_ndjson(black_box(body.as_bytes()), NOW_US).batch.num_rows());
    measure("decode array", array.len(), || {
        decoder.decode_array(black_box(array.as_bytes()), NOW_US).map_or(0, |decoded| decoded.batch.num_rows())
    });
    let batch = decoder.decode_ndjson(body.as_bytes(), NOW_US).batch;
    measure("assign ids", body.len(), || assign(black_box(&batch), 1, 7).map_or(0, |batch| batch.num_rows()));
    let mut out = Vec::new();
    measure("encode ndjson", body.len(), || {
        out.clear();
        write_ndjson(black_box(&batch), &mut out);
        batch.num_rows()
    });
}

fn measure(name: &str, bytes: usize, mut run: impl FnMut() -> usize) {
    let mut seconds: Vec<_> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(black_box(run()), EVENTS);
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[RUNS / 2];
    println!("{name:14} {:>10.0} rows/s {:>8.1} MB/s", EVENTS as f64 / median, bytes as f64 / median / 1e6);
}

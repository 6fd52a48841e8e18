//! Measures what the Parquet settings cost: bytes an event, rows a second on one core, microseconds for a small file, and
//! the time to put a thousand files. `FORMAT.md` quotes its figures.
//!
//! ```text
//! cargo run --release -p annals-table --example parquet_sizes [-- EVENTS [FOLDER]]
//! ```
//! With FOLDER, the events are written there as NDJSON and the data files by their defaults, to compare with other writers.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for people")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use annals_event::{DecodeSettings, EventDecoder, assign, columns, file_schema};
use annals_table::{ColumnEncoding, NewObject, OsFileSystem, ParquetSettings, Statistics, Store, encode_data_file};
use annals_testkit::{Generator, GeneratorSettings};
use arrow::array::{AsArray, RecordBatch, UInt64Array};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};

/// Rows of one freeze, as the writer makes them.
const FREEZE_ROWS: usize = 200_000;
const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 3 };

fn main() {
    let mut words = std::env::args().skip(1);
    let events: u64 = words.next().map_or(FREEZE_ROWS as u64, |word| word.parse().unwrap());
    let folder = words.next();
    let rows = generated(events, folder.as_deref().map(Path::new));
    let partitions = partitions(&rows);
    let sizes: Vec<usize> = partitions.iter().map(RecordBatch::num_rows).collect();
    println!("{events} events, {} files, largest {} rows, median {}", sizes.len(), sizes.iter().max().unwrap(), {
        let mut sorted = sizes.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    });
    if let Some(folder) = &folder {
        for (at, batch) in partitions.iter().enumerate() {
            let file = encode_data_file(batch, &ParquetSettings::default()).unwrap();
            std::fs::write(Path::new(folder).join(format!("annals-{at:04}.parquet")), &file.bytes).unwrap();
        }
    }

    thousand_files();
    println!("\n{:<44} {:>12} {:>12}", "settings", "bytes/event", "rows/s");
    for (name, settings) in variants() {
        let (bytes, rows_per_s) = measure(&partitions, &settings);
        println!("{name:<44} {:>12.1} {rows_per_s:>12.0}", bytes as f64 / events as f64);
    }
    column_sizes(&partitions);
    small_files(&partitions[0]);
}

/// Events as the writer has them, all columns filled.
fn generated(events: u64, folder: Option<&Path>) -> RecordBatch {
    let mut generator = Generator::new(GeneratorSettings { events, ..GeneratorSettings::default() });
    let mut lines = Vec::new();
    generator.write_ndjson(&mut lines, events as usize);
    println!("{:.0} bytes of NDJSON an event", lines.len() as f64 / events as f64);
    if let Some(folder) = folder {
        std::fs::write(folder.join("events.ndjson"), &lines).unwrap();
    }
    let decoder = EventDecoder::new(DecodeSettings::default(), None);
    let decoded = decoder.decode_ndjson(&lines, 1_790_000_000_000_000);
    assert!(decoded.refusals.is_empty(), "{:?}", decoded.refusals[0].reason);
    assign(&decoded.batch, 1, 0xa11a15).unwrap()
}

/// One batch for each partition of each freeze, sorted.
fn partitions(rows: &RecordBatch) -> Vec<RecordBatch> {
    let projects = rows[columns::PROJECT_ID].as_string_view();
    let days = rows[columns::DAY].as_primitive::<Date32Type>();
    let times = rows[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>();
    let seqs = rows[columns::SEQ].as_primitive::<Int64Type>();
    let mut found: BTreeMap<(usize, &str, i32), Vec<u64>> = BTreeMap::new();
    for row in 0..rows.num_rows() {
        found.entry((row / FREEZE_ROWS, projects.value(row), days.value(row))).or_default().push(row as u64);
    }
    let kept: Vec<usize> = file_schema().fields().iter().map(|f| rows.schema().index_of(f.name()).unwrap()).collect();
    let rows = rows.project(&kept).unwrap();
    let sorted = |mut numbers: Vec<u64>| {
        numbers.sort_by_key(|row| (times.value(*row as usize), seqs.value(*row as usize)));
        arrow::compute::take_record_batch(&rows, &UInt64Array::from(numbers)).unwrap()
    };
    found.into_values().map(sorted).collect()
}

fn measure(partitions: &[RecordBatch], settings: &ParquetSettings) -> (usize, f64) {
    let rows: usize = partitions.iter().map(RecordBatch::num_rows).sum();
    let mut bytes = 0;
    let mut best_s = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        bytes = partitions.iter().map(|batch| encode_data_file(batch, settings).unwrap().bytes.len()).sum();
        best_s = best_s.min(start.elapsed().as_secs_f64());
    }
    (bytes, rows as f64 / best_s)
}

fn variants() -> Vec<(String, ParquetSettings)> {
    let base = ParquetSettings::default;
    let with = |names: &[&str], encoding: ColumnEncoding| {
        let mut settings = base();
        settings.encodings.extend(names.iter().map(|name| ((*name).to_owned(), encoding)));
        settings
    };
    let wide = [columns::PAYLOAD, columns::ERROR, columns::ATTRIBUTES];
    let mut all = vec![("default".to_owned(), base())];
    let mut add = |name: &str, settings| all.push((name.to_owned(), settings));
    for level in [2, 3, 6] {
        add(&format!("zstd {level}"), ParquetSettings { zstd_level: level, ..base() });
    }
    for rows in [4_096, 32_768, 131_072] {
        add(&format!("row groups of {rows}"), ParquetSettings { row_group_rows_max: rows, ..base() });
    }
    for rows in [1_024, 2_048, 8_192, 16_384] {
        add(&format!("pages of {rows} rows"), ParquetSettings { data_page_rows: rows, ..base() });
    }
    add("statistics chunk", ParquetSettings { statistics: Statistics::Chunk, ..base() });
    add("statistics none", ParquetSettings { statistics: Statistics::None, ..base() });
    add("no bloom filter", ParquetSettings { trace_bloom_fpp: 0.0, ..base() });
    add("bloom filter 0.05", ParquetSettings { trace_bloom_fpp: 0.05, ..base() });
    for encoding in
        [ColumnEncoding::Plain, ColumnEncoding::Dictionary, ColumnEncoding::Delta, ColumnEncoding::DeltaLength]
    {
        for name in [
            columns::ID,
            columns::TRACE_ID,
            columns::EVENT_ID,
            columns::WEBHOOK_ID,
            columns::MESSAGE,
            columns::END_USER_ID,
            columns::WORKFLOW_ID,
        ] {
            if base().encodings.get(name) != Some(&encoding) {
                add(&format!("{name} {encoding:?}"), with(&[name], encoding));
            }
        }
        if encoding != ColumnEncoding::DeltaLength {
            add(&format!("payload, error, attributes {encoding:?}"), with(&wide, encoding));
        }
    }
    for name in [columns::TIMESTAMP, columns::RECEIVED_AT, columns::SEQ] {
        add(&format!("{name} Plain"), with(&[name], ColumnEncoding::Plain));
    }
    all
}

fn column_sizes(partitions: &[RecordBatch]) {
    use parquet::file::reader::FileReader;
    let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
    let mut total = 0;
    let rows: usize = partitions.iter().map(RecordBatch::num_rows).sum();
    for batch in partitions {
        let file = encode_data_file(batch, &ParquetSettings::default()).unwrap();
        total += file.bytes.len() as i64;
        let reader = parquet::file::serialized_reader::SerializedFileReader::new(file.bytes).unwrap();
        for group in reader.metadata().row_groups() {
            for column in group.columns() {
                *sizes.entry(column.column_path().string()).or_default() += column.compressed_size();
            }
        }
    }
    let inside: i64 = sizes.values().sum();
    sizes.insert("(bloom filter, indexes, footer)".to_owned(), total - inside);
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|(_, size)| -size);
    println!("\nbytes an event by column");
    for (name, size) in sizes {
        println!("{name:<44} {:>12.2}", size as f64 / rows as f64);
    }
}

fn small_files(batch: &RecordBatch) {
    println!("\nsmall files");
    for rows in [1, 10, 70, 300, 1_000] {
        let batch = batch.slice(0, rows.min(batch.num_rows()));
        let start = Instant::now();
        let mut bytes = 0;
        for _ in 0..300 {
            bytes = encode_data_file(&batch, &ParquetSettings::default()).unwrap().bytes.len();
        }
        let each_us = start.elapsed().as_secs_f64() / 300.0 * 1e6;
        println!("{:>6} rows {each_us:>10.0} us a file {bytes:>10} bytes", batch.num_rows());
    }
}

fn thousand_files() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    println!("\n1,000 files of 4 kB in 1,000 directories, then again in the same ones");
    let dir = tempfile::tempdir_in(".").unwrap();
    let store = Store::open(dir.path().to_str().unwrap(), Arc::new(OsFileSystem), runtime.handle().clone()).unwrap();
    for round in 0..4 {
        let file = |i: usize| NewObject {
            path: format!("project_id=p{i}/day=2026-05-31/part-{round}.parquet"),
            bytes: vec![i as u8; 4_096].into(),
        };
        let files = (0..1_000).map(file).collect();
        let start = Instant::now();
        store.put_files("events", files).unwrap();
        println!("{:>10.0} ms", start.elapsed().as_secs_f64() * 1e3);
    }
}

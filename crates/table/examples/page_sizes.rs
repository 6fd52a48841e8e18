//! Measures what the sizes of pages and dictionaries cost in a large data file: bytes an event, and the time to read one row of
//! it whole, which is what a trace or a page of search results is made of. `FORMAT.md` quotes its figures.
//!
//! ```text
//! cargo run --release -p annals-table --example page_sizes [-- EVENTS]
//! ```

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for people")]

use std::time::Instant;

use annals_event::{DecodeSettings, EventDecoder, assign, columns, file_schema};
use annals_table::{ParquetSettings, encode_data_file};
use annals_testkit::{Generator, GeneratorSettings};
use arrow::array::{AsArray, RecordBatch, UInt64Array};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};

const READS: usize = 200;

fn main() {
    let events: u64 = std::env::args().nth(1).map_or(100_000, |word| word.parse().unwrap());
    let rows = partition(events);
    println!("{} events of one partition", rows.num_rows());
    println!("{:<44} {:>12} {:>12} {:>14} {:>12}", "settings", "bytes/event", "rows/s", "us, whole row", "us, time");
    let kib = |kib: usize| kib << 10;
    for dictionary in [1_024, 256, 64, 16] {
        for page in [1_024, 256, 128, 64, 32] {
            let settings = ParquetSettings {
                dictionary_bytes_max: kib(dictionary),
                data_page_bytes_max: kib(page),
                ..ParquetSettings::default()
            };
            measure(&format!("dictionaries of {dictionary} KiB, pages of {page} KiB"), &rows, &settings);
        }
    }
    for data_page_rows in [1_024, 2_048] {
        let settings = ParquetSettings { data_page_rows, ..ParquetSettings::default() };
        measure(&format!("the defaults, pages of {data_page_rows} rows"), &rows, &settings);
    }
    codecs(&rows.slice(0, rows.num_rows().min(10_000)));
    measure("the defaults", &rows, &ParquetSettings::default());
    measure("the defaults without word index", &rows, &ParquetSettings::with_word_index(false));
}

/// What zstd and Snappy make of each column.
fn codecs(rows: &RecordBatch) {
    let sizes = |settings: &ParquetSettings| -> Vec<(String, i64)> {
        let file = encode_data_file(rows, settings).unwrap();
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file.bytes).unwrap();
        let columns = metadata.row_group(0).columns().iter();
        columns.map(|column| (column.column_path().string(), column.compressed_size())).collect()
    };
    let zstd = sizes(&ParquetSettings { zstd_bytes_min: 0, ..ParquetSettings::default() });
    let snappy = sizes(&ParquetSettings { zstd_bytes_min: 1 << 20, ..ParquetSettings::default() });
    println!("\n{:<34} {:>12} {:>12}   bytes an event, {} rows", "column", "zstd", "Snappy", rows.num_rows());
    for ((name, zstd), (_, snappy)) in zstd.into_iter().zip(snappy) {
        let each = |bytes: i64| bytes as f64 / rows.num_rows() as f64;
        println!("{name:<34} {:>12.3} {:>12.3}", each(zstd), each(snappy));
    }
    println!();
}

fn measure(name: &str, rows: &RecordBatch, settings: &ParquetSettings) {
    let start = Instant::now();
    let file = encode_data_file(rows, settings).unwrap();
    let per_s = rows.num_rows() as f64 / start.elapsed().as_secs_f64();
    let whole = row_us(&file.bytes, rows.num_rows(), None);
    let time = row_us(&file.bytes, rows.num_rows(), Some(columns::TIMESTAMP));
    let bytes = file.bytes.len() as f64 / rows.num_rows() as f64;
    println!("{name:<44} {bytes:>12.1} {per_s:>12.0} {whole:>14.0} {time:>12.0}");
}

/// Median of the time to read one row, with the footer at hand.
fn row_us(bytes: &Bytes, rows: usize, column: Option<&str>) -> f64 {
    let options =
        ArrowReaderOptions::new().with_schema(file_schema()).with_page_index_policy(PageIndexPolicy::Required);
    let footer = ArrowReaderMetadata::load(bytes, options).unwrap();
    let mut times: Vec<f64> = (0..READS)
        .map(|read| {
            let row = read * 7_919 % rows;
            let start = Instant::now();
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), footer.clone())
                .with_row_selection(RowSelection::from_consecutive_ranges(std::iter::once(row..row + 1), rows))
                .with_batch_size(1);
            if let Some(column) = column {
                let mask = parquet::arrow::ProjectionMask::columns(builder.parquet_schema(), [column]);
                builder = builder.with_projection(mask);
            }
            let found: usize = builder.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
            assert_eq!(found, 1);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[READS / 2]
}

/// Rows of one project and day, sorted, all columns filled.
fn partition(events: u64) -> RecordBatch {
    let settings = GeneratorSettings { events, projects: 1, days: 1, users: 5_000, ..GeneratorSettings::default() };
    let mut lines = Vec::new();
    let mut generator = Generator::new(settings);
    while generator.write_ndjson(&mut lines, 10_000) > 0 {}
    let decoded = EventDecoder::new(DecodeSettings::default(), None).decode_ndjson(&lines, 1_790_000_000_000_000);
    let rows = assign(&decoded.batch, 1, 0xa11a15).unwrap();
    let kept: Vec<usize> = file_schema().fields().iter().map(|f| rows.schema().index_of(f.name()).unwrap()).collect();
    let rows = rows.project(&kept).unwrap();
    let times = rows[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>();
    let mut numbers: Vec<u64> = (0..rows.num_rows() as u64).collect();
    numbers.sort_by_key(|row| times.value(*row as usize));
    arrow::compute::take_record_batch(&rows, &UInt64Array::from(numbers)).unwrap()
}

//! Round trip, determinism, small files, and that damage anywhere is found.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use proptest::prelude::*;

use super::*;
use crate::checksum::BLOCK_BYTES;
use crate::file_name::DataFileName;
use crate::ids::{Lsn, WriterId};
use crate::verify::verify_data_file;

/// Rows of the file schema; text differs by row so that it does not compress to nothing.
fn batch(rows: usize) -> RecordBatch {
    let schema = annals_event::file_schema();
    let noise = |i: usize, salt: usize| (i * 31 + salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3;
    let columns = schema.fields().iter().enumerate().map(|(at, field)| match field.data_type() {
        DataType::Int64 => Arc::new(Int64Array::from_iter_values(1..=rows as i64)) as ArrayRef,
        DataType::Timestamp(..) => {
            let times = (0..rows as i64).map(|i| 1_780_000_000_000_000 + i * 1_000_003);
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
        }
        _ => Arc::new(StringViewArray::from_iter((0..rows).map(|i| {
            (i % 5 != at % 7).then(|| format!("{}-{:x}-{:x}", field.name(), noise(i, at), noise(i / 3, at)))
        }))),
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

fn encoded(rows: usize) -> (String, EncodedFile) {
    let file = encode_data_file(&batch(rows), &ParquetSettings::default()).unwrap();
    (path_of(&file), file)
}

fn path_of(file: &EncodedFile) -> String {
    let name = DataFileName { writer: WriterId(7), first_lsn: Lsn(1), last_lsn: Lsn(9), hash: file.hash };
    format!("project_id=a/day=2026-05-31/{name}")
}

#[test]
fn rows_read_back_equal_and_the_footer_is_plain() {
    let (path, file) = encoded(9_000);
    let options = ArrowReaderOptions::new().with_schema(annals_event::file_schema());
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file.bytes.clone(), options).unwrap();
    let read: Vec<_> = reader.with_batch_size(10_000).build().unwrap().map(std::result::Result::unwrap).collect();
    assert_eq!(read, [batch(9_000)]);

    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let footer = ArrowReaderMetadata::load(&file.bytes, options).unwrap();
    assert_eq!(footer.schema().field_with_name("payload").unwrap().data_type(), &DataType::Utf8);
    assert_eq!(footer.schema().field_with_name("timestamp").unwrap().data_type(), &annals_event::timestamp_type());
    let pages = |column| {
        let leaf = annals_event::file_schema().index_of(column).unwrap();
        footer.metadata().offset_index().unwrap()[0][leaf].page_locations().len()
    };
    assert_eq!(pages(columns::TIMESTAMP), 3, "a page holds 4,096 rows");
    assert!((10..30).contains(&pages(columns::TRACE_ID)), "a page of ids holds 16 KiB");
    assert!(footer.metadata().row_group(0).sorting_columns().is_some());
    let trace = annals_event::file_schema().index_of(columns::TRACE_ID).unwrap();
    assert!(footer.metadata().row_group(0).column(trace).bloom_filter_offset().is_some());

    assert_eq!((file.rows, file.min_timestamp_us), (9_000, 1_780_000_000_000_000));
    assert_eq!(verify_data_file(&path, &file.bytes).unwrap().rows, 9_000);
}

#[test]
fn the_same_rows_make_the_same_bytes() {
    assert_eq!(encoded(300).1.bytes, encoded(300).1.bytes);
}

#[test]
fn row_groups_end_at_their_row_limit() {
    let settings = ParquetSettings { row_group_rows_max: 1_024, ..Default::default() };
    let file = encode_data_file(&batch(3_000), &settings).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).unwrap();
    assert_eq!(reader.metadata().num_row_groups(), 3);
    verify_data_file(&path_of(&file), &file.bytes).unwrap();
}

#[test]
fn rows_that_are_not_of_a_data_file_are_refused() {
    let rows = batch(10);
    let reversed =
        arrow::compute::take_record_batch(&rows, &arrow::array::UInt32Array::from_iter_values((0..10).rev()));
    for wrong in [rows.slice(0, 0), rows.project(&[0, 1]).unwrap(), reversed.unwrap()] {
        let error = encode_data_file(&wrong, &ParquetSettings::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

fn corrupt(path: &str, bytes: &[u8]) -> String {
    let error = verify_data_file(path, &Bytes::copy_from_slice(bytes)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    error.to_string()
}

#[test]
fn any_single_flipped_bit_of_a_small_file_is_found() {
    let (path, file) = encoded(3);
    let mut bytes = file.bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        corrupt(&path, &bytes);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    verify_data_file(&path, &bytes.into()).unwrap();
}

#[test]
fn the_first_damaged_block_is_named() {
    let (path, file) = encoded(20_000);
    assert!(file.bytes.len() > 5 * BLOCK_BYTES);
    let mut bytes = file.bytes.to_vec();
    bytes[3 * BLOCK_BYTES] ^= 1;
    bytes[4 * BLOCK_BYTES + 5] ^= 1;
    let message = corrupt(&path, &bytes);
    assert!(message.contains(&format!("bytes {} to {}", 3 * BLOCK_BYTES, 4 * BLOCK_BYTES)), "{message}");
    let end = bytes.len();
    bytes[end - 20] ^= 1;
    assert!(corrupt(&path, &bytes).contains("metadata"));
    assert!(corrupt(&path, &bytes[..end - 1]).contains("footer"));
    assert!(corrupt(&path, b"").contains("footer"));
}

#[test]
fn another_file_under_the_same_name_is_found() {
    let (path, _) = encoded(10);
    assert!(corrupt(&path, &encoded(11).1.bytes).contains("another file"));
    assert_eq!(verify_data_file("part-0.parquet", &Bytes::new()).unwrap_err().kind(), ErrorKind::Invalid);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn zeroed_cut_and_repeated_sectors_are_found(at: prop::sample::Index, kind in 0..4) {
        static FILE: std::sync::LazyLock<(String, EncodedFile)> = std::sync::LazyLock::new(|| encoded(5_000));
        let (path, file) = &*FILE;
        let mut bytes = file.bytes.to_vec();
        let sectors = bytes.len() / 512;
        let start = at.index(sectors - 1) * 512;
        match kind {
            0 => bytes[start..start + 512].fill(0),
            1 => bytes.truncate(start),
            2 => bytes.copy_within(start..start + 512, start + 512 - (start + 512) % 512),
            _ => { let sector = bytes[start..start + 512].to_vec(); bytes.splice(start..start, sector); }
        }
        prop_assume!(bytes != file.bytes);
        let error = verify_data_file(path, &bytes.into()).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

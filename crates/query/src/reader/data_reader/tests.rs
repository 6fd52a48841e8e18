//! Selections of every density, out of files whose columns have pages of different lengths.

use annals_event::{Day, ProjectId, event_schema, file_schema};
use annals_table::{DataFileName, Lsn, ParquetSettings, encode_data_file};
use arrow::array::UInt64Array;
use arrow::compute::take_record_batch;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::fixture::{BASE_US, PROJECTS, WRITER, batch, block_on, plain_rows};
use crate::reader::rows::read_rows;

const ROWS: usize = 6_000;

/// Rows with texts of very different lengths, a few empty.
fn rows(chance: &mut StdRng) -> RecordBatch {
    let mut rows = plain_rows(ROWS);
    for row in &mut rows {
        let length = [0, 3, 40, 2_000][chance.random_range(0..4)];
        row.payload = (length > 0).then(|| (0..length).map(|_| chance.random_range('a'..='z')).collect());
        row.user = chance.random_bool(0.7).then(|| chance.random_range(0..2_000));
        row.error = chance.random_bool(0.02).then(|| "refused".to_owned());
    }
    batch(&rows)
}

/// Runs of rows with gaps between, both of random lengths up to these.
fn selected(chance: &mut StdRng, run_max: u64, gap_max: u64) -> Vec<u64> {
    let (mut rows, mut at) = (Vec::new(), chance.random_range(0..gap_max));
    while at < ROWS as u64 {
        let end = (at + 1 + chance.random_range(0..run_max)).min(ROWS as u64);
        rows.extend(at..end);
        at = end + chance.random_range(0..gap_max);
    }
    rows
}

#[test]
fn any_rows_are_read_whatever_pages_they_lie_in() {
    let mut chance = StdRng::seed_from_u64(5);
    let events = rows(&mut chance);
    let names: Vec<usize> =
        file_schema().fields().iter().map(|field| event_schema().index_of(field.name()).unwrap()).collect();
    let small = ParquetSettings { data_page_rows: 256, data_page_bytes_max: 4 << 10, ..ParquetSettings::default() };
    let in_groups = ParquetSettings { row_group_rows_max: 1_024, zstd_bytes_min: 0, ..small.clone() };
    for settings in [small, in_groups, ParquetSettings::default()] {
        let encoded = encode_data_file(&events.project(&names).unwrap(), &settings).unwrap();
        let name =
            DataFileName { writer: WRITER, first_lsn: Lsn(0), last_lsn: Lsn(ROWS as u64 - 1), hash: encoded.hash };
        let day = Day::of_us(BASE_US);
        let file = Arc::new(DataFile {
            path: format!("project_id={}/day={day}/{name}", PROJECTS[0]),
            project_id: ProjectId::new(PROJECTS[0]).unwrap(),
            day,
            bytes: encoded.bytes.len() as u64,
            rows: encoded.rows,
            min_timestamp_us: encoded.min_timestamp_us,
            max_timestamp_us: encoded.max_timestamp_us,
            modified_ms: 0,
            origin: Some(name.origin()),
        });
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        block_on(async {
            store.put(&Path::from(file.path.clone()), encoded.bytes.into()).await.unwrap();
            let caches = FileCaches::new(1 << 20, 0);
            let reader = DataReader::new(store, file, &caches).unwrap();
            let mut stats = ScanStats::default();
            let open = Footer::open(&reader, &caches.footers, false, &mut stats).await.unwrap();
            let footer = open.with_pages(&reader, &caches.footers, &mut stats).await.unwrap();
            for (run_max, gap_max) in [(1, 3), (1, 40), (3, 60), (2, 300), (1, 3_000), (400, 400), (6_000, 2), (30, 30)]
            {
                let wanted = selected(&mut chance, run_max, gap_max);
                let expected = take_record_batch(&events, &UInt64Array::from(wanted.clone())).unwrap();
                for is_alone in [false, true] {
                    let found = read_rows(&reader, &footer, &wanted, is_alone, &mut stats).await.unwrap();
                    assert_eq!(found, expected, "runs up to {run_max} rows, gaps up to {gap_max}");
                }
            }
        });
    }
}

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

/// The longest runs and gaps to select. Few rows first: of their pages only parts are unpacked, and whole ones are asked for next.
const RUNS_AND_GAPS: [(u64, u64); 8] =
    [(1, 3_000), (1, 3), (1, 40), (3, 60), (2, 300), (400, 400), (6_000, 2), (30, 30)];

/// A store with these events as a file of its own.
fn stored(events: &RecordBatch, settings: &ParquetSettings) -> (Arc<dyn ObjectStore>, Arc<DataFile>) {
    let names: Vec<usize> =
        file_schema().fields().iter().map(|field| event_schema().index_of(field.name()).unwrap()).collect();
    let encoded = encode_data_file(&events.project(&names).unwrap(), settings).unwrap();
    let name = DataFileName { writer: WRITER, first_lsn: Lsn(0), last_lsn: Lsn(ROWS as u64 - 1), hash: encoded.hash };
    let day = Day::of_us(BASE_US);
    let file = DataFile {
        path: format!("project_id={}/day={day}/{name}", PROJECTS[0]),
        project_id: ProjectId::new(PROJECTS[0]).unwrap(),
        day,
        bytes: encoded.bytes.len() as u64,
        rows: encoded.rows,
        min_timestamp_us: encoded.min_timestamp_us,
        max_timestamp_us: encoded.max_timestamp_us,
        modified_ms: 0,
        origin: Some(name.origin()),
    };
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    block_on(store.put(&Path::from(file.path.clone()), encoded.bytes.into())).unwrap();
    (store, Arc::new(file))
}

#[test]
fn any_rows_are_read_whatever_pages_they_lie_in() {
    let mut chance = StdRng::seed_from_u64(5);
    let events = rows(&mut chance);
    let small = ParquetSettings {
        data_page_rows: 256,
        data_page_bytes_max: 4 << 10,
        short_page_bytes_max: 4 << 10,
        ..ParquetSettings::default()
    };
    let in_groups = ParquetSettings { row_group_rows_max: 1_024, zstd_bytes_min: 0, ..small.clone() };
    for settings in [small, in_groups, ParquetSettings::default()] {
        let (store, file) = stored(&events, &settings);
        block_on(async {
            // No page is kept, a few are, all are: of those that were kept before, and with others pushed out meanwhile.
            for page_bytes_max in [0, 40_000, 64 << 20] {
                let caches = FileCaches::new(1 << 20, 0, page_bytes_max, true);
                let reader = DataReader::new(Arc::clone(&store), Arc::clone(&file), &caches).unwrap();
                let mut stats = ScanStats::default();
                let open = Footer::open(&reader, &caches.footers, false, &mut stats).await.unwrap();
                let footer = open.with_pages(&reader, &caches.footers, &mut stats).await.unwrap();
                for (run_max, gap_max) in RUNS_AND_GAPS {
                    let wanted = selected(&mut chance, run_max, gap_max);
                    let expected = take_record_batch(&events, &UInt64Array::from(wanted.clone())).unwrap();
                    for is_alone in [false, true] {
                        let found = read_rows(&reader, &footer, &wanted, is_alone, &mut stats).await.unwrap();
                        assert_eq!(found, expected, "runs up to {run_max} rows, gaps up to {gap_max}");
                    }
                }
                let pages = caches.page_stats();
                assert!(pages.bytes <= page_bytes_max as u64, "{pages:?}");
                assert_eq!(pages.hits > 0, page_bytes_max > 0, "{pages:?}");
            }
        });
    }
}

#[test]
fn a_page_that_is_kept_is_not_read_again() {
    let mut chance = StdRng::seed_from_u64(6);
    let (store, file) = stored(&rows(&mut chance), &ParquetSettings::default());
    block_on(async {
        let caches = FileCaches::new(1 << 20, 0, 64 << 20, true);
        let reader = DataReader::new(store, file, &caches).unwrap();
        let mut stats = ScanStats::default();
        let open = Footer::open(&reader, &caches.footers, false, &mut stats).await.unwrap();
        let footer = open.with_pages(&reader, &caches.footers, &mut stats).await.unwrap();
        // The last rows of the only pages, so that these are unpacked whole.
        let wanted = [ROWS as u64 - 2, ROWS as u64 - 1];
        let first = read_rows(&reader, &footer, &wanted, false, &mut stats).await.unwrap();
        let requests = stats.requests;
        assert_eq!(read_rows(&reader, &footer, &wanted, false, &mut stats).await.unwrap(), first);
        assert_eq!((stats.requests, caches.page_stats().hits > 20), (requests, true));
    });
}

//! Reads through a cache give what reads without one give, and what was read once is not asked for again.

use annals_table::{DataFile, FileFilter};

use super::*;
use crate::fixture::{TestStore, batch, plain_rows};
use crate::reader::{DataReader, FileCaches, Footer, ScanStats};

/// A store with some files, the largest first: of many blocks, for its payloads hardly compress.
fn store_with_files() -> (TestStore, Vec<Arc<DataFile>>) {
    let store = TestStore::new();
    let mut rows = plain_rows(3_000);
    for (index, row) in rows.iter_mut().enumerate() {
        let noise = |part: u64| (index as u64 * 32 + part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
        row.payload = Some((0..20).map(|part| format!("{:016x}", noise(part).wrapping_mul(noise(part + 7)))).collect());
    }
    store.flush(&batch(&rows), 1);
    let mut files = store.events.snapshot().files(&FileFilter::default());
    files.sort_by_key(|file| std::cmp::Reverse(file.bytes));
    (store, files)
}

fn reader(store: &TestStore, file: &Arc<DataFile>, caches: &FileCaches) -> DataReader {
    DataReader::new(Arc::clone(store.events.object_store()), Arc::clone(file), caches).unwrap()
}

/// Ranges anywhere in a file; the same for equal turns.
fn ranges(file_bytes: u64, turn: u64) -> Vec<Range<u64>> {
    let mixed = |salt: u64| (turn * 8 + salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    (0..1 + turn % 3)
        .map(|part| {
            let start = mixed(part) % file_bytes;
            start..start + mixed(part + 4) % (file_bytes - start + 1)
        })
        .collect()
}

/// What the system has in memory anyway is not kept twice.
#[test]
fn of_local_files_blocks_of_an_index_are_kept_alone() {
    let (store, files) = store_with_files();
    let file = &files[0];
    store.block_on(async {
        let caches = FileCaches::new(1 << 20, 4 << 20, 0, false);
        let reader = reader(&store, file, &caches);
        let mut stats = ScanStats::default();
        let footer = Footer::open(&reader, &caches.footers, false, &mut stats).await.unwrap().footer;
        let asked = [0..100, 50_000..70_000];
        for _ in 0..3 {
            reader.stored.ranges(footer.sums(), &asked, &mut stats).await.unwrap();
        }
        assert_eq!(caches.block_stats().bytes, 0);
        let wanted = reader.stored.ranges_of(BlockOf::Index, footer.sums(), &asked, &mut stats).await.unwrap();
        assert!(caches.block_stats().bytes > 20_000);
        let mut again = ScanStats::default();
        assert_eq!(reader.stored.ranges_of(BlockOf::Index, footer.sums(), &asked, &mut again).await.unwrap(), wanted);
        assert_eq!((again.requests, again.bytes_read), (0, 0));
    });
}

#[test]
fn reads_through_the_cache_are_the_files_bytes_and_are_asked_for_once() {
    let (store, files) = store_with_files();
    let file = &files[0];
    store.block_on(async {
        let (caches, none) = (FileCaches::new(1 << 20, 4 << 20, 0, true), FileCaches::new(1 << 20, 0, 0, true));
        let (cached, plain) = (reader(&store, file, &caches), reader(&store, file, &none));
        let mut stats = ScanStats::default();
        let footer = Footer::open(&plain, &none.footers, false, &mut stats).await.unwrap().footer;
        assert!(footer.sums().is_some(), "a file without sums is not cached");
        for turn in 0..300 {
            let ranges = ranges(file.bytes, turn);
            let wanted = plain.stored.ranges(footer.sums(), &ranges, &mut stats).await.unwrap();
            for time in 0..2 {
                let mut stats = ScanStats::default();
                let found = cached.stored.ranges(footer.sums(), &ranges, &mut stats).await.unwrap();
                assert_eq!(found, wanted, "{ranges:?}");
                assert!(time == 0 || (stats.requests, stats.bytes_read) == (0, 0), "{ranges:?}: {stats:?}");
            }
        }
        assert!(caches.block_stats().hits >= 300 && caches.block_stats().bytes > 0);
        assert_eq!(none.block_stats().bytes, 0);
    });
}

#[test]
fn the_cache_keeps_within_its_bound() {
    let (store, files) = store_with_files();
    let file = &files[0];
    let bytes_max = file.bytes / 2;
    assert!(bytes_max > 2 * BLOCK_BYTES as u64, "{} bytes are too few to fill a cache", file.bytes);
    store.block_on(async {
        let caches = FileCaches::new(1 << 20, bytes_max as usize, 0, true);
        let mut stats = ScanStats::default();
        let reader = reader(&store, file, &caches);
        let footer = Footer::open(&reader, &caches.footers, false, &mut stats).await.unwrap().footer;
        for start in (0..file.bytes).step_by(BLOCK_BYTES) {
            let place = start..start + 1;
            reader.stored.ranges(footer.sums(), std::slice::from_ref(&place), &mut stats).await.unwrap();
            assert!((1..=bytes_max).contains(&caches.block_stats().bytes), "{:?}", caches.block_stats());
        }
    });
}

#[test]
fn blocks_of_one_file_are_never_those_of_another() {
    let cache = BlockCache::new(1 << 20, true);
    let key = |path: &str, start| Place { path: path.into(), start };
    cache.blocks.insert(key("a", 0), Bytes::from_static(b"a0"));
    cache.blocks.insert(key("a", 9), Bytes::from_static(b"a9"));
    for (path, start, held) in [("a", 0, Some("a0")), ("a", 9, Some("a9")), ("b", 0, None), ("a", 1, None)] {
        let found = cache.blocks.get(&PlaceRef { path, start });
        assert_eq!(found.as_deref(), held.map(str::as_bytes), "{path} {start}");
    }
}

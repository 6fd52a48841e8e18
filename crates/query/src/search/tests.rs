//! The scan against an oracle that sorts and filters all rows: random rows, random layouts, random queries, page by page.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use proptest::prelude::*;

use super::*;
use crate::engine::EngineOptions;
use crate::facets::FacetField;
use crate::fixture::{Layout, TestStore, Writer, batch, block_on, ids, name, oracle, plain_rows, queries, rows};
use crate::settings::QuerySettings;

async fn page_of(layout: &Layout, caches: &Arc<FileCaches>, query: &EventQuery, bytes_max: Option<u64>) -> EventPage {
    let (tail, files) = (Arc::clone(&layout.tail), layout.candidates(query));
    let page = PageRequest { bytes_max, ..PageRequest::of(query) };
    search_rows(tail, files.into(), &layout.store, caches, &page, Filter::new(query).unwrap()).await.unwrap()
}

/// All pages of a query, each from the layout whose turn it is.
async fn walk(layouts: &[Layout], query: &EventQuery) -> Vec<String> {
    walk_within(layouts, query, None).await
}

/// As [`walk`], with pages that end at so many bytes.
async fn walk_within(layouts: &[Layout], query: &EventQuery, bytes_max: Option<u64>) -> Vec<String> {
    let caches: Vec<_> = layouts.iter().map(|_| Arc::new(FileCaches::new(20_000, 40_000, 60_000, false))).collect();
    let mut query = query.clone();
    let mut found = Vec::new();
    for turn in 0.. {
        let at = turn % layouts.len();
        let page = page_of(&layouts[at], &caches[at], &query, bytes_max).await;
        assert_eq!(page.events.schema(), event_schema());
        let is_short = page.events.num_rows() < query.limit && page.next.is_some();
        assert!(!is_short || bytes_max.is_some(), "only the last page is short");
        assert!(page.events.num_rows() > 0 || page.next.is_none(), "every page moves on");
        found.extend(ids(&page.events));
        match page.next {
            // Through its text, as a client has it.
            Some(next) => query.after = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pages_equal_the_oracle_wherever_rows_are_stored(
        rows in rows(),
        queries in prop::collection::vec(queries(), 4),
        flushes in 0..4usize,
        foreign: bool,
    ) {
        let writer = if foreign { Writer::Foreign } else { Writer::Ours };
        block_on(async {
            let layout = [Layout::new(&rows, flushes, |index| index % (flushes + 1), writer).await];
            for query in &queries {
                assert_eq!(walk(&layout, query).await, oracle(&rows, query), "{query:?}");
            }
        });
    }

    #[test]
    fn pages_that_end_at_their_bytes_equal_the_oracle(rows in rows(), query in queries(), bytes_max in 1..20_000u64) {
        block_on(async {
            let layouts = [
                Layout::new(&rows, 2, |index| index % 3, Writer::Ours).await,
                Layout::new(&rows, 1, |_| 0, Writer::Ours).await,
            ];
            assert_eq!(walk_within(&layouts, &query, Some(bytes_max)).await, oracle(&rows, &query), "{query:?}");
        });
    }

    #[test]
    fn a_flush_or_compaction_between_pages_loses_and_repeats_nothing(rows in rows(), query in queries()) {
        let query = EventQuery { limit: query.limit.min(5), ..query };
        block_on(async {
            let layouts = [
                Layout::new(&rows, 2, |index| index % 3, Writer::Ours).await,
                Layout::new(&rows, 3, |index| index % 3, Writer::Ours).await,
                Layout::new(&rows, 1, |_| 0, Writer::Ours).await,
            ];
            assert_eq!(walk(&layouts, &query).await, oracle(&rows, &query), "{query:?}");
        });
    }
}

#[test]
fn the_latest_rows_come_from_the_newest_file_alone() {
    let rows = plain_rows(400);
    let query = EventQuery { limit: 5, ..EventQuery::default() };
    block_on(async {
        let layout = Layout::new(&rows, 40, |index| index / 10, Writer::Ours).await;
        let page = page_of(&layout, &Arc::new(FileCaches::new(1 << 20, 0, 0, true)), &query, None).await;
        assert_eq!(ids(&page.events), oracle(&rows, &query)[..5]);
        let cores = std::thread::available_parallelism().unwrap().get() as u64;
        assert!(page.stats.files_opened <= 2 * cores + 2, "{:?}", page.stats);
        assert!(page.stats.rows_decoded <= 6 * (2 * cores + 2), "{:?}", page.stats);
    });
}

#[test]
fn a_trace_is_looked_for_only_where_a_bloom_filter_knows_it() {
    let rows = plain_rows(400);
    let query = EventQuery { trace_ids: vec![name("trace", 33)], ..EventQuery::default() };
    block_on(async {
        let layout = Layout::new(&rows, 40, |index| index / 10, Writer::Ours).await;
        let caches = Arc::new(FileCaches::new(16 << 20, 0, 0, true));
        let page = page_of(&layout, &caches, &query, None).await;
        assert_eq!(ids(&page.events), oracle(&rows, &query));
        assert_eq!(page.stats.files_opened, 40);
        assert!(page.stats.row_groups_read <= 3, "{:?}", page.stats);
        let again = page_of(&layout, &caches, &query, None).await;
        assert_eq!((again.stats.footers_cached, again.events), (40, page.events));
    });
}

#[test]
fn the_metadata_cache_keeps_within_its_bound() {
    let rows = plain_rows(400);
    block_on(async {
        let layout = Layout::new(&rows, 40, |index| index / 10, Writer::Ours).await;
        let caches = Arc::new(FileCaches::new(100_000, 0, 0, true));
        let query = EventQuery { trace_ids: vec![name("trace", 33)], ..EventQuery::default() };
        for _ in 0..3 {
            page_of(&layout, &caches, &query, None).await;
            assert!((1..=100_000).contains(&caches.footers.bytes()), "{}", caches.footers.bytes());
        }
    });
}

#[test]
fn a_damaged_file_is_an_error_and_never_an_answer() {
    let rows = plain_rows(30);
    let query = EventQuery { limit: 100, text: Some("sync".to_owned()), ..EventQuery::default() };
    block_on(async {
        let mut layout = Layout::new(&rows, 1, |_| 0, Writer::Ours).await;
        let path = Path::from(layout.files[0].path.as_str());
        let bytes = layout.store.get(&path).await.unwrap().bytes().await.unwrap();
        for cut in [0, 4, 8, 100, bytes.len() / 2, bytes.len() - 1] {
            layout.store.put(&path, bytes.slice(..cut).into()).await.unwrap();
            let mut file = DataFile::clone(&layout.files[0]);
            file.bytes = cut as u64;
            layout.files[0] = Arc::new(file);
            let (filter, page) = (Filter::new(&query).unwrap(), PageRequest::of(&query));
            let caches = Arc::new(FileCaches::new(0, 0, 0, true));
            let (tail, files) = (Arc::clone(&layout.tail), layout.files.clone());
            let answer = search_rows(tail, files.into(), &layout.store, &caches, &page, filter).await;
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Corrupt, "cut at {cut}");
        }
    });
}

#[test]
fn an_answer_tells_what_it_took() {
    let store = TestStore::new();
    store.flush(&batch(&plain_rows(50)), 1);
    let engine = store.engine();
    let page = store.block_on(engine.search(&EventQuery { limit: 5, ..EventQuery::default() })).unwrap();
    let stats = page.stats;
    assert!(stats.total_ms > 0.0 && stats.plan_ms <= stats.total_ms && stats.scan_ms <= stats.total_ms, "{stats:?}");
    assert_eq!((stats.files_total, stats.files_considered, stats.files_opened), (1, 1, 1));
    assert!(stats.bytes_read > 0 && stats.requests > 0, "{stats:?}");
    let caches = engine.footer_cache_stats();
    assert_eq!((caches.hits, caches.misses), (0, 1));
    assert!(caches.bytes > 0);
}

/// A store with fifty events in each of forty flushes, whose reads are stalled.
fn stalled_store() -> TestStore {
    let store = TestStore::new();
    for flush in 0..40 {
        store.flush(&batch(&plain_rows(50)), 1 + 50 * flush);
    }
    store.stall.begin();
    store
}

#[test]
fn answers_end_at_the_time_limit() {
    let store = stalled_store();
    let settings = QuerySettings { time_ms_max: Some(1), ..QuerySettings::default() };
    let engine = Engine::new(EngineOptions { settings, ..store.options() }).unwrap();
    let trace = TraceQuery { trace_id: name("trace", 3), project: None, from_us: None, until_us: None, limit: 10 };
    let errors = store.block_on(async {
        [
            engine.search(&EventQuery::default()).await.unwrap_err(),
            engine.trace(&trace).await.unwrap_err(),
            engine.event("id-00001", None).await.unwrap_err(),
            engine.histogram(&EventQuery::default(), 60).await.unwrap_err(),
            engine.facets(&EventQuery::default(), &[FacetField::Level], 10).await.unwrap_err(),
        ]
    });
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert!(error.to_string().contains("time_ms_max of 1 ms"), "{error}");
    }
}

#[test]
fn a_dropped_search_opens_no_more_files() {
    let store = stalled_store();
    let engine = store.engine();
    let search = store.runtime.spawn(async move {
        let query = EventQuery { text: Some("no event says this".to_owned()), ..EventQuery::default() };
        engine.search(&query).await
    });
    store.stall.wait_for_open();
    search.abort();
    assert!(store.block_on(search).unwrap_err().is_cancelled());
    let watch = store.stall.watch();
    // Lets the stalled reads go on, then waits for whatever still runs.
    drop(store);
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(watch.opens() <= cores, "{} of forty files were opened", watch.opens());
}

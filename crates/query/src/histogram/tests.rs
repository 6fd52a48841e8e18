//! Choosing buckets by itself, and counts against the plain way, wherever rows are stored.

use annals_event::{DAY_US, Day};
use proptest::prelude::*;

use super::*;
use crate::event_query::EventQuery;
use crate::fixture::{BASE_US, Layout, Row, TestStore, Writer, batch, block_on, matching, plain_rows, queries, rows};

const HOUR_US: i64 = 3_600 * SECOND_US;

fn chosen(range: RangeInclusive<i64>, buckets_max: usize) -> (i64, usize) {
    let buckets = Buckets::choose(&range, buckets_max);
    (buckets.width_us / SECOND_US, buckets.count)
}

#[test]
fn the_narrowest_nice_width_that_fits_is_chosen() {
    let base = BASE_US;
    assert_eq!(chosen(base..=base, 60), (1, 1));
    assert_eq!(chosen(base..=base + 60 * SECOND_US - 1, 60), (1, 60));
    assert_eq!(chosen(base..=base + 60 * SECOND_US, 60), (2, 31));
    assert_eq!(chosen(base..=base + HOUR_US - 1, 60), (60, 60));
    assert_eq!(chosen(base..=base + DAY_US - 1, 60), (1_800, 48));
    assert_eq!(chosen(base..=base + DAY_US - 1, 24), (3_600, 24));
    assert_eq!(chosen(base..=base + DAY_US - 1, 23), (3 * 3_600, 8));
    assert_eq!(chosen(base + 1..=base + DAY_US, 24), (3 * 3_600, 9), "alignment may need one more");
    assert_eq!(chosen(0..=2 * 365 * DAY_US - 1, 2), (365 * DAY_S, 2));
    assert_eq!(chosen(0..=2 * 365 * DAY_US - 1, 1), (2 * 365 * DAY_S, 1));
}

#[test]
fn any_range_is_covered_however_few_buckets_there_may_be() {
    for range in [i64::MIN..=i64::MAX, i64::MIN..=i64::MIN, i64::MAX..=i64::MAX, -1..=0] {
        for buckets_max in [1, 2, 1_000] {
            let buckets = Buckets::choose(&range, buckets_max);
            assert!(buckets.count <= buckets_max.max(4), "{range:?} in {buckets_max}");
            assert_eq!(buckets.of(*range.start()), Some(0));
            assert_eq!(buckets.of(*range.end()), Some(buckets.count - 1));
        }
    }
}

proptest! {
    #[test]
    fn buckets_cover_the_range_and_no_more(start in -1i64 << 60..1 << 60, length in 0i64..1 << 60, buckets_max in 2..500usize) {
        let range = start..=start + length;
        let buckets = Buckets::choose(&range, buckets_max);
        prop_assert!(buckets.count <= buckets_max);
        prop_assert_eq!(buckets.of(*range.start()), Some(0));
        prop_assert_eq!(buckets.of(*range.end()), Some(buckets.count - 1));
        prop_assert_eq!(buckets.of(buckets.first * buckets.width_us - 1), None);
        prop_assert_eq!(buckets.of((buckets.first + buckets.count as i64) * buckets.width_us), None);
    }
}

/// Compares a histogram with the rows that match.
fn check(histogram: &Histogram, rows: &[Row], query: &EventQuery, buckets_max: usize) {
    let Histogram { bucket_us, from_us, until_us, buckets, .. } = histogram;
    let matching = matching(rows, query);
    assert!(buckets.len() <= buckets_max);
    for (bucket, number) in buckets.iter().zip(0..) {
        assert_eq!(bucket.start_us, buckets[0].start_us + number * bucket_us);
        assert_eq!(bucket.start_us % bucket_us, 0);
        let within = |row: &&&Row| (bucket.start_us..bucket.start_us + bucket_us).contains(&row.timestamp);
        for (level, count) in Level::ALL.into_iter().zip(bucket.counts) {
            let expected = matching.iter().filter(within).filter(|row| row.level == level).count();
            assert_eq!(count, expected as u64, "{level:?} at {} of {query:?}", bucket.start_us);
        }
        assert_eq!(bucket.total, bucket.counts.iter().sum::<u64>());
    }
    assert_eq!(buckets.iter().map(|bucket| bucket.total).sum::<u64>(), matching.len() as u64, "{query:?}");
    if let (Some(first), Some(last)) = (buckets.first(), buckets.last()) {
        assert!((first.start_us..first.start_us + bucket_us).contains(from_us));
        assert!((last.start_us..last.start_us + bucket_us).contains(&(until_us - 1)));
        assert!(query.from_us.is_none_or(|asked| asked == *from_us));
        assert!(query.until_us.is_none_or(|asked| asked == *until_us));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn counts_equal_the_oracle_wherever_rows_are_stored(
        rows in rows(),
        queries in prop::collection::vec(queries(), 4),
        flushes in 0..4usize,
        foreign: bool,
        buckets_max in 1..100usize,
    ) {
        let writer = if foreign { Writer::Foreign } else { Writer::Ours };
        block_on(async {
            let layout = Layout::new(&rows, flushes, |index| index % (flushes + 1), writer).await;
            for query in &queries {
                let histogram = count(&layout.tally_scan(query), buckets_max).await.unwrap();
                check(&histogram, &rows, query, buckets_max);
            }
        });
    }
}

#[test]
fn files_without_statistics_are_placed_by_their_day_or_by_their_rows() {
    let rows = plain_rows(30);
    let query = EventQuery::default();
    block_on(async {
        let mut layout = Layout::new(&rows, 2, |index| index % 2, Writer::Ours).await;
        for (file, days_off) in layout.files.iter_mut().zip([0, 400]) {
            let mut unknown = DataFile::clone(file);
            (unknown.min_timestamp_us, unknown.max_timestamp_us) = (i64::MIN, i64::MAX);
            unknown.day = Day::from_days(unknown.day.days() + days_off);
            *file = Arc::new(unknown);
        }
        let histogram = count(&layout.tally_scan(&query), 100).await.unwrap();
        check(&histogram, &rows, &query, 100);
        layout.files.remove(0);
        let alone = count(&layout.tally_scan(&query), 100).await.unwrap();
        assert_eq!(alone.buckets.iter().map(|bucket| bucket.total).sum::<u64>(), 15);
    });
}

#[test]
fn an_engine_answers_over_files_and_refuses_what_is_out_of_bounds() {
    let store = TestStore::new();
    store.flush(&batch(&plain_rows(100)), 1);
    let engine = store.engine();
    let query = EventQuery { limit: 0, ..EventQuery::default() };
    let histogram = store.block_on(engine.histogram(&query, 10)).unwrap();
    assert_eq!((histogram.bucket_us, histogram.buckets.len()), (10 * SECOND_US, 10));
    assert_eq!(histogram.buckets[3].counts, [0, 9, 0, 1]);
    assert_eq!((histogram.from_us, histogram.stats.files_opened), (BASE_US, 1));
    assert!(histogram.stats.total_ms > 0.0);

    let bounded = EventQuery { from_us: Some(0), until_us: Some(HOUR_US), ..EventQuery::default() };
    let empty = store.block_on(engine.histogram(&bounded, 60)).unwrap();
    assert_eq!((empty.buckets.len(), empty.buckets[59].total, empty.until_us), (60, 0, HOUR_US));
    let later = EventQuery { from_us: Some(BASE_US + DAY_US), ..EventQuery::default() };
    let nothing = store.block_on(engine.histogram(&later, 60)).unwrap();
    assert_eq!((nothing.buckets.len(), nothing.from_us, nothing.until_us), (0, BASE_US + DAY_US, BASE_US + DAY_US));

    for buckets_max in [0, HISTOGRAM_BUCKETS_MAX + 1] {
        let message = store.block_on(engine.histogram(&EventQuery::default(), buckets_max)).unwrap_err().to_string();
        assert!(message.contains("buckets_max"), "{message}");
    }
}

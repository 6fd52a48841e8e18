//! Values and their counts against the plain way, wherever rows are stored; the bounds that are kept.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::engine::EngineOptions;
use crate::error::ErrorKind;
use crate::fixture::{
    KINDS, Layout, PROJECTS, Row, TestStore, Writer, batch, block_on, matching, name, plain_rows, queries, rows,
};
use crate::settings::QuerySettings;

/// Values of a field in the order in which a facet lists them.
fn oracle(rows: &[&Row], field: FacetField) -> Vec<FacetValue> {
    let value = |row: &&Row| match field {
        FacetField::Level => Some(row.level.as_str().to_owned()),
        FacetField::Type => Some(KINDS[row.kind].to_owned()),
        FacetField::User => row.user.map(|user| name("user", user)),
        FacetField::Trace => row.trace.map(|trace| name("trace", trace)),
        FacetField::Project => Some(PROJECTS[row.project].to_owned()),
        _ => None,
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    rows.iter().filter_map(value).for_each(|value| *counts.entry(value).or_default() += 1);
    let mut values: Vec<_> = counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    // Stable, so equally frequent ones stay in their order.
    values.sort_by_key(|value| std::cmp::Reverse(value.count));
    values
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn values_equal_the_oracle_wherever_rows_are_stored(
        rows in rows(),
        queries in prop::collection::vec(queries(), 4),
        flushes in 0..4usize,
        foreign: bool,
        values_max in 1..8usize,
    ) {
        let writer = if foreign { Writer::Foreign } else { Writer::Ours };
        block_on(async {
            let layout = Layout::new(&rows, flushes, |index| index % (flushes + 1), writer).await;
            for query in &queries {
                let mut stats = ScanStats::default();
                let counts = ValueCounts::new(FacetField::ALL.into(), None);
                let counts = layout.tally_scan(query).count(counts, &mut stats).await.unwrap();
                let matching = matching(&rows, query);
                for facet in counts.into_facets(values_max) {
                    let mut expected = oracle(&matching, facet.field);
                    assert_eq!(facet.distinct, expected.len() as u64, "{} of {query:?}", facet.field);
                    expected.truncate(values_max);
                    assert_eq!(facet.values, expected, "{} of {query:?}", facet.field);
                }
            }
        });
    }
}

#[test]
fn fields_are_named_as_the_filters_are() {
    for field in FacetField::ALL {
        assert_eq!(field.to_string().parse::<FacetField>().unwrap(), field);
    }
    let message = "lvl".parse::<FacetField>().unwrap_err().to_string();
    assert!(message.contains("\"lvl\"") && message.contains("level, type, integration"), "{message}");
}

#[test]
fn an_engine_answers_over_files_and_refuses_what_is_out_of_bounds() {
    let store = TestStore::new();
    store.flush(&batch(&plain_rows(100)), 1);
    let engine = store.engine();
    let all = EventQuery { limit: 0, ..EventQuery::default() };
    let facets = |query, fields: &[FacetField], values_max| store.block_on(engine.facets(query, fields, values_max));
    let answer = facets(&all, &[FacetField::Level, FacetField::Trace], 2).unwrap();
    let values = |facet: &Facet| facet.values.iter().map(|v| (v.value.clone(), v.count)).collect::<Vec<_>>();
    assert_eq!(values(&answer.facets[0]), [("INFO".to_owned(), 90), ("ERROR".to_owned(), 10)]);
    assert_eq!(values(&answer.facets[1]), [("trace-0".to_owned(), 5), ("trace-1".to_owned(), 5)]);
    assert_eq!(answer.facets[1].distinct, 20);
    assert_eq!((answer.stats.files_total, answer.stats.rows_decoded), (1, 100));

    let refusal = |fields: &[FacetField], values_max| facets(&all, fields, values_max).unwrap_err().to_string();
    assert!(refusal(&[], 1).contains("0 fields"));
    assert!(refusal(&[FacetField::Level], 0).contains("values_max is 0"));
}

#[test]
fn too_many_distinct_values_are_refused_by_the_name_of_the_limit() {
    // The least memory there may be, and ids of more than that.
    let settings = QuerySettings { memory_bytes_max: 16 << 20, ..QuerySettings::default() };
    let store = TestStore::new();
    let mut rows = plain_rows(18);
    for (row, number) in rows.iter_mut().zip(0..) {
        row.message = "m".to_owned();
        row.trace = Some(number);
    }
    let mut events = batch(&rows);
    let long = StringViewArray::from_iter_values((0..18).map(|number| format!("{number}{}", "x".repeat(1 << 20))));
    let at = events.schema().index_of(columns::END_USER_ID).unwrap();
    let mut arrays = events.columns().to_vec();
    arrays[at] = Arc::new(long);
    events = RecordBatch::try_new(events.schema(), arrays).unwrap();
    store.flush(&events, 1);
    let engine = Engine::new(EngineOptions { settings, ..store.options() }).unwrap();
    let query = EventQuery::default();
    let error = store.block_on(engine.facets(&query, &[FacetField::User], 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(error.to_string().contains("memory_bytes_max"), "{error}");
    assert!(store.block_on(engine.facets(&query, &[FacetField::Trace], 1)).is_ok(), "what was taken is given back");
}

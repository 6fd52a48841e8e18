use std::sync::Arc;

use annals_event::{Day, ProjectId, event_schema};
use annals_table::{FileOrigin, Lsn, WriterId};
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
    new_null_array,
};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{cast, col, lit};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::*;

/// The columns that bounds are about, and one that looks like them.
#[derive(Clone, Debug)]
struct Row {
    project: usize,
    timestamp_us: i64,
    received_at_us: i64,
    seq: i64,
}

const PROJECTS: [&str; 3] = ["acme", "beta", "zeta"];
const NOON_US: i64 = 20_604 * DAY_US + DAY_US / 2;

fn us(at: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())))
}

fn date(day: i64) -> Expr {
    lit(ScalarValue::Date32(Some(i32::try_from(day).unwrap())))
}

fn file_of(rows: &[Row]) -> DataFile {
    let of = |value: fn(&Row) -> i64| rows.iter().map(value);
    let lsn = |lsn: i64| Lsn(u64::try_from(lsn).unwrap());
    DataFile {
        path: "any".into(),
        project_id: ProjectId::new(PROJECTS[rows[0].project]).unwrap(),
        day: Day::of_us(rows[0].timestamp_us),
        bytes: 1,
        rows: rows.len() as u64,
        min_timestamp_us: of(|row| row.timestamp_us).min().unwrap(),
        max_timestamp_us: of(|row| row.timestamp_us).max().unwrap(),
        modified_ms: 0,
        origin: Some(FileOrigin {
            writer: WriterId(1),
            first_lsn: lsn(of(|row| row.seq).min().unwrap()),
            last_lsn: lsn(of(|row| row.seq).max().unwrap()),
        }),
    }
}

fn batch_of(rows: &[Row]) -> RecordBatch {
    let times = |value: fn(&Row) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(value)).with_timezone("UTC"))
    };
    let schema = event_schema();
    let arrays = schema.fields().iter().map(|field| match field.name().as_str() {
        columns::TIMESTAMP => times(|row| row.timestamp_us),
        columns::RECEIVED_AT => times(|row| row.received_at_us),
        columns::SEQ => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.seq))),
        columns::DAY => {
            Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| Day::of_us(row.timestamp_us).days())))
        }
        columns::PROJECT_ID => {
            Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| PROJECTS[row.project])))
        }
        _ => new_null_array(field.data_type(), rows.len()),
    });
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}

/// Which rows match, as DataFusion itself evaluates the expression.
fn matching(expr: &Expr, batch: &RecordBatch) -> Vec<bool> {
    let schema = DFSchema::try_from(event_schema()).unwrap();
    let physical = SessionContext::new().create_physical_expr(expr.clone(), &schema).unwrap();
    let result = physical.evaluate(batch).unwrap().into_array(batch.num_rows()).unwrap();
    let result = result.as_boolean();
    (0..result.len()).map(|row| result.is_valid(row) && result.value(row)).collect()
}

/// A few days around [`NOON_US`], often at the edges of days and seconds.
fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![
        (-3..3_i64).prop_map(|day| (20_604 + day) * DAY_US),
        (-3..3_i64).prop_map(|day| (20_604 + day) * DAY_US - 1),
        (-3 * DAY_US..3 * DAY_US).prop_map(|offset| NOON_US + offset),
        (-5..5_i64).prop_map(|second| NOON_US + second * 1_000_000),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    (0..PROJECTS.len(), any_time(), any_time(), 1..40_i64)
        .prop_map(|(project, timestamp_us, received_at_us, seq)| Row { project, timestamp_us, received_at_us, seq })
}

fn any_operator() -> impl Strategy<Value = Operator> {
    prop_oneof![
        Just(Operator::Eq),
        Just(Operator::NotEq),
        Just(Operator::Lt),
        Just(Operator::LtEq),
        Just(Operator::Gt),
        Just(Operator::GtEq),
    ]
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) })
}

fn any_comparison() -> impl Strategy<Value = Expr> {
    let nanos = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let seconds = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    prop_oneof![
        (any_operator(), any_time()).prop_map(|(op, at)| binary(col("timestamp"), op, us(at))),
        (any_operator(), any_time()).prop_map(|(op, at)| binary(us(at), op, col("timestamp"))),
        (any_operator(), any_time()).prop_map(|(op, at)| binary(col("received_at"), op, us(at))),
        (any_operator(), any_time(), 0..1_000_i64).prop_map(move |(op, at, ns)| {
            let literal = ScalarValue::TimestampNanosecond(Some(at * 1_000 + ns), Some("UTC".into()));
            binary(cast(col("timestamp"), nanos.clone()), op, lit(literal))
        }),
        (any_operator(), any_time()).prop_map(move |(op, at)| {
            let literal = ScalarValue::TimestampSecond(Some(at.div_euclid(1_000_000)), Some("UTC".into()));
            binary(cast(col("timestamp"), seconds.clone()), op, lit(literal))
        }),
        (any_operator(), 20_600..20_608_i64).prop_map(|(op, day)| binary(
            cast(col("timestamp"), DataType::Date32),
            op,
            date(day)
        )),
        (any_operator(), 20_600..20_608_i64).prop_map(|(op, day)| binary(col("day"), op, date(day))),
        (any_operator(), 0..PROJECTS.len()).prop_map(|(op, at)| binary(
            col("project_id"),
            op,
            lit(ScalarValue::Utf8View(Some(PROJECTS[at].into())))
        )),
        (any_operator(), 1..40_i64).prop_map(|(op, seq)| binary(col("seq"), op, lit(seq))),
        (any::<bool>(), any_time(), any_time()).prop_map(|(negated, low, high)| {
            let between = Between::new(Box::new(col("timestamp")), negated, Box::new(us(low)), Box::new(us(high)));
            Expr::Between(between)
        }),
        (any::<bool>(), prop::collection::vec(0..PROJECTS.len(), 1..3)).prop_map(|(negated, of)| {
            let list = of.into_iter().map(|at| lit(ScalarValue::Utf8View(Some(PROJECTS[at].into())))).collect();
            col("project_id").in_list(list, negated)
        }),
        (any::<bool>(), prop::collection::vec(20_600..20_608_i64, 1..3))
            .prop_map(|(negated, days)| col("day").in_list(days.into_iter().map(date).collect(), negated)),
    ]
}

fn any_predicate() -> impl Strategy<Value = Expr> {
    any_comparison().prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.and(right)),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.or(right)),
            inner.prop_map(|expr| !expr),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Pruned and unpruned give the same rows: a file with a matching row is always admitted.
    #[test]
    fn a_file_with_a_matching_row_is_admitted(rows in prop::collection::vec(any_row(), 1..30), predicate in any_predicate()) {
        let bounds = Bounds::of([&predicate]);
        let mut files: std::collections::BTreeMap<_, Vec<Row>> = std::collections::BTreeMap::new();
        for row in rows {
            files.entry((row.project, Day::of_us(row.timestamp_us))).or_default().push(row);
        }
        for rows in files.values() {
            let matches = matching(&predicate, &batch_of(rows));
            let admitted = bounds.admits(&file_of(rows)) && !bounds.is_empty();
            if matches.contains(&true) {
                prop_assert!(admitted, "{predicate} loses {rows:?} by {bounds:?}");
            }
            if is_answered_by_partitions(&predicate) && admitted {
                prop_assert!(!matches.contains(&false), "{predicate} is not answered for {rows:?}");
            }
        }
    }
}

#[test]
fn a_predicate_on_received_at_bounds_nothing() {
    assert_eq!(Bounds::of([&col("received_at").gt(us(NOON_US))]), Bounds::ALL);
    assert_eq!(Bounds::of([&col("received_at").eq(col("timestamp"))]), Bounds::ALL);
}

#[test]
fn a_range_of_timestamps_becomes_its_exact_bounds() {
    let day = 20_604;
    let filter = col("timestamp").gt_eq(us(day * DAY_US)).and(col("timestamp").lt(us((day + 1) * DAY_US)));
    assert_eq!(Bounds::of([&filter]).time_us, Span { min: day * DAY_US, max: (day + 1) * DAY_US - 1 });
    let same = binary(cast(col("timestamp"), DataType::Date32), Operator::Eq, date(day));
    assert_eq!(Bounds::of([&same]).time_us, Bounds::of([&filter]).time_us);
}

#[test]
fn projects_of_a_list_and_of_alternatives_are_joined() {
    let text = |id: &str| lit(ScalarValue::Utf8View(Some(id.into())));
    let expected = Some(BTreeSet::from(["acme".to_owned(), "beta".to_owned()]));
    let list = col("project_id").in_list(vec![text("acme"), text("beta")], false);
    let either = col("project_id").eq(text("acme")).or(col("project_id").eq(text("beta")));
    assert_eq!(Bounds::of([&list]).projects, expected);
    assert_eq!(Bounds::of([&either]).projects, expected);
    assert_eq!(Bounds::of([&either.or(col("level").eq(text("ERROR")))]).projects, None);
}

#[test]
fn contradictions_leave_no_file() {
    let text = |id: &str| lit(ScalarValue::Utf8View(Some(id.into())));
    let both = [col("project_id").eq(text("acme")), col("project_id").eq(text("beta"))];
    assert!(Bounds::of(&both).is_empty());
}

#[test]
fn only_conjunctions_on_bare_partition_columns_are_answered_by_partitions() {
    let text = lit(ScalarValue::Utf8View(Some("acme".into())));
    let project = col("project_id").eq(text.clone());
    assert!(is_answered_by_partitions(&project.clone().and(col("day").gt(date(20_604)))));
    assert!(is_answered_by_partitions(&project.clone().or(col("project_id").eq(text.clone()))));
    assert!(!is_answered_by_partitions(&project.clone().or(col("day").gt(date(20_604)))));
    assert!(!is_answered_by_partitions(&!project));
    assert!(!is_answered_by_partitions(&col("project_id").gt(text)));
    assert!(!is_answered_by_partitions(&col("day").in_list(vec![date(1), date(3)], false)));
    assert!(!is_answered_by_partitions(&col("timestamp").gt(us(NOON_US))));
}

//! How far an answer runs ahead of its reader, and what it does without one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use super::*;

/// Rows of a batch that comes to some 10 KiB of JSON.
const BATCH_ROWS: i64 = 1_000;

fn batch() -> RecordBatch {
    let numbers: ArrayRef = std::sync::Arc::new(Int64Array::from_iter_values(0..BATCH_ROWS));
    RecordBatch::try_from_iter([("n", numbers)]).unwrap()
}

/// `batches` batches in a format, each counted in `pulled` when it is asked for.
async fn rows(format: ResultFormat, batches: usize, pulled: &'static AtomicUsize) -> Rows {
    let stream = futures::stream::iter(0..batches).map(|_| {
        pulled.fetch_add(1, Ordering::Relaxed);
        Ok(batch())
    });
    Rows {
        format,
        shape: RowShape::Columns,
        schema: batch().schema(),
        batches: stream.boxed(),
        before: "{\"rows\":".to_owned(),
        after: ",".to_owned(),
        stats: Stats::Known(ScanStats::default()),
        permit: std::sync::Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap(),
    }
}

#[tokio::test]
async fn an_answer_runs_only_a_little_ahead_of_its_reader() {
    static PULLED: AtomicUsize = AtomicUsize::new(0);
    let response = rows(ResultFormat::Json, 400, &PULLED).await.respond().await.unwrap();
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let pulled = PULLED.load(Ordering::Relaxed);
    assert!(pulled < 100, "{pulled} batches are encoded and nobody has read one");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["rows"].as_array().unwrap().len(), 400 * BATCH_ROWS as usize);
    assert_eq!(body["stats"]["requests"], 0);
}

#[tokio::test]
async fn an_answer_that_fits_is_sent_whole() {
    static PULLED: AtomicUsize = AtomicUsize::new(0);
    let response = rows(ResultFormat::Csv, 2, &PULLED).await.respond().await.unwrap();
    assert_eq!(response.headers().get(TRAILER), None);
    assert!(response.headers().contains_key(STATS));
    let body = response.into_body();
    let bytes = axum::body::HttpBody::size_hint(&body).exact().unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes().len() as u64, bytes);
}

#[tokio::test]
async fn stats_that_are_known_need_no_trailer() {
    static PULLED: AtomicUsize = AtomicUsize::new(0);
    let response = rows(ResultFormat::Ndjson, 100, &PULLED).await.respond().await.unwrap();
    assert_eq!(response.headers().get(TRAILER), None);
    assert!(response.headers().contains_key(STATS));
    let collected = response.into_body().collect().await.unwrap();
    assert!(collected.trailers().is_none());
    let lines = collected.to_bytes().iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, 100 * BATCH_ROWS as usize);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_given_up() {
    static PULLED: AtomicUsize = AtomicUsize::new(0);
    let rows = rows(ResultFormat::Ndjson, 10_000, &PULLED).await;
    let places = std::sync::Arc::clone(rows.permit.semaphore());
    let encoding = Encoding::new(rows).unwrap();
    let body = AnswerBody::start_with(encoding, false, Duration::from_millis(1));
    // The query's place is free again although the body is still there.
    let place = tokio::time::timeout(Duration::from_secs(20), places.acquire()).await.unwrap();
    assert!(place.is_ok());
    let error = Body::new(body).collect().await.unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
}

#[tokio::test]
async fn what_a_format_cannot_hold_is_422() {
    let views = arrow::array::UnionArray::try_new(
        arrow::datatypes::UnionFields::try_new(
            [0],
            [arrow::datatypes::Field::new("a", arrow::datatypes::DataType::Int64, true)],
        )
        .unwrap(),
        vec![0].into(),
        None,
        vec![std::sync::Arc::new(Int64Array::from(vec![1]))],
    )
    .unwrap();
    let union: ArrayRef = std::sync::Arc::new(views);
    let batch = RecordBatch::try_from_iter([("u", union)]).unwrap();
    let rows = Rows {
        format: ResultFormat::Csv,
        shape: RowShape::Columns,
        schema: batch.schema(),
        batches: futures::stream::iter([Ok(batch)]).boxed(),
        before: String::new(),
        after: String::new(),
        stats: Stats::Known(ScanStats::default()),
        permit: std::sync::Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap(),
    };
    let problem = rows.respond().await.unwrap_err();
    assert_eq!(problem.status(), 422);
    assert!(problem.detail().contains("cast the column"), "{problem:?}");
}

//! [`BatchBuilder`]: rows to the Arrow columns of [`event_schema`](crate::event_schema).

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringViewBuilder, TimestampMicrosecondArray};

use crate::day::Day;
use crate::member::{ATTRIBUTES, PROJECT_ID};
use crate::row::Row;
use crate::schema::{TEXT_COLUMNS, columns, event_schema};

/// Collects rows that one request brought, all received at the same time.
pub(crate) struct BatchBuilder {
    text: [StringViewBuilder; TEXT_COLUMNS.len()],
    timestamps: Vec<i64>,
}

impl BatchBuilder {
    /// A builder with room for `rows`.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            text: std::array::from_fn(|_| StringViewBuilder::with_capacity(rows)),
            timestamps: Vec::with_capacity(rows),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.timestamps.len()
    }

    pub(crate) fn push(&mut self, row: &Row<'_>) {
        for (column, value) in self.text[..ATTRIBUTES].iter_mut().zip(&row.text) {
            match value {
                Some(value) => column.append_value(value),
                None => column.append_null(),
            }
        }
        self.text[ATTRIBUTES].append_option(row.attributes);
        self.text[PROJECT_ID].append_option(row.text[PROJECT_ID].as_deref());
        self.timestamps.push(row.timestamp_us);
    }

    /// The batch: `received_at` as given in every row, `seq` null, `day` from the timestamps.
    pub(crate) fn finish(mut self, received_at_us: i64) -> RecordBatch {
        let rows = self.timestamps.len();
        let days = Date32Array::from_iter_values(self.timestamps.iter().map(|us| Day::of_us(*us).days()));
        let mut all: Vec<ArrayRef> = Vec::with_capacity(TEXT_COLUMNS.len() + 4);
        let mut text = self.text.iter_mut();
        let mut timestamps = Some(self.timestamps);
        for field in event_schema().fields() {
            all.push(match field.name().as_str() {
                columns::TIMESTAMP => {
                    let times = timestamps.take().expect("the schema has one timestamp");
                    Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))
                }
                columns::RECEIVED_AT => {
                    Arc::new(TimestampMicrosecondArray::from_value(received_at_us, rows).with_timezone("UTC"))
                }
                columns::SEQ => Arc::new(Int64Array::new_null(rows)),
                columns::DAY => Arc::new(days.clone()),
                // The other columns are the text columns, in their order.
                _ => Arc::new(text.next().expect("the schema has as many text columns").finish()),
            });
        }
        RecordBatch::try_new(event_schema(), all).expect("columns have the schema's types and one length")
    }
}

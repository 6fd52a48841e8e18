//! The plan of a flush: which rows go into which partition, in which order. Pure.

use std::collections::HashMap;

use annals_event::{Day, ProjectId, columns};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};

use crate::error::Result;

/// One data file to be.
#[derive(Debug)]
pub(crate) struct Partition {
    pub project_id: ProjectId,
    pub day: Day,
    /// (batch, row) of each row, by timestamp, then LSN.
    pub rows: Vec<(u32, u32)>,
}

/// Sorts all rows by (project, day, timestamp, LSN). `batches` are in LSN order, checked at append.
///
/// Partitions come ordered by project, then day.
pub(crate) fn plan(batches: &[RecordBatch]) -> Result<Vec<Partition>> {
    let rows_all: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut numbers: HashMap<(&str, i32), u32> = HashMap::new();
    // (partition, timestamp, position in LSN order) in one integer: one comparison a step.
    let mut keys: Vec<u128> = Vec::with_capacity(rows_all);
    let mut places: Vec<(u32, u32)> = Vec::with_capacity(rows_all);
    for (at, batch) in batches.iter().enumerate() {
        let projects = batch[columns::PROJECT_ID].as_string_view();
        let days = batch[columns::DAY].as_primitive::<Date32Type>().values();
        let times = batch[columns::TIMESTAMP].as_primitive::<TimestampMicrosecondType>().values();
        for row in 0..projects.len() {
            let next = numbers.len() as u32;
            let partition = *numbers.entry((projects.value(row), days[row])).or_insert(next);
            let time = (times[row] as u64) ^ (1 << 63);
            keys.push(u128::from(partition) << 96 | u128::from(time) << 32 | places.len() as u128);
            places.push((at as u32, row as u32));
        }
    }
    keys.sort_unstable();
    let mut named: Vec<(&str, i32)> = vec![("", 0); numbers.len()];
    for (name, number) in numbers {
        named[number as usize] = name;
    }
    let mut partitions = Vec::with_capacity(named.len());
    for group in keys.chunk_by(|a, b| a >> 96 == b >> 96) {
        let (project, day) = named[(group[0] >> 96) as usize];
        let rows = group.iter().map(|key| places[*key as u32 as usize]).collect();
        partitions.push(Partition { project_id: ProjectId::new(project)?, day: Day::from_days(day), rows });
    }
    partitions.sort_unstable_by(|a, b| (&a.project_id, a.day).cmp(&(&b.project_id, b.day)));
    Ok(partitions)
}

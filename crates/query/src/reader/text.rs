//! Which of some rows hold the text that is searched for.

use std::sync::Arc;

use arrow::buffer::BooleanBuffer;

use crate::error::Result;
use crate::filter::{Filter, SEARCHED_COLUMNS};
use crate::reader::data_reader::{DataReader, RowRequest, Rows};
use crate::reader::footer::Footer;
use crate::reader::scan_stats::ScanStats;
use crate::reader::window::{on_cpu, runs};

/// Rows of text that are decoded before they are searched and let go.
const BATCH_ROWS: usize = 1 << 10;

/// For each of these rows of a row group (ascending, none twice), whether it holds the filter's text; without a text none
/// does. Messages are read of all of them, the longer texts only of the rows whose message does not hold it.
pub(crate) async fn find_text(
    reader: &DataReader,
    footer: &Footer,
    filter: &Arc<Filter>,
    row_group: usize,
    rows: &[usize],
    stats: &mut ScanStats,
) -> Result<Vec<bool>> {
    let mut found = vec![false; rows.len()];
    for searched in [&SEARCHED_COLUMNS[..1], &SEARCHED_COLUMNS[1..]] {
        let open: Vec<usize> = (0..rows.len()).filter(|index| !found[*index]).collect();
        if open.is_empty() {
            break;
        }
        let ranges = runs(open.iter().map(|index| rows[*index]));
        let request = RowRequest { row_group, ranges, columns: searched, batch_rows: BATCH_ROWS };
        let batches = reader.rows(footer, request, stats).await?;
        let filter = Arc::clone(filter);
        let hits = on_cpu(move || search_batches(batches, &filter, searched)).await?;
        // A file without the searched columns may answer with no batches at all.
        for (index, hit) in open.into_iter().zip(hits) {
            found[index] = hit;
        }
    }
    Ok(found)
}

fn search_batches(batches: Rows, filter: &Filter, searched: &[&str]) -> Result<Vec<bool>> {
    let mut hits = Vec::new();
    let Some(needle) = &filter.text else { return Ok(hits) };
    for batch in batches {
        let batch = batch?;
        let mut found = BooleanBuffer::new_unset(batch.num_rows());
        for column in searched {
            if let Some(array) = batch.column_by_name(column) {
                found = &found | &needle.rows(array, &!&found)?;
            }
        }
        hits.extend(found.iter());
    }
    Ok(hits)
}

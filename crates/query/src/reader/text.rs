//! Which of some rows hold the text that is searched for.

use std::sync::Arc;

use arrow::buffer::BooleanBuffer;

use crate::error::Result;
use crate::filter::{Filter, SEARCHED_COLUMNS};
use crate::reader::data_reader::{DataReader, RowRequest, Rows};
use crate::reader::footer::Footer;
use crate::reader::scan_stats::ScanStats;
use crate::reader::window::{on_cpu, runs};
use crate::text_query::{Found, TextQuery};

/// Rows of text that are decoded before they are searched and let go.
const BATCH_ROWS: usize = 1 << 10;

/// For each of these rows of a row group (ascending, none twice), whether it holds the filter's text; without a text none
/// does. Messages are read of all of them, the longer texts only of the rows whose message does not hold all of it.
pub(crate) async fn find_text(
    reader: &DataReader,
    footer: &Footer,
    filter: &Arc<Filter>,
    row_group: usize,
    rows: &[usize],
    stats: &mut ScanStats,
) -> Result<Vec<bool>> {
    let Some(all) = filter.text.as_ref().map(TextQuery::all) else { return Ok(vec![false; rows.len()]) };
    let mut found: Vec<Found> = vec![0; rows.len()];
    for searched in [&SEARCHED_COLUMNS[..1], &SEARCHED_COLUMNS[1..]] {
        let open: Vec<usize> = (0..rows.len()).filter(|index| found[*index] != all).collect();
        if open.is_empty() {
            break;
        }
        let ranges = runs(open.iter().map(|index| rows[*index]));
        let request = RowRequest { row_group, ranges, columns: searched, batch_rows: BATCH_ROWS };
        let batches = reader.rows(footer, request, stats).await?;
        let filter = Arc::clone(filter);
        let before = open.iter().map(|index| found[*index]).collect();
        let after = on_cpu(move || search_batches(batches, &filter, searched, before)).await?;
        for (index, after) in open.into_iter().zip(after) {
            found[index] = after;
        }
    }
    Ok(found.into_iter().map(|found| found == all).collect())
}

/// Adds what stands in these columns to what was found of each row before. A file without them answers with no batches at all.
fn search_batches(batches: Rows, filter: &Filter, searched: &[&str], mut found: Vec<Found>) -> Result<Vec<Found>> {
    let Some(text) = &filter.text else { return Ok(found) };
    let mut start = 0;
    for batch in batches {
        let batch = batch?;
        let end = start + batch.num_rows();
        let Some(found) = found.get_mut(start..end) else { break };
        let rows = BooleanBuffer::new_set(batch.num_rows());
        for column in searched {
            if let Some(array) = batch.column_by_name(column) {
                text.search(array, &rows, found)?;
            }
        }
        start = end;
    }
    Ok(found)
}

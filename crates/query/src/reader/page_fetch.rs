//! [`PageFetch`]: which pages of a row group a request needs, and where they come from.

use std::collections::HashMap;
use std::ops::Range;

use parquet::arrow::arrow_reader::{RowSelection, RowSelectionPolicy};
use parquet::column::page::Page;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;

use crate::reader::page_cache::FilePages;

/// What to fetch of a row group, and what of it is at hand.
#[derive(Debug)]
pub(crate) struct PageFetch {
    /// By leaf, ascending.
    pub(super) ranges: Vec<(usize, Range<u64>)>,
    /// Kept pages, unpacked, by their offset in the file.
    pub(super) held: HashMap<u64, Page>,
    /// The rows that will be looked at, ascending; `None` for all.
    pub(super) touched: Option<Vec<Range<usize>>>,
}

impl PageFetch {
    /// The pages of these leaves that hold selected rows, and the dictionaries before them, unless they are kept; whole columns where
    /// all rows are wanted or a file does not say where its pages are.
    pub(crate) fn new(
        metadata: &ParquetMetaData,
        row_group: usize,
        leaves: &[usize],
        selection: Option<&RowSelection>,
        kept: Option<&FilePages>,
    ) -> Self {
        let group = metadata.row_group(row_group);
        let touched = selection.map(|selection| touched(selection, group));
        let (mut ranges, mut held) = (Vec::new(), HashMap::new());
        for &leaf in leaves {
            let (start, length) = group.column(leaf).byte_range();
            let (Some(pages), Some(touched)) = (page_locations(metadata, row_group, leaf), &touched) else {
                ranges.push((leaf, start..start + length));
                continue;
            };
            let dictionary = dictionary_range(start, pages);
            for range in dictionary.into_iter().chain(touched.scan_ranges(pages)) {
                match kept.and_then(|kept| kept.get(range.start)) {
                    Some(page) => drop(held.insert(range.start, page)),
                    None => ranges.push((leaf, range)),
                }
            }
        }
        Self { ranges, held, touched: touched.map(|touched| selected(&touched)) }
    }

    /// The ranges of the file.
    pub(crate) fn ranges(&self) -> Vec<Range<u64>> {
        self.ranges.iter().map(|(_, range)| range.clone()).collect()
    }
}

/// Where the dictionary stands of a column that starts here: before its first page, if there is room.
pub(super) fn dictionary_range(start: u64, pages: &[PageLocation]) -> Option<Range<u64>> {
    let first = u64::try_from(pages.first()?.offset).ok()?;
    (first > start).then_some(start..first)
}

/// The rows whose pages a decoder may touch: those of the selection, and where the selection is so dense that the decoder reads
/// what lies between and filters it, all from the first to the last.
fn touched(selection: &RowSelection, group: &RowGroupMetaData) -> RowSelection {
    let (rows, pieces) = selection.iter().fold((0, 0), |(rows, pieces), selector| {
        (rows + selector.row_count, pieces + usize::from(selector.row_count > 0))
    });
    // The decoder's own rule, which cannot be asked.
    let is_dense = match RowSelectionPolicy::default() {
        RowSelectionPolicy::Selectors => false,
        RowSelectionPolicy::Mask => true,
        RowSelectionPolicy::Auto { threshold } => rows < pieces * threshold,
    };
    let ranges = selected(selection);
    match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) if is_dense => {
            let all = usize::try_from(group.num_rows()).unwrap_or(0);
            RowSelection::from_consecutive_ranges(std::iter::once(first.start..last.end), all)
        }
        _ => selection.clone(),
    }
}

/// The rows of a selection.
fn selected(selection: &RowSelection) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut ranges = Vec::new();
    for selector in selection.iter() {
        if !selector.skip && selector.row_count > 0 {
            ranges.push(at..at + selector.row_count);
        }
        at += selector.row_count;
    }
    ranges
}

/// Of each page, how many of its rows, from its first to the last that is touched.
pub(super) fn rows_within(pages: &[PageLocation], touched: &[Range<usize>]) -> Vec<usize> {
    let first_row = |page: &PageLocation| usize::try_from(page.first_row_index).unwrap_or(0);
    let ends = pages.iter().skip(1).map(first_row).chain(std::iter::once(usize::MAX));
    let rows = pages.iter().zip(ends).map(|(page, end)| {
        // The last range that begins before the page ends.
        let behind = touched.partition_point(|range| range.start < end);
        let last = behind.checked_sub(1).map_or(0, |at| touched[at].end.min(end));
        last.saturating_sub(first_row(page))
    });
    rows.collect()
}

pub(super) fn page_locations(metadata: &ParquetMetaData, row_group: usize, leaf: usize) -> Option<&Vec<PageLocation>> {
    let pages = metadata.offset_index()?.get(row_group)?.get(leaf)?.page_locations();
    (!pages.is_empty()).then_some(pages)
}

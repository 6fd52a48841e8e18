//! [`RowRanges`]: rows of a row group, as ranges that ascend and do not overlap.

use std::ops::Range;

use annals_table::SEGMENT_ROWS;

/// See the module. No range is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowRanges(Vec<Range<usize>>);

impl From<Range<usize>> for RowRanges {
    fn from(range: Range<usize>) -> Self {
        Self(if range.is_empty() { Vec::new() } else { vec![range] })
    }
}

impl RowRanges {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// The first `rows` rows, and the others.
    pub(crate) fn split_at(self, rows: usize) -> (Self, Self) {
        let (mut first, mut others) = (Self::default(), Self::default());
        let mut room = rows;
        for range in self.0 {
            let seam = range.start + room.min(range.len());
            room -= seam - range.start;
            first.push(range.start..seam);
            others.push(seam..range.end);
        }
        (first, others)
    }

    fn push(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.0.push(range),
        }
    }

    /// The row that has so many of these before it.
    pub(crate) fn row(&self, mut index: usize) -> usize {
        for range in &self.0 {
            if index < range.len() {
                return range.start + index;
            }
            index -= range.len();
        }
        unreachable!("a row behind all that were read")
    }

    /// Those that lie in `segments` (ascending) of the file, of which `first_row` is the first row of the row group.
    pub(crate) fn within(&self, segments: &[u32], first_row: u64) -> Self {
        let mut kept = Self::default();
        for range in &self.0 {
            let rows = first_row + range.start as u64..first_row + range.end as u64;
            let from = segments.partition_point(|segment| (u64::from(*segment) + 1) * SEGMENT_ROWS <= rows.start);
            for segment in &segments[from..] {
                let start = (u64::from(*segment) * SEGMENT_ROWS).max(rows.start);
                let end = ((u64::from(*segment) + 1) * SEGMENT_ROWS).min(rows.end);
                if start >= end {
                    break;
                }
                kept.push((start - first_row) as usize..(end - first_row) as usize);
            }
        }
        kept
    }

    /// In how many segments of the file they lie.
    pub(crate) fn segments(&self, first_row: u64) -> u64 {
        let mut count = 0;
        let mut next = 0;
        for range in &self.0 {
            let first = ((first_row + range.start as u64) / SEGMENT_ROWS).max(next);
            next = (first_row + range.end as u64).div_ceil(SEGMENT_ROWS);
            count += next - first.min(next);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By first and last, exclusive.
    fn ranges(ranges: &[(usize, usize)]) -> RowRanges {
        RowRanges(ranges.iter().map(|(start, end)| *start..*end).collect())
    }

    #[test]
    fn rows_are_split_anywhere_and_found_again() {
        let rows = ranges(&[(10, 20), (30, 35)]);
        assert_eq!(rows.len(), 15);
        assert_eq!(rows.clone().split_at(4), (ranges(&[(10, 14)]), ranges(&[(14, 20), (30, 35)])));
        assert_eq!(rows.clone().split_at(10), (ranges(&[(10, 20)]), ranges(&[(30, 35)])));
        assert_eq!(rows.clone().split_at(12), (ranges(&[(10, 20), (30, 32)]), ranges(&[(32, 35)])));
        assert_eq!(rows.clone().split_at(99), (rows.clone(), RowRanges::default()));
        assert_eq!([0, 9, 10, 14].map(|index| rows.row(index)), [10, 19, 30, 34]);
    }

    #[test]
    fn rows_are_cut_to_the_segments_of_the_file_not_of_the_row_group() {
        let cut = |first_row, range: Range<usize>| RowRanges::from(range).within(&[1, 2], first_row);
        assert_eq!(cut(0, 0..5_000), ranges(&[(4_096, 5_000)]));
        assert_eq!(cut(5_000, 0..10_000), ranges(&[(0, 7_288)]), "what is next to each other is one");
        assert!(RowRanges::from(0..5_000).within(&[9], 0).is_empty());
        assert_eq!(RowRanges::from(0..20_000).within(&[0, 2], 0), ranges(&[(0, 4_096), (8_192, 12_288)]));
    }

    #[test]
    fn a_segment_counts_once() {
        assert_eq!(ranges(&[(0, 1), (4_000, 4_096), (4_096, 4_097)]).segments(0), 2);
        assert_eq!(ranges(&[(0, 5)]).segments(4_095), 2);
        assert_eq!(RowRanges::default().segments(9), 0);
    }
}

//! [`Pace`]: how many rows to encode at a time.
//!
//! Events differ in size by three orders of magnitude. Slices grow while they come out small and shrink when they come
//! out large, so that neither a slice nor the time it takes is large.

/// Rows of the first slice.
const ROWS_FIRST: usize = 32;
/// Rows of a slice at most.
const ROWS_MAX: usize = 4_096;

/// Rows of the next slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rows: usize,
    slice_bytes: usize,
}

impl Pace {
    /// Slices that come to `slice_bytes`, about.
    pub(crate) const fn towards(slice_bytes: usize) -> Self {
        Self { rows: ROWS_FIRST, slice_bytes }
    }

    /// Rows of the next slice, at least 1.
    pub(crate) fn rows(self) -> usize {
        self.rows
    }

    /// Notes that `rows` rows came to `bytes`.
    pub(crate) fn took(&mut self, rows: usize, bytes: usize) {
        let fitting = rows.saturating_mul(self.slice_bytes).checked_div(bytes).unwrap_or(ROWS_MAX);
        // At most twice as many: the next rows may be larger.
        self.rows = fitting.min(2 * self.rows).clamp(1, ROWS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rows_are_taken_by_thousands_and_large_ones_one_by_one() {
        let mut pace = Pace::towards(64 << 10);
        for _ in 0..20 {
            pace.took(pace.rows(), pace.rows() * 10);
        }
        assert_eq!(pace.rows(), ROWS_MAX);
        pace.took(pace.rows(), pace.rows() << 20);
        assert_eq!(pace.rows(), 1);
        pace.took(1, 0);
        assert_eq!(pace.rows(), 2);
    }
}

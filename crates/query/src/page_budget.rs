//! How many rows of a page fit the memory that a page may take. Pure.

use crate::reader::{Hit, Rank};

/// How many of `hits` (in order of rank, those that tie with the cursor first) a page holds whose rows take `bytes_max`.
///
/// A page always moves on: it holds the ties of the cursor at `after` and one row behind them at least. Rows of equal rank stay
/// together, as their ids have not been compared yet.
pub(crate) fn affordable(hits: &[Hit], after: Option<Rank>, bytes_max: u64, bytes_of: impl Fn(&Hit) -> u64) -> usize {
    let mut bytes: u64 = 0;
    let mut new = 0;
    for (at, hit) in hits.iter().enumerate() {
        bytes = bytes.saturating_add(bytes_of(hit));
        let opens_rank = at == 0 || hits[at - 1].rank != hit.rank;
        if bytes > bytes_max && opens_rank && new > 0 {
            return at;
        }
        new += usize::from(Some(hit.rank) != after);
    }
    hits.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Ranking;

    fn hits(timestamps: &[i64]) -> Vec<Hit> {
        let hit = |(row, timestamp): (usize, &i64)| Hit {
            rank: Rank::of(Ranking::Oldest, *timestamp, 0),
            source: 0,
            row: row as u64,
        };
        timestamps.iter().enumerate().map(hit).collect()
    }

    #[test]
    fn a_page_ends_before_the_row_that_is_too_much() {
        let hits = hits(&[1, 2, 3, 4]);
        assert_eq!(affordable(&hits, None, 30, |_| 10), 3);
        assert_eq!(affordable(&hits, None, 40, |_| 10), 4);
        assert_eq!(affordable(&hits, None, u64::MAX, |_| u64::MAX), 4);
    }

    #[test]
    fn a_page_moves_on_however_large_its_first_row_is() {
        assert_eq!(affordable(&hits(&[1, 2]), None, 1, |_| 10), 1);
        let after = Some(Rank::of(Ranking::Oldest, 1, 0));
        assert_eq!(affordable(&hits(&[1, 1, 2, 3]), after, 1, |_| 10), 3);
        assert_eq!(affordable(&[], after, 1, |_| 10), 0);
    }

    #[test]
    fn rows_of_equal_rank_stay_together() {
        assert_eq!(affordable(&hits(&[1, 2, 2, 2, 3]), None, 20, |_| 10), 4);
    }
}

//! [`Ranking`] and [`Rank`]: an order of the answer, and a row's place in it.

use std::ops::RangeInclusive;

use annals_event::columns;
use arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::event_query::Order;

/// What puts the rows of an answer in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ranking {
    /// By timestamp, then seq, the latest first.
    Newest,
    /// By timestamp, then seq, the earliest first.
    Oldest,
    /// By seq alone, for the rows of one writer.
    Seq,
}

impl From<Order> for Ranking {
    fn from(order: Order) -> Self {
        match order {
            Order::NewestFirst => Self::Newest,
            Order::OldestFirst => Self::Oldest,
        }
    }
}

/// Place in a ranking, the smaller first, whichever way it runs. Ties are broken by id, later, because hardly any row
/// needs it and ids are dear to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    major: i64,
    minor: i64,
}

impl Rank {
    /// Comes after every row.
    pub(crate) const LAST: Self = Self { major: i64::MAX, minor: i64::MAX };

    /// The rank of a row. A complement turns the order of integers round without an overflow at either end.
    pub(crate) fn of(ranking: Ranking, timestamp_us: i64, seq: i64) -> Self {
        match ranking {
            Ranking::Oldest => Self { major: timestamp_us, minor: seq },
            Ranking::Newest => Self { major: !timestamp_us, minor: !seq },
            Ranking::Seq => Self { major: seq, minor: i64::MIN },
        }
    }

    /// At or before the rank of every row whose timestamp (microseconds) and seq lie in these ranges.
    pub(crate) fn bound(ranking: Ranking, times_us: &RangeInclusive<i64>, seqs: &RangeInclusive<i64>) -> Self {
        let major = match ranking {
            Ranking::Oldest => *times_us.start(),
            Ranking::Newest => !*times_us.end(),
            Ranking::Seq => *seqs.start(),
        };
        Self { major, minor: i64::MIN }
    }
}

/// The seq of each row of a batch. A row without one (only other programs write such files) counts as the lowest.
pub(crate) struct Seqs<'a>(Option<&'a Int64Array>);

impl<'a> Seqs<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Self {
        Self(batch.column_by_name(columns::SEQ).and_then(|array| array.as_primitive_opt::<Int64Type>()))
    }

    pub(crate) fn get(&self, row: usize) -> i64 {
        match self.0 {
            Some(array) if array.is_valid(row) => array.value(row),
            _ => i64::MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_first_puts_the_later_row_first_at_both_ends_of_time() {
        let places = [(i64::MIN, 0), (-1, i64::MAX), (0, i64::MIN), (0, 5), (i64::MAX, 1)];
        for pair in places.windows(2) {
            let rank = |ranking, (timestamp, seq)| Rank::of(ranking, timestamp, seq);
            assert!(rank(Ranking::Oldest, pair[0]) < rank(Ranking::Oldest, pair[1]));
            assert!(rank(Ranking::Newest, pair[1]) < rank(Ranking::Newest, pair[0]));
        }
    }

    #[test]
    fn a_bound_is_at_or_before_every_row_of_its_range() {
        for ranking in [Ranking::Newest, Ranking::Oldest, Ranking::Seq] {
            let all = i64::MIN..=i64::MAX;
            let (times_us, seqs) = if ranking == Ranking::Seq { (all, -5..=5) } else { (-5..=5, all) };
            let bound = Rank::bound(ranking, &times_us, &seqs);
            for within in [-5, 0, 5] {
                for any in [i64::MIN, 0, i64::MAX] {
                    let (timestamp, seq) = if ranking == Ranking::Seq { (any, within) } else { (within, any) };
                    assert!(bound <= Rank::of(ranking, timestamp, seq));
                }
            }
        }
    }
}

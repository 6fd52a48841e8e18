//! [`Rank`]: a row's place in the order of the answer.

use annals_event::columns;
use arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::event_query::Order;

/// Place by timestamp and seq, the smaller first, whichever way the answer runs. Ties are broken by id, later, because
/// hardly any row needs it and ids are dear to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    timestamp: i64,
    seq: i64,
}

impl Rank {
    /// Comes after every row.
    pub(crate) const LAST: Self = Self { timestamp: i64::MAX, seq: i64::MAX };

    /// The rank of a row. A complement turns the order of integers round without an overflow at either end.
    pub(crate) fn of(order: Order, timestamp_us: i64, seq: i64) -> Self {
        match order {
            Order::OldestFirst => Self { timestamp: timestamp_us, seq },
            Order::NewestFirst => Self { timestamp: !timestamp_us, seq: !seq },
        }
    }

    /// At or before the rank of every row whose timestamp lies in `min_us..=max_us`.
    pub(crate) fn bound(order: Order, min_us: i64, max_us: i64) -> Self {
        let timestamp = match order {
            Order::OldestFirst => min_us,
            Order::NewestFirst => !max_us,
        };
        Self { timestamp, seq: i64::MIN }
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
            let rank = |order, (timestamp, seq)| Rank::of(order, timestamp, seq);
            assert!(rank(Order::OldestFirst, pair[0]) < rank(Order::OldestFirst, pair[1]));
            assert!(rank(Order::NewestFirst, pair[1]) < rank(Order::NewestFirst, pair[0]));
        }
    }

    #[test]
    fn a_bound_is_at_or_before_every_row_of_its_range() {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let bound = Rank::bound(order, -5, 5);
            for timestamp in [-5, 0, 5] {
                for seq in [i64::MIN, 0, i64::MAX] {
                    assert!(bound <= Rank::of(order, timestamp, seq));
                }
            }
        }
    }
}

//! [`Top`]: the first rows found so far, and so the answer to "can that file still matter?".

use crate::reader::rank::Rank;

/// One matching row: its place in the order, and where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) rank: Rank,
    /// Which file, or which tail batch behind the files.
    pub(crate) source: u32,
    /// Row within the file or batch.
    pub(crate) row: u64,
}

/// The `capacity` first hits after a cursor, with every hit that ties with the last of them, and apart from these the
/// hits that tie with the cursor itself: only their ids tell which side of it they are on.
#[derive(Debug)]
pub(crate) struct Top {
    capacity: usize,
    after: Option<Rank>,
    /// No hit behind this rank can be in the answer.
    threshold: Rank,
    hits: Vec<Hit>,
    tied: Vec<Hit>,
}

impl Top {
    pub(crate) fn new(capacity: usize, after: Option<Rank>) -> Self {
        Self { capacity: capacity.max(1), after, threshold: Rank::LAST, hits: Vec::new(), tied: Vec::new() }
    }

    /// An empty one with the same question, for a scan that runs beside this one; [`Self::merge`] takes it back.
    pub(crate) fn fork(&self) -> Self {
        let Self { capacity, after, threshold, .. } = *self;
        Self { capacity, after, threshold, hits: Vec::new(), tied: Vec::new() }
    }

    /// Whether a row at `rank` may be in the answer; for a bound: whether a row at or behind it may.
    pub(crate) fn admits(&self, rank: Rank) -> bool {
        rank <= self.threshold
    }

    /// Takes a hit into account. [`Self::settle`] makes room.
    pub(crate) fn push(&mut self, hit: Hit) {
        match self.after {
            Some(after) if hit.rank < after => {}
            Some(after) if hit.rank == after => self.tied.push(hit),
            _ if hit.rank <= self.threshold => self.hits.push(hit),
            _ => {}
        }
    }

    /// Drops the hits that `capacity` others precede.
    pub(crate) fn settle(&mut self) {
        if self.hits.len() < self.capacity {
            return;
        }
        let (_, last, _) = self.hits.select_nth_unstable_by_key(self.capacity - 1, |hit| hit.rank);
        let last = last.rank;
        self.threshold = self.threshold.min(last);
        self.hits.retain(|hit| hit.rank <= last);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.tied.extend(other.tied);
        if other.hits.is_empty() {
            return;
        }
        let threshold = self.threshold;
        self.hits.extend(other.hits.into_iter().filter(|hit| hit.rank <= threshold));
        self.settle();
    }

    /// Ends the search: the hits that a page of `limit` rows can hold, in order of rank, and whether more rows matched
    /// than those.
    pub(crate) fn into_candidates(mut self, limit: usize) -> (Vec<Hit>, bool) {
        self.hits.sort_unstable_by_key(|hit| (hit.rank, hit.source, hit.row));
        let ends_at = match limit.checked_sub(1).and_then(|last| self.hits.get(last)) {
            Some(last) => {
                let last = last.rank;
                self.hits.partition_point(|hit| hit.rank <= last)
            }
            None => self.hits.len(),
        };
        let more = ends_at < self.hits.len();
        self.hits.truncate(ends_at);
        self.tied.append(&mut self.hits);
        (self.tied, more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::rank::Ranking;

    fn hit(timestamp: i64) -> Hit {
        Hit { rank: Rank::of(Ranking::Oldest, timestamp, 0), source: 0, row: timestamp as u64 }
    }

    fn top_of(capacity: usize, after: Option<i64>, timestamps: &[i64]) -> Top {
        let mut top = Top::new(capacity, after.map(|timestamp| hit(timestamp).rank));
        for &timestamp in timestamps {
            top.push(hit(timestamp));
        }
        top.settle();
        top
    }

    #[test]
    fn keeps_the_first_and_every_tie_with_the_last_of_them() {
        let top = top_of(3, None, &[5, 3, 9, 3, 3, 1, 3]);
        assert!(top.admits(hit(3).rank) && !top.admits(hit(4).rank));
        let (hits, more) = top.into_candidates(2);
        assert_eq!(hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), [1, 3, 3, 3, 3]);
        assert!(!more, "all ties of the last row are candidates, so nothing is left over");
    }

    #[test]
    fn says_that_more_matched() {
        let (hits, more) = top_of(3, None, &[1, 2, 3, 4]).into_candidates(2);
        assert_eq!((hits.len(), more), (2, true));
    }

    #[test]
    fn leaves_out_what_stands_before_the_cursor_and_keeps_its_ties_apart() {
        let (hits, _) = top_of(2, Some(4), &[3, 4, 5, 4, 6, 7]).into_candidates(1);
        assert_eq!(hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), [4, 4, 5]);
    }

    #[test]
    fn merging_equals_pushing_everything_into_one() {
        let mut whole = top_of(3, None, &[8, 1, 7, 2, 6, 3]);
        let mut fork = whole.fork();
        for timestamp in [5, 0, 3, 9] {
            fork.push(hit(timestamp));
        }
        whole.merge(fork);
        assert_eq!(whole.into_candidates(3).0, top_of(4, None, &[8, 1, 7, 2, 6, 3, 5, 0, 9]).into_candidates(3).0);
    }
}

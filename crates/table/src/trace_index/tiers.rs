//! Which runs to merge next. A lookup reads a block of every run, a merge reads and writes all entries of its runs: few
//! runs cost writes, many cost reads. Pure: sizes in, a choice out.
//!
//! Runs below [`SMALL_ENTRIES`] are *small*; a few of them wait for each other. All others are in tiers, each [`RATIO`]
//! times as large as the one before, and a tier keeps one run: of a billion entries at most six. An entry is written
//! once when it comes, a few times while small, and about 3.5 times in each tier.

/// A run below is small: what some commits bring.
pub(crate) const SMALL_ENTRIES: u64 = 64 << 10;
/// Most small runs that stay unmerged.
pub(crate) const SMALL_RUNS_MAX: usize = 8;
/// How many times larger a tier is than the one before.
pub(crate) const RATIO: u64 = 8;

/// The size of a live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunSize {
    /// Number of its entries.
    pub(crate) entries: u64,
}

/// The runs to merge into one now, by their places in `runs`, ascending, at least two; `None` when all may stay. What
/// is merged and chosen again soon ends: every merge leaves fewer runs.
pub(crate) fn choose(runs: &[RunSize]) -> Option<Vec<usize>> {
    let mut by_size: Vec<usize> = (0..runs.len()).collect();
    by_size.sort_by_key(|at| (runs[*at].entries, *at));
    let entries: Vec<u64> = by_size.iter().map(|at| runs[*at].entries).collect();
    let mut merged = first_merged(&entries)?;
    let mut total = sum(&entries[merged.clone()]);
    // If the merged run came to a tier that has one, both would be merged next: that spares writing it in between.
    while let Some(next) = entries.get(merged.end).filter(|next| tier(total) > 0 && tier(**next) <= tier(total)) {
        total = total.saturating_add(*next);
        merged.end += 1;
    }
    let mut chosen = by_size[merged].to_vec();
    chosen.sort_unstable();
    Some(chosen)
}

/// Where merging starts, among sizes that ascend.
fn first_merged(entries: &[u64]) -> Option<std::ops::Range<usize>> {
    let small = entries.partition_point(|entries| tier(*entries) == 0);
    if small <= SMALL_RUNS_MAX {
        let larger = &entries[small..];
        let start = small + larger.windows(2).position(|pair| tier(pair[0]) == tier(pair[1]))?;
        return Some(start..start + 2);
    }
    // The smallest two, and each that is not larger than those before it together. So sizes at least double from one
    // run to the next, and even the tiniest entry is merged a logarithmic number of times before its run is no longer
    // small.
    let mut end = 2;
    while end < small && entries[end] <= sum(&entries[..end]) {
        end += 1;
    }
    Some(0..end)
}

/// Zero for a small run.
fn tier(entries: u64) -> u32 {
    if entries < SMALL_ENTRIES { 0 } else { 1 + (entries / SMALL_ENTRIES).ilog(RATIO) }
}

fn sum(entries: &[u64]) -> u64 {
    entries.iter().fold(0, |total, entries| total.saturating_add(*entries))
}

#[cfg(test)]
mod tests;

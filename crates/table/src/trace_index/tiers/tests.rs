//! Few runs stay, and merging writes a logarithmic number of times what came in.

use proptest::prelude::*;

use super::*;

/// Live runs, and what was written for them.
#[derive(Default)]
struct Runs {
    live: Vec<RunSize>,
    added: u64,
    merged: u64,
    merges: u64,
    /// Most runs that were live after merging.
    live_max: usize,
    /// Sum of their number after each addition.
    live_sum: u64,
}

impl Runs {
    fn add(&mut self, entries: u64) {
        self.live.push(RunSize { entries });
        self.added += entries;
        while let Some(chosen) = choose(&self.live) {
            assert!(chosen.len() >= 2 && chosen.is_sorted_by(|a, b| a < b));
            let total = chosen.iter().rev().map(|at| self.live.remove(*at).entries).sum();
            self.live.push(RunSize { entries: total });
            self.merged += total;
            self.merges += 1;
        }
        self.live_max = self.live_max.max(self.live.len());
        self.live_sum += self.live.len() as u64;
        assert!(self.live.len() <= self.bound(), "{:?}", self.live);
    }

    /// A run in each tier up to that of all entries in one, and the small ones.
    fn bound(&self) -> usize {
        SMALL_RUNS_MAX + tier(self.added) as usize
    }

    fn write_amplification(&self) -> f64 {
        self.merged as f64 / self.added.max(1) as f64
    }
}

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn few_runs_of_a_billion_entries_stay() {
    for (largest, additions) in [(200, 400_000), (20_000, 100_000), (200_000, 10_000), (2_000_000, 1_000)] {
        let (mut runs, mut state) = (Runs::default(), 1);
        for _ in 0..additions {
            runs.add(random(&mut state) % largest + 1);
        }
        let mean = runs.live_sum as f64 / f64::from(additions);
        println!(
            "{additions} runs of at most {largest}: {} entries, {} merges, write amplification {:.1}, at most {} runs, \
             {mean:.1} in the mean",
            runs.added,
            runs.merges,
            runs.write_amplification(),
            runs.live_max,
        );
        assert!(runs.live_max <= 14);
        // Eight small doublings at most, and 3.5 times in each of five tiers; with room for chance.
        assert!(runs.write_amplification() < 30.0);
    }
}

#[test]
fn small_runs_wait_for_each_other() {
    let sizes = |sizes: &[u64]| choose(&sizes.iter().map(|entries| RunSize { entries: *entries }).collect::<Vec<_>>());
    assert_eq!(sizes(&[]), None);
    assert_eq!(sizes(&[5; 8]), None);
    assert_eq!(sizes(&[5; 9]), Some((0..9).collect()));
    assert_eq!(sizes(&[500, 9, 60_000, 9, 100, 2_000, 60_000, 9_000, 30_000]), Some(vec![1, 3]), "the smallest two");
    assert_eq!(sizes(&[0; 9]), Some((0..9).collect()), "empty ones too");
}

#[test]
fn a_tier_keeps_one_run() {
    let sizes = |sizes: &[u64]| choose(&sizes.iter().map(|entries| RunSize { entries: *entries }).collect::<Vec<_>>());
    let tier = SMALL_ENTRIES;
    assert_eq!(sizes(&[tier, 8 * tier, 64 * tier, 512 * tier, tier - 1]), None);
    assert_eq!(
        sizes(&[8 * tier, tier, 7 * tier, 64 * tier]),
        Some(vec![0, 1, 2]),
        "the two would come to the tier of the third"
    );
    assert_eq!(sizes(&[8 * tier, tier, 2 * tier, 64 * tier]), Some(vec![1, 2]));
    assert_eq!(sizes(&[u64::MAX, u64::MAX]), Some(vec![0, 1]), "sums do not overflow");
}

proptest! {
    #[test]
    fn the_number_of_runs_stays_bounded(seed: u64, scale in 0..28_u32, additions in 1..3_000_u32) {
        let (mut runs, mut state) = (Runs::default(), seed);
        for _ in 0..additions {
            let largest = 1 << (random(&mut state) % u64::from(scale + 1));
            runs.add(random(&mut state) % largest);
        }
        // Each entry is merged when small and then in every tier, so a multiple of the logarithm.
        let logarithm = f64::from(runs.added.max(2).ilog2());
        prop_assert!(runs.write_amplification() <= 2.0 * logarithm + 2.0, "{}", runs.write_amplification());
    }

    #[test]
    fn the_same_sizes_are_chosen_whatever_their_order(
        mut sizes in proptest::collection::vec(0..1_u64 << 40, 0..30),
        seed: u64,
    ) {
        let chosen = |sizes: &[u64]| {
            let runs: Vec<_> = sizes.iter().map(|entries| RunSize { entries: *entries }).collect();
            let mut chosen: Vec<_> = choose(&runs)?.into_iter().map(|at| sizes[at]).collect();
            chosen.sort_unstable();
            Some(chosen)
        };
        let before = chosen(&sizes);
        let mut state = seed;
        sizes.sort_by_cached_key(|_| random(&mut state));
        prop_assert_eq!(chosen(&sizes), before);
    }
}

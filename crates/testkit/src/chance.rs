//! [`Chance`]: a seeded stream of numbers (SplitMix64), so that equal seeds give equal events for ever.
//!
//! Our own few lines rather than a crate's generator: its stream may change with its version, and the bytes of a
//! workload must not. Only integer and exactly rounded arithmetic, so every platform agrees.

/// A stream of pseudo-random numbers. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 uniform bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finish(self.0)
    }

    /// Uniform in `0..bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(bound) * (self.bits() >> 32)) >> 32) as u32
    }

    /// Uniform in `low..=high`.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True `per_mille` times in a thousand.
    pub(crate) fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// 128 uniform bits.
    pub(crate) fn wide(&mut self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }
}

/// 64 bits that depend on all of `parts`: the lasting properties of a project, user or workflow come from here.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x2545_f491_4f6c_dd1d, |state, part| finish((state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

/// 128 bits that depend on all of `parts`.
pub(crate) fn mix_wide(parts: &[u64]) -> u128 {
    let high = mix(parts);
    u128::from(high) << 64 | u128::from(finish(high ^ 0x5851_f42d_4c95_7f2d))
}

fn finish(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

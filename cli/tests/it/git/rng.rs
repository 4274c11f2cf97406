//! Pseudo-random numbers from a seed: the same on every machine, so that failures can be reproduced.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
pub(crate) struct Rng(u64);

/// Added to every seed: `KEYRADIUS_LAB_SEED=1000 cargo test git::` runs everything with other repositories.
fn offset() -> u64 {
    std::env::var("KEYRADIUS_LAB_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        let seed = seed + offset();
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x6b65_7972_6164_6975)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) const fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number from `from` to `to`, excluding `to`.
    pub(crate) const fn between(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from)
    }

    /// True with a probability of `percent`.
    pub(crate) const fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the items.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

//! Primes that keys of one run share: whoever has both public keys has both private ones.
//!
//! Batch GCD after Bernstein, How to find smooth parts of integers (2004). With P the product of all moduli, n has a prime
//! in common with another exactly if gcd(n, P/n mod n) > 1. The sum S of all P/m, m in the moduli, is the same modulo n,
//! and S/P is the sum of all 1/m: one fraction, worked out once, that goes down the tree of products. A node with the
//! product N is given the fractional part of S/N; its half with the product N/M is given that times M. Only
//! multiplications, no division below the root, which is what makes it quick.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use dashu_int::UBig;
use dashu_int::ops::{BitTest, Gcd};
use scanner_core::material::PublicHalf;

use super::number::{MAX_BITS, SMALL_PRIMES, number};
use super::spki::{self, Numbers};
use super::{Check, Weakness};
use crate::read::public::bits;
use crate::read::text::hex;

pub(super) const SHARED_PRIME: Check = Check {
    id: "rsa-shared-prime",
    finds: "prime that is also in the modulus of another key of the run: computable, for both",
    source: "Heninger et al., Mining your Ps and Qs, 2012; Lenstra et al., 2012",
    cost: "0.4 ms among 1,000 keys, 1 ms among 10,000",
};

pub(super) const SHARED_MODULUS: Check = Check {
    id: "rsa-shared-modulus",
    finds: "modulus that another key of the run has too, with another exponent: who has one private key has both",
    source: "Simmons 1983, common modulus",
    cost: "none",
};

/// Most moduli that are compared; of more, the first in the order given.
pub const MAX_MODULI: usize = 100_000;

/// Most bits that the compared moduli may have together: 65,536 moduli of 2048 bits. The memory is what this bounds:
/// 100,000 of them, measured without it, took 1.4 GB, and 150 seconds of one core.
pub const MAX_BITS_TOGETHER: usize = 1 << 27;

/// Moduli in a branch whose inner products are worked out again on the way down instead of kept: memory against a little
/// time.
const BRANCH: usize = 1024;

/// Bits that fractions have beyond the product below them. Every level of the tree doubles the error at most, so 64 are
/// enough for any tree that fits into memory.
const GUARD: usize = 64;

/// Most keys with a shared prime for which it is said whose it is: beyond that the pairs are too many.
const MAX_NAMED: usize = 200;

/// Keys that share a prime or a modulus with another one of `keys`: the index and what is wrong. Keys that stand there
/// twice (same modulus, same exponent) share nothing.
///
/// Moduli with tiny factors, which [`super::check`] reports, and those above 16,384 bits are left out, and so is what is
/// beyond [`MAX_MODULI`] or [`MAX_BITS_TOGETHER`]: see [`not_compared`].
pub fn shared_primes(keys: &[&PublicHalf]) -> Vec<(usize, Weakness)> {
    let (places, _) = places(keys);
    let mut found = Vec::new();
    for exponents in places.values().filter(|exponents| exponents.len() > 1) {
        for &index in exponents.values().flatten() {
            let text =
                "RSA modulus of another key too, with another exponent: who has one of the private keys has both";
            found.push((index, SHARED_MODULUS.severe(text)));
        }
    }

    let (owners, moduli): (Vec<_>, Vec<_>) = places
        .iter()
        .map(|(n, exponents)| (exponents, number(n)))
        .filter(|(_, n)| n.bit(0) && (64..=MAX_BITS).contains(&n.bit_len()))
        .filter(|(_, n)| (&*SMALL_PRIMES % n).gcd(n) == UBig::ONE)
        .unzip();
    let hits = with_common_factor(&moduli);
    for &at in &hits {
        let (Some(n), Some(exponents)) = (moduli.get(at), owners.get(at)) else { continue };
        // Whose prime it is, and whether the modulus falls apart: one that divides another whole gains nothing by that.
        let other = (hits.len() <= MAX_NAMED).then(|| partner(at, n, &hits, &moduli)).flatten();
        let text = match other.and_then(|other| owners.get(other)?.values().flatten().next()) {
            Some(&other) => {
                let name = keys.get(other).map(|key| hex(&key.id.spki_sha256)).unwrap_or_default();
                format!(
                    "RSA modulus shares a prime with another key of this run (SPKI SHA-256 {name}): both are factored"
                )
            }
            None => "RSA modulus shares its primes with other keys of this run: they are factored".to_owned(),
        };
        for &index in exponents.values().flatten() {
            found.push((index, SHARED_PRIME.computable(text.clone())));
        }
    }
    found.sort_by(|(a, left), (b, right)| {
        (a, Reverse(left.computable), left.id).cmp(&(b, Reverse(right.computable), right.id))
    });
    found
}

/// The moduli that [`shared_primes`] leaves out because there are too many, each by the first key that has it.
pub fn not_compared(keys: &[&PublicHalf]) -> Vec<usize> {
    places(keys).1
}

/// Modulus -> exponent -> where it stands.
type Places<'a> = BTreeMap<&'a [u8], BTreeMap<&'a [u8], Vec<usize>>>;

/// The moduli that are compared, and the first keys of those that are not.
fn places<'a>(keys: &[&'a PublicHalf]) -> (Places<'a>, Vec<usize>) {
    let mut places = Places::new();
    let mut beyond = BTreeMap::new();
    let mut together = 0;
    for (index, key) in keys.iter().enumerate() {
        let Some(Numbers::Rsa { n, e }) = spki::read(&key.spki) else { continue };
        let size = bits(n) as usize;
        if !places.contains_key(n) && size <= MAX_BITS {
            if places.len() == MAX_MODULI || together + size > MAX_BITS_TOGETHER {
                beyond.entry(n).or_insert(index);
                continue;
            }
            together += size;
        }
        places.entry(n).or_default().entry(e).or_default().push(index);
    }
    (places, beyond.into_values().collect())
}

/// The first other modulus among the hits that has a factor in common with this one.
fn partner(at: usize, n: &UBig, hits: &[usize], moduli: &[UBig]) -> Option<usize> {
    hits.iter().copied().find(|&other| other != at && moduli.get(other).is_some_and(|m| m.gcd(n) != UBig::ONE))
}

/// Indices of the moduli that have a factor in common with another one; they must all be different.
fn with_common_factor(moduli: &[UBig]) -> Vec<usize> {
    let (sums, products) = moduli
        .chunks(BRANCH)
        .map(|branch| {
            let tree = Tree::of(branch.to_vec());
            (tree.sum(vec![UBig::ONE; branch.len()]), tree.into_root())
        })
        .unzip();
    let tree = Tree::of(products);
    let sum = tree.sum(sums);
    let root = tree.root();
    let precision = root.bit_len() + GUARD;
    let fraction = Fraction { digits: (sum << precision) / root, precision };

    let mut hits = Vec::new();
    for (branch, (moduli, fraction)) in moduli.chunks(BRANCH).zip(tree.down(fraction)).enumerate() {
        let fractions = Tree::of(moduli.to_vec()).down(fraction);
        for (at, (n, fraction)) in moduli.iter().zip(fractions).enumerate() {
            // Zero, if every prime of n is shared; gcd(0, n) is n.
            if fraction.times(n).gcd(n) != UBig::ONE {
                hits.push(branch * BRANCH + at);
            }
        }
    }
    hits
}

/// Products of neighbours, level by level.
struct Tree {
    /// The leaves, then each level half as long as the one before; an odd one out is carried along.
    levels: Vec<Vec<UBig>>,
    root: UBig,
}

impl Tree {
    fn of(leaves: Vec<UBig>) -> Self {
        let mut levels = Vec::new();
        let mut level = leaves;
        while level.len() > 1 {
            let next = level.chunks(2).map(|pair| pair.iter().fold(UBig::ONE, |product, n| product * n)).collect();
            levels.push(std::mem::replace(&mut level, next));
        }
        // No leaves: the empty product.
        Self { levels, root: level.pop().unwrap_or(UBig::ONE) }
    }

    const fn root(&self) -> &UBig {
        &self.root
    }

    fn into_root(self) -> UBig {
        self.root
    }

    /// The numerator of the sum of all `numerator / leaf`, over the root.
    fn sum(&self, numerators: Vec<UBig>) -> UBig {
        let mut sums = numerators;
        for level in &self.levels {
            sums = level
                .chunks(2)
                .zip(sums.chunks(2))
                .map(|(products, sums)| match (products, sums) {
                    ([left, right], [a, b]) => a * right + b * left,
                    _ => sums.first().cloned().unwrap_or_default(),
                })
                .collect();
        }
        sums.pop().unwrap_or_default()
    }

    /// From the fraction of the root to those of the leaves.
    fn down(mut self, fraction: Fraction) -> Vec<Fraction> {
        let mut fractions = vec![fraction];
        while let Some(level) = self.levels.pop() {
            let mut next = Vec::with_capacity(level.len());
            for (pair, fraction) in level.chunks(2).zip(fractions) {
                if let [left, right] = pair {
                    next.push(fraction.below(left, right));
                    next.push(fraction.below(right, left));
                } else {
                    next.push(fraction);
                }
            }
            fractions = next;
        }
        fractions
    }
}

/// The fractional part of S / N, cut to `precision` binary digits.
struct Fraction {
    digits: UBig,
    precision: usize,
}

impl Fraction {
    /// The fraction of one half of a node: S / half = S / (half * other) * other, without the whole part.
    fn below(&self, half: &UBig, other: &UBig) -> Self {
        let mut digits = &self.digits * other;
        digits.clear_high_bits(self.precision);
        let precision = (half.bit_len() + GUARD).min(self.precision);
        Self { digits: digits >> (self.precision - precision), precision }
    }

    /// S modulo n, or n in place of 0: the nearest whole number, since what was cut away is less than a half.
    fn times(&self, n: &UBig) -> UBig {
        (((&self.digits * n) >> (self.precision - 1)) + UBig::ONE) >> 1
    }
}

//! Primes shared by keys of one run: anyone with both public keys can compute both private keys.
//!
//! Batch GCD after Bernstein, How to find smooth parts of integers (2004). With P the product of all moduli, n shares a
//! prime with another modulus exactly if gcd(n, P/n mod n) > 1. The sum S of all P/m, for m in the moduli, is the same
//! modulo n, and S/P is the sum of all 1/m: one fraction, computed once, that goes down the product tree. A node with
//! the product N gets the fractional part of S/N; its half with the product N/M gets that times M. There is no division
//! below the root, only multiplications, which makes it fast.
//!
//! Multiplying takes about 26 times the memory of its factors. So a tree covers only one block of moduli, at most
//! [`BLOCK`] bits, and S is multiplied, modulo the product of the block, by the products of the other blocks.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use dashu_int::UBig;
use dashu_int::ops::{BitTest, Gcd};
use keyradius_core::hex::hex;
use keyradius_core::material::PublicHalf;
use keyradius_readers::number::bits;
use keyradius_readers::public::PublicKey;

use super::number::{MAX_BITS, SMALL_PRIMES, number};
use super::{Check, Weakness};

pub(super) const SHARED_PRIME: Check = Check {
    id: "rsa-shared-prime",
    finds: "prime that is also in the modulus of another key of the run: computable, for both",
    source: "Heninger et al., Mining your Ps and Qs, 2012; Lenstra et al., 2012",
    cost: "0.4 ms among 1,000 keys, 1 ms among 10,000",
};

pub(super) const SHARED_MODULUS: Check = Check {
    id: "rsa-shared-modulus",
    finds: "modulus of another key of the run, with another exponent: anyone with one private key has both",
    source: "Simmons 1983, common modulus",
    cost: "none",
};

/// Most moduli that are compared: the first ones in the given order.
pub const MAX_MODULI: usize = 100_000;

/// Most bits of all compared moduli together: 65,536 moduli of 2048 bits. Bounds the time, which grows with the square
/// of the number of blocks.
pub const MAX_BITS_TOGETHER: usize = 1 << 27;

/// Most bits of the moduli in a block, which bounds the memory: 61 MiB for 10,000 moduli of 2048 bits, 77 MiB for
/// 65,535 (with the products of all blocks). Slightly less than a power of two, because a multiplication whose result
/// is just longer than one takes twice the time and memory.
const BLOCK: usize = (1 << 23) - 2048;

/// The hits in later blocks are divided by each modulus of a block if they are this many times shorter than a block. If
/// they are longer, they go down the tree of the block.
const FEW: usize = 32;

/// Moduli in a branch whose inner products are recomputed on the way down instead of kept: saves memory for a little
/// time.
const BRANCH: usize = 1024;

/// Extra bits of a fraction beyond the product below it. Every level of the tree at most doubles the error, so 64 are
/// enough for any tree that fits in memory.
const GUARD: usize = 64;

/// Most keys with a shared prime for which the other key is named: beyond that there are too many pairs.
const MAX_NAMED: usize = 200;

/// Keys that share a prime or a modulus with another of `keys`: the index and the weakness. Copies of a key (same
/// modulus, same exponent) share nothing.
///
/// Moduli with tiny factors, which [`super::check`] reports, and moduli above 16,384 bits are left out. So are moduli
/// beyond [`MAX_MODULI`] or [`MAX_BITS_TOGETHER`]: see [`not_compared`].
pub fn shared_primes(keys: &[&PublicHalf]) -> Vec<(usize, Weakness)> {
    shared_in_blocks(keys, BLOCK)
}

/// Like [`shared_primes`], with blocks of up to `block_bits`; the result does not depend on them.
pub(super) fn shared_in_blocks(keys: &[&PublicHalf], block_bits: usize) -> Vec<(usize, Weakness)> {
    let (places, _) = places(keys);
    let mut found = Vec::new();
    for exponents in places.values().filter(|exponents| exponents.len() > 1) {
        for &index in exponents.values().flatten() {
            let text =
                "another key has the same RSA modulus with another exponent: anyone with one private key has both";
            found.push((index, SHARED_MODULUS.severe(text)));
        }
    }

    let (owners, moduli): (Vec<_>, Vec<&[u8]>) =
        places.iter().filter(|(n, _)| is_compared(&number(n))).map(|(n, exponents)| (exponents, *n)).unzip();
    let hits = with_common_factor(&moduli, block_bits);
    for &at in &hits {
        let Some(exponents) = owners.get(at) else { continue };
        // The other key is named only if few keys share primes.
        let other = (hits.len() <= MAX_NAMED).then(|| partner(at, &hits, &moduli)).flatten();
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

/// Modulus -> exponent -> indexes of the keys.
type Places<'a> = BTreeMap<&'a [u8], BTreeMap<&'a [u8], Vec<usize>>>;

/// The moduli to compare, and the first key of each modulus left out.
fn places<'a>(keys: &[&'a PublicHalf]) -> (Places<'a>, Vec<usize>) {
    let mut places = Places::new();
    let mut beyond = BTreeMap::new();
    let mut together = 0;
    for (index, key) in keys.iter().enumerate() {
        let Some(PublicKey::Rsa { n, e }) = keyradius_readers::spki::read(&key.spki) else { continue };
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

/// The first other modulus among the hits that shares a factor with this one.
fn partner(at: usize, hits: &[usize], moduli: &[&[u8]]) -> Option<usize> {
    let n = number(moduli.get(at)?);
    let shares = |other: usize| moduli.get(other).is_some_and(|m| number(m).gcd(&n) != UBig::ONE);
    hits.iter().copied().find(|&other| other != at && shares(other))
}

/// Whether a modulus is odd, of a size that is compared, and without tiny factors.
fn is_compared(n: &UBig) -> bool {
    n.bit(0) && (64..=MAX_BITS).contains(&n.bit_len()) && (&*SMALL_PRIMES % n).gcd(n) == UBig::ONE
}

/// Indices of the moduli that share a factor with another one; all moduli must be different.
///
/// A block of up to `block_bits` is compared with itself and with the blocks before it. That finds the later of two
/// moduli in different blocks; the earlier one is found by comparing every block with the hits in the blocks after it.
fn with_common_factor(moduli: &[&[u8]], block_bits: usize) -> Vec<usize> {
    let blocks = blocks(moduli, block_bits);
    let mut before = Vec::with_capacity(blocks.len());
    let mut hits = Vec::with_capacity(blocks.len());
    for block in &blocks {
        let (tree, sum) = branches(block);
        let divisor = Divisor::of(tree.root().clone());
        let others = divisor.product(sum, &before);
        hits.push(factors_in(block, tree, divisor.fraction(&others)));
        before.push(divisor.number);
    }
    drop(before);

    let mut after = Vec::new();
    for (block, hits) in blocks.iter().zip(&mut hits).rev() {
        let found: Vec<UBig> = block.iter().zip(&*hits).filter(|(_, hit)| **hit).map(|(n, _)| number(n)).collect();
        if after.iter().map(UBig::bit_len).sum::<usize>() > block_bits / FEW {
            let (tree, _) = branches(block);
            let divisor = Divisor::of(tree.root().clone());
            let others = divisor.product(UBig::ONE, &after);
            for (hit, also) in hits.iter_mut().zip(factors_in(block, tree, divisor.fraction(&others))) {
                *hit |= also;
            }
        } else if !after.is_empty() {
            let others = after.iter().fold(UBig::ONE, |product, n| product * n);
            for (hit, n) in hits.iter_mut().zip(numbers(block)) {
                *hit |= (&others % &n).gcd(&n) != UBig::ONE;
            }
        }
        if !found.is_empty() {
            after.push(Tree::of(found).into_root());
        }
    }
    hits.iter().flatten().enumerate().filter(|(_, hit)| **hit).map(|(at, _)| at).collect()
}

/// Consecutive moduli of up to `most` bits together, at least one.
fn blocks<'m, 'n>(moduli: &'m [&'n [u8]], most: usize) -> Vec<&'m [&'n [u8]]> {
    let mut blocks = Vec::new();
    let mut rest = moduli;
    while !rest.is_empty() {
        let together = rest.iter().scan(0, |together, n| {
            *together += bits(n) as usize;
            Some(*together)
        });
        let fit = together.take_while(|together| *together <= most).count();
        let (block, after) = rest.split_at(fit.max(1));
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// The products of the branches of a block, and the sum of the product of the block over each modulus.
fn branches(block: &[&[u8]]) -> (Tree, UBig) {
    let (sums, products) = block
        .chunks(BRANCH)
        .map(|branch| {
            let tree = Tree::of(numbers(branch));
            (tree.sum(vec![UBig::ONE; branch.len()]), tree.into_root())
        })
        .unzip();
    let tree = Tree::of(products);
    let sum = tree.sum(sums);
    (tree, sum)
}

/// Whether each modulus of a block shares a factor with a number: `fraction` is that number over the product of the
/// block.
fn factors_in(block: &[&[u8]], branches: Tree, fraction: Fraction) -> Vec<bool> {
    let mut hits = Vec::with_capacity(block.len());
    for (branch, fraction) in block.chunks(BRANCH).zip(branches.down(fraction)) {
        let moduli = numbers(branch);
        let fractions = Tree::of(moduli.clone()).down(fraction);
        // Zero if every prime of n is shared; gcd(0, n) is n.
        hits.extend(moduli.iter().zip(fractions).map(|(n, fraction)| fraction.times(n).gcd(n) != UBig::ONE));
    }
    hits
}

fn numbers(moduli: &[&[u8]]) -> Vec<UBig> {
    moduli.iter().map(|n| number(n)).collect()
}

/// A number that others are often divided by: from the second division on, each costs two multiplications.
struct Divisor {
    number: UBig,
    bits: usize,
    /// 1 / `number`, cut to `precision` binary digits.
    inverse: UBig,
    precision: usize,
}

impl Divisor {
    fn of(number: UBig) -> Self {
        let bits = number.bit_len();
        let precision = 2 * bits + GUARD;
        let inverse = (UBig::ONE << precision) / &number;
        Self { number, bits, inverse, precision }
    }

    /// The product of `first` and the factors, modulo the number.
    fn product(&self, first: UBig, factors: &[UBig]) -> UBig {
        factors.iter().fold(self.rest(first), |product, factor| {
            let longer = factor.bit_len() > self.bits;
            self.rest(if longer { product * (factor % &self.number) } else { product * factor })
        })
    }

    /// A number modulo this one (Barrett, Implementing the RSA public key encryption algorithm, 1986).
    fn rest(&self, number: UBig) -> UBig {
        if number.bit_len() > 2 * self.bits {
            return number % &self.number;
        }
        let high = &number >> (self.bits - 1);
        let quotient = (high * &self.inverse) >> (self.precision + 1 - self.bits);
        // The two truncations make the quotient too small by at most 2.
        let mut rest = number - quotient * &self.number;
        while rest >= self.number {
            rest -= &self.number;
        }
        rest
    }

    /// A smaller number divided by this one.
    fn fraction(&self, number: &UBig) -> Fraction {
        let precision = self.bits + GUARD;
        Fraction { digits: (number * &self.inverse) >> (self.precision - precision), precision }
    }
}

/// Products of neighbours, level by level.
struct Tree {
    /// The leaves, then each level half as long as the one before; an odd one out moves up unchanged.
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

    /// Computes the fractions of the leaves from that of the root.
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
    /// The fraction of one half of a node: S / half = S / (half * other) * other, without the integer part.
    fn below(&self, half: &UBig, other: &UBig) -> Self {
        let mut digits = &self.digits * other;
        digits.clear_high_bits(self.precision);
        let precision = (half.bit_len() + GUARD).min(self.precision);
        Self { digits: digits >> (self.precision - precision), precision }
    }

    /// S modulo n, or n instead of 0: the nearest integer, since the truncation error is less than a half.
    fn times(&self, n: &UBig) -> UBig {
        (((&self.digits * n) >> (self.precision - 1)) + UBig::ONE) >> 1
    }
}

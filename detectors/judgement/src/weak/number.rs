//! Arithmetic shared by the checks: numbers from bytes, squares, primes.

use std::sync::LazyLock;

use dashu_int::UBig;
use dashu_int::monty::MontgomeryRepr;
use dashu_int::ops::{BitTest, SquareRootRem};

/// Largest number on which arithmetic is done, in bits; also OpenSSL's limit for a modulus
/// (`OPENSSL_RSA_MAX_MODULUS_BITS`).
pub(super) const MAX_BITS: usize = 16_384;

/// Largest number that is tested for primality, in bits: 20 milliseconds per test; 2048 bits take 2.5.
const MAX_PRIME_BITS: usize = 4096;

/// Most work for primality tests in one run, in cubed bits of the tested numbers: 2,000 numbers of 2048 bits, which
/// take 5 seconds on one core. Beyond that, a modulus with a tiny factor is reported without saying whether the rest is
/// prime.
pub const MAX_PRIME_TESTS: u64 = 2000 << 33;

/// Primality tests with bounded work.
#[derive(Debug)]
pub(super) struct PrimeTests {
    left: u64,
    left_out: u64,
}

impl PrimeTests {
    /// A budget of `work` cubed bits.
    pub(super) const fn within(work: u64) -> Self {
        Self { left: work, left_out: 0 }
    }

    /// Cost of the tests that were left out.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Like [`looks_prime`], but also `None` when the work is used up.
    pub(super) fn looks_prime(&mut self, number: &UBig) -> Option<bool> {
        if number.bit_len() > MAX_PRIME_BITS {
            return None;
        }
        let cost = (number.bit_len() as u64).pow(3);
        let Some(left) = self.left.checked_sub(cost) else {
            self.left_out += cost;
            return None;
        };
        self.left = left;
        looks_prime(number)
    }
}

/// The product of all primes up to 65,537, about 94,000 bits. Computed once, in about a millisecond.
pub(super) static SMALL_PRIMES: LazyLock<UBig> = LazyLock::new(|| {
    const LIMIT: usize = 65_537;
    let mut composite = vec![false; LIMIT + 1];
    let mut product = UBig::ONE;
    let mut chunk = UBig::ONE;
    for number in 2..=LIMIT {
        if composite.get(number).copied().unwrap_or(true) {
            continue;
        }
        for multiple in composite.iter_mut().skip(number * number).step_by(number) {
            *multiple = true;
        }
        chunk *= UBig::from(number);
        if chunk.bit_len() > 2048 {
            product *= std::mem::take(&mut chunk);
            chunk = UBig::ONE;
        }
    }
    product * chunk
});

/// A number from its big-endian magnitude.
pub(super) fn number(magnitude: &[u8]) -> UBig {
    UBig::from_be_bytes(magnitude)
}

/// Whether a square can end in the last six bits of this word.
pub(super) const fn may_be_square(word: u64) -> bool {
    /// Bit i is set if some square ends in i, modulo 64.
    const MOD_64: u64 = 0x0202_0212_0203_0213;
    MOD_64 >> (word % 64) & 1 == 1
}

/// Whether a number is a square. Four of five non-squares are recognised by their last six bits, and most of the rest
/// by one short remainder.
pub(super) fn is_square(number: &UBig) -> bool {
    /// A product of small primes and prime squares that fits a word: one division tests against all of them.
    const MODULI: [u64; 7] = [63, 65, 11, 17, 19, 23, 31];
    const PRODUCT: u64 = 63 * 65 * 11 * 17 * 19 * 23 * 31;
    if !may_be_square(number.as_words().first().copied().unwrap_or_default()) {
        return false;
    }
    let rest = number % PRODUCT;
    let possible = |modulus: u64| (0..modulus).any(|root| root * root % modulus == rest % modulus);
    MODULI.into_iter().all(possible) && number.sqrt_rem().1.is_zero()
}

/// Fermat's test with base 3: a number that passes is prime, or was made to deceive. `None` if it is too large to test.
pub(super) fn looks_prime(number: &UBig) -> Option<bool> {
    if number.bit_len() > MAX_PRIME_BITS {
        return None;
    }
    let three = UBig::from(3_u8);
    if *number <= three {
        return Some(*number > UBig::ONE);
    }
    if !number.bit(0) {
        return Some(false);
    }
    // Montgomery form needs an odd modulus, and half the time of the other form.
    let ring = MontgomeryRepr::new(number.clone());
    Some(ring.reduce(three).pow(&(number - UBig::ONE)).residue() == UBig::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_distinguished_from_their_neighbours() {
        for root in (0_u64..300).map(UBig::from).chain([(UBig::ONE << 1023) + 12_345_u64, UBig::ones(2000)]) {
            let square = &root * &root;
            assert!(is_square(&square), "{root}");
            assert!(root == UBig::ZERO || !is_square(&(&square + UBig::ONE)), "{root}");
            assert!(root <= UBig::ONE || !is_square(&(&square - UBig::ONE)), "{root}");
        }
        assert_eq!((0_u64..10_000).filter(|&n| is_square(&UBig::from(n))).count(), 100);
    }

    #[test]
    fn primes_are_distinguished_from_products() {
        for (bits, prime) in [(2, true), (3, true), (521, true), (607, true), (523, false), (4, false), (1, false)] {
            assert_eq!(looks_prime(&UBig::ones(bits)), Some(prime), "2^{bits} - 1");
        }
        assert_eq!(looks_prime(&UBig::ones(4097)), None);
        assert_eq!(looks_prime(&UBig::ZERO), Some(false));
    }

    #[test]
    fn the_small_primes_are_complete() {
        // The logarithm of a primorial is near its limit; Python computes 94,043 bits.
        assert_eq!(SMALL_PRIMES.bit_len(), 94_043);
        for prime in [2_u64, 3, 257, 65_521, 65_537] {
            let rest = &*SMALL_PRIMES / prime;
            assert!(&*SMALL_PRIMES % prime == 0 && &rest % prime != 0, "{prime}");
        }
        assert_ne!(&*SMALL_PRIMES % 65_539_u64, 0);
    }
}

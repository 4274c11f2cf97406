//! Moduli that are easy to factor: a small factor, two close primes, a short private exponent.

use dashu_int::UBig;
use dashu_int::ops::{BitTest, DivRem, Gcd, SquareRootRem};

use super::number::{PrimeTests, SMALL_PRIMES, is_square, may_be_square};
use super::{Check, Weakness};

pub(super) const SMALL_FACTOR: Check = Check {
    id: "rsa-small-factor",
    finds: "modulus with a prime factor up to 65537: computable if the rest is prime, else a damaged copy of another key",
    source: "badkeys `smallfactors`",
    cost: "0.06 ms",
};

pub(super) const CLOSE_PRIMES: Check = Check {
    id: "rsa-close-primes",
    finds: "the two primes are so close that 100 steps of Fermat's method find them: computable",
    source: "CVE-2022-26320 (Rambus library in Canon and Fujifilm printers)",
    cost: "0.01 ms",
};

pub(super) const SMALL_D: Check = Check {
    id: "rsa-small-d",
    finds: "exponent above 32 bits whose private exponent is shorter than a quarter of the modulus: computable",
    source: "Wiener 1990, continued fractions",
    cost: "none for common exponents; 0.3 ms for an exponent as long as the modulus",
};

/// Steps of Fermat's method: real weak keys are factored within the first few.
const ROUNDS: usize = 100;

/// Whether the modulus has a factor of at most 16 bits; if so, reports it.
pub(super) fn check_small(n: &UBig, tests: &mut PrimeTests, found: &mut Vec<Weakness>) -> bool {
    let product = (&*SMALL_PRIMES % n).gcd(n);
    if product == UBig::ONE {
        return false;
    }
    // A factor may occur more than once.
    let mut rest = n.clone();
    loop {
        let common = (&rest).gcd(&product);
        if common == UBig::ONE {
            break;
        }
        rest /= common;
    }
    if rest <= UBig::ONE {
        found.push(SMALL_FACTOR.computable("RSA modulus is a product of tiny primes"));
        return true;
    }
    found.push(match tests.looks_prime(&rest) {
        Some(true) => SMALL_FACTOR.computable("RSA modulus has a tiny factor and the rest is prime: it is factored"),
        None => SMALL_FACTOR.weak("RSA modulus has a tiny factor: a damaged copy of another key, or a weak key"),
        Some(false) => SMALL_FACTOR
            .weak("RSA modulus has a tiny factor and the rest is not prime: most likely a damaged copy of another key"),
    });
    true
}

/// Fermat's method: n = a² - b² with a just above the root of n.
pub(super) fn check_close(n: &UBig, found: &mut Vec<Weakness>) {
    let (root, rest) = n.sqrt_rem();
    if rest.is_zero() {
        found.push(CLOSE_PRIMES.computable("RSA modulus is a square: both primes are the same"));
        return;
    }
    let mut a = root + UBig::ONE;
    let mut square = &a * &a - n;
    for _ in 0..ROUNDS {
        if is_square(&square) {
            // A modulus of a few bits reaches its trivial factors, n * 1, within the rounds: not a factorisation.
            let b = square.sqrt_rem().0;
            if &a - &b > UBig::ONE {
                found.push(CLOSE_PRIMES.computable(
                    "RSA primes are so close to each other that Fermat's method finds them at once (CVE-2022-26320)",
                ));
            }
            return;
        }
        square += (&a << 1) + UBig::ONE;
        a += UBig::ONE;
    }
}

/// Wiener: if d is short, k / d with e * d = 1 + k * phi is a convergent of e / n.
pub(super) fn check_small_d(n: &UBig, e: &UBig, found: &mut Vec<Weakness>) {
    if e.bit_len() <= 32 || e >= n {
        return;
    }
    // Convergents k / d of e / n, until d has more than a quarter of the bits of n. Two extra bits for the last steps.
    let longest = n.bit_len() / 4 + 2;
    let (mut numerator, mut denominator) = (e.clone(), n.clone());
    let (mut k, mut k_before) = (UBig::ONE, UBig::ZERO);
    let (mut d, mut d_before) = (UBig::ZERO, UBig::ONE);
    let mut below = false;
    while !denominator.is_zero() && d.bit_len() <= longest {
        let (quotient, rest) = (&numerator).div_rem(&denominator);
        let k_next = &quotient * &k + &k_before;
        let d_next = &quotient * &d + &d_before;
        (k_before, k) = (k, k_next);
        (d_before, d) = (d, d_next);
        (numerator, denominator) = (denominator, rest);
        // Convergents are alternately above and below e / n: e * d is k * n minus the remainder, or k * n plus it.
        if below && splits(n, &denominator, &k) {
            found.push(
                SMALL_D.computable("RSA private exponent is so short that it follows from the public one (Wiener)"),
            );
            return;
        }
        below = !below;
    }
}

/// Whether phi = (e * d - 1) / k makes n a product of two numbers, where e * d = k * n - rest. Today d is chosen modulo
/// lcm(p - 1, q - 1), so that e * d = 1 + k * phi / g; the fraction k / (g * d) is in lowest terms, and the quotient is
/// rounded down.
///
/// So n - phi is rest / k, rounded up: most candidates cost only a division by the short k.
fn splits(n: &UBig, rest: &UBig, k: &UBig) -> bool {
    if k.is_zero() || rest.is_zero() {
        return false;
    }
    // p + q, then (p - q)² / 4.
    let sum = (rest + k - UBig::ONE) / k + UBig::ONE;
    if sum.bit(0) {
        return false;
    }
    let half: UBig = sum >> 1;
    let low = |number: &UBig| number.as_words().first().copied().unwrap_or_default();
    if !may_be_square(low(&half).wrapping_mul(low(&half)).wrapping_sub(low(n))) {
        return false;
    }
    let square = &half * &half;
    square >= *n && is_square(&(square - n)) && half << 1 < *n
}

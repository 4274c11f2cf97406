//! ROCA: primes made by Infineon's library are k * M + (65537^a mod M), where M is the product of the first primes. So
//! n is a power of 65537 modulo each of these primes, with the same exponent.

use dashu_int::UBig;
use dashu_int::ops::BitTest;

use super::{Check, Weakness};

pub(super) const ROCA: Check = Check {
    id: "rsa-roca",
    finds: "modulus made by Infineon's library: computable up to 1024 bits, severe up to 2144, weak above",
    source: "CVE-2017-15361; Nemec et al., The Return of Coppersmith's Attack, CCS 2017",
    cost: "0.01 ms for a match, otherwise less",
};

/// The primes up to 167: they divide M for every key size (section 2.1 of the paper). 2 is useless for an odd n.
const PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

const GENERATOR: u64 = 65_537;

pub(super) fn check(n: &UBig, found: &mut Vec<Weakness>) {
    if !is_power_of_generator(n) {
        return;
    }
    let bits = n.bit_len();
    found.push(match bits {
        0..=1024 => ROCA.computable(format!(
            "RSA key of {bits} bits made by Infineon's library (ROCA, CVE-2017-15361): 1024 bits take 97 processor days, \
             less than 100 dollars"
        )),
        // 2144 is the upper end of the sizes that the paper calls practical.
        1025..=2144 => ROCA.severe(format!(
            "RSA key of {bits} bits made by Infineon's library (ROCA, CVE-2017-15361): 2048 bits take 141 processor years, \
             20,000 to 40,000 dollars at 2017 prices, so an attacker can buy this key"
        )),
        _ => ROCA.weak(format!(
            "RSA key of {bits} bits made by Infineon's library (ROCA, CVE-2017-15361): its primes have little randomness; no \
             practical attack on this size is known"
        )),
    });
}

/// Whether n = 65537^x modulo all of the primes, for one x. The chance for a random number is about 2^-150.
fn is_power_of_generator(n: &UBig) -> bool {
    // Known so far: x = rest modulo `modulus`. The least common multiple of the orders has 62 bits.
    let (mut rest, mut modulus) = (0_u128, 1_u128);
    for prime in PRIMES {
        let residue = n % prime;
        let Some((exponent, order)) = logarithm(residue, prime) else { return false };
        let (exponent, order) = (u128::from(exponent), u128::from(order));
        // Adds `modulus` until both congruences are met; repeats after `order` steps.
        let Some(steps) = (0..order).find(|steps| (rest + steps * modulus) % order == exponent) else { return false };
        rest += steps * modulus;
        modulus *= order / gcd(modulus, order);
    }
    true
}

/// The least x with 65537^x = residue, and the order of 65537, modulo the prime; `None` if no x exists.
fn logarithm(residue: u64, prime: u64) -> Option<(u64, u64)> {
    let mut exponent = None;
    let mut power = 1;
    let mut order = 0;
    loop {
        if power == residue {
            exponent = Some(order);
        }
        power = power * GENERATOR % prime;
        order += 1;
        if power == 1 {
            return Some((exponent?, order));
        }
    }
}

const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_recognised_and_near_misses_are_not() {
        let product = PRIMES.iter().fold(UBig::ONE, |product, &prime| product * prime);
        let mut power = UBig::ONE;
        for exponent in 0..500_u64 {
            assert!(is_power_of_generator(&power), "65537^{exponent}");
            // Also far beyond M, as in a key.
            let large = &power + &product * (UBig::ONE << 1000);
            assert!(is_power_of_generator(&large), "65537^{exponent}");
            assert!(!is_power_of_generator(&(&power + UBig::from(2_u8))), "65537^{exponent} + 2");
            power = power * GENERATOR % &product;
        }
        assert_eq!(logarithm(0, 3), None);
        assert_eq!(logarithm(10, 11), Some((1, 2)));
    }

    #[test]
    fn a_power_with_two_exponents_is_not_one() {
        // 65537 and 65537^2 modulo 11 and 13: each is in its group, but orders 2 and 6 require x to be odd and even.
        let odd_one_out = (0_u64..143).find(|n| n % 11 == 65_537 % 11 && n % 13 == 65_537 * 65_537 % 13);
        assert_eq!(
            odd_one_out.map(|n| (logarithm(n % 11, 11), logarithm(n % 13, 13))),
            Some((Some((1, 2)), Some((2, 6))))
        );
        // The same as a key: correct modulo every prime except 13, where it is the square.
        let product = PRIMES.iter().fold(UBig::ONE, |product, &prime| product * prime);
        let others = &product / 13_u64;
        let n =
            (0_u64..13).map(|i| UBig::from(GENERATOR) + &others * i).find(|n| n % 13_u64 == GENERATOR * GENERATOR % 13);
        assert_eq!(n.map(|n| is_power_of_generator(&n)), Some(false));
    }
}

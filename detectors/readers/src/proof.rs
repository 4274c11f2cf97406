//! Arithmetic that proves a private key: its parts fit together, and its public half follows from it.
//!
//! The numbers come from the scanned bytes, so they may be anything. Sizes are bounded before the first multiplication,
//! and no call takes longer than a second.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, Resize};
use curve25519_dalek::{EdwardsPoint, MontgomeryPoint};
use keyradius_core::effort;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::goldilocks;
use super::number::bits;
use super::public::Raw;
use super::witness::{self, Proven};

/// Maximum modulus, in bits; also OpenSSL's limit (`OPENSSL_RSA_MAX_MODULUS_BITS`).
const MAX_BITS: u32 = 16_384;

/// Maximum number of primes in one modulus. RFC 8017 sets no limit; OpenSSL reads up to 5 (`RSA_MAX_PRIME_NUM`).
const MAX_PRIMES: usize = 16;

/// Maximum work for one exponentiation: bits of the modulus, squared, times bits of the exponent. Sufficient for a
/// modulus of 8192 bits with an exponent of the same size (Diffie-Hellman, RFC 3526 7), or of 16384 bits with any
/// subgroup order. Measured at 0.4 seconds.
const MAX_POWER_WORK: u64 = 1 << 39;

/// Whether n is the product of the primes and, if d is given, d inverts e modulo every prime minus one.
///
/// Primality is not tested: an attacker too needs only two factors of n.
pub(crate) fn rsa_fits(n: &[u8], e: &[u8], d: &[u8], primes: &[&[u8]]) -> bool {
    if [n, e, d].into_iter().any(|number| bits(number) > MAX_BITS) || !(2..=MAX_PRIMES).contains(&primes.len()) {
        return false;
    }
    let mut product = Zeroizing::new(BoxedUint::one());
    for prime in primes {
        let odd = prime.last().is_some_and(|last| last & 1 == 1);
        // A product of a and b bits has at least a + b - 1 bits.
        if !odd || bits(prime) < 2 || product.bits_vartime() + bits(prime) - 1 > bits(n) {
            return false;
        }
        product = Zeroizing::new(product.concatenating_mul(&*number(prime)));
    }
    let fits = product.cmp_vartime(&*number(n)).is_eq();
    if fits {
        let primes = || primes.iter().map(|prime| Zeroizing::new(prime.to_vec())).collect();
        witness::keep(|| Proven::Rsa { n: n.to_vec(), d: Zeroizing::new(d.to_vec()), primes: primes() });
    }
    fits && (bits(d) == 0 || primes.iter().all(|prime| inverts(e, d, prime)))
}

/// Whether `factor` divides `n`, and is neither 1 nor `n`.
pub(crate) fn is_factor(factor: &[u8], n: &[u8]) -> bool {
    if bits(factor) < 2 || bits(factor) >= bits(n) || bits(n) > MAX_BITS {
        return false;
    }
    let factor = number(factor);
    factor.as_nz_vartime().is_some_and(|factor| number(n).rem_vartime(factor).is_zero().to_bool())
}

/// The modulus of two or more primes, if the private exponent inverts the public exponent modulo each prime minus one:
/// numbers that are not a key do not fit like this. At least 512 bits.
pub(crate) fn rsa_modulus(e: &[u8], d: &[u8], primes: &[&[u8]]) -> Option<Vec<u8>> {
    let sized = primes.iter().all(|prime| (128..=MAX_BITS).contains(&bits(prime)));
    if !sized || !(2..=MAX_PRIMES).contains(&primes.len()) || bits(d) < 128 || bits(d) > MAX_BITS || bits(e) < 2 {
        return None;
    }
    let mut product = Zeroizing::new(BoxedUint::one());
    for prime in primes {
        product = Zeroizing::new(product.concatenating_mul(&*number(prime)));
    }
    let modulus = product.to_be_bytes();
    let modulus = modulus.get(modulus.iter().position(|&byte| byte != 0)?..)?.to_vec();
    (bits(&modulus) >= 512 && rsa_fits(&modulus, e, d, primes)).then_some(modulus)
}

/// Common public exponents, most frequent first: F4, and those of old programs.
const EXPONENTS: [&[u8]; 4] = [&[1, 0, 1], &[3], &[17], &[5]];

/// The public exponent that d inverts modulo n: the given one, or else a common one. `None` if there is none, or the
/// numbers cannot be a key. Such an exponent also proves the key, because it undoes what d did. Two bases are tested,
/// because 2 has a small order modulo a number with all bits set.
pub(crate) fn rsa_exponent<'a>(n: &[u8], given: &'a [u8], d: &[u8]) -> Option<&'a [u8]> {
    if bits(d) <= bits(n) / 4 {
        return None;
    }
    let signed = Zeroizing::new(dsa_public(n, &[2], d)?);
    let opens = |e: &&[u8]| bits(e) > 1 && dsa_public(n, &signed, e).is_some_and(|opened| opened == [2]);
    let e = [given].into_iter().chain(EXPONENTS).find(opens)?;
    let again = dsa_public(n, &Zeroizing::new(dsa_public(n, &[3], d)?), e)?;
    (again == [3]).then_some(e)
}

/// Whether `prime` divides n.
pub(crate) fn divides(n: &[u8], prime: &[u8]) -> bool {
    if bits(n) > MAX_BITS || bits(prime) > bits(n) {
        return false;
    }
    let prime = number(prime);
    let Some(prime) = prime.as_nz_vartime() else { return false };
    Zeroizing::new(number(n).rem_vartime(prime)).is_zero().to_bool()
}

/// Whether e * d = 1 mod (prime - 1).
fn inverts(e: &[u8], d: &[u8], prime: &[u8]) -> bool {
    let mut order = number(prime);
    // The prime is odd, so clearing the lowest bit subtracts one.
    if let Some(last) = order.as_mut_limbs().first_mut() {
        last.0 &= !1;
    }
    let product = Zeroizing::new(number(e).concatenating_mul(&*number(d)));
    let Some(order) = order.as_nz_vartime() else { return false };
    Zeroizing::new(product.rem_vartime(order)).is_one().to_bool()
}

/// Computes y = g^x mod p, without leading zeros. `None` if the numbers cannot be a key, or are too large.
///
/// Used for all keys of this shape (DSA, ElGamal, Diffie-Hellman) and for `rsa_exponent`, which needs such a power.
pub fn dsa_public(p: &[u8], g: &[u8], x: &[u8]) -> Option<Vec<u8>> {
    let size = u64::from(bits(p));
    let work = size * size * u64::from(bits(x));
    if bits(p) > MAX_BITS || bits(g) > bits(p) || bits(x) > bits(p) || bits(x) == 0 || work > MAX_POWER_WORK {
        return None;
    }
    if !effort::take(work) {
        return None;
    }
    let p = number(p);
    // Montgomery form needs an odd modulus greater than 1.
    let modulus = p.as_odd_vartime().filter(|_| p.bits_vartime() > 1)?;
    let g = number(g).rem_vartime(modulus.as_nz_ref()).resize_unchecked(p.bits_precision());
    let field = BoxedMontyParams::new_vartime(modulus.clone());
    let power = Zeroizing::new(BoxedMontyForm::new(g, &field).pow_bounded_exp(&number(x), bits(x)));
    let y = power.retrieve().to_be_bytes_trimmed_vartime().into_vec();
    witness::keep(|| Proven::Power { y: y.clone(), x: Zeroizing::new(x.to_vec()) });
    Some(y)
}

/// The public key of an Ed25519, Ed448, X25519 or X448 private key; `None` if its length is wrong.
pub fn raw_public(kind: Raw, private: &[u8]) -> Option<Vec<u8>> {
    let public = multiplied(kind, private)?;
    witness::keep(|| Proven::Raw { kind: kind.name(), public: public.clone(), seed: Zeroizing::new(private.to_vec()) });
    Some(public)
}

/// The public key that belongs to private bytes.
fn multiplied(kind: Raw, private: &[u8]) -> Option<Vec<u8>> {
    match kind {
        // RFC 8032 5.1.5: the scalar is the clamped first half of the seed's SHA-512.
        Raw::Ed25519 => {
            let seed: &[u8; 32] = private.try_into().ok()?;
            let hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(seed)));
            let scalar = Zeroizing::new(*hash.first_chunk::<32>()?);
            Some(EdwardsPoint::mul_base_clamped(*scalar).compress().to_bytes().to_vec())
        }
        Raw::X25519 => {
            let scalar = Zeroizing::new(<[u8; 32]>::try_from(private).ok()?);
            Some(MontgomeryPoint::mul_base_clamped(*scalar).to_bytes().to_vec())
        }
        Raw::Ed448 => Some(goldilocks::ed448_public(private.try_into().ok()?)),
        Raw::X448 => Some(goldilocks::x448_public(private.try_into().ok()?)),
    }
}

/// A number that is wiped when dropped. It has at least one limb.
fn number(magnitude: &[u8]) -> Zeroizing<BoxedUint> {
    let zeros = magnitude.iter().take_while(|&&b| b == 0).count();
    let digits = magnitude.get(zeros..).unwrap_or_default();
    Zeroizing::new(if digits.is_empty() { BoxedUint::zero() } else { BoxedUint::from_be_slice_vartime(digits) })
}

#[cfg(test)]
mod tests {
    use super::super::text::bytes;
    use super::*;
    use keyradius_core::hex::hex;

    #[test]
    fn bare_keys_match_the_public_halves_of_the_standards() {
        let counting = hex(&(0..57).collect::<Vec<u8>>());
        for (kind, private, public) in [
            // RFC 8032 7.1 and 7.4, RFC 7748 6.1 and 6.2.
            (
                Raw::Ed25519,
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            ),
            (
                Raw::Ed448,
                "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b",
                "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180",
            ),
            (
                Raw::X25519,
                "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            ),
            (
                Raw::X448,
                "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
                "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0",
            ),
            // OpenSSL 3.0.19 with the bytes 0, 1, 2 ...
            (Raw::Ed25519, &counting[..64], "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"),
            (
                Raw::Ed448,
                &counting[..114],
                "18d0a70e42a742dfb561279893385061d7b4dad8f6feed4791eaab66b2f4a4f02fc09462a8bfb1842d0bac60e8a1b3e55ba2407f33226f3800",
            ),
            (Raw::X25519, &counting[..64], "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"),
            (
                Raw::X448,
                &counting[..112],
                "3c6fd1d02960e0d9e93308fc65736141c30db307977f81b7b10996e51e53f573e5c86621205ff491209d3b7cd7933428177ba4defae14dc1",
            ),
        ] {
            assert_eq!(
                raw_public(kind, &bytes(private)).map(|public| hex(&public)).as_deref(),
                Some(public),
                "{kind:?}"
            );
        }
        for kind in [Raw::Ed25519, Raw::Ed448, Raw::X25519, Raw::X448] {
            for private in [&[][..], &[7; 31], &[7; 64]] {
                assert_eq!(raw_public(kind, private), None);
            }
        }
    }

    /// n = p * q with the Mersenne primes 2^521 - 1 and 2^607 - 1, e = 65537 (computed with Python's integers).
    struct Mersenne {
        n: Vec<u8>,
        d: Vec<u8>,
        p: Vec<u8>,
        q: Vec<u8>,
    }

    fn mersenne() -> Mersenne {
        let prime = |bits: usize| [&[(1_u16 << (bits % 8)) as u8 - 1][..], &vec![0xff; bits / 8]].concat();
        Mersenne {
            n: bytes(
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7ffffffffffffffffffffe0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
            ),
            d: bytes(
                "2a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a5555aaaa5555aaaa5555aa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa01",
            ),
            p: prime(521),
            q: prime(607),
        }
    }

    #[test]
    fn rsa_keys_are_proven_or_refused() {
        let Mersenne { n, d, p, q } = &mersenne();
        let e: &[u8] = &[1, 0, 1];
        let padded = [&[0, 0], &p[..]].concat();
        let mut wrong = d.clone();
        *wrong.last_mut().unwrap() ^= 2;
        let long = vec![0xff; 2049];
        let two: &[u8] = &[2];
        for (fits, n, e, d, primes) in [
            (true, &n[..], e, &d[..], &[&p[..], q][..]),
            (true, n, e, d, &[q, p]),
            (true, n, e, &[], &[p, q]),
            (true, n, e, &[0], &[&padded, q]),
            (false, n, e, &wrong, &[p, q]),
            (false, n, &[3], d, &[p, q]),
            (false, n, &[], d, &[p, q]),
            (false, n, e, d, &[p, p]),
            (false, n, e, d, &[n]),
            (false, n, e, d, &[n, &[1]]),
            (false, n, e, d, &[]),
            (false, n, e, d, &[p, q, &[1]]),
            (false, n, e, d, &[p, q, &[3]]),
            (false, n, e, d, &[&[], q]),
            (false, &long, e, d, &[p, q]),
            (false, n, e, &long, &[p, q]),
            (false, n, e, d, &[&long, &long]),
            // The textbook key 61 * 53, and three primes: 3 * 5 * 7.
            (true, &[0x0c, 0xa1], &[17], &[0x0a, 0xc1], &[&[61], &[53]]),
            (true, &[105], &[5], &[5], &[&[3], &[5], &[7]]),
            (false, &[6], &[5], &[], &[two, &[3]]),
            (false, &[], &[], &[], &[&[], &[]]),
        ] {
            assert_eq!(rsa_fits(n, e, d, primes), fits, "{} {} {}", hex(n), hex(e), hex(d));
        }
    }

    #[test]
    fn powers_match_python() {
        // The prime of RFC 2409 6.1, g = 2, x = the bytes 1 to 20; `pow(g, x, p)`.
        let p = bytes(
            "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff",
        );
        let y = "1dd8236fd093914b0323c692479daf08e9cf5ff3a87229a63b3abf0e3e44c82ac55742af769a069ea5308eb5923e98ad600047fb532a0e4306d63fb87af8a85a16b126d686a0723a7d5c05e8da6f7187f522acda8f80d5da05066c92d11286c0";
        let x: Vec<u8> = (1..=20).collect();
        assert_eq!(dsa_public(&p, &[2], &x).map(|y| hex(&y)).as_deref(), Some(y));
        assert_eq!(dsa_public(&[0, 23], &[0, 0, 5], &[0, 6]), Some(vec![8]), "5^6 mod 23");
        assert_eq!(dsa_public(&[23], &[28], &[6]), Some(vec![8]), "a generator is reduced first");
        let even = [&p[..95], &[0xfe]].concat();
        let long = vec![0xff; 2049];
        for (p, g, x) in [
            (&[][..], &[2][..], &[3][..]),
            (&[0], &[2], &[3]),
            (&[1], &[1], &[1]),
            (&even, &[2], &x),
            (&p, &[2], &[]),
            (&p, &[2], &[0]),
            (&long, &[2], &x),
            (&long[..2048], &[2], &long[..2048]),
            (&p, &long, &x),
        ] {
            assert_eq!(dsa_public(p, g, x), None);
        }
    }

    #[test]
    fn the_largest_numbers_terminate() {
        // A release build needs half a second. Without the bounds on their lengths this test would not terminate.
        let ones = vec![0xff; 2048];
        for (p, x) in [(2048, 256), (1024, 1024)] {
            assert!(dsa_public(&ones[..p], &ones[..p - 1], &ones[..x]).is_some());
        }
        rsa_fits(&ones, &ones, &ones, &[&ones[..1024], &ones[..1024]]);
    }
}

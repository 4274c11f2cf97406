//! The key that private numbers sign as: one rule for every format.
//!
//! A private key is usable if any part of it that can sign is sound, whatever other parts say. OpenSSL signs with the
//! primes and falls back to d if the signature does not verify; ECDSA, EdDSA and DSA need only the private number. So a
//! wrong number is a remark, and only a key that no reading can use counts as damaged.

use std::borrow::Cow;

use keyradius_core::material::{Material, Proof, PublicHalf, Remark};

use super::chance::{distinct, looks_random};
use super::number::{bits, strip};
use super::proof;
use super::public::{self, Domain, PublicKey, Raw};

/// Minimum bits of a prime that proves a key by dividing the modulus. A 64-bit number divides a random modulus once in
/// 2^64 times.
const MIN_FACTOR: u32 = 64;

/// Maximum modulus, in bits, with which d alone is tested. The cost is the cube of this. `keyradius_core::effort`
/// bounds the number of tests per input.
const MOST_RAISED: u32 = 4096;

/// The private numbers of a key, borrowed from a buffer that wipes itself.
#[derive(Clone, Copy)]
pub enum Private<'a> {
    /// RSA.
    Rsa {
        /// The private exponent.
        d: &'a [u8],
        /// The first prime.
        p: &'a [u8],
        /// The second prime.
        q: &'a [u8],
    },
    /// DSA x, ECDSA d, or the seed of EdDSA.
    Number(&'a [u8]),
    /// A handle that only its security key can use.
    Handle,
}

/// How the parts of a private key fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All compared parts fit.
    Whole,
    /// One number is wrong, but the others prove the key. The remark says which.
    Part(Remark),
    /// The public half is foreign or missing: it was derived from the private number, which nothing else confirms.
    Derived(Remark),
    /// Nothing fits.
    Nothing,
}

impl Fit {
    /// Whether arithmetic proves the key.
    pub const fn is_proven(self) -> bool {
        matches!(self, Self::Whole | Self::Part(_))
    }

    /// The remark to report.
    pub const fn remark(self) -> Option<Remark> {
        match self {
            Self::Whole => None,
            Self::Part(remark) | Self::Derived(remark) => Some(remark),
            Self::Nothing => Some(Remark::Unfit),
        }
    }

    /// Sets the proof of a material, and adds the remark.
    pub fn describe(self, material: &mut Material) {
        material.proof = if self.is_proven() { Proof::Verified } else { Proof::Structure };
        material.remarks.extend(self.remark());
    }
}

/// An RSA private key: the modulus and public exponent that it signs under, and how its numbers fit.
#[derive(Clone, Debug)]
pub struct Rsa<'a> {
    /// The modulus of the file, or the product of the primes.
    pub(crate) n: Cow<'a, [u8]>,
    pub(crate) e: &'a [u8],
    /// How its numbers fit.
    pub fit: Fit,
}

impl Rsa<'_> {
    /// The public half that the key signs as.
    pub fn half(&self) -> PublicHalf {
        public::half(&PublicKey::Rsa { n: &self.n, e: self.e })
    }

    /// Whether the key is proven to belong to the modulus of the file.
    pub(crate) const fn is_of_its_modulus(&self) -> bool {
        matches!(self.n, Cow::Borrowed(_)) && self.fit.is_proven()
    }
}

/// Determines the key that the numbers of an RSA private key form. `primes` may have fewer than two, and `d` may be
/// empty.
///
/// The key signs under the exponent that d inverts, which may differ from the stored one, and under the product of its
/// primes. A stored modulus of another key, such as a published one, would hide it.
pub(crate) fn rsa<'a>(n: &'a [u8], e: &'a [u8], d: &[u8], primes: &[&[u8]]) -> Rsa<'a> {
    if proof::rsa_fits(n, e, d, primes) {
        return Rsa { n: Cow::Borrowed(n), e, fit: Fit::Whole };
    }
    let product = proof::rsa_fits(n, e, &[], primes);
    let undone = if bits(n) > MOST_RAISED { None } else { proof::rsa_exponent(n, e, d) };
    let fit = match undone {
        Some(other) if other != e => Fit::Part(Remark::WrongPublicExponent),
        Some(_) if product || primes.len() < 2 => Fit::Whole,
        Some(_) => Fit::Part(Remark::WrongPrimes),
        None if product => Fit::Part(Remark::WrongExponent),
        None if primes.iter().any(|prime| is_factor(n, prime)) => Fit::Part(Remark::OnePrime),
        None => Fit::Nothing,
    };
    let own = if fit == Fit::Nothing { proof::rsa_modulus(e, d, primes) } else { None };
    match own {
        Some(own) => Rsa { n: Cow::Owned(own), e, fit: Fit::Derived(Remark::WrongModulus) },
        None => Rsa { n: Cow::Borrowed(n), e: undone.unwrap_or(e), fit },
    }
}

/// Like `rsa`, for formats that leave no doubt what the numbers are. `None` if the numbers prove nothing and do not
/// have the shape of a key either.
pub fn rsa_by_name<'a>(n: &'a [u8], e: &'a [u8], d: &[u8], primes: &[&[u8]]) -> Option<Rsa<'a>> {
    let key = rsa(n, e, d, primes);
    (key.fit != Fit::Nothing || has_rsa_shape(n, d, primes)).then_some(key)
}

fn is_factor(n: &[u8], prime: &[u8]) -> bool {
    (MIN_FACTOR..bits(n)).contains(&bits(prime)) && proof::divides(n, prime)
}

/// Whether numbers that prove nothing have the shape of an RSA private key: consistent sizes, and no number made of few
/// different bytes. Only for formats that leave no doubt what the numbers are.
pub fn has_rsa_shape(n: &[u8], d: &[u8], primes: &[&[u8]]) -> bool {
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let size = bits(n);
    // A product of a and b bits has a + b or a + b - 1 bits.
    let sum: u32 = primes.iter().map(|prime| bits(prime)).sum();
    let sizes = primes.is_empty() || (size..=size + primes.len() as u32).contains(&sum);
    let numbers = || [n].into_iter().chain(primes.iter().copied());
    sizes && numbers().all(odd) && (size / 2..=size).contains(&bits(d)) && numbers().chain([d]).all(looks_random)
}

/// The public half that a private key signs as, and how it fits the stored one. A key is what it signs as: a published
/// public half stored with a foreign private key would hide it.
pub fn signs_as(key: &PublicKey<'_>, private: Private<'_>) -> (PublicHalf, Fit) {
    if let (PublicKey::Rsa { n, e }, Private::Rsa { d, p, q }) = (*key, private) {
        let key = rsa(n, e, d, &[p, q]);
        return (key.half(), key.fit);
    }
    if belongs(key, private) {
        return (public::half(key), Fit::Whole);
    }
    let is_alone = match *key {
        PublicKey::Ec { point, .. } => point.is_empty(),
        PublicKey::Raw { bytes, .. } => bytes.is_empty(),
        PublicKey::Dsa { y, .. } => y.is_empty(),
        _ => false,
    };
    match derived(key, private) {
        Some(half) => {
            (half, Fit::Derived(if is_alone { Remark::NoPublicNumber } else { Remark::ForeignPublicNumbers }))
        }
        // Scalars out of range, and kinds whose public half cannot be derived.
        None => (public::half(key), Fit::Nothing),
    }
}

/// The public half of a key with one private number. `None` if nothing confirms the number and it does not have the
/// full size of its group, `size` bits, because documentation contains placeholders.
pub fn one_number(key: &PublicKey<'_>, number: &[u8], size: u32) -> Option<(PublicHalf, Fit)> {
    let (half, fit) = signs_as(key, Private::Number(number));
    let stands = fit.is_proven() || (fit != Fit::Nothing && is_full_size(number, size));
    stands.then_some((half, fit))
}

/// [`one_number`] for an Ed25519 seed and the stored public key, which may be empty.
pub fn ed25519(seed: &[u8], public: &[u8]) -> Option<(PublicHalf, Fit)> {
    one_number(&PublicKey::Raw { kind: Raw::Ed25519, bytes: public }, seed, 256)
}

/// Whether the public number follows from the private one.
#[allow(clippy::many_single_char_names, reason = "the letters of the standards")]
fn belongs(key: &PublicKey<'_>, private: Private<'_>) -> bool {
    match (*key, private) {
        (PublicKey::Dsa { p, q, g, y }, Private::Number(x)) => {
            bits(x) <= bits(q) && proof::dsa_public(p, g, x).is_some_and(|computed| strip(&computed) == strip(y))
        }
        (PublicKey::Ec { domain: Domain::Named(curve), point }, Private::Number(d)) => {
            let computed = curve.public_point(d);
            computed.is_some() && computed == curve.decompress(point)
        }
        (PublicKey::Raw { kind, bytes }, Private::Number(seed)) => {
            proof::raw_public(kind, seed).as_deref() == Some(bytes)
        }
        _ => false,
    }
}

/// The public half that follows from a private number, if it can be derived.
fn derived(key: &PublicKey<'_>, private: Private<'_>) -> Option<PublicHalf> {
    match (*key, private) {
        (PublicKey::Dsa { p, q, g, .. }, Private::Number(x)) if bits(x) <= bits(q) => {
            let computed = proof::dsa_public(p, g, x)?;
            Some(public::half(&PublicKey::Dsa { p, q, g, y: strip(&computed) }))
        }
        (PublicKey::Ec { domain: domain @ Domain::Named(curve), .. }, Private::Number(d)) => {
            Some(public::half(&PublicKey::Ec { domain, point: &curve.public_point(d)? }))
        }
        (PublicKey::Raw { kind, .. }, Private::Number(seed)) => {
            Some(public::half(&PublicKey::Raw { kind, bytes: &proof::raw_public(kind, seed)? }))
        }
        _ => None,
    }
}

/// Whether an unconfirmed private number may be a key: it has the size of its group, and is not a few bytes repeated,
/// as in placeholders. A number more than 64 bits shorter occurs once in 2^64 keys. Randomness is not tested: a key
/// with half its entropy signs too.
pub fn is_full_size(number: &[u8], size: u32) -> bool {
    /// Minimum number of different bytes. A number of 32 bytes with only seven values is easier to guess than one of
    /// 128 bits.
    const KINDS: usize = 8;
    bits(number) + 64 > size && distinct(number) >= KINDS
}

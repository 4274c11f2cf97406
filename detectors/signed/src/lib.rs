//! Verifies signatures: a [`Signature`] that a reader took from a file, with the public key of another file.
//!
//! A link between a key and what it signed is proven here or not at all. Only public numbers occur, so nothing is
//! constant-time. The numbers may be hostile: sizes are limited, and a scheme, a curve or a length that does not fit
//! gives [`Verdict::Unknown`] or [`Verdict::Failed`], never a panic.
//!
//! This verifies one signature over bytes. It does not validate a path: dates, usages and constraints are not looked
//! at, because an expired certificate was issued by its issuer too.

pub mod detached;
mod ec;
mod edwards;
mod rsa;

use dashu_int::UBig;
use dashu_int::ops::BitTest;
use keyradius_core::signature::{Scheme, Signature, Signed};
use keyradius_readers::ber::{BIT_STRING, BerReader, INTEGER, SEQUENCE};
use keyradius_readers::number::bits;
use keyradius_readers::public::{PublicKey, Raw};
use keyradius_readers::{post_quantum, spki};

/// The result of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The key made the signature.
    Verified,
    /// The key did not make the signature, or the signature or what it is over was changed.
    Failed,
    /// The key is of a kind that is not verified: a curve over a binary field, a size above the limits.
    Unknown,
}

impl From<bool> for Verdict {
    fn from(verified: bool) -> Self {
        if verified { Self::Verified } else { Self::Failed }
    }
}

/// Maximum size of a modulus of RSA or DSA, in bits: OpenSSL's limit (`OPENSSL_RSA_MAX_MODULUS_BITS`).
const MAX_MODULUS: u32 = 16_384;
/// Maximum size of a public exponent of RSA, in bits: OpenSSL's limit for large moduli (`OPENSSL_RSA_MAX_PUBEXP_BITS`).
const MAX_EXPONENT: u32 = 64;
/// Maximum size of the order of a DSA group, in bits. FIPS 186-4 has at most 256.
const MAX_ORDER: u32 = 512;

/// Verifies a signature with the key of a DER SubjectPublicKeyInfo.
pub fn verify(spki: &[u8], signature: &Signature) -> Verdict {
    verdict(spki, signature).unwrap_or(Verdict::Failed)
}

/// The time that [`verify`] takes for a key, in microseconds of a slow core, roughly: callers add it up to stay within a
/// budget that does not depend on the machine.
pub fn cost(spki: &[u8]) -> u64 {
    /// RSA with 2,048 bits and the exponent 65,537.
    const RSA_2048: u64 = 100;
    /// ECDSA on P-256.
    const EC_256: u64 = 600;
    let square = |size: u32| u64::from(size) * u64::from(size);
    match Key::read(spki) {
        Some(Key::Numbers(PublicKey::Rsa { n, e })) => {
            RSA_2048 + square(bits(n)) * u64::from(bits(e)) * RSA_2048 / (2048 * 2048 * 17)
        }
        Some(Key::Numbers(PublicKey::Dsa { p, q, .. })) => {
            RSA_2048 + square(bits(p)) * u64::from(bits(q)) * RSA_2048 / (2048 * 2048 * 8)
        }
        Some(Key::Numbers(PublicKey::Ec { point, .. })) => EC_256 * (1 + square(point.len() as u32) / square(65)),
        Some(Key::Numbers(_) | Key::Lattice(_)) | None => 2 * EC_256,
    }
}

/// `None` for a key that cannot be read, or that does not belong to the scheme.
fn verdict(spki: &[u8], signature: &Signature) -> Option<Verdict> {
    let value = &signature.value[..];
    let (digest, message) = match &signature.over {
        Signed::Digest(digest) => (Some(&digest[..]), None),
        Signed::Message(message) => (None, Some(&message[..])),
    };
    Some(match (signature.scheme, Key::read(spki)?) {
        (Scheme::MlDsa(set), Key::Lattice(key)) => post_quantum::lattice_verifies(set, key, message?, value).into(),
        (scheme, Key::Numbers(key)) => match (scheme, key) {
            (Scheme::RsaPkcs1(hash), PublicKey::Rsa { n, e }) => rsa::pkcs1(n, e, hash, digest?, value),
            (Scheme::RsaPss { hash, mask, salt }, PublicKey::Rsa { n, e }) => {
                rsa::pss(n, e, &rsa::Pss { hash, mask, salt }, digest?, value)
            }
            (Scheme::Ecdsa(_), PublicKey::Ec { domain, point }) => {
                ec::verify(&domain, point, digest?, &numbers(value)?)
            }
            (Scheme::Dsa(_), PublicKey::Dsa { p, q, g, y }) => dsa([p, q, g, y], digest?, &numbers(value)?),
            (Scheme::Ed25519, PublicKey::Raw { kind: Raw::Ed25519, bytes }) => {
                edwards::ed25519(bytes, message?, value)?.into()
            }
            (Scheme::Ed448, PublicKey::Raw { kind: Raw::Ed448, bytes }) => {
                edwards::ed448(bytes, message?, value)?.into()
            }
            _ => Verdict::Failed,
        },
        _ => Verdict::Failed,
    })
}

/// A public key; keys of ML-DSA have no numbers to read.
enum Key<'a> {
    Numbers(PublicKey<'a>),
    /// ML-DSA; its length says which.
    Lattice(&'a [u8]),
}

impl<'a> Key<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        if let Some(numbers) = spki::read(der) {
            return Some(Self::Numbers(numbers));
        }
        let mut fields = BerReader::new(der).value(SEQUENCE, "SubjectPublicKeyInfo").ok()?.children();
        fields.value(SEQUENCE, "AlgorithmIdentifier").ok()?;
        let (_, octets) = fields.value(BIT_STRING, "subjectPublicKey").ok()?.content.split_first()?;
        Some(Self::Lattice(octets))
    }
}

/// The numbers r and s of ECDSA and DSA (RFC 3279 2.2.2 and 2.2.3).
fn numbers(value: &[u8]) -> Option<[UBig; 2]> {
    let mut pair = BerReader::new(value).value(SEQUENCE, "signature value").ok()?.children();
    let mut number = || Some(UBig::from_be_bytes(pair.value(INTEGER, "number").ok()?.content));
    Some([number()?, number()?])
}

/// The leftmost bits of a digest, as many as the order of the group has (FIPS 186-5 6.4.2).
fn leftmost(digest: &[u8], order: &UBig) -> UBig {
    let (have, want) = (digest.len() * 8, order.bit_len());
    UBig::from_be_bytes(digest) >> have.saturating_sub(want)
}

/// Whether 1 <= r, s < order.
fn in_range(pair: &[UBig; 2], order: &UBig) -> bool {
    pair.iter().all(|number| *number != UBig::ZERO && number < order)
}

/// The factors of the generator and of the public key: digest / s and r / s, modulo the order.
fn factors(pair: &[UBig; 2], digest: &[u8], order: &UBig) -> Option<[UBig; 2]> {
    let ring = dashu_int::fast_div::ConstDivisor::new(order.clone());
    let [r, s] = pair;
    let inverse = ring.reduce(s.clone()).inv()?;
    let of = |number: UBig| (ring.reduce(number) * &inverse).residue();
    Some([of(leftmost(digest, order)), of(r.clone())])
}

/// FIPS 186-4 4.7.
fn dsa([p, q, g, y]: [&[u8]; 4], digest: &[u8], pair: &[UBig; 2]) -> Verdict {
    if bits(p) > MAX_MODULUS || bits(q) > MAX_ORDER {
        return Verdict::Unknown;
    }
    let [p, q, g, y] = [p, q, g, y].map(UBig::from_be_bytes);
    if p <= UBig::ONE || q <= UBig::ONE || !in_range(pair, &q) {
        return Verdict::Failed;
    }
    let Some([u, v]) = factors(pair, digest, &q) else { return Verdict::Failed };
    let field = dashu_int::fast_div::ConstDivisor::new(p);
    let product = field.reduce(g).pow(&u) * field.reduce(y).pow(&v);
    let [r, _] = pair;
    Verdict::from(product.residue() % q == *r)
}

#[cfg(test)]
mod tests;

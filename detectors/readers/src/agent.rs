//! Keys in gpg-agent's format (GnuPG agent/keyformat.txt): interprets the numbers of an S-expression.

use keyradius_core::error::Malformed;
use keyradius_core::material::{Identity, PublicHalf};
use sha2::{Digest, Sha256};

use super::curves;
use super::number;
use super::number::bits;
use super::public::{self, Domain, PublicKey, Raw};
use super::sexp::Node;
use super::signs::{self, Fit, Private};

/// The public numbers of `(rsa (n ..)(e ..))` and similar lists. A point may be on no curve: the private number signs
/// without it.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// A key that has a SubjectPublicKeyInfo.
    Key(PublicKey<'a>),
    /// A key without a SubjectPublicKeyInfo here: ElGamal, and curves missing from the table. Contains the number that
    /// identifies it.
    Other(&'a [u8]),
}

impl<'a> Numbers<'a> {
    /// Reads the numbers of the list that names the algorithm.
    pub fn read(key: &'a Node) -> Result<Self, Malformed> {
        let number = |name: &'static [u8]| {
            key.value(name).filter(|number| !number.is_empty()).ok_or(Malformed::new("number of a key", 0))
        };
        match key.head().unwrap_or_default() {
            b"rsa" | b"openpgp-rsa" | b"oid.1.2.840.113549.1.1.1" => {
                let (n, e) = (number(b"n")?, number(b"e")?);
                if bits(n) < 256 || bits(n) > 65_536 || n.last().is_some_and(|byte| byte & 1 == 0) {
                    return Err(Malformed::new("RSA modulus", 0));
                }
                Ok(Self::Key(PublicKey::Rsa { n, e }))
            }
            b"dsa" | b"openpgp-dsa" => {
                let (p, q, g, y) = (number(b"p")?, number(b"q")?, number(b"g")?, number(b"y")?);
                if bits(p) < 512 || bits(q) < 128 {
                    return Err(Malformed::new("DSA numbers", 0));
                }
                Ok(Self::Key(PublicKey::Dsa { p, q, g, y }))
            }
            b"elg" | b"elg-e" | b"openpgp-elg" => {
                number(b"p")?;
                Ok(Self::Other(number(b"y")?))
            }
            b"ecc" | b"ecdsa" | b"ecdh" | b"eddsa" => {
                let (curve, q) = (number(b"curve")?, number(b"q")?);
                if let Some(kind) = raw_curve(curve) {
                    // libgcrypt usually puts 0x40 before the native form, but not always.
                    let bytes = q.strip_prefix(&[0x40]).filter(|bytes| bytes.len() == kind.len()).unwrap_or(q);
                    return Ok(Self::Key(PublicKey::Raw { kind, bytes }));
                }
                let Some(curve) = curves::by_any_name(curve) else { return Ok(Self::Other(q)) };
                Ok(Self::Key(PublicKey::Ec { domain: Domain::Named(curve), point: q }))
            }
            _ => Err(Malformed::new("algorithm of an S-expression", 0)),
        }
    }

    /// The identity of the public numbers alone, when the private ones are unknown: a public half, or a digest if there
    /// is none. A point on no curve is identified by its digest.
    pub fn identity(&self) -> Identity {
        let number: &[u8] = match *self {
            Self::Key(PublicKey::Raw { kind, bytes }) if bytes.len() != kind.len() => bytes,
            Self::Key(PublicKey::Ec { domain: Domain::Named(curve), point }) if curve.decompress(point).is_none() => {
                point
            }
            Self::Key(key) => return Identity::public(public::half(&key)),
            Self::Other(number) => number,
        };
        Identity::Opaque(Sha256::new().chain_update(b"gnupg public\0").chain_update(number).finalize().into())
    }

    /// The key that the private numbers of a list sign as. `None` if a number is missing or nothing can be computed.
    pub fn signs_as(&self, private: &Node) -> Option<(PublicHalf, Fit)> {
        let Self::Key(key) = self else { return None };
        let value = |name: &'static [u8]| private.value(name);
        Some(match key {
            // Without primes, libgcrypt signs with d alone.
            PublicKey::Rsa { .. } => {
                let [d, p, q] = [b"d", b"p", b"q"].map(|name| value(name).unwrap_or_default());
                if d.is_empty() && p.is_empty() && q.is_empty() {
                    return None;
                }
                signs::signs_as(key, Private::Rsa { d, p, q })
            }
            PublicKey::Dsa { .. } => signs::signs_as(key, Private::Number(value(b"x")?)),
            PublicKey::Raw { kind, .. } => {
                // Shorter if it was stored as a number, and then big-endian.
                let mut seed = number::padded(value(b"d")?, kind.len())?;
                let written = signs::signs_as(key, Private::Number(&seed));
                if written.1.is_proven() {
                    return Some(written);
                }
                seed.reverse();
                Some(signs::signs_as(key, Private::Number(&seed))).filter(|(_, fit)| fit.is_proven()).unwrap_or(written)
            }
            _ => signs::signs_as(key, Private::Number(value(b"d")?)),
        })
    }
}

/// The curves whose keys are bare bytes, by their names in libgcrypt and GnuPG (cipher/ecc-curves.c).
pub fn raw_curve(name: &[u8]) -> Option<Raw> {
    Some(match name {
        b"Ed25519" | b"ed25519" | b"1.3.6.1.4.1.11591.15.1" | b"1.3.101.112" => Raw::Ed25519,
        b"Curve25519" | b"cv25519" | b"X25519" | b"1.3.6.1.4.1.3029.1.5.1" | b"1.3.101.110" => Raw::X25519,
        b"Ed448" | b"ed448" | b"1.3.101.113" => Raw::Ed448,
        b"X448" | b"cv448" | b"1.3.101.111" => Raw::X448,
        _ => return None,
    })
}

//! Keys as gpg-agent keeps them (GnuPG agent/keyformat.txt): what the numbers of an S-expression amount to.

use scanner_core::error::Malformed;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::curves::{self, Curve};
use super::public::{Domain, PublicKey, Raw, bits};
use super::sexp::Node;
use super::ssh::{self, Private};

/// The public numbers of `(rsa (n ..)(e ..))` and its kin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers<'a> {
    Key(PublicKey<'a>),
    /// Without a SubjectPublicKeyInfo here: ElGamal, and curves that the table does not have. The number that makes it.
    Other(&'a [u8]),
}

impl<'a> Numbers<'a> {
    /// The numbers of the list that names the algorithm.
    pub(crate) fn read(key: &'a Node) -> Result<Self, Malformed> {
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
                    // libgcrypt puts 0x40 before the native form, and sometimes does not.
                    let bytes = q.strip_prefix(&[0x40]).filter(|bytes| bytes.len() == kind.len()).unwrap_or(q);
                    if bytes.len() != kind.len() {
                        return Err(Malformed::new("point of a key", 0));
                    }
                    return Ok(Self::Key(PublicKey::Raw { kind, bytes }));
                }
                let Some(curve) = named_curve(curve) else { return Ok(Self::Other(q)) };
                curve.decompress(q).ok_or(Malformed::new("point of a key", 0))?;
                Ok(Self::Key(PublicKey::Ec { domain: Domain::Named(curve), point: q }))
            }
            _ => Err(Malformed::new("algorithm of an S-expression", 0)),
        }
    }

    /// A digest that stands for the public half where there is no other name for it.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        match self {
            Self::Key(_) => None,
            Self::Other(number) => {
                Some(Sha256::new().chain_update(b"gnupg public\0").chain_update(number).finalize().into())
            }
        }
    }

    /// Whether the private numbers of a list belong to these. `None` where nothing can be computed.
    pub(crate) fn fits(&self, private: &Node) -> Option<bool> {
        match self {
            Self::Key(key) => Some(Self::key_fits(key, private).unwrap_or(false)),
            Self::Other(_) => None,
        }
    }

    /// `None` if a number is missing.
    fn key_fits(key: &PublicKey<'_>, private: &Node) -> Option<bool> {
        Some(match key {
            PublicKey::Rsa { .. } => {
                let (d, p, q) = (private.value(b"d")?, private.value(b"p")?, private.value(b"q")?);
                ssh::fits(key, Private::Rsa { d, p, q })
            }
            PublicKey::Dsa { .. } => ssh::fits(key, Private::Number(private.value(b"x")?)),
            PublicKey::Raw { kind, .. } => {
                let number = private.value(b"d")?;
                let zeros = number.len().saturating_sub(kind.len());
                let digits = number.get(zeros..)?;
                // Short where it was a number once, and then big-endian.
                let mut seed = Zeroizing::new(vec![0; kind.len() - digits.len()]);
                seed.extend_from_slice(digits);
                if ssh::fits(key, Private::Number(&seed)) {
                    return Some(true);
                }
                seed.reverse();
                ssh::fits(key, Private::Number(&seed))
            }
            _ => ssh::fits(key, Private::Number(private.value(b"d")?)),
        })
    }
}

/// The curves whose keys are bare bytes, by the names that libgcrypt and GnuPG write (cipher/ecc-curves.c).
fn raw_curve(name: &[u8]) -> Option<Raw> {
    Some(match name {
        b"Ed25519" | b"ed25519" | b"1.3.6.1.4.1.11591.15.1" | b"1.3.101.112" => Raw::Ed25519,
        b"Curve25519" | b"cv25519" | b"X25519" | b"1.3.6.1.4.1.3029.1.5.1" | b"1.3.101.110" => Raw::X25519,
        b"Ed448" | b"ed448" | b"1.3.101.113" => Raw::Ed448,
        b"X448" | b"cv448" | b"1.3.101.111" => Raw::X448,
        _ => return None,
    })
}

/// The others.
fn named_curve(name: &[u8]) -> Option<&'static Curve> {
    let name = str::from_utf8(name).ok()?;
    let name = match name {
        "nistp192" | "prime192v1" | "secp192r1" | "1.2.840.10045.3.1.1" => "P-192",
        "nistp224" | "secp224r1" | "1.3.132.0.33" => "P-224",
        "nistp256" | "prime256v1" | "secp256r1" | "1.2.840.10045.3.1.7" => "P-256",
        "nistp384" | "secp384r1" | "1.3.132.0.34" => "P-384",
        "nistp521" | "secp521r1" | "1.3.132.0.35" => "P-521",
        "1.3.132.0.10" => "secp256k1",
        "sm2p256v1" => "SM2",
        other => other.strip_prefix("NIST ").unwrap_or(other),
    };
    curves::by_name(name)
}

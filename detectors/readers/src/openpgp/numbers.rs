//! The numbers of OpenPGP keys (RFC 9580 5.5.5): the public ones, and the check of the secret ones against them.

use keyradius_core::error::Malformed;
use keyradius_core::material::PublicHalf;
use zeroize::Zeroizing;

use crate::cursor::Cursor;
use crate::public::{self, Domain, PublicKey, Raw};
use crate::{curves, number, proof, signs};

/// Ed25519Legacy, 1.3.6.1.4.1.11591.15.1.
const OID_ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
/// Curve25519Legacy, 1.3.6.1.4.1.3029.1.5.1.
const OID_CURVE25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01];

/// The numbers of a public key, as stored.
pub(super) enum Numbers<'a> {
    Rsa {
        n: &'a [u8],
        e: &'a [u8],
    },
    Dsa {
        p: &'a [u8],
        q: &'a [u8],
        g: &'a [u8],
        y: &'a [u8],
    },
    ElGamal {
        p: &'a [u8],
        g: &'a [u8],
        y: &'a [u8],
    },
    Ec {
        oid: &'a [u8],
        point: &'a [u8],
    },
    /// `reversed`: the secret is a big-endian number, as in the old X25519.
    Raw {
        kind: Raw,
        public: &'a [u8],
        reversed: bool,
        bare: bool,
    },
    /// An unknown algorithm, in a packet that states the length.
    Unknown,
}

fn mpi<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let bits = usize::from(cursor.u16("MPI length")?);
    cursor.take(bits.div_ceil(8), "MPI")
}

/// Reads a field with one length octet before it.
fn short<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], Malformed> {
    let length = usize::from(cursor.u8(what)?);
    cursor.take(length, what)
}

/// Whether [`numbers`] supports an algorithm.
pub(super) const fn is_known(algorithm: u8) -> bool {
    matches!(algorithm, 1..=3 | 16..=20 | 22 | 25..=28)
}

/// Reads the public numbers (RFC 9580 5.5.5) for an algorithm id of 9.1.
pub(super) fn numbers<'a>(cursor: &mut Cursor<'a>, algorithm: u8) -> Result<Numbers<'a>, Malformed> {
    let bare = |cursor: &mut Cursor<'a>, kind: Raw| {
        let public = cursor.take(kind.len(), "public key")?;
        Ok(Numbers::Raw { kind, public, reversed: false, bare: true })
    };
    let sane = |number: &[u8], least: u32| (least..=16_384).contains(&number::bits(number));
    match algorithm {
        1..=3 => {
            let (n, e) = (mpi(cursor)?, mpi(cursor)?);
            let fine = sane(n, 512) && n.last().is_some_and(|b| b & 1 == 1) && sane(e, 2);
            if fine { Ok(Numbers::Rsa { n, e }) } else { Err(Malformed::new("RSA numbers", cursor.at())) }
        }
        16 | 20 => {
            let (p, g, y) = (mpi(cursor)?, mpi(cursor)?, mpi(cursor)?);
            if sane(p, 512) { Ok(Numbers::ElGamal { p, g, y }) } else { Err(Malformed::new("ElGamal p", cursor.at())) }
        }
        17 => {
            let (p, q, g, y) = (mpi(cursor)?, mpi(cursor)?, mpi(cursor)?, mpi(cursor)?);
            let fine = sane(p, 512) && sane(q, 128);
            if fine { Ok(Numbers::Dsa { p, q, g, y }) } else { Err(Malformed::new("DSA numbers", cursor.at())) }
        }
        18 | 19 | 22 => {
            let oid = short(cursor, "curve OID")?;
            let point = mpi(cursor)?;
            if algorithm == 18 {
                short(cursor, "KDF parameters")?;
            }
            let legacy = match oid {
                OID_ED25519 => Some((Raw::Ed25519, false)),
                OID_CURVE25519 => Some((Raw::X25519, true)),
                _ => Raw::from_oid(oid).map(|kind| (kind, false)),
            };
            match (legacy, point) {
                (Some((kind, reversed)), [0x40, public @ ..]) if public.len() == kind.len() => {
                    Ok(Numbers::Raw { kind, public, reversed, bare: false })
                }
                // Ed448 and X448 may lack the prefix.
                (Some((kind, reversed)), public) if public.len() == kind.len() => {
                    Ok(Numbers::Raw { kind, public, reversed, bare: false })
                }
                (None, [2..=4, ..]) if (3..=20).contains(&oid.len()) => Ok(Numbers::Ec { oid, point }),
                _ => Err(Malformed::new("EC point", cursor.at())),
            }
        }
        25 => bare(cursor, Raw::X25519),
        26 => bare(cursor, Raw::X448),
        27 => bare(cursor, Raw::Ed25519),
        28 => bare(cursor, Raw::Ed448),
        _ => Err(Malformed::new("key algorithm", cursor.at())),
    }
}

pub(super) fn half(numbers: &Numbers<'_>) -> Option<PublicHalf> {
    Some(public::half(&match *numbers {
        Numbers::Rsa { n, e } => PublicKey::Rsa { n, e },
        Numbers::Dsa { p, q, g, y } => PublicKey::Dsa { p, q, g, y },
        Numbers::ElGamal { .. } | Numbers::Unknown => return None,
        Numbers::Ec { oid, point } => PublicKey::Ec { domain: Domain::Named(curves::by_oid(oid)?), point },
        Numbers::Raw { kind, public, .. } => PublicKey::Raw { kind, bytes: public },
    }))
}

/// Reads the secret numbers (RFC 9580 5.5.5). Returns whether they belong to the public ones.
pub(super) fn fits(cursor: &mut Cursor<'_>, numbers: &Numbers<'_>) -> Result<bool, Malformed> {
    match *numbers {
        Numbers::Rsa { n, e } => {
            let (d, p, q) = (mpi(cursor)?, mpi(cursor)?, mpi(cursor)?);
            mpi(cursor)?;
            Ok(signs::rsa(n, e, d, &[p, q]).is_of_its_modulus())
        }
        Numbers::Dsa { p, g, y, .. } | Numbers::ElGamal { p, g, y } => {
            let x = mpi(cursor)?;
            Ok(proof::dsa_public(p, g, x).is_some_and(|computed| number::bits(&computed) > 1 && same(&computed, y)))
        }
        Numbers::Ec { oid, point } => {
            let scalar = mpi(cursor)?;
            let Some(curve) = curves::by_oid(oid) else { return Ok(false) };
            Ok(curve.public_point(scalar).is_some_and(|computed| curve.decompress(point) == Some(computed)))
        }
        Numbers::Raw { kind, public, reversed, bare } => {
            let secret = if bare { cursor.take(kind.len(), "secret key")? } else { mpi(cursor)? };
            // The secret may have the prefix 0x40 too; an MPI has lost its leading zeros.
            let secret = match secret {
                [0x40, rest @ ..] if rest.len() == kind.len() => rest,
                other => other,
            };
            let Some(missing) = kind.len().checked_sub(secret.len()) else { return Ok(false) };
            let mut whole = Zeroizing::new(vec![0; missing]);
            whole.reserve_exact(secret.len());
            whole.extend_from_slice(secret);
            if reversed {
                whole.reverse();
            }
            Ok(proof::raw_public(kind, &whole).as_deref() == Some(public))
        }
        Numbers::Unknown => Ok(false),
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    number::strip(a) == number::strip(b)
}

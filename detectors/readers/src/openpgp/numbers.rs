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
    /// A key that has a SubjectPublicKeyInfo if its curve is in the table, and the form of its secret number.
    Key(PublicKey<'a>, Form),
    ElGamal {
        p: &'a [u8],
        g: &'a [u8],
        y: &'a [u8],
    },
    /// An unknown algorithm, in a packet that states the length.
    Unknown,
}

/// How the secret number of a key is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As MPIs.
    Mpi,
    /// As an MPI that is a big-endian number, although the algorithm's own form is little-endian: the old X25519.
    Reversed,
    /// In the algorithm's own form and length.
    Bare,
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
        Ok(Numbers::Key(PublicKey::Raw { kind, bytes: public }, Form::Bare))
    };
    let sane = |number: &[u8], least: u32| (least..=16_384).contains(&number::bits(number));
    match algorithm {
        1..=3 => {
            let (n, e) = (mpi(cursor)?, mpi(cursor)?);
            let fine = sane(n, 512) && n.last().is_some_and(|b| b & 1 == 1) && sane(e, 2);
            if !fine {
                return Err(Malformed::new("RSA numbers", cursor.at()));
            }
            Ok(Numbers::Key(PublicKey::Rsa { n, e }, Form::Mpi))
        }
        16 | 20 => {
            let (p, g, y) = (mpi(cursor)?, mpi(cursor)?, mpi(cursor)?);
            if sane(p, 512) { Ok(Numbers::ElGamal { p, g, y }) } else { Err(Malformed::new("ElGamal p", cursor.at())) }
        }
        17 => {
            let (p, q, g, y) = (mpi(cursor)?, mpi(cursor)?, mpi(cursor)?, mpi(cursor)?);
            let fine = sane(p, 512) && sane(q, 128);
            if !fine {
                return Err(Malformed::new("DSA numbers", cursor.at()));
            }
            Ok(Numbers::Key(PublicKey::Dsa { p, q, g, y }, Form::Mpi))
        }
        18 | 19 | 22 => {
            let oid = short(cursor, "curve OID")?;
            let point = mpi(cursor)?;
            if algorithm == 18 {
                short(cursor, "KDF parameters")?;
            }
            let legacy = match oid {
                OID_ED25519 => Some((Raw::Ed25519, Form::Mpi)),
                OID_CURVE25519 => Some((Raw::X25519, Form::Reversed)),
                _ => Raw::from_oid(oid).map(|kind| (kind, Form::Mpi)),
            };
            match (legacy, point) {
                // Ed448 and X448 may lack the prefix.
                (Some((kind, form)), [0x40, bytes @ ..] | bytes) if bytes.len() == kind.len() => {
                    Ok(Numbers::Key(PublicKey::Raw { kind, bytes }, form))
                }
                (None, [2..=4, ..]) if (3..=20).contains(&oid.len()) => {
                    let domain = curves::by_oid(oid).map_or(Domain::Unknown(oid), Domain::Named);
                    Ok(Numbers::Key(PublicKey::Ec { domain, point }, Form::Mpi))
                }
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
    match numbers {
        Numbers::Key(PublicKey::Ec { domain: Domain::Unknown(_), .. }, _)
        | Numbers::ElGamal { .. }
        | Numbers::Unknown => None,
        Numbers::Key(key, _) => Some(public::half(key)),
    }
}

/// Reads the secret numbers (RFC 9580 5.5.5). Returns whether they belong to the public ones.
pub(super) fn fits(cursor: &mut Cursor<'_>, numbers: &Numbers<'_>) -> Result<bool, Malformed> {
    let (key, form) = match *numbers {
        Numbers::Key(key, form) => (key, form),
        Numbers::ElGamal { p, g, y } => return fits_power(cursor, p, g, y),
        Numbers::Unknown => return Ok(false),
    };
    match key {
        PublicKey::Rsa { n, e } => {
            let (d, p, q) = (mpi(cursor)?, mpi(cursor)?, mpi(cursor)?);
            mpi(cursor)?;
            Ok(signs::rsa(n, e, d, &[p, q]).is_of_its_modulus())
        }
        PublicKey::Dsa { p, g, y, .. } => fits_power(cursor, p, g, y),
        PublicKey::Ec { domain, point } => {
            let scalar = mpi(cursor)?;
            let Domain::Named(curve) = domain else { return Ok(false) };
            Ok(curve.public_point(scalar).is_some_and(|computed| curve.decompress(point) == Some(computed)))
        }
        PublicKey::Raw { kind, bytes } => {
            let secret = if form == Form::Bare { cursor.take(kind.len(), "secret key")? } else { mpi(cursor)? };
            // The secret may have the prefix 0x40 too; an MPI has lost its leading zeros.
            let secret = match secret {
                [0x40, rest @ ..] if rest.len() == kind.len() => rest,
                other => other,
            };
            let Some(missing) = kind.len().checked_sub(secret.len()) else { return Ok(false) };
            let mut whole = Zeroizing::new(vec![0; missing]);
            whole.reserve_exact(secret.len());
            whole.extend_from_slice(secret);
            if form == Form::Reversed {
                whole.reverse();
            }
            Ok(proof::raw_public(kind, &whole).as_deref() == Some(bytes))
        }
        // Not among the numbers that [`numbers`] reads.
        PublicKey::RsaPss { .. } | PublicKey::Dh { .. } | PublicKey::PostQuantum { .. } => Ok(false),
    }
}

/// Whether `y` is the power of `g` by the secret number, as for DSA and ElGamal.
fn fits_power(cursor: &mut Cursor<'_>, p: &[u8], g: &[u8], y: &[u8]) -> Result<bool, Malformed> {
    let x = mpi(cursor)?;
    Ok(proof::dsa_public(p, g, x).is_some_and(|computed| number::bits(&computed) > 1 && same(&computed, y)))
}

fn same(a: &[u8], b: &[u8]) -> bool {
    number::strip(a) == number::strip(b)
}

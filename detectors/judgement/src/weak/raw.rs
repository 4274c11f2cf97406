//! Ed25519, Ed448, X25519 and X448: points of small order, bytes that are not a point, and guessable private keys.

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{MontgomeryPoint, Scalar};
use dashu_int::UBig;

use super::{Check, Weakness};
use keyradius_core::hex::hex;
use keyradius_readers::public::Raw;

pub(super) const SMALL_ORDER: Check = Check {
    id: "raw-small-order",
    finds: "Ed25519, Ed448, X25519 or X448 point of small order, all zeros among them: computable",
    source: "RFC 7748 6; RFC 8032 5.1.7; Chalkias et al., Taming the many EdDSAs, 2020",
    cost: "less than 0.01 ms",
};

pub(super) const NO_POINT: Check = Check {
    id: "raw-no-point",
    finds: "32 bytes that are not an Ed25519 point: a damaged key",
    source: "RFC 8032 5.1.3",
    cost: "less than 0.01 ms",
};

pub(super) const GUESSABLE: Check = Check {
    id: "raw-guessable",
    finds: "Ed25519 or X25519 key made of one byte repeated, of a counter or of the SHA-256 of a common word: computable",
    source: "data/guessable-keys.tsv, computed",
    cost: "less than 0.01 ms",
};

/// Kind, public key in hex, and how the private key was made: see the head of the file.
pub(super) const TABLE: &str = include_str!("../../data/guessable-keys.tsv");

pub(super) fn check(kind: Raw, bytes: &[u8], found: &mut Vec<Weakness>) {
    let name = kind.name();
    match kind {
        Raw::Ed25519 => match <[u8; 32]>::try_from(bytes).ok().and_then(|bytes| CompressedEdwardsY(bytes).decompress())
        {
            None => found.push(NO_POINT.severe("Ed25519 public key is not a point of the curve: damaged")),
            Some(point) if point.is_small_order() => found.push(small_order(name)),
            Some(_) => {}
        },
        Raw::X25519 => {
            let point = <[u8; 32]>::try_from(bytes).map(MontgomeryPoint);
            // Eight is the cofactor: a point that it maps to zero has small order. Points on the twist have cofactor
            // four.
            if point.is_ok_and(|point| (Scalar::from(8_u8) * point).0 == [0; 32]) {
                found.push(small_order(name));
            }
        }
        Raw::Ed448 | Raw::X448 => {
            if is_special(bytes) {
                found.push(small_order(name));
            }
        }
    }
    if let Some(how) = guess(name, bytes) {
        found.push(GUESSABLE.computable(format!("{name} private key is {how} and easily guessed")));
    }
}

fn small_order(name: &str) -> Weakness {
    SMALL_ORDER.computable(format!(
        "{name} public key has small order: signatures or secrets can be made without a private key"
    ))
}

/// Whether the coordinate (u of X448, y of Ed448) is 0, 1 or -1 modulo 2^448 - 2^224 - 1: the points of order 1, 2 and
/// 4, the only ones of small order (RFC 7748 4.2, cofactor 4).
fn is_special(bytes: &[u8]) -> bool {
    // Little-endian; the 57th byte of Ed448 is a sign.
    let coordinate = UBig::from_le_bytes(bytes.get(..56).unwrap_or(bytes));
    let p = UBig::ones(448) - (UBig::ONE << 224);
    let coordinate = coordinate % &p;
    coordinate <= UBig::ONE || coordinate + UBig::ONE == p
}

/// How the private key of a public key in the table was made, in words that do not reveal it.
fn guess(name: &str, bytes: &[u8]) -> Option<&'static str> {
    let row = format!("\n{name}\t{}\t", hex(bytes));
    let at = TABLE.find(&row)?;
    let how = TABLE.get(at + row.len()..)?;
    Some(match how.split(':').next()? {
        "byte" => "one byte repeated",
        "counter" => "a counter",
        _ => "the SHA-256 of a common word",
    })
}

//! Reads a JSON object as a JSON Web Key, for keys in the open and for keys that a password opened.

use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection, PublicHalf, Remark};

use super::number;
use super::object::Object;
use super::public::{self, Domain, PublicKey, Raw};
use super::signs::{self, Fit};
use super::{curves, symmetric};

/// Reads an object as a key of the given format. `None` if it is not a key.
pub fn read(object: &Object<'_>, format: &'static str) -> Result<Option<Material>, Malformed> {
    let malformed = |what| Malformed::new(what, object.span.start);
    let kind = if object.get("d").or(object.get("k")).is_some() { Kind::PrivateKey } else { Kind::PublicKey };
    let (identity, fit) = match object.text("kty") {
        Some(b"RSA") => rsa(object).map(public).ok_or(malformed("numbers of an RSA JWK"))?,
        Some(b"EC") => ec(object).map(public).ok_or(malformed("numbers of an EC JWK"))?,
        Some(b"OKP") => okp(object).map(public).ok_or(malformed("numbers of an OKP JWK"))?,
        Some(b"oct") if signs(object) => {
            let identity = object.base64("k").and_then(|key| symmetric::identity(&key));
            (identity.ok_or(malformed("symmetric JWK"))?, None)
        }
        _ => return Ok(None),
    };
    let mut material = Material::new(kind, format, Encoding::Text, object.span.clone());
    if kind == Kind::PrivateKey {
        material.protection = Some(Protection::plaintext());
        if let Some(fit) = fit {
            fit.describe(&mut material);
        }
    }
    if matches!(identity, Identity::Opaque(_)) {
        material.remarks.push(Remark::SymmetricSigner);
    }
    material.identity = Some(identity);
    for (name, label) in [("kid", "key id"), ("alg", "algorithm"), ("use", "use")] {
        material.labels.extend(object.text(name).map(|text| Label::new(label, text)).filter(|l| !l.text.is_empty()));
    }
    Ok(Some(material))
}

fn public((half, fit): (PublicHalf, Fit)) -> (Identity, Option<Fit>) {
    (Identity::public(half), Some(fit))
}

/// Reads n and e, and for a private key d or the primes (RFC 7518 6.3).
fn rsa(object: &Object<'_>) -> Option<(PublicHalf, Fit)> {
    let (n, e) = (object.number("n")?, object.number("e")?);
    let bits = number::bits(&n);
    let odd = |number: &[u8]| number.last().is_some_and(|b| b & 1 == 1);
    if !(256..=16_384).contains(&bits) || !odd(&n) || !odd(&e) || number::bits(&e) < 2 || e.len() > n.len() {
        return None;
    }
    if object.get("d").is_none() {
        return Some((public::half(&PublicKey::Rsa { n: &n, e: &e }), Fit::Whole));
    }
    let number = |name| object.number(name).unwrap_or_default();
    let d = number("d");
    // Further primes (RFC 7518 6.3.2.7) are not read: no program writes them.
    let several = object.get("oth").is_some();
    let primes: Vec<_> =
        ["p", "q"].into_iter().filter(|name| !several && object.get(name).is_some()).map(number).collect();
    let primes: Vec<&[u8]> = primes.iter().map(|prime| prime.as_slice()).collect();
    signs::rsa_by_name(&n, &e, &d, &primes).map(|key| (key.half(), key.fit))
}

/// Reads an EC key. The scalar alone signs (RFC 7518 6.2.2): the coordinates may be missing, foreign or have a leading
/// zero.
fn ec(object: &Object<'_>) -> Option<(PublicHalf, Fit)> {
    // P-256K was the name of secp256k1 in drafts of RFC 8812.
    let name = object.text("crv").map(|name| if name == b"P-256K" { b"secp256k1" } else { name })?;
    let curve = curves::by_jose(name)?;
    let size = curve.bits.div_ceil(8) as usize;
    // Coordinates have the length of the field (RFC 7518 6.2.1.2); some writers drop leading zeros or add one for the
    // sign.
    let number = |name| number::padded(&object.number(name)?, size);
    let point =
        || Some([&[4][..], &number("x")?, &number("y")?].concat()).filter(|point| curve.decompress(point).is_some());
    let point = point().unwrap_or_default();
    let key = PublicKey::Ec { domain: Domain::Named(curve), point: &point };
    if object.get("d").is_some() {
        signs::one_number(&key, &number("d")?, curve.bits)
    } else {
        (!point.is_empty()).then(|| (public::half(&key), Fit::Whole))
    }
}

/// Reads an OKP key. As for EC, d alone signs (RFC 8037 2).
fn okp(object: &Object<'_>) -> Option<(PublicHalf, Fit)> {
    let name = object.text("crv")?;
    let kind = [Raw::Ed25519, Raw::Ed448, Raw::X25519, Raw::X448].into_iter().find(|k| k.name().as_bytes() == name)?;
    let x = object.number("x").filter(|x| x.len() == kind.len());
    let key = PublicKey::Raw { kind, bytes: x.as_ref().map_or(&[], |x| x.as_slice()) };
    if object.get("d").is_none() {
        return x.as_ref().map(|_| (public::half(&key), Fit::Whole));
    }
    let d = object.number("d")?;
    let seed = number::cut(&d, kind.len());
    // A seed is a byte string, not a number: its leading zeros are dropped only if it is too long.
    (seed.len() == kind.len()).then(|| signs::one_number(&key, seed, kind.len() as u32 * 8))?
}

/// Whether a symmetric key may sign: nothing gives it another purpose.
fn signs(object: &Object<'_>) -> bool {
    let encrypts = object.text("use") == Some(b"enc");
    object.text("alg").map_or(!encrypts, |alg| alg.starts_with(b"HS"))
}

//! Elliptic curves: small curves, explicit parameters, points off the curve, guessable private scalars.

use dashu_int::UBig;
use dashu_int::fast_div::ConstDivisor;
use dashu_int::ops::BitTest;

use super::number::{looks_prime, number};
use super::{Check, Weakness};
use keyradius_readers::ber::{BerReader, dotted};
use keyradius_readers::curves::{Curve, Explicit, Guess};
use keyradius_readers::number::bits;
use keyradius_readers::public::Domain;

pub(super) const WEAK_CURVE: Check = Check {
    id: "ec-weak-curve",
    finds: "field or group below 224 bits: weak, below 160 severe, up to 113 computable; 224 bits and binary fields: see the text",
    source: "NIST SP 800-186; secp112r1 solved in 2009, ECC2-109 in 2004; BSI TR-03111",
    cost: "none",
};

pub(super) const EXPLICIT: Check = Check {
    id: "ec-explicit-parameters",
    finds: "explicit parameters: a note for a known curve, weak for another, severe if only the generator differs",
    source: "CVE-2020-0601; RFC 5480 2.1.1 forbids it",
    cost: "none",
};

pub(super) const UNSOUND: Check = Check {
    id: "ec-unsound-curve",
    finds: "explicit curve that is anomalous, singular, of tiny order (computable), over no prime field, or of small \
            embedding degree (severe)",
    source: "Smart 1999; Menezes, Okamoto and Vanstone 1993; SEC 1 3.1.1.2.1",
    cost: "2 ms, and only for such curves",
};

pub(super) const OFF_CURVE: Check = Check {
    id: "ec-point-off-curve",
    finds: "public point that is not on its curve, or is at infinity: a damaged key, or an attack on its users",
    source: "SEC 1 3.2.2.1; Biehl, Meyer and Müller 2000",
    cost: "0.01 ms",
};

pub(super) const GUESSABLE: Check = Check {
    id: "ec-guessable-scalar",
    finds: "private scalar up to 1000, or within 1000 of the group's order, or one byte repeated: computable",
    source: "computed",
    cost: "0.25 ms for P-256, 0.5 for P-384, 1.2 for P-521",
};

/// Curves over fields of characteristic two that OpenSSL 3.0 supports: OID and bits of the field. SEC 2 (1.3.132.0) and
/// X9.62 (1.2.840.10045.3.0).
const BINARY: &[(&str, u32)] = &[
    ("1.3.132.0.1", 163),
    ("1.3.132.0.2", 163),
    ("1.3.132.0.3", 239),
    ("1.3.132.0.4", 113),
    ("1.3.132.0.5", 113),
    ("1.3.132.0.15", 163),
    ("1.3.132.0.16", 283),
    ("1.3.132.0.17", 283),
    ("1.3.132.0.22", 131),
    ("1.3.132.0.23", 131),
    ("1.3.132.0.24", 193),
    ("1.3.132.0.25", 193),
    ("1.3.132.0.26", 233),
    ("1.3.132.0.27", 233),
    ("1.3.132.0.36", 409),
    ("1.3.132.0.37", 409),
    ("1.3.132.0.38", 571),
    ("1.3.132.0.39", 571),
    ("1.2.840.10045.3.0.1", 163),
    ("1.2.840.10045.3.0.2", 163),
    ("1.2.840.10045.3.0.3", 163),
    ("1.2.840.10045.3.0.4", 176),
    ("1.2.840.10045.3.0.5", 191),
    ("1.2.840.10045.3.0.6", 191),
    ("1.2.840.10045.3.0.7", 191),
    ("1.2.840.10045.3.0.10", 208),
    ("1.2.840.10045.3.0.11", 239),
    ("1.2.840.10045.3.0.12", 239),
    ("1.2.840.10045.3.0.13", 239),
    ("1.2.840.10045.3.0.16", 272),
    ("1.2.840.10045.3.0.17", 304),
    ("1.2.840.10045.3.0.18", 359),
    ("1.2.840.10045.3.0.19", 368),
    ("1.2.840.10045.3.0.20", 431),
];

pub(super) fn check(domain: Domain<'_>, point: &[u8], found: &mut Vec<Weakness>) {
    match domain {
        Domain::Named(curve) => {
            size(curve.name, curve.bits, found);
            on_curve(&curve.written_out(&mut Vec::new()), Some(curve), point, found);
        }
        Domain::Unknown(oid) => binary(&dotted(oid), found),
        Domain::Explicit { der, same_as, .. } => {
            if let Ok(curve) = BerReader::new(der).any().and_then(Explicit::read) {
                if let Some(same) = same_as {
                    let text = format!("explicit EC parameters of {}: many verifiers refuse them", same.name);
                    found.push(EXPLICIT.note(text));
                    size(same.name, same.bits, found);
                } else {
                    size("an unnamed curve", bits(curve.p).min(bits(curve.n)), found);
                    unknown_curve(&curve, found);
                }
                on_curve(&curve, same_as, point, found);
            } else {
                other_field(found);
            }
        }
    }
}

fn other_field(found: &mut Vec<Weakness>) {
    found.push(EXPLICIT.weak("explicit EC parameters over a field that is not prime"));
}

fn size(name: &str, bits: u32, found: &mut Vec<Weakness>) {
    found.extend(match bits {
        // 112 bits were solved in 2009, by 200 game consoles in half a year.
        0..=113 => {
            Some(WEAK_CURVE.computable(format!("EC key on {name}: logarithms on 112 bits were computed in 2009")))
        }
        114..160 => {
            Some(WEAK_CURVE.severe(format!("EC key on {name}: {bits} bits are within reach of a large organisation")))
        }
        // Only NIST allows a curve of this size, P-224, until 2030.
        224 if name == "P-224" => {
            Some(WEAK_CURVE.note("EC key on P-224: allowed by NIST until 2030, but no longer by others"))
        }
        160..=224 => Some(WEAK_CURVE.weak(format!("EC key on {name}: {bits} bits are below what standards allow"))),
        _ => None,
    });
}

fn binary(oid: &str, found: &mut Vec<Weakness>) {
    let Some((_, bits)) = BINARY.iter().find(|(known, _)| *known == oid) else { return };
    let name = format!("a curve over a binary field of {bits} bits ({oid})");
    if *bits < 224 {
        size(&name, *bits, found);
    } else {
        found.push(WEAK_CURVE.note(format!("EC key on {name}: NIST SP 800-186 deprecated these curves in 2023")));
    }
}

/// Checks explicit parameters that are not those of a known curve.
fn unknown_curve(curve: &Explicit<'_>, found: &mut Vec<Weakness>) {
    if let Some(named) = curve.same_but_for_base() {
        let text = format!(
            "EC parameters are those of {} with another generator, as in CVE-2020-0601: whoever made them can have chosen a \
             generator for which they know the private key of any point",
            named.name
        );
        found.push(EXPLICIT.severe(text));
        return;
    }
    found.push(EXPLICIT.weak("explicit EC parameters of an unknown curve"));
    let [p, a, b, n] = [curve.p, curve.a, curve.b, curve.n].map(number);
    // Larger fields are not supported anywhere here, and a remainder modulo zero is undefined.
    if p.bit_len() > 1024 || n.bit_len() > 1025 || p <= UBig::from(3_u8) || n <= UBig::ONE {
        found.push(UNSOUND.severe("EC parameters are invalid: field or order has an impossible size"));
        return;
    }
    if looks_prime(&p) == Some(false) {
        found.push(UNSOUND.severe("EC field is not prime: discrete logarithms split into those modulo its factors"));
    }
    let discriminant = (UBig::from(4_u8) * &a * &a * &a + UBig::from(27_u8) * &b * &b) % &p;
    if discriminant.is_zero() {
        found.push(UNSOUND.computable("EC curve is singular: its discrete logarithms are those of its field"));
    } else if n == p {
        found.push(
            UNSOUND.computable("EC curve is anomalous (order = field): its logarithms are divisions (Smart's attack)"),
        );
    } else if n.bit_len() <= 64 {
        found.push(UNSOUND.computable("EC generator has a tiny order: the private key can be found by counting"));
    } else {
        // p^k = 1 modulo n: discrete logarithms can be moved to a field of k times the bits, where they are easier.
        let ring = ConstDivisor::new(n.clone());
        let mut power = UBig::ONE;
        for degree in 1..=6 {
            power = (ring.reduce(power) * ring.reduce(p.clone())).residue();
            if power == UBig::ONE {
                let text =
                    format!("EC curve has embedding degree {degree}: logarithms are easier in a finite field (MOV)");
                found.push(UNSOUND.severe(text));
                break;
            }
        }
    }
}

/// Checks that the point is on the curve and its scalar is not guessable. `named` is the same curve in the table.
fn on_curve(curve: &Explicit<'_>, named: Option<&Curve>, point: &[u8], found: &mut Vec<Weakness>) {
    let Some(point) = curve.uncompressed(point) else {
        found.push(OFF_CURVE.severe("EC public point is not on its curve: a damaged key, or an attack on its users"));
        return;
    };
    found.extend(named.map_or_else(|| curve.guess(&point), |named| named.guess(&point)).map(|guess| {
        GUESSABLE.computable(match guess {
            Guess::Small => "EC private scalar is a small number and easily guessed",
            Guess::Repeated => "EC private scalar is one byte repeated and easily guessed",
        })
    }));
}

//! Elliptic curves that keyradius knows by name, and curves with explicit parameters.
//!
//! Both are short Weierstrass curves over a prime field. Curves over fields of characteristic two are recognised, but
//! nothing is computed on them: `by_oid` does not know them, and [`Explicit::read`] refuses them.

mod digits;
mod table;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use keyradius_core::error::Malformed;
use zeroize::Zeroizing;

use super::ber::{INTEGER, OCTET_STRING, OID, SEQUENCE, Value};
use super::number::strip;
use super::weierstrass::{Base, Numbers};
use super::witness::{self, Proven};

/// id-fieldType prime-field, X9.62 (RFC 3279 2.3.5).
const OID_PRIME_FIELD: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01];
/// characteristic-two-field, 1.2.840.10045.1.2.
const OID_BINARY_FIELD: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x02];

/// A short Weierstrass curve over a prime field. Numbers are big-endian magnitudes.
#[derive(Debug)]
pub struct Curve {
    /// The name that OpenSSL prints (`openssl ecparam -list_curves`), or the NIST name if there is one: `P-256`.
    pub name: &'static str,
    /// The name in RFC 7518 6.2.1.1 or RFC 8812.
    pub(crate) jose: Option<&'static str>,
    /// The identifier of RFC 5656 10.1: `nistp256`.
    pub(crate) ssh: Option<&'static str>,
    /// Content octets of the OID.
    pub oid: &'static [u8],
    /// Field size in bits.
    pub bits: u32,
    p: &'static [u8],
    a: &'static [u8],
    b: &'static [u8],
    x: &'static [u8],
    y: &'static [u8],
    /// The order of the generator.
    pub n: &'static [u8],
}

/// Maximum absolute value of the small scalars that are tried for a public point.
const SMALL_SCALAR: u32 = 1000;

/// Number of keys on one curve that are computed without precomputation. [`Base`] costs as much as about fifty keys.
const FIRST_KEYS: u32 = 64;

/// Precomputed values for the generator of each curve of the table, computed once many keys are on it.
static BASES: [(AtomicU32, OnceLock<Option<Base>>); table::CURVES.len()] =
    [const { (AtomicU32::new(0), OnceLock::new()) }; table::CURVES.len()];

/// All curves of the table.
pub fn all() -> &'static [Curve] {
    table::CURVES
}

/// The curve of the table with this name.
pub fn by_name(name: &str) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.name == name)
}

/// The curve with a name of libgcrypt, OpenSSL or GnuTLS, or with the dotted OID where libgcrypt writes one.
pub fn by_any_name(name: &[u8]) -> Option<&'static Curve> {
    let name = match str::from_utf8(name).ok()? {
        "nistp192" | "prime192v1" | "secp192r1" | "SECP192R1" | "1.2.840.10045.3.1.1" => "P-192",
        "nistp224" | "secp224r1" | "SECP224R1" | "1.3.132.0.33" => "P-224",
        "nistp256" | "prime256v1" | "secp256r1" | "SECP256R1" | "1.2.840.10045.3.1.7" => "P-256",
        "nistp384" | "secp384r1" | "SECP384R1" | "1.3.132.0.34" => "P-384",
        "nistp521" | "secp521r1" | "SECP521R1" | "1.3.132.0.35" => "P-521",
        "1.3.132.0.10" => "secp256k1",
        "sm2p256v1" => "SM2",
        other => other.strip_prefix("NIST ").unwrap_or(other),
    };
    by_name(name)
}

/// The curve with this OID.
pub fn by_oid(oid: &[u8]) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.oid == oid)
}

/// The curve with this RFC 5656 identifier.
pub fn by_ssh(identifier: &[u8]) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.ssh.is_some_and(|name| name.as_bytes() == identifier))
}

/// The curve with this RFC 7518 name.
pub fn by_jose(name: &[u8]) -> Option<&'static Curve> {
    table::CURVES.iter().find(|curve| curve.jose.is_some_and(|own| own.as_bytes() == name))
}

impl Curve {
    const fn numbers(&self) -> Numbers<'static> {
        Numbers { p: self.p, a: self.a, b: self.b, n: self.n }
    }

    fn generator(&self) -> Vec<u8> {
        [&[0x04], self.x, self.y].concat()
    }

    /// The point in uncompressed form (04 x y), from any form. `None` if it is not on the curve.
    pub fn decompress(&self, point: &[u8]) -> Option<Vec<u8>> {
        self.numbers().uncompressed(point)
    }

    /// The public point of a private scalar, uncompressed. `None` if the scalar is not in 1..n.
    pub fn public_point(&self, scalar: &[u8]) -> Option<Vec<u8>> {
        let point = match self.base() {
            Some(base) => base.multiply(&self.numbers(), scalar),
            None => self.numbers().multiply(&self.generator(), scalar),
        }?;
        witness::keep(|| Proven::Ec { point: point.clone(), scalar: Zeroizing::new(scalar.to_vec()) });
        Some(point)
    }

    /// Computes `u` times the generator plus `v` times `point`, as 04 x y; scalars below the order, zero included. `None`
    /// if the point is not on the curve, or the sum is the point at infinity.
    pub fn combine(&self, u: &[u8], v: &[u8], point: &[u8]) -> Option<Vec<u8>> {
        self.numbers().combine(u, &self.generator(), v, point)
    }

    /// The precomputed values of the generator. `None` for the first keys on a curve.
    fn base(&self) -> Option<&'static Base> {
        let place = table::CURVES.iter().position(|curve| curve.oid == self.oid)?;
        let (keys, base) = BASES.get(place)?;
        if base.get().is_none() && keys.fetch_add(1, Ordering::Relaxed) < FIRST_KEYS {
            return None;
        }
        base.get_or_init(|| self.work_out()).as_ref()
    }

    fn work_out(&self) -> Option<Base> {
        /// How far the slow search may exceed its limit, so that the result does not show which search was used.
        const BEYOND: u32 = 64;
        let ones = repeated(self.n);
        let tried = tried(&ones).map(|(scalar, limit, _)| (scalar, limit + BEYOND));
        Base::new(&self.numbers(), &self.generator(), &tried)
    }

    /// The kind of the point's scalar, if it is one that anybody would guess. `point` is 04 x y.
    pub fn guess(&self, point: &[u8]) -> Option<Guess> {
        // Only points that may be candidates are compared.
        if self.base().is_some_and(|base| !base.may_be_tried(point)) {
            return None;
        }
        self.written_out(&mut Vec::new()).guess(point)
    }

    /// The curve in explicit form. `base` stores its generator.
    pub fn written_out<'a>(&self, base: &'a mut Vec<u8>) -> Explicit<'a> {
        *base = self.generator();
        Explicit { p: self.p, a: self.a, b: self.b, base, n: self.n }
    }
}

/// The kind of a private scalar that anybody would guess first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// At most 1000, or at most 1000 below the order of the group.
    Small,
    /// One byte repeated.
    Repeated,
}

/// Scalars to try, and the number of their multiples. `ones` is [`repeated`].
const fn tried(ones: &[u8]) -> [(&[u8], u32, Guess); 2] {
    [(&[1], SMALL_SCALAR, Guess::Small), (ones, u8::MAX as u32, Guess::Repeated)]
}

/// The byte 1 repeated over the length of the order: b times this number is the byte b repeated.
fn repeated(order: &[u8]) -> Vec<u8> {
    vec![1; strip(order).len()]
}

/// A prime-field curve with explicit parameters (X9.62 ECParameters). Numbers are big-endian magnitudes.
#[derive(Clone, Copy, Debug)]
pub struct Explicit<'a> {
    /// The prime of the field.
    pub p: &'a [u8],
    /// The coefficient a.
    pub a: &'a [u8],
    /// The coefficient b.
    pub b: &'a [u8],
    /// The base point, in any form.
    base: &'a [u8],
    /// The order of the base point.
    pub n: &'a [u8],
}

impl<'a> Explicit<'a> {
    /// Reads ECParameters (X9.62, RFC 3279 2.3.5). Refuses characteristic-two fields.
    pub fn read(parameters: Value<'a>) -> Result<Self, Malformed> {
        if parameters.tag != SEQUENCE {
            return Err(Malformed::new("ECParameters", 0));
        }
        let mut fields = parameters.children();
        // Versions 1 and 2 differ in the meaning of the seed; 3 adds a hash at the end (SEC 1 C.2).
        if !matches!(fields.value(INTEGER, "ECParameters version")?.small(), Some(1..=3)) {
            return Err(Malformed::new("ECParameters version", 0));
        }
        let mut field = fields.value(SEQUENCE, "ECParameters fieldID")?.children();
        if field.value(OID, "field type")?.content != OID_PRIME_FIELD {
            return Err(Malformed::new("prime field", fields.at()));
        }
        let p = field.value(INTEGER, "field prime")?.unsigned();
        let mut curve = fields.value(SEQUENCE, "ECParameters curve")?.children();
        let a = curve.value(OCTET_STRING, "curve a")?.content;
        let b = curve.value(OCTET_STRING, "curve b")?.content;
        let base = fields.value(OCTET_STRING, "base point")?.content;
        let n = fields.value(INTEGER, "base point order")?.unsigned();
        if !matches!(base.first(), Some(2..=4 | 6 | 7)) || p.is_empty() || n.is_empty() {
            return Err(Malformed::new("ECParameters numbers", fields.at()));
        }
        Ok(Self { p, a, b, base, n })
    }

    /// The size in bits of the characteristic-two field in ECParameters (X9.62, RFC 3279 2.3.5). Nothing is computed in
    /// such fields, but a key on one is reported.
    pub(crate) fn binary_field(parameters: Value<'_>) -> Result<u32, Malformed> {
        let mut fields = parameters.children();
        fields.value(INTEGER, "ECParameters version")?;
        let mut field = fields.value(SEQUENCE, "ECParameters fieldID")?.children();
        if field.value(OID, "field type")?.content != OID_BINARY_FIELD {
            return Err(Malformed::new("binary field", fields.at()));
        }
        let size = field.value(SEQUENCE, "Characteristic-two")?.children().value(INTEGER, "field size")?.small();
        fields.value(SEQUENCE, "ECParameters curve")?;
        fields.value(OCTET_STRING, "base point")?;
        size.filter(|size| (1..=4096).contains(size)).map(|size| size as u32).ok_or(Malformed::new("field size", 0))
    }

    const fn numbers(&self) -> Numbers<'a> {
        Numbers { p: self.p, a: self.a, b: self.b, n: self.n }
    }

    /// The named curve with the same numbers, including the generator, because another generator makes another curve
    /// (CVE-2020-0601). The cofactor follows from the other numbers and is not compared.
    pub(crate) fn same_as(&self) -> Option<&'static Curve> {
        self.same_but_for_base()
            .filter(|curve| curve.decompress(self.base).is_some_and(|base| base == curve.generator()))
    }

    /// The named curve with the same numbers, with any generator.
    pub fn same_but_for_base(&self) -> Option<&'static Curve> {
        table::CURVES.iter().find(|curve| {
            [(self.p, curve.p), (self.a, curve.a), (self.b, curve.b), (self.n, curve.n)]
                .into_iter()
                .all(|(own, named)| strip(own) == strip(named))
        })
    }

    /// The point as 04 x y. `None` if it is not on the curve.
    pub fn uncompressed(&self, point: &[u8]) -> Option<Vec<u8>> {
        self.numbers().uncompressed(point)
    }

    /// The kind of the point's scalar, if it is one that anybody would guess. `point` is 04 x y.
    pub fn guess(&self, point: &[u8]) -> Option<Guess> {
        let ones = repeated(self.n);
        tried(&ones)
            .into_iter()
            .find_map(|(scalar, limit, guess)| self.is_multiple(scalar, limit, point).then_some(guess))
    }

    /// Whether the point is k or -k times `scalar` times the base point, for some k from 1 to `limit`, or slightly
    /// more.
    fn is_multiple(&self, scalar: &[u8], limit: u32, point: &[u8]) -> bool {
        self.public_point(scalar).is_some_and(|base| self.numbers().is_small_multiple(&base, limit, point))
    }

    /// Like [`Curve::combine`].
    pub fn combine(&self, u: &[u8], v: &[u8], point: &[u8]) -> Option<Vec<u8>> {
        let base = self.numbers().uncompressed(self.base)?;
        self.numbers().combine(u, &base, v, point)
    }

    /// The public point of a private scalar, uncompressed.
    pub(crate) fn public_point(&self, scalar: &[u8]) -> Option<Vec<u8>> {
        let base = self.numbers().uncompressed(self.base)?;
        self.numbers().multiply(&base, scalar)
    }
}

#[cfg(test)]
mod tests;

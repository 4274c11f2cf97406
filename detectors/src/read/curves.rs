//! The elliptic curves keyradius knows by name, and curves written out in full.
//!
//! INTERFACE STUB, being written.

use scanner_core::error::Malformed;

use super::ber::Value;

/// A short Weierstrass curve over a prime field.
#[derive(Debug)]
pub(crate) struct Curve {
    /// As OpenSSL prints it (`openssl ecparam -list_curves`), NIST name where there is one: `P-256`.
    pub(crate) name: &'static str,
    /// RFC 7518 6.2.1.1 / RFC 8812 name.
    pub(crate) jose: Option<&'static str>,
    /// RFC 5656 10.1 identifier: `nistp256`.
    pub(crate) ssh: Option<&'static str>,
    /// Content octets of the OID.
    pub(crate) oid: &'static [u8],
    /// Field size in bits.
    pub(crate) bits: u32,
}

/// The curve with this OID.
pub(crate) fn by_oid(_oid: &[u8]) -> Option<&'static Curve> {
    None
}

impl Curve {
    /// The point in uncompressed form (04 x y), whatever form it came in; `None` if it is not on the curve.
    pub(crate) fn decompress(&self, _point: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// The public point of a private scalar, uncompressed; `None` if the scalar is not in 1..n.
    pub(crate) fn public_point(&self, _scalar: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// A prime-field curve written out (X9.62 ECParameters): big-endian magnitudes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explicit<'a> {
    pub(crate) p: &'a [u8],
}

impl<'a> Explicit<'a> {
    /// Reads ECParameters; characteristic-two fields are refused.
    pub(crate) fn read(_parameters: Value<'a>) -> Result<Self, Malformed> {
        Err(Malformed::new("stub", 0))
    }

    /// The named curve with the same numbers.
    pub(crate) fn same_as(&self) -> Option<&'static Curve> {
        None
    }

    /// The public point of a private scalar, uncompressed.
    pub(crate) fn public_point(&self, _scalar: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

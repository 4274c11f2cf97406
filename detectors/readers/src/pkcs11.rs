//! Keys in the form of PKCS#11 (OASIS PKCS#11 v3.1): attributes by number, in the storage of any token.

use keyradius_core::material::PublicHalf;
use zeroize::Zeroizing;

use super::ber::{BerReader, OCTET_STRING, OID};
use super::curves;
use super::number;
use super::proof;
use super::public::{self, Domain, PublicKey, Raw};
use super::signs;

/// CKA_CLASS and its values.
pub const CLASS: u32 = 0x000;
/// CKO_CERTIFICATE.
pub const CERTIFICATE: u64 = 1;
/// CKO_PUBLIC_KEY.
pub const PUBLIC_KEY: u64 = 2;
/// CKO_PRIVATE_KEY.
pub const PRIVATE_KEY: u64 = 3;
/// CKO_SECRET_KEY.
pub const SECRET_KEY: u64 = 4;
/// CKA_LABEL, CKA_VALUE, CKA_KEY_TYPE, CKA_ID.
pub const LABEL: u32 = 0x003;
/// CKA_VALUE.
pub const VALUE: u32 = 0x011;
/// CKA_KEY_TYPE.
pub const KEY_TYPE: u32 = 0x100;
/// CKA_ID.
pub const ID: u32 = 0x102;
/// CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2.
pub(crate) const MODULUS: u32 = 0x120;
pub(crate) const PUBLIC_EXPONENT: u32 = 0x122;
/// CKA_PRIVATE_EXPONENT.
pub const PRIVATE_EXPONENT: u32 = 0x123;
pub(crate) const PRIME_1: u32 = 0x124;
pub(crate) const PRIME_2: u32 = 0x125;
/// CKA_PRIME, CKA_SUBPRIME, CKA_BASE.
pub(crate) const PRIME: u32 = 0x130;
pub(crate) const SUBPRIME: u32 = 0x131;
pub(crate) const BASE: u32 = 0x132;
/// CKA_EC_PARAMS, CKA_EC_POINT.
pub(crate) const EC_PARAMS: u32 = 0x180;
const EC_POINT: u32 = 0x181;
/// CKA_NSS_DB (nss/lib/util/pkcs11n.h): the public value, which NSS stores with a private key.
pub(crate) const NSS_DB: u32 = 0xd5a0_db00;

/// CKK_RSA, CKK_DSA, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY.
const RSA: u64 = 0;
const DSA: u64 = 1;
const EC: u64 = 3;
const EDWARDS: u64 = 0x40;
const MONTGOMERY: u64 = 0x41;

/// The OIDs of Curve25519 for signatures and for key agreement in GnuPG and NSS: 1.3.6.1.4.1.11591.15.1 and
/// 1.3.6.1.4.1.3029.1.5.1.
const OID_ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
const OID_CURVE25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01];

/// The attributes of one object. Values may be private numbers, so they are wiped when dropped.
#[derive(Default)]
pub struct Attributes(Vec<(u32, Zeroizing<Vec<u8>>)>);

impl Attributes {
    /// Adds an attribute, by its number.
    pub fn push(&mut self, number: u32, value: Zeroizing<Vec<u8>>) {
        self.0.push((number, value));
    }

    /// Whether there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All attributes: number and value.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.0.iter().map(|(number, value)| (*number, value.as_slice()))
    }

    /// The value of an attribute. `None` if it is absent or empty.
    pub fn get(&self, number: u32) -> Option<&[u8]> {
        self.0.iter().find(|(n, _)| *n == number).map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    /// The value of an attribute as a number: big-endian, at most 8 bytes.
    pub fn number(&self, number: u32) -> Option<u64> {
        let digits = self.get(number).filter(|digits| digits.len() <= 8)?;
        Some(digits.iter().fold(0, |n, &digit| n << 8 | u64::from(digit)))
    }

    /// The public half of a public key, or of a private key with public attributes.
    pub fn public(&self) -> Option<PublicHalf> {
        match self.number(KEY_TYPE)? {
            RSA => {
                let (n, e) = (self.get(MODULUS)?, self.get(PUBLIC_EXPONENT)?);
                let fine = number::bits(n) >= 256 && n.last().is_some_and(|digit| digit & 1 == 1);
                fine.then(|| public::half(&PublicKey::Rsa { n, e }))
            }
            DSA => {
                let value = self.get(VALUE).filter(|_| self.number(CLASS) == Some(PUBLIC_KEY));
                let y = self.get(NSS_DB).or(value)?;
                self.dsa(y)
            }
            EC | EDWARDS | MONTGOMERY => {
                let point = self.get(NSS_DB).or_else(|| self.get(EC_POINT))?;
                self.on_curve(point).or_else(|| {
                    // CKA_EC_POINT is wrapped in an OCTET STRING.
                    let wrapped = BerReader::new(point).value(OCTET_STRING, "CKA_EC_POINT").ok()?;
                    if wrapped.raw.len() == point.len() { self.on_curve(wrapped.content) } else { None }
                })
            }
            _ => None,
        }
    }

    fn dsa(&self, y: &[u8]) -> Option<PublicHalf> {
        let (p, q, g) = (self.get(PRIME)?, self.get(SUBPRIME)?, self.get(BASE)?);
        Some(public::half(&PublicKey::Dsa { p, q, g, y }))
    }

    /// The key with this public value. `None` if it is not valid on the curve.
    fn on_curve(&self, point: &[u8]) -> Option<PublicHalf> {
        if let Some(kind) = self.raw() {
            return (point.len() == kind.len()).then(|| public::half(&PublicKey::Raw { kind, bytes: point }));
        }
        let domain = public::domain(&mut BerReader::new(self.get(EC_PARAMS)?)).ok()?;
        if let Domain::Named(curve) = domain {
            curve.decompress(point)?;
        }
        matches!(point.first(), Some(2..=4)).then(|| public::half(&PublicKey::Ec { domain, point }))
    }

    /// The kind of a bare-bytes key: by OID, or by its name in SoftHSM.
    fn raw(&self) -> Option<Raw> {
        let parameters = BerReader::new(self.get(EC_PARAMS)?).any().ok()?;
        match parameters.content {
            OID_ED25519 | b"edwards25519" => Some(Raw::Ed25519),
            OID_CURVE25519 | b"curve25519" => Some(Raw::X25519),
            b"edwards448" => Some(Raw::Ed448),
            b"curve448" => Some(Raw::X448),
            oid if parameters.tag == OID => Raw::from_oid(oid),
            _ => None,
        }
    }

    /// The public half of a plaintext private key, derived from its private numbers, and whether they fit together.
    pub fn private(&self) -> Option<(PublicHalf, bool)> {
        let shown = self.public();
        match self.number(KEY_TYPE)? {
            RSA => {
                let (n, e, d) = (self.get(MODULUS)?, self.get(PUBLIC_EXPONENT)?, self.get(PRIVATE_EXPONENT)?);
                let primes: Vec<&[u8]> = [PRIME_1, PRIME_2].into_iter().filter_map(|prime| self.get(prime)).collect();
                let fits = signs::rsa(n, e, d, &primes).is_of_its_modulus();
                shown.map(|public| (public, fits))
            }
            DSA => {
                let y = proof::dsa_public(self.get(PRIME)?, self.get(BASE)?, self.get(VALUE)?)?;
                Some(compared(self.dsa(&y)?, shown.as_ref()))
            }
            EC | EDWARDS | MONTGOMERY => {
                let value = self.get(VALUE)?;
                let derived = if let Some(kind) = self.raw() {
                    public::half(&PublicKey::Raw { kind, bytes: &proof::raw_public(kind, value)? })
                } else {
                    let oid = BerReader::new(self.get(EC_PARAMS)?).value(OID, "CKA_EC_PARAMS").ok()?.content;
                    let curve = curves::by_oid(oid)?;
                    let point = curve.public_point(value)?;
                    public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: &point })
                };
                Some(compared(derived, shown.as_ref()))
            }
            _ => None,
        }
    }
}

/// A computed public half, and whether it equals the stored one.
fn compared(derived: PublicHalf, shown: Option<&PublicHalf>) -> (PublicHalf, bool) {
    let fits = shown.is_some_and(|shown| shown.id.key_only == derived.id.key_only);
    (derived, fits)
}

//! Computes identity and names of a public key from its numbers.
//!
//! Every detector uses this module: the same key in any encoding gives the same SubjectPublicKeyInfo (RFC 5280, RFC
//! 3279, RFC 5480, RFC 8410), and so the same [`PublicHalf`].

use keyradius_core::error::Malformed;
use keyradius_core::material::{Algorithm, KeyId, PublicHalf};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::ber::{self, BIT_STRING, BerReader, INTEGER, NULL, OID, SEQUENCE};
use super::curves::{self, Curve};
use super::number::{bits, strip};
use super::post_quantum::Set;
use super::text::{base64, base64url};

/// rsaEncryption, RFC 8017 A.1.
pub const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-RSASSA-PSS, RFC 8017 A.2.3.
pub const OID_RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// id-dsa, RFC 3279 2.3.2.
pub const OID_DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
/// OIDs that OpenSSL accepts as id-dsa: dsa, dsaWithSHA and dsaWithSHA1 of OIW (1.3.14.3.2.12, 13 and 27),
/// id-dsa-with-sha1 (RFC 3279).
const DSA_TOO: [&[u8]; 4] = [
    &[0x2b, 0x0e, 0x03, 0x02, 0x0c],
    &[0x2b, 0x0e, 0x03, 0x02, 0x0d],
    &[0x2b, 0x0e, 0x03, 0x02, 0x1b],
    &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03],
];
/// rsa of X.509 (2.5.8.1.1), which OpenSSL accepts as rsaEncryption.
pub(crate) const OID_RSA_X509: &[u8] = &[0x55, 0x08, 0x01, 0x01];
/// id-ecPublicKey, RFC 5480 2.1.1.
pub const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// dhKeyAgreement, PKCS#3.
pub const OID_DH: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01];
/// dhpublicnumber, X9.42 (RFC 3279 2.3.3).
pub(crate) const OID_DHX: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01];
/// id-X25519, id-X448, id-Ed25519, id-Ed448, RFC 8410 3.
pub(crate) const OID_X25519: &[u8] = &[0x2b, 0x65, 0x6e];
pub(crate) const OID_X448: &[u8] = &[0x2b, 0x65, 0x6f];
pub(crate) const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(crate) const OID_ED448: &[u8] = &[0x2b, 0x65, 0x71];

/// Whether the OID of a key means DSA.
pub(crate) fn is_dsa(oid: &[u8]) -> bool {
    oid == OID_DSA || DSA_TOO.contains(&oid)
}

/// The four kinds of keys that are bare bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// RFC 8032, 32 bytes.
    Ed25519,
    /// RFC 8032, 57 bytes.
    Ed448,
    /// RFC 7748, 32 bytes.
    X25519,
    /// RFC 7748, 56 bytes.
    X448,
}

impl Raw {
    /// The key of an OID (RFC 8410), by its content octets.
    pub fn from_oid(oid: &[u8]) -> Option<Self> {
        Some(match oid {
            OID_ED25519 => Self::Ed25519,
            OID_ED448 => Self::Ed448,
            OID_X25519 => Self::X25519,
            OID_X448 => Self::X448,
            _ => return None,
        })
    }

    const fn oid(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => OID_ED25519,
            Self::Ed448 => OID_ED448,
            Self::X25519 => OID_X25519,
            Self::X448 => OID_X448,
        }
    }

    /// The name that people call it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::Ed448 => "Ed448",
            Self::X25519 => "X25519",
            Self::X448 => "X448",
        }
    }

    /// Length of private and public key in bytes (RFC 7748, RFC 8032).
    #[allow(clippy::len_without_is_empty, reason = "no key is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Ed25519 | Self::X25519 => 32,
            Self::Ed448 => 57,
            Self::X448 => 56,
        }
    }
}

/// The EC domain of a key.
#[derive(Clone, Copy, Debug)]
pub enum Domain<'a> {
    /// A curve of the table, by its OID.
    Named(&'static Curve),
    /// Explicit parameters: the DER of ECParameters as stored, the named curve with the same numbers if there is one,
    /// and the field size in bits.
    Explicit {
        /// ECParameters as they stand.
        der: &'a [u8],
        /// The curve of the table that has these numbers.
        same_as: Option<&'static Curve>,
        /// Bits of the field.
        bits: u32,
    },
    /// A curve OID that is not in the table: content octets.
    Unknown(&'a [u8]),
}

/// A public key as numbers: big-endian, leading zeros allowed.
#[derive(Clone, Copy, Debug)]
pub enum PublicKey<'a> {
    /// RSA, for any use.
    Rsa {
        /// The modulus.
        n: &'a [u8],
        /// The public exponent.
        e: &'a [u8],
    },
    /// `parameters` is the DER of the AlgorithmIdentifier's parameters, empty if absent.
    RsaPss {
        /// The modulus.
        n: &'a [u8],
        /// The public exponent.
        e: &'a [u8],
        /// The parameters as they stand.
        parameters: &'a [u8],
    },
    /// DSA.
    Dsa {
        /// The prime of the field.
        p: &'a [u8],
        /// The order of the group.
        q: &'a [u8],
        /// The generator.
        g: &'a [u8],
        /// The public number.
        y: &'a [u8],
    },
    /// `parameters` is the DER of DHParameter (PKCS#3 9): p, g and an optional length; or of DomainParameters (X9.42):
    /// p, g, q and more. `oid` distinguishes them.
    Dh {
        /// PKCS #3 or X9.42.
        oid: &'static [u8],
        /// The parameters as they stand.
        parameters: &'a [u8],
        /// The prime of the field.
        p: &'a [u8],
        /// The public number.
        y: &'a [u8],
    },
    /// `point` as in X9.62 2.2: 04 x y, or 02/03 x.
    Ec {
        /// The curve.
        domain: Domain<'a>,
        /// The public point.
        point: &'a [u8],
    },
    /// EdDSA and X25519 or X448.
    Raw {
        /// Which of them.
        kind: Raw,
        /// The public key as it stands.
        bytes: &'a [u8],
    },
    /// ML-DSA and SLH-DSA.
    PostQuantum {
        /// The parameter set.
        set: &'static Set,
        /// The public key as it stands.
        bytes: &'a [u8],
    },
}

/// The identity and names of a public key.
pub fn half(key: &PublicKey<'_>) -> PublicHalf {
    let parts = Parts::of(key);
    let algorithm_identifier = ber::encode(SEQUENCE, &[&ber::encode(OID, &[parts.oid]), &parts.parameters]);
    let bit_string = ber::encode(BIT_STRING, &[&[0], &parts.bits]);
    let spki = ber::encode(SEQUENCE, &[&algorithm_identifier, &bit_string]);
    PublicHalf {
        id: KeyId { spki_sha256: Sha256::digest(&spki).into(), key_only: key_only(key) },
        algorithm: algorithm(key),
        ski_sha1: Sha1::digest(&parts.bits).into(),
        bk120: bk120(key),
        ssh_sha256: ssh_blob(key).map(|blob| format!("SHA256:{}", base64(&Sha256::digest(blob)))),
        jwk_thumbprint: jwk(key).map(|json| base64url(&Sha256::digest(json))),
        spki,
    }
}

/// See [`PublicHalf::bk120`].
fn bk120(key: &PublicKey<'_>) -> [u8; 15] {
    let number = match *key {
        PublicKey::Rsa { n, .. } | PublicKey::RsaPss { n, .. } => n,
        PublicKey::Dsa { y, .. } | PublicKey::Dh { y, .. } => y,
        // With its own parameters, which can make any point match any scalar, a point does not identify the private
        // key.
        PublicKey::Ec { domain: Domain::Explicit { der, same_as: None, .. }, .. } => der,
        // 04 x y, or 02 or 03 and x.
        PublicKey::Ec { point, .. } => {
            let coordinates = point.get(1..).unwrap_or_default();
            let x = if matches!(point.first(), Some(2 | 3)) { coordinates.len() } else { coordinates.len() / 2 };
            coordinates.get(..x).unwrap_or_default()
        }
        PublicKey::Raw { bytes, .. } | PublicKey::PostQuantum { bytes, .. } => bytes,
    };
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digest: [u8; 32] = Sha256::digest(number.get(zeros..).unwrap_or_default()).into();
    let mut first = [0; 15];
    first.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    first
}

/// The three variable parts of a SubjectPublicKeyInfo.
struct Parts<'a> {
    oid: &'a [u8],
    parameters: Vec<u8>,
    bits: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(key: &PublicKey<'a>) -> Self {
        match *key {
            PublicKey::Rsa { n, e } => {
                Self { oid: OID_RSA, parameters: ber::encode(NULL, &[]), bits: rsa_public_key(n, e) }
            }
            PublicKey::RsaPss { n, e, parameters } => {
                Self { oid: OID_RSA_PSS, parameters: parameters.to_vec(), bits: rsa_public_key(n, e) }
            }
            PublicKey::Dsa { p, q, g, y } => Self {
                oid: OID_DSA,
                parameters: ber::encode(
                    SEQUENCE,
                    &[&ber::encode_unsigned(p), &ber::encode_unsigned(q), &ber::encode_unsigned(g)],
                ),
                bits: ber::encode_unsigned(y),
            },
            PublicKey::Dh { oid, parameters, y, .. } => {
                Self { oid, parameters: parameters.to_vec(), bits: ber::encode_unsigned(y) }
            }
            PublicKey::Ec { domain, point } => Self {
                oid: OID_EC,
                parameters: match domain {
                    Domain::Named(curve) => ber::encode(OID, &[curve.oid]),
                    Domain::Unknown(oid) => ber::encode(OID, &[oid]),
                    Domain::Explicit { der, .. } => der.to_vec(),
                },
                bits: point.to_vec(),
            },
            PublicKey::Raw { kind, bytes } => Self { oid: kind.oid(), parameters: Vec::new(), bits: bytes.to_vec() },
            PublicKey::PostQuantum { set, bytes } => {
                Self { oid: &set.oid, parameters: Vec::new(), bits: bytes.to_vec() }
            }
        }
    }
}

fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    ber::encode(SEQUENCE, &[&ber::encode_unsigned(n), &ber::encode_unsigned(e)])
}

/// A digest that does not depend on the encoding of the key: a tag, then each number with its length before it.
fn key_only(key: &PublicKey<'_>) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        let number = strip(bytes);
        digest.update((number.len() as u64).to_be_bytes());
        digest.update(number);
    };
    match *key {
        PublicKey::Rsa { n, e } | PublicKey::RsaPss { n, e, .. } => {
            add(b"rsa");
            add(n);
            add(e);
        }
        PublicKey::Dsa { p, q, g, y } => {
            add(b"dsa");
            for number in [p, q, g, y] {
                add(number);
            }
        }
        PublicKey::Dh { parameters, y, .. } => {
            add(b"dh");
            add(parameters);
            add(y);
        }
        PublicKey::Ec { domain, point } => {
            add(b"ec");
            match domain {
                Domain::Named(curve) | Domain::Explicit { same_as: Some(curve), .. } => {
                    add(curve.oid);
                    add(&curve.decompress(point).unwrap_or_else(|| point.to_vec()));
                }
                Domain::Explicit { der, same_as: None, .. } => {
                    add(der);
                    add(point);
                }
                Domain::Unknown(oid) => {
                    add(oid);
                    add(point);
                }
            }
        }
        PublicKey::Raw { kind, bytes } => {
            add(kind.name().as_bytes());
            // Not a number: a leading zero byte is significant.
            digest.update(bytes);
        }
        PublicKey::PostQuantum { set, bytes } => {
            add(set.name.as_bytes());
            digest.update(bytes);
        }
    }
    digest.finalize().into()
}

fn algorithm(key: &PublicKey<'_>) -> Algorithm {
    match *key {
        PublicKey::Rsa { n, .. } => Algorithm { name: "RSA", bits: bits(n), curve: None },
        PublicKey::RsaPss { n, .. } => Algorithm { name: "RSA-PSS", bits: bits(n), curve: None },
        PublicKey::Dsa { p, .. } => Algorithm { name: "DSA", bits: bits(p), curve: None },
        PublicKey::Dh { p, .. } => Algorithm { name: "DH", bits: bits(p), curve: None },
        PublicKey::Ec { domain, point } => match domain {
            Domain::Named(curve) => Algorithm { name: "EC", bits: curve.bits, curve: Some(curve.name) },
            Domain::Explicit { same_as: Some(curve), .. } => {
                Algorithm { name: "EC", bits: curve.bits, curve: Some(curve.name) }
            }
            Domain::Explicit { bits, .. } => Algorithm { name: "EC", bits, curve: Some("explicit parameters") },
            Domain::Unknown(_) => {
                Algorithm { name: "EC", bits: (point.len() as u32).saturating_sub(1) * 4, curve: Some("unknown curve") }
            }
        },
        PublicKey::Raw { kind, .. } => Algorithm { name: kind.name(), bits: 0, curve: None },
        PublicKey::PostQuantum { set, .. } => Algorithm { name: set.name, bits: 0, curve: None },
    }
}

/// The SSH public key blob (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4). `None` for keys that SSH does not support.
pub fn ssh_blob(key: &PublicKey<'_>) -> Option<Vec<u8>> {
    let mut blob = Vec::new();
    let mut string = |bytes: &[u8]| {
        blob.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        blob.extend_from_slice(bytes);
    };
    let mpint = |number: &[u8]| {
        let digits = strip(number);
        let pad = digits.first().is_some_and(|&b| b >= 0x80);
        [if pad { &[0_u8][..] } else { &[] }, digits].concat()
    };
    match *key {
        PublicKey::Rsa { n, e } => {
            string(b"ssh-rsa");
            string(&mpint(e));
            string(&mpint(n));
        }
        PublicKey::Dsa { p, q, g, y } => {
            string(b"ssh-dss");
            for number in [p, q, g, y] {
                string(&mpint(number));
            }
        }
        PublicKey::Ec { domain: Domain::Named(curve) | Domain::Explicit { same_as: Some(curve), .. }, point } => {
            let name = curve.ssh?;
            string(format!("ecdsa-sha2-{name}").as_bytes());
            string(name.as_bytes());
            string(&curve.decompress(point)?);
        }
        PublicKey::Raw { kind: Raw::Ed25519, bytes } => {
            string(b"ssh-ed25519");
            string(bytes);
        }
        PublicKey::Raw { kind: Raw::Ed448, bytes } => {
            string(b"ssh-ed448");
            string(bytes);
        }
        _ => return None,
    }
    Some(blob)
}

/// The JSON whose SHA-256 is the JWK thumbprint (RFC 7638 3, RFC 8037 2): required members in lexicographic order.
pub fn jwk(key: &PublicKey<'_>) -> Option<String> {
    Some(match *key {
        PublicKey::Rsa { n, e } | PublicKey::RsaPss { n, e, .. } => {
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, base64url(strip(e)), base64url(strip(n)))
        }
        PublicKey::Ec { domain: Domain::Named(curve) | Domain::Explicit { same_as: Some(curve), .. }, point } => {
            let name = curve.jose?;
            let point = curve.decompress(point)?;
            let (x, y) = point.get(1..)?.split_at_checked(point.len() / 2)?;
            format!(r#"{{"crv":"{name}","kty":"EC","x":"{}","y":"{}"}}"#, base64url(x), base64url(y))
        }
        PublicKey::Raw { kind, bytes } => {
            format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, kind.name(), base64url(bytes))
        }
        _ => return None,
    })
}

/// Reads a DER SubjectPublicKeyInfo. The identity is computed from the numbers, so BER gives the same identity as DER.
pub fn from_spki(der: &[u8]) -> Result<PublicHalf, Malformed> {
    let mut top = BerReader::new(der);
    let mut spki = top.value(SEQUENCE, "SubjectPublicKeyInfo")?.children();
    let mut algorithm = spki.value(SEQUENCE, "AlgorithmIdentifier")?.children();
    let oid = algorithm.value(OID, "algorithm OID")?.content;
    let bit_string = spki.value(BIT_STRING, "subjectPublicKey")?.content;
    let (&unused, bits) = bit_string.split_first().ok_or(Malformed::new("subjectPublicKey is empty", 0))?;
    if unused != 0 || !spki.is_empty() {
        return Err(Malformed::new("subjectPublicKey", spki.at()));
    }
    match oid {
        OID_RSA | OID_RSA_PSS => {
            let parameters = algorithm.any().map_or(&[][..], |v| v.raw);
            let (n, e) = rsa_numbers(bits)?;
            Ok(half(&match oid {
                OID_RSA => PublicKey::Rsa { n, e },
                _ => PublicKey::RsaPss { n, e, parameters },
            }))
        }
        OID_DSA => {
            let y = BerReader::new(bits).value(INTEGER, "DSA y")?.content;
            let mut dss = algorithm.value(SEQUENCE, "DSA parameters")?.children();
            let [p, q, g] =
                [dss.value(INTEGER, "p")?, dss.value(INTEGER, "q")?, dss.value(INTEGER, "g")?].map(|v| v.content);
            Ok(half(&PublicKey::Dsa { p, q, g, y }))
        }
        OID_DH | OID_DHX => {
            let oid = if oid == OID_DH { OID_DH } else { OID_DHX };
            let parameters = algorithm.value(SEQUENCE, "Diffie-Hellman parameters")?;
            let p = parameters.children().value(INTEGER, "p")?.unsigned();
            let y = BerReader::new(bits).value(INTEGER, "DH y")?.unsigned();
            Ok(half(&PublicKey::Dh { oid, parameters: parameters.raw, p, y }))
        }
        OID_EC => {
            let domain = domain(&mut algorithm)?;
            match bits.first() {
                Some(2..=4 | 6 | 7) => Ok(half(&PublicKey::Ec { domain, point: bits })),
                _ => Err(Malformed::new("EC point", 0)),
            }
        }
        _ => {
            if let Some(set) = Set::from_oid(oid) {
                if bits.len() != set.public || !algorithm.is_empty() {
                    return Err(Malformed::new("public key length", 0));
                }
                return Ok(half(&PublicKey::PostQuantum { set, bytes: bits }));
            }
            let kind = Raw::from_oid(oid).ok_or(Malformed::new("public key algorithm", 0))?;
            if bits.len() != kind.len() {
                return Err(Malformed::new("public key length", 0));
            }
            Ok(half(&PublicKey::Raw { kind, bytes: bits }))
        }
    }
}

/// Reads an RSAPublicKey (RFC 8017 A.1.1): n and e.
pub fn rsa_numbers(der: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut key = BerReader::new(der).value(SEQUENCE, "RSAPublicKey")?.children();
    let n = key.value(INTEGER, "modulus")?.unsigned();
    let e = key.value(INTEGER, "publicExponent")?.unsigned();
    if !key.is_empty() || bits(n) < 256 || bits(n) > 65_536 || n.last().is_some_and(|b| b & 1 == 0) || e.is_empty() {
        return Err(Malformed::new("RSAPublicKey", key.at()));
    }
    Ok((n, e))
}

/// Reads ECParameters (RFC 5480 2.1.1, X9.62): a curve OID, or explicit parameters.
pub fn domain<'a>(reader: &mut BerReader<'a>) -> Result<Domain<'a>, Malformed> {
    match reader.peek() {
        Some(OID) => {
            let oid = reader.any()?.content;
            Ok(curves::by_oid(oid).map_or(Domain::Unknown(oid), Domain::Named))
        }
        Some(SEQUENCE) => {
            let value = reader.any()?;
            if let Ok(bits) = curves::Explicit::binary_field(value) {
                return Ok(Domain::Explicit { der: value.raw, same_as: None, bits });
            }
            let explicit = curves::Explicit::read(value)?;
            Ok(Domain::Explicit { der: value.raw, same_as: explicit.same_as(), bits: bits(explicit.p) })
        }
        _ => Err(Malformed::new("EC parameters", reader.at())),
    }
}

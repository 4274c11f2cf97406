//! Signatures as X.509 states them: an AlgorithmIdentifier, the bytes that were signed, and a value.
//!
//! Nothing is verified here. The digest is computed while the bytes are at hand, so that `keyradius-signed` can verify
//! the signature later without them. Ed25519, Ed448 and ML-DSA hash the public key together with the message; for them
//! the message is kept, if the caller allows it and it is short.

use keyradius_core::signature::{Hash, Scheme, Signature, Signed};
use sha2::Digest;

use super::ber::{self, BerReader, INTEGER, OID, SEQUENCE, Value};
use super::public::{OID_ED448, OID_ED25519};

/// Signature algorithms of NIST, 2.16.840.1.101.3.4.3.
const NIST_SIGNATURES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];
/// PKCS#1, 1.2.840.113549.1.1.
const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// ANSI X9.62 signatures, 1.2.840.10045.4.
const X962: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
/// DSA with SHA-1, 1.2.840.10040.4.3.
const DSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03];
/// dsaWithSHA1 and sha1WithRSA of OIW, 1.3.14.3.2.27 and 29.
const OIW: &[u8] = &[0x2b, 0x0e, 0x03, 0x02];
/// id-mgf1, RFC 8017 A.2.1.
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];

/// Reads a signature. `None` if the scheme cannot be verified, or the message may not be kept and has to be.
pub(crate) fn read(algorithm: &Value<'_>, message: &[u8], value: &[u8], keep: bool) -> Option<Signature> {
    let scheme = scheme(algorithm)?;
    if value.is_empty() || value.len() > Signature::MAX_VALUE {
        return None;
    }
    let over = match scheme {
        Scheme::RsaPkcs1(hash) | Scheme::RsaPss { hash, .. } | Scheme::Ecdsa(hash) | Scheme::Dsa(hash) => {
            Signed::Digest(digest(hash, message))
        }
        Scheme::Ed25519 | Scheme::Ed448 | Scheme::MlDsa(_) if keep && message.len() <= Signature::MAX_MESSAGE => {
            Signed::Message(message.to_vec())
        }
        Scheme::Ed25519 | Scheme::Ed448 | Scheme::MlDsa(_) => return None,
    };
    Some(Signature { scheme, over, value: value.to_vec() })
}

/// The scheme of an AlgorithmIdentifier (RFC 3279, RFC 4055, RFC 5758, RFC 8410, RFC 9881).
fn scheme(algorithm: &Value<'_>) -> Option<Scheme> {
    let mut fields = algorithm.children();
    let oid = fields.value(OID, "algorithm").ok()?.content;
    let arc = |arc: &[u8]| oid.strip_prefix(arc);
    Some(if let Some(last) = arc(PKCS1) {
        match last {
            [4] => Scheme::RsaPkcs1(Hash::Md5),
            [5] => Scheme::RsaPkcs1(Hash::Sha1),
            [10] => pss(&mut fields)?,
            [11] => Scheme::RsaPkcs1(Hash::Sha256),
            [12] => Scheme::RsaPkcs1(Hash::Sha384),
            [13] => Scheme::RsaPkcs1(Hash::Sha512),
            [14] => Scheme::RsaPkcs1(Hash::Sha224),
            _ => return None,
        }
    } else if let Some(last) = arc(X962) {
        Scheme::Ecdsa(match last {
            [1] => Hash::Sha1,
            [3, 1] => Hash::Sha224,
            [3, 2] => Hash::Sha256,
            [3, 3] => Hash::Sha384,
            [3, 4] => Hash::Sha512,
            _ => return None,
        })
    } else if let Some(last) = arc(NIST_SIGNATURES) {
        match last {
            [1] => Scheme::Dsa(Hash::Sha224),
            [2] => Scheme::Dsa(Hash::Sha256),
            [3] => Scheme::Dsa(Hash::Sha384),
            [4] => Scheme::Dsa(Hash::Sha512),
            [number @ 5..=8] => Scheme::Dsa(sha3(number - 5)?),
            [number @ 9..=12] => Scheme::Ecdsa(sha3(number - 9)?),
            [number @ 13..=16] => Scheme::RsaPkcs1(sha3(number - 13)?),
            [17] => Scheme::MlDsa(44),
            [18] => Scheme::MlDsa(65),
            [19] => Scheme::MlDsa(87),
            _ => return None,
        }
    } else {
        match oid {
            OID_ED25519 => Scheme::Ed25519,
            OID_ED448 => Scheme::Ed448,
            DSA_SHA1 => Scheme::Dsa(Hash::Sha1),
            _ => match arc(OIW)? {
                [27] => Scheme::Dsa(Hash::Sha1),
                [29] => Scheme::RsaPkcs1(Hash::Sha1),
                _ => return None,
            },
        }
    })
}

/// SHA-3 in the order of NIST's lists.
const fn sha3(number: u8) -> Option<Hash> {
    Some(match number {
        0 => Hash::Sha3Over224,
        1 => Hash::Sha3Over256,
        2 => Hash::Sha3Over384,
        3 => Hash::Sha3Over512,
        _ => return None,
    })
}

/// RSASSA-PSS-params (RFC 4055 3.1), with the defaults of absent fields.
fn pss(fields: &mut BerReader<'_>) -> Option<Scheme> {
    let (mut hash, mut mask, mut salt) = (Hash::Sha1, Hash::Sha1, 20);
    if let Some(parameters) = fields.optional(SEQUENCE).ok()? {
        let mut parameters = parameters.children();
        if let Some(field) = parameters.optional(ber::context(0)).ok()? {
            hash = hash_of(field.children().value(SEQUENCE, "hashAlgorithm").ok()?)?;
        }
        if let Some(field) = parameters.optional(ber::context(1)).ok()? {
            let mut function = field.children().value(SEQUENCE, "maskGenAlgorithm").ok()?.children();
            if function.value(OID, "algorithm").ok()?.content != MGF1 {
                return None;
            }
            mask = hash_of(function.value(SEQUENCE, "hash of MGF1").ok()?)?;
        }
        if let Some(field) = parameters.optional(ber::context(2)).ok()? {
            salt = u32::try_from(field.children().value(INTEGER, "saltLength").ok()?.small()?).ok()?;
        }
    }
    Some(Scheme::RsaPss { hash, mask, salt })
}

/// The hash of an AlgorithmIdentifier.
fn hash_of(algorithm: Value<'_>) -> Option<Hash> {
    let oid = algorithm.children().value(OID, "hash algorithm").ok()?.content;
    HASHES.iter().find(|(_, own)| *own == oid).map(|(hash, _)| *hash)
}

/// Hash functions by OID: RFC 3279 2.1, RFC 3447, NIST's Computer Security Objects Register.
static HASHES: [(Hash, &[u8]); 10] = [
    (Hash::Md5, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05]),
    (Hash::Sha1, &[0x2b, 0x0e, 0x03, 0x02, 0x1a]),
    (Hash::Sha224, &nist(4)),
    (Hash::Sha256, &nist(1)),
    (Hash::Sha384, &nist(2)),
    (Hash::Sha512, &nist(3)),
    (Hash::Sha3Over224, &nist(7)),
    (Hash::Sha3Over256, &nist(8)),
    (Hash::Sha3Over384, &nist(9)),
    (Hash::Sha3Over512, &nist(10)),
];

/// A hash algorithm of NIST, 2.16.840.1.101.3.4.2.
const fn nist(last: u8) -> [u8; 9] {
    [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last]
}

/// The OID of a hash function, as content octets.
pub fn hash_oid(hash: Hash) -> &'static [u8] {
    HASHES.iter().find(|(own, _)| *own == hash).map_or(&[], |(_, oid)| oid)
}

/// The digest of a message.
pub fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Md5 => md5::Md5::digest(message).to_vec(),
        Hash::Sha1 => sha1::Sha1::digest(message).to_vec(),
        Hash::Sha224 => sha2::Sha224::digest(message).to_vec(),
        Hash::Sha256 => sha2::Sha256::digest(message).to_vec(),
        Hash::Sha384 => sha2::Sha384::digest(message).to_vec(),
        Hash::Sha512 => sha2::Sha512::digest(message).to_vec(),
        Hash::Sha3Over224 => sha3::Sha3_224::digest(message).to_vec(),
        Hash::Sha3Over256 => sha3::Sha3_256::digest(message).to_vec(),
        Hash::Sha3Over384 => sha3::Sha3_384::digest(message).to_vec(),
        Hash::Sha3Over512 => sha3::Sha3_512::digest(message).to_vec(),
    }
}

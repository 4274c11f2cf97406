//! Password-based encryption schemes: the protection of a key, and the cost of one password guess.
//!
//! `weak` means that the scheme does not slow an attacker down: a broken or short-keyed cipher, or so few iterations
//! that a graphics card tries millions of passwords a second. Everything else is `strong`. The strength of the password
//! itself cannot be seen.

use keyradius_core::error::Malformed;
use keyradius_core::material::{Protection, ProtectionState};

use super::ber::{BerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, Value, dotted};

/// PBES2, RFC 8018 A.4.
const PBES2: &str = "1.2.840.113549.1.5.13";
/// PBMAC1, RFC 8018 A.5.
pub const PBMAC1: &str = "1.2.840.113549.1.5.14";
/// PBKDF2, RFC 8018 A.2.
const PBKDF2: &str = "1.2.840.113549.1.5.12";
/// scrypt, RFC 7914 7.
const SCRYPT: &str = "1.3.6.1.4.1.11591.4.11";
/// The key protector of JKS: a SHA-1 key stream without iterations (sun.security.provider.KeyProtector).
const JKS_PROTECTOR: &str = "1.3.6.1.4.1.42.2.17.1.1";
/// The key protector of JCEKS: PBE with MD5 and triple DES (com.sun.crypto.provider.KeyProtector).
const JCEKS_PROTECTOR: &str = "1.3.6.1.4.1.42.2.19.1";

/// AES-256 in CCM (RFC 5084 2.1), and key wrap with padding (RFC 5649 4.1).
const AES_256_CCM: &str = "2.16.840.1.101.3.4.1.47";
const AES_256_KWP: &str = "2.16.840.1.101.3.4.1.48";

/// Iterations of PKCS#12's triple DES scheme up to which it counts as weak: the default of many old writers.
const FEW_PKCS12: u64 = 2048;
/// Iterations of JCEKS's protector below which it counts as weak: Java used 20 until 2017.
const FEW_JCEKS: u64 = 10_000;

/// The protection that a scheme's AlgorithmIdentifier describes. Refuses schemes that are not password-based
/// encryption.
pub fn protection(algorithm: Value<'_>) -> Result<Protection, Malformed> {
    let mut fields = algorithm.children();
    let oid = dotted(fields.value(OID, "encryption scheme OID")?.content);
    match oid.as_str() {
        PBES2 => pbes2(fields.value(SEQUENCE, "PBES2-params")?),
        JKS_PROTECTOR => weak("JKS key protector: SHA-1 key stream, no iterations".to_owned()),
        JCEKS_PROTECTOR => {
            let iterations = salt_and_iterations(&mut fields)?;
            let state = if iterations < FEW_JCEKS { ProtectionState::Weak } else { ProtectionState::Strong };
            Ok(Protection::new(state, format!("JCEKS key protector: MD5 and triple DES, {iterations} iterations")))
        }
        _ => {
            let (name, short_key) = simple(&oid).ok_or(Malformed::new("encryption scheme", 0))?;
            let iterations = salt_and_iterations(&mut fields)?;
            let state =
                if short_key || iterations <= FEW_PKCS12 { ProtectionState::Weak } else { ProtectionState::Strong };
            Ok(Protection::new(state, format!("{name}, {iterations} iterations")))
        }
    }
}

/// Like [`protection`], for BCFKS keystores: PBES2 with ciphers that no other format uses in this shape.
pub fn store_protection(algorithm: Value<'_>) -> Result<Protection, Malformed> {
    let mut fields = algorithm.children();
    if dotted(fields.value(OID, "encryption scheme OID")?.content) != PBES2 {
        return Err(Malformed::new("encryption scheme", 0));
    }
    let mut parameters = fields.value(SEQUENCE, "PBES2-params")?.children();
    let kdf = kdf(parameters.value(SEQUENCE, "keyDerivationFunc")?)?;
    let mut scheme = parameters.value(SEQUENCE, "encryptionScheme")?.children();
    let cipher = match dotted(scheme.value(OID, "cipher OID")?.content).as_str() {
        AES_256_CCM => "AES-256-CCM",
        AES_256_KWP => "AES-256-KWP",
        _ => return Err(Malformed::new("cipher of a keystore", 0)),
    };
    Ok(Protection::new(ProtectionState::Strong, format!("{kdf}, {cipher}")))
}

fn weak(detail: String) -> Result<Protection, Malformed> {
    Ok(Protection::new(ProtectionState::Weak, detail))
}

/// The schemes that fix digest and cipher in one OID: PBES1 (RFC 8018 A.3) and PKCS#12 (RFC 7292 C). True for ciphers
/// whose key can be found by exhaustive search.
fn simple(oid: &str) -> Option<(&'static str, bool)> {
    Some(match oid {
        "1.2.840.113549.1.5.1" => ("PBES1 MD2, DES", true),
        "1.2.840.113549.1.5.3" => ("PBES1 MD5, DES", true),
        "1.2.840.113549.1.5.4" => ("PBES1 MD2, RC2-64", true),
        "1.2.840.113549.1.5.6" => ("PBES1 MD5, RC2-64", true),
        "1.2.840.113549.1.5.10" => ("PBES1 SHA-1, DES", true),
        "1.2.840.113549.1.5.11" => ("PBES1 SHA-1, RC2-64", true),
        "1.2.840.113549.1.12.1.1" => ("PKCS#12 SHA-1, RC4-128", true),
        "1.2.840.113549.1.12.1.2" => ("PKCS#12 SHA-1, RC4-40", true),
        "1.2.840.113549.1.12.1.3" => ("PKCS#12 SHA-1, 3DES", false),
        "1.2.840.113549.1.12.1.4" => ("PKCS#12 SHA-1, 2-key 3DES", false),
        "1.2.840.113549.1.12.1.5" => ("PKCS#12 SHA-1, RC2-128", true),
        "1.2.840.113549.1.12.1.6" => ("PKCS#12 SHA-1, RC2-40", true),
        _ => return None,
    })
}

fn salt_and_iterations(fields: &mut BerReader<'_>) -> Result<u64, Malformed> {
    let mut parameters = fields.value(SEQUENCE, "PBE parameters")?.children();
    parameters.value(OCTET_STRING, "salt")?.octets()?;
    parameters.value(INTEGER, "iterations")?.small().ok_or(Malformed::new("iterations", 0))
}

fn pbes2(parameters: Value<'_>) -> Result<Protection, Malformed> {
    let mut fields = parameters.children();
    let kdf = kdf(fields.value(SEQUENCE, "keyDerivationFunc")?)?;
    let mut scheme = fields.value(SEQUENCE, "encryptionScheme")?.children();
    let oid = dotted(scheme.value(OID, "cipher OID")?.content);
    // NSS databases (key4.db) encrypt single attributes in the same shape, with an IV of 14 bytes: not keys.
    let aes_cbc =
        matches!(oid.as_str(), "2.16.840.1.101.3.4.1.2" | "2.16.840.1.101.3.4.1.22" | "2.16.840.1.101.3.4.1.42");
    if aes_cbc && scheme.value(OCTET_STRING, "IV")?.content.len() != 16 {
        return Err(Malformed::new("AES-CBC IV", 0));
    }
    let (cipher, short_key) = match oid.as_str() {
        "1.2.840.113549.3.7" => ("3DES-CBC", false),
        "1.3.14.3.2.7" => ("DES-CBC", true),
        "1.2.840.113549.3.2" => ("RC2-CBC", true),
        "2.16.840.1.101.3.4.1.2" => ("AES-128-CBC", false),
        "2.16.840.1.101.3.4.1.22" => ("AES-192-CBC", false),
        "2.16.840.1.101.3.4.1.42" => ("AES-256-CBC", false),
        "2.16.840.1.101.3.4.1.6" => ("AES-128-GCM", false),
        "2.16.840.1.101.3.4.1.26" => ("AES-192-GCM", false),
        "2.16.840.1.101.3.4.1.46" => ("AES-256-GCM", false),
        // BouncyCastle's BCFKS encrypts a whole keystore in this shape: not a key.
        AES_256_CCM | AES_256_KWP => return Err(Malformed::new("a BCFKS keystore", 0)),
        other => (other, false),
    };
    let state = if short_key { ProtectionState::Weak } else { ProtectionState::Strong };
    Ok(Protection::new(state, format!("{kdf}, {cipher}")))
}

/// The name of a key derivation function with its cost.
pub fn kdf(algorithm: Value<'_>) -> Result<String, Malformed> {
    let mut fields = algorithm.children();
    let oid = dotted(fields.value(OID, "KDF OID")?.content);
    let mut parameters = fields.value(SEQUENCE, "KDF parameters")?.children();
    let number = |reader: &mut BerReader<'_>, what| reader.value(INTEGER, what)?.small().ok_or(Malformed::new(what, 0));
    match oid.as_str() {
        PBKDF2 => {
            parameters.any()?;
            let iterations = number(&mut parameters, "iterationCount")?;
            parameters.optional(INTEGER)?;
            let prf = match parameters.optional(SEQUENCE)? {
                Some(prf) => dotted(prf.children().value(OID, "prf OID")?.content),
                None => String::new(),
            };
            // RFC 8018 B.1; SHA-1 is the default.
            let digest = match prf.as_str() {
                "" | "1.2.840.113549.2.7" => "SHA1",
                "1.2.840.113549.2.8" => "SHA224",
                "1.2.840.113549.2.9" => "SHA256",
                "1.2.840.113549.2.10" => "SHA384",
                "1.2.840.113549.2.11" => "SHA512",
                other => other,
            };
            Ok(format!("PBKDF2-HMAC-{digest} {iterations} iterations"))
        }
        SCRYPT => {
            parameters.any()?;
            let cost = number(&mut parameters, "costParameter")?;
            let block = number(&mut parameters, "blockSize")?;
            let parallel = number(&mut parameters, "parallelizationParameter")?;
            Ok(format!("scrypt N={cost} r={block} p={parallel}"))
        }
        _ => Err(Malformed::new("key derivation function", 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ber::{self, encode};
    use super::*;

    fn oid(digits: &[u8]) -> Vec<u8> {
        encode(OID, &[digits])
    }

    fn check(der: &[u8], state: ProtectionState, detail: &str) {
        let found = protection(ber::parse(der, 0).unwrap()).unwrap();
        assert_eq!((found.state, found.detail.as_str()), (state, detail));
    }

    #[test]
    fn schemes_and_their_cost() {
        let counted = |count: &[u8]| encode(SEQUENCE, &[&encode(OCTET_STRING, &[&[7; 8]]), &encode(INTEGER, &[count])]);
        let pkcs12_3des = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03]);
        let three_des = |count: &[u8]| encode(SEQUENCE, &[&pkcs12_3des, &counted(count)]);
        check(&three_des(&[0x08, 0x00]), ProtectionState::Weak, "PKCS#12 SHA-1, 3DES, 2048 iterations");
        check(&three_des(&[0x00, 0xc3, 0x50]), ProtectionState::Strong, "PKCS#12 SHA-1, 3DES, 50000 iterations");
        let kdf =
            encode(SEQUENCE, &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c]), &counted(&[0x08, 0x00])]);
        let aes = encode(
            SEQUENCE,
            &[&oid(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a]), &encode(OCTET_STRING, &[&[1; 16]])],
        );
        let pbes2 = encode(
            SEQUENCE,
            &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d]), &encode(SEQUENCE, &[&kdf, &aes])],
        );
        check(&pbes2, ProtectionState::Strong, "PBKDF2-HMAC-SHA1 2048 iterations, AES-256-CBC");
    }

    #[test]
    fn other_algorithms_are_refused() {
        let rsa =
            encode(SEQUENCE, &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), &encode(ber::NULL, &[])]);
        assert!(protection(ber::parse(&rsa, 0).unwrap()).is_err());
    }
}

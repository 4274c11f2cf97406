//! The numbers of a SubjectPublicKeyInfo, read more tolerantly than by `public::from_spki`: an even modulus is a weakness
//! of a key, not a reason to reject the file.

use super::ber::{BIT_STRING, BerReader, INTEGER, OID, SEQUENCE};
use super::public::{self, Domain, OID_DH, OID_DSA, OID_EC, OID_RSA, OID_RSA_PSS, PublicKey, Raw};

/// The numbers, as big-endian magnitudes; `None` if the bytes are not a SubjectPublicKeyInfo, or the algorithm has no
/// checks. EC parameters that cannot be read are explicit parameters of no bytes.
pub fn read(der: &[u8]) -> Option<PublicKey<'_>> {
    let mut spki = BerReader::new(der).value(SEQUENCE, "SubjectPublicKeyInfo").ok()?.children();
    let mut algorithm = spki.value(SEQUENCE, "AlgorithmIdentifier").ok()?.children();
    let oid = algorithm.value(OID, "algorithm").ok()?.content;
    let (_, bits) = spki.value(BIT_STRING, "subjectPublicKey").ok()?.content.split_first()?;
    Some(match oid {
        OID_RSA | OID_RSA_PSS => {
            let [n, e] = integers(BerReader::new(bits).value(SEQUENCE, "RSAPublicKey").ok()?.children())?;
            PublicKey::Rsa { n, e }
        }
        OID_DSA => {
            let [p, q, g] = integers(algorithm.value(SEQUENCE, "DSA parameters").ok()?.children())?;
            let [y] = integers(BerReader::new(bits))?;
            PublicKey::Dsa { p, q, g, y }
        }
        OID_DH => {
            let parameters = algorithm.value(SEQUENCE, "DHParameter").ok()?;
            let [p] = integers(parameters.children())?;
            let [y] = integers(BerReader::new(bits))?;
            PublicKey::Dh { oid: OID_DH, parameters: parameters.raw, p, y }
        }
        OID_EC => {
            let unreadable = Domain::Explicit { der: &[], same_as: None, bits: 0 };
            PublicKey::Ec { domain: public::domain(&mut algorithm).unwrap_or(unreadable), point: bits }
        }
        _ => PublicKey::Raw { kind: Raw::from_oid(oid)?, bytes: bits },
    })
}

/// The first N INTEGERs of a sequence; more may follow.
fn integers<const N: usize>(mut reader: BerReader<'_>) -> Option<[&[u8]; N]> {
    let mut numbers = [&[][..]; N];
    for number in &mut numbers {
        *number = reader.value(INTEGER, "number").ok()?.unsigned();
    }
    Some(numbers)
}

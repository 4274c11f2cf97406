//! The numbers of a SubjectPublicKeyInfo, read more tolerantly than by `read::public`: an even modulus is a weakness of
//! a key, not a reason to reject the file.

use keyradius_readers::ber::{BIT_STRING, BerReader, INTEGER, OID, SEQUENCE};
use keyradius_readers::public::{self, Domain, OID_DH, OID_DSA, OID_EC, OID_RSA, OID_RSA_PSS, Raw};

/// A public key as big-endian magnitudes.
pub(super) enum Numbers<'a> {
    Rsa {
        n: &'a [u8],
        e: &'a [u8],
    },
    Dsa {
        p: &'a [u8],
        q: &'a [u8],
        g: &'a [u8],
        y: &'a [u8],
    },
    Dh {
        p: &'a [u8],
        y: &'a [u8],
    },
    /// `domain` is `Err` for explicit parameters of a curve that is not over a prime field.
    Ec {
        domain: Result<Domain<'a>, OtherField>,
        point: &'a [u8],
    },
    Raw {
        kind: Raw,
        bytes: &'a [u8],
    },
}

/// The field of an explicit curve is not of prime order.
#[derive(Clone, Copy)]
pub(super) struct OtherField;

/// The numbers; `None` if the bytes are not a SubjectPublicKeyInfo, or the algorithm has no checks.
pub(super) fn read(der: &[u8]) -> Option<Numbers<'_>> {
    let mut spki = BerReader::new(der).value(SEQUENCE, "SubjectPublicKeyInfo").ok()?.children();
    let mut algorithm = spki.value(SEQUENCE, "AlgorithmIdentifier").ok()?.children();
    let oid = algorithm.value(OID, "algorithm").ok()?.content;
    let (_, bits) = spki.value(BIT_STRING, "subjectPublicKey").ok()?.content.split_first()?;
    Some(match oid {
        OID_RSA | OID_RSA_PSS => {
            let [n, e] = integers(BerReader::new(bits).value(SEQUENCE, "RSAPublicKey").ok()?.children())?;
            Numbers::Rsa { n, e }
        }
        OID_DSA => {
            let [p, q, g] = integers(algorithm.value(SEQUENCE, "DSA parameters").ok()?.children())?;
            let [y] = integers(BerReader::new(bits))?;
            Numbers::Dsa { p, q, g, y }
        }
        OID_DH => {
            let [p] = integers(algorithm.value(SEQUENCE, "DHParameter").ok()?.children())?;
            let [y] = integers(BerReader::new(bits))?;
            Numbers::Dh { p, y }
        }
        OID_EC => Numbers::Ec { domain: public::domain(&mut algorithm).map_err(|_| OtherField), point: bits },
        _ => Numbers::Raw { kind: Raw::from_oid(oid)?, bytes: bits },
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

//! PKCS#8 PrivateKeyInfo (RFC 5208) and OneAsymmetricKey (RFC 5958): PEM `PRIVATE KEY`, and DER at any offset.
//!
//! Reads RSA, RSA-PSS, EC (named and explicit curves), DSA, Ed25519, Ed448, X25519, X448, ML-DSA (seed, expanded or
//! both) and SLH-DSA, and reports Diffie-Hellman keys as such. A version 1 structure with the public key is read in the
//! form of the RFC and in the older form of ring and Java.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier, locate, private};

/// Detects PKCS#8 private keys that are not encrypted.
#[derive(Debug)]
pub(crate) struct Pkcs8;

static ABOUT: About = About {
    id: "pkcs8",
    title: "Private key (PKCS#8)",
    detects: "PrivateKeyInfo structures in PEM (PRIVATE KEY) and in DER at any offset, with any algorithm. Verified \
              by the arithmetic of the algorithm if the structure contains both halves; the public half is derived if \
              it contains only the private one.",
    blind_to: "Unknown algorithms (GOST, ML-KEM) are not reported. The public half of SLH-DSA is taken from the \
               private key without verification. DER of a key without redundancy inside a program is reported only if \
               its bytes look random, because programs contain templates of such keys.",
    respond: "Whoever has the file can read the key. Find out who trusts it (the finding lists certificates and \
              locations of the public half), replace it there, then revoke.",
    references: &["RFC 5208", "RFC 5958", "RFC 8410", "RFC 9881", "RFC 9909", "CWE-321"],
};

impl Detector for Pkcs8 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[
            armor::ANCHOR,
            locate::PKCS_OID,
            locate::EC_OID,
            locate::DSA_OID,
            locate::DHX_OID,
            locate::RFC8410,
            locate::NIST_OID,
            locate::SEQUENCE_AT_START,
        ]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        carrier::private_key(blob, hit, start, private::pkcs8, out)
    }
}

/// Finds the start of SEQUENCE { INTEGER, AlgorithmIdentifier ... The INTEGER is 0 or 1; OpenSSL accepts others.
fn start(bytes: &[u8], hit: Hit<'_>) -> Option<usize> {
    /// Maximum length of the INTEGER, in content octets.
    const LONGEST: u8 = 4;
    if hit.anchor == locate::SEQUENCE_AT_START {
        return Some(0);
    }
    let algorithm = locate::algorithm_identifier(bytes, hit.anchor, hit.at)?;
    (0..=LONGEST).find_map(|length| {
        let version = algorithm.checked_sub(2 + usize::from(length))?;
        bytes.get(version..)?.starts_with(&[0x02, length]).then(|| locate::sequence_before(bytes, version))?
    })
}

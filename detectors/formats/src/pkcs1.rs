//! PKCS#1 RSAPrivateKey (RFC 8017 A.1.2): PEM `RSA PRIVATE KEY`, and DER at any offset of any file.
//!
//! The structure is a version and eight INTEGERs, plus the other primes of multi-prime keys. n = p*q and e*d = 1 are
//! checked; additional fields are ignored only if these hold. The label of a PEM block is not trusted: PKCS#8 that
//! OpenSSL wrote under this label is read as PKCS#8.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier, locate, private};

/// Detects PKCS#1 RSA private keys.
#[derive(Debug)]
pub(crate) struct Pkcs1;

static ABOUT: About = About {
    id: "pkcs1",
    title: "RSA private key (PKCS#1)",
    detects: "RSAPrivateKey structures in PEM (RSA PRIVATE KEY) and in DER at any offset: in programs, firmware \
              images, dumps. All integers are read; the key counts as verified when the modulus is the product of its \
              primes and the private exponent inverts the public one.",
    blind_to: "Multi-prime keys, and keys with an unusual version, in DER that is not at the start of a file. Keys \
               whose DER is truncated, split over fragments of a disk, or stored as bare numbers without the \
               SEQUENCE.",
    respond: "Whoever has the file can read the key. Find out who trusts it (the finding lists certificates and \
              locations of the public half), replace it there, then revoke.",
    references: &["RFC 8017 A.1.2", "CWE-321"],
};

impl Detector for Pkcs1 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, locate::TWO_INTEGERS, locate::SEQUENCE_AT_START]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        carrier::private_key(blob, hit, locate::versioned, private::pkcs1, out)
    }
}

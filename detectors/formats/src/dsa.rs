//! The DSA private key of OpenSSL before PKCS#8: PEM `DSA PRIVATE KEY`, and DER at any offset.
//!
//! It consists of six INTEGERs: 0, p, q, g, y, x. The DER begins like a PKCS#1 key; the number of integers
//! distinguishes them, and y is compared with g^x mod p.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier, locate, private};

/// Detects traditional DSA private keys.
#[derive(Debug)]
pub(crate) struct Dsa;

static ABOUT: About = About {
    id: "dsa",
    title: "DSA private key (traditional)",
    detects: "The six-integer DSA private key in PEM (DSA PRIVATE KEY) and in DER at any offset. Verified when the \
              public number is the generator raised to the private one.",
    blind_to: "DSA keys in other formats: the detectors of PKCS#8, OpenSSH, PuTTY and OpenPGP read those.",
    respond: "DSA keys are old: expect verifiers that are hard to update. Replace with a modern key rather than \
              another DSA key, after finding who still trusts this one.",
    references: &["FIPS 186-4", "openssl-dsa(1)", "CWE-321"],
};

impl Detector for Dsa {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, locate::TWO_INTEGERS, locate::SEQUENCE_AT_START]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        carrier::private_key(blob, hit, locate::versioned, private::dsa, out)
    }
}

//! SEC1 ECPrivateKey (RFC 5915): PEM `EC PRIVATE KEY`, and DER at any offset.
//!
//! The curve must be inside, by name or with explicit parameters. The public point is computed from the private scalar
//! and compared with the point inside. `pkcs8` reads the same structure inside PKCS#8.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier, locate, private};

/// Detects SEC1 elliptic curve private keys.
#[derive(Debug)]
pub(crate) struct Sec1;

static ABOUT: About = About {
    id: "sec1",
    title: "EC private key (SEC1)",
    detects: "ECPrivateKey structures in PEM (EC PRIVATE KEY) and in DER at any offset, on NIST, SEC, Brainpool and \
              SM2 prime curves and on curves with explicit parameters. Verified when the public point inside belongs \
              to the private scalar. A missing public point is computed.",
    blind_to: "Structures without a curve (it is stored elsewhere), curves over binary fields (found, not verified), \
               bare scalars.",
    respond: "Whoever has the file can read the key. Find out who trusts it, replace it there, then revoke.",
    references: &["RFC 5915", "SEC 1 C.4", "CWE-321"],
};

impl Detector for Sec1 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, locate::EC_PRIVATE, locate::SEQUENCE_AT_START]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        carrier::private_key(blob, hit, locate::versioned, private::sec1, out)
    }
}

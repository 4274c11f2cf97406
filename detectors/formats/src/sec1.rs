//! SEC1 ECPrivateKey (RFC 5915): PEM `EC PRIVATE KEY`, and DER at any offset.
//!
//! The curve has to be inside, by name or written out; the public point is computed from the private scalar and
//! compared with the one inside. The same structure inside PKCS#8 belongs to `pkcs8`.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier, locate, private};

/// SEC1 elliptic curve private keys.
#[derive(Debug)]
pub(crate) struct Sec1;

static ABOUT: About = About {
    id: "sec1",
    title: "EC private key (SEC1)",
    detects: "ECPrivateKey structures in PEM (EC PRIVATE KEY) and in DER at any offset, on NIST, SEC, Brainpool and SM2 \
              prime curves and on curves written out in full. Verified when the public point inside is the private \
              scalar's. A key without its public point gets one computed.",
    blind_to: "Structures without any curve (their curve stands elsewhere), curves over binary fields (found, not \
               verified), bare scalars.",
    respond: "The key is readable by whoever has the file. Find out who believes it, replace it there, then revoke.",
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

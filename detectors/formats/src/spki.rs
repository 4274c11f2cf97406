//! Public keys: SubjectPublicKeyInfo (RFC 5280 4.1) in PEM `PUBLIC KEY` and DER at any offset, and PKCS#1 RSAPublicKey
//! in PEM `RSA PUBLIC KEY`. They are not secret, but each location may trust the private key.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, PublicHalf};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{BerReader, SEQUENCE};
use keyradius_readers::public::{self, PublicKey};
use keyradius_readers::{armor, carrier, locate};

/// Detects public keys.
#[derive(Debug)]
pub(crate) struct Spki;

static ABOUT: About = About {
    id: "spki",
    title: "Public key (SubjectPublicKeyInfo)",
    detects: "Public keys in PEM (PUBLIC KEY, RSA PUBLIC KEY) and SubjectPublicKeyInfo in DER at any offset: pinned \
              keys in programs, keys in certificate requests. They are not a leak; keyradius links them to private \
              keys.",
    blind_to: "RSAPublicKey in DER without SubjectPublicKeyInfo, and public keys in formats of their own (SSH, \
               OpenPGP, JWK).",
    respond: "Nothing to do for a public key alone. If its private key is found, this location may still trust it.",
    references: &["RFC 5280 4.1", "RFC 8017 A.1.1"],
};

impl Detector for Spki {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, locate::PKCS_OID, locate::EC_OID, locate::DSA_OID, locate::RFC8410, locate::NIST_OID]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            let wanted = |label: &str| matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY");
            let Some(armor) = carrier::pem(blob, hit, wanted, out)? else { return Ok(()) };
            let half = public::from_spki(&armor.body)
                .or_else(|_| public::rsa_numbers(&armor.body).map(|(n, e)| public::half(&PublicKey::Rsa { n, e })))?;
            let mut material = material(half, Encoding::Pem, armor.span.clone());
            material.remarks.extend(carrier::remarks(&armor));
            out.found(material);
            return Ok(());
        }
        let outer = locate::algorithm_identifier(blob.bytes, hit.anchor, hit.at)
            .and_then(|algorithm| locate::sequence_before(blob.bytes, algorithm));
        let Some(start) = outer else { return Ok(()) };
        let der = blob.bytes.get(start..).unwrap_or_default();
        let whole = BerReader::new(der).value(SEQUENCE, "SubjectPublicKeyInfo")?.raw;
        let half = public::from_spki(whole)?;
        out.found(material(half, Encoding::Der, start..start + whole.len()));
        Ok(())
    }
}

fn material(half: PublicHalf, encoding: Encoding, span: std::ops::Range<usize>) -> Material {
    let mut material = Material::new(Kind::PublicKey, ABOUT.id, encoding, span);
    material.identity = Some(Identity::public(half));
    material
}

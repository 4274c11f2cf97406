//! X.509 certificates (RFC 5280): PEM `CERTIFICATE`, and DER at any offset. They are not secret, but the best evidence
//! of the purpose of a private key.
//!
//! DER is found by its version field, so version 3 is found at any offset, and version 1 only at the start of a file.
//! Negative serial numbers, long serial numbers and BER are accepted.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier, locate, x509};

/// Detects X.509 certificates.
#[derive(Debug)]
pub(crate) struct X509;

static ABOUT: About = About {
    id: "x509",
    title: "X.509 certificate",
    detects: "Certificates in PEM and DER. They are not a leak; keyradius links them to private keys by public key \
              and reads the permitted uses: CA, code signing, time stamping, TLS.",
    blind_to: "Version 1 certificates in DER that are not at the start of a file. Signatures are not checked and \
               chains are not validated.",
    respond: "Nothing to do for the certificate alone. If its private key is found, revoke the certificate at its \
              issuer.",
    references: &["RFC 5280"],
};

impl Detector for X509 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, locate::X509_V3, locate::SEQUENCE_AT_START]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            let wanted = |label: &str| matches!(label, "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE");
            let Some(armor) = carrier::pem(blob, hit, wanted, out)? else { return Ok(()) };
            let certificate = x509::read(&armor.body)?;
            let mut material = material(certificate, Encoding::Pem, armor.span.clone());
            material.remarks.extend(carrier::remarks(&armor));
            out.found(material);
            return Ok(());
        }
        let start = if hit.anchor == locate::SEQUENCE_AT_START {
            Some(0)
        } else {
            locate::sequence_before(blob.bytes, hit.at).and_then(|tbs| locate::sequence_before(blob.bytes, tbs))
        };
        let Some(start) = start else { return Ok(()) };
        let certificate = x509::read(blob.bytes.get(start..).unwrap_or_default())?;
        let span = start..start + certificate.consumed;
        out.found(material(certificate, Encoding::Der, span));
        Ok(())
    }
}

fn material(certificate: x509::Certificate, encoding: Encoding, span: std::ops::Range<usize>) -> Material {
    let mut material = Material::new(Kind::Certificate, ABOUT.id, encoding, span);
    material.identity = certificate.public.map(Identity::public);
    material.certificate = Some(Box::new(certificate.facts));
    material
}

//! PKCS#12 / PFX keystores (RFC 7292): `.p12`, `.pfx`, and most files called `.jks` and `.keystore` since Java 9.
//!
//! Reads DER, and the BER with indefinite lengths that NSS and Apple write. Readable without a password are the MAC and
//! its iterations, the safes and their encryption, keys that are not encrypted, and, in plaintext safes, certificates
//! and the names and localKeyIds of bags. The localKeyId of OpenSSL and NSS is the SHA-1 of the certificate, so a key
//! is linked to its certificate in any file, without a password.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Locked, Material, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{BerReader, SEQUENCE};
use keyradius_readers::pkcs12::Pfx;
use keyradius_readers::{armor, carrier, locate};

use crate::unlock::pkcs12::Store;

/// Detects PKCS#12 keystores.
#[derive(Debug)]
pub(crate) struct Pkcs12;

static ABOUT: About = About {
    id: "pkcs12",
    title: "PKCS#12 keystore (PFX)",
    detects: "PKCS#12 files, DER and BER, at any offset, whatever the file name: every key bag with its friendly \
              name, its encryption and iterations, and the certificate that its localKeyId names. Keys that are not \
              encrypted are read and proven. Trust stores are reported as such.",
    blind_to: "Safes that are encrypted as a whole: only the password shows whether they contain keys or \
               certificates. A key whose certificate is encrypted too is identified by a digest of its ciphertext, \
               unless the certificate is found elsewhere.",
    respond: "A PFX carries a signing identity from one machine to another: look for its password near it. Revoke the \
              certificate, and have the new key made where it cannot be exported.",
    references: &["RFC 7292", "RFC 9579", "CWE-321"],
};

impl Detector for Pkcs12 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, locate::PKCS_OID]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            let Some(armor) = carrier::pem(blob, hit, |label| label == "PKCS12", out)? else { return Ok(()) };
            let pfx = Pfx::read(&armor.body)?;
            report(pfx.materials()?, pfx.raw, Encoding::Pem, &armor.span, out);
            return Ok(());
        }
        let Some(start) = start(blob.bytes, hit.at) else { return Ok(()) };
        let der = blob.bytes.get(start..).unwrap_or_default();
        let pfx = Pfx::read(der).inspect_err(|_| {
            let goes_on = || BerReader::cut(der, SEQUENCE, "PFX").is_ok_and(|(_, cut)| cut);
            if !blob.window.last && goes_on() {
                out.unread(Reason::TooLarge, "a PKCS#12 keystore that exceeds the maximum read at once");
            }
        })?;
        report(pfx.materials()?, pfx.raw, Encoding::Der, &(start..start + pfx.raw.len()), out);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        Store::read(kept).map(boxed)
    }
}

fn report(materials: Vec<Material>, raw: &[u8], encoding: Encoding, span: &Range<usize>, out: &mut Inspection) {
    let locked = Some(Locked::new(raw));
    for mut material in materials {
        material.span = span.clone();
        material.encoding = encoding;
        if material.protection.as_ref().is_some_and(|p| p.state != ProtectionState::Plaintext) {
            material.locked.clone_from(&locked);
        }
        out.found(material);
    }
}

/// Finds the start of PFX ::= SEQUENCE { INTEGER 3, ContentInfo SEQUENCE { OID data or signedData, which is at `oid`
/// ...
fn start(bytes: &[u8], oid: usize) -> Option<usize> {
    if !matches!(bytes.get(oid + 7..oid + 9), Some([7, 1 | 2])) {
        return None;
    }
    let content_info = locate::algorithm_identifier(bytes, locate::PKCS_OID, oid)?;
    let version = content_info.checked_sub(3)?;
    (bytes.get(version..content_info)? == [0x02, 0x01, 0x03]).then(|| locate::sequence_before(bytes, version))?
}

//! PKCS#8 EncryptedPrivateKeyInfo (RFC 5208 6, RFC 5958 3): PEM `ENCRYPTED PRIVATE KEY`, and DER at any offset.
//!
//! The scheme, its iterations and the size of the ciphertext are readable, but the public half is not. So the key is
//! identified by a digest of its ciphertext until it is opened.

mod open;

use std::borrow::Cow;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Kind, Locked, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::ber::{BerReader, OCTET_STRING, SEQUENCE};
use keyradius_readers::{armor, carrier, locate, pbe};

/// Detects encrypted PKCS#8 private keys.
#[derive(Debug)]
pub(crate) struct EncryptedPkcs8;

static ABOUT: About = About {
    id: "encrypted_pkcs8",
    title: "Encrypted private key (PKCS#8)",
    detects: "EncryptedPrivateKeyInfo structures in PEM (ENCRYPTED PRIVATE KEY) and in DER at any offset, under \
              PBES1, PBES2 (PBKDF2, scrypt) and the PKCS#12 schemes. Reports the scheme and the cost of a password \
              guess.",
    blind_to: "The public half is inside the ciphertext: until the key is opened it cannot be linked to certificates, \
               or to copies that are encrypted differently.",
    respond: "Encryption buys time, not safety: look for the password near the key (properties, CI files, scripts) \
              and treat the key as leaked if it can be guessed. Revoke a leaked key even if it was encrypted.",
    references: &["RFC 5958 3", "RFC 8018", "RFC 7292 B", "CWE-321"],
};

impl Detector for EncryptedPkcs8 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR, locate::PKCS_OID, locate::SEQUENCE_AT_START]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor == armor::ANCHOR {
            let Some(armor) = carrier::pem(blob, hit, armor::is_der_private, out)? else { return Ok(()) };
            let found = read(&armor.body)?;
            let mut material = material(&found, Encoding::Pem, armor.span.clone());
            material.remarks.extend(carrier::remarks(&armor));
            // Notary v1 writes the purpose of the key into headers of the block.
            for name in ["role", "gun"] {
                let label = armor.header(name).map(|v| format!("{name}: {v}"));
                material.labels.extend(label.map(|l| keyradius_core::material::Label::new("header", l.as_bytes())));
            }
            out.found(material);
            return Ok(());
        }
        let start = if hit.anchor == locate::SEQUENCE_AT_START {
            Some(0)
        } else {
            locate::algorithm_identifier(blob.bytes, hit.anchor, hit.at)
                .and_then(|algorithm| locate::sequence_before(blob.bytes, algorithm))
        };
        let Some(start) = start else { return Ok(()) };
        let der = blob.bytes.get(start..).unwrap_or_default();
        let found = read(der).inspect_err(|_| {
            if !blob.window.last && is_cut(der) {
                out.unread(Reason::TooLarge, "an encrypted private key that exceeds the maximum read at once");
            }
        })?;
        out.found(material(&found, Encoding::Der, start..start + found.raw.len()));
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

struct Encrypted<'a> {
    protection: Protection,
    ciphertext: Cow<'a, [u8]>,
    /// The whole structure.
    raw: &'a [u8],
}

fn read(der: &[u8]) -> Result<Encrypted<'_>, Malformed> {
    /// The smallest possible ciphertext, in bytes: Ed25519 in 48 bytes, in blocks of eight.
    const SMALLEST: usize = 48;
    let outer = BerReader::new(der).value(SEQUENCE, "EncryptedPrivateKeyInfo")?;
    let mut fields = outer.children();
    let algorithm = fields.value(SEQUENCE, "encryptionAlgorithm")?;
    let octets = fields.string(OCTET_STRING, "encryptedData")?.octets()?;
    if !fields.is_empty() || octets.len() < SMALLEST {
        return Err(Malformed::new("encryptedData", fields.at()));
    }
    let protection = pbe::protection(algorithm)?;
    Ok(Encrypted { protection, ciphertext: octets, raw: outer.raw })
}

/// Whether the bytes begin an encrypted key but end before the key does.
fn is_cut(der: &[u8]) -> bool {
    let Ok((outer, true)) = BerReader::cut(der, SEQUENCE, "EncryptedPrivateKeyInfo") else { return false };
    let mut fields = outer.children();
    fields.value(SEQUENCE, "encryptionAlgorithm").is_ok_and(|algorithm| pbe::protection(algorithm).is_ok())
}

fn material(found: &Encrypted<'_>, encoding: Encoding, span: std::ops::Range<usize>) -> Material {
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, encoding, span);
    material.protection = Some(found.protection.clone());
    material.identity = Some(carrier::opaque(&found.ciphertext));
    material.locked = Some(Locked::new(found.raw));
    material
}

//! Encrypted signing keys of cosign: PEM `ENCRYPTED SIGSTORE PRIVATE KEY` (version 2) and `ENCRYPTED COSIGN PRIVATE
//! KEY` (version 1). The body is not DER but JSON: scrypt with its parameters, a nonce, and PKCS#8 in a NaCl secretbox.
//!
//! The members of the JSON are looked up by name, because writers differ in order and blanks. None of the JSON
//! identifies the key.

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Kind, Locked, Material, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier};

use read::Sealed;

/// Detects cosign keys.
#[derive(Debug)]
pub(crate) struct Cosign;

static ABOUT: About = About {
    id: "cosign",
    title: "Encrypted signing key (cosign, Sigstore)",
    detects: "PEM blocks ENCRYPTED SIGSTORE PRIVATE KEY and ENCRYPTED COSIGN PRIVATE KEY whose body is the JSON of \
              cosign: scrypt and a NaCl secretbox. Reports the cost of a guess.",
    blind_to: "The public half (cosign.pub) and the kind of key are inside the secretbox, until a password opens it. \
               An empty password (COSIGN_PASSWORD=\"\", common in pipelines) looks like any other until it is tried.",
    respond: "Whoever opens the key can sign images and attestations that every policy with cosign.pub accepts. \
              Remove the public key from admission policies and verification scripts, sign again with another key or \
              keyless, and search the transparency log for signatures that are not yours.",
    references: &["sigstore/cosign pkg/cosign/keys.go", "go-securesystemslib encrypted", "RFC 7914", "CWE-321"],
};

impl Detector for Cosign {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let wanted = |label: &str| matches!(label, "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY");
        let Some(armor) = carrier::pem(blob, hit, wanted, out)? else { return Ok(()) };
        let sealed = Sealed::read(&armor.body).map_err(|error| Malformed::new(error.what, hit.at))?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Pem, armor.span.clone());
        let (n, r, p) = sealed.scrypt;
        let detail = format!("scrypt N={n} r={r} p={p}, XSalsa20-Poly1305");
        material.protection = Some(Protection::new(ProtectionState::Strong, detail));
        material.identity = Some(carrier::opaque(&sealed.ciphertext));
        material.locked = Some(Locked::new(&armor.body));
        material.remarks.extend(carrier::remarks(&armor));
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::Identity;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn json() -> String {
        let box_ = base64(&(0..155).map(|n: u8| n.wrapping_mul(113)).collect::<Vec<u8>>());
        format!(
            r#"{{"kdf":{{"name":"scrypt","params":{{"N":65536,"r":8,"p":1}},"salt":"{}="}},"cipher":{{"name":"nacl/secretbox","nonce":"{}"}},"ciphertext":"{box_}="}}"#,
            base64(&[5; 32]),
            base64(&[6; 24]),
        )
    }

    fn inspect(label: &str, body: &str) -> Result<Vec<Material>, Malformed> {
        let dashes = "-".repeat(5);
        let text = format!("{dashes}BEGIN {label}{dashes}\n{}\n{dashes}END {label}{dashes}\n", base64(body.as_bytes()));
        ask::at(&Cosign, "cosign.key", text, (armor::ANCHOR, 0))
    }

    #[test]
    fn both_labels_and_any_order() {
        let spaced = json().replace(':', " : ").replace(',', ",\n ");
        for (label, body) in [
            ("ENCRYPTED SIGSTORE PRIVATE KEY", json()),
            ("ENCRYPTED COSIGN PRIVATE KEY", json()),
            ("ENCRYPTED COSIGN PRIVATE KEY", spaced),
        ] {
            let found = inspect(label, &body).unwrap();
            assert_eq!(found[0].protection.as_ref().unwrap().detail, "scrypt N=65536 r=8 p=1, XSalsa20-Poly1305");
            assert!(matches!(found[0].identity, Some(Identity::Opaque(_))) && found[0].locked.is_some());
        }
        assert!(inspect("ENCRYPTED PRIVATE KEY", &json()).unwrap().is_empty());
    }

    #[test]
    fn incomplete_input_is_refused() {
        for (from, to) in [
            ("scrypt", "argon2"),
            ("nacl/secretbox", "aes"),
            ("65536", "65537"),
            ("65536", "\"x\""),
            ("\"salt\"", "\"sale\""),
            ("ciphertext", "cipher_text"),
            ("\"r\":8", "\"r\":0"),
            ("}", ""),
        ] {
            assert!(inspect("ENCRYPTED SIGSTORE PRIVATE KEY", &json().replace(from, to)).is_err(), "{to}");
        }
    }
}

//! JSON Web Keys and key sets that a password encrypts: JWE (RFC 7516) in compact form with PBES2 (RFC 7518 4.8), as
//! `step crypto jwk create`, step-ca's `encryptedKey` and jwcrypto write them.
//!
//! The first of the five parts is a JSON header in base64url. Its `alg` begins with `PBES2-HS`. It has three spellings in
//! base64url, depending on what precedes it; writers begin with `alg`, so two of them are the anchors. A JWE can encrypt
//! any message: only a header whose content type (`cty`, RFC 7517 7) is a key or a key set counts. A key set is a keystore until a
//! password opens it, because the number of its keys is unknown.

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Kind, Label, Locked, Material};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::carrier;

use read::{ANCHORS, Sealed};

/// Detects encrypted JSON Web Keys.
#[derive(Debug)]
pub(crate) struct Jwe;

static ABOUT: About = About {
    id: "jwe",
    title: "Encrypted JSON Web Key (JWE)",
    detects: "JSON Web Keys and key sets encrypted with a password: JWE in compact form with PBES2, as step, step-ca \
              (encryptedKey of a provisioner) and jwcrypto write them, in files, JSON and YAML. Reports key derivation \
              and cipher. A password that is found nearby opens it, and each key in it is then verified.",
    blind_to: "JWE in JSON form, JWE for a public key or a shared key, JWE whose header does not state that it \
               contains a key (cty), and most of those in which alg is not the first member. The public half, until a password opens it.",
    respond: "Whoever opens the key can issue tokens that every relying service accepts; the key of a step-ca \
              provisioner obtains certificates. Remove its kid from the key set or the provisioner from the CA, make \
              a new key, and keep the password elsewhere.",
    references: &["RFC 7516 7.1", "RFC 7517 7", "RFC 7518 4.8", "CWE-321"],
};

impl Detector for Jwe {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let Some(token) = read::token(blob.bytes, hit.at) else {
            return Err(Malformed::new("JWE around its algorithm", hit.at));
        };
        let text = blob.bytes.get(token.clone()).unwrap_or_default();
        let sealed = Sealed::read(text).map_err(|error| Malformed::new(error.what, hit.at))?;
        let kind = if sealed.is_set { Kind::Keystore } else { Kind::PrivateKey };
        let mut material = Material::new(kind, ABOUT.id, Encoding::Text, token);
        material.protection = Some(sealed.protection());
        material.identity = Some(carrier::opaque(&sealed.ciphertext));
        material.labels.extend(sealed.kid.as_ref().map(|kid| Label::new("key id", kid)));
        material.locked = Some(Locked::new(text));
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

#[cfg(test)]
mod tests;

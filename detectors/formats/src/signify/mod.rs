//! Secret keys of OpenBSD's signify, and its public keys.
//!
//! A key is a comment line, then 104 bytes in base64 (signify.c, `struct enckey`): algorithm, KDF, rounds, salt, the
//! beginning of a SHA-512 of the key, the key number, and the key XORed with a key stream of bcrypt. With zero rounds
//! the key is plaintext. A foreign public key or a wrong digest is only a remark: the seed signs without them
//! (`readers/signs.rs`).

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Locked, Material, Protection, ProtectionState, Remark,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::carrier;
use keyradius_readers::public::{self, PublicKey, Raw};
use keyradius_readers::untrusted;

use read::Secret;

/// Detects signify keys.
#[derive(Debug)]
pub(crate) struct Signify;

static ABOUT: About = About {
    id: "signify",
    title: "Signing key (OpenBSD signify)",
    detects: "Secret keys of signify, encrypted or not (-n), as files and inside JSON, YAML and base64. Keys without \
              a password are verified if their public half belongs to the seed. For encrypted keys, the bcrypt rounds \
              and the key number are reported; signatures and the public key contain the same number. Public keys are \
              reported as well.",
    blind_to: "The public half of an encrypted key. The key has the number of its public key, but a number proves \
               nothing, so the two are not linked.",
    respond: "Everyone with the public key installed accepts what the key signs: publish a new public key through a \
              channel that does not depend on this key, and remove the old .pub from every machine.",
    references: &["signify(1)", "OpenBSD usr.bin/signify/signify.c", "CWE-321", "CWE-798"],
};

impl Detector for Signify {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[untrusted::PLAIN, untrusted::CODED]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let file = untrusted::read(blob.bytes, hit)?;
        let half = |bytes| Identity::public(public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes }));
        let labels = |number: &[u8]| {
            let comment = Some(Label::new("comment", &file.comment)).filter(|label| !label.text.is_empty());
            comment.into_iter().chain([Label::new("key id", untrusted::key_number(number).as_bytes())])
        };
        if file.body.len() == untrusted::PUBLIC && !untrusted::is_minisign(&file.comment) {
            let parts = file.body.strip_prefix(b"Ed").and_then(|rest| rest.split_at_checked(8));
            let (number, bytes) = parts.ok_or(Malformed::new("signify public key", hit.at))?;
            let mut material = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Text, file.span.clone());
            material.identity = Some(half(bytes));
            material.labels.extend(labels(number));
            material.remarks.push(Remark::SignifyPublic);
            out.found(material);
            return Ok(());
        }
        if file.body.len() != Secret::LENGTH {
            return Ok(());
        }
        let secret = Secret::read(&file.body)?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, file.span.clone());
        material.labels.extend(labels(secret.number));
        if secret.rounds == 0 {
            let key = secret.key(secret.sealed).ok_or(Malformed::new("seed of signify", hit.at))?;
            key.fit.describe(&mut material);
            if !key.has_digest {
                material.remarks.push(Remark::ForeignSignifyDigest);
            }
            material.identity = Some(Identity::public(key.half));
            material.protection = Some(Protection::plaintext());
        } else {
            let detail = format!("bcrypt_pbkdf {} rounds, XOR", secret.rounds);
            material.protection = Some(Protection::new(ProtectionState::Strong, detail));
            material.identity = Some(carrier::opaque(secret.sealed));
            material.locked = Some(Locked::new(&file.body));
        }
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

#[cfg(test)]
mod tests {
    use crate::samples::RFC8032_SEED as SEED;
    use keyradius_core::hex::hex;
    use keyradius_core::material::Proof;
    use keyradius_readers::proof;
    use keyradius_readers::text::base64;
    use sha2::{Digest, Sha512};

    use super::*;
    use crate::ask;

    fn body(rounds: u32) -> Vec<u8> {
        let key = [&SEED[..], &proof::raw_public(Raw::Ed25519, &SEED).unwrap()].concat();
        let digest = Sha512::digest(&key);
        [&b"EdBK"[..], &rounds.to_be_bytes(), &[3; 16], &digest[..8], &[1, 2, 3, 4, 5, 6, 7, 8], &key].concat()
    }

    fn inspect(body: &[u8], comment: &str) -> Result<Vec<Material>, Malformed> {
        let text = format!("untrusted comment: {comment}\n{}\n", base64(body));
        ask::at(&Signify, "k", text, (untrusted::PLAIN, 0))
    }

    #[test]
    fn rounds_show_whether_a_key_is_encrypted() {
        let plain = inspect(&body(0), "signify secret key").unwrap();
        let Some(Identity::Public(half)) = &plain[0].identity else { panic!("identity") };
        assert_eq!(hex(&half.spki[12..]), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!((plain[0].proof, &*plain[0].labels[1].text), (Proof::Verified, "0807060504030201"));
        let locked = inspect(&body(42), "signify secret key").unwrap();
        assert_eq!(locked[0].protection.as_ref().unwrap().detail, "bcrypt_pbkdf 42 rounds, XOR");
        assert!(matches!(locked[0].identity, Some(Identity::Opaque(_))));
    }

    #[test]
    fn public_keys_of_minisign_are_ignored() {
        let public = [&b"Ed"[..], &[1; 8], &proof::raw_public(Raw::Ed25519, &SEED).unwrap()].concat();
        assert_eq!(inspect(&public, "openbsd 7.4 base public key").unwrap()[0].kind, Kind::PublicKey);
        assert!(inspect(&public, "minisign public key 0102").unwrap().is_empty());
    }

    #[test]
    fn a_seed_with_a_foreign_public_key_or_digest_is_reported() {
        let digest = Remark::ForeignSignifyDigest;
        for (at, proof, notes) in
            [(24, Proof::Verified, &[digest][..]), (103, Proof::Structure, &[Remark::ForeignPublicNumbers, digest])]
        {
            let mut wrong = body(0);
            wrong[at] ^= 1;
            let found = inspect(&wrong, "k").unwrap();
            let Some(Identity::Public(half)) = &found[0].identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
            assert_eq!((found[0].proof, &found[0].remarks[..]), (proof, notes));
        }
    }

    #[test]
    fn inconsistent_keys_are_refused() {
        let plain = body(0);
        for at in [0, 2] {
            let mut wrong = plain.clone();
            wrong[at] ^= 1;
            assert!(inspect(&wrong, "k").is_err(), "{at}");
        }
        assert!(inspect(&[&plain[..40], &[0; 64]].concat(), "k").is_err());
        assert!(inspect(&[&plain[..40], &[7; 64]].concat(), "k").is_err());
        assert!(inspect(&plain[..74], "a signature").unwrap().is_empty());
    }
}

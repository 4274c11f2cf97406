//! Secret keys of minisign, rsign and Tauri's updater, and minisign public keys.
//!
//! A key is two lines: a comment, and 158 bytes in base64 (minisign's `SeckeyStruct`). The bytes are algorithm, KDF,
//! checksum algorithm, salt and two scrypt limits, then key number, key and checksum, XORed with a key stream. Without
//! a password the last three are plaintext, the KDF is two zeros, and the public key is proven from the seed. A seed
//! next to a foreign public key also signs (`readers/signs.rs`): comment, algorithms and length leave no doubt that it is
//! a key. The comment says "encrypted" in both cases, so it is ignored. Tauri stores the same file with another layer
//! of base64.

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
use keyradius_readers::signs;
use keyradius_readers::untrusted;

use read::{Parts, Secret};

/// Detects minisign keys.
#[derive(Debug)]
pub(crate) struct Minisign;

static ABOUT: About = About {
    id: "minisign",
    title: "Signing key (minisign, rsign, Tauri)",
    detects: "Secret keys of minisign, rsign and Tauri's updater, as files, inside JSON and YAML, and in base64 as \
              Tauri writes them into files and variables. Keys made without a password are verified if the public key \
              next to the seed belongs to it. For encrypted keys the cost of a guess is reported. Public keys are \
              reported too.",
    blind_to: "Key number and public half of an encrypted key: both are encrypted. The second line without its \
               comment line. The checksum inside is not computed: the arithmetic proves more.",
    respond: "Whoever has the key can sign updates that every installed copy accepts. First ship a release that \
              trusts a new public key, signed with the old key, and keep the new key out of the repository. Blank \
              passwords are common with Tauri.",
    references: &["minisign: key format (README, minisign.h)", "Tauri: updater, signing updates", "CWE-321", "CWE-798"],
};

impl Detector for Minisign {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[untrusted::PLAIN, untrusted::CODED]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let file = untrusted::read(blob.bytes, hit)?;
        let label = Some(Label::new("comment", &file.comment)).filter(|label| !label.text.is_empty());
        if file.body.len() == untrusted::PUBLIC && untrusted::is_minisign(&file.comment) {
            let (number, bytes) = public_parts(&file.body).ok_or(Malformed::new("minisign public key", hit.at))?;
            let mut material = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Text, file.span);
            let half = public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes });
            material.identity = Some(Identity::public(half));
            material.labels.push(Label::new("key id", untrusted::key_number(number).as_bytes()));
            material.remarks.push(Remark::MinisignPublic);
            out.found(material);
            return Ok(());
        }
        if file.body.len() != Secret::LENGTH {
            return Ok(());
        }
        let secret = Secret::read(&file.body)?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, file.span.clone());
        material.labels.extend(label);
        if let Some(scrypt) = &secret.scrypt {
            let detail = format!("scrypt N={} r={} p={}, XOR", 1_u128 << scrypt.log_n, scrypt.r, scrypt.p);
            material.protection = Some(Protection::new(ProtectionState::Strong, detail));
            material.identity = Some(carrier::opaque(secret.sealed));
            material.locked = Some(Locked::new(&file.body));
        } else {
            let Parts { number, seed, public } = secret.parts()?;
            let (half, fit) = signs::ed25519(seed, public).ok_or(Malformed::new("seed of minisign", hit.at))?;
            fit.describe(&mut material);
            material.identity = Some(Identity::public(half));
            material.protection = Some(Protection::plaintext());
            material.labels.push(Label::new("key id", untrusted::key_number(number).as_bytes()));
            if memchr::memmem::find(&file.comment, b"encrypted").is_some() {
                material.remarks.push(Remark::SaysEncrypted);
            }
        }
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

/// Splits a public key into key number and key.
fn public_parts(body: &[u8]) -> Option<(&[u8], &[u8])> {
    body.strip_prefix(b"Ed")?.split_at_checked(8).filter(|(_, key)| key.len() == 32)
}

#[cfg(test)]
mod tests {
    use crate::samples::RFC8032_SEED as SEED;
    use keyradius_core::hex::hex;
    use keyradius_core::material::Proof;
    use keyradius_readers::proof;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn plain() -> Vec<u8> {
        let public = proof::raw_public(Raw::Ed25519, &SEED).unwrap();
        [&b"Ed\0\0B2"[..], &[0; 48], &[1, 2, 3, 4, 5, 6, 7, 8], &SEED, &public, &[9; 32]].concat()
    }

    fn encrypted(ops: u64, memory: u64) -> Vec<u8> {
        let sealed: Vec<u8> = (0..104).map(|n: u8| n.wrapping_mul(151)).collect();
        [&b"EdScB2"[..], &[7; 32], &ops.to_le_bytes(), &memory.to_le_bytes(), &sealed].concat()
    }

    fn inspect(body: &[u8]) -> Result<Vec<Material>, Malformed> {
        let text = format!("untrusted comment: minisign encrypted secret key\n{}\n", base64(body));
        ask::at(&Minisign, "k", text, (untrusted::PLAIN, 0))
    }

    #[test]
    fn a_key_without_a_password_is_proven() {
        let found = inspect(&plain()).unwrap();
        let [material] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((material.proof, material.kind), (Proof::Verified, Kind::PrivateKey));
        let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
        assert_eq!(hex(&half.spki[12..]), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(material.labels[1].text, "0807060504030201");
        assert_eq!(material.remarks, [Remark::SaysEncrypted]);
    }

    #[test]
    fn an_encrypted_key_shows_its_cost() {
        for (ops, memory, detail) in [
            // The limits of minisign, of the Rust crate, and of minisign built for tests.
            (1 << 25, 1 << 30, "scrypt N=1048576 r=8 p=1, XOR"),
            (1 << 20, 1 << 25, "scrypt N=32768 r=8 p=1, XOR"),
            (32_768, 1 << 24, "scrypt N=1024 r=8 p=1, XOR"),
        ] {
            let found = inspect(&encrypted(ops, memory)).unwrap();
            let protection = found[0].protection.clone().unwrap();
            assert_eq!((protection.state, &*protection.detail), (ProtectionState::Strong, detail));
            assert!(matches!(found[0].identity, Some(Identity::Opaque(_))));
            assert!(found[0].locked.is_some());
        }
    }

    #[test]
    fn a_seed_with_a_foreign_public_key_is_reported() {
        let foreign = [&plain()[..94], &[7; 32], &plain()[126..]].concat();
        let found = inspect(&foreign).unwrap();
        let Some(Identity::Public(half)) = &found[0].identity else { panic!("identity") };
        assert_eq!(hex(&half.spki[12..]), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!((found[0].proof, found[0].remarks.first()), (Proof::Structure, Some(&Remark::ForeignPublicNumbers)));
    }

    #[test]
    fn inconsistent_keys_are_refused() {
        let wrong = [&plain()[..62], &[7; 32], &plain()[94..]].concat();
        let zeros = [&b"Ed\0\0B2"[..], &[0; 152]].concat();
        let other = [&b"Ed\0\0B3"[..], &plain()[6..]].concat();
        let kdf = [&b"EdXXB2"[..], &plain()[6..]].concat();
        for body in [wrong, zeros, other, kdf, encrypted(0, 0), [&b"EdScB2"[..], &[0; 152]].concat()] {
            assert!(inspect(&body).is_err());
        }
        // Not a secret key but a signature.
        assert!(inspect(&[b'E'; 74]).is_err() || inspect(&plain()[..74]).unwrap().is_empty());
        assert!(inspect(&plain()[..74]).unwrap().is_empty());
    }
}

//! Private keys of Dropbear (`dropbear_rsa_host_key`, `id_dropbear`): the public blob of SSH, then the plaintext
//! private numbers.
//!
//! The format has no magic number, and a public blob begins with the same bytes. So a key is searched for only at the
//! start of a file (or of an unwrapped blob), and must end where the file ends.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::{signs, ssh};

/// Detects private keys of Dropbear.
#[derive(Debug)]
pub(crate) struct Dropbear;

static ABOUT: About = About {
    id: "dropbear",
    title: "Private key (Dropbear)",
    detects: "Files of dropbearkey with RSA, DSA, ECDSA and Ed25519 keys: a public blob of SSH followed by the \
              private numbers. Verified when the public numbers follow from the private ones.",
    blind_to: "A key that is not at the start of its file, or is followed by other bytes. RSA keys without their \
               primes, which Dropbear wrote before 2003.",
    respond: "Dropbear cannot encrypt a key. A host key in a firmware image is the key of every device that runs it: \
              make the devices generate their own at first boot. For a user's key, remove its public half wherever it \
              is trusted.",
    references: &["Dropbear signkey.c", "RFC 4253 6.6", "CWE-321"],
};

const RSA: Anchor = Anchor::at_start(b"\0\0\0\x07ssh-rsa");
const DSS: Anchor = Anchor::at_start(b"\0\0\0\x07ssh-dss");
const ECDSA: Anchor = Anchor::at_start(b"\0\0\0\x13ecdsa-sha2-nistp");
const ED25519: Anchor = Anchor::at_start(b"\0\0\0\x0bssh-ed25519\0\0\0\x40");

impl Detector for Dropbear {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[RSA, DSS, ECDSA, ED25519]
    }

    fn inspect(&self, blob: Blob<'_>, _hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let mut fields = Cursor::new(blob.bytes);
        let (key, private) = ssh::dropbear(&mut fields)?;
        if !fields.is_empty() {
            return Err(Malformed::new("end of the key", fields.at()));
        }
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, 0..fields.at());
        material.protection = Some(Protection::plaintext());
        let (half, fit) = signs::signs_as(&key, private);
        fit.describe(&mut material);
        material.identity = Some(Identity::public(half));
        out.found(material);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::Proof;
    use keyradius_readers::public::Raw;
    use keyradius_readers::{curves, proof};

    use super::*;
    use crate::ask;

    fn strings(fields: &[&[u8]]) -> Vec<u8> {
        fields.iter().flat_map(|field| [&(field.len() as u32).to_be_bytes(), *field].concat()).collect()
    }

    fn inspect(bytes: &[u8]) -> Option<Vec<Material>> {
        let anchor = *Dropbear.anchors().iter().find(|anchor| bytes.starts_with(anchor.bytes))?;
        ask::at(&Dropbear, "dropbear_host_key", bytes, (anchor, 0)).ok()
    }

    #[test]
    fn keys_and_files_that_only_begin_like_one() {
        let point = curves::by_ssh(b"nistp384").unwrap().public_point(&[9]).unwrap();
        let seed = [7; 32];
        let ed = proof::raw_public(Raw::Ed25519, &seed).unwrap();
        let p = [&[1][..], &[0xff; 65]].concat();
        let ecdsa = strings(&[b"ecdsa-sha2-nistp384", b"nistp384", &point, &[9]]);
        for (name, bytes, expected) in [
            ("ECDSA", ecdsa.clone(), Some(Proof::Verified)),
            ("Ed25519", strings(&[b"ssh-ed25519", &[&seed[..], &ed].concat()]), Some(Proof::Verified)),
            ("DSA", strings(&[b"ssh-dss", &p, &[0xff; 20], &[2], &[32], &[5]]), Some(Proof::Verified)),
            ("DSA, damaged", strings(&[b"ssh-dss", &p, &[0xff; 20], &[2], &[33], &[5]]), Some(Proof::Structure)),
            (
                "RSA, damaged",
                strings(&[b"ssh-rsa", &[1, 0, 1], &[0xff; 64], &[3; 64], &[9; 32], &[7; 32]]),
                Some(Proof::Structure),
            ),
            // 2^256 + 1 divides 2^512 - 1, and [0xff; 32] is 2^256 - 1: with one wrong prime, the other still proves
            // the key.
            (
                "RSA, one prime",
                strings(&[b"ssh-rsa", &[1, 0, 1], &[0xff; 64], &[3; 64], &[0xff; 32], &[7; 32]]),
                Some(Proof::Verified),
            ),
            ("RSA, public", strings(&[b"ssh-rsa", &[1, 0, 1], &[0xff; 64]]), None),
            ("DSA, public", strings(&[b"ssh-dss", &p, &[0xff; 20], &[2], &[32]]), None),
            ("ECDSA, public", strings(&[b"ecdsa-sha2-nistp384", b"nistp384", &point]), None),
            ("Ed25519, public", strings(&[b"ssh-ed25519", &ed]), None),
            ("trailing bytes", [&ecdsa[..], b"\n"].concat(), None),
            ("cut", ecdsa[..ecdsa.len() - 1].to_vec(), None),
            ("a name and nothing else", strings(&[b"ssh-rsa"]), None),
        ] {
            let found = inspect(&bytes);
            assert_eq!(found.as_ref().map(|found| found[0].proof), expected, "{name}");
        }
        for at in 0..ecdsa.len() {
            let mut bytes = ecdsa.clone();
            bytes[at] ^= 0x80;
            let _ = inspect(&bytes);
        }
    }
}

//! RSA private keys of SSH protocol 1: `identity` and `ssh_host_key` of ssh 1.x and old OpenSSH. puttygen still writes
//! them.
//!
//! The magic number ends in a NUL, which distinguishes a file from a program that reads the format. The public key is
//! not encrypted, so a key is identified whether it can be read or not.

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Identity, Kind, Label, Locked, Material, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::public;
use keyradius_readers::signs;

use read::{File, MAGIC};

/// Detects RSA private keys of SSH protocol 1.
#[derive(Debug)]
pub(crate) struct Ssh1;

/// The end of [`MAGIC`], with its NUL: text does not contain it, so text need not be searched.
const ANCHOR: Anchor = Anchor::anywhere(b"FILE FORMAT 1.1\n\0");

static ABOUT: About = About {
    id: "ssh1",
    title: "Private key (SSH protocol 1)",
    detects: "Files that begin with SSH PRIVATE KEY FILE FORMAT 1.1, at any offset. The public key is read even when \
              the private one is encrypted. Verified when it is not encrypted and the numbers fit together.",
    blind_to: "The exact end of an encrypted file, and whether its password is a good one.",
    respond: "No current server supports protocol 1, but the RSA key may have been converted: remove its public key \
              wherever it is (search for the SHA256 fingerprint). A password guess costs only one MD5: treat an \
              encrypted file as readable.",
    references: &["OpenSSH 7.5 authfile.c", "PuTTY user manual 8.2.13", "CWE-321", "CWE-916"],
};

impl Detector for Ssh1 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let Some(start) = (hit.at + ANCHOR.bytes.len()).checked_sub(MAGIC.len()) else { return Ok(()) };
        let here = |error: Malformed| Malformed::new(error.what, start + error.at);
        let file = File::read(blob.bytes.get(start..).unwrap_or_default()).map_err(here)?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, start..start + file.length);
        material.identity = Some(Identity::public(public::half(&file.key)));
        if file.protection.state == ProtectionState::Plaintext {
            let (half, fit) = signs::signs_as(&file.key, File::open(file.private).map_err(here)?);
            material.identity = Some(Identity::public(half));
            fit.describe(&mut material);
        }
        if file.protection.state != ProtectionState::Plaintext {
            material.locked = blob.bytes.get(start..start + file.length).map(Locked::new);
        }
        material.protection = Some(file.protection);
        material.labels.extend(Some(Label::new("comment", file.comment)).filter(|label| !label.text.is_empty()));
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

#[cfg(test)]
mod tests {
    use crate::samples::bytes;
    use keyradius_core::material::Proof;

    use super::*;
    use crate::ask;

    /// n = p * q with p = 2^521 - 1, q = 2^607 - 1, e = 65537 and d, as in `readers/proof.rs`.
    const N: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7ffffffffffffffffffffe0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001";
    const D: &str = "2a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a7fd5802a5555aaaa5555aaaa5555aa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa0055ffaa01";

    fn prime(bits: usize) -> Vec<u8> {
        [&[(1_u16 << (bits % 8)) as u8 - 1][..], &vec![0xff; bits / 8]].concat()
    }

    fn number(digits: &[u8]) -> Vec<u8> {
        [&(keyradius_readers::number::bits(digits) as u16).to_be_bytes()[..], digits].concat()
    }

    fn private() -> Vec<u8> {
        let check = [7, 9, 7, 9].to_vec();
        let mut private = [check, number(&bytes(D)), number(&[5]), number(&prime(607)), number(&prime(521))].concat();
        private.resize(private.len().next_multiple_of(8), 0);
        private
    }

    fn file(cipher: u8, private: &[u8]) -> Vec<u8> {
        let head = [&[cipher, 0, 0, 0, 0][..], &1128_u32.to_be_bytes()].concat();
        let comment = [&2_u32.to_be_bytes()[..], b"me"].concat();
        [MAGIC, &head, &number(&bytes(N)), &number(&[1, 0, 1]), &comment, private].concat()
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::first(&Ssh1, "identity", bytes, &[ANCHOR])
    }

    #[test]
    fn states_and_proofs() {
        let mut wrong = private();
        wrong[20] ^= 1;
        for (bytes, proof, detail) in [
            (file(0, &private()), Proof::Verified, ""),
            (file(0, &wrong), Proof::Verified, ""),
            (file(3, &[0x5a; 384]), Proof::Structure, "MD5 of the password, 3DES"),
            (file(6, &[0x5a; 384]), Proof::Structure, "MD5 of the password, Blowfish"),
        ] {
            let found = inspect(&[b"junk", &bytes[..], &[0; 64]].concat()).unwrap();
            let [material] = found.as_slice() else { panic!("one key") };
            let protection = material.protection.as_ref().unwrap();
            assert_eq!((material.proof, protection.detail.as_str()), (proof, detail));
            assert_eq!(material.labels[0].text, "me");
            if protection.state == ProtectionState::Plaintext {
                assert_eq!(material.span, 4..4 + bytes.len());
            }
        }
    }

    #[test]
    fn incomplete_input_is_refused() {
        let good = file(0, &private());
        // The last bytes are padding.
        for length in MAGIC.len()..good.len() - 8 {
            assert!(inspect(&good[..length]).is_err(), "cut at {length}");
        }
        let mut check = private();
        check[0] ^= 1;
        for (name, bytes) in [
            ("check bytes", file(0, &check)),
            ("unknown cipher", file(9, &[0x5a; 384])),
            ("too short to be encrypted", file(3, &[0x5a; 64])),
            ("the string of a program", [MAGIC, b"identity.pub\0%s", &[0; 400]].concat()),
        ] {
            assert!(inspect(&bytes).is_err(), "{name}");
        }
        for at in MAGIC.len()..good.len() {
            for wrong in [0, 1, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = wrong;
                let _ = inspect(&bytes);
            }
        }
    }
}

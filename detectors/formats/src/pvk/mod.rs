//! PVK files: private keys of Microsoft's Authenticode tools (makecert, signcode, pvk2pfx), plaintext or encrypted.
//!
//! The magic number is a constant in every libcrypto. So the header, the lengths and the plaintext first bytes of the
//! key blob must all fit, and arithmetic must prove a plaintext key. Only the size of an encrypted key is known.

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Kind, Locked, Material, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::capi::Key;
use keyradius_readers::carrier;

use read::{MAGIC, Pvk as File};

/// Detects PVK files.
#[derive(Debug)]
pub(crate) struct Pvk;

static ABOUT: About = About {
    id: "pvk",
    title: "Private key (PVK)",
    detects: "PVK files with RSA and DSS keys at any offset, plaintext or encrypted. Plaintext keys are verified by \
              their arithmetic; for encrypted keys every field around the ciphertext must fit.",
    blind_to: "The public half of an encrypted key, until it is opened. Whether an encrypted file uses a key of 128 \
               bits or one of 40 bits, as older tools wrote for export: the file does not record it.",
    respond: "PVK was made for code signing: look for the certificate (.spc, .cer) near it and revoke it. The \
              password is hashed once with SHA-1 and used for RC4, with 40 bits in many files: treat encrypted keys \
              as readable.",
    references: &["Microsoft pvk.exe; openssl rsa -outform PVK", "wincrypt.h", "CWE-321", "CWE-916"],
};

impl Detector for Pvk {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHOR: Anchor = Anchor::anywhere(&MAGIC);
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes.get(hit.at..).unwrap_or_default();
        let file = File::read(bytes)?;
        let mut material = if file.encrypted {
            let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, 0..0);
            let detail = "PVK: RC4, one SHA-1 of salt and password, no iterations";
            material.protection = Some(Protection::new(ProtectionState::Weak, detail));
            material.identity = Some(carrier::opaque(file.body()));
            material.locked = bytes.get(..file.consumed).map(Locked::new);
            material
        } else {
            let key = Key::read(file.blob)?;
            if key.consumed != file.blob.len() {
                return Err(Malformed::new("key length", hit.at));
            }
            let mut material = key.material(ABOUT.id);
            // This label names a strong name, which a PVK file does not have.
            material.labels.clear();
            material
        };
        material.span = hit.at..hit.at + file.consumed;
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::File::read(kept).map(boxed)
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::Identity;

    use super::*;
    use crate::ask;

    /// An encrypted file of a 512-bit key: nothing in its body can be checked.
    fn encrypted() -> Vec<u8> {
        let number = |n: u32| n.to_le_bytes();
        let length = 20 + 4 * 64 + 32;
        let head = [number(2), number(1), number(16), number(length)].concat();
        let body: Vec<u8> = (0..length - 8).map(|at| (at * 37 + 11) as u8).collect();
        [&MAGIC[..], &head, &[7; 16], &[7, 2, 0, 0, 0, 0x24, 0, 0], &body].concat()
    }

    fn inspect(bytes: &[u8]) -> Result<Vec<Material>, Malformed> {
        ask::at(&Pvk, "x", bytes, (Anchor::anywhere(&MAGIC), 0))
    }

    #[test]
    fn an_encrypted_key_needs_a_valid_header() {
        let good = encrypted();
        let found = inspect(&[&good[..], b"behind"].concat()).unwrap();
        assert!(matches!(found[0].identity, Some(Identity::Opaque(_))));
        assert_eq!((found.len(), found[0].span.clone()), (1, 0..good.len()));
        for at in (0..24).chain(40..48) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x40;
            assert!(inspect(&bytes).is_err(), "{at}");
        }
        for length in 0..good.len() {
            assert!(inspect(&good[..length]).is_err(), "{length}");
        }
        let mut plain = good.clone();
        plain[12] = 0;
        assert!(inspect(&plain).is_err(), "declared plaintext, but not a key");
    }

    #[test]
    fn a_constant_in_a_program_is_not_a_key() {
        for behind in [&[0; 64][..], &[0xff; 64], b"_PVK_do_not_read_this_as_a_header_of_a_key_file_please", &[1; 64]] {
            assert!(inspect(&[&MAGIC[..], behind].concat()).is_err());
        }
    }
}

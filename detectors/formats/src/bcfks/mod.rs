//! BouncyCastle's FIPS keystore, BCFKS: DER, encrypted as a whole.
//!
//! The first half has the shape of an encrypted PKCS#8 key. Two things distinguish the keystore: the second half, which
//! is the integrity check, and ciphers that no other format uses in this shape. Without the password, only the
//! encryption parameters are readable. Whether the store contains keys or only certificates is unknown, so it is
//! reported as a keystore, not as a key.

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Kind, Locked, Material, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{locate, pbe};

use read::Store;

/// Detects BCFKS keystores.
#[derive(Debug)]
pub(crate) struct Bcfks;

static ABOUT: About = About {
    id: "bcfks",
    title: "BouncyCastle FIPS keystore (BCFKS)",
    detects: "BCFKS keystores at any offset, with their key derivation, its cost and the cipher. Keystores that a \
              nearby, well-known or empty password opens are read: private keys, HMAC keys, certificates.",
    blind_to: "Whether a keystore that stays closed contains keys or only certificates: everything in it is \
               encrypted.",
    respond: "Look for the password near the keystore (java.security, properties, server scripts): whoever has it can \
              read everything inside. Replace the keys and revoke their certificates if others could read the \
              keystore.",
    references: &["BouncyCastle org.bouncycastle.asn1.bc.ObjectStore", "RFC 8018", "RFC 5084", "CWE-321"],
};

impl Detector for Bcfks {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[locate::PKCS_OID]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let Some(start) = start(blob.bytes, hit) else { return Ok(()) };
        let store = Store::read(blob.bytes.get(start..).unwrap_or_default())?;
        let mut material = Material::new(Kind::Keystore, ABOUT.id, Encoding::Der, start..start + store.raw.len());
        material.protection = Some(pbe::store_protection(store.algorithm)?);
        material.container = Some("BCFKS");
        material.locked = Some(Locked::new(store.raw));
        material.remarks.push(Remark::SealedWhole);
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Store::read(kept).map(boxed)
    }
}

/// Finds the start of SEQUENCE { SEQUENCE { AlgorithmIdentifier with PBES2, which is at the hit ...
fn start(bytes: &[u8], hit: Hit<'_>) -> Option<usize> {
    // The rest of 1.2.840.113549.1.5.13.
    if bytes.get(hit.at + 7..hit.at + 9) != Some(&[5, 13]) {
        return None;
    }
    let algorithm = locate::algorithm_identifier(bytes, hit.anchor, hit.at)?;
    locate::sequence_before(bytes, locate::sequence_before(bytes, algorithm)?)
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::ProtectionState;
    use keyradius_readers::ber::{INTEGER, OCTET_STRING, OID, SEQUENCE, encode};

    use super::*;
    use crate::ask;

    const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
    const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
    const HMAC_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b];

    fn aes(arc: u8) -> Vec<u8> {
        let nonce = encode(SEQUENCE, &[&encode(OCTET_STRING, &[&[1; 12]]), &encode(INTEGER, &[&[8]])]);
        encode(SEQUENCE, &[&encode(OID, &[&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, arc]]), &nonce])
    }

    fn kdf() -> Vec<u8> {
        let prf = encode(SEQUENCE, &[&encode(OID, &[HMAC_SHA512])]);
        let parameters = encode(
            SEQUENCE,
            &[&encode(OCTET_STRING, &[&[7; 64]]), &encode(INTEGER, &[&[0, 0xc8, 0]]), &encode(INTEGER, &[&[32]]), &prf],
        );
        encode(SEQUENCE, &[&encode(OID, &[PBKDF2]), &parameters])
    }

    fn encrypted(arc: u8) -> Vec<u8> {
        let algorithm = encode(SEQUENCE, &[&encode(OID, &[PBES2]), &encode(SEQUENCE, &[&kdf(), &aes(arc)])]);
        encode(SEQUENCE, &[&algorithm, &encode(OCTET_STRING, &[&[9; 300]])])
    }

    fn check() -> Vec<u8> {
        let mac = encode(SEQUENCE, &[&encode(OID, &[HMAC_SHA512])]);
        encode(SEQUENCE, &[&mac, &kdf(), &encode(OCTET_STRING, &[&[5; 64]])])
    }

    fn inspect(bytes: &[u8]) -> Vec<Material> {
        ask::every(&Bcfks, "x", bytes)
    }

    #[test]
    fn both_ciphers_at_any_offset() {
        for (arc, cipher) in [(0x2f, "AES-256-CCM"), (0x30, "AES-256-KWP")] {
            let store = encode(SEQUENCE, &[&encrypted(arc), &check()]);
            let found = inspect(&[&[0x30, 7][..], &store, b"behind"].concat());
            let [material] = found.as_slice() else { panic!("{found:?}") };
            let protection = material.protection.as_ref().unwrap();
            assert_eq!(protection.state, ProtectionState::Strong);
            assert_eq!(protection.detail, format!("PBKDF2-HMAC-SHA512 51200 iterations, {cipher}"));
            assert_eq!((material.kind, material.span.clone()), (Kind::Keystore, 2..2 + store.len()));
        }
    }

    #[test]
    fn incomplete_structures_are_ignored() {
        let more = encode(SEQUENCE, &[&encrypted(0x2f), &check(), &check()]);
        let swapped = encode(SEQUENCE, &[&encrypted(0x2f), &encrypted(0x2f)]);
        let store = encode(SEQUENCE, &[&encrypted(0x2f), &check()]);
        for (what, bytes) in [
            ("a key alone", encrypted(0x2f)),
            ("a key in a list", encode(SEQUENCE, &[&encrypted(0x2f)])),
            ("two checks", more),
            ("two keys", swapped),
            ("CBC is an encrypted key of PKCS#8", encode(SEQUENCE, &[&encrypted(0x2a), &check()])),
            ("cut", store[..store.len() - 1].to_vec()),
        ] {
            assert!(inspect(&bytes).is_empty(), "{what}");
        }
    }
}

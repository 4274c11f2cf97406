//! Extended private keys of hierarchical wallets (BIP 32), with the prefixes of SLIP 132: `xprv`, `tprv`, `yprv` and
//! others.
//!
//! A key is 78 bytes in base58check: the checksum proves the text, and the curve proves the key. The public half is
//! that of the key itself; every key below it in the tree follows from it.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Kind, Label, Material, Proof, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::wallet;

/// Detects extended private keys.
#[derive(Debug)]
pub(crate) struct Bip32;

static ABOUT: About = About {
    id: "bip32",
    title: "Extended private key (BIP 32)",
    detects: "xprv, yprv, zprv, tprv, uprv, vprv and the multi-signature forms Yprv, Zprv, Uprv (SLIP 132), down to \
              depth 6. Verified: the checksum is correct and the private number is valid for secp256k1. The depth in \
              the tree is reported.",
    blind_to: "Which keys below it are in use, and what funds they control.",
    respond: "Whoever has the key can derive every key below it, and with the public part of a parent also its \
              siblings. Move the funds of the wallet to a new wallet at once.",
    references: &["BIP 32", "SLIP 132", "CWE-321"],
};

/// The bytes after the first letter, for keys down to depth 6: wallets use at most 5 levels below the master key (BIP
/// 44). Vprv, for multi-signature wallets on a test network, would need one more anchor.
const ANCHORS: [Anchor; 3] = [Anchor::anywhere(b"prv8"), Anchor::anywhere(b"prv9"), Anchor::anywhere(b"prvA")];

/// Versions of private keys: BIP 32, then SLIP 132.
const VERSIONS: [[u8; 4]; 9] = [
    [0x04, 0x88, 0xad, 0xe4],
    [0x04, 0x35, 0x83, 0x94],
    [0x04, 0x9d, 0x78, 0x78],
    [0x04, 0xb2, 0x43, 0x0c],
    [0x02, 0x95, 0xb0, 0x05],
    [0x02, 0xaa, 0x7a, 0x99],
    [0x04, 0x4a, 0x4e, 0x28],
    [0x04, 0x5f, 0x18, 0xbc],
    [0x02, 0x42, 0x85, 0xb5],
];

/// Size of an extended key in bytes: version, depth, fingerprint of the parent, number, chain code, a zero and the key.
const LENGTH: usize = 78;

/// Base58 digits of 82 bytes that begin with 02 or 04.
const DIGITS: usize = 111;

impl Detector for Bip32 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let Some(start) = hit.at.checked_sub(1) else { return Ok(()) };
        let malformed = |what| Malformed::new(what, start);
        let span = start..start + DIGITS;
        let text = blob.bytes.get(span.clone()).ok_or(malformed("extended key"))?;
        let Some(payload) = wallet::base58check(text).filter(|payload| payload.len() == LENGTH) else {
            return Err(malformed("extended key"));
        };
        let version = payload.first_chunk::<4>().filter(|version| VERSIONS.contains(version));
        let depth = payload.get(4).copied().zip(version).ok_or(malformed("extended key version"))?.0;
        // A zero precedes a private key; a public key begins with 02 or 03.
        let key = payload.get(46..).filter(|_| payload.get(45) == Some(&0)).ok_or(malformed("extended key"))?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span);
        material.identity = Some(wallet::identity(key).ok_or(malformed("extended private key"))?);
        material.proof = Proof::Verified;
        material.protection = Some(Protection::plaintext());
        material.labels.push(Label::new("prefix", text.get(..4).unwrap_or_default()));
        material.labels.push(Label::new("depth", depth.to_string().as_bytes()));
        material.remarks.push(match depth {
            0 => Remark::MasterKey,
            _ => Remark::ParentKey,
        });
        out.found(material);
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use crate::samples::base58check as encode;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&Bip32, "k", text, &ANCHORS)
    }

    fn key(version: [u8; 4], depth: u8, zero: u8, scalar: [u8; 32]) -> String {
        encode(&[&version[..], &[depth; 9], &[0x5a; 32], &[zero], &scalar].concat())
    }

    #[test]
    fn every_version_has_an_anchor() {
        let mut identities = Vec::new();
        for version in VERSIONS {
            for depth in 0..=6 {
                let text = format!("\"{}\"", key(version, depth, 0, [7; 32]));
                let found = inspect(&text).unwrap();
                assert_eq!((found[0].proof, found[0].span.clone()), (Proof::Verified, 1..text.len() - 1));
                assert_eq!(found[0].labels[1].text, depth.to_string());
                identities.push(found[0].identity.clone());
            }
        }
        identities.dedup();
        assert_eq!(identities.len(), 1, "one key, whatever the prefix");
    }

    #[test]
    fn other_texts_are_refused() {
        let xprv = key(VERSIONS[0], 0, 0, [7; 32]);
        let other = if xprv.ends_with('a') { "b" } else { "a" };
        for text in [
            format!("{}{other}", &xprv[..110]),
            xprv[..100].to_owned(),
            key(VERSIONS[0], 0, 0, [0; 32]),
            key(VERSIONS[0], 0, 0, [0xff; 32]),
            key(VERSIONS[0], 0, 2, [7; 32]),
            "xprv9s21ZrQH143K...".to_owned(),
        ] {
            assert!(inspect(&text).is_err(), "{text}");
        }
    }
}

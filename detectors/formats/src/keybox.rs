//! GnuPG keyboxes: `pubring.kbx` of gpg and of gpgsm (GnuPG kbx/keybox-blob.c).
//!
//! They contain only public halves: OpenPGP keys and X.509 certificates. These link a private key found elsewhere to
//! its names and fingerprint. A blob counts if its lengths fit and its content can be read to the end.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::openpgp::{self, PUBLIC_KEY, PUBLIC_SUBKEY, USER_ID};
use keyradius_readers::x509;

/// Detects GnuPG keyboxes.
#[derive(Debug)]
pub(crate) struct Keybox;

static ABOUT: About = About {
    id: "keybox",
    title: "GnuPG keybox (pubring.kbx)",
    detects: "Every OpenPGP public key and subkey with its fingerprint and user ids, and every X.509 certificate. \
              They are not a leak; keyradius links them to private keys.",
    blind_to: "Private keys: gpg keeps them in private-keys-v1.d. Keyboxes that are not at the start of a file. \
               Signatures are not read.",
    respond: "Nothing to do for the keybox alone. Look for private-keys-v1.d in the same directory.",
    references: &["GnuPG kbx/keybox-blob.c", "RFC 9580"],
};

/// The header blob: 32 bytes, type 1, version 1. Two bytes of flags and `KBXf` follow.
const HEADER: Anchor = Anchor::at_start(&[0x00, 0x00, 0x00, 0x20, 0x01, 0x01]);

/// Blob types, keybox-defs.h.
const OPENPGP: u8 = 2;
const X509: u8 = 3;

/// Maximum number of user ids kept for one key.
const MAX_USERS: usize = 16;

impl Detector for Keybox {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[HEADER]
    }

    fn inspect(&self, blob: Blob<'_>, _hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(blob.bytes);
        cursor.take(8, "keybox header")?;
        cursor.expect(b"KBXf", "keybox magic")?;
        cursor.take(20, "keybox header")?;
        while !cursor.is_empty() {
            let start = cursor.at();
            let length = cursor.u32("blob length")? as usize;
            let body = cursor.take(length.checked_sub(4).ok_or(Malformed::new("blob length", start))?, "blob")?;
            // Deleted blobs have type 0. An unreadable blob does not affect the others.
            if let Ok(materials) = read(body) {
                for mut material in materials {
                    material.span = start..cursor.at();
                    out.found(material);
                }
            }
        }
        Ok(())
    }
}

/// Reads a blob after its length field.
fn read(body: &[u8]) -> Result<Vec<Material>, Malformed> {
    let mut fields = Cursor::new(body);
    let kind = fields.u8("blob type")?;
    fields.take(3, "version and flags")?;
    let offset = fields.u32("offset of the key")? as usize;
    let length = fields.u32("length of the key")? as usize;
    // Offsets count from the length field of the blob.
    let start = offset.checked_sub(4).ok_or(Malformed::new("offset of the key", 4))?;
    let key = start.checked_add(length).and_then(|end| body.get(start..end)).ok_or(Malformed::new("key", 4))?;
    match kind {
        OPENPGP => keys(key),
        X509 => {
            let certificate = x509::read(key)?;
            let mut material = Material::new(Kind::Certificate, "x509", Encoding::Binary, Range::default());
            material.identity = certificate.public.map(Identity::public);
            material.certificate = Some(Box::new(certificate.facts));
            material.container = Some("keybox");
            Ok(vec![material])
        }
        _ => Ok(Vec::new()),
    }
}

/// Reads the packets of a public key and its subkeys.
fn keys(packets: &[u8]) -> Result<Vec<Material>, Malformed> {
    let (mut keys, mut users) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < packets.len() {
        let packet = openpgp::packet(packets, at)?;
        at = packet.end;
        match packet.kind {
            PUBLIC_KEY | PUBLIC_SUBKEY => {
                let is_subkey = packet.kind == PUBLIC_SUBKEY;
                let Ok(key) = openpgp::public_key(packet.body, is_subkey, ABOUT.id) else { continue };
                let mut material = key.material;
                material.container = Some("keybox");
                keys.push(material);
            }
            USER_ID if users.len() < MAX_USERS => users.push(Label::new("user id", packet.body)),
            _ => {}
        }
    }
    for key in &mut keys {
        key.labels.clone_from(&users);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::material::Remark;

    use super::*;

    fn boxed(blobs: &[Vec<u8>]) -> Vec<u8> {
        [&[0, 0, 0, 0x20, 1, 1, 0, 2][..], b"KBXf", &[0; 20], &blobs.concat()].concat()
    }

    fn blob(kind: u8, key: &[u8]) -> Vec<u8> {
        let length = (36 + key.len()) as u32;
        let head =
            [&length.to_be_bytes()[..], &[kind, 1, 0, 0], &16_u32.to_be_bytes(), &(key.len() as u32).to_be_bytes()];
        [head.concat(), key.to_vec(), vec![0; 20]].concat()
    }

    /// A version 6 Ed25519 key and a user id.
    fn packets() -> Vec<u8> {
        let key = [&[6, 0, 0, 0, 1, 27, 0, 0, 0, 32][..], &[0x5a; 32]].concat();
        [&[0xc6, key.len() as u8][..], &key, &[0xcd, 2], b"me", &[0xce, key.len() as u8], &key].concat()
    }

    fn inspect(bytes: &[u8]) -> (Result<(), Malformed>, Vec<Material>) {
        let origin = Origin::file("x");
        let mut out = Inspection::default();
        let result = Keybox.inspect(Blob::whole(bytes, &origin), Hit { anchor: HEADER, at: 0 }, &mut out);
        (result, out.take())
    }

    #[test]
    fn keys_and_subkeys_have_the_user_ids() {
        let bytes = boxed(&[blob(0, b"gone"), blob(2, b"\xff"), blob(2, &packets())]);
        let (result, found) = inspect(&bytes);
        assert_eq!((result, found.len()), (Ok(()), 2));
        assert!(found.iter().all(|m| m.kind == Kind::PublicKey && m.labels[0].text == "me"));
        assert_eq!((found[0].remarks.len(), found[1].remarks.as_slice()), (0, &[Remark::Subkey][..]));
        assert_eq!(found[0].span.end, bytes.len());
    }

    #[test]
    fn damaged_and_truncated_files_do_not_panic() {
        let good = boxed(&[blob(2, &packets()), blob(2, &packets())]);
        for length in 0..good.len() {
            let (_, found) = inspect(&good[..length]);
            assert!(found.len() <= 2, "{length}");
        }
        for at in 32..60 {
            let mut bad = good.clone();
            bad[at] = 0xff;
            let _ = inspect(&bad);
        }
        assert!(inspect(b"\0\0\0\x20\x01\x01\0\x02KBXg").0.is_err());
    }
}

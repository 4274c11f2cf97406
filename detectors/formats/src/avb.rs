//! Public keys of Android Verified Boot: `avb_pkmd.bin` as `avbtool extract_public_key` writes it, and the key in a
//! vbmeta image. They are not secret, but each marks a device or an image that trusts the private key.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::montgomery;
use keyradius_readers::public::{self, PublicKey};

/// Detects public keys of Android Verified Boot.
#[derive(Debug)]
pub(crate) struct Avb;

static ABOUT: About = About {
    id: "avb",
    title: "Android Verified Boot public key",
    detects: "RSA keys of 2048, 4096 and 8192 bits in the form of libavb: files of avbtool, and vbmeta structures at \
              any offset. n0inv must match the modulus. These keys are not a leak; keyradius links them to private \
              keys.",
    blind_to: "Chain descriptors, which contain the keys of other partitions, and signatures.",
    respond: "Nothing to do for a public key alone. If its private key is found, devices that boot this image trust \
              that key until their bootloader gets another public key.",
    references: &["AOSP external/avb libavb/avb_crypto.h", "AOSP external/avb libavb/avb_vbmeta_image.h"],
};

/// AvbRSAPublicKeyHeader of a file that contains only a key: its size in bits.
const SIZES: [Anchor; 3] =
    [Anchor::at_start(&[0, 0, 0x08, 0]), Anchor::at_start(&[0, 0, 0x10, 0]), Anchor::at_start(&[0, 0, 0x20, 0])];
/// AVB_MAGIC and required_libavb_version_major.
const VBMETA: Anchor = Anchor::anywhere(b"AVB0\0\0\0\x01");

/// Size of an AvbVBMetaImageHeader, in bytes.
const HEADER: usize = 256;

impl Detector for Avb {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ALL: [Anchor; 4] = {
            let [a, b, c] = SIZES;
            [a, b, c, VBMETA]
        };
        &ALL
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes.get(hit.at..).unwrap_or_default();
        let (span, note) = if hit.anchor == VBMETA {
            (vbmeta(bytes)?, Remark::AndroidImage)
        } else {
            (0..bytes.len(), Remark::AndroidBoot)
        };
        let mut fields = Cursor::new(bytes.get(span.clone()).unwrap_or_default());
        let size = fields.u32("key size")?;
        if !montgomery::is_size(size) {
            return Err(Malformed::new("key size", hit.at));
        }
        let n0inv = fields.u32("n0inv")?;
        let length = size as usize / 8;
        let n = fields.take(length, "modulus")?;
        fields.take(length, "R * R mod n")?;
        if !fields.is_empty() {
            return Err(Malformed::new("end of the key", hit.at + fields.at()));
        }
        montgomery::check(n, n0inv)?;
        let span = hit.at + span.start..hit.at + span.end;
        let mut material = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Binary, span);
        // libavb supports no other exponent.
        let key = PublicKey::Rsa { n, e: &[1, 0, 1] };
        material.identity = Some(Identity::public(public::half(&key)));
        material.remarks.push(note);
        out.found(material);
        Ok(())
    }
}

/// The range of the public key in a vbmeta image.
fn vbmeta(bytes: &[u8]) -> Result<Range<usize>, Malformed> {
    let mut fields = Cursor::new(bytes);
    // Magic number, two versions.
    fields.take(12, "AVB header")?;
    let authentication = fields.u64("size of the authentication block")?;
    let auxiliary = fields.u64("size of the auxiliary block")?;
    // Algorithm; hash and signature, each with an offset and a size.
    fields.take(4 + 32, "AVB header")?;
    let offset = fields.u64("offset of the public key")?;
    let size = fields.u64("size of the public key")?;
    let fits = offset.checked_add(size).is_some_and(|end| end <= auxiliary);
    let start = authentication.checked_add(offset).and_then(|at| usize::try_from(at).ok()?.checked_add(HEADER));
    let end = start.and_then(|start| start.checked_add(usize::try_from(size).ok()?));
    match (start, end) {
        (Some(start), Some(end)) if fits && size > 0 && end <= bytes.len() => Ok(start..end),
        _ => Err(Malformed::new("public key of a vbmeta image", 64)),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;

    fn inspect(bytes: &[u8], anchor: Anchor) -> Option<Vec<Material>> {
        let at = if anchor.at_start { 0 } else { memchr::memmem::find(bytes, anchor.bytes)? };
        ask::at(&Avb, "avb_pkmd.bin", bytes, (anchor, at)).ok()
    }

    /// n = 2^2048 - 1, whose n0inv is 1.
    fn key() -> Vec<u8> {
        [&2048_u32.to_be_bytes()[..], &1_u32.to_be_bytes(), &[0xff; 256], &[0; 256]].concat()
    }

    fn image() -> Vec<u8> {
        let sizes: Vec<u8> = [576_u64, 1024].iter().flat_map(|n| n.to_be_bytes()).collect();
        let key_at: Vec<u8> = [16_u64, 520].iter().flat_map(|n| n.to_be_bytes()).collect();
        let mut image = [&b"AVB0\0\0\0\x01\0\0\0\0"[..], &sizes, &[0; 36], &key_at].concat();
        image.resize(256 + 576 + 16, 0);
        image.extend_from_slice(&key());
        image.resize(256 + 576 + 1024, 0);
        image
    }

    #[test]
    fn keys_alone_and_in_images() {
        let moved = [&[7; 100][..], &image()].concat();
        for (name, bytes, anchor, start) in
            [("file", key(), SIZES[0], 0), ("image", image(), VBMETA, 848), ("partition", moved, VBMETA, 948)]
        {
            let found = inspect(&bytes, anchor).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(found[0].span, start..start + 520, "{name}");
            for length in 0..start + 520 {
                assert!(inspect(&bytes[..length], anchor).is_none(), "{name} cut at {length}");
            }
            for at in 0..start + 520 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 0x80;
                let _ = inspect(&bytes, anchor);
            }
        }
        let behind = [&key()[..], &[0]].concat();
        let mut other = key();
        other[7] = 3;
        for bytes in [behind, other, [&[0, 0, 8, 0][..], &[0; 516]].concat()] {
            assert!(inspect(&bytes, SIZES[0]).is_none());
        }
    }
}

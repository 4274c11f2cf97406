//! Keys of ChromeOS verified boot: private `.vbprivk` and `.vbprik2` files, public `.vbpubk`, `.vbpubk2` and
//! `.keyblock` files.
//!
//! A private file is a small header and a PKCS#1 key, so `pkcs1` would find the key too, but only the header shows its
//! purpose. All files are recognised at the start of a file only, and must fill it.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Proof, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::private::PrivateKey;
use keyradius_readers::public::{self, PublicKey};
use keyradius_readers::{montgomery, private};

/// Detects keys of ChromeOS verified boot.
#[derive(Debug)]
pub(crate) struct Vbprivk;

static ABOUT: About = About {
    id: "vbprivk",
    title: "ChromeOS verified boot key",
    detects: "Private keys of vboot 1 (.vbprivk) and 2.1 (.vbprik2), verified by the arithmetic of RSA, and public \
              keys (.vbpubk, .vbpubk2, the data key of a .keyblock), whose n0inv must match the modulus. The public \
              keys are not a leak; keyradius links them to private keys.",
    blind_to: "Keys inside firmware images (GBB), and signatures.",
    respond: "Devices trust a root or recovery key until their firmware is rewritten; a data key or subkey is \
              replaced by a keyblock with a higher version. The devkeys of vboot are public on purpose: only a \
              developer's machine may trust them.",
    references: &["vboot_reference firmware/2lib/include/2struct.h", "vboot_reference host/lib21/include/host_key21.h"],
};

/// vboot 2.1, private (`VB21_MAGIC_PACKED_PRIVATE_KEY`) and public (`VB21_MAGIC_PACKED_KEY`).
const PRIVATE_21: Anchor = Anchor::at_start(b"Vb2I");
const PUBLIC_21: Anchor = Anchor::at_start(b"Vb2P");
/// vb2_packed_key: the key follows the header of 32 bytes.
const PUBLIC: Anchor = Anchor::at_start(b"\x20\0\0\0\0\0\0\0");
/// vb2_keyblock (`VB2_KEYBLOCK_MAGIC`).
const KEYBLOCK: Anchor = Anchor::at_start(b"CHROMEOS");

/// The anchor of a .vbprivk: an algorithm of vboot 1 (`vb2_crypto_algorithm`) as a 64-bit word, then DER.
const fn vboot_1(head: &'static [u8; 10]) -> Anchor<'static> {
    Anchor::at_start(head)
}

const ANCHORS: [Anchor; 22] = [
    PRIVATE_21,
    PUBLIC_21,
    PUBLIC,
    KEYBLOCK,
    vboot_1(b"\x00\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x01\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x02\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x03\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x04\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x05\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x06\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x07\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x08\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x09\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x0a\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x0b\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x0c\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x0d\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x0e\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x0f\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x10\0\0\0\0\0\0\0\x30\x82"),
    vboot_1(b"\x11\0\0\0\0\0\0\0\x30\x82"),
];

/// Offset of the data key's vb2_packed_key in a keyblock: magic 8, version 8, size 8, two signatures of 24, flags 8.
const DATA_KEY: usize = 80;

impl Detector for Vbprivk {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes;
        out.found(match hit.anchor {
            PRIVATE_21 => private_21(bytes)?,
            PUBLIC_21 => public_21(bytes)?,
            PUBLIC => packed(bytes, 0, true)?,
            KEYBLOCK => packed(bytes, DATA_KEY, false)?,
            _ => private_1(bytes)?,
        });
        Ok(())
    }
}

/// Reads a little-endian number of 32 bits.
fn word(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let end = at.checked_add(4).ok_or(Malformed::new("offset", at))?;
    let four = bytes.get(at..end).and_then(|four| four.try_into().ok()).ok_or(Malformed::new("header", at))?;
    Ok(u32::from_le_bytes(four) as usize)
}

fn half_word(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    let two = bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).ok_or(Malformed::new("header", at))?;
    Ok(u16::from_le_bytes(two))
}

fn rsa(key: PrivateKey, bytes: &[u8]) -> Result<Material, Malformed> {
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, 0..bytes.len());
    material.proof = if key.verified { Proof::Verified } else { Proof::Structure };
    material.protection = Some(Protection::plaintext());
    let half = key.public.ok_or(Malformed::new("RSA key", 0))?;
    material.identity = Some(Identity::public(half));
    material.remarks = key.remarks;
    Ok(material)
}

fn private_1(bytes: &[u8]) -> Result<Material, Malformed> {
    let der = bytes.get(8..).unwrap_or_default();
    let key = private::pkcs1(der)?;
    if key.consumed != der.len() {
        return Err(Malformed::new("end of the key", 8 + key.consumed));
    }
    rsa(key, bytes)
}

/// vb21_packed_private_key: a header of 20 bytes, offset and size of the key, two algorithms, an id of 20 bytes.
fn private_21(bytes: &[u8]) -> Result<Material, Malformed> {
    let (offset, size) = fields_21(bytes)?;
    let end = offset.checked_add(size).filter(|end| *end <= bytes.len()).ok_or(Malformed::new("key", 20))?;
    let der = bytes.get(offset..end).ok_or(Malformed::new("key", 20))?;
    let key = private::pkcs1(der)?;
    let mut material = rsa(key, bytes)?;
    material.labels.extend(labels_21(bytes, 0x20, 0x34)?);
    Ok(material)
}

/// Checks total size and version of a vb21_struct_common, and returns offset and size of the key.
fn fields_21(bytes: &[u8]) -> Result<(usize, usize), Malformed> {
    if half_word(bytes, 4)? != 3 || word(bytes, 8)? != bytes.len() {
        return Err(Malformed::new("vboot 2.1 header", 4));
    }
    Ok((word(bytes, 20)?, word(bytes, 24)?))
}

/// Id and description, at the offsets `id` and `fixed`.
fn labels_21(bytes: &[u8], id: usize, fixed: usize) -> Result<Vec<Label>, Malformed> {
    let length = word(bytes, 16)?;
    let description = bytes.get(fixed..fixed.saturating_add(length)).unwrap_or_default();
    let description: Vec<u8> = description.iter().copied().take_while(|byte| *byte != 0).collect();
    let id = bytes.get(id..id + 20).ok_or(Malformed::new("key id", id))?;
    let mut labels = vec![Label::new("key id", keyradius_core::hex::hex(id).as_bytes())];
    labels.extend(Some(Label::new("description", &description)).filter(|label| !label.text.is_empty()));
    Ok(labels)
}

/// vb21_packed_key.
fn public_21(bytes: &[u8]) -> Result<Material, Malformed> {
    let (offset, size) = fields_21(bytes)?;
    // VB2_SIG_RSA2048_EXP3 and VB2_SIG_RSA3072_EXP3.
    let small_exponent = matches!(half_word(bytes, 28)?, 6 | 7);
    let mut material = key_data(bytes, offset, size, small_exponent, 0..bytes.len())?;
    material.labels.extend(labels_21(bytes, 0x24, 0x38)?);
    Ok(material)
}

/// vb2_packed_key at `at`: offset of the key from there, size, algorithm, version; each followed by four zero bytes.
fn packed(bytes: &[u8], at: usize, whole: bool) -> Result<Material, Malformed> {
    let (offset, size) = (word(bytes, at)?, word(bytes, at + 8)?);
    let algorithm = word(bytes, at + 16)?;
    if [4, 12, 20, 28].into_iter().any(|reserved| word(bytes, at + reserved) != Ok(0)) || algorithm > 17 {
        return Err(Malformed::new("packed key", at));
    }
    let start = at.checked_add(offset).ok_or(Malformed::new("key offset", at))?;
    if whole && start.checked_add(size) != Some(bytes.len()) {
        return Err(Malformed::new("end of the key", start));
    }
    let end = start.saturating_add(size).min(bytes.len());
    key_data(bytes, start, size, algorithm >= 12, at..end)
}

/// Reads the number of words, n0inv, n and R * R mod n, all little-endian.
fn key_data(
    bytes: &[u8],
    start: usize,
    size: usize,
    small_exponent: bool,
    span: std::ops::Range<usize>,
) -> Result<Material, Malformed> {
    let here = Malformed::new("public key", start);
    let words = word(bytes, start)?;
    if words > 256 || size != 8 + 8 * words {
        return Err(here);
    }
    let n0inv = u32::try_from(word(bytes, start + 4)?).map_err(|_| here)?;
    let n: Vec<u8> = bytes.get(start + 8..start + 8 + 4 * words).ok_or(here)?.iter().rev().copied().collect();
    if bytes.len() < start + size {
        return Err(here);
    }
    montgomery::check(&n, n0inv)?;
    let e: &[u8] = if small_exponent { &[3] } else { &[1, 0, 1] };
    let mut material = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Binary, span);
    material.identity = Some(Identity::public(public::half(&PublicKey::Rsa { n: &n, e })));
    material.remarks.push(Remark::ChromeOsBoot);
    Ok(material)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;

    fn inspect(bytes: &[u8]) -> Option<Vec<Material>> {
        let anchor = *ANCHORS.iter().find(|anchor| bytes.starts_with(anchor.bytes))?;
        ask::at(&Vbprivk, "k", bytes, (anchor, 0)).ok()
    }

    /// n = 2^1024 - 1, whose n0inv is 1.
    fn key() -> Vec<u8> {
        [&32_u32.to_le_bytes()[..], &1_u32.to_le_bytes(), &[0xff; 128], &[0; 128]].concat()
    }

    fn header(algorithm: u32) -> Vec<u8> {
        [32, 264, algorithm, 1].iter().flat_map(|n: &u32| [n.to_le_bytes(), [0; 4]].concat()).collect()
    }

    #[test]
    fn public_keys_of_both_generations() {
        let one = [header(1), key()].concat();
        let three = [header(12), key()].concat();
        let two = {
            let head: Vec<u8> = [0x38 + 264, 0x38, 0, 0x38, 264].iter().flat_map(|n: &u32| n.to_le_bytes()).collect();
            [&b"Vb2P\x03\0\0\0"[..], &head, &[2, 0, 2, 0], &1_u32.to_le_bytes(), &[0xab; 20], &key()].concat()
        };
        let block = [&b"CHROMEOS\x02\0\0\0\x01\0\0\0"[..], &[0; 64], &header(4), &key(), &[7; 300]].concat();
        for (name, bytes, e) in [("1", one, 1), ("1, e = 3", three, 3), ("2.1", two, 1), ("block", block, 1)] {
            let found = inspect(&bytes).unwrap_or_else(|| panic!("{name}"));
            let [material] = found.as_slice() else { panic!("{name}") };
            let Some(Identity::Public(half)) = &material.identity else { panic!("{name}") };
            assert_eq!((half.algorithm.bits, material.kind), (1024, Kind::PublicKey), "{name}");
            assert_eq!(half.spki.last().copied(), Some(e), "{name}");
            for length in 0..material.span.end {
                assert!(inspect(&bytes[..length]).is_none(), "{name} cut at {length}");
            }
            for at in 0..material.span.end {
                let mut bytes = bytes.clone();
                bytes[at] ^= 0x80;
                let _ = inspect(&bytes);
            }
        }
    }

    #[test]
    fn files_that_only_begin_like_a_key_are_refused() {
        for (name, bytes) in [
            ("n0inv of another", [header(1), 32_u32.to_le_bytes().to_vec(), vec![0xff; 260]].concat()),
            ("trailing bytes", [&header(1)[..], &key(), &[0]].concat()),
            ("no such algorithm", [header(99), key()].concat()),
            ("a certificate", [&b"\x04\0\0\0\0\0\0\0\x30\x82\x01\x00\x30\x82"[..], &[0; 300]].concat()),
            ("a table of offsets", (0_u64..64).flat_map(|n| (32 + n).to_le_bytes()).collect()),
            (
                "a name",
                b"CHROMEOS is an operating system, and this is a text about it, long enough for a header".to_vec(),
            ),
        ] {
            assert!(inspect(&bytes).is_none(), "{name}");
        }
    }
}

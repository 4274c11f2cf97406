//! Objects of SoftHSM 2 in its file store: `tokens/<uuid>/<uuid>.object` and `token.object` (SoftHSMv2
//! src/lib/object_store/ObjectFile.cpp, File.cpp).
//!
//! A file is a generation number, then PKCS#11 attributes in ascending order, each with its type. It counts if the
//! attributes fill the file exactly. A private object is encrypted with the PIN, including its public numbers; the
//! public object that `C_GenerateKeyPair` writes with it shows them. Objects made with CKA_PRIVATE false are plaintext.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::hex::hex;
use keyradius_core::material::{
    Encoding, Identity, Kind, Label, Material, Proof, Protection, ProtectionState, Remark, Uses,
};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::pkcs11::{self, Attributes};
use keyradius_readers::{carrier, x509};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Detects SoftHSM objects.
#[derive(Debug)]
pub(crate) struct SoftHsm;

static ABOUT: About = About {
    id: "softhsm",
    title: "SoftHSM object",
    detects: "Object files of SoftHSM 2: private and secret keys, encrypted with the PIN or plaintext, public keys \
              and certificates with their labels and ids, and the token itself with its name. Plaintext keys are \
              verified by arithmetic.",
    blind_to: "Which private object belongs to which public one: all attributes that could link them are encrypted. \
               The SQLite backend of SoftHSM. Objects that are not at the start of a file.",
    respond: "A PIN of digits can be guessed within minutes: treat the keys as readable. Find the public objects in \
              the same directory, and replace the keys wherever they are trusted (OpenDNSSEC, CAs, code signing).",
    references: &[
        "SoftHSMv2 src/lib/object_store",
        "SoftHSMv2 src/lib/data_mgr/RFC4880.cpp",
        "OASIS PKCS#11 v3.1",
        "CWE-321",
    ],
};

/// A generation number below 256, without its last byte.
const GENERATION: Anchor = Anchor::at_start(&[0, 0, 0, 0, 0, 0, 0]);

/// Vendor attributes of token.object (OSAttributes.h): label and serial number.
const TOKEN_LABEL: u32 = 0x8000_5349;
const TOKEN_SERIAL: u32 = 0x8000_534a;
/// CKA_PRIVATE, CKA_SIGN, CKA_DECRYPT.
const PRIVATE: u32 = 0x002;
const SIGN: u32 = 0x108;
const DECRYPT: u32 = 0x105;

/// RFC4880.h: 1,500 rounds of SHA-256, plus the value of the last byte of the salt.
const PIN: &str = "SoftHSM PIN: SHA-256, 1500 to 1755 iterations, AES-256-CBC";

/// Minimum size of a secret that is reported, in bytes: 80 bits.
const LEAST_SECRET: usize = 10;

impl Detector for SoftHsm {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[GENERATION]
    }

    fn inspect(&self, blob: Blob<'_>, _hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let attributes = read(blob.bytes)?;
        let found = material(&attributes).ok_or(Malformed::new("SoftHSM object", 8))?;
        out.found(Material { span: 0..blob.bytes.len(), container: Some("SoftHSM"), ..found });
        Ok(())
    }
}

/// Reads the attributes of a whole file.
fn read(bytes: &[u8]) -> Result<Attributes, Malformed> {
    let mut fields = Cursor::new(bytes);
    fields.u64("generation")?;
    let mut attributes = Attributes::default();
    let mut last = None;
    while !fields.is_empty() {
        let number = fields.u64("attribute")?;
        let number = u32::try_from(number).map_err(|_| Malformed::new("attribute", fields.at()))?;
        if last >= Some(number) {
            return Err(Malformed::new("attributes in order", fields.at()));
        }
        last = Some(number);
        let value = match fields.u64("type of the attribute")? {
            1 => match fields.u8("boolean")? {
                0 => vec![0],
                0xff => vec![1],
                _ => return Err(Malformed::new("boolean", fields.at())),
            },
            2 => fields.array::<8>("number")?.to_vec(),
            kind @ 3..=5 => {
                // Bytes, nested attributes, and mechanisms of eight bytes each.
                let length = usize::try_from(fields.u64("length")?).ok();
                let length = if kind == 5 { length.and_then(|count| count.checked_mul(8)) } else { length };
                let value = fields.take(length.ok_or(Malformed::new("length", fields.at()))?, "value")?;
                if kind != 3 {
                    continue;
                }
                value.to_vec()
            }
            _ => return Err(Malformed::new("type of the attribute", fields.at())),
        };
        attributes.push(number, Zeroizing::new(value));
    }
    if attributes.is_empty() { Err(Malformed::new("attributes", 8)) } else { Ok(attributes) }
}

fn material(attributes: &Attributes) -> Option<Material> {
    let start = |kind, format| Material::new(kind, format, Encoding::Binary, 0..0);
    if let Some(label) = attributes.get(TOKEN_LABEL) {
        let mut token = start(Kind::Keystore, ABOUT.id);
        token.labels.push(Label::new("token", label));
        token.labels.extend(attributes.get(TOKEN_SERIAL).map(|serial| Label::new("serial", serial)));
        token.remarks.push(Remark::TokenItself);
        return Some(token);
    }
    let sealed = attributes.number(PRIVATE)? != 0;
    let mut material = match attributes.number(pkcs11::CLASS)? {
        pkcs11::CERTIFICATE if !sealed => {
            let certificate = x509::read(attributes.get(pkcs11::VALUE)?).ok()?;
            let mut material = start(Kind::Certificate, "x509");
            material.identity = certificate.public.map(Identity::public);
            material.certificate = Some(Box::new(certificate.facts));
            material
        }
        pkcs11::PUBLIC_KEY if !sealed => {
            let mut material = start(Kind::PublicKey, ABOUT.id);
            material.identity = Some(Identity::public(attributes.public()?));
            material
        }
        pkcs11::PRIVATE_KEY => private(attributes, sealed)?,
        pkcs11::SECRET_KEY => secret(attributes, sealed)?,
        _ => return None,
    };
    if !sealed {
        material.labels.extend(attributes.get(pkcs11::LABEL).map(|label| Label::new("alias", label)));
        material.labels.extend(attributes.get(pkcs11::ID).map(|id| Label::new("CKA_ID", hex(id).as_bytes())));
    }
    Some(material)
}

fn private(attributes: &Attributes, sealed: bool) -> Option<Material> {
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, 0..0);
    let secret = attributes.get(pkcs11::PRIVATE_EXPONENT).or_else(|| attributes.get(pkcs11::VALUE))?;
    material.uses = uses(attributes);
    if sealed {
        if !is_sealed(secret) {
            return None;
        }
        material.identity = Some(carrier::opaque(secret));
        material.protection = Some(Protection::new(ProtectionState::Weak, PIN));
        material.remarks.push(Remark::SealedByPublicHalf);
        return Some(material);
    }
    let (public, verified) = attributes.private()?;
    material.proof = if verified { Proof::Verified } else { Proof::Structure };
    material.identity = Some(Identity::public(public));
    material.protection = Some(Protection::plaintext());
    Some(material)
}

/// A symmetric key for MACs. Cipher keys are ignored, because tools mark them as signing too.
fn secret(attributes: &Attributes, sealed: bool) -> Option<Material> {
    let secret = attributes.get(pkcs11::VALUE)?;
    // CKK_GENERIC_SECRET, then HMAC with MD5 to SHA-224, then with SHA-3 (PKCS#11 v3.1, pkcs11t.h).
    let mac = matches!(attributes.number(pkcs11::KEY_TYPE)?, 0x10 | 0x27..=0x2e | 0x33..=0x36);
    if !mac || attributes.number(SIGN) != Some(1) {
        return None;
    }
    let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, 0..0);
    material.uses = uses(attributes);
    material.remarks.push(Remark::SymmetricKey);
    if sealed {
        if !is_sealed(secret) {
            return None;
        }
        material.identity = Some(carrier::opaque(secret));
        material.protection = Some(Protection::new(ProtectionState::Weak, PIN));
        return Some(material);
    }
    if secret.len() < LEAST_SECRET || secret.iter().all(|byte| Some(byte) == secret.first()) {
        return None;
    }
    let digest = Sha256::new().chain_update(b"keyradius symmetric key\0").chain_update(secret).finalize();
    material.identity = Some(Identity::Opaque(digest.into()));
    material.protection = Some(Protection::plaintext());
    Some(material)
}

/// SecureDataManager.cpp: an IV of one block, then ciphertext blocks.
fn is_sealed(value: &[u8]) -> bool {
    value.len() >= 32 && value.len().is_multiple_of(16)
}

fn uses(attributes: &Attributes) -> Option<Uses> {
    let is = |number| attributes.number(number) == Some(1);
    Some(Uses { sign: is(SIGN), encrypt: is(DECRYPT), ..Uses::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Is<'a> {
        Yes(bool),
        Number(u64),
        Bytes(&'a [u8]),
    }

    fn object(attributes: &[(u64, Is<'_>)]) -> Vec<u8> {
        let mut out = 7_u64.to_be_bytes().to_vec();
        for (number, value) in attributes {
            out.extend(number.to_be_bytes());
            match value {
                Is::Yes(yes) => out.extend([&1_u64.to_be_bytes()[..], &[if *yes { 0xff } else { 0 }]].concat()),
                Is::Number(n) => out.extend([2_u64.to_be_bytes(), n.to_be_bytes()].concat()),
                Is::Bytes(bytes) => {
                    out.extend([3_u64.to_be_bytes(), (bytes.len() as u64).to_be_bytes()].concat());
                    out.extend(*bytes);
                }
            }
        }
        out
    }

    /// As in RFC 8032 7.1, test 1. The seed is computed, so that this file contains no plaintext key.
    fn seed() -> [u8; 32] {
        Sha256::digest(b"softhsm").into()
    }

    fn open_key(curve: &'static [u8]) -> Vec<u8> {
        object(&[
            (0x0, Is::Number(3)),
            (0x2, Is::Yes(false)),
            (0x3, Is::Bytes(b"zone")),
            (0x11, Is::Bytes(&seed())),
            (0x100, Is::Number(0x40)),
            (0x108, Is::Yes(true)),
            (0x180, Is::Bytes(curve)),
        ])
    }

    #[test]
    fn a_plaintext_key_is_identified_by_its_point() {
        let attributes = read(&open_key(b"\x13\x0cedwards25519")).unwrap();
        let found = material(&attributes).unwrap();
        let Some(Identity::Public(public)) = &found.identity else { panic!("derived") };
        assert_eq!((public.algorithm.name, found.labels[0].text.as_str()), ("Ed25519", "zone"));
        assert_eq!(found.protection.unwrap().state, ProtectionState::Plaintext);
        assert!(found.uses.unwrap().sign);
        assert!(material(&read(&open_key(b"\x13\x0cedwards25510")).unwrap()).is_none(), "no such curve");
    }

    #[test]
    fn sealed_keys_are_identified_by_their_ciphertext() {
        for (length, found) in [(16, false), (64, true), (65, false)] {
            let bytes = object(&[
                (0x0, Is::Number(3)),
                (0x2, Is::Yes(true)),
                (0x3, Is::Bytes(&[5; 32])),
                (0x11, Is::Bytes(&vec![9; length])),
                (0x100, Is::Number(3)),
            ]);
            let object = material(&read(&bytes).unwrap());
            assert_eq!(object.is_some(), found, "{length}");
            assert!(object.is_none_or(|m| m.labels.is_empty() && matches!(m.identity, Some(Identity::Opaque(_)))));
        }
    }

    #[test]
    fn secrets_that_sign_are_reported() {
        let key = |kind, sign, value: &[u8]| {
            let attributes = [
                (0x0, Is::Number(4)),
                (0x2, Is::Yes(false)),
                (0x11, Is::Bytes(value)),
                (0x100, Is::Number(kind)),
                (0x108, Is::Yes(sign)),
            ];
            material(&read(&object(&attributes)).unwrap())
        };
        assert!(key(0x10, true, &seed()).is_some() && key(0x2b, true, &seed()).is_some());
        let misses = [
            key(0x10, false, &seed()),
            key(0x10, true, &[7; 32]),
            key(0x10, true, &seed()[..8]),
            key(0x1f, true, &seed()),
        ];
        for found in misses {
            assert!(found.is_none());
        }
    }

    #[test]
    fn a_file_is_read_to_its_end_or_not_at_all() {
        let whole = open_key(b"\x13\x0cedwards25519");
        for length in 0..whole.len() {
            let cut = read(&whole[..length]);
            assert!(cut.is_err() || cut.is_ok_and(|a| material(&a).is_none()), "{length}");
        }
        assert!(read(&[whole.clone(), vec![0]].concat()).is_err());
        assert!(read(&object(&[(5, Is::Yes(true)), (5, Is::Yes(true))])).is_err());
        assert!(read(&[0; 4096]).is_err(), "zeros are not an object");
    }
}

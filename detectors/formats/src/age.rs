//! age identities: `AGE-SECRET-KEY-1` with an X25519 key of 32 bytes in bech32, and `AGE-SECRET-KEY-PQ-1` with the seed
//! of a hybrid key (X25519 and ML-KEM). The bech32 checksum distinguishes a key from a placeholder.
//!
//! age identities decrypt; they do not sign. They are reported because files with signing keys are encrypted to them.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Proof, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::chance::looks_random;
use keyradius_readers::proof;
use keyradius_readers::public::{self, PublicKey, Raw};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Detects age identities.
#[derive(Debug)]
pub(crate) struct Age;

const PREFIX: &[u8] = b"AGE-SECRET-KEY-";
const ANCHOR: Anchor = Anchor::anywhere(PREFIX);

/// Bech32 digits of 32 bytes, and six digits of checksum (BIP 173).
const DIGITS: usize = 58;

/// The digits of bech32 (BIP 173).
const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static ABOUT: About = About {
    id: "age",
    title: "Decryption key (age)",
    detects: "age identities (AGE-SECRET-KEY-1, also the post-quantum AGE-SECRET-KEY-PQ-1), verified by their \
              checksum. The public key and the recipient are computed.",
    blind_to: "Plugin identities (AGE-PLUGIN-), which are references to hardware. The recipient of a post-quantum \
               identity: the identity is known by a digest. Data encrypted to the identity.",
    respond: "The key decrypts; it does not sign. Everything ever encrypted to its recipient is readable, also in old \
              commits (sops, agenix). Encrypt those files to a new recipient and change the secrets in them.",
    references: &["age specification (C2SP age.md), X25519 recipient stanza", "BIP 173", "CWE-321", "CWE-798"],
};

impl Detector for Age {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let behind = blob.bytes.get(hit.at + PREFIX.len()..).unwrap_or_default();
        let (body, post_quantum) = match behind {
            [b'1', body @ ..] => (body, false),
            [b'P', b'Q', b'-', b'1', body @ ..] => (body, true),
            _ => return Ok(()),
        };
        let skipped = PREFIX.len() + behind.len() - body.len();
        let wrong = Malformed::new("bech32 of an age identity", hit.at + skipped);
        let length = body.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let text = body.get(..DIGITS).filter(|_| length == DIGITS).ok_or(wrong)?;
        let name: &[u8] = if post_quantum { b"age-secret-key-pq-" } else { b"age-secret-key-" };
        let key = decode(name, text).filter(|key| looks_random(key)).ok_or(wrong)?;
        let span = hit.at..hit.at + skipped + DIGITS;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span);
        material.proof = Proof::Verified;
        material.protection = Some(Protection::plaintext());
        if post_quantum {
            let digest = Sha256::new().chain_update(b"age hybrid seed\0").chain_update(&key).finalize();
            material.identity = Some(Identity::Opaque(digest.into()));
            material.remarks.push(Remark::KnownByDigest);
        } else {
            let bytes = proof::raw_public(Raw::X25519, &key).ok_or(wrong)?;
            material.labels.push(Label::new("recipient", encode(b"age", &bytes).as_bytes()));
            let half = public::half(&PublicKey::Raw { kind: Raw::X25519, bytes: &bytes });
            material.identity = Some(Identity::public(half));
        }
        out.found(material);
        Ok(())
    }
}

/// One step of the bech32 checksum (BIP 173).
fn step(sum: u32, value: u8) -> u32 {
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = sum >> 25;
    let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
    GENERATORS.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(next, |sum, (_, term)| sum ^ term)
}

/// The checksum after `name`, the part before the separator.
fn start(name: &[u8]) -> u32 {
    let high = name.iter().map(|byte| byte >> 5);
    high.chain([0]).chain(name.iter().map(|byte| byte & 31)).fold(1, step)
}

/// Decodes 32 bytes of upper-case bech32. `None` if the checksum is wrong.
fn decode(name: &[u8], text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if text.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(33));
    let (mut sum, mut word, mut have) = (start(name), 0_u32, 0);
    for (at, byte) in text.iter().enumerate() {
        let value = ALPHABET.iter().position(|digit| *digit == byte.to_ascii_lowercase())? as u8;
        sum = step(sum, value);
        if at < DIGITS - 6 {
            word = word << 5 | u32::from(value);
            have += 5;
            if have >= 8 {
                have -= 8;
                bytes.push((word >> have) as u8);
            }
        }
    }
    (sum == 1 && bytes.len() == 32).then_some(bytes)
}

fn encode(name: &[u8], bytes: &[u8]) -> String {
    let (mut values, mut word, mut have) = (Vec::with_capacity(64), 0_u32, 0);
    for &byte in bytes {
        word = word << 8 | u32::from(byte);
        have += 8;
        while have >= 5 {
            have -= 5;
            values.push((word >> have) as u8 & 31);
        }
    }
    if have > 0 {
        values.push((word << (5 - have)) as u8 & 31);
    }
    let sum = values.iter().copied().chain([0; 6]).fold(start(name), step) ^ 1;
    values.extend((0..6).rev().map(|place| (sum >> (5 * place)) as u8 & 31));
    let digits = values.iter().filter_map(|value| ALPHABET.get(usize::from(*value)).copied().map(char::from));
    String::from_utf8_lossy(name).chars().chain(['1']).chain(digits).collect()
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use keyradius_core::hex::hex;

    fn secret(name: &[u8], key: &[u8]) -> String {
        encode(name, key).to_uppercase()
    }

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&Age, "k", text, &[ANCHOR])
    }

    fn key() -> Vec<u8> {
        (0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(200)).collect()
    }

    #[test]
    fn bech32_matches_the_standard() {
        // BIP 173, test vectors: the empty data part with the prefix `a`.
        assert_eq!(encode(b"a", &[]), "a12uel5l");
    }

    #[test]
    fn the_checksum_distinguishes_keys_from_placeholders() {
        let plain = secret(b"age-secret-key-", &key());
        for text in [plain.clone(), format!("# public key: age1\n{plain}\n"), format!("{{\"k\":\"{plain}\"}}")] {
            let found = inspect(&text).unwrap();
            let Some(Identity::Public(half)) = &found[0].identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), hex(&proof::raw_public(Raw::X25519, &key()).unwrap()));
            assert!(found[0].labels[0].text.starts_with("age1"));
            assert_eq!(text[found[0].span.clone()], plain);
        }
        let hybrid = inspect(&secret(b"age-secret-key-pq-", &key())).unwrap();
        assert!(matches!(hybrid[0].identity, Some(Identity::Opaque(_))));
        for wrong in [
            plain.replacen("KEY-1", "KEY-1Q", 1),
            plain[..plain.len() - 1].to_owned(),
            format!("{}Q", &plain[..plain.len() - 1]),
            plain.replace("KEY-1", "KEY-PQ-1"),
            format!("AGE-SECRET-KEY-1{}", "Q".repeat(58)),
            secret(b"age-secret-key-", &[0; 32]),
            plain.to_lowercase().replace("age-secret-key-", "AGE-SECRET-KEY-"),
        ] {
            assert!(inspect(&wrong).is_err(), "{wrong}");
        }
        assert!(inspect("AGE-SECRET-KEY-...").unwrap().is_empty());
    }
}

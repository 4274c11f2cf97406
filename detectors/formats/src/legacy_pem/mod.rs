//! OpenSSL's PEM encryption before PKCS#8: `Proc-Type: 4,ENCRYPTED` and `DEK-Info` (RFC 1421 headers).
//!
//! The key is one MD5 of the password and eight bytes of the IV (EVP_BytesToKey with count 1): weak with any cipher.
//! The cipher, the IV length and the body size are checked. There is no other structure, so a finding has the proof
//! level `structure`, from the headers and a body of whole cipher blocks.

mod open;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Kind, Locked, Material, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::{armor, carrier};

/// Detects private keys in legacy encrypted PEM.
#[derive(Debug)]
pub(crate) struct LegacyPem;

static ABOUT: About = About {
    id: "legacy_pem",
    title: "Encrypted private key (legacy PEM encryption)",
    detects: "PEM private keys with Proc-Type: 4,ENCRYPTED and a DEK-Info header that names a cipher and an IV, whose \
              body consists of whole blocks of that cipher. An unknown cipher is reported as such; its key stays locked.",
    blind_to: "The public half is inside the ciphertext: until it is opened, the key is identified by a digest of the \
               ciphertext.",
    respond: "Treat the key as readable: the password is hashed once with MD5, so a graphics card tries billions a \
              second. Replace the key where it is trusted, then revoke.",
    references: &["RFC 1421 4.6", "openssl EVP_BytesToKey(3)", "CWE-916"],
};

impl Detector for LegacyPem {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[armor::ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let Some(armor) = carrier::pem(blob, hit, armor::is_der_private, out)? else { return Ok(()) };
        let Some(info) = armor.header("DEK-Info") else { return Ok(()) };
        let (cipher, iv) = info.split_once(',').unwrap_or((info, ""));
        let cipher = cipher.to_ascii_uppercase();
        let iv = iv.trim_end();
        // A cipher that no list here has: locked, of unknown blocks.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let unknown = (cipher.len() > 2 && cipher.bytes().all(is_name)).then_some((iv.len() / 2, 1));
        let known = sizes(&cipher);
        let (iv_bytes, block) = known.or(unknown).ok_or(Malformed::new("DEK-Info cipher", hit.at))?;
        if !iv.bytes().all(|b| b.is_ascii_hexdigit()) || iv.len() != 2 * iv_bytes || (known.is_none() && iv.len() < 16)
        {
            return Err(Malformed::new("DEK-Info IV", hit.at));
        }
        // Without the END line, a body can contain a few extra digits.
        if armor.body.len() < 48 || (armor.end_seen && !armor.body.len().is_multiple_of(block)) {
            return Err(Malformed::new("encrypted body", hit.at));
        }
        let whole = armor.body.get(..armor.body.len() / block * block).unwrap_or_default();
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Pem, armor.span.clone());
        let detail = match known {
            Some(_) => format!("{cipher}, key from one MD5 of the password"),
            None => "an unknown cipher".to_owned(),
        };
        material.protection = Some(Protection::new(ProtectionState::Weak, detail));
        material.identity = Some(carrier::opaque(whole));
        material.locked = Some(Locked::new(&[cipher.as_bytes(), b",", iv.as_bytes(), b"\n", whole].concat()));
        material.remarks.extend(carrier::remarks(&armor));
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

/// Bytes of the IV and of a block for the ciphers that OpenSSL accepts here (`openssl enc -list`). Stream modes have
/// blocks of one byte.
fn sizes(cipher: &str) -> Option<(usize, usize)> {
    let (name, mode) = cipher.rsplit_once('-')?;
    let iv = match name.split('-').next()? {
        "DES" | "BF" | "CAST5" | "IDEA" | "RC2" => 8,
        "AES" | "CAMELLIA" | "ARIA" | "SEED" | "SM4" => 16,
        _ => return None,
    };
    match mode {
        "CBC" => Some((iv, iv)),
        "CFB" | "CFB1" | "CFB8" | "OFB" | "CTR" => Some((iv, 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_and_their_sizes() {
        for (cipher, expected) in [
            ("DES-EDE3-CBC", Some((8, 8))),
            ("AES-256-CBC", Some((16, 16))),
            ("AES-256-CFB", Some((16, 1))),
            ("CAMELLIA-128-CBC", Some((16, 16))),
            ("AES-128-ECB", None),
            ("ROT13", None),
        ] {
            assert_eq!(sizes(cipher), expected, "{cipher}");
        }
    }
}

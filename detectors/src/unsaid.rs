//! What is not said: names and labels that the input gives to a key, where they may be a secret themselves.
//!
//! `JWT_SECRET_KEY=` may be followed by a path or by the secret; a comment may hold another key. Neither can always be told from the
//! other, so whatever may be a secret is told by its length alone.

use scanner_core::material::{Kind, Material, Name};

use crate::knowledge;

/// Fewest characters of a text that can hold a private key: 32 bytes in base64 without padding, less some.
const KEY: usize = 40;

/// Fewest characters of a name that may be a secret: 16 bytes of chance in base64 are 22.
const RUN: usize = 22;

/// Fewest digits of a hexadecimal secret.
const HEX: usize = 32;

/// Takes the secrets out of what is told of a material. Everything that depends on names was done before.
pub(crate) fn hush(material: &mut Material) {
    for label in &mut material.labels {
        hush_text(&mut label.text);
    }
    if let Some(facts) = &mut material.certificate {
        hush_text(&mut facts.subject);
        hush_text(&mut facts.issuer);
    }
    if let Some(reference) = &mut material.reference {
        for name in &mut reference.names {
            hush_name(name);
        }
    }
}

fn hush_text(text: &mut String) {
    if text.len() >= KEY && holds_key(text) {
        *text = format!("[{} characters that hold a key]", text.chars().count());
    }
}

fn hush_name(name: &mut Name) {
    let (Name::Path(text) | Name::Directory(text) | Name::Alias(text) | Name::Variable(text)) = name else { return };
    if may_be_secret(text) {
        *text = format!("[{} characters that may be a secret]", text.chars().count());
    } else {
        hush_text(text);
    }
}

fn holds_key(text: &str) -> bool {
    let found = knowledge::engine().bytes("", text.as_bytes()).occurrences;
    found.iter().any(|occurrence| occurrence.material.kind == Kind::PrivateKey)
}

/// Whether digits of base64 or hexadecimal look like chance and not like words: random ones change between capitals, small letters and
/// figures two times in three, words of a path once in five. Base64 may hold slashes, so all of a text is asked too, if it has the
/// length of base64; else its parts.
fn may_be_secret(text: &str) -> bool {
    let text = text.trim();
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let whole = text.len() % 4 != 1 && text.chars().all(is_base64) && turns(text, 3, 10);
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '_' | '-');
    whole || text.split(|c| !is_digit(c)).any(|part| turns(part, 2, 5) || is_hex(part))
}

/// Whether a run has all three kinds of digits, and so many changes between them for so many pairs of neighbours.
fn turns(run: &str, changes: usize, pairs: usize) -> bool {
    let kinds: Vec<u8> = run.bytes().filter_map(kind).collect();
    let turns = kinds.windows(2).filter(|pair| matches!(pair, [a, b] if a != b)).count();
    let has_all = [UPPER, LOWER, FIGURE].iter().all(|kind| kinds.contains(kind));
    run.len() >= RUN && has_all && turns * pairs >= kinds.len().saturating_sub(1) * changes
}

fn is_hex(run: &str) -> bool {
    let figures = run.bytes().filter(u8::is_ascii_digit).count();
    run.len() >= HEX && run.bytes().all(|byte| byte.is_ascii_hexdigit()) && (1..run.len()).contains(&figures)
}

const UPPER: u8 = 0;
const LOWER: u8 = 1;
const FIGURE: u8 = 2;

/// What parts words says nothing.
const fn kind(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(UPPER),
        b'a'..=b'z' => Some(LOWER),
        b'0'..=b'9' => Some(FIGURE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::material::{Encoding, Label};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::read::text::{base64, hex};

    #[test]
    fn secrets_are_no_names_and_names_are_no_secrets() {
        let mut missed = 0;
        for number in 0..1000_u32 {
            let secret: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
            let text = base64(&secret);
            missed += u32::from(!may_be_secret(&text)) + u32::from(!may_be_secret(&format!("  {text}\n")));
            assert!(may_be_secret(&hex(&secret)), "{number}");
        }
        assert!(missed <= 4, "{missed} of 2000");
        for name in [
            "config/keys/production/signing/AppKey2024.pem",
            "../../release/AppSigningKeyProduction2/AuthKey_2X9R4HXF34.p8",
            "/etc/ssl/private/ssl-cert-snakeoil.key",
            "C:/Users/Build/AppData/Roaming/Certificates/CodeSign2025.pfx",
            "ANDROID_RELEASE_KEYSTORE_PASSWORD_V2",
            "projects/acme-prod/locations/europe-west1/keyRings/Release/cryptoKeys/Sign1",
            "${HOME}/.gnupg/secring.gpg",
        ] {
            assert!(!may_be_secret(name), "{name}");
        }
    }

    #[test]
    fn a_key_in_a_label_is_told_by_its_length() {
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend_from_slice(&Sha256::digest(b"a seed"));
        let mut material = Material::new(Kind::PrivateKey, "jwk", Encoding::Text, 0..0);
        let text = base64(&der);
        material.labels =
            vec![Label::new("kid", text.as_bytes()), Label::new("comment", b"release key of example.org, 2026")];
        hush(&mut material);
        assert_eq!(material.labels[0].text, format!("[{} characters that hold a key]", text.len()));
        assert_eq!(material.labels[1].text, "release key of example.org, 2026");
    }
}

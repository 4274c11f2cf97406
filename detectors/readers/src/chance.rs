//! Measures of randomness that detectors share: whether bytes are random, or written by a person or a program.
//!
//! Tables of placeholder words, such as `example` or `changeme`, belong to the callers.

/// Minimum characters of a name that may be a secret: 16 random bytes take 22 in base64.
const RUN: usize = 22;

/// Minimum digits of a hexadecimal secret.
const HEX: usize = 32;

/// The number of different bytes.
pub fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

/// Whether a random generator may have produced the bytes. 32 random bytes contain 30 different values on average, and
/// fewer than 20 once in 10^9 keys; text and tables contain fewer values, or only printable ones.
pub fn looks_random(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|b| b.is_ascii_graphic() || **b == b' ').count();
    distinct(bytes) * 8 >= bytes.len().min(64) * 5 && printable * 4 <= bytes.len() * 3
}

/// Whether the bytes are a short repeated sequence.
pub fn repeats(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 3).any(|period| bytes.iter().zip(bytes.iter().skip(period)).all(|(a, b)| a == b))
}

/// Shannon entropy in thousandths of a bit per byte.
pub fn entropy(bytes: &[u8]) -> u32 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(bytes.len() as u32);
    let bits: f64 = counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / total).map(|p| -p * p.log2()).sum();
    #[allow(clippy::cast_sign_loss, reason = "entropy is never negative")]
    {
        (bits * 1000.0) as u32
    }
}

/// Whether base64 or hexadecimal digits look random, not like words. Random digits change between capitals, small
/// letters and figures two times in three, words of a path once in five. Base64 may contain slashes, so the whole text
/// is tested if it has the length of base64; otherwise its parts are.
pub fn may_be_secret(text: &str) -> bool {
    let text = text.trim();
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let whole = text.len() % 4 != 1 && text.chars().all(is_base64) && turns(text, 3, 10);
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '_' | '-');
    whole || text.split(|c| !is_digit(c)).any(|part| turns(part, 2, 5) || is_hex(part))
}

/// Whether a run has all three kinds of characters, and at least `changes` changes per `pairs` pairs of neighbours.
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

/// The kind of a character. `None` for separators of words.
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
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::text::base64;
    use keyradius_core::hex::hex;

    #[test]
    fn secrets_and_names_are_distinguished() {
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
    fn entropy_of_known_texts() {
        for (text, thousandths) in [("", 0), ("aaaa", 0), ("abab", 1000), ("abcd", 2000), ("0123456789abcdef", 4000)] {
            assert_eq!(entropy(text.as_bytes()), thousandths, "{text}");
        }
    }
}

//! Secrets that sign with the same key on both sides (HMAC): their identity, and whether they are secrets at all.
//!
//! Such a secret has no structure and no public half: any text may be one. So this module estimates how hard it is to
//! guess, allowing for human habits: words, runs and repetitions count little. The estimate must reach `MIN_BITS`.
//! Below that, a digest would reveal the secret to anyone with a word list, and most such values are placeholders.

use std::sync::LazyLock;

use keyradius_core::hex::hex;
use keyradius_core::material::Identity;
use sha2::{Digest, Sha256};

/// Minimum estimated bits of a secret.
const MIN_BITS: u32 = 80;

/// Minimum estimated bits if the secret contains placeholder words: then the rest must be strong on its own.
const MIN_BITS_BESIDE_WORDS: u32 = 128;

/// Bits of a word in a sentence: people choose from about sixty, and the others follow from it.
const WORD: u32 = 6;

/// Minimum length of a run of letters that may be a word.
const MIN_WORD: usize = 3;

/// Prefix of the hashed secret: the identity serves no other purpose.
const DOMAIN: &[u8] = b"keyradius symmetric key\0";

/// Secrets in public documentation, by identity: everybody has them.
static EXAMPLES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let text = include_str!("../data/example-secrets.tsv");
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').next()).collect()
});

/// Words that people write where a secret belongs.
const PLACEHOLDERS: [&[u8]; 32] = [
    b"change",
    b"example",
    b"placeholder",
    b"your",
    b"replace",
    b"secret",
    b"passw",
    b"default",
    b"dummy",
    b"insert",
    b"sample",
    b"todo",
    b"fixme",
    b"qwert",
    b"asdf",
    b"zxcv",
    b"12345678",
    b"abcdef",
    b"xxxx",
    b"....",
    b"test",
    b"fake",
    b"generate",
    b"random",
    b"unsafe",
    b"insecure",
    b"redacted",
    b"hidden",
    b"removed",
    b"must",
    b"please",
    b"demo",
];

/// The identity of a secret. `None` if it can be guessed, or is published.
pub fn identity(secret: &[u8]) -> Option<Identity> {
    if !is_hard_to_guess(secret) {
        return None;
    }
    let digest: [u8; 32] = Sha256::new_with_prefix(DOMAIN).chain_update(secret).finalize().into();
    (!EXAMPLES.contains(&hex(&digest).as_str())).then_some(Identity::Opaque(digest))
}

fn is_hard_to_guess(secret: &[u8]) -> bool {
    let text = secret.iter().all(|b| (b' '..=b'~').contains(b));
    let words = text && PLACEHOLDERS.iter().any(|word| contains(secret, word));
    let least = if words { MIN_BITS_BESIDE_WORDS } else { MIN_BITS };
    let bits = if text { text_bits(secret) } else { byte_bits(secret) };
    bits >= least
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Estimated bits of raw bytes.
fn byte_bits(bytes: &[u8]) -> u32 {
    8 * fresh(bytes).filter(|fresh| *fresh).count() as u32
}

/// Estimated bits of a text: those of its alphabet for every character that does not follow from the ones before it.
fn text_bits(text: &[u8]) -> u32 {
    let has = |class: fn(&u8) -> bool| text.iter().any(class);
    // In tenths of a bit: the logarithm of the alphabet size.
    let tenths = match (
        has(|b| matches!(b, b'g'..=b'z' | b'G'..=b'Z')),
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase),
        has(u8::is_ascii_digit),
        has(u8::is_ascii_alphabetic),
    ) {
        (_, _, true, false) => 33,
        (false, _, true, true) => 40,
        (false, _, _, _) => 26,
        (true, false, false, _) => 47,
        (true, false, true, _) => 51,
        (true, true, _, _) => 59,
    };
    let mut in_word = vec![false; text.len()];
    let mut words = 0;
    let mut at = 0;
    while at < text.len() {
        let length = word(text.get(at..).unwrap_or_default());
        if length >= MIN_WORD {
            words += 1;
            in_word.iter_mut().skip(at).take(length).for_each(|letter| *letter = true);
        }
        at += length.max(1);
    }
    let counted = fresh(text).zip(&in_word).zip(text);
    // A character that is neither letter nor digit more often joins words than it is random.
    let letters: u32 = counted
        .map(|((fresh, word), byte)| match (fresh, word) {
            (true, false) if byte.is_ascii_alphanumeric() => tenths,
            (true, false) => tenths / 2,
            _ => 0,
        })
        .sum();
    letters / 10 + words * WORD
}

/// Length of a possible word at the start of a text: letters of one case (the first may differ), with vowels and
/// without too many consecutive consonants.
fn word(text: &[u8]) -> usize {
    let Some(first) = text.first().filter(|b| b.is_ascii_alphabetic()) else { return 0 };
    let rest = text.get(1..).unwrap_or_default();
    let lower = rest.first().is_some_and(u8::is_ascii_lowercase);
    let upper = first.is_ascii_uppercase() && rest.first().is_some_and(u8::is_ascii_uppercase);
    let length = 1 + rest
        .iter()
        .take_while(|b| if lower { b.is_ascii_lowercase() } else { upper && b.is_ascii_uppercase() })
        .count();
    let letters = text.get(..length).unwrap_or_default();
    let vowel = |b: &u8| matches!(b.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let hard = letters.split(vowel).map(<[u8]>::len).max().unwrap_or(0);
    let vowels = letters.iter().filter(|b| vowel(b)).count();
    // Four consonants in a row are rare in words of any European language, and so is a word without a vowel.
    if vowels > 0 && hard < 5 && vowels * 5 >= letters.len() { length } else { length.min(MIN_WORD - 1) }
}

/// Keyboard rows.
const ROWS: [&[u8]; 3] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// For each byte, whether it does not follow from the bytes before it: by counting on, by repetition, by the next key
/// of a row, or by repeating four earlier bytes.
fn fresh(bytes: &[u8]) -> impl Iterator<Item = bool> {
    (0..bytes.len()).map(move |at| {
        let walk = at.checked_sub(2).and_then(|from| bytes.get(from..=at));
        if walk.is_some_and(|walk| ROWS.iter().any(|row| contains(row, walk))) {
            return false;
        }
        let back = |n: usize| at.checked_sub(n).and_then(|at| bytes.get(at)).copied().map(i32::from);
        if let (Some(a), Some(b), Some(c)) = (back(2), back(1), back(0))
            && c - b == b - a
            && (c - b).abs() <= 1
        {
            return false;
        }
        let Some(last) = at.checked_sub(3).and_then(|from| bytes.get(from..=at)) else { return true };
        let before = bytes.get(..at).unwrap_or_default();
        memchr::memmem::find(before, last).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::super::text::{base64, base64url};
    use super::*;

    fn noise(seed: u8, length: usize) -> Vec<u8> {
        let blocks = (0..=length / 32).flat_map(|block| Sha256::digest([seed, block as u8]).to_vec());
        blocks.take(length).collect()
    }

    #[test]
    fn random_texts_are_secrets() {
        const DJANGO: &[u8; 50] = b"abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)";
        for seed in 0..200 {
            let mixed: Vec<u8> = noise(seed, 50).iter().map(|b| DJANGO[usize::from(*b) % 50]).collect();
            for secret in [
                hex(&noise(seed, 16)).into_bytes(),
                hex(&noise(seed, 64)).into_bytes(),
                base64(&noise(seed, 32)).into_bytes(),
                base64url(&noise(seed, 24)).into_bytes(),
                [&b"my-app-secret-"[..], hex(&noise(seed, 32)).as_bytes()].concat(),
                mixed,
                noise(seed, 16),
                noise(seed, 64),
            ] {
                assert!(identity(&secret).is_some(), "{}", String::from_utf8_lossy(&secret));
            }
        }
    }

    #[test]
    fn placeholders_are_not_secrets() {
        for text in [
            "",
            "secret",
            "changeme",
            "change-this-to-a-long-random-string-before-you-deploy",
            "this-is-my-super-secret-jwt-signing-key-2024",
            "MySuperSecretKeyForJWTTokenSigning1234567890",
            "correct horse battery staple correct horse",
            "your-256-bit-secret",
            "0123456789abcdef0123456789abcdef",
            "00000000000000000000000000000000000000000000",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
            "qwertyuiopasdfghjklzxcvbnm1234567890",
            "some_setting.of.another_module.that_has_the_key",
            "com.example.security.jwt.JwtAuthenticationFilter",
            "a9f3c17e55",
            "123456789012345678901234567890",
        ] {
            assert!(identity(text.as_bytes()).is_none(), "{text}: {}", text_bits(text.as_bytes()));
        }
        assert!(identity(&[7; 64]).is_none());
        assert!(identity(&(0..64).collect::<Vec<u8>>()).is_none());
    }

    #[test]
    fn one_secret_has_one_identity() {
        let secret = noise(1, 32);
        assert_eq!(identity(&secret), identity(&secret.clone()));
        assert_ne!(identity(&secret), identity(&noise(2, 32)));
    }
}

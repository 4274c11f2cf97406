//! Wallet mnemonics (BIP 39): 12 to 24 English words after a name such as `MNEMONIC`.
//!
//! The words encode a number and its checksum. The master key of the wallet (BIP 32) follows from them, so a wallet has
//! the same identity whether its words or its `xprv` are found. Words alone have no anchor: a name must precede them.

use std::ops::Range;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Kind, Label, Material, Proof, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::wallet;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

/// Detects wallet mnemonics.
#[derive(Debug)]
pub(crate) struct Bip39;

static ABOUT: About = About {
    id: "bip39",
    title: "Wallet mnemonic (BIP 39)",
    detects: "12, 15, 18, 21 or 24 words of the English list with a correct checksum, after a name that contains \
              `mnemonic` or `secret`, separated by blanks, commas, line ends, quotes or numbers. The key is the \
              master key that follows from the words without a passphrase.",
    blind_to: "Words without such a name before them, other languages, and Electrum's own lists. Wallets with an \
               additional passphrase are found, but their real keys are others.",
    respond: "Every key of the wallet follows from the words. Move the funds of the wallet to a new wallet at once.",
    references: &["BIP 39", "BIP 32", "CWE-321"],
};

const ANCHORS: [Anchor; 4] = [
    Anchor::anywhere(b"nemonic"),
    Anchor::anywhere(b"NEMONIC"),
    Anchor::anywhere(b"ecret"),
    Anchor::anywhere(b"SECRET"),
];

/// Maximum distance in bytes between a name and the first word.
const GAP: usize = 48;

/// Maximum bytes between two words: a comma, quotes, a line end, indentation, a number.
const BETWEEN: usize = 24;

/// Maximum number of words.
const MOST: usize = 24;

/// Words, as indices into the list.
type Numbers = Zeroizing<Vec<u16>>;

/// Bits per word.
const BITS: usize = 11;

static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("../data/bip39-english.txt").lines().filter(|line| !line.starts_with('#')).collect());

impl Detector for Bip39 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let named = hit.at + hit.anchor.bytes.len();
        let Some((words, ends)) = first_words(blob.bytes, named) else { return Ok(()) };
        let malformed = Malformed::new("mnemonic", hit.at);
        // Text after the mnemonic may consist of list words too: take the longest phrase with a correct checksum.
        let count = [24, 21, 18, 15, 12].into_iter().find(|count| words.get(..*count).is_some_and(fits));
        let words = count.and_then(|count| words.get(..count)).ok_or(malformed)?;
        let end = count.and_then(|count| ends.get(count - 1)).ok_or(malformed)?.end;
        let start = ends.first().ok_or(malformed)?.start;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, start..end);
        material.identity = Some(wallet::identity(&master(words)).ok_or(malformed)?);
        material.proof = Proof::Verified;
        material.protection = Some(Protection::plaintext());
        material.labels.push(Label::new("words", words.len().to_string().as_bytes()));
        material.remarks.push(Remark::MasterKey);
        out.found(material);
        Ok(())
    }
}

/// The indices of consecutive list words after a name, and the range of each word. `None` if there are fewer than 12.
fn first_words(bytes: &[u8], named: usize) -> Option<(Numbers, Vec<Range<usize>>)> {
    let mut numbers = Zeroizing::new(Vec::with_capacity(MOST));
    let mut places = Vec::with_capacity(MOST);
    let mut at = named;
    // The rest of the name, an assignment, an opening quote.
    let limit = bytes.len().min(named + GAP);
    let mut assigned = false;
    while let Some(byte) = bytes.get(at..limit)?.first() {
        match byte {
            b'=' | b':' | b'(' | b'"' | b'\'' | b'`' | b'>' | b',' | b'[' => assigned = true,
            byte if byte.is_ascii_lowercase() && assigned && number(bytes, at).is_some() => break,
            _ => {}
        }
        at += 1;
    }
    while numbers.len() < MOST {
        let Some((number, length)) = number(bytes, at) else { break };
        numbers.push(number);
        places.push(at..at + length);
        at += length;
        let between = bytes.get(at..bytes.len().min(at + BETWEEN))?;
        let gap = between.iter().position(u8::is_ascii_alphabetic).unwrap_or(between.len());
        let mut gap_bytes = between.get(..gap)?.iter();
        if !gap_bytes.all(|b| {
            b.is_ascii_whitespace()
                || b.is_ascii_digit()
                || matches!(b, b',' | b'"' | b'\'' | b'.' | b')' | b'\\' | b'+')
        }) {
            break;
        }
        at += gap;
        // An escaped line end.
        if between.get(gap.wrapping_sub(1)) == Some(&b'\\') && bytes.get(at) == Some(&b'n') {
            at += 1;
        }
    }
    (numbers.len() >= 12).then_some((numbers, places))
}

/// The index of the word at `at`, and its length.
fn number(bytes: &[u8], at: usize) -> Option<(u16, usize)> {
    let before = at.checked_sub(1).and_then(|at| bytes.get(at));
    let two_before = at.checked_sub(2).and_then(|at| bytes.get(at));
    let inside = before.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    if inside && !(before == Some(&b'n') && two_before == Some(&b'\\')) {
        return None;
    }
    let rest = bytes.get(at..bytes.len().min(at + 9))?;
    let length = rest.iter().take_while(|b| b.is_ascii_lowercase()).count();
    if !(3..=8).contains(&length) || rest.get(length).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    let word = str::from_utf8(rest.get(..length)?).ok()?;
    Some((WORDS.binary_search(&word).ok()? as u16, length))
}

/// Whether the last bits equal the first bits of the SHA-256 of the others.
fn fits(words: &[u16]) -> bool {
    let total = words.len() * BITS;
    let entropy = total / 33 * 32;
    let bit = |at: usize| words.get(at / BITS).is_some_and(|word| word >> (BITS - 1 - at % BITS) & 1 == 1);
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(
        (0..entropy / 8).map(|byte| (0..8).fold(0, |n, at| n << 1 | u8::from(bit(byte * 8 + at)))).collect(),
    );
    let digest = Sha256::digest(&*bytes);
    (entropy..total)
        .enumerate()
        .all(|(at, place)| digest.get(at / 8).is_some_and(|byte| (byte >> (7 - at % 8) & 1 == 1) == bit(place)))
}

/// The private number of the wallet's master key (BIP 39 and BIP 32), with an empty passphrase.
fn master(words: &[u16]) -> Zeroizing<Vec<u8>> {
    /// Iterations of PBKDF2 (BIP 39). They take about a millisecond.
    const ITERATIONS: u32 = 2048;
    let names: Vec<&str> = words.iter().filter_map(|word| WORDS.get(usize::from(*word)).copied()).collect();
    let phrase = Zeroizing::new(names.join(" "));
    let mut seed = Zeroizing::new([0; 64]);
    pbkdf2::pbkdf2_hmac::<Sha512>(phrase.as_bytes(), b"mnemonic", ITERATIONS, &mut *seed);
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(b"Bitcoin seed") else { return Zeroizing::default() };
    mac.update(&*seed);
    let node = Zeroizing::new(mac.finalize().into_bytes().to_vec());
    Zeroizing::new(node.get(..32).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use keyradius_core::hex::hex;
    use keyradius_core::material::Identity;

    use super::*;
    use crate::ask;

    fn inspect(text: &str) -> Vec<Material> {
        ask::every(&Bip39, ".env", text)
    }

    /// The words for an entropy, as BIP 39 defines them.
    fn phrase(entropy: &[u8]) -> String {
        let digest = Sha256::digest(entropy);
        let bytes = [entropy, &digest].concat();
        let words = entropy.len() * 33 / 4 / BITS;
        let number = |word: usize| {
            (word * BITS..(word + 1) * BITS).fold(0, |n, at| n << 1 | usize::from(bytes[at / 8] >> (7 - at % 8) & 1))
        };
        (0..words).map(|word| WORDS[number(word)]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_word_list_is_complete() {
        assert_eq!((WORDS.len(), WORDS[0], WORDS[2047]), (2048, "abandon", "zoo"));
        assert!(WORDS.is_sorted());
    }

    #[test]
    fn every_length_is_found_in_usual_places() {
        for length in [16, 20, 24, 28, 32] {
            let words = phrase(&Sha256::digest([length as u8])[..length]);
            let count = (length * 3 / 4).to_string();
            for text in [
                format!("MNEMONIC=\"{words}\"\n"),
                format!("mnemonic: {words}\n"),
                format!("const mnemonic = '{words}';"),
                format!("accounts: {{ mnemonic: \"{words}\" }},"),
                format!("\"mnemonic\": [\"{}\"]", words.replace(' ', "\", \"")),
                format!("mnemonic: {}", words.replace(' ', "\n  ")),
                format!("SECRET_RECOVERY_PHRASE={words}"),
                format!("ethers.Wallet.fromMnemonic(\"{words}\")"),
                format!("{{\\\"mnemonic\\\":\\\"{words}\\\"}}"),
            ] {
                let found = inspect(&text);
                let [material] = found.as_slice() else { panic!("{}: {length}", found.len()) };
                assert_eq!(material.labels[0].text, count);
                assert!(
                    text.as_bytes()[material.span.clone()].starts_with(words.split(' ').next().unwrap().as_bytes())
                );
            }
        }
    }

    #[test]
    fn the_master_key_matches_the_standard() {
        // The BIP 39 vectors use a passphrase; the expected value is from Python mnemonic 0.21, to_hd_master_key of the
        // seed without one.
        let words = phrase(&[0; 16]);
        assert!(words.ends_with("abandon about"));
        let numbers: Vec<u16> = words.split(' ').map(|word| WORDS.binary_search(&word).unwrap() as u16).collect();
        let public = wallet::secp256k1(&master(&numbers)).unwrap();
        assert_eq!(hex(&public.spki[public.spki.len() - 64..][..8]), "d902f35f560e0470");
        let found = inspect(&format!("MNEMONIC={words}"));
        assert_eq!(found[0].identity, Some(Identity::public(public)));
    }

    #[test]
    fn other_words_are_refused() {
        let words = phrase(&Sha256::digest(b"x")[..16]);
        let mut moved: Vec<&str> = words.split(' ').collect();
        moved.swap(0, 11);
        let wrong = moved.join(" ");
        for text in [
            words.clone(),
            format!("MNEMONIC={wrong}"),
            format!("MNEMONIC={}", words.rsplit_once(' ').unwrap().0),
            "mnemonic: the words that you wrote down when you made the wallet, in the same order as before".to_owned(),
            "MNEMONIC=\"your twelve words here\"".to_owned(),
            "const struct mnemonic mnemonics[] = { add, sub, move, jump };".to_owned(),
            "mnemonic".to_owned(),
        ] {
            assert!(inspect(&text).is_empty(), "{text}");
        }
    }
}

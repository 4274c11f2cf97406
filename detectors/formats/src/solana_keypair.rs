//! Key pairs of Solana: a JSON array of 64 numbers, the private key followed by the public key (`id.json`).
//!
//! Only the numbers identify such a file, so arrays are read at the start of a file and after names such as
//! `secretKey`. The last 32 bytes are the Ed25519 public key of the first 32.
//!
//! A private key next to a foreign public one signs too, but any 64 numbers have that shape. Such a pair is reported
//! only if its name or the file name indicates a key pair. Not found: such a pair with another name, or as a whole file
//! in git history, where blobs have no name when they are read. Those count as rejected.

use std::ops::Range;
use std::path::Path;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::chance::looks_random;
use keyradius_readers::signs;
use zeroize::Zeroizing;

/// Detects Solana key pairs.
#[derive(Debug)]
pub(crate) struct SolanaKeypair;

static ABOUT: About = About {
    id: "solana_keypair",
    title: "Solana key pair (id.json)",
    detects: "Arrays of 64 numbers that are an Ed25519 private key and its public key, as solana-keygen writes them: \
              files that begin with such an array, and arrays after a name that contains `secret`. Verified if the \
              halves belong together; otherwise reported if the array is named as a secret key or the file as a key \
              pair.",
    blind_to: "Arrays elsewhere, keys in base58, 32 numbers without the public half, and arrays with a foreign public \
               half and no such name.",
    respond: "Move the funds of the account to a new account and give up its authorities (upgrade, mint, vote, \
              stake): a ledger cannot revoke a key.",
    references: &["Solana documentation: file system wallets", "RFC 8032", "CWE-321"],
};

const START: Anchor = Anchor::at_start(b"[");
const ANCHORS: [Anchor; 3] = [START, Anchor::anywhere(b"ecret"), Anchor::anywhere(b"SECRET")];

/// Maximum distance in bytes between a name and the array: `Keypair.fromSecretKey(Uint8Array.from([`.
const GAP: usize = 64;

/// Count of numbers in a key pair.
const LENGTH: usize = 64;

impl Detector for SolanaKeypair {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let near = blob.bytes.get(hit.at..).unwrap_or_default();
        let near = near.get(..near.len().min(GAP)).unwrap_or_default();
        let Some(gap) = memchr::memchr(b'[', near) else { return Ok(()) };
        let Some((numbers, span)) = array(blob.bytes, hit.at + gap) else { return Ok(()) };
        let malformed = Malformed::new("Solana key pair", span.start);
        let (private, public) = numbers.split_at_checked(LENGTH / 2).ok_or(malformed)?;
        let is_named = || {
            if hit.anchor == START {
                is_keypair_file(&blob.origin.location())
            } else {
                is_secret_key(blob.bytes, hit.at)
            }
        };
        let (half, fit) = signs::ed25519(private, public)
            .filter(|(_, fit)| fit.is_proven() || (is_named() && looks_random(private) && !counts(private)))
            .ok_or(malformed)?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span);
        fit.describe(&mut material);
        material.identity = Some(Identity::public(half));
        material.protection = Some(Protection::plaintext());
        out.found(material);
        Ok(())
    }
}

/// Whether a file name indicates a key pair: `id.json` of solana-keygen, `program-keypair.json`, or the address that
/// `solana-keygen grind` uses as a name.
fn is_keypair_file(path: &Path) -> bool {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    // 32 bytes in base58.
    let is_base58 = |byte: u8| byte.is_ascii_alphanumeric() && !b"0OIl".contains(&byte);
    let is_address = matches!(stem.len(), 32..=44) && stem.bytes().all(is_base58);
    let name = stem.to_lowercase();
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    is_json && (name == "id" || name.contains("keypair") || name.contains("wallet") || is_address)
}

/// Whether the name that an anchor matched in the middle is `secretKey` or `SECRET_KEY`: other secrets have 64 bytes
/// too.
fn is_secret_key(bytes: &[u8], at: usize) -> bool {
    let name = bytes.get(at..bytes.len().min(at + GAP)).unwrap_or_default().to_ascii_lowercase();
    let behind = name.strip_prefix(b"secret").or_else(|| name.strip_prefix(b"ecret")).unwrap_or_default();
    behind.strip_prefix(b"_").unwrap_or(behind).starts_with(b"key")
}

/// Whether bytes count up, like the numbers of examples.
fn counts(bytes: &[u8]) -> bool {
    bytes.windows(2).filter(|two| matches!(two, [one, next] if one.wrapping_add(1) == *next)).count() * 2 > bytes.len()
}

/// Reads an array of exactly 64 decimal bytes, and returns its range.
fn array(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, Range<usize>)> {
    /// Maximum length in bytes: 64 numbers, each on an indented line of its own.
    const MAX: usize = 4096;
    let text = bytes.get(at..bytes.len().min(at + MAX))?;
    let end = memchr::memchr(b']', text)?;
    let mut numbers = Zeroizing::new(Vec::with_capacity(LENGTH));
    for part in text.get(1..end)?.split(|b| *b == b',') {
        let digits = part.trim_ascii();
        // A comma after the last number.
        if digits.is_empty() && numbers.len() == LENGTH {
            break;
        }
        if digits.len() > 3 || numbers.len() == LENGTH {
            return None;
        }
        numbers.push(str::from_utf8(digits).ok()?.parse().ok()?);
    }
    (numbers.len() == LENGTH).then_some((numbers, at..at + end + 1))
}

#[cfg(test)]
mod tests {
    use keyradius_core::hex::hex;
    use keyradius_core::material::Proof;
    use keyradius_core::material::Remark;
    use keyradius_readers::proof;
    use keyradius_readers::public::Raw;

    use super::*;
    use crate::ask;

    fn inspect(text: &str, anchor: Anchor) -> Result<Vec<Material>, Malformed> {
        inspect_as("id.json", text, anchor)
    }

    fn inspect_as(name: &str, text: &str, anchor: Anchor) -> Result<Vec<Material>, Malformed> {
        ask::first(&SolanaKeypair, name, text, &[anchor])
    }

    fn pair(between: &str) -> String {
        let public = proof::raw_public(Raw::Ed25519, &[9; 32]).unwrap();
        let numbers: Vec<String> = [&[9; 32][..], &public].concat().iter().map(u8::to_string).collect();
        format!("[{}]", numbers.join(between))
    }

    #[test]
    fn arrays_are_found_in_usual_places() {
        for text in [pair(","), pair(", "), pair(",\n  "), pair(",").replace(']', ",]")] {
            let found = inspect(&text, START).unwrap();
            assert_eq!((found[0].proof, found[0].span.clone()), (Proof::Verified, 0..text.len()));
        }
        let code = format!("Keypair.fromSecretKey(Uint8Array.from({}));", pair(","));
        assert_eq!(inspect(&code, ANCHORS[1]).unwrap().len(), 1);
        assert_eq!(inspect(&format!("SECRET={}", pair(",")), ANCHORS[2]).unwrap().len(), 1);
    }

    #[test]
    fn a_foreign_half_is_reported_if_a_name_indicates_a_key() {
        let seed: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37)).collect();
        let list = |seed: &[u8]| format!("{:?}", [seed, &[9; 32]].concat());
        let random = list(&seed);
        let counting = list(&(1..=32).collect::<Vec<u8>>());
        for (name, text, anchor, found) in [
            ("id.json", random.clone(), START, true),
            ("target/deploy/program-keypair.json", random.clone(), START, true),
            ("7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV.json", random.clone(), START, true),
            ("pixels.json", random.clone(), START, false),
            ("id.txt", random.clone(), START, false),
            ("id.json", counting.clone(), START, false),
            ("a.ts", format!("Keypair.fromSecretKey(Uint8Array.from({random}))"), ANCHORS[1], true),
            ("a.env", format!("PAYER_SECRET_KEY={random}"), ANCHORS[2], true),
            ("a.ts", format!("fromSecretKey({counting})"), ANCHORS[1], false),
            ("a.json", format!("{{\"secret\":{random}}}"), ANCHORS[1], false),
        ] {
            let all = inspect_as(name, &text, anchor).unwrap_or_default();
            assert_eq!(all.len(), usize::from(found), "{name}: {text}");
            let [material] = all.as_slice() else { continue };
            let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), hex(&proof::raw_public(Raw::Ed25519, &seed).unwrap()));
            assert_eq!(
                (material.proof, &material.remarks[..]),
                (Proof::Structure, &[Remark::ForeignPublicNumbers][..])
            );
        }
    }

    #[test]
    fn other_numbers_are_refused() {
        assert!(inspect(&pair(",").replacen('9', "8", 1), START).is_err());
        for text in
            ["[", "[]", "[1,2,3]", "[{\"a\":1}]", &pair(",").replace(']', ",1]"), &pair(",").replacen('9', "999", 1)]
        {
            assert!(inspect(text, START).unwrap().is_empty(), "{text}");
        }
    }
}

//! Key pairs of Solana: a JSON array of 64 numbers, the private key and the public one behind it (`id.json`).
//!
//! Nothing but the numbers tells such a file, so it is looked for where an array opens a file, and behind names such as
//! `secretKey`. The last 32 bytes have to be the Ed25519 public key of the first 32.

use std::ops::Range;

use scanner_core::blob::Blob;
use scanner_core::error::Malformed;
use scanner_core::material::{Encoding, Identity, Kind, Material, Proof, Protection};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};
use zeroize::Zeroizing;

use crate::read::proof;
use crate::read::public::{self, PublicKey, Raw};

/// Solana key pairs.
#[derive(Debug)]
pub(crate) struct SolanaKeypair;

static ABOUT: About = About {
    id: "solana_keypair",
    title: "Solana key pair (id.json)",
    detects: "Arrays of 64 numbers that are an Ed25519 private key and its public key, as solana-keygen writes them: files \
              that begin with one, and arrays behind a name with `secret` in it. Always verified.",
    blind_to: "Arrays elsewhere, keys in base58, and 32 numbers without the public half.",
    respond: "Move what the account holds to a new one and give up its authorities (upgrade, mint, vote, stake): a ledger \
              revokes nothing.",
    references: &["Solana documentation: file system wallets", "RFC 8032", "CWE-321"],
};

const START: Anchor = Anchor::at_start(b"[");
const ANCHORS: [Anchor; 3] = [START, Anchor::anywhere(b"ecret"), Anchor::anywhere(b"SECRET")];

/// How far behind a name the array may begin, in bytes: `Keypair.fromSecretKey(Uint8Array.from([`.
const GAP: usize = 64;

/// Numbers in a key pair.
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
        if proof::raw_public(Raw::Ed25519, private).is_none_or(|own| own != public) {
            return Err(malformed);
        }
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, span);
        let half = public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes: public });
        material.identity = Some(Identity::public(half));
        material.proof = Proof::Verified;
        material.protection = Some(Protection::plaintext());
        out.found(material);
        Ok(())
    }
}

/// An array of exactly 64 bytes as decimal numbers, and where it lies.
fn array(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, Range<usize>)> {
    /// Room for 64 numbers, each on an indented line of its own.
    const MAX: usize = 4096;
    let text = bytes.get(at..bytes.len().min(at + MAX))?;
    let end = memchr::memchr(b']', text)?;
    let mut numbers = Zeroizing::new(Vec::with_capacity(LENGTH));
    for part in text.get(1..end)?.split(|b| *b == b',') {
        let digits = part.trim_ascii();
        // A comma behind the last one.
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
    use scanner_core::blob::Origin;

    use super::*;

    fn inspect(text: &str, anchor: Anchor) -> Result<Vec<Material>, Malformed> {
        let origin = Origin::file("id.json");
        let at = memchr::memmem::find(text.as_bytes(), anchor.bytes).unwrap();
        let mut out = Inspection::default();
        SolanaKeypair.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &mut out)?;
        Ok(out.take())
    }

    fn pair(between: &str) -> String {
        let public = proof::raw_public(Raw::Ed25519, &[9; 32]).unwrap();
        let numbers: Vec<String> = [&[9; 32][..], &public].concat().iter().map(u8::to_string).collect();
        format!("[{}]", numbers.join(between))
    }

    #[test]
    fn arrays_in_their_places() {
        for text in [pair(","), pair(", "), pair(",\n  "), pair(",").replace(']', ",]")] {
            let found = inspect(&text, START).unwrap();
            assert_eq!((found[0].proof, found[0].span.clone()), (Proof::Verified, 0..text.len()));
        }
        let code = format!("Keypair.fromSecretKey(Uint8Array.from({}));", pair(","));
        assert_eq!(inspect(&code, ANCHORS[1]).unwrap().len(), 1);
        assert_eq!(inspect(&format!("SECRET={}", pair(",")), ANCHORS[2]).unwrap().len(), 1);
    }

    #[test]
    fn other_numbers() {
        assert!(inspect(&pair(",").replacen('9', "8", 1), START).is_err());
        for text in
            ["[", "[]", "[1,2,3]", "[{\"a\":1}]", &pair(",").replace(']', ",1]"), &pair(",").replacen('9', "999", 1)]
        {
            assert!(inspect(text, START).unwrap().is_empty(), "{text}");
        }
    }
}

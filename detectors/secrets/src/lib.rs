//! Ordinary secrets: tokens and passwords that grant access but sign nothing.
//!
//! Each format in `data/secrets.toml` has a required literal (the anchor), a pattern tried there in a bounded window,
//! and often a check by code: a checksum, decoded contents, or what is next to the secret. Only a secret that passes
//! every test is reported. General rules (`password = ...`, high entropy) are left out because they are wrong more
//! often than right. `usage/` collects possible keystore passwords.
//!
//! The secret itself never leaves this folder. Only a digest of it is reported, and only if the secret has at least
//! [`JOINED`] bits of entropy: a digest of a password could be tried against a word list.

mod checks;
mod placeholder;
mod sums;
mod tables;
mod user;

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, OrdinarySecret, Proof, Verdict};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use sha2::{Digest, Sha256};

pub use checks::Check;
use checks::{Found, Learned, check};
pub use tables::Format;
use tables::{LONGEST, TABLES};
pub use user::{AHEAD, Allow, BACK, Refused, Rule, Target, UserRules, compile, literals, literals_of};

/// Minimum entropy, in bits, of a secret that is identified by a digest: too much to search exhaustively.
pub const JOINED: u32 = 80;

/// The domain prefix of these digests, so that they equal no other digests.
const DOMAIN: &[u8] = b"keyradius ordinary secret\0";

/// Every format of ordinary secrets, in the order of the table.
pub fn formats() -> &'static [Format] {
    &TABLES.formats
}

static ABOUT: About = About {
    id: "secrets",
    title: "Ordinary secrets",
    detects: "Tokens of code hosts, package registries, clouds and services, and passwords in database addresses, in \
              the formats listed in docs/secrets.md. Checksums and encodings are verified where the format has them; a \
              secret that fails is not reported. These secrets are a separate class at the end of every report, below \
              everything that signs.",
    blind_to: "Secrets without a recognisable prefix or other mark: passwords in settings, keys in plain hex. Basic \
               authentication in web addresses, because its mark occurs in half of all files. Tokens in UTF-16, and \
               tokens split over lines. Whether a token still works: no service is asked.",
    respond: "Revoke it where it was issued, check the issuer's log for misuse, and remove it from the file. Copies \
              remain in the history, so only revoking helps.",
    references: &["docs/secrets.md"],
};

/// The detector of ordinary secrets.
pub struct Secrets;

impl Detector for Secrets {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &TABLES.anchors
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let mut looked_like = None;
        for format in TABLES.of(hit.anchor.bytes) {
            match find(format, blob.bytes, hit.at) {
                Ok(Some(material)) => {
                    out.found(material);
                    return Ok(());
                }
                Ok(None) => {}
                Err(malformed) => looked_like = Some(malformed),
            }
        }
        looked_like.map_or(Ok(()), Err)
    }
}

/// Returns the secret of this format whose anchor is at `at`. `Ok(None)` if the pattern does not match; `Err` if it
/// matches but the format's check fails, or if the secret is a placeholder or a published example.
fn find(format: &Format, bytes: &[u8], at: usize) -> Result<Option<Material>, Malformed> {
    let from = at - back(bytes, at, format.back);
    let window = bytes.get(from..bytes.len().min(from.saturating_add(LONGEST))).unwrap_or_default();
    let Some(captures) = format.regex().and_then(|regex| regex.captures(window)) else { return Ok(None) };
    let range = |name: Option<regex::bytes::Match<'_>>| name.map(|m| from + m.start()..from + m.end());
    let Some(whole) = range(captures.get(0)) else { return Ok(None) };
    let host = captures.name("h").map(|m| m.as_bytes()).unwrap_or_default();
    let secret = range(captures.name("s")).unwrap_or_else(|| whole.clone());
    if !whole.contains(&at) || (!format.loose && inside_a_word(bytes, whole.start)) || goes_on(bytes, secret.end) {
        return Ok(None);
    }
    let refuse = |what| Err(Malformed::new(what, at));
    let mut found = Found { bytes, secret, host };
    let mut learned = Learned::default();
    let verdict = match format.check {
        Some(which) => match check(which, &mut found, &mut learned) {
            Some(verdict) => verdict,
            None => return refuse("secret that passes the check of its format"),
        },
        None => Verdict::Shape,
    };
    let text = found.text();
    // A secret with a valid checksum, an address and a JWT are not judged by their letters: their checks are stricter.
    let weighed = verdict == Verdict::Checksum || matches!(format.check, Some(Check::UrlPassword | Check::Jwt));
    if (!weighed && placeholder::is_placeholder(text)) || placeholder::is_published(text, &format.examples) {
        return refuse("secret that is not an example");
    }
    Ok(Some(material(format, &whole, &found, learned, verdict)))
}

fn material(format: &Format, whole: &Range<usize>, found: &Found<'_>, learned: Learned, verdict: Verdict) -> Material {
    // A second part nearby is not in the span: a key may be between the two.
    let span = whole.start.min(found.secret.start)..whole.end.max(found.secret.end);
    let beside = learned.beside.unwrap_or(0..0);
    let mut material = Material::new(Kind::Secret, "secrets", Encoding::Text, span);
    material.proof = if verdict == Verdict::Checksum { Proof::Verified } else { Proof::Structure };
    if format.bits >= JOINED {
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(found.text());
        let digest = digest.chain_update(found.bytes.get(beside).unwrap_or_default());
        material.identity = Some(Identity::Opaque(digest.finalize().into()));
    }
    material.labels = learned.labels;
    material.remarks = learned.remarks;
    material.secret = Some(Box::new(OrdinarySecret {
        rule: format.id.into(),
        title: format.title.into(),
        class: learned.class.unwrap_or(format.class),
        unlocks: format.unlocks.into(),
        next: format.next.into(),
        verdict,
        expires: learned.expires,
        by_user: false,
    }));
    material
}

/// Returns how many bytes before `at` may belong to the secret: letters, digits, `_` and `-`, at most `most`.
fn back(bytes: &[u8], at: usize, most: usize) -> usize {
    let before = bytes.get(at.saturating_sub(most)..at).unwrap_or_default();
    let length = before.iter().rev().take_while(|b| is_word(**b) || **b == b'-').count();
    // The letter of an escape (`\n`) is not part of the secret.
    let start = at - length;
    let escape = start.checked_sub(1).and_then(|before| bytes.get(before..start + 1));
    let escaped = matches!(escape, Some([b'\\', b'n' | b'r' | b't'])) && length > 0;
    length - usize::from(escaped)
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the byte before `start` belongs to the same word. The letter of an escape (`\n`) and the digits of `%3D` do
/// not.
fn inside_a_word(bytes: &[u8], start: usize) -> bool {
    let before = bytes.get(start.saturating_sub(3)..start).unwrap_or_default();
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => false,
        [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => false,
        _ => before.last().is_some_and(|last| is_word(*last)),
    }
}

/// Whether the secret continues after its end.
fn goes_on(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_some_and(|b| is_word(*b) || *b == b'-')
}

#[cfg(test)]
mod tests;

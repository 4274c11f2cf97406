//! JSON Web Keys (RFC 7517, RFC 7518 6, RFC 8037, RFC 8812): private, symmetric and public, alone and in sets.
//!
//! The anchor is `kty`, the one member that every JWK has, with the five ways in which its name can end: in JSON, in a
//! JSON string, in a literal of a program, in YAML or in an assignment. The object around it is read whatever the file
//! is; each key of a set is an object of its own. Names and values are read without their escapes. A private number that
//! signs is a key, even next to a foreign public one (`readers/signs.rs`).
//!
//! A symmetric key (`oct`) is reported if it can sign: its algorithm is HS*, or nothing names another purpose. It must
//! be hard to guess (`readers/symmetric.rs`).

mod escaped;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::material::{Kind, Material};
use keyradius_core::seam::{About, Anchor, Decoded, Detector, Hit, Inspection};
use keyradius_readers::object::{self, Object};
use keyradius_readers::{assigned, jwk};

use escaped::Unescaped;

/// Detects JSON Web Keys.
#[derive(Debug)]
pub(crate) struct Jwk;

static ABOUT: About = About {
    id: "jwk",
    title: "JSON Web Key (JWK)",
    detects: "RSA, EC (P-256, P-384, P-521, secp256k1), OKP (Ed25519, Ed448, X25519, X448) and symmetric signing keys \
              of RFC 7517 and RFC 8037, each key of a set separately, with its kid, alg and use. The object may be in \
              JSON, in a JSON string, in YAML, in a literal of a program, or written as assignments or pairs of \
              HCL, TOML, PHP or Ruby; other notations are found by the reader of encodings in encodings. Asymmetric \
              keys are verified if the private number gives the public one, the primes give the modulus, or e and d \
              are inverse. Public keys are reported as such.",
    blind_to: "Symmetric keys for encryption, and symmetric keys that can be guessed. Members in a row of CSV below their \
               names.",
    respond: "Whoever has the key can issue tokens that every relying service accepts. Remove its kid from the \
              published key set, sign with a new key, and end the sessions that it opened.",
    references: &["RFC 7517", "RFC 7518 6", "RFC 8037", "RFC 8812", "CWE-321"],
};

/// How the name ends, and its letters if one of them is escaped (`"k\u0074y"`).
const ANCHORS: [Anchor; 8] = [
    Anchor::anywhere(b"kty\""),
    Anchor::anywhere(b"kty\\"),
    Anchor::anywhere(b"kty'"),
    Anchor::anywhere(b"kty:"),
    Anchor::anywhere(b"kty "),
    Anchor::anywhere(b"kty="),
    Anchor::anywhere(b"u006"),
    Anchor::anywhere(b"u007"),
];

impl Detector for Jwk {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor.bytes.first() == Some(&b'u') && !spells_kty(blob.bytes, hit.at) {
            return Ok(());
        }
        if !out.may_work() {
            return Ok(());
        }
        let mut work = 0;
        let read = read_around(blob.bytes, hit.at, &mut work);
        out.work(work);
        let failed = read.iter().find_map(|read| read.as_ref().err().copied());
        let mut found: Vec<Material> = Vec::new();
        for material in read.into_iter().flatten().flatten() {
            // Of duplicate members, most programs take the last and some the first. Both readings often give the same
            // key.
            match found.iter_mut().find(|other| other.identity == material.identity && other.kind == material.kind) {
                Some(other) if other.proof < material.proof => *other = material,
                Some(_) => {}
                None => found.push(material),
            }
        }
        // In other languages than JSON, or in YAML with other nodes between the members.
        let is_private = |material: &Material| material.kind == Kind::PrivateKey;
        let has_number = |text: &[u8]| memchr::memmem::find(text, b"\"d\":").is_some();
        // What was rewritten is not rewritten again.
        let is_own = blob.origin.wraps.last().is_some_and(|wrap| wrap.text && wrap.kind == ABOUT.id);
        if !is_own
            && !found.iter().any(is_private)
            && let Some((bytes, span)) = assigned::as_json(blob.bytes, hit.at)
            && (found.is_empty() || has_number(&bytes))
        {
            out.work(bytes.len());
            out.decoded(Decoded { kind: ABOUT.id, span, bytes, tail: 0, shifts: &[] });
        }
        match failed {
            Some(failed) if found.is_empty() => {
                if is_member(blob.bytes, hit.at) {
                    out.work(object::MAX);
                    if Object::is_too_long(blob.bytes, hit.at) {
                        out.unread(Reason::TooLarge, "a JSON Web Key in an object that exceeds the maximum size");
                    }
                }
                return Err(failed);
            }
            _ => found.into_iter().for_each(|material| out.found(material)),
        }
        Ok(())
    }
}

/// Whether the name that ends at a hit has a key type as its value.
fn is_member(bytes: &[u8], at: usize) -> bool {
    let behind = bytes.get(at..bytes.len().min(at + 32)).unwrap_or_default();
    [&b"RSA"[..], b"EC", b"OKP", b"oct"].iter().any(|kind| {
        memchr::memmem::find(behind, kind).is_some_and(|found| {
            let between = behind.get(3..found).unwrap_or_default();
            between.contains(&b':') && !between.iter().any(u8::is_ascii_alphanumeric)
        })
    })
}

/// Whether the escape whose `u` is at `at` is the first one in the name `kty`, so that each name is read once.
fn spells_kty(bytes: &[u8], at: usize) -> bool {
    let mut before = bytes.get(at.saturating_sub(16)..at).unwrap_or_default();
    while let Some(shorter) = before.strip_suffix(b"\\") {
        before = shorter;
    }
    let mut rest = bytes.get(at.saturating_sub(1)..bytes.len().min(at + 64)).unwrap_or_default();
    let mut name = Vec::new();
    while name.len() < 3 {
        let (letter, length) = escaped::letter(rest).or_else(|| Some((*rest.first()?, 1))).unwrap_or_default();
        name.push(letter);
        let Some(next) = rest.get(length.max(1)..) else { return false };
        rest = next;
        let plain = "kty".len() - name.len();
        let whole = [before.get(before.len().saturating_sub(plain)..).unwrap_or_default(), &name].concat();
        if whole == b"kty" {
            return matches!(rest.first(), Some(b'"' | b'\'' | b'\\'));
        }
    }
    false
}

/// Reads the objects around a position, with each reading of duplicate members.
fn read_around(bytes: &[u8], at: usize, work: &mut usize) -> Vec<Result<Option<Material>, Malformed>> {
    // .NET writes the quotes of an object inside a string as `\u0022`.
    let quotes = bytes.get(..at).is_some_and(|before| before.ends_with(b"\\u0022"));
    let outer = if quotes { None } else { Object::around(bytes, at, work) };
    let span = match &outer {
        Some(object) if !escaped::is_escaped(bytes.get(object.span.clone()).unwrap_or_default()) => {
            return ways(object);
        }
        Some(object) => object.span.clone(),
        None if quotes => {
            let Some(start) = object::open_brace(bytes, at) else { return Vec::new() };
            start..bytes.len().min(start + object::MAX)
        }
        None => return vec![Err(Malformed::new("object around kty", at))],
    };
    *work += span.len();
    let copy = Unescaped::new(bytes.get(span.clone()).unwrap_or_default(), quotes);
    let Some(inner) = Object::around(&copy.text, copy.place(at - span.start), work) else {
        return vec![Err(Malformed::new("object around an escaped kty", at))];
    };
    let place = span.start + copy.end(inner.span.start)..span.start + copy.end(inner.span.end);
    let mut read = ways(&inner);
    read.iter_mut().flatten().flatten().for_each(|material| material.span = place.clone());
    read
}

/// Reads an object with the first and with the last of its duplicate members.
fn ways(object: &Object<'_>) -> Vec<Result<Option<Material>, Malformed>> {
    let last = object.last_of_each();
    [Some(object), last.as_ref()].into_iter().flatten().map(|object| jwk::read(object, ABOUT.id)).collect()
}

#[cfg(test)]
mod tests;

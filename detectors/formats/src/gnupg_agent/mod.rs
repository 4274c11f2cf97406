//! Private keys of gpg-agent (`private-keys-v1.d/<keygrip>.key`) and of Guix: S-expressions, canonical or as text after
//! `Key:`.
//!
//! The public numbers are always plaintext, so a key has the same identity as in any other format. `private-key` is not
//! encrypted and is proven by its numbers. `protected-private-key` is encrypted. `shadowed-private-key` is a reference
//! to a key on a card or wrapped by a TPM.

mod ocb;
mod open;

use std::borrow::Cow;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::hex::hex;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Identity, Kind, Label, Locked, Material, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::agent::Numbers;
use keyradius_readers::sexp::{self, Node};
use keyradius_readers::signs::{self, Fit};
use zeroize::Zeroize;

/// Detects keys of gpg-agent and Guix.
#[derive(Debug)]
pub(crate) struct GnuPgAgent;

/// The text form, also of Guix.
const PRIVATE: Anchor = Anchor::anywhere(b"(private-key");
/// The end of `protected-private-key` and of `shadowed-private-key`, in both encodings.
const OTHERS: Anchor = Anchor::anywhere(b"ed-private-key");
/// The canonical form, which fills a file of its own.
const CANONICAL: Anchor = Anchor::at_start(b"(11:private-key");

/// A value of the extended format, whatever the form of its expression: names in it may be hexadecimal.
const VALUES: [Anchor; 8] = [
    Anchor::anywhere(b"Key: ("),
    Anchor::anywhere(b"Key:("),
    Anchor::anywhere(b"Key:\n"),
    Anchor::anywhere(b"Key:\r"),
    Anchor::anywhere(b"key:\n"),
    Anchor::anywhere(b"key: ("),
    Anchor::anywhere(b"key:("),
    Anchor::anywhere(b"KEY: ("),
];
/// An expression that fills a file of its own.
const EXPRESSION: Anchor = Anchor::at_start(b"(");

/// Octets hashed by the S2K below which it counts as weak. gpg-agent calibrates the count to 100 milliseconds: tens of
/// millions.
const FEW_OCTETS: u64 = 1 << 20;

/// Maximum length of a value read, in bytes. RSA of 8192 bits in hex takes 16 KiB; comments may have any length.
const LONGEST: usize = 1 << 20;

/// How far before and after a key the other lines of its file are read, in bytes.
const FILE: usize = 4 << 10;

static ABOUT: About = About {
    id: "gnupg_agent",
    title: "Private key (gpg-agent, Guix)",
    detects: "Private keys of gpg-agent and of Guix, as text and in canonical S-expressions, with names and numbers \
              in any form of token that libgcrypt reads: RSA, DSA, ElGamal and ECC. The public numbers are read even \
              if the private ones are encrypted or on a card. Verified when the key is not encrypted and its numbers \
              fit together.",
    blind_to: "The OpenPGP key, certificate or SSH key that it belongs to: gpg-agent knows keys only by their \
               numbers, so user ids and uses are in pubring.kbx. Curves missing from the table are identified by \
               their point.",
    respond: "Find the OpenPGP key (gpg --list-secret-keys --with-keygrip shows the name of this file), revoke the \
              key or the subkey, and publish the revocation. For Guix, remove the public key from every \
              /etc/guix/acl.",
    references: &[
        "GnuPG agent/keyformat.txt",
        "Guix manual: Invoking guix archive",
        "libgcrypt: S-expressions",
        "CWE-321",
    ],
};

impl Detector for GnuPgAgent {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 12] = {
            let [a, b, c, d, e, f, g, h] = VALUES;
            [PRIVATE, OTHERS, CANONICAL, EXPRESSION, a, b, c, d, e, f, g, h]
        };
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes;
        let by_value = VALUES.contains(&hit.anchor) || hit.anchor == EXPRESSION;
        let Some(start) = (if by_value { first_brace(bytes, hit) } else { brace_before(bytes, hit.at) }) else {
            return Ok(());
        };
        if VALUES.contains(&hit.anchor)
            && indent(bytes.get(start.saturating_sub(256)..start).unwrap_or_default()).is_none()
        {
            return Ok(());
        }
        if !out.may_work() {
            return Ok(());
        }
        let here = |error: Malformed| Malformed::new(error.what, start);
        let unfolded = Unfolded::new(bytes, start);
        out.work(unfolded.ends.len());
        let read = sexp::read(&unfolded.text);
        if let Err(error) = &read {
            let cut = unfolded.ends.len() >= LONGEST || error.what == sexp::TOO_LARGE;
            if cut && !by_value {
                out.unread(Reason::TooLarge, "a private key of gpg-agent that exceeds the maximum size");
            }
        }
        let (node, length) = match read {
            // Most texts with such an anchor are not keys.
            Err(_) if by_value => return Ok(()),
            read => read?,
        };
        if !node.head().is_some_and(|head| head.ends_with(b"private-key")) {
            return Ok(());
        }
        let expression = unfolded.text.get(..length).unwrap_or_default();
        let key = node.items().get(1).ok_or(Malformed::new("key of an S-expression", start))?;
        let numbers = Numbers::read(key).map_err(here)?;
        let span = start..start + unfolded.length(length);
        let canonical = bytes.get(start + 1).is_some_and(u8::is_ascii_digit);
        let encoding = if canonical { Encoding::Binary } else { Encoding::Text };
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, encoding, span.clone());
        match node.head().unwrap_or_default() {
            b"private-key" => {
                match numbers.signs_as(key) {
                    Some((half, fit)) if fit.is_proven() || is_whole(key, fit) => {
                        fit.describe(&mut material);
                        material.identity = Some(Identity::public(half));
                    }
                    Some(_) => return Err(Malformed::new("numbers that fit together", start)),
                    None if matches!(numbers, Numbers::Key(_))
                        || key.value(b"d").or_else(|| key.value(b"x")).is_none() =>
                    {
                        return Err(Malformed::new("private number", start));
                    }
                    None => {}
                }
                material.protection = Some(Protection::plaintext());
            }
            b"protected-private-key" => {
                let protected = key.find(b"protected").ok_or(Malformed::new("protection of gpg-agent", start))?;
                material.protection = Some(protection(protected).map_err(here)?);
                material.locked = Some(Locked::new(expression));
            }
            b"shadowed-private-key" => {
                let shadowed = key.find(b"shadowed").ok_or(Malformed::new("token of gpg-agent", start))?;
                material.protection = Some(shadow(shadowed));
            }
            _ => return Ok(()),
        }
        material.identity = material.identity.or_else(|| Some(numbers.identity()));
        if !canonical {
            material.labels = labels(bytes, &span);
        }
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

/// The parenthesis before the matched word; a length may be between them.
fn brace_before(bytes: &[u8], at: usize) -> Option<usize> {
    let from = at.saturating_sub(b"(21:protect".len());
    memchr::memrchr(b'(', bytes.get(from..=at)?).map(|place| from + place)
}

/// The parenthesis at the start of a value, on the same line or on the next.
fn first_brace(bytes: &[u8], hit: Hit<'_>) -> Option<usize> {
    /// Maximum number of blanks before the parenthesis.
    const MOST: usize = 64;
    let begin = hit.at + hit.anchor.bytes.iter().position(|byte| matches!(byte, b'(' | b'\r' | b'\n'))?;
    let rest = bytes.get(begin..)?;
    let blanks = rest.iter().take(MOST).take_while(|byte| byte.is_ascii_whitespace()).count();
    (rest.get(blanks) == Some(&b'(')).then_some(begin + blanks)
}

/// Whether a key without proof has all the numbers of a key, none of them made up of few different bytes.
fn is_whole(key: &Node, fit: Fit) -> bool {
    let value = |name: &'static [u8]| key.value(name).unwrap_or_default();
    match fit {
        Fit::Derived(_) => [b"d", b"x"].iter().any(|name| signs::is_full_size(value(*name), 128)),
        _ => signs::has_rsa_shape(value(b"n"), value(b"d"), &[value(b"p"), value(b"q")]),
    }
}

/// The text of a value with its lines joined. gpg-agent breaks lines anywhere, even inside words, and continues after a
/// blank (common/name-value.c).
struct Unfolded<'a> {
    text: Cow<'a, [u8]>,
    /// For each byte of the text, the number of bytes of the file up to its end; empty if no line was joined.
    ends: Vec<usize>,
}

impl<'a> Unfolded<'a> {
    fn new(bytes: &'a [u8], start: usize) -> Self {
        let plain = bytes.get(start..).unwrap_or_default();
        let Some(indent) = indent(bytes.get(start.saturating_sub(256)..start).unwrap_or_default()) else {
            return Self { text: Cow::Borrowed(plain), ends: Vec::new() };
        };
        let plain = plain.get(..LONGEST.min(plain.len())).unwrap_or_default();
        let goes_on = |behind: &[u8]| behind.strip_prefix(indent).is_some_and(|line| line.starts_with(b" "));
        let end = memchr::memchr_iter(b'\n', plain).find(|at| !goes_on(plain.get(at + 1..).unwrap_or_default()));
        let plain = plain.get(..end.unwrap_or(plain.len())).unwrap_or_default();
        // Wiped when dropped, see `Drop`.
        let (mut text, mut ends) = (Vec::with_capacity(plain.len()), Vec::with_capacity(plain.len()));
        let mut at = 0;
        while let Some(rest) = plain.get(at..).filter(|rest| !rest.is_empty()) {
            let behind = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
            let Some(behind) = behind else {
                let byte = rest.first().copied().unwrap_or_default();
                text.push(byte);
                at += 1;
                ends.push(at);
                continue;
            };
            let Some(next) = behind.strip_prefix(indent).and_then(|line| line.strip_prefix(b" ")) else { break };
            at = plain.len() - next.len();
        }
        Self { text: Cow::Owned(text), ends }
    }

    /// How many bytes of the file the first `length` bytes of the text occupy.
    fn length(&self, length: usize) -> usize {
        length.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(length)
    }
}

impl Drop for Unfolded<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.text {
            text.zeroize();
        }
    }
}

/// The indentation before every line of a file whose value begins after these bytes. `None` if the bytes do not end
/// with the name `Key:`, in any case.
fn indent(before: &[u8]) -> Option<&[u8]> {
    let named = before.trim_ascii_end();
    let start = memchr::memrchr(b'\n', named).map_or(0, |at| at + 1);
    let line = named.get(start..)?;
    let (indent, name) = line.split_at_checked(line.len().checked_sub(b"Key:".len())?)?;
    (name.eq_ignore_ascii_case(b"Key:") && indent.iter().all(u8::is_ascii_whitespace)).then_some(indent)
}

/// `(protected mode ((sha1 salt count) iv) ciphertext)`.
fn protection(protected: &Node) -> Result<Protection, Malformed> {
    let mode = protected.items().get(1).and_then(Node::atom).unwrap_or_default();
    let cipher = match mode {
        b"openpgp-s2k3-ocb-aes" => "AES-128-OCB",
        b"openpgp-s2k3-sha1-aes-cbc" => "AES-128-CBC",
        // The protection of the packet, kept until the key is next used.
        b"openpgp-native" => return Ok(Protection::new(ProtectionState::Strong, "as in the original OpenPGP key")),
        _ => return Err(Malformed::new("protection mode of gpg-agent", 0)),
    };
    let derivation = protected.items().get(2).and_then(|parameters| parameters.items().first());
    let count = derivation.and_then(|list| list.items().get(2)).and_then(Node::atom);
    let count: Option<u64> = count.and_then(|text| str::from_utf8(text).ok()?.parse().ok());
    let count = count.ok_or(Malformed::new("S2K of gpg-agent", 0))?;
    let ciphertext = protected.items().get(3).and_then(Node::atom).map_or(0, <[u8]>::len);
    // The smallest private number has 256 bits.
    if ciphertext < 32 {
        return Err(Malformed::new("ciphertext of gpg-agent", 0));
    }
    let state = if count < FEW_OCTETS { ProtectionState::Weak } else { ProtectionState::Strong };
    Ok(Protection::new(state, format!("S2K SHA-1 {count} octets, {cipher}")))
}

/// `(shadowed t1-v1 (serial name))` for a card, `tpm2-v1` for a key wrapped by a TPM.
fn shadow(shadowed: &Node) -> Protection {
    if shadowed.items().get(1).and_then(Node::atom) == Some(b"tpm2-v1") {
        return Protection::new(ProtectionState::Hardware, "wrapped by a TPM");
    }
    let serial = shadowed.items().get(2).and_then(|token| token.items().first()).and_then(Node::atom);
    let serial = serial.filter(|serial| serial.len() <= 32).map(hex).unwrap_or_default();
    Protection::new(ProtectionState::Stub, format!("on the card {serial}").trim_end().to_owned())
}

/// Labels from the lines of the file that name the key.
fn labels(bytes: &[u8], span: &std::ops::Range<usize>) -> Vec<Label> {
    let before = bytes.get(span.start.saturating_sub(FILE)..span.start).unwrap_or_default();
    let behind = bytes.get(span.end..bytes.len().min(span.end + FILE)).unwrap_or_default();
    let lines = before.split(|&byte| byte == b'\n').chain(behind.split(|&byte| byte == b'\n'));
    let named = lines.filter_map(|line| {
        let kind = [("Label: ", "label"), ("Description: ", "comment")];
        let (name, kind) = kind.iter().find(|(name, _)| line.starts_with(name.as_bytes()))?;
        Some(Label::new(kind, line.get(name.len()..)?))
    });
    let guix = memchr::memmem::find(before, b"(key-data").map(|_| Label::new("container", b"key-data"));
    named.chain(guix).filter(|label| !label.text.is_empty()).collect()
}

#[cfg(test)]
mod tests;

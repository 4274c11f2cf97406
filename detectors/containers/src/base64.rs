//! base64 (RFC 4648) of PEM, DER and keystores: Kubernetes Secrets, kubeconfigs, CI variables, SAML metadata.
//!
//! The anchors are the first bytes of keys in base64, at each of the three alignments to the groups of four digits.
//! From the anchor the run of digits is followed both ways, over line breaks (real, or written as `\n`) and from one
//! string literal to the next, in either alphabet. Decoding starts at a digit whose distance to the anchor matches the
//! alignment, so that text glued to the front of a run does no harm.
//!
//! A file that begins with digits is decoded whatever its contents.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::literal::{self, Joint};
use keyradius_readers::text::{Decoder, digit, is_soft_break};
use keyradius_readers::written;

use super::starts;

/// base64 runs.
#[derive(Debug)]
pub(crate) struct Base64;

static ABOUT: About = About {
    id: "base64",
    title: "base64",
    detects: "Runs of base64, standard or URL-safe, on one line, wrapped or split into string literals, that contain \
              PEM, DER keys, certificates, PKCS#12, JKS, JCEKS, OpenSSH keys, strong-name keys, OpenPGP keys on \
              Curve25519, gzip, xz, Zstandard, bzip2, LZ4, ZIP or 7z. The contents are scanned like a file; base64 in \
              base64 is followed as deep as --max-depth allows. A file that is base64 from its first line on may \
              contain anything, including other archives and encodings; in a git history, only contents that begin in \
              a known way.",
    blind_to: "Runs of fewer than 40 digits, and the part of an encoded file after its first 5 MiB. In the middle of a \
               file: OpenPGP RSA keys, BKS, PVK, textual keys other than PEM, other archives. In base64 within base64: \
               RSA keys that do not begin the inner run, and SEC1 keys without a named curve.",
    respond: "base64 hides nothing. Treat the contents as plain text.",
    references: &["RFC 4648"],
};

/// Magic numbers of streams and archives that are searched for in the middle of a file, cut to whole digits: gzip with
/// any flags (`gzip FILE` stores the file name), ZIP, xz in both alphabets, Zstandard, bzip2, LZ4, 7z.
const STREAMS: [Anchor; 8] = [
    Anchor::anywhere(b"H4sI"),
    Anchor::anywhere(b"UEsDB"),
    Anchor::anywhere(b"/Td6WFoA"),
    Anchor::anywhere(b"_Td6WFoA"),
    Anchor::anywhere(b"KLUv"),
    Anchor::anywhere(b"Qlpo"),
    Anchor::anywhere(b"BCJNG"),
    Anchor::anywhere(b"N3q8rycc"),
];

/// Anchors, each with the position of its first digit in its group of four. A test checks them against the bytes named
/// here.
const ANCHORS: [(Anchor, u8); 70] = [
    // "-----BEGIN "
    (Anchor::anywhere(b"LS0tLS1CRUdJTi"), 0),
    (Anchor::anywhere(b"0tLS0tQkVHSU4g"), 2),
    (Anchor::anywhere(b"tLS0tLUJFR0lOI"), 3),
    // 2a864886f70d01: OIDs under 1.2.840.113549.1, in RSA keys and in all PKCS structures
    (Anchor::anywhere(b"KoZIhvcNA"), 0),
    (Anchor::anywhere(b"qGSIb3DQ"), 2),
    (Anchor::anywhere(b"qhkiG9w0B"), 3),
    // 2a8648ce3.: OIDs under 1.2.840.10045 (ecPublicKey, P-256) and 1.2.840.10040 (DSA), cut inside the byte
    (Anchor::anywhere(b"KoZIzj"), 0),
    (Anchor::anywhere(b"qGSM4"), 2),
    (Anchor::anywhere(b"qhkjO"), 3),
    // 300506032b65: AlgorithmIdentifier of Ed25519, Ed448, X25519, X448
    (Anchor::anywhere(b"MAUGAytl"), 0),
    (Anchor::anywhere(b"AFBgMrZ"), 2),
    (Anchor::anywhere(b"wBQYDK2"), 3),
    // 020100028.: RSAPrivateKey, cut inside the byte
    (Anchor::anywhere(b"AgEAAo"), 0),
    (Anchor::anywhere(b"IBAAK"), 2),
    (Anchor::anywhere(b"CAQACg"), 3),
    // 02010104 (20 or 30): ECPrivateKey
    (Anchor::anywhere(b"AgEBB"), 0),
    (Anchor::anywhere(b"IBAQQ"), 2),
    (Anchor::anywhere(b"CAQEE"), 3),
    // "-----BEGIN " in base64 in base64, as written by some secrets managers and in re-encoded Secrets and kubeconfigs
    (Anchor::anywhere(b"TFMwdExTMUNSVWRKVG"), 0),
    (Anchor::anywhere(b"xTMHRMUzFDUlVkSlRp"), 2),
    (Anchor::anywhere(b"MUzB0TFMxQ1JVZEpUa"), 3),
    // "MII", the beginning of DER in base64, in base64
    (Anchor::anywhere(b"TUlJ"), 0),
    // The AlgorithmIdentifier of Ed25519 and its relatives in base64 in base64, at each of its three alignments
    (Anchor::anywhere(b"TUFVR0F5dG"), 0),
    (Anchor::anywhere(b"1BVUdBeXRs"), 2),
    (Anchor::anywhere(b"NQVVHQXl0b"), 3),
    (Anchor::anywhere(b"QUZCZ01yW"), 0),
    (Anchor::anywhere(b"FGQmdNcl"), 2),
    (Anchor::anywhere(b"BRkJnTXJa"), 3),
    (Anchor::anywhere(b"d0JRWURLM"), 0),
    (Anchor::anywhere(b"dCUVlESz"), 2),
    (Anchor::anywhere(b"3QlFZREsy"), 3),
    // The OIDs of elliptic-curve and DSA keys in base64 in base64, at each of their three alignments
    (Anchor::anywhere(b"S29aSXpq"), 0),
    (Anchor::anywhere(b"tvWkl6a"), 2),
    (Anchor::anywhere(b"Lb1pJem"), 3),
    (Anchor::anywhere(b"cUdTTT"), 0),
    (Anchor::anywhere(b"FHU000"), 2),
    (Anchor::anywhere(b"xR1NNN"), 3),
    (Anchor::anywhere(b"cWhrak"), 0),
    (Anchor::anywhere(b"Foa2pP"), 2),
    (Anchor::anywhere(b"xaGtqT"), 3),
    // Files that are always encoded as a whole: OpenSSH, JKS, JCEKS
    (Anchor::anywhere(b"b3BlbnNzaC1rZXkt"), 0),
    (Anchor::anywhere(b"/u3+7QAAA"), 0),
    (Anchor::anywhere(b"zs7OzgAAA"), 0),
    // 07 02 00 00 0.: CryptoAPI private key blob (.snk)
    (Anchor::anywhere(b"BwIAAA"), 0),
    // 04 01 da 47 0f 01: the end of the OpenPGP OID of Ed25519, aligned by a packet header of two bytes
    (Anchor::anywhere(b"BAHaRw8B"), 0),
    // Gzip in base64 in base64, as Helm stores releases
    (Anchor::anywhere(b"SDRzSU"), 0),
    (STREAMS[0], 0),
    (STREAMS[1], 0),
    (STREAMS[2], 0),
    (STREAMS[3], 0),
    (STREAMS[4], 0),
    (STREAMS[5], 0),
    (STREAMS[6], 0),
    (STREAMS[7], 0),
    // Files that consist of base64 only. DER and twice-encoded DER below 256 bytes; longer DER has the anchors above
    (Anchor::at_start(b"MI"), 0),
    (Anchor::at_start(b"MHc"), 0),
    (Anchor::at_start(b"MHQ"), 0),
    (Anchor::at_start(b"TUlH"), 0),
    (Anchor::at_start(b"TUlI"), 0),
    (Anchor::at_start(b"TUhj"), 0),
    (Anchor::at_start(b"TUhR"), 0),
    (Anchor::at_start(b"TUM0"), 0),
    // OpenPGP secret key packets, version 4: one and two length octets in the old format, one and two in the new
    (Anchor::at_start(b"lF"), 0),
    (Anchor::at_start(b"lI"), 0),
    (Anchor::at_start(b"lQ"), 0),
    (Anchor::at_start(b"xV"), 0),
    (Anchor::at_start(b"xc"), 0),
    // BKS: version 1 or 2, then the length of a salt of 20 bytes
    (Anchor::at_start(b"AAAAAQAAAB"), 0),
    (Anchor::at_start(b"AAAAAgAAAB"), 0),
    // PVK
    (Anchor::at_start(b"HvG1sAAAAA"), 0),
];

/// [`ANCHORS`] and the known starts of files.
static ANCHOR_LIST: LazyLock<Vec<Anchor>> =
    LazyLock::new(|| ANCHORS.iter().map(|(anchor, _)| *anchor).chain(starts::in_base64()).collect());

/// Minimum length of a run, in digits. The smallest key, Ed25519 in PKCS#8, has 64; its shortest line may be shorter
/// when wrapped.
const MIN_DIGITS: usize = 40;

/// Minimum length of a line, in digits, that may continue on the next line. MIME wraps at 76 and PEM at 64.
const MIN_LINE: usize = 20;

impl Unwrapper for Base64 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHOR_LIST
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        let Some(head) = blob.bytes.get(..MIN_DIGITS) else { return false };
        // A ruler of dashes or slashes is not base64.
        let is_rule = |byte: &u8| matches!(byte, b'/' | b'-' | b'_' | b'+');
        head.iter().all(|byte| is_digit(*byte)) && !head.iter().take(3).all(is_rule)
    }

    fn digits(&self, text: &[u8]) -> usize {
        digits(text).count()
    }

    fn alignment(&self, hit: Hit<'_>, before: usize) -> u32 {
        let alignment = ((before + 4 - place(hit.anchor)) % 4) as u32;
        // A stream is decoded from its magic number on, not from the start of the run.
        if is_stream(hit.anchor) && before > 0 { 4 + alignment } else { alignment }
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let place = place(hit.anchor);
        let is_stream = is_stream(hit.anchor);
        if is_stream && !begins_stream(blob.bytes.get(hit.at..).unwrap_or_default()) {
            return Err(Malformed::new("stream in base64", hit.at).into());
        }
        // A stream begins with its magic number.
        let start = if is_stream { hit.at } else { run_start(blob.bytes, hit.at) };
        let end = run_end(blob.bytes, hit.at);
        let run = blob.bytes.get(start..end).unwrap_or_default();
        let before = digits(blob.bytes.get(start..hit.at).unwrap_or_default()).count();
        let total = digits(run).count();
        if total < MIN_DIGITS {
            return Err(Malformed::new("base64 run", hit.at).into());
        }
        budget.take((total / 4 * 3) as u64)?;
        let mut decoder = Decoder::with_capacity(total / 4 * 3 + 3);
        digits(run).skip((before + 4 - place) % 4).for_each(|value| decoder.push(value));
        let bytes = decoder.finish();
        let _ = each(Entry { bytes: &bytes, span: start..end });
        Ok(())
    }
}

/// Returns the position of an anchor's first digit in its group of four.
fn place(anchor: Anchor) -> usize {
    ANCHORS.iter().find(|(a, _)| *a == anchor).map_or(0, |(_, place)| usize::from(*place))
}

/// Whether an anchor is the magic number of a stream or an archive.
fn is_stream(anchor: Anchor) -> bool {
    STREAMS.contains(&anchor)
}

/// ZIP methods that some program reads (APPNOTE 4.4.5).
const ZIP_METHODS: [u8; 14] = [0, 1, 6, 8, 9, 12, 14, 19, 20, 93, 95, 96, 98, 99];

/// Whether the first bytes of a run are the header of a stream or an archive. Only fields that every reader checks are
/// tested. Programs ignore XFL and OS of gzip and the versions of ZIP; no program reads a ZIP with an unknown method.
fn begins_stream(run: &[u8]) -> bool {
    let mut decoder = Decoder::with_capacity(18);
    digits(run.get(..24).unwrap_or_default()).for_each(|value| decoder.push(value));
    let head = decoder.finish();
    match head.as_slice() {
        // The three highest flags are reserved (RFC 1952 2.3.1).
        [0x1f, 0x8b, 8, flags, ..] => *flags < 0x20,
        [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] => block.starts_with(b"1AY&SY"),
        [b'P', b'K', 3, 4, _, _, _, _, method, 0, ..] => ZIP_METHODS.contains(method),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [4, 0x22, 0x4d, 0x18, ..] => true,
        head => head.starts_with(b"\xfd7zXZ\0") || head.starts_with(b"7z\xbc\xaf\x27\x1c"),
    }
}

/// Iterates over the digits of a run. Two things between `run_start` and `run_end` are not digits: the `n` of a written
/// `\n`, and everything from the quote that closes a literal to the quote that opens the next.
pub(super) fn digits(run: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = run;
    let mut closed_by = None;
    std::iter::from_fn(move || {
        loop {
            let (&byte, after) = rest.split_first()?;
            if let Some(quote) = closed_by {
                closed_by = (byte != quote).then_some(quote);
            } else if let Some(value) = digit(byte) {
                rest = after;
                return Some(value);
            } else if let Some(length) = written::line_break(rest) {
                rest = rest.get(length..)?;
                continue;
            } else if let Some((value, length)) = written::sign(rest) {
                rest = rest.get(length..)?;
                return Some(value);
            } else if literal::is_quote(byte) {
                closed_by = Some(byte);
            }
            rest = after;
        }
    })
}

fn is_digit(byte: u8) -> bool {
    digit(byte).is_some()
}

/// Returns the length of the line break at the start of `bytes`, with the blanks before it and the indentation after it.
/// Tabs, form feeds and vertical tabs separate lines as well.
fn line_break(bytes: &[u8]) -> Option<usize> {
    let blanks = blanks(bytes.iter());
    let mut at = blanks;
    loop {
        let rest = bytes.get(at..)?;
        match rest {
            // A backslash before a real line break: a continued line.
            [b'\r' | b'\n' | b'\x0b' | b'\x0c', ..] | [b'\\', b'\r' | b'\n', ..] => at += 1,
            rest if let Some(length) = written::line_break(rest) => at += length,
            _ => break,
        }
    }
    if at == blanks {
        return bytes.get(..blanks)?.contains(&b'\t').then_some(blanks);
    }
    Some(at + self::blanks(bytes.get(at..)?.iter()))
}

/// Maximum number of blanks before or after a line, so that lines of blanks cost no more than their length.
const MOST_BLANKS: usize = 256;

/// The number of blanks at the start.
fn blanks<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    bytes.take(MOST_BLANKS).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Returns the length of the line break at the end of `bytes`, with the blanks before it and the indentation after it.
fn line_break_before(bytes: &[u8]) -> Option<usize> {
    let indent = blanks(bytes.iter().rev());
    let mut at = bytes.len() - indent;
    let end = at;
    loop {
        match bytes.get(..at)? {
            before if let Some(length) = written::line_break_before(before) => at -= length,
            [.., b'\r' | b'\n' | b'\x0b' | b'\x0c'] => at -= 1,
            [before @ .., b'='] if is_soft_break(before, bytes.get(at - 1..)?) => at -= 1,
            _ => break,
        }
    }
    if at == end {
        return bytes.get(end..)?.contains(&b'\t').then_some(indent);
    }
    Some(bytes.len() - at + blanks(bytes.get(..at)?.iter().rev()))
}

/// Returns the length of the gap between a line of `line` digits and the next line.
fn gap(behind: &[u8], line: usize) -> Option<usize> {
    literal::joint(behind).filter(|j| goes_on(*j, line)).map(|j| j.len).or_else(|| line_break(behind))
}

/// Returns the length of the gap between a line of digits and the line before it, and the length of that line.
fn gap_before(before: &[u8], line: impl Fn(usize) -> usize) -> Option<(usize, usize)> {
    let length = |gap: usize| line(before.len() - gap);
    if let Some(gap) = line_break_before(before) {
        return Some((gap, length(gap)));
    }
    let joint = literal::joint_before(before)?;
    let length = length(joint.len);
    goes_on(joint, length).then_some((joint.len, length))
}

/// Whether a literal of `line` digits continues in the next one. In a list, a literal of whole groups counts as
/// continued.
fn goes_on(joint: Joint, line: usize) -> bool {
    !joint.comma || line.is_multiple_of(4)
}

/// Returns the end of the run of digits around `at`, including padding.
pub(super) fn run_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    let mut first = digits_before(bytes, at);
    loop {
        let line = line(bytes.get(end..).unwrap_or_default());
        end += line;
        let line = line + std::mem::take(&mut first);
        let rest = bytes.get(end..).unwrap_or_default();
        if is_soft_break(bytes.get(..end).unwrap_or_default(), rest) {
            end += rest.iter().position(|byte| *byte == b'\n').map_or(1, |at| at + 1);
            continue;
        }
        let padding = rest.iter().take(2).take_while(|&&b| b == b'=').count();
        if padding > 0 {
            return end + padding;
        }
        let Some(gap) = gap(rest, line).filter(|_| line >= MIN_LINE || line == 0) else { return end };
        // The next line belongs to the run only if it consists of digits.
        let next = rest.get(gap..).unwrap_or_default();
        let len = self::line(next);
        let behind = next.get(len..).unwrap_or_default();
        let whole = behind.is_empty()
            || matches!(behind.first(), Some(b'=' | b'"' | b'\'' | b'`' | b'<' | b',' | b'%' | b'&'))
            || line_break(behind).is_some();
        if len == 0 {
            return end;
        }
        // The last line of a text that is followed by something else: in a string, in brackets. Prose after a block
        // adds a few extra bytes.
        if !whole {
            let is_text = next.iter().take(len).any(u8::is_ascii_alphanumeric);
            return if is_text && len <= line { end + gap + len } else { end };
        }
        end += gap;
    }
}

/// Returns the length of the digits at the start of a text, on one line.
fn line(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let plain = rest.iter().take_while(|byte| is_digit(**byte)).count();
        let sign = rest.get(plain..).and_then(written::sign);
        at += plain + sign.map_or(0, |(_, length)| length);
        if sign.is_none() {
            return at;
        }
    }
}

/// Returns the length of the digits that end at `end`, on one line.
fn digits_before(bytes: &[u8], end: usize) -> usize {
    let mut start = end;
    loop {
        let before = bytes.get(..start).unwrap_or_default();
        start -= before.iter().rev().take_while(|byte| is_digit(**byte)).count();
        // In `\nMIIE` and `%0AMIIE` the apparent digits before `MIIE` belong to the break. `%2B` and `\/` are
        // themselves digits.
        let Some(mark) = written::mark(bytes, start) else { return end - start };
        let rest = bytes.get(mark..end).unwrap_or_default();
        if let Some(length) = written::line_break(rest) {
            return end - start.max(mark + length);
        }
        match written::sign(rest) {
            Some((_, length)) if mark + length >= start => start = mark,
            _ => return end - start,
        }
    }
}

/// Returns the start of the run of digits around `at`.
pub(super) fn run_start(bytes: &[u8], at: usize) -> usize {
    let mut start = at - digits_before(bytes, at);
    while let Some((gap, line)) = gap_before(bytes.get(..start).unwrap_or_default(), |end| digits_before(bytes, end)) {
        let first = start - gap - line;
        // A line after padding or a checksum may be short.
        let after_sign = line > 0 && first.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'=');
        if line < MIN_LINE && !after_sign {
            return start;
        }
        start = first;
    }
    start
}

#[cfg(test)]
mod tests;

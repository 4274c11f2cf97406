//! Bytes in string literals: `"\x30\x82\x04..."` in C, Python, PHP, Ruby and shells, `\060\202` in octal, and Python's
//! mixture of escapes and letters (`b'0\x82\x04\xa4\x02\x01\x00...'`).
//!
//! The anchor is the version of a key, as in `hex.rs`. The literal is read from its opening quote on, and joined with
//! the literals that follow.

mod raw;

use std::ops::ControlFlow;
use std::sync::LazyLock;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::{literal, locate};
use zeroize::Zeroizing;

use super::digits::{self, MIN_BYTES};

/// String literals of escaped bytes.
#[derive(Debug)]
pub(crate) struct Escape;

static ABOUT: About = About {
    id: "escape",
    title: "bytes escaped in a string literal",
    detects: "String literals with `\\x` escapes that contain a DER key or certificate, also over several joined \
              literals, with octal escapes, letters and control characters in between; literals with `\\x` escapes of \
              PEM; the same inside another literal, where backslashes are doubled; binary strings of MySQL dumps and \
              pickles, in which only some bytes are escaped; the same where Latin-1 was written as UTF-8.",
    blind_to: "Literals of fewer than 40 bytes, versions written in octal or as \\u, and keys that begin more than \
               2 KiB after the quote. Of Ed25519 keys in Latin-1 that was written as UTF-8, the public half is wrong.",
    respond: "Everybody who has the program can read a compiled-in key. Replace it, and keep the new one out of the \
              source.",
    references: &["CWE-321", "ISO/IEC 9899 6.4.4.4", "Python: lexical analysis, string and bytes literals"],
};

/// INTEGER 0 or 1 as a version, and the `B` of a PEM header: the first escape without its backslash, which may be
/// doubled.
const VERSION: Anchor = Anchor::anywhere(b"x02\\");
const PEM: Anchor = Anchor::anywhere(b"x42\\");

/// Maximum number of backslashes before an escape.
const MAX_SLASHES: usize = 8;

/// Maximum length of a literal that contains another one, in bytes.
const MAX_OUTER: usize = 1 << 18;

/// How far before the anchor the opening quote may be, in bytes.
const MAX_BEFORE: usize = 2048;

impl Unwrapper for Escape {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        static ANCHORS: LazyLock<Vec<Anchor>> =
            LazyLock::new(|| [VERSION, PEM].into_iter().chain(raw::ANCHORS).collect());
        &ANCHORS
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let bytes = blob.bytes;
        let malformed = || Malformed::new("header before an escaped version", hit.at);
        if raw::ANCHORS.contains(&hit.anchor) {
            let (out, span) = raw::read(bytes, hit.at, hit.anchor).ok_or_else(malformed)?;
            budget.take(out.len() as u64)?;
            let _ = each(Entry { bytes: &out, span });
            return Ok(());
        }
        let slashes = bytes.get(..hit.at).unwrap_or_default().iter().rev().take(MAX_SLASHES + 1);
        let slashes = slashes.take_while(|byte| **byte == b'\\').count();
        let at = hit.at - slashes;
        if !is_written(bytes.get(hit.at..).unwrap_or_default(), hit.anchor, slashes) {
            return Err(malformed().into());
        }
        // A literal inside another one: its backslashes are read one level at a time.
        if slashes > 1 {
            let (out, span) = outer(bytes, at).ok_or_else(malformed)?;
            budget.take(out.len() as u64)?;
            let _ = each(Entry { bytes: &out, span });
            return Ok(());
        }
        if hit.anchor == VERSION && !may_be_header(bytes.get(at.saturating_sub(20)..at).unwrap_or_default()) {
            return Err(malformed().into());
        }
        let opened = openings(bytes, at).into_iter().flatten();
        let Some(first) =
            opened.map(|(at, quote)| Units { bytes, at, quote }).find(|units| is_promising(units, at, hit.anchor))
        else {
            return Err(malformed().into());
        };
        let start = first.at;
        let units = || first.clone();
        let (count, end) = units().fold((0, start), |(count, _), (_, end)| (count + 1, end));
        if count < MIN_BYTES {
            return Err(Malformed::new("escaped bytes", hit.at).into());
        }
        budget.take(count as u64)?;
        let mut out = Zeroizing::new(Vec::with_capacity(count));
        out.extend(units().map(|(value, _)| value));
        let _ = each(Entry { bytes: &out, span: start..end });
        Ok(())
    }
}

/// Whether the text before the anchor contains the tag of a SEQUENCE: the letter `0` or an escape. A cheap test.
fn may_be_header(before: &[u8]) -> bool {
    let written = |text: &[u8]| memchr::memmem::find(before, text).is_some();
    let letter = |at: usize| {
        let escape = before.get(at.saturating_sub(3)..at).unwrap_or_default();
        !matches!(escape, [.., b'\\', b'x'] | [.., b'\\', b'x', _])
    };
    written(b"\\x30") || written(b"\\xa0") || written(b"\\xA0") || memchr::memchr_iter(b'0', before).any(letter)
}

/// Whether the escapes from an anchor on are those that its meaning requires: `02 01 0.`, or `BEG`.
fn is_written(text: &[u8], anchor: Anchor, slashes: usize) -> bool {
    let next = |at: usize| text.get(at * (3 + slashes)..);
    let is = |at: usize, digits: &[u8]| next(at).is_some_and(|text| text.starts_with(digits));
    if anchor == PEM { is(1, b"x45\\") && is(2, b"x47\\") } else { is(1, b"x01\\") && is(2, b"x0") }
}

/// The text of the literal around `at` with one level of its backslashes removed, and its span.
fn outer(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, std::ops::Range<usize>)> {
    let from = at.saturating_sub(MAX_BEFORE);
    let before = bytes.get(from..at)?;
    let is_open = |found: &usize| found.checked_sub(1).and_then(|at| before.get(at)) != Some(&b'\\');
    let start = from + memchr::memrchr_iter(b'"', before).find(is_open).map_or(0, |found| found + 1);
    let text = bytes.get(start..bytes.len().min(start + MAX_OUTER))?;
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'\\', Some(b'n')) => out.push(b'\n'),
            (b'\\', Some(escaped)) => out.push(*escaped),
            (b'"' | b'\n', _) => break,
            _ => {
                out.push(byte);
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    Some((out, start..start + at))
}

/// Whether the bytes before the anchor are the header of a SEQUENCE, or the dashes of PEM.
fn is_promising(units: &Units<'_>, hit: usize, anchor: Anchor) -> bool {
    let mut header = [0_u8; 5];
    let mut at = units.at;
    for (value, end) in units.clone().take_while(|(_, end)| *end <= hit) {
        header.rotate_left(1);
        if let Some(last) = header.last_mut() {
            *last = value;
        }
        at = end;
    }
    at == hit && if anchor == PEM { header == *b"-----" } else { locate::ends_in_header(&header) }
}

/// Returns three possible starts of the contents of the literal around `at`, each with its quote: as a compiler reads
/// the line, where a quote of the other kind is a letter; after the nearest quote, because prose before it may contain
/// an apostrophe; without quotes, the run of escapes.
fn openings(bytes: &[u8], at: usize) -> [Option<(usize, Option<u8>)>; 3] {
    let from = at.saturating_sub(MAX_BEFORE);
    let before = bytes.get(from..at).unwrap_or_default();
    let line = memchr::memrchr(b'\n', before).map_or(0, |found| found + 1);
    let before = before.get(line..).unwrap_or_default();
    let (mut open, mut nearest, mut escaped) = (None, None, false);
    for (i, &byte) in before.iter().enumerate() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        escaped = byte == b'\\';
        if literal::is_quote(byte) {
            nearest = Some((i, byte));
            open = match open {
                None => nearest,
                Some((_, quote)) if quote == byte => None,
                other => other,
            };
        }
    }
    let content = |(i, quote)| (from + line + i + 1, Some(quote));
    let bare = at - before.rchunks(4).take_while(|unit| matches!(unit, [b'\\', b'x', _, _])).count() * 4;
    [open.map(content), nearest.map(content), Some((bare, None))]
}

/// The bytes that a literal represents, each with its end.
#[derive(Clone)]
struct Units<'a> {
    bytes: &'a [u8],
    at: usize,
    quote: Option<u8>,
}

impl Iterator for Units<'_> {
    type Item = (u8, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            match rest {
                [b'\\', b'\r' | b'\n', ..] => self.at += 2,
                [b'\\', escape @ ..] => {
                    let (value, len) = escaped(escape)?;
                    self.at += 1 + len;
                    return Some((value, self.at));
                }
                [quote, ..] if Some(*quote) == self.quote => self.at += literal::joint(rest)?.len,
                [b'\r' | b'\n', ..] | [] => return None,
                // Letters are part of the bytes only inside quotes.
                [byte, ..] => {
                    self.quote?;
                    self.at += 1;
                    return Some((*byte, self.at));
                }
            }
        }
    }
}

/// Returns the byte that an escape represents, and its length without the backslash.
fn escaped(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [b'x', high, low, ..] => Some((digits::byte(*high, *low)?, 3)),
        [b'u', b'0', b'0', high, low, ..] => Some((digits::byte(*high, *low)?, 5)),
        [b'0'..=b'7', ..] => {
            let len = bytes.iter().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let value = bytes.get(..len)?.iter().fold(0_u16, |value, b| value << 3 | u16::from(b - b'0'));
            Some((u8::try_from(value).ok()?, len))
        }
        [letter, ..] => {
            let value = match letter {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'a' => 7,
                b'b' => 8,
                b'v' => 11,
                b'f' => 12,
                b'e' => 27,
                b'\\' | b'\'' | b'"' | b'`' | b'/' | b'$' | b'#' => *letter,
                _ => return None,
            };
            Some((value, 1))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &str) -> Option<Vec<u8>> {
        let origin = Origin::file("x");
        let mut found = None;
        for &anchor in Escape.anchors() {
            for at in memchr::memmem::find_iter(text.as_bytes(), anchor.bytes) {
                let budget = Budget::new(Limits::default());
                let blob = Blob::whole(text.as_bytes(), &origin);
                let _ = Escape.open(blob, Hit { anchor, at }, &budget, &mut |entry| {
                    found.get_or_insert(entry.bytes.to_vec());
                    ControlFlow::Continue(())
                });
            }
        }
        found
    }

    #[test]
    fn literals_of_every_language_are_read() {
        let plain: Vec<u8> = [0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13].into_iter().chain(5..150).collect();
        let x = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, b| text + &format!("\\x{b:02x}"));
        let python: String = plain
            .iter()
            .map(|&b| match b {
                b'\'' => "\\'".to_owned(),
                b'\\' => "\\\\".to_owned(),
                b'\n' => "\\n".to_owned(),
                b'\r' => "\\r".to_owned(),
                b'\t' => "\\t".to_owned(),
                0x20..0x7f => char::from(b).to_string(),
                _ => format!("\\x{b:02x}"),
            })
            .collect();
        let lines: Vec<String> = plain.chunks(16).map(x).collect();
        let octal: String = plain[8..].iter().fold(String::new(), |text, b| text + &format!("\\{b:03o}"));
        for text in [
            format!("char k[] = \"{}\";", x(&plain)),
            format!("k = (b'{}')", lines.join("'\n     b'")),
            format!("$k = \"{}\";", lines.join("\" .\n  \"")),
            format!("k=$'{}'", lines.join("\\\n")),
            format!("Out[1]: b'{python}'\n"),
            format!("it's the key: b'{python}'\n"),
            format!("k: \"{}{octal}\"", x(&plain[..8])),
            format!("printf {} > k\n", x(&plain)),
            x(&plain).to_uppercase().replace("\\X", "\\x"),
        ] {
            assert_eq!(open(&text).as_deref(), Some(&plain[..]), "{text}");
        }
    }

    fn escaped(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, b| text + &format!("\\x{b:02x}"))
    }

    #[test]
    fn pem_and_literals_in_literals() {
        let pem = [&b"-----BEGIN X-----\n"[..], &[b'A'; 60]].concat();
        let x = escaped(&pem);
        assert_eq!(open(&format!("char k[] = \"{}\"\n  \"{}\";", &x[..64], &x[64..])), Some(pem));
        let plain: Vec<u8> = [0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13].into_iter().chain(5..150).collect();
        let inner = escaped(&plain);
        let json = format!("{{\"text\": \"b'{}'\"}}", inner.replace('\\', "\\\\"));
        let once = String::from_utf8(open(&json).unwrap()).unwrap();
        assert_eq!((once.as_str(), open(&once)), (&*format!("b'{inner}'"), Some(plain)));
    }

    #[test]
    fn other_literals_are_not_opened() {
        for text in [
            "\"\\x02\\x01\\x00\"",
            "\"\\x30\\x82\\x02\\x01\\x00\"",
            &format!("\"{}\"", "\\x05\\x02\\x01\\x00".repeat(40)),
        ] {
            assert_eq!(open(text), None, "{text}");
        }
    }
}

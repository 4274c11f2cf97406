//! The output of `openssl asn1parse`: a line for each value, with its depth and length, numbers in hexadecimal.
//!
//! What the lines say is encoded again. Values that are not shown (bit strings) are left out.

use std::ops::Range;

use zeroize::Zeroizing;

use super::{Decoded, digits};

/// Most lines of one dump, and most levels of it (`asn1parse` stops at 128).
const LINES: usize = 1 << 12;
const DEPTH: usize = 128;

/// Longest line that is read, in digits: a number of 16,384 bits, or a wrapped key.
const LINE: usize = 64 << 10;

/// Longest start of a line: numbers, the name of a type, and a mark.
const START: usize = 96;

/// Names of algorithms and curves as openssl prints them, and their OIDs.
const OBJECTS: [(&[u8], &[u8]); 9] = [
    (b"rsaEncryption", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]),
    (b"rsassaPss", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a]),
    (b"id-ecPublicKey", &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]),
    (b"prime256v1", &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
    (b"secp256k1", &[0x2b, 0x81, 4, 0, 0x0a]),
    (b"secp384r1", &[0x2b, 0x81, 4, 0, 0x22]),
    (b"secp521r1", &[0x2b, 0x81, 4, 0, 0x23]),
    (b"ED25519", &[0x2b, 0x65, 0x70]),
    (b"ED448", &[0x2b, 0x65, 0x71]),
];

/// One line.
struct Line<'t> {
    depth: usize,
    name: &'t [u8],
    value: &'t [u8],
}

fn number(text: &mut &[u8]) -> Option<usize> {
    let rest = text.trim_ascii_start();
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(length).filter(|_| (1..10).contains(&length))?;
    *text = rest;
    Some(digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0')))
}

impl<'t> Line<'t> {
    /// Reads `    7:d=1  hl=4 l= 257 prim: INTEGER           :BD38`.
    fn read(line: &'t [u8]) -> Option<Self> {
        let mut rest = line;
        number(&mut rest)?;
        rest = rest.strip_prefix(b":d=")?;
        let depth = number(&mut rest).filter(|depth| *depth < DEPTH)?;
        rest = rest.trim_ascii_start().strip_prefix(b"hl=")?;
        number(&mut rest)?;
        rest = rest.trim_ascii_start().strip_prefix(b"l=")?;
        number(&mut rest)?;
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b"prim: ").or_else(|| rest.strip_prefix(b"cons: "))?.trim_ascii_end();
        let end = memchr::memchr(b':', rest).unwrap_or(rest.len());
        let (name, value) = rest.split_at_checked(end)?;
        let value = value.strip_prefix(b":").unwrap_or_default();
        // With `-i`, names are indented.
        let name = name.strip_suffix(b"[HEX DUMP]").unwrap_or(name).trim_ascii();
        Some(Self { depth, name, value })
    }

    /// The tag, and the contents if they are shown; `None` for what is left out.
    fn value(&self) -> Option<(u8, Vec<u8>)> {
        let hex = || -> Vec<u8> {
            let digits = self.value.chunks_exact(2);
            digits.map_while(|pair| digits::byte(*pair.first()?, *pair.get(1)?)).collect()
        };
        Some(match self.name {
            b"SEQUENCE" => (0x30, Vec::new()),
            b"SET" => (0x31, Vec::new()),
            b"NULL" => (5, Vec::new()),
            b"INTEGER" => {
                let mut content = hex();
                if content.first().is_some_and(|first| first & 0x80 != 0) {
                    content.insert(0, 0);
                }
                (2, content)
            }
            b"OCTET STRING" => (4, hex()),
            b"OBJECT" => (6, OBJECTS.iter().find(|(name, _)| *name == self.value)?.1.to_vec()),
            name => {
                let inner = name.strip_prefix(b"cont [ ")?.strip_suffix(b" ]")?;
                let tag = number(&mut &*inner).filter(|tag| *tag < 31)?;
                (0xa0 | u8::try_from(tag).ok()?, Vec::new())
            }
        })
    }
}

/// Whether the run of digits at a place is a value of such a line.
pub(super) fn is_value(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(START)..at).unwrap_or_default();
    let line = memchr::memrchr(b'\n', before).and_then(|end| before.get(end + 1..)).unwrap_or(before);
    line.ends_with(b":") && Line::read(line).is_some()
}

/// The first dump near the start of a file: the numbers of its values may be shorter than what is looked for elsewhere.
pub(super) fn first(bytes: &[u8], near: usize) -> Option<usize> {
    const MARK: &[u8] = b"[HEX DUMP]:";
    let at = memchr::memmem::find(bytes.get(..near)?, MARK)? + MARK.len();
    around(bytes, at, 0).map(|dump| dump.start)
}

/// The line from a place on, without its end.
fn line_from(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..bytes.len().min(start.saturating_add(LINE)))?;
    rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len()))
}

/// The start of the dump around the value at a place, if it is a new one: `done` is the end of the dumps so far.
pub(super) fn begin(bytes: &[u8], at: usize, done: &mut usize) -> Option<usize> {
    let dump = (at >= *done).then(|| around(bytes, at, *done)).flatten();
    *done = dump.as_ref().map_or((*done).max(at + 1), |dump| dump.end);
    dump.map(|dump| dump.start)
}

/// The dump around the value at a place, from `from` on.
fn around(bytes: &[u8], at: usize, from: usize) -> Option<Range<usize>> {
    let before = |end: usize| {
        let near = end.saturating_sub(LINE).max(from);
        let text = bytes.get(near..end)?;
        Some(memchr::memrchr(b'\n', text).map_or(near, |found| near + found + 1))
    };
    let mut start = before(at)?;
    for _ in 0..LINES {
        // The first line of a dump.
        if Line::read(line_from(bytes, start)?)?.depth == 0 || start <= from {
            break;
        }
        match start.checked_sub(1).and_then(before) {
            Some(line) if line_from(bytes, line).and_then(Line::read).is_some() => start = line,
            _ => break,
        }
    }
    decoded(bytes, start).map(|(_, span)| span).filter(|span| span.end > at)
}

/// Encodes the dump whose first line begins at a place.
pub(super) fn decoded(bytes: &[u8], start: usize) -> Option<Decoded> {
    Line::read(line_from(bytes, start)?)?;
    let mut out = Zeroizing::new(Vec::new());
    // Contents of the values that are open, with their depth and tag.
    let mut open: Vec<(usize, u8, Zeroizing<Vec<u8>>)> = Vec::new();
    let mut close = |open: &mut Vec<(usize, u8, Zeroizing<Vec<u8>>)>| {
        let Some((_, tag, content)) = open.pop() else { return };
        let into = open.last_mut().map_or(&mut out, |(_, _, content)| content);
        // A field whose only value is not shown is left out too: without its public point, a key is whole.
        if tag < 0xa0 || !content.is_empty() {
            encode(tag, &content, into);
        }
    };
    let (mut end, mut top) = (start, None);
    for _ in 0..LINES {
        let Some(text) = line_from(bytes, end) else { break };
        let Some(line) = Line::read(text) else { break };
        if *top.get_or_insert(line.depth) > line.depth || (line.depth == 0 && end > start) {
            break;
        }
        while open.last().is_some_and(|(depth, ..)| *depth >= line.depth) {
            close(&mut open);
        }
        if let Some((tag, content)) = line.value() {
            open.push((line.depth, tag, Zeroizing::new(content)));
        }
        end = (end + text.len() + 1).min(bytes.len());
    }
    while !open.is_empty() {
        close(&mut open);
    }
    Some((out, Range { start, end })).filter(|(out, _)| !out.is_empty())
}

/// Appends a value with its length in DER (X.690 8.1.3, 10.1).
fn encode(tag: u8, content: &[u8], into: &mut Vec<u8>) {
    into.push(tag);
    let length = content.len().to_be_bytes();
    let long = length.iter().skip_while(|byte| **byte == 0);
    if content.len() < 0x80 {
        into.extend(length.last());
    } else {
        into.push(0x80 | u8::try_from(long.clone().count()).unwrap_or_default());
        into.extend(long);
    }
    into.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_encoded_again() {
        let d = "C0FFEE".repeat(11);
        let text = format!(
            "$ openssl asn1parse\n    0:d=0  hl=2 l=  44 cons: SEQUENCE          \n    2:d=1  hl=2 l=   1 prim: INTEGER           :01\n\
             \u{20}   5:d=1  hl=2 l=  33 prim: OCTET STRING      [HEX DUMP]:{d}\n   39:d=1  hl=2 l=  10 cons: cont [ 0 ]        \n\
             \u{20}  41:d=2  hl=2 l=   8 prim: OBJECT            :prime256v1\n   51:d=1  hl=2 l=   3 cons: cont [ 1 ]        \n\
             \u{20}  53:d=2  hl=2 l=   1 prim: BIT STRING        \nok\n"
        );
        let at = text.find(&d).unwrap();
        let found = around(text.as_bytes(), at, 0).unwrap();
        let (out, span) = decoded(text.as_bytes(), found.start).unwrap();
        assert_eq!(found, span);
        let body = [
            &[2, 1, 1, 4, 33][..],
            &[0xc0, 0xff, 0xee].repeat(11),
            &[0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        ]
        .concat();
        assert_eq!(out[..], [&[0x30, body.len() as u8][..], &body].concat());
        assert_eq!((span.start, &text[span.end..]), (20, "ok\n"));
        for cut in 0..text.len() {
            let _ = (around(&text.as_bytes()[..cut], at.min(cut), 0), decoded(&text.as_bytes()[..cut], 20.min(cut)));
        }
        assert!(is_value(text.as_bytes(), at) && !is_value(format!("x:{d}").as_bytes(), 2));
        let long = format!("0:d=0  hl=3 l= 129 prim: INTEGER           :{}", "FF".repeat(128));
        let (out, _) = decoded(long.as_bytes(), 0).unwrap();
        assert_eq!(out[..5], [2, 0x81, 129, 0, 0xff]);
    }
}

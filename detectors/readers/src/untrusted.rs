//! The files of minisign and signify: a line that begins with `untrusted comment:`, then one line of base64. In both
//! formats the body begins with the same two bytes, and its length gives its type.
//!
//! Reads either line ending, indentation, comments, and escaped line ends as in a JSON string. The whole file may be in
//! another layer of base64, as Tauri stores its keys.

use std::ops::Range;

use keyradius_core::error::Malformed;
use keyradius_core::hex::hex;
use keyradius_core::seam::{Anchor, Hit};
use zeroize::Zeroizing;

use super::text::{Decoder, digit};

/// The start of the first line.
pub const PLAIN: Anchor = Anchor::anywhere(COMMENT);
/// The start of the first line in base64: 18 bytes, so whole groups of four digits.
pub const CODED: Anchor = Anchor::anywhere(b"dW50cnVzdGVkIGNvbW1lbnQ6");

const COMMENT: &[u8] = b"untrusted comment:";

/// Maximum length of a comment, in bytes (COMMENTMAXBYTES of minisign, COMMENTMAXLEN of signify).
const MAX_COMMENT: usize = 1024;
/// Maximum length of a body, in bytes: a secret key of minisign.
const MAX_BODY: usize = 158;
/// Maximum length of a file in base64, in digits.
const MAX_CODED: usize = (COMMENT.len() + MAX_COMMENT + 2 * MAX_BODY) / 3 * 4;

/// Size of a public key in bytes: algorithm, key number, key.
pub const PUBLIC: usize = 42;

/// A comment and its body.
#[derive(Debug)]
pub struct File {
    /// The text after the colon.
    pub comment: Vec<u8>,
    /// The decoded second line.
    pub body: Zeroizing<Vec<u8>>,
    /// Range in the blob.
    pub span: Range<usize>,
}

/// Reads the file that begins at a hit of [`PLAIN`] or [`CODED`].
pub fn read(bytes: &[u8], hit: Hit<'_>) -> Result<File, Malformed> {
    let text = bytes.get(hit.at..).unwrap_or_default();
    if hit.anchor != CODED {
        let mut file = lines(text).map_err(|error| Malformed::new(error.what, hit.at + error.at))?;
        file.span = hit.at..hit.at + file.span.end;
        return Ok(file);
    }
    // The next file has a hit of its own, so decode no digits beyond it.
    let behind = text.get(CODED.bytes.len()..text.len().min(MAX_CODED)).unwrap_or_default();
    let most = memchr::memmem::find(behind, CODED.bytes).map_or(MAX_CODED, |at| at + CODED.bytes.len());
    let mut decoder = Decoder::with_capacity(MAX_CODED / 4 * 3);
    let mut length = 0;
    for (at, &byte) in text.iter().enumerate().take(most) {
        match digit(byte) {
            Some(value) => decoder.push(value),
            // Wrapped lines, as `base64` writes them.
            None if matches!(byte, b'\n' | b'\r') => continue,
            None => break,
        }
        length = at + 1;
    }
    length += text.get(length..).unwrap_or_default().iter().take(2).take_while(|&&byte| byte == b'=').count();
    let plain = decoder.finish();
    let mut file = lines(&plain).map_err(|error| Malformed::new(error.what, hit.at))?;
    file.span = hit.at..hit.at + length;
    Ok(file)
}

/// Reads both lines from a text that begins with the first.
fn lines(text: &[u8]) -> Result<File, Malformed> {
    let rest = text.strip_prefix(COMMENT).ok_or(Malformed::new("untrusted comment", 0))?;
    let rest = rest.get(..MAX_COMMENT.min(rest.len())).unwrap_or_default();
    let is_end = |at: &usize| match rest.get(*at..) {
        Some([b'\n' | b'\r', ..]) => true,
        Some([b'\\', escaped @ ..]) => {
            let behind = escaped.iter().take(8).find(|&&byte| byte != b'\\');
            matches!(behind, Some(b'n' | b'r'))
        }
        _ => false,
    };
    let end = (0..rest.len()).find(is_end).ok_or(Malformed::new("end of the comment", COMMENT.len()))?;
    let comment = rest.get(..end).unwrap_or_default().trim_ascii().to_vec();
    // Every body begins with the letters of its algorithm, `Ed`: `RW` in base64.
    let start = COMMENT.len() + end;
    let gap = text.get(start..text.len().min(start + 64)).unwrap_or_default();
    let at = memchr::memmem::find(gap, b"RW").ok_or(Malformed::new("body after the comment", start))?;
    let decoration = |byte: &u8| byte.is_ascii_whitespace() || b"\\nr\"'`+,#*>|/;-".contains(byte);
    if !gap.get(..at).is_some_and(|between| between.iter().all(decoration)) {
        return Err(Malformed::new("body after the comment", start));
    }
    let start = start + at;
    let mut decoder = Decoder::with_capacity(MAX_BODY + 3);
    let mut length = 0;
    let mut digits = 0;
    // JSON may escape a slash as \/.
    let body = text.get(start..).unwrap_or_default().iter().take(MAX_BODY * 2);
    for (at, &byte) in body.enumerate() {
        match digit(byte).filter(|_| !matches!(byte, b'-' | b'_')) {
            Some(value) => {
                decoder.push(value);
                digits += 1;
                length = at + 1;
            }
            None if byte == b'\\' && text.get(start + at + 1) == Some(&b'/') => {}
            None => break,
        }
    }
    let padding = text.get(start + length..).unwrap_or_default().iter().take(2).take_while(|&&b| b == b'=').count();
    let body = decoder.finish();
    if digits % 4 == 1 || (padding > 0 && (digits + padding) % 4 != 0) || body.len() < PUBLIC {
        return Err(Malformed::new("body in base64", start));
    }
    Ok(File { comment, body, span: 0..start + length + padding })
}

/// Whether minisign or rsign wrote a comment. Their public keys have the same form as signify's.
pub fn is_minisign(comment: &[u8]) -> bool {
    let comment = comment.to_ascii_lowercase();
    [&b"minisign"[..], b"rsign"].iter().any(|name| memchr::memmem::find(&comment, name).is_some())
}

/// A key number as both tools print it in comments: a little-endian number in hex.
pub fn key_number(bytes: &[u8]) -> String {
    hex(&bytes.iter().rev().copied().collect::<Vec<u8>>()).to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::base64;

    fn body(length: usize) -> Vec<u8> {
        [b"Ed".to_vec(), (2..length).map(|n| n as u8).collect()].concat()
    }

    #[test]
    fn every_disguise_gives_the_same_body() {
        for length in [42, 74, 104, 158] {
            let padded = |text: String| format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
            let line = padded(base64(&body(length)));
            for (name, text) in [
                ("plain", format!("untrusted comment: a key\n{line}\n")),
                ("no newline", format!("untrusted comment: a key\n{line}")),
                ("no padding", format!("untrusted comment: a key\n{}", line.trim_end_matches('='))),
                ("CRLF", format!("untrusted comment: a key\r\n{line}\r\n")),
                ("YAML", format!("untrusted comment: a key\n    {line}\n  next: 1")),
                ("comment", format!("untrusted comment: a key\n# {line}\n")),
                ("JSON", format!("untrusted comment: a key\\n{line}\\n\"}}")),
                ("JSON in JSON", format!("untrusted comment: a key\\\\n{line}\\\\n\\\"}}")),
                ("slashes", format!("untrusted comment: a key\\n{}\"", line.replace('/', "\\/"))),
            ] {
                let file =
                    read(text.as_bytes(), Hit { anchor: PLAIN, at: 0 }).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!((&file.body[..], &file.comment[..]), (&body(length)[..], &b"a key"[..]), "{name}");
                assert!(text[..file.span.end].ends_with(line[line.len() - 1..].trim_end_matches('=')), "{name}");
            }
            let coded = base64(format!("untrusted comment: a key\n{line}\n").as_bytes());
            let wrapped: Vec<&str> = coded.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
            for text in [coded.clone(), format!("{coded}="), wrapped.join("\n")] {
                for text in [text.clone(), format!("{text}\n{text}")] {
                    let file = read(text.as_bytes(), Hit { anchor: CODED, at: 0 }).unwrap();
                    assert_eq!(&file.body[..], body(length), "{text}");
                    assert!(text[file.span.end..].trim_start().len() % file.span.len() == 0, "{text}");
                }
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "untrusted comment:",
            "untrusted comment: no line end",
            "untrusted comment: prose\nand more prose, RWandom",
            "untrusted comment: short\nRWQAAEIy",
            "untrusted comment: %s\\n%s\\n",
            "untrusted comment: <comment>\n<base64 of the key>",
        ] {
            assert!(read(text.as_bytes(), Hit { anchor: PLAIN, at: 0 }).is_err(), "{text}");
        }
    }
}

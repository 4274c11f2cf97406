//! Escaped forms of `+`, `/` and line breaks of base64, in places that do not allow the characters themselves: URLs and
//! forms, JSON, XML, source code, logs.

use crate::text::digit;
use crate::unit::{Unit, unit};

/// Escaped line breaks. JSON inside JSON doubles the backslash.
const BREAKS: [&[u8]; 28] = [
    b"\\n", b"\\r", b"\\\\n", b"\\\\r", b"%0A", b"%0D", b"%0a", b"%0d", b"#012", b"#015", b"&#10;", b"&#13;", b"&#xA;",
    b"&#xD;", b"&#xa;", b"&#xd;", b"\\x0A", b"\\x0D", b"\\x0a", b"\\x0d", b"\\012", b"\\015", b"\\u000A", b"\\u000D",
    b"\\u000a", b"\\u000d", b"`n", b"`r",
];

/// First characters of escapes.
const MARKS: [u8; 5] = [b'\\', b'%', b'#', b'&', b'`'];

/// Maximum length of an escape, in bytes: `\u002B`, `&#x2B;`, `&plus;`.
const LONGEST: usize = 6;

/// Length of the escaped line break at the start of a text.
pub fn line_break(text: &[u8]) -> Option<usize> {
    let is_mark = text.first().is_some_and(|byte| MARKS.contains(byte));
    BREAKS.iter().find(|written| is_mark && text.starts_with(written)).map(|written| written.len())
}

/// Length of the escaped line break at the end of a text.
pub fn line_break_before(text: &[u8]) -> Option<usize> {
    BREAKS.iter().rev().find(|written| text.ends_with(written)).map(|written| written.len())
}

/// The digit `+` or `/` that is escaped at the start of a text, and the length of the escape.
pub fn sign(text: &[u8]) -> Option<(u8, usize)> {
    // More backslashes than three levels of JSON produce are not an escape, and would be counted again at each.
    let slashes = text.iter().take(LONGEST).take_while(|byte| **byte == b'\\').count();
    let (byte, length) = match text {
        _ if slashes == LONGEST => return None,
        [b'%', b'2', b'B' | b'b', ..] => (b'+', 3),
        [b'%', b'2', b'F' | b'f', ..] => (b'/', 3),
        [b'\\' | b'&', ..] => match unit(text)? {
            (Unit::Byte(byte @ (b'+' | b'/')), length) => (byte, length),
            _ => return None,
        },
        _ => return None,
    };
    Some((digit(byte)?, length))
}

/// The start of the escape that ends at `end`, or before it with apparent digits after it. This is the nearest mark:
/// directly before digits or, if the escape ends with a semicolon, a few bytes earlier.
pub fn mark(bytes: &[u8], end: usize) -> Option<usize> {
    let before = bytes.get(..end)?;
    let reach = if before.last() == Some(&b';') { LONGEST } else { 1 };
    let from = end.saturating_sub(reach);
    let at = from
        + before
            .get(from..)?
            .iter()
            .rposition(|byte| MARKS.contains(byte) && *byte != b'#' || reach == 1 && *byte == b'#')?;
    // Backslashes may be doubled.
    let slashes = bytes.get(..at)?.iter().rev().take(4).take_while(|byte| **byte == b'\\').count();
    Some(if bytes.get(at) == Some(&b'\\') { at - slashes } else { at })
}

//! Reads text unit by unit, with escapes undone: the backslashes of source code, JSON and RTF, the backticks of
//! PowerShell, the numeric escapes of rsyslog and Office Open XML, the entities of XML and HTML, and tags that only lay
//! out text.
//!
//! This module knows only how units are written; `armor.rs` decides what they mean.

use super::literal::is_quote;

/// One unit of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A line break, real or escaped.
    Break,
    /// Blank or tab.
    Blank,
    /// A line break of the encoding only, without meaning.
    Nothing,
    /// Any other byte.
    Byte(u8),
}

/// The next unit of a text and its length. `None` at the end.
pub(crate) fn unit(text: &[u8]) -> Option<(Unit, usize)> {
    let plain = |byte, len| {
        let unit = match byte {
            b'\n' | b'\r' => Unit::Break,
            b' ' | b'\t' => Unit::Blank,
            byte => Unit::Byte(byte),
        };
        Some((unit, len))
    };
    match *text {
        [b'\\', ..] => {
            let slashes = text.iter().take_while(|&&b| b == b'\\').count();
            match text.get(slashes..).unwrap_or_default() {
                [b'n' | b'r' | b'\n' | b'\r', ..] => Some((Unit::Break, slashes + 1)),
                rest if let Some((byte, len)) = numbered(rest) => {
                    let (unit, _) = plain(byte, 0)?;
                    Some((unit, slashes + len))
                }
                rest if let Some(len) = rtf_break(rest) => Some((Unit::Break, slashes + len)),
                [b't', ..] => Some((Unit::Blank, slashes + 1)),
                // PHP and older JSON writers escape the slash, .NET and Gson the plus and the equals sign.
                [b'/', ..] => Some((Unit::Byte(b'/'), slashes + 1)),
                // A quote inside a quoted string.
                [quote, ..] if is_quote(*quote) => Some((Unit::Byte(*quote), slashes + 1)),
                _ => Some((Unit::Byte(b'\\'), slashes)),
            }
        }
        // PowerShell.
        [b'`', b'n' | b'r', ..] => Some((Unit::Break, 2)),
        // Escapes of rsyslog for control characters, and of Office Open XML.
        [b'#', b'0', b'1', b'2' | b'5', ..] => Some((Unit::Break, 4)),
        [b'_', b'x', b'0', b'0', b'0', b'A' | b'D' | b'a' | b'd', b'_', ..] => Some((Unit::Break, 7)),
        [b'&', ref entity @ ..] => {
            let len = entity.iter().take(9).position(|&b| b == b';');
            match len.and_then(|len| character(entity.get(..len)?)) {
                Some(byte) => plain(byte, len? + 2),
                None => Some((Unit::Byte(b'&'), 1)),
            }
        }
        [b'<', ref tag @ ..] => match markup(tag) {
            Some(len) => Some((Unit::Break, len + 1)),
            None => Some((Unit::Byte(b'<'), 1)),
        },
        [byte, ..] => plain(byte, 1),
        [] => None,
    }
}

/// The ASCII character whose number follows a backslash, and the length of the number: `x0a`, `012`, `u000a`, `u{a}`,
/// `U0000000A`.
fn numbered(text: &[u8]) -> Option<(u8, usize)> {
    let value = |digits: &[u8], radix| {
        let digits = str::from_utf8(digits).ok()?;
        u8::from_str_radix(digits, radix).ok().filter(|value| value.is_ascii() && !digits.starts_with('+'))
    };
    match text {
        [b'x', digits @ ..] => Some((value(digits.get(..2)?, 16)?, 3)),
        [b'u', b'{', digits @ ..] => {
            let len = digits.iter().take(7).position(|byte| *byte == b'}')?;
            Some((value(digits.get(..len)?, 16)?, len + 3))
        }
        [b'U', digits @ ..] if digits.starts_with(b"0000") => Some((value(digits.get(..8)?, 16)?, 9)),
        [b'u' | b'U', digits @ ..] => Some((value(digits.get(..4)?, 16)?, 5)),
        [b'0'..=b'7', ..] => Some((value(text.get(..3)?, 8)?, 3)),
        _ => None,
    }
}

/// Length of the RTF word that ends a line or a paragraph, including its delimiting blank.
fn rtf_break(text: &[u8]) -> Option<usize> {
    let len = [&b"par"[..], b"line"].iter().find(|word| text.starts_with(word))?.len();
    match text.get(len) {
        Some(b' ') => Some(len + 1),
        Some(byte) if byte.is_ascii_alphanumeric() => None,
        _ => Some(len),
    }
}

/// The character of an XML or HTML entity, if it may be part of a block.
fn character(name: &[u8]) -> Option<u8> {
    match name {
        [b'#', b'x' | b'X', digits @ ..] => u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok(),
        [b'#', digits @ ..] => str::from_utf8(digits).ok()?.parse().ok(),
        b"quot" => Some(b'"'),
        b"apos" => Some(b'\''),
        b"nbsp" => Some(b' '),
        b"plus" => Some(b'+'),
        b"sol" => Some(b'/'),
        b"equals" => Some(b'='),
        b"NewLine" => Some(b'\n'),
        _ => None,
    }
}

/// Length of a tag that only lays out text, from after its `<` through its `>`. Other tags may have a meaning.
fn markup(tag: &[u8]) -> Option<usize> {
    /// Maximum length of a tag with its attributes, in bytes.
    const MAX_TAG: usize = 160;
    let name = tag.strip_prefix(b"/").unwrap_or(tag);
    let len = name.iter().take(5).take_while(|b| b.is_ascii_alphabetic()).count();
    let name = name.get(..len)?;
    let known: [&[u8]; 12] =
        [b"br", b"p", b"div", b"span", b"li", b"td", b"tr", b"pre", b"code", b"wbr", b"font", b"tt"];
    let end = tag.iter().take(MAX_TAG).position(|&b| b == b'>')?;
    known.iter().any(|k| name.eq_ignore_ascii_case(k)).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_entities_and_tags() {
        for (text, expected) in [
            ("\n", Some((Unit::Break, 1))),
            ("\t", Some((Unit::Blank, 1))),
            ("\\n", Some((Unit::Break, 2))),
            ("\\\\\\n", Some((Unit::Break, 4))),
            ("\\/", Some((Unit::Byte(b'/'), 2))),
            ("\\u002b", Some((Unit::Byte(b'+'), 6))),
            ("\\u{a}", Some((Unit::Break, 5))),
            ("\\U0000000A", Some((Unit::Break, 10))),
            ("\\x0aMII", Some((Unit::Break, 4))),
            ("\\x2B", Some((Unit::Byte(b'+'), 4))),
            ("\\012MII", Some((Unit::Break, 4))),
            ("\\\\057", Some((Unit::Byte(b'/'), 5))),
            ("\\x+1", Some((Unit::Byte(b'\\'), 1))),
            ("\\par MII", Some((Unit::Break, 5))),
            ("\\line\n", Some((Unit::Break, 5))),
            ("\\pard", Some((Unit::Byte(b'\\'), 1))),
            ("`nMII", Some((Unit::Break, 2))),
            ("`;", Some((Unit::Byte(b'`'), 1))),
            ("#012MII", Some((Unit::Break, 4))),
            ("#01", Some((Unit::Byte(b'#'), 1))),
            ("_x000D_MII", Some((Unit::Break, 7))),
            ("\\\"", Some((Unit::Byte(b'"'), 2))),
            ("&#x2b;", Some((Unit::Byte(b'+'), 6))),
            ("&#10;", Some((Unit::Break, 5))),
            ("&quot;", Some((Unit::Byte(b'"'), 6))),
            ("&unknown;", Some((Unit::Byte(b'&'), 1))),
            ("<br />", Some((Unit::Break, 6))),
            ("</P>", Some((Unit::Break, 4))),
            ("<key>", Some((Unit::Byte(b'<'), 1))),
            ("<br", Some((Unit::Byte(b'<'), 1))),
            ("A", Some((Unit::Byte(b'A'), 1))),
            ("", None),
        ] {
            assert_eq!(unit(text.as_bytes()), expected, "{text}");
        }
    }
}

//! What the next bytes of a text amount to, with escapes undone: the backslashes of source code and JSON, the entities of
//! XML and HTML, and tags that only lay out text.
//!
//! A file of its own because `armor.rs` asks what a unit means there, and this one only how it is written.

use super::literal::is_quote;

/// One unit of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A line break, real or written out.
    Break,
    /// Blank or tab.
    Blank,
    /// A line break that only the encoding has: it means nothing.
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
                [b't', ..] => Some((Unit::Blank, slashes + 1)),
                // PHP and older JSON writers escape the slash, .NET and Gson the plus and the equals sign.
                [b'/', ..] => Some((Unit::Byte(b'/'), slashes + 1)),
                [b'u' | b'U', b'0', b'0', high, low, ..] => {
                    let hex = |b: u8| char::from(b).to_digit(16);
                    let value = hex(*high)? * 16 + hex(*low)?;
                    plain(value as u8, slashes + 5)
                }
                // A quote inside a quoted string.
                [quote, ..] if is_quote(*quote) => Some((Unit::Byte(*quote), slashes + 1)),
                _ => Some((Unit::Byte(b'\\'), slashes)),
            }
        }
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

/// The character that an entity of XML or HTML stands for, as far as it can stand in a block.
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

/// Length of a tag that only lays out text, from behind its `<` to its `>`. Others may mean something.
fn markup(tag: &[u8]) -> Option<usize> {
    /// Longest tag, with its attributes, in bytes.
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

//! Removes one layer of what programs put into text: terminal sequences, escapes, markup, invisible characters.

use zeroize::Zeroizing;

/// Maximum length of a tag, in bytes. Tags of office documents have many attributes.
const MAX_TAG: usize = 1024;

/// Maximum length of a terminal sequence, in bytes: the title of a window, a link.
const MAX_SEQUENCE: usize = 512;

/// Maximum length of an entity, in bytes.
const MAX_ENTITY: usize = 10;

/// The text without one layer. Never longer than `text`.
pub(super) fn clean(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let before = out.len();
        let (step, character) = unit(rest);
        at += step.max(1);
        match character {
            Written::Nothing => {}
            Written::Back => {
                // A character that is printed again, or an underline.
                out.pop();
            }
            Written::Character(code) => push(&mut out, code),
        }
        // A layer that was removed never grows the text, so nothing is moved in memory.
        debug_assert!(out.len() <= before + step.max(1), "a unit grew");
    }
    out
}

/// What a unit of text is.
#[derive(Clone, Copy)]
enum Written {
    Nothing,
    Back,
    Character(u32),
}

/// Adds a character, if it is visible.
fn push(out: &mut Vec<u8>, code: u32) {
    match code {
        0 | 0xad | 0x200b..=0x200f | 0x2060 | 0xfeff => {}
        0xa0 => out.push(b' '),
        0x85 | 0x2028 | 0x2029 => out.push(b'\n'),
        code => out.push(u8::try_from(code).unwrap_or(b'?')),
    }
}

/// The first unit of a text: its length and meaning.
fn unit(text: &[u8]) -> (usize, Written) {
    const BREAK: Written = Written::Character(b'\n' as u32);
    let of = |step: usize, code: u32| (step, Written::Character(code));
    let hex = |digits: Option<&[u8]>| number(digits?, 16);
    match *text {
        [0x1b, ref rest @ ..] => {
            let (length, is_break) = sequence(rest);
            (1 + length, if is_break { BREAK } else { Written::Nothing })
        }
        // Escape in the notation of a terminal or of `cat -v`.
        [b'^', b'[', b'[' | b']', ..] => of(2, 0x1b),
        [0x08, ..] => (1, Written::Back),
        [b'\\', ref rest @ ..] => escape(rest).map_or((1, Written::Character(b'\\'.into())), |(l, w)| (1 + l, w)),
        [b'`', b'n' | b'r', ..] => (2, BREAK),
        [b'#', b'0', b'1', b'2' | b'5', ..] => (4, BREAK),
        [b'_', b'x', ref digits @ ..] if digits.get(4) == Some(&b'_') => {
            hex(digits.get(..4)).map_or((1, Written::Character(b'_'.into())), |code| of(7, code))
        }
        [b'%', ref digits @ ..] => {
            hex(digits.get(..2)).map_or((1, Written::Character(b'%'.into())), |code| of(3, code))
        }
        // The soft line break of quoted-printable.
        [b'=', b'\n', ..] => (2, Written::Nothing),
        // The same with CRLF, and a byte order mark.
        [b'=', b'\r', b'\n', ..] | [0xef, 0xbb, 0xbf, ..] => (3, Written::Nothing),
        [b'=', ref digits @ ..] => match hex(digits.get(..2)) {
            Some(code) if !digits.iter().take(2).any(u8::is_ascii_lowercase) => of(3, code),
            _ => (1, Written::Character(b'='.into())),
        },
        [b'&', ref rest @ ..] => {
            let length = rest.iter().take(MAX_ENTITY).position(|byte| *byte == b';');
            let code = length.and_then(|length| entity(rest.get(..length)?));
            match (length, code) {
                (Some(length), Some(code)) => of(length + 2, code),
                _ => (1, Written::Character(b'&'.into())),
            }
        }
        [b'<', ref rest @ ..] => tag(rest).map_or((1, Written::Character(b'<'.into())), |(length, is_break)| {
            (length + 1, if is_break { BREAK } else { Written::Nothing })
        }),
        // A chunk of HTTP: its length in hexadecimal, on a line of its own.
        [b'\r', b'\n', ref rest @ ..] => {
            let length = rest.iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let is_chunk = length > 0 && rest.get(length..).is_some_and(|rest| rest.starts_with(b"\r\n"));
            if is_chunk { (length + 4, Written::Nothing) } else { (2, BREAK) }
        }
        [0xc2, second @ 0x80..=0xbf, ..] => of(2, second.into()),
        [0xe2, second @ 0x80..=0xbf, third @ 0x80..=0xbf, ..] => {
            of(3, 0x2000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f))
        }
        [byte, ..] => of(1, byte.into()),
        [] => (0, Written::Nothing),
    }
}

/// The length of a terminal sequence after its ESC, and whether it moves to another line (ECMA-48).
fn sequence(rest: &[u8]) -> (usize, bool) {
    match rest {
        [b'[', rest @ ..] => {
            let length = rest.iter().take(MAX_SEQUENCE).take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            let last = rest.get(length).copied().unwrap_or_default();
            (1 + length + usize::from((0x40..=0x7e).contains(&last)), matches!(last, b'A'..=b'F' | b'H' | b'f' | b'd'))
        }
        // A command to the system ends with BEL or ESC \.
        [b']' | b'P' | b'_' | b'^' | b'X', rest @ ..] => {
            let length = rest.iter().take(MAX_SEQUENCE).position(|byte| matches!(byte, 0x07 | 0x1b));
            let last = length.and_then(|length| rest.get(length));
            (1 + length.map_or(0, |length| length + 1) + usize::from(last == Some(&0x1b)), false)
        }
        [b'(' | b')' | b'#' | b' ', _, ..] => (2, false),
        [b'E' | b'D' | b'M', ..] => (1, true),
        [_, ..] => (1, false),
        [] => (0, false),
    }
}

/// The length of an escape after its backslash, and its meaning.
fn escape(rest: &[u8]) -> Option<(usize, Written)> {
    let of = |step: usize, code: Option<u32>| Some((step, Written::Character(code?)));
    let some = |byte: u8| Some(u32::from(byte));
    match *rest {
        [b'x', ref digits @ ..] => of(3, number(digits.get(..2)?, 16)),
        [b'u', b'{', ref digits @ ..] => {
            let length = digits.iter().take(7).position(|byte| *byte == b'}')?;
            of(length + 3, number(digits.get(..length)?, 16))
        }
        [b'u', ref digits @ ..] => of(5, number(digits.get(..4)?, 16)),
        [b'U', ref digits @ ..] => of(9, number(digits.get(..8)?, 16)),
        // RTF.
        [b'\'', ref digits @ ..] => match digits.get(..2).and_then(|digits| number(digits, 16)) {
            Some(code) => of(3, Some(code)),
            None => of(1, some(b'\'')),
        },
        [b'p', b'a', b'r', ref rest @ ..] => word(3, rest),
        [b'l', b'i', b'n', b'e', ref rest @ ..] => word(4, rest),
        [b'0'..=b'7', ..] => match rest.get(..3).and_then(|digits| number(digits, 8)) {
            Some(code) => of(3, Some(code)),
            None => of(1, some(b'0')).filter(|_| false),
        },
        [b'n' | b'r', ..] => of(1, some(b'\n')),
        [b't' | b'f' | b'v' | b' ', ..] => of(1, some(b' ')),
        [b'b', ..] => Some((1, Written::Back)),
        [b'e' | b'E', ..] => of(1, some(0x1b)),
        // A line that continues.
        [b'\n', ..] => Some((1, Written::Nothing)),
        [b'\r', b'\n', ..] => Some((2, Written::Nothing)),
        [byte @ (b'/' | b'"' | b'\\' | b'$' | b'`' | b'+' | b'='), ..] => of(1, some(byte)),
        _ => None,
    }
}

/// A word of RTF that ends a line.
fn word(length: usize, rest: &[u8]) -> Option<(usize, Written)> {
    let blank = match rest.first() {
        Some(b' ') => 1,
        Some(byte) if byte.is_ascii_alphanumeric() => return None,
        _ => 0,
    };
    Some((length + blank, Written::Character(b'\n'.into())))
}

/// A number in digits of the given radix.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let text = str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(text, radix).ok()
}

/// The character of an entity of XML or HTML.
fn entity(name: &[u8]) -> Option<u32> {
    Some(match name {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        b"quot" => b'"'.into(),
        b"apos" => b'\''.into(),
        b"lt" => b'<'.into(),
        b"gt" => b'>'.into(),
        b"amp" => b'&'.into(),
        b"plus" => b'+'.into(),
        b"sol" => b'/'.into(),
        b"equals" => b'='.into(),
        b"nbsp" | b"ensp" | b"emsp" | b"Tab" => b' '.into(),
        b"NewLine" => b'\n'.into(),
        b"zwnj" | b"zwj" | b"shy" | b"lrm" | b"rlm" => 0x200b,
        _ => return None,
    })
}

/// The length of a tag after its `<`, and whether it ends a line. The names are those of HTML, and of the documents of
/// Office and LibreOffice after their prefix.
fn tag(rest: &[u8]) -> Option<(usize, bool)> {
    const ENDS: [&[u8]; 10] = [b"br", b"p", b"div", b"li", b"tr", b"td", b"pre", b"row", b"line-break", b"si"];
    let name = rest.strip_prefix(b"/").unwrap_or(rest);
    if !name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'!' | b'?')) {
        return None;
    }
    let end = rest.iter().take(MAX_TAG).position(|byte| *byte == b'>')?;
    let length = name.iter().take(24).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-')).count();
    let name = name.get(..length)?;
    let name = name.rsplit(|byte| *byte == b':').next()?;
    Some((end + 1, ENDS.iter().any(|known| name.eq_ignore_ascii_case(known))))
}

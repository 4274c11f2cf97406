//! S-expressions in the forms of libgcrypt (libksba and GnuPG's keyformat.txt; R. Rivest's draft of 1997): canonical,
//! with a length before every atom, and advanced, with tokens, quoted strings, hex and base64. As in libgcrypt, the
//! same code reads both.
//!
//! Atoms may be private numbers, so they are wiped when dropped.

use keyradius_core::error::Malformed;
use zeroize::Zeroizing;

use super::text::{Decoder, digit};

/// Maximum nesting. A key has five levels.
const MAX_DEPTH: usize = 64;
/// Maximum number of atoms and lists. A key has about thirty.
const MAX_NODES: usize = 1 << 16;
/// Maximum length of an atom, in bytes. A number of 65,536 bits has 8,192; a comment may have any length.
const MAX_ATOM: usize = 1 << 20;

/// The error for an expression that exceeds a limit.
pub const TOO_LARGE: &str = "size of an S-expression";

/// An atom or a list.
#[derive(Debug)]
pub enum Node {
    /// Bytes.
    Atom(Zeroizing<Vec<u8>>),
    /// What stands between a pair of parentheses.
    List(Vec<Node>),
}

impl Node {
    /// The bytes of an atom.
    pub fn atom(&self) -> Option<&[u8]> {
        match self {
            Self::Atom(bytes) => Some(bytes),
            Self::List(_) => None,
        }
    }

    /// The items of a list; none of an atom.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Atom(_) => &[],
            Self::List(items) => items,
        }
    }

    /// The first atom of a list.
    pub fn head(&self) -> Option<&[u8]> {
        self.items().first()?.atom()
    }

    /// The nested list whose first atom is `head`.
    pub fn find(&self, head: &[u8]) -> Option<&Self> {
        self.items().iter().find(|item| item.head() == Some(head))
    }

    /// The second atom of such a list: the `x` of `(head x)`.
    pub fn value(&self, head: &[u8]) -> Option<&[u8]> {
        self.find(head)?.items().get(1)?.atom()
    }
}

/// Reads the list at the start of `bytes`, and returns its length in bytes.
pub fn read(bytes: &[u8]) -> Result<(Node, usize), Malformed> {
    let mut open: Vec<Vec<Node>> = Vec::new();
    let mut at = 0;
    for _ in 0..MAX_NODES {
        at += bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let rest = bytes.get(at..).unwrap_or_default();
        let wrong = move |what| Malformed::new(what, at);
        match rest.first().ok_or(wrong("end of an S-expression"))? {
            b'(' if open.len() < MAX_DEPTH => {
                open.push(Vec::new());
                at += 1;
            }
            b')' => {
                at += 1;
                let list = Node::List(open.pop().ok_or(wrong("S-expression"))?);
                match open.last_mut() {
                    Some(around) => around.push(list),
                    None => return Ok((list, at)),
                }
            }
            _ => {
                let around = open.last_mut().ok_or(wrong("list"))?;
                let (atom, length) = atom(rest).ok_or(wrong("atom of an S-expression"))?;
                around.push(Node::Atom(atom));
                at += length;
            }
        }
    }
    Err(Malformed::new(TOO_LARGE, at))
}

/// Reads an atom in any form, and returns the length of its text, including a display hint (`[text/plain]`) and a
/// length before it (libgcrypt, do_vsexp_sscan).
fn atom(text: &[u8]) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let blanks = |at: usize| text.get(at..).unwrap_or_default().iter().take_while(|b| b.is_ascii_whitespace()).count();
    let mut begin = 0;
    if text.first() == Some(&b'[') {
        let (_, hint) = plain_atom(text.get(1..)?)?;
        begin = 1 + hint;
        begin += blanks(begin);
        begin += usize::from(text.get(begin) == Some(&b']'));
        begin += blanks(begin);
    }
    let (atom, length) = plain_atom(text.get(begin..)?)?;
    Some((atom, begin + length))
}

/// Reads an atom without a display hint.
fn plain_atom(text: &[u8]) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let own = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    let digits = text.iter().take(MAX_ATOM).take_while(|byte| byte.is_ascii_digit()).count();
    match text.get(digits)? {
        b':' if digits > 0 => {
            let length: usize = str::from_utf8(text.get(..digits)?).ok()?.parse().ok()?;
            let bytes = text.get(digits..)?.strip_prefix(b":")?.get(..length).filter(|_| length <= MAX_ATOM)?;
            Some((own(bytes), digits + 1 + length))
        }
        // The length before the other forms is ignored.
        b'#' | b'|' | b'"' => delimited(text.get(digits..)?).map(|(bytes, length)| (bytes, digits + length)),
        _ => {
            let token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-./_:*+=".contains(byte);
            let length = text.iter().take(MAX_ATOM).take_while(token).count();
            (length > 0).then(|| (own(text.get(..length).unwrap_or_default()), length))
        }
    }
}

/// Reads an atom in hexadecimal (`#`), in base64 (`|`) or as a string (`"`).
fn delimited(text: &[u8]) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let mark = *text.first()?;
    if mark == b'"' {
        return string(text);
    }
    // `length` is the distance between the two delimiters.
    let length = memchr::memchr(mark, text.get(1..text.len().min(4 * MAX_ATOM))?)?;
    let digits = text.get(1..=length)?.iter().filter(|byte| !byte.is_ascii_whitespace());
    if mark == b'|' {
        let mut decoder = Decoder::with_capacity(length);
        for byte in digits.filter(|byte| **byte != b'=') {
            decoder.push(digit(*byte)?);
        }
        return Some((decoder.finish(), length + 2));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(length / 2));
    let mut high = None;
    for byte in digits {
        let value = char::from(*byte).to_digit(16)? as u8;
        match high.take() {
            None => high = Some(value),
            Some(high) => bytes.push(high << 4 | value),
        }
    }
    high.is_none().then_some((bytes, length + 2))
}

/// Unescapes a quoted string: C escapes, and line continuations (libgcrypt, unquote_string).
fn string(text: &[u8]) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let most = text.len().min(4 * MAX_ATOM);
    let mut bytes = Zeroizing::new(Vec::with_capacity(memchr::memchr(b'"', text.get(1..most)?)?));
    let mut at = 1;
    loop {
        let rest = text.get(at..most)?;
        at += match *rest {
            [b'"', ..] => return Some((bytes, at + 1)),
            [b'\\', b'x', high, low, ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push((digit(high)? << 4 | digit(low)?) as u8);
                4
            }
            [b'\\', first @ b'0'..=b'7', second @ b'0'..=b'7', third @ b'0'..=b'7', ..] => {
                let value = [first, second, third].iter().fold(0_u32, |n, byte| n << 3 | u32::from(byte - b'0'));
                bytes.push(u8::try_from(value).ok()?);
                4
            }
            [b'\\', b'\r', b'\n', ..] | [b'\\', b'\n', b'\r', ..] => 3,
            [b'\\', b'\r' | b'\n', ..] => 2,
            [b'\\', byte, ..] => {
                bytes.push(match byte {
                    b'b' => 8,
                    b't' => b'\t',
                    b'v' => 11,
                    b'n' => b'\n',
                    b'f' => 12,
                    b'r' => b'\r',
                    byte => byte,
                });
                2
            }
            [byte, ..] => {
                bytes.push(byte);
                1
            }
            [] => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_equal() {
        for text in [
            &b"(3:key(5:curve9:NIST P-25)(1:d4:\x01(\xff#))"[..],
            b"(key (curve \"NIST P-25\")(d #0128\n  FF23#))",
            b"( key(curve |TklTVCBQLTI1|) (d #01 28 ff 23# ) ) and more",
            b"(#6b6579#(\"\\x63urve\" [text]\"NIST P\\05525\")(|ZA==| 4#0128ff23#))",
            b"(3\"key\"(5|Y3VydmU=| [#00#]10\"NIST \\\nP-25\")([x]1:d\"\\001(\xff\\x23\"))",
        ] {
            let (node, length) = read(text).unwrap();
            assert_eq!(node.head(), Some(&b"key"[..]));
            assert_eq!(node.value(b"curve"), Some(&b"NIST P-25"[..]));
            assert_eq!(node.value(b"d"), Some(&[0x01, 0x28, 0xff, 0x23][..]));
            assert!(text[..length].ends_with(b")"));
            for cut in 0..length {
                assert!(read(&text[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn unbounded_expressions_are_refused() {
        for text in [
            "(".repeat(100_000),
            format!("({})", "a ".repeat(100_000)),
            "(99999999999999999999:a)".to_owned(),
            "(5:a)".to_owned(),
            "(#012#)".to_owned(),
            "(#xy#)".to_owned(),
            ")".to_owned(),
            "atom".to_owned(),
            "(,)".to_owned(),
            format!("(#{}#)", "00".repeat(MAX_ATOM * 2)),
            "(\"\\x4\")".to_owned(),
            "(\"\\400\")".to_owned(),
            "([text])".to_owned(),
        ] {
            assert!(read(text.as_bytes()).is_err());
        }
    }
}

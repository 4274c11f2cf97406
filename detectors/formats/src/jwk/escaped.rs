//! JSON and program text with escaped letters: every JSON library reads `"\u0064"` as the name `d`.

use zeroize::Zeroizing;

/// A copy of a text in which escapes of printable ASCII letters (`\u0064`, `\x64`) are undone, whatever the number of
/// backslashes that an outer string adds. Escapes of quotes and backslashes stay, as do all other escapes.
pub(crate) struct Unescaped {
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// For each byte of the copy, the end of its original.
    ends: Vec<usize>,
}

impl Unescaped {
    /// Copies `original`. With `quotes`, also undoes escaped quotes, as .NET writes a quote inside a string.
    pub(crate) fn new(original: &[u8], quotes: bool) -> Self {
        let mut text = Zeroizing::new(Vec::with_capacity(original.len()));
        let mut ends = Vec::with_capacity(original.len());
        let mut at = 0;
        while let Some(rest) = original.get(at..).filter(|rest| !rest.is_empty()) {
            let slashes = rest.iter().take_while(|&&byte| byte == b'\\').count();
            let letter = letter(rest).filter(|(letter, _)| quotes || !matches!(letter, b'"' | b'\'' | b'`' | b'\\'));
            if let Some((letter, length)) = letter {
                at += length;
                text.push(letter);
                ends.push(at);
                continue;
            }
            for &byte in rest.iter().take(slashes.max(1)) {
                at += 1;
                text.push(byte);
                ends.push(at);
            }
        }
        Self { text, ends }
    }

    /// The position in the copy of the byte at `at` in the original.
    pub(crate) fn place(&self, at: usize) -> usize {
        self.ends.partition_point(|&end| end <= at)
    }

    /// The end in the original of the first `length` bytes of the copy.
    pub(crate) fn end(&self, length: usize) -> usize {
        length.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default()
    }
}

/// Whether a text contains an escape that [`Unescaped`] may undo.
pub(crate) fn is_escaped(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', text).any(|at| text.get(at..).and_then(letter).is_some())
}

/// The letter of the escape at the start of a text, and the length of the escape.
pub(crate) fn letter(text: &[u8]) -> Option<(u8, usize)> {
    let slashes = text.iter().take_while(|&&byte| byte == b'\\').count();
    let (high, low, length) = match text.get(slashes..)? {
        [b'u', b'0', b'0', high, low, ..] => (high, low, 5),
        [b'x', high, low, ..] => (high, low, 3),
        _ => return None,
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let value = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    (slashes > 0 && matches!(value, b' '..=b'~')).then_some((value, slashes + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_letters_are_undone_and_positions_kept() {
        for (original, quotes, text) in [
            (r#"{"\u0064":"A\u002bB\/"}"#, false, r#"{"d":"A+B\/"}"#),
            (r#"{\"\\u0064\":1}"#, false, r#"{\"d\":1}"#),
            (r#"{"a":"\u0022\u005c"}"#, false, r#"{"a":"\u0022\u005c"}"#),
            (r"{\u0022a\u0022:1}", true, r#"{"a":1}"#),
            (r"\x64\n\u00e9\u0007\u00", false, r"d\n\u00e9\u0007\u00"),
        ] {
            let copy = Unescaped::new(original.as_bytes(), quotes);
            assert_eq!(str::from_utf8(&copy.text).unwrap(), text, "{original}");
            assert_eq!(copy.end(copy.text.len()), original.len());
            assert_eq!(copy.place(original.len() - 1), copy.text.len() - 1);
            assert_eq!(is_escaped(original.as_bytes()), original != text || original.contains("22"), "{original}");
        }
        let copy = Unescaped::new(br#""\u0064":1"#, false);
        assert_eq!((copy.place(0), copy.place(1), copy.place(8), copy.end(2)), (0, 1, 3, 7));
    }
}

//! Joins the string literals that have the same place in the records of a log: the third value of each event of a
//! terminal recording, the value of `log` in each line of a container log, the text that a debugger prints after each
//! address.

use zeroize::Zeroizing;

/// How far before a position its string literal and the line of the literal may begin, in bytes.
const BEFORE: usize = 1 << 14;

/// Maximum length of the text before a literal that is compared, in bytes.
const MAX_PLACE: usize = 64;

/// Number of characters before a literal that are compared loosely: a colon and a blank.
const LOOSE: usize = 2;

/// One string literal.
struct Literal<'a> {
    /// The text between the quotes.
    text: &'a [u8],
    /// Position of the first byte of the text.
    at: usize,
    /// The place in its record.
    place: Vec<u8>,
}

/// Joins the literal around `at` and all after it that have the same place. `None` if `at` is in no literal, or if no
/// other literal has its place. If `loose`, only the end of the text before the literals is compared.
pub(super) fn joined(bytes: &[u8], at: usize, loose: bool) -> Option<Zeroizing<Vec<u8>>> {
    let from = at.saturating_sub(BEFORE);
    let from = memchr::memrchr(b'\n', bytes.get(from..at)?).map_or(from, |found| from + found + 1);
    let literals = || literals(bytes.get(from..).unwrap_or_default(), loose);
    let first = literals().find(|literal| from + literal.at + literal.text.len() >= at)?;
    if from + first.at > at {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() - from));
    let mut count = 0;
    for literal in literals().skip_while(|literal| literal.at < first.at) {
        if literal.place == first.place {
            count += 1;
            out.extend_from_slice(literal.text);
        }
    }
    (count > 1).then_some(out)
}

/// Iterates over the literals in double quotes.
fn literals(text: &[u8], loose: bool) -> impl Iterator<Item = Literal<'_>> {
    let mut at = 0;
    let mut before: &[u8] = b"";
    std::iter::from_fn(move || {
        let gap = text.get(at..)?;
        let open = memchr::memchr(b'"', gap)?;
        let gap = gap.get(..open)?;
        let start = at + open + 1;
        let mut end = start;
        loop {
            end += memchr::memchr2(b'"', b'\\', text.get(end..)?)?;
            if text.get(end) == Some(&b'"') {
                break;
            }
            end += 2;
        }
        let literal = text.get(start..end)?;
        at = end + 1;
        let found = Literal { text: literal, at: start, place: place(before, gap, loose) };
        before = literal;
        Some(found)
    })
}

/// The place of a literal: the name or value before it in its record and the text between, with numbers and blanks of
/// any length alike; on a new line, only the text before it on that line.
fn place(before: &[u8], gap: &[u8], loose: bool) -> Vec<u8> {
    let line = memchr::memrchr(b'\n', gap);
    let gap = gap.get(line.map_or(0, |found| found + 1)..).unwrap_or_default();
    let gap = gap.get(gap.len().saturating_sub(MAX_PLACE)..).unwrap_or_default();
    let mut place = Vec::new();
    if line.is_none() && before.len() <= MAX_PLACE {
        place.extend_from_slice(before);
        place.push(b'"');
    }
    for &byte in gap {
        let byte = match byte {
            b if b.is_ascii_hexdigit() => b'0',
            b if b.is_ascii_whitespace() => b' ',
            b => b,
        };
        if !matches!(byte, b'0' | b' ') || place.last() != Some(&byte) {
            place.push(byte);
        }
    }
    if loose {
        place.drain(..place.len().saturating_sub(LOOSE));
    }
    place
}

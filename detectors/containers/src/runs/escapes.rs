//! Text of which every byte is escaped: `\055\055`, `%2D%2D`, `\u002d\u002d`, `&#45;&#45;`.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::digits;

/// Fewest bytes of a run.
const LEAST: usize = 44;

/// Longest escape, in bytes.
const LONGEST: usize = 10;

/// How far before a place a run may begin, in bytes.
const BEFORE: usize = 64 << 10;

/// Reads the escape at the start of a text: its byte and its length.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Some(((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), 4))
        }
        [b'%', high, low, ..] => Some((digits::byte(*high, *low)?, 3)),
        [b'\\', b'x', high, low, ..] => Some((digits::byte(*high, *low)?, 4)),
        [b'\\', b'u', b'0', b'0', high, low, ..] => Some((digits::byte(*high, *low)?, 6)),
        [b'&', b'#', rest @ ..] => {
            let (radix, skip) = if matches!(rest, [b'x' | b'X', ..]) { (16, 1) } else { (10, 0) };
            let number = rest.get(skip..)?;
            let length = number.iter().take(4).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let value = u8::from_str_radix(str::from_utf8(number.get(..length)?).ok()?, radix).ok()?;
            (number.get(length) == Some(&b';')).then_some((value, 2 + skip + length + 1))
        }
        _ => None,
    }
}

/// The run around a place, from `from` on.
pub(super) fn run(bytes: &[u8], at: usize, from: usize) -> Option<Range<usize>> {
    let floor = at.saturating_sub(BEFORE).max(from);
    let mut start = (at.saturating_sub(LONGEST).max(from)..=at).find(|start| {
        // Two in a row that reach the place, so that the first one is not the end of another.
        let first = bytes.get(*start..).and_then(escape);
        first.is_some_and(|(_, length)| bytes.get(start + length..).and_then(escape).is_some())
    })?;
    while let Some(before) = (1..=LONGEST).find_map(|length| {
        let before = start.checked_sub(length).filter(|before| *before >= floor)?;
        (escape(bytes.get(before..)?)?.1 == length).then_some(before)
    }) {
        start = before;
    }
    let (mut end, mut count) = (start, 0);
    while let Some((_, length)) = bytes.get(end..).and_then(escape) {
        end += length;
        count += 1;
    }
    (count >= LEAST).then_some(start..end)
}

/// Decodes the run that begins at a place.
pub(super) fn decoded(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, Range<usize>)> {
    let mut out = Zeroizing::new(Vec::new());
    let mut end = at;
    while let Some((value, length)) = bytes.get(end..).and_then(escape) {
        out.push(value);
        end += length;
    }
    (out.len() >= LEAST).then_some((out, at..end))
}

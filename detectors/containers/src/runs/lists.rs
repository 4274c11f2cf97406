//! Bytes as numbers, each with the same text around it, in whatever language: `0x2Dh`, `$30`, `&H2D`, `x"2D"`, `16#2D#`,
//! `8'h30`, `'\x30'`, `(byte) 48`, `0x2d.toByte()`, `k: 45` and `- 45` on lines of their own, plain numbers.
//!
//! What is around the numbers is learned from the first ones. A list counts only if its bytes begin like a key or a
//! stream.

use std::ops::Range;

use zeroize::Zeroizing;

use super::{is_stream, starts_zlib};

/// Fewest numbers of a list, and most that are decoded to tell what it is.
const LEAST: usize = 44;
const HEAD: usize = 256;

/// How many elements the text around numbers is learned from.
const LEARNED: usize = 12;

/// Longest element, in bytes, and how far before a place a list may begin.
const LONGEST: usize = 40;
const BEFORE: usize = 16 << 10;

/// How many bytes from a place on are looked at first, and fewest digits in them.
const NEAR: usize = 64;
const DIGITS: usize = 8;

/// Words before the numbers of a line: directives of assemblers.
const DIRECTIVES: [&[u8]; 8] = [b".byte", b".db", b"db", b".dc.b", b"dc.b", b"DCB", b"defb", b"DB"];

/// Whether numbers are dense around a place.
pub(super) fn is_dense(bytes: &[u8], at: usize) -> bool {
    let near = bytes.get(at..).unwrap_or_default();
    // Of a fixed length, all bytes are compared at once.
    near.first_chunk::<NEAR>().map_or_else(|| digits(near), |near| digits(near)) >= DIGITS
}

#[inline]
fn digits(bytes: &[u8]) -> usize {
    // Sums of at most 64, without a check for overflow in the way.
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(u8::from(byte.wrapping_sub(b'0') < 10))).into()
}

/// What ends an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Commas,
    Lines,
    Blanks,
}

/// The notation of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Decimal,
    Hex,
    Octal,
}

/// What is before and after each number.
struct Form<'b> {
    between: Between,
    before: &'b [u8],
    after: &'b [u8],
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] | [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = text {
        text = rest;
    }
    text
}

/// Without what opens a list, and a directive.
fn bare(element: &[u8]) -> &[u8] {
    // An underscore continues a line of Basic.
    let element = Some(trimmed(element)).filter(|element| *element != b"_").unwrap_or_default();
    // Most elements are numbers.
    if !matches!(element.first(), Some(b'.' | b'd' | b'D')) {
        return element;
    }
    DIRECTIVES
        .iter()
        .find_map(|word| element.strip_prefix(*word))
        .filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
        .map_or(element, trimmed)
}

impl Between {
    const fn ends(self, byte: u8) -> bool {
        match self {
            Self::Commas => matches!(byte, b',' | b';' | b'\n'),
            Self::Lines => byte == b'\n',
            Self::Blanks => matches!(byte, b' ' | b'\t' | b'\r' | b'\n'),
        }
    }

    /// The next element, and its end.
    fn next(self, bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
        let mut start = at;
        loop {
            let rest = bytes.get(start..bytes.len().min(start + 4 * LONGEST))?;
            let length = rest.iter().position(|byte| self.ends(*byte)).unwrap_or(rest.len());
            let element = bare(rest.get(..length)?);
            // Line breaks after a comma, and blanks in a row.
            if element.is_empty() && length < rest.len() {
                start += length + 1;
                continue;
            }
            return (!element.is_empty() && element.len() <= LONGEST).then_some((element, start + length));
        }
    }
}

impl<'b> Form<'b> {
    /// Learns the form from the elements at a place.
    fn of(bytes: &'b [u8], at: usize, between: Between) -> Option<Self> {
        let mut elements = Vec::with_capacity(LEARNED);
        let mut end = at;
        while elements.len() < LEARNED {
            let (element, next) = between.next(bytes, end)?;
            // Numbers of at most four digits, with the same text around them.
            let first: &[u8] = elements.first().copied().unwrap_or(element);
            if element.len().abs_diff(first.len()) > 3 || !element.iter().any(u8::is_ascii_hexdigit) {
                return None;
            }
            elements.push(element);
            end = next + 1;
        }
        let first: &[u8] = elements.first()?;
        let common = |same: &dyn Fn(&[u8], usize) -> Option<u8>| {
            (0..first.len())
                .take_while(|at| {
                    elements.iter().all(|one| same(one, *at) == same(first, *at) && same(one, *at).is_some())
                })
                .count()
        };
        let before = common(&|one, at| one.get(at).copied());
        let after = common(&|one, at| one.get(one.len().checked_sub(at + 1)?).copied());
        // Digits that all have belong to the numbers.
        let mut before = first.get(..before)?;
        while before.last().is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b'-') && !before.ends_with(b"0x0") {
            before = before.get(..before.len() - 1)?;
        }
        let before = before.strip_suffix(b"0").filter(|_| before.ends_with(b"0x0")).unwrap_or(before);
        let mut after = first.get(first.len() - after.min(first.len() - before.len())..)?;
        while after.first().is_some_and(u8::is_ascii_hexdigit) {
            after = after.get(1..)?;
        }
        Some(Self { between, before, after })
    }

    /// The digits of the next number, and where its element ends.
    fn number<'t>(&self, bytes: &'t [u8], at: usize) -> Option<(&'t [u8], usize)> {
        let (element, end) = self.between.next(bytes, at)?;
        let digits = element.strip_prefix(self.before)?;
        // The last number may be followed by what closes the list.
        let digits = digits.strip_suffix(self.after).or_else(|| {
            let length = digits.iter().take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'-').count();
            digits.get(..length)
        })?;
        (1..=4).contains(&digits.len()).then_some((digits, end))
    }

    fn value(digits: &[u8], base: Base) -> Option<u8> {
        let radix = match base {
            Base::Decimal => 10,
            Base::Hex => 16,
            Base::Octal => 8,
        };
        let value = i16::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()?;
        u8::try_from(value).or_else(|_| i8::try_from(value).map(i8::cast_unsigned)).ok()
    }

    /// Decodes numbers from a place on, at most `most`. Returns the end of the last one as well.
    fn decode(&self, bytes: &[u8], at: usize, base: Base, most: usize) -> (Zeroizing<Vec<u8>>, usize) {
        let mut out = Zeroizing::new(Vec::new());
        let (mut next, mut last) = (at, at);
        while out.len() < most {
            let Some((digits, end)) = self.number(bytes, next) else { break };
            let Some(value) = Self::value(digits, base) else { break };
            out.push(value);
            (next, last) = (end + 1, end);
        }
        (out, last)
    }
}

/// A list of numbers that begin like something worth reading.
pub(super) struct List<'b> {
    form: Form<'b>,
    base: Base,
    start: usize,
}

impl<'b> List<'b> {
    /// Finds the list around a place, from `from` on. If there is none, returns how far there is none.
    pub(super) fn around(bytes: &'b [u8], at: usize, from: usize) -> Result<(Self, usize), usize> {
        let line_start = memchr::memrchr(b'\n', bytes.get(from.min(at)..at).unwrap_or_default())
            .map_or(from, |line| from + line + 1);
        let line = bytes.get(line_start..bytes.len().min(line_start + 4 * NEAR)).unwrap_or_default();
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let commas = line.iter().filter(|byte| matches!(byte, b',' | b';')).count();
        let between = match commas {
            3.. => Between::Commas,
            // A number on each line, with or without a comma.
            0 | 1 if line.len() <= LONGEST => {
                if commas == 1 {
                    Between::Commas
                } else {
                    Between::Lines
                }
            }
            _ => Between::Blanks,
        };
        let none = at + 4 * NEAR;
        // From the end of the element at the place on.
        let rest = bytes.get(at..bytes.len().min(at + 2 * LONGEST)).unwrap_or_default();
        let Some(begin) = rest.iter().position(|byte| between.ends(*byte)).map(|end| at + end + 1) else {
            return Err(none);
        };
        let Some(form) = Form::of(bytes, begin, between) else { return Err(none) };
        let floor = at.saturating_sub(BEFORE).max(from);
        let start = form.start(bytes, begin, floor);
        for base in [Base::Hex, Base::Decimal, Base::Octal] {
            let (head, _) = form.decode(bytes, start, base, HEAD);
            if head.len() >= LEAST && is_promising(&head) {
                let (_, end) = form.decode(bytes, start, base, usize::MAX);
                return Ok((Self { form, base, start }, end));
            }
        }
        let (numbers, end) = form.decode(bytes, begin, Base::Hex, usize::MAX);
        Err(if numbers.is_empty() { none } else { end.max(none) })
    }

    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// All bytes of the list, and where it ends.
    pub(super) fn decoded(&self, bytes: &[u8]) -> (Zeroizing<Vec<u8>>, Range<usize>) {
        let (out, end) = self.form.decode(bytes, self.start, self.base, usize::MAX);
        (out, self.start..end)
    }
}

impl Form<'_> {
    /// The start of the list before a place, not below `floor`.
    fn start(&self, bytes: &[u8], place: usize, floor: usize) -> usize {
        let mut start = place;
        loop {
            // Back over what separates two elements, then over the element.
            let before = bytes.get(floor..start).unwrap_or_default();
            // An underscore continues a line of Basic.
            let blank = |byte: &&u8| byte.is_ascii_whitespace() || self.between.ends(**byte) || **byte == b'_';
            let gap = before.iter().rev().take_while(blank).count();
            let element_end = before.len() - gap;
            let element = before.get(..element_end).unwrap_or_default();
            let length = element.iter().rev().take(LONGEST).take_while(|byte| !self.between.ends(**byte)).count();
            let text = element.get(element_end - length..).unwrap_or_default();
            // What opens the list may be before its first number.
            let Some(from) = self.last_number(text).filter(|_| gap > 0) else { return start };
            start = floor + element_end - length + from;
            if from > 0 {
                return start;
            }
        }
    }

    /// Where a number begins that ends a text: 0 if it is the whole text.
    fn last_number(&self, text: &[u8]) -> Option<usize> {
        if !trimmed(text).ends_with(self.after) {
            return None;
        }
        let bare = bare(text);
        let is_number = |text: &[u8]| {
            text.strip_prefix(self.before).and_then(|rest| rest.strip_suffix(self.after)).is_some_and(|digits| {
                (1..=4).contains(&digits.len()) && digits.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
            })
        };
        if is_number(bare) {
            return Some(0);
        }
        (1..text.len()).find(|from| {
            let is_border = text.get(from - 1).is_some_and(|byte| b"[({=: \t\n".contains(byte));
            let rest = text.get(*from..).filter(|rest| rest.first().is_some_and(|first| !first.is_ascii_whitespace()));
            is_border && rest.is_some_and(|rest| is_number(trimmed(rest)))
        })
    }
}

/// Whether bytes begin like a key or a stream.
fn is_promising(head: &[u8]) -> bool {
    let is_der = matches!(head, [0x30, 0x82, _, _, 2 | 0x30, ..] | [0x30, 0x81, _, 2 | 0x30, ..])
        || matches!(head, [0x30, 0x2e..=0x7f, 2, 1, ..] | [0x30, 0x80, 2 | 0x30, ..]);
    is_der || memchr::memmem::find(head, b"-----BEGIN ").is_some() || is_stream(head) || starts_zlib(head)
}

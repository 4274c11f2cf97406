//! Bytes as numbers, each with the same text around it, in whatever language: `0x2Dh`, `$30`, `&H2D`, `x"2D"`, `16#2D#`,
//! `8'h30`, `'\x30'`, `(byte) 48`, `0x2d.toByte()`, `to_unsigned(48,8)`, `00101101`, `k: 45`, `- 45` and `k[7] = 45;` on
//! lines of their own, `"7":45`, `chr(48).chr(119)`, plain numbers.
//!
//! What separates the numbers, and what is around them, is learned from the first ones: a fixed text before and after
//! each, and perhaps a counter in between. A list counts only if its bytes begin like a key, a stream or text.

use std::ops::Range;

use zeroize::Zeroizing;

use super::promise::is_promising;

/// Fewest numbers of a list, and most that are decoded to tell what it is.
const LEAST: usize = 44;
const HEAD: usize = 256;

/// How many elements the text around numbers is learned from.
const LEARNED: usize = 12;

/// Most digits of a number: eight binary ones, and the sign of their base.
const MOST_DIGITS: usize = 10;

/// Fewest separators in the text that is looked at.
const SEPARATORS: usize = 4;

/// Other separators than commas, lines and blanks. Most bytes from one to the next, on average: text has full stops and
/// colons as well.
const APART: usize = 12;
const OTHERS: [u8; 8] = *b"|:.&+/\\#";

/// Longest element, in bytes, and how far before a place a list may begin.
const LONGEST: usize = 40;
const BEFORE: usize = 16 << 10;

/// How many bytes from a place on are looked at first, and fewest digits in them: of a list, of a dump.
const NEAR: usize = 64;
const DIGITS: usize = 8;
const OF_DUMP: usize = 18;

/// Words before the numbers of a line: directives of assemblers.
const DIRECTIVES: [&[u8]; 8] = [b".byte", b".db", b"db", b".dc.b", b"dc.b", b"DCB", b"defb", b"DB"];

/// Whether there are as many digits behind a place as in a dump.
pub(super) fn is_dense_as_dump(bytes: &[u8], at: usize) -> bool {
    digits_from(bytes, at) >= OF_DUMP
}

/// Whether there are as many digits around a place as in a list. A list of [`LEAST`] numbers goes on behind the first
/// bytes, or began before them; a date in a sentence does neither.
pub(super) fn is_dense(bytes: &[u8], at: usize) -> bool {
    let is_dense = |at: usize| digits_from(bytes, at) >= DIGITS;
    is_dense(at) && (is_dense(at + NEAR) || at.checked_sub(NEAR).is_some_and(is_dense))
}

/// The number of digits in [`NEAR`] bytes from a place on.
fn digits_from(bytes: &[u8], at: usize) -> usize {
    let near = bytes.get(at..).unwrap_or_default();
    // Of a fixed length, all bytes are compared at once.
    near.first_chunk::<NEAR>().map_or_else(|| digits(near), |near| digits(near))
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
    /// Every second comma, where elements contain one.
    Pairs,
    Lines,
    Blanks,
    Other(u8),
}

/// The notation of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Decimal,
    Hex,
    Octal,
    Binary,
}

/// What is before and after each number.
struct Form<'b> {
    between: Between,
    before: &'b [u8],
    /// What is between a counter and the number.
    counted: Option<&'b [u8]>,
    after: &'b [u8],
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] | [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = text {
        text = rest;
    }
    text
}

/// Without comments, a label, and a directive.
fn bare(element: &[u8]) -> &[u8] {
    // An underscore continues a line of Basic.
    let mut element = Some(trimmed(element)).filter(|element| *element != b"_").unwrap_or_default();
    // Most elements are numbers or words.
    if element.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'(' | b')' | b'"' | b'\'')) {
        return element;
    }
    if element.len() <= 4
        && !element.contains(&b':')
        && !matches!(element, [b'.' | b'd' | b'D' | b'/' | b'#', ..] | [.., b'+' | b'\\' | b'&'])
    {
        return element;
    }
    // What joins two lines.
    if let [rest @ .., b'+' | b'\\' | b'&'] = element {
        element = trimmed(rest);
    }
    if let [b'/', b'*', rest @ ..] = element {
        let end = rest.windows(2).position(|two| two == b"*/");
        element = trimmed(end.and_then(|end| rest.get(end + 2..)).unwrap_or_default());
    }
    if element.ends_with(b"*/") {
        let start = element.windows(2).position(|two| two == b"/*");
        element = trimmed(start.and_then(|start| element.get(..start)).unwrap_or(element));
    }
    // A comment after the number, a label before it. One look at each pair: searchers are slow for so few bytes.
    let (mut comment, mut label) = (element.len(), 0);
    for (at, two) in element.windows(2).enumerate() {
        match two {
            [b'/', b'/'] | [b'-', b'-'] | [b'#', b' '] => {
                comment = at;
                break;
            }
            [b':', b' ' | b'\t'] => label = at + 2,
            _ => {}
        }
    }
    element = trimmed(element.get(label..comment).unwrap_or_default());
    if !matches!(element.first(), Some(b'.' | b'd' | b'D')) {
        return element;
    }
    DIRECTIVES
        .iter()
        .find_map(|word| element.strip_prefix(*word))
        .filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
        .map_or(element, trimmed)
}

/// Whether a byte may be part of a number: of its digits, its sign, or the letter of its base.
const fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'-')
}

/// The number of bytes at the start of a text that may be a number.
fn number_length(text: &[u8]) -> usize {
    text.iter().take(MOST_DIGITS + 1).take_while(|byte| is_of_number(**byte)).count()
}

impl Between {
    const fn ends(self, byte: u8) -> bool {
        match self {
            Self::Commas | Self::Pairs => matches!(byte, b',' | b';' | b'\n'),
            Self::Lines => byte == b'\n',
            Self::Blanks => matches!(byte, b' ' | b'\t' | b'\r' | b'\n'),
            Self::Other(separator) => byte == separator || byte == b'\n',
        }
    }

    /// The next element, and its end.
    fn next(self, bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
        let mut start = at;
        loop {
            let rest = bytes.get(start..bytes.len().min(start + 4 * LONGEST))?;
            let mut length = rest.iter().position(|byte| self.ends(*byte)).unwrap_or(rest.len());
            if self == Self::Pairs && rest.get(length) == Some(&b',') {
                let more = rest.get(length + 1..)?;
                length += 1 + more.iter().position(|byte| self.ends(*byte)).unwrap_or(more.len());
            }
            if length > 3 * LONGEST {
                return None;
            }
            let element = bare(rest.get(..length)?);
            // Line breaks after a comma, and blanks in a row.
            if element.is_empty() && length < rest.len() {
                start += length + 1;
                continue;
            }
            return (!element.is_empty() && element.len() <= LONGEST).then_some((element, start + length));
        }
    }

    /// What may separate the numbers of a line, most likely first.
    fn of(line: &[u8]) -> impl Iterator<Item = Self> {
        // Counted once: the line, of at most 4 * NEAR bytes, is asked for many signs.
        let mut signs = [0_u16; 128];
        for byte in line {
            if let Some(sign) = signs.get_mut(usize::from(*byte)) {
                *sign = sign.wrapping_add(1);
            }
        }
        let count = |sign: u8| usize::from(signs.get(usize::from(sign)).copied().unwrap_or_default());
        let commas = count(b',') + count(b';');
        let first = match commas {
            3.. => Self::Commas,
            // A number on each line, with or without a comma.
            1 if line.len() <= LONGEST => Self::Commas,
            0 if line.len() <= LONGEST => Self::Lines,
            _ => Self::Blanks,
        };
        let pairs = (commas > 5).then_some(Self::Pairs);
        // Several on a short line; a counter and a number.
        let other = match first {
            Self::Lines => (count(b' ') >= SEPARATORS).then_some(Self::Blanks),
            Self::Commas if commas == 1 => Some(Self::Lines),
            _ => None,
        };
        let others = OTHERS.into_iter().filter(|_| commas < 3);
        let others: Vec<Self> =
            others.filter(|sign| count(*sign) >= SEPARATORS.max(line.len() / APART)).map(Self::Other).collect();
        [Some(first), pairs, other].into_iter().flatten().chain(others)
    }
}

/// How many bytes elements have in common, compared by `same`.
fn common(elements: &[&[u8]], same: impl Fn(&[u8], usize) -> Option<u8>) -> usize {
    let Some((first, rest)) = elements.split_first() else { return 0 };
    (0..first.len())
        .take_while(|at| {
            let byte = same(first, *at);
            byte.is_some() && rest.iter().all(|one| same(one, *at) == byte)
        })
        .count()
}

/// The text that begins all elements, without the digits that all numbers have in common.
fn prefix<'b>(elements: &[&'b [u8]]) -> &'b [u8] {
    let length = common(elements, |one, at| one.get(at).copied());
    let mut before = elements.first().and_then(|first| first.get(..length)).unwrap_or_default();
    while before.last().is_some_and(|byte| is_of_number(*byte)) && !before.ends_with(b"0x0") {
        before = before.get(..before.len() - 1).unwrap_or_default();
    }
    before.strip_suffix(b"0").filter(|_| before.ends_with(b"0x0")).unwrap_or(before)
}

/// Elements without a counter, which grows by one from each to the next.
fn uncounted<'b>(elements: &[&'b [u8]]) -> Option<Vec<&'b [u8]>> {
    let mut last = None;
    let rest = elements.iter().map(|element| {
        let element = element.strip_prefix(b"0x").unwrap_or(element);
        let digits = element.get(..element.iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count())?;
        let text = str::from_utf8(digits).ok()?;
        let now = [10, 16].map(|radix| u32::from_str_radix(text, radix).ok());
        let grows = last.is_none_or(|last: [Option<u32>; 2]| {
            last.iter().zip(&now).any(|(last, now)| now.is_some() && *now == last.and_then(|last| last.checked_add(1)))
        });
        last = Some(now);
        element.get(digits.len()..).filter(|rest| grows && !rest.is_empty())
    });
    rest.collect()
}

impl<'b> Form<'b> {
    /// Learns the form from the elements at a place.
    fn of(bytes: &'b [u8], at: usize, between: Between) -> Option<Self> {
        let mut elements: Vec<&[u8]> = Vec::with_capacity(LEARNED);
        let (mut end, mut wordy) = (at, 0);
        while elements.len() < LEARNED {
            let (element, next) = between.next(bytes, end)?;
            // Numbers of a few digits, with the same text around them.
            let first: &[u8] = elements.first().copied().unwrap_or(element);
            if element.len().abs_diff(first.len()) > 4 || !element.iter().any(u8::is_ascii_hexdigit) {
                return None;
            }
            // Of hexadecimal numbers, few have letters only. Most words have no digit.
            wordy += usize::from(!element.iter().any(u8::is_ascii_digit));
            if wordy > 1 + elements.len() / 2 {
                return None;
            }
            elements.push(element);
            end = next + 1;
        }
        let before = prefix(&elements);
        let mut numbers: Vec<&[u8]> = elements.iter().filter_map(|one| one.get(before.len()..)).collect();
        let mut counted = None;
        // A counter is followed by other text than digits.
        let length = numbers.first().map_or(0, |one| number_length(one));
        if numbers
            .iter()
            .all(|one| one.get(number_length(one)..).is_some_and(|rest| rest.iter().any(u8::is_ascii_hexdigit)))
            && length > 0
            && let Some(rest) = uncounted(&numbers)
        {
            let middle = prefix(&rest);
            numbers = rest.iter().filter_map(|one| one.get(middle.len()..)).collect();
            counted = Some(middle);
        }
        let first: &[u8] = numbers.first()?;
        let length = common(&numbers, |one, at| one.get(one.len().checked_sub(at + 1)?).copied());
        let mut after = first.get(first.len() - length..)?;
        while after.first().is_some_and(|byte| is_of_number(*byte)) {
            after = after.get(1..)?;
        }
        Some(Self { between, before, counted, after })
    }

    /// What follows the text before a number. The text before the first one may begin elsewhere.
    fn after_text<'t>(&self, element: &'t [u8], is_first: bool) -> Option<&'t [u8]> {
        let whole = Some(element).filter(|one| is_first && one.first().is_some_and(|first| is_of_number(*first)));
        let rest = element.strip_prefix(self.before).or(whole)?;
        let Some(middle) = self.counted else { return Some(rest) };
        let rest = rest.strip_prefix(b"0x").unwrap_or(rest);
        rest.get(number_length(rest)..)?.strip_prefix(middle)
    }

    /// The digits of the next number, where its element ends, and whether it is the last one.
    fn number<'t>(&self, bytes: &'t [u8], at: usize, is_first: bool) -> Option<(&'t [u8], usize, bool)> {
        let (element, end) = self.between.next(bytes, at)?;
        let rest = self.after_text(element, is_first)?;
        let digits = rest.get(..number_length(rest))?;
        // The last number may be followed by what closes the list.
        let is_last = rest.get(digits.len()..) != Some(self.after);
        let closes =
            rest.get(digits.len()).is_none_or(|byte| !byte.is_ascii_alphanumeric() || self.after.contains(byte));
        ((1..=MOST_DIGITS).contains(&digits.len()) && (!is_last || closes)).then_some((digits, end, is_last))
    }

    fn value(digits: &[u8], base: Base) -> Option<u8> {
        let radix = match base {
            Base::Decimal => 10,
            Base::Hex => 16,
            Base::Octal => 8,
            Base::Binary => 2,
        };
        // Letters that are hexadecimal digits as well: `0b101`, `101b`, `8'd48`.
        let digits = match (base, digits) {
            (Base::Binary, [b'0', b'b', rest @ ..] | [b'b' | b'B', rest @ ..] | [rest @ .., b'b' | b'B'])
            | (Base::Decimal, [b'd' | b'D', rest @ ..] | [rest @ .., b'd' | b'D']) => rest,
            (_, digits) => digits,
        };
        if (base == Base::Binary) != (digits.len() == 8) || (base != Base::Binary && digits.len() > 4) {
            return None;
        }
        let value = i16::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()?;
        u8::try_from(value).or_else(|_| i8::try_from(value).map(i8::cast_unsigned)).ok()
    }

    /// Decodes numbers from a place on, at most `most`. Returns the end of the last one as well.
    fn decode(&self, bytes: &[u8], at: usize, base: Base, most: usize) -> (Zeroizing<Vec<u8>>, usize) {
        let mut out = Zeroizing::new(Vec::new());
        let (mut next, mut last) = (at, at);
        while out.len() < most {
            let Some((digits, end, is_last)) = self.number(bytes, next, out.is_empty()) else { break };
            let Some(value) = Self::value(digits, base) else { break };
            out.push(value);
            (next, last) = (end + 1, end);
            if is_last {
                break;
            }
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
    /// Finds the list around a place, from `from` on. Otherwise returns how far was searched.
    pub(super) fn around(bytes: &'b [u8], at: usize, from: usize) -> Result<(Self, usize), usize> {
        let line_start = memchr::memrchr(b'\n', bytes.get(from.min(at)..at).unwrap_or_default())
            .map_or(from, |line| from + line + 1);
        let line = bytes.get(line_start..bytes.len().min(line_start + 4 * NEAR)).unwrap_or_default();
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let floor = at.saturating_sub(BEFORE).max(from);
        let mut none = at + 4 * NEAR;
        // From the end of the element at the place on.
        let rest = bytes.get(at..bytes.len().min(at + 2 * LONGEST)).unwrap_or_default();
        for (number, between) in Between::of(line).enumerate() {
            let mut ends =
                rest.iter().enumerate().filter(|(_, byte)| between.ends(**byte)).map(|(end, _)| at + end + 1);
            // Of two halves of a pair, either may come first.
            for begin in ends.by_ref().take(if between == Between::Pairs { 2 } else { 1 }) {
                let Some(form) = Form::of(bytes, begin, between) else { continue };
                let start = form.start(bytes, begin, floor);
                let is_gap = |byte: &&u8| byte.is_ascii_whitespace() || between.ends(**byte);
                let start = start + bytes.get(start..).unwrap_or_default().iter().take_while(is_gap).count();
                for base in [Base::Hex, Base::Decimal, Base::Octal, Base::Binary] {
                    let (head, _) = form.decode(bytes, start, base, HEAD);
                    if head.len() >= LEAST && is_promising(&head) {
                        let (_, end) = form.decode(bytes, start, base, usize::MAX);
                        return Ok((Self { form, base, start }, end));
                    }
                }
                if number == 0 {
                    none = none.max(form.decode(bytes, begin, Base::Hex, usize::MAX).1);
                }
            }
        }
        Err(none)
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
            let back = |from: usize| {
                let element = element.get(..from).unwrap_or_default();
                element.iter().rev().take(LONGEST).take_while(|byte| !self.between.ends(**byte)).count()
            };
            let mut length = back(element_end);
            if self.between == Between::Pairs && length < element_end {
                length += 1 + back(element_end - length - 1);
            }
            let text = element.get(element_end - length..).unwrap_or_default();
            // A comment at the end of a line.
            if gap > 0 && !text.is_empty() && bare(text).is_empty() {
                start = floor + element_end - length;
                continue;
            }
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
        let bare = bare(text);
        if !bare.ends_with(self.after) {
            return None;
        }
        let is_number_of = |text: &[u8], is_first: bool| {
            let rest = self.after_text(text, is_first).and_then(|rest| rest.strip_suffix(self.after));
            rest.is_some_and(|digits| {
                (1..=MOST_DIGITS).contains(&digits.len()) && number_length(digits) == digits.len()
            })
        };
        if is_number_of(bare, false) {
            return Some(0);
        }
        (1..text.len()).find(|from| {
            let last = text.get(from - 1).copied().unwrap_or_default();
            let is_border = b"[({=: \t\n\"'`<>|!+".contains(&last);
            let rest = text.get(*from..).filter(|rest| rest.first().is_some_and(|first| !first.is_ascii_whitespace()));
            // Of the text before the numbers, the end at least.
            let is_cut = self.before.last() == Some(&last);
            is_border && rest.is_some_and(|rest| is_number_of(trimmed(rest), is_cut))
        })
    }
}

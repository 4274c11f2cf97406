//! Dumps of memory and files as words or decimal and octal bytes: `od -t x4`, `od -t u1`, `od -A n -c`, `xxd -e`,
//! `x/8xb` and `x/4xw` of gdb, `md.l` of U-Boot. Each line has perhaps an offset or a label, then numbers, then perhaps
//! text.
//!
//! The width of a number is learned from its digits and from how the offset grows. With offsets that fit, a dump is read
//! whatever it contains; without, its bytes must begin like a key, a stream or text.

use std::ops::Range;

use keyradius_readers::cells::characters;
use zeroize::Zeroizing;

use super::promise::{is_promising, may_promise, starts_like_key};

/// Fewest bytes of a dump, and most that are decoded to tell what it is.
const LEAST: usize = 40;
const HEAD: usize = 256;

/// How many bytes are decoded to tell what a dump cannot be.
const FIRST: usize = 8;

/// Longest line, longest label, most numbers of a line, how far before a place a dump may begin: in bytes.
const LINE: usize = 400;
const LABEL: usize = 64;
const MOST: usize = 64;
const BEFORE: usize = 16 << 10;

/// How the numbers are written, and how many bytes each stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Notation {
    radix: u32,
    width: usize,
    is_big: bool,
}

const fn little(radix: u32, width: usize) -> Notation {
    Notation { radix, width, is_big: false }
}

const NOTATIONS: [Notation; 15] = [
    little(16, 1),
    little(16, 2),
    little(16, 4),
    little(16, 8),
    Notation { radix: 16, width: 2, is_big: true },
    Notation { radix: 16, width: 4, is_big: true },
    Notation { radix: 16, width: 8, is_big: true },
    little(8, 1),
    little(8, 2),
    little(8, 4),
    little(8, 8),
    little(10, 1),
    little(10, 2),
    little(10, 4),
    little(10, 8),
];

impl Notation {
    /// Whether a number may have this many digits.
    fn fits(self, digits: usize) -> bool {
        match self.radix {
            16 => digits == 2 * self.width,
            // Three bits a digit, the first one cut.
            8 => digits == (8 * self.width).div_ceil(3),
            // The most digits that a signed or unsigned number has.
            _ => digits <= [3, 5, 10, 20].get(self.width.trailing_zeros() as usize).copied().unwrap_or_default(),
        }
    }

    /// Appends the bytes of a number.
    fn push(self, word: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let (is_negative, digits) = match word {
            [b'-', digits @ ..] if self.radix == 10 => (true, digits),
            _ => (false, word),
        };
        let value = u64::from_str_radix(str::from_utf8(digits).ok()?, self.radix).ok()?;
        let bits = 8 * self.width as u32;
        let most = u64::MAX >> (64 - bits);
        if !self.fits(digits.len()) || value > most || (is_negative && value > 1 << (bits - 1)) {
            return None;
        }
        let value = if is_negative { value.wrapping_neg() & most } else { value };
        let bytes = value.to_le_bytes();
        let bytes = bytes.get(..self.width)?;
        if self.is_big {
            out.extend(bytes.iter().rev());
        } else {
            out.extend_from_slice(bytes);
        }
        Some(())
    }
}

/// A line of a dump.
struct Line<'b> {
    /// The first number of the label, and whether it ends with a colon.
    label: Option<(&'b [u8], bool)>,
    words: Vec<&'b [u8]>,
    /// As cells of four characters, from the start of the line on.
    cells: Option<Zeroizing<Vec<u8>>>,
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'-'
}

/// The first number of a label, and whether it ends with a colon; and what follows the label.
type Labelled<'b> = (Option<(&'b [u8], bool)>, &'b [u8]);

/// Splits a line after its label.
fn labelled(text: &[u8]) -> Option<Labelled<'_>> {
    let head = text.get(..text.len().min(LABEL))?;
    let colon = memchr::memchr_iter(b':', head).find(|at| matches!(text.get(at + 1), Some(b' ' | b'\t')));
    let Some(colon) = colon else { return Some((None, text)) };
    let label = text.get(..colon)?.trim_ascii();
    let label = label.strip_prefix(b"0x").unwrap_or(label);
    let digits = label.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    Some((Some((label.get(..digits)?, true)).filter(|_| digits > 0), text.get(colon + 1..)?))
}

/// The numbers at the start of a text.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let all = text.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).filter(|word| !word.is_empty());
    let all = all.map(|word| word.strip_prefix(b"0x").unwrap_or(word));
    all.take_while(|word| word.len() <= 22 && word.iter().all(|byte| is_word(*byte))).take(MOST + 1)
}

/// Whether [`Line::of`] reads a line: called for many that are none.
fn is_line(text: &[u8]) -> bool {
    let Some((label, rest)) = labelled(text) else { return false };
    match words(rest).take(2).count() {
        0 => label.is_none() && characters(text).is_some(),
        // A line of one number, or the last one of a dump.
        1 => words(rest).count() == 1 || characters(text).is_some(),
        _ => true,
    }
}

impl<'b> Line<'b> {
    fn of(text: &'b [u8]) -> Option<Self> {
        let cells = characters(text);
        let (label, rest) = labelled(text)?;
        let words: Vec<_> = words(rest).collect();
        if label.is_some() && words.is_empty() || cells.is_none() && words.len() < 2 {
            return (words.len() == 1).then_some(Self { label, words, cells });
        }
        Some(Self { label, words, cells })
    }
}

/// The line from a place on, without its end.
fn line(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..bytes.len().min(start + LINE + 1)).filter(|rest| !rest.is_empty())?;
    let length = memchr::memchr(b'\n', rest).or_else(|| (rest.len() <= LINE).then_some(rest.len()))?;
    rest.get(..length)
}

/// How far an offset grows from one line to the next, in any radix that fits.
fn growth(from: &[u8], to: &[u8]) -> [Option<usize>; 3] {
    [16, 8, 10].map(|radix| {
        let read = |text: &[u8]| u64::from_str_radix(str::from_utf8(text).ok()?, radix).ok();
        usize::try_from(read(to)?.checked_sub(read(from)?)?).ok().filter(|by| (1..=512).contains(by))
    })
}

/// What a dump is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Cells,
    /// Numbers. Whether the first of a line is an offset, and how many bytes a line has.
    Words {
        notation: Notation,
        has_offset: bool,
        bytes: Option<usize>,
    },
}

impl Kind {
    /// Tells what the lines from a place on are.
    fn of(bytes: &[u8], start: usize) -> Option<Self> {
        let first = line(bytes, start)?;
        let second = line(bytes, start + first.len() + 1).unwrap_or_default();
        let (one, two) = (Line::of(first)?, Line::of(second)?);
        let begins = |kind: Self| starts_like_key(&kind.decode(bytes, start, HEAD).0);
        let promises = |kind: Self| {
            // Most lines of numbers are seen through by their first bytes.
            let (first, _) = kind.decode(bytes, start, FIRST);
            may_promise(&first) && {
                let (head, _) = kind.decode(bytes, start, HEAD);
                head.len() >= LEAST && is_promising(&head)
            }
        };
        if one.cells.is_some() && two.cells.is_some() && promises(Self::Cells) {
            return Some(Self::Cells);
        }
        let labels = one.label.zip(two.label).map(|(one, two)| (one.0, two.0));
        let plain = one.words.first().zip(two.words.first()).map(|(one, two)| (*one, *two));
        // Offsets without a colon have a fixed length.
        let plain = plain.filter(|(one, two)| labels.is_none() && one.len() == two.len() && one.len() >= 4);
        // Words of the text after the numbers may look like numbers.
        for is_exact in [true, false] {
            for (offsets, has_offset) in [(labels, false), (plain, true)] {
                let Some((from, to)) = offsets else { continue };
                let words = one.words.get(usize::from(has_offset)..).unwrap_or_default();
                for by in growth(from, to).into_iter().flatten() {
                    let kind = |notation| Self::Words { notation, has_offset, bytes: Some(by) };
                    let is_one = |notation: &Notation| {
                        let count = by / notation.width;
                        let fits = |word: &&[u8]| notation.push(word, &mut Vec::new()).is_some();
                        count > 1
                            && count * notation.width == by
                            && (count == words.len() || !is_exact)
                            && words.get(..count).is_some_and(|words| words.iter().all(fits))
                    };
                    // Of the numbers that may be decimal as well, those are read that say something.
                    let is_sure = |notation: &Notation| notation.width > 1 && notation.radix != 10 && !notation.is_big;
                    let all = || NOTATIONS.into_iter().filter(is_one);
                    // Text in the wrong order is text, too.
                    let best = all()
                        .find(|notation| begins(kind(*notation)))
                        .or_else(|| all().find(|notation| promises(kind(*notation))))
                        .or_else(|| all().find(is_sure));
                    if let Some(notation) = best {
                        return Some(kind(notation));
                    }
                }
            }
        }
        let digits = |word: &&[u8]| word.strip_prefix(b"-").unwrap_or(word).len();
        let fits = |notation: &Notation| one.words.iter().take(2).all(|word| notation.fits(digits(word)));
        let fitting = NOTATIONS.into_iter().filter(|notation| !one.words.is_empty() && fits(notation));
        let mut kinds = fitting.map(|notation| Self::Words { notation, has_offset: false, bytes: None });
        kinds.find(|kind| promises(*kind))
    }

    /// Decodes lines from a place on, at most until `most` bytes are there. Returns the end of the last line as well.
    fn decode(self, bytes: &[u8], start: usize, most: usize) -> (Zeroizing<Vec<u8>>, usize) {
        let mut out = Zeroizing::new(Vec::new());
        let (mut at, mut last) = (start, start);
        while out.len() < most {
            let Some(text) = line(bytes, at) else { break };
            let before = out.len();
            match self {
                Self::Cells => {
                    let Some(cells) = characters(text) else { break };
                    out.extend_from_slice(&cells);
                }
                Self::Words { notation, has_offset, bytes } => {
                    let Some(line) = Line::of(text) else { break };
                    let count = bytes.map_or(MOST, |bytes| bytes / notation.width);
                    for word in line.words.iter().skip(usize::from(has_offset)).take(count) {
                        // The last word of a file may be cut.
                        if notation.push(word, &mut out).is_none() {
                            for pair in word.chunks_exact(2).rev().filter(|_| notation.width > 1) {
                                let value =
                                    str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
                                out.extend(value.filter(|_| notation.radix == 16 && word.len() < 2 * notation.width));
                            }
                            break;
                        }
                    }
                }
            }
            if out.len() == before {
                break;
            }
            last = at + text.len();
            at = last + 1;
        }
        (out, last)
    }
}

/// Finds the dump around a place, from `from` on. Otherwise returns how far was searched.
pub(super) fn around(bytes: &[u8], at: usize, from: usize) -> Result<Range<usize>, usize> {
    let floor = at.saturating_sub(BEFORE).max(from);
    let start_of =
        |at: usize| memchr::memrchr(b'\n', bytes.get(floor..at).unwrap_or_default()).map(|line| floor + line + 1);
    let mut start = start_of(at).unwrap_or(floor);
    let is_line = |start: usize| line(bytes, start).is_some_and(is_line);
    if !is_line(start) {
        return Err(at);
    }
    while start > floor {
        let before = start_of(start - 1).unwrap_or(floor);
        if !is_line(before) {
            break;
        }
        start = before;
    }
    if let Some(kind) = Kind::of(bytes, start) {
        let (out, end) = kind.decode(bytes, start, usize::MAX);
        if out.len() >= LEAST {
            return Ok(start..end);
        }
    }
    let mut end = at;
    while let Some(text) = line(bytes, end).filter(|text| self::is_line(text)) {
        end += text.len() + 1;
    }
    Err(end)
}

/// Decodes the dump that begins at a place.
pub(super) fn decoded(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, Range<usize>)> {
    let (out, end) = Kind::of(bytes, at)?.decode(bytes, at, usize::MAX);
    (out.len() >= LEAST).then_some((out, at..end))
}

//! Chooses the digits of one structure among other text.

use keyradius_readers::text::{digit, unbase64};
use zeroize::Zeroizing;

/// One reading of a structure.
#[derive(Debug)]
pub(super) struct Reading {
    /// The digits, as written.
    pub(super) digits: Zeroizing<Vec<u8>>,
    /// Position after the last digit in the text.
    pub(super) end: usize,
    /// How strict the rule is that found it.
    pub(super) rule: Rule,
}

/// A rule that chooses digits, the strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// The same text between all lines of one width.
    Regular,
    /// Runs of one width.
    Width,
    /// Runs of some length.
    Length,
}

/// Maximum length of a structure, in bytes. A PKCS#12 with a long chain has less.
const MAX_LENGTH: usize = 1 << 16;

/// Minimum length of a structure, in bytes. An Ed25519 key in PKCS#8 has 48.
const MIN_LENGTH: usize = 40;

/// Minimum digits of a line that other readers join with the next one.
const PLAIN_LINE: usize = 20;

/// Maximum length of a separator between two lines that is recognised by its repetition, in bytes.
const MAX_GAP: usize = 96;

/// Maximum digits in a line with such a separator.
const MAX_WIDTH: usize = 128;

/// Minimum number of lines with such a separator: with two lines, any split would be regular.
const MIN_LINES: usize = 3;

/// Maximum length of other text between two runs, in bytes: the fields of a record.
const MAX_BETWEEN: usize = 4096;

/// `openssh-key-v1`, cut after the last whole digit.
const OPENSSH: &[u8] = b"b3BlbnNzaC1rZXktdjEA";

/// The start of a structure in base64.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// Position of the first digit.
    pub(super) at: usize,
    /// Number of digits without padding; `None` for an OpenSSH key, whose fields must be read first.
    digits: Option<usize>,
}

impl Start {
    /// Finds the first structure in a text.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        memchr::memchr2_iter(b'M', b'b', text).find_map(|at| {
            let rest = text.get(at..)?;
            if rest.starts_with(OPENSSH) {
                return Some(Self { at, digits: None });
            }
            let digits = in_digits(der_length(rest.get(..12)?)?);
            Some(Self { at, digits: Some(digits) })
        })
    }

    /// Finds the first structure from a position on.
    pub(super) fn find_from(text: &[u8], from: usize) -> Option<Self> {
        let found = Self::find(text.get(from..)?)?;
        Some(Self { at: from + found.at, ..found })
    }

    /// The stated length of the structure in digits, or the length of a usual one.
    pub(super) fn length(&self) -> usize {
        /// An OpenSSH key with 4096 bits of RSA has 4,500 digits.
        const USUAL: usize = 8192;
        self.digits.unwrap_or(USUAL)
    }
}

/// Number of digits without padding.
const fn in_digits(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// The length of the DER structure that begins with these twelve digits, if it may be a private key or a PKCS#12: a
/// SEQUENCE of an INTEGER, or of a short SEQUENCE that begins with an OID (encrypted PKCS#8).
fn der_length(digits: &[u8]) -> Option<usize> {
    let mut bytes = [0_u8; 9];
    for (digits, bytes) in digits.chunks(4).zip(bytes.chunks_mut(3)) {
        let mut word = 0_u32;
        for digit in digits {
            word = word << 6 | u32::from(value(*digit)?);
        }
        bytes.iter_mut().zip(word.to_be_bytes().into_iter().skip(1)).for_each(|(byte, value)| *byte = value);
    }
    let (content, header, rest) = match bytes {
        [0x30, 0x82, high, low, ref rest @ ..] => (usize::from(high) << 8 | usize::from(low), 4, rest.as_slice()),
        [0x30, 0x83, high, middle, low, ref rest @ ..] => {
            (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low), 5, rest.as_slice())
        }
        [0x30, 0x81, low, ref rest @ ..] => (usize::from(low), 3, rest.as_slice()),
        [0x30, low @ 0..=0x7f, ref rest @ ..] => (usize::from(low), 2, rest.as_slice()),
        _ => return None,
    };
    let is_key = matches!(rest, [0x02, 1..=4, ..] | [0x30, 0..=0x7f, 0x06, ..]);
    let length = content + header;
    (is_key && (MIN_LENGTH..=MAX_LENGTH).contains(&length)).then_some(length)
}

/// The value of a digit of the standard alphabet.
fn value(byte: u8) -> Option<u8> {
    digit(byte).filter(|_| !matches!(byte, b'-' | b'_'))
}

/// The length of an OpenSSH key, once enough of it was read to know (PROTOCOL.key of OpenSSH). `None` too if its fields
/// are not those of a key.
fn openssh_length(digits: &[u8]) -> Option<usize> {
    let bytes = unbase64(digits)?;
    let string = |at: usize| {
        let length = bytes.get(at..at.checked_add(4)?)?;
        let length = length.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        let end = (at + 4).checked_add(length).filter(|_| length <= MAX_LENGTH)?;
        Some((at + 4, end))
    };
    let is_name = |name: Option<&[u8]>| {
        name.is_some_and(|name| (4..=64).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic))
    };
    // After the magic number: cipher, KDF and its options; the number of keys; the public and the private part.
    let (cipher, kdf) = string(15)?;
    let (_, kdf_end) = string(kdf)?;
    let (_, options_end) = string(kdf_end)?;
    let (public, public_end) = string(options_end + 4)?;
    let (kind, kind_end) = string(public)?;
    let (private, end) = string(public_end)?;
    let is_key = bytes.get(options_end..options_end + 4) == Some(&[0, 0, 0, 1])
        && is_name(bytes.get(cipher..kdf))
        && is_name(bytes.get(kdf + 4..kdf_end))
        && is_name(bytes.get(kind..kind_end))
        && kind_end < public_end
        && (end - private).is_multiple_of(8);
    is_key.then_some(end)
}

/// The digits collected so far.
struct Gathered {
    digits: Zeroizing<Vec<u8>>,
    /// Number of digits of the whole structure, once known.
    all: Option<usize>,
    /// Room to make at the first digits, so that growing leaves no unwiped copy behind.
    room: usize,
}

impl Gathered {
    fn new(start: &Start) -> Self {
        Self { digits: Zeroizing::new(Vec::new()), all: start.digits, room: start.length() }
    }

    fn push(&mut self, run: &[u8]) {
        let room = self.room.saturating_sub(self.digits.len());
        self.digits.reserve_exact(room);
        self.digits.extend_from_slice(run);
        if self.all.is_none() {
            self.all = openssh_length(&self.digits).map(in_digits);
        }
    }

    /// Number of missing digits; more than any line has if it is not known yet.
    fn left(&self) -> usize {
        self.all.map_or(usize::MAX, |all| all.saturating_sub(self.digits.len()))
    }

    /// The reading up to `end`, if its digits are exactly those of the structure.
    fn complete(self, end: usize, rule: Rule) -> Option<Reading> {
        (self.all == Some(self.digits.len())).then_some(Reading { digits: self.digits, end, rule })
    }
}

/// Iterates over the runs of digits of a text, each with its range.
pub(super) fn runs(text: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let is_digit = |byte: &u8| value(*byte).is_some();
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text.get(at..)?.iter().position(is_digit)?;
        let start = at;
        at += text.get(at..)?.iter().take_while(|byte| is_digit(byte)).count();
        Some(start..at)
    })
}

/// Lengths of the lines that encoders write.
const WIDTHS: [usize; 3] = [64, 76, 70];

/// Whether the structure at the start of a text has nothing but blanks between lines of a usual width, so that other
/// readers read it.
pub(super) fn is_plain(text: &[u8]) -> bool {
    let Some(start) = Start::find(text.get(..PLAIN_LINE).unwrap_or(text)).filter(|start| start.at == 0) else {
        return false;
    };
    // Every hit asks: without a bound, many hits in one long run of digits would each look at all of it.
    let text = text.get(..text.len().min(2 * start.length() + MAX_BETWEEN)).unwrap_or_default();
    let mut gathered = Gathered::new(&start);
    let mut end = 0;
    let mut is_usual = true;
    for run in runs(text) {
        let gap = text.get(end..run.start).unwrap_or_default();
        let line = text.get(run.clone()).unwrap_or_default();
        if !gap.iter().all(u8::is_ascii_whitespace) {
            return false;
        }
        let left = gathered.left();
        if line.len() >= left {
            return is_usual && line.len() == left;
        }
        if line.len() < PLAIN_LINE {
            return false;
        }
        is_usual &= WIDTHS.contains(&line.len());
        gathered.push(line);
        end = run.end;
    }
    false
}

/// Reads a structure in every way. Passes each complete reading to `add`, until it returns false.
pub(super) fn all(text: &[u8], start: &Start, add: &mut dyn FnMut(Reading) -> bool) -> bool {
    let text = text.get(start.at..).unwrap_or_default();
    let by_width = [false, true].into_iter().filter_map(|once| of_width(text, start, once));
    let by_rule = std::iter::once_with(|| regular(text, start)).flatten();
    let by_length = [32, 16, 8, 4, 2, 1].into_iter().filter_map(|least| of_least(text, start, least));
    for reading in by_rule.chain(by_width).chain(by_length) {
        if !add(Reading { end: start.at + reading.end, ..reading }) {
            return false;
        }
    }
    true
}

/// Takes the runs that are as long as the first one, and the rest; if `once`, at most one of each line.
fn of_width(text: &[u8], start: &Start, once: bool) -> Option<Reading> {
    let mut gathered = Gathered::new(start);
    let mut width = None;
    let mut end = 0;
    for run in runs(text) {
        let line = text.get(run.clone())?;
        let width = *width.get_or_insert(line.len());
        if run.start > end + MAX_BETWEEN {
            break;
        }
        let is_next = end == 0 || !once || memchr::memchr(b'\n', text.get(end..run.start)?).is_some();
        if is_next && line.len() == width.min(gathered.left()) {
            gathered.push(line);
            end = run.end;
            if gathered.left() == 0 {
                break;
            }
        }
    }
    gathered.complete(end, Rule::Width)
}

/// Takes the runs of at least `least` digits, and the rest.
fn of_least(text: &[u8], start: &Start, least: usize) -> Option<Reading> {
    let mut gathered = Gathered::new(start);
    let mut end = 0;
    for run in runs(text) {
        if run.start > end + MAX_BETWEEN {
            break;
        }
        let line = text.get(run.clone())?;
        let left = gathered.left();
        if line.len() == left || (line.len() >= least && line.len() < left) || gathered.digits.is_empty() {
            gathered.push(line);
            end = run.end;
            if gathered.left() == 0 {
                return gathered.complete(end, Rule::Length);
            }
        }
    }
    None
}

/// Reads lines of one width with the same text between them, which may contain letters and digits. Numbers in that text
/// may differ.
fn regular(text: &[u8], start: &Start) -> Option<Reading> {
    let first = runs(text).next()?.len().min(MAX_WIDTH);
    // The usual widths first: by chance, a line may end like its separator.
    let usual = [64, 76, 70, 72, 60, 48].into_iter().filter(|width| *width <= first);
    usual.chain((1..=first).rev()).find_map(|width| {
        (1..=MAX_GAP).find_map(|gap| {
            let separator = text.get(width..width + gap)?;
            // Other readers skip blanks.
            if separator.iter().all(u8::is_ascii_whitespace) {
                return None;
            }
            // The second line and the text after it, before anything is collected.
            let (line, behind) = text.get(width + gap..)?.split_at_checked(width)?;
            let may_be = line.iter().all(|byte| value(*byte).is_some()) && separated(behind, separator).is_some();
            may_be.then(|| with_separator(text, start, width, separator))?
        })
    })
}

/// Reads lines of `width` digits with this text between them.
fn with_separator(text: &[u8], start: &Start, width: usize, separator: &[u8]) -> Option<Reading> {
    let mut gathered = Gathered::new(start);
    let mut rest = text;
    for lines in 1.. {
        let (digits, behind) = rest.split_at_checked(width.min(gathered.left()).min(rest.len()))?;
        if !digits.iter().all(|byte| value(*byte).is_some()) {
            return None;
        }
        gathered.push(digits);
        if gathered.left() == 0 {
            let end = text.len() - behind.len();
            return if lines < MIN_LINES { None } else { gathered.complete(end, Rule::Regular) };
        }
        rest = behind.get(separated(behind, separator)?..)?;
    }
    None
}

/// Length of the separator at the start of a text. A number in it may be another one, of any length unless a line
/// follows directly.
fn separated(text: &[u8], separator: &[u8]) -> Option<usize> {
    let number = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut at, mut from) = (0, 0);
    while let Some(&byte) = separator.get(from) {
        let rest = text.get(at..)?;
        if byte.is_ascii_digit() {
            let (here, there) = (number(rest), number(separator.get(from..)?));
            let is_last = from + there == separator.len();
            if here == 0 || (is_last && here < there) {
                return None;
            }
            (at, from) = (at + if is_last { there } else { here }, from + there);
        } else if rest.first() == Some(&byte) {
            (at, from) = (at + 1, from + 1);
        } else {
            return None;
        }
    }
    Some(at)
}

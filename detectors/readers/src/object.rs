//! Reads an object of JSON or a similar syntax around a position inside it.
//!
//! JSON keys are often not in JSON files: they are in strings of other JSON (`\"kty\"`), in program literals (`{kty:
//! 'RSA'}`, or one string per line, joined by `+`), in YAML. A strict parser refuses all of these, and any file that is
//! not JSON as a whole. So the object is found from the inside out, and one rule covers all strings: the delimiter is a
//! quote preceded by a number of backslashes that is the same for the whole object.

use std::ops::Range;

use zeroize::Zeroizing;

use super::braces::{Braces, Strings, delimits};
use super::text::{Decoder, digit};
use super::unit::{Unit, unit};

/// Maximum length of an object that is read, in bytes. A JWK of RSA-16384 with a certificate chain has 40,000, and any
/// text may be between its members. Callers count the work: [`Object::around`].
pub const MAX: usize = 1 << 20;

/// Maximum length of an object that is read without counting, in bytes.
const MAX_UNCOUNTED: usize = 64 << 10;

/// Maximum number of members in one object: more than fit into it.
const MAX_MEMBERS: usize = MAX / 4;

/// Maximum nesting inside the requested object.
const MAX_DEPTH: u32 = 8;

/// An object: names and values in text order. All ranges refer to the blob.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// Range of the object, including braces.
    pub span: Range<usize>,
    members: Vec<(&'a [u8], Value<'a>)>,
}

/// A value of a member.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// The raw text of a string, between its delimiters.
    Text(&'a [u8]),
    /// A number or a word.
    Bare(&'a [u8]),
    /// An object.
    Object(Object<'a>),
    /// An array. Its elements are not read.
    Array,
}

impl<'a> Object<'a> {
    /// The object that encloses `at`: by braces, or the block of YAML lines around it. Adds the number of bytes read to
    /// `work`.
    pub fn around(bytes: &'a [u8], at: usize, work: &mut usize) -> Option<Self> {
        Self::braces(bytes, at, work).or_else(|| Self::block(bytes, at, work))
    }

    /// The objects that enclose `at`: by the braces around it, innermost first, then those of the nearest other braces
    /// ([`Braces`]). Adds to `work` how many bytes were read for them.
    pub fn enclosing<'w>(bytes: &'a [u8], at: usize, work: &'w mut usize) -> impl Iterator<Item = Self> + use<'a, 'w> {
        *work += at.min(MAX_UNCOUNTED);
        braces_before(bytes, at, MAX_UNCOUNTED).candidates(at).into_iter().filter_map(move |start| {
            let mut reader = Reader::new(bytes, start, MAX_UNCOUNTED);
            let object = reader.object(0);
            *work += reader.at.saturating_sub(start);
            object.filter(|object| object.span.contains(&at))
        })
    }

    fn braces(bytes: &'a [u8], at: usize, work: &mut usize) -> Option<Self> {
        let balanced = open_brace(bytes, at);
        *work += at - balanced.unwrap_or(at.saturating_sub(MAX));
        let mut read = |start: usize| {
            let mut reader = Reader::new(bytes, start, MAX);
            let object = reader.object(0);
            *work += reader.at.saturating_sub(start);
            object.filter(|object| object.span.contains(&at))
        };
        // The innermost object, whatever braces the strings before the place contain.
        let nearest = braces_before(bytes, at, MAX_UNCOUNTED).nearest(at);
        let mut starts: Vec<usize> = nearest.chain(balanced).collect();
        starts.sort_unstable_by(|a, b| b.cmp(a));
        starts.dedup();
        starts.into_iter().find_map(&mut read)
    }

    /// Reads the `name: value` lines with the same indentation around the line of `at`, as in YAML.
    fn block(bytes: &'a [u8], at: usize, work: &mut usize) -> Option<Self> {
        let from = at.saturating_sub(MAX_UNCOUNTED);
        let before = bytes.get(from..at)?;
        let line_start = from + memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let own = indentation(bytes.get(line_start..)?);
        *work += line_cost(at - line_start);
        let mut start = line_start;
        while let Some(previous) = start.checked_sub(1).and_then(|end| {
            let begin = memchr::memrchr(b'\n', bytes.get(from..end)?).map_or(from, |newline| from + newline + 1);
            (indentation(bytes.get(begin..end)?).0 == own.0).then_some(begin)
        }) {
            // A list item begins at the line with the dash.
            if indentation(bytes.get(start..)?).1 {
                break;
            }
            *work += line_cost(start - previous);
            start = previous;
        }
        let mut members = Vec::new();
        let mut end = start;
        let limit = bytes.len().min(start.saturating_add(MAX_UNCOUNTED));
        while let Some(rest) = bytes.get(end..limit).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            *work += line_cost(length);
            let line = rest.get(..length)?;
            let (indent, dash) = indentation(line);
            if indent != own.0 || (dash && end != start) || members.len() >= MAX_MEMBERS {
                break;
            }
            let text = line.get(indent..)?;
            let Some(colon) = memchr::memchr(b':', text) else { break };
            let (name, value) = (text.get(..colon)?, text.get(colon + 1..)?.trim_ascii());
            let name = unquoted(name.trim_ascii());
            if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.$ ".contains(byte)) {
                break;
            }
            let value = match value {
                [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => inner,
                value => value,
            };
            members.push((name, Value::Text(value)));
            end = (end + length + 1).min(limit);
        }
        Some(Self { span: start..end, members }).filter(|object| object.span.contains(&at))
    }

    /// Whether the object around `at` exceeds the maximum length: it begins too far back or ends too far ahead.
    pub fn is_too_long(bytes: &[u8], at: usize) -> bool {
        match open_brace(bytes, at) {
            Some(start) => {
                let mut reader = Reader::new(bytes, start, MAX);
                reader.object(0).is_none() && reader.at >= reader.limit && reader.limit < bytes.len()
            }
            None => at > MAX,
        }
    }

    /// The value of a member; the first of duplicates.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value)
    }

    /// The object with its members reversed, so that the last of duplicates wins. `None` without duplicates.
    pub fn last_of_each(&self) -> Option<Self> {
        let mut names: Vec<&[u8]> = self.members.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| matches!(pair, [first, second] if first == second));
        twice.then(|| Self { span: self.span.clone(), members: self.members.iter().rev().cloned().collect() })
    }

    /// The raw text of a string or word.
    pub fn text(&self, name: &str) -> Option<&'a [u8]> {
        match self.get(name)? {
            Value::Text(text) | Value::Bare(text) => Some(text),
            Value::Object(_) | Value::Array => None,
        }
    }

    /// A nested object, whose name matches in any case (`crypto`, `Crypto`).
    pub fn object(&self, name: &str) -> Option<&Self> {
        self.members.iter().find_map(|(own, value)| match value {
            Value::Object(object) if own.eq_ignore_ascii_case(name.as_bytes()) => Some(object),
            _ => None,
        })
    }

    /// Decodes a member in base64, either alphabet. `None` if it is absent or contains anything else.
    pub fn base64(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        decode(self.text(name)?)
    }

    /// Like [`Self::base64`], for a number that arithmetic verifies: skips characters that are not digits, as Node.js
    /// and Python do.
    pub fn number(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let text = self.text(name)?;
        decode(text).or_else(|| {
            let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
            let digits = text.iter().filter_map(|byte| digit(*byte));
            let count = digits.clone().count();
            digits.for_each(|value| decoder.push(value));
            (count > 1 && count % 4 != 1).then(|| decoder.finish())
        })
    }
}

/// Decodes base64 digits across line breaks, escapes and the seams of joined strings.
pub fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
    let mut digits = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
        let seam = |byte: Option<u8>| byte.is_none_or(|b| b.is_ascii_whitespace() || is_quote(b));
        match byte {
            // Consecutive backslashes are one unit, so that each is read once.
            b'\\' => {
                let (unit, length) = unit(text.get(at..)?)?;
                match unit {
                    Unit::Byte(b'=') => break,
                    Unit::Byte(byte) if let Some(value) = digit(byte) => {
                        decoder.push(value);
                        digits += 1;
                    }
                    Unit::Byte(_) | Unit::Break | Unit::Blank | Unit::Nothing => {}
                }
                at += length;
                continue;
            }
            b'"' | b'\'' | b'`' => {}
            b'+' if seam(before) && seam(next) => {}
            b'=' => break,
            byte if byte.is_ascii_whitespace() => {}
            byte => {
                decoder.push(digit(byte)?);
                digits += 1;
            }
        }
        at += 1;
    }
    (is_padding(text.get(at..)?) && digits > 1 && digits % 4 != 1).then(|| decoder.finish())
}

/// Whether only padding is left, plain or escaped, with blanks and backslashes around it.
fn is_padding(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((unit, length)) = unit(rest) {
        if matches!(unit, Unit::Byte(byte) if byte != b'=' && byte != b'\\' && !byte.is_ascii_whitespace()) {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    true
}

/// The cost of finding the ends of a line, in units of a byte that is read individually.
const fn line_cost(length: usize) -> usize {
    16 + length / 16
}

/// The indentation of a line, including the dash of a list item, and whether it has a dash.
fn indentation(line: &[u8]) -> (usize, bool) {
    let blanks = line.iter().take_while(|b| **b == b' ').count();
    match line.get(blanks..) {
        Some([b'-', b' ', rest @ ..]) => (blanks + 2 + rest.iter().take_while(|b| **b == b' ').count(), true),
        _ => (blanks, false),
    }
}

fn unquoted(name: &[u8]) -> &[u8] {
    match name {
        [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => inner,
        name => name,
    }
}

/// The position of the brace that opens the object around `at`.
pub fn open_brace(bytes: &[u8], at: usize) -> Option<usize> {
    braces_before(bytes, at, MAX).open(at).next()
}

/// The braces at most `most` bytes before a position.
fn braces_before(bytes: &[u8], at: usize, most: usize) -> Braces<'_> {
    Braces::new(bytes, at, (most, 0), Strings::Delimited)
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Reads an object forwards.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Position where reading must stop.
    limit: usize,
    /// Backslashes before each quote of the object: none, one inside a string, three inside a string in a string.
    level: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], start: usize, most: usize) -> Self {
        Self { bytes, at: start, limit: bytes.len().min(start.saturating_add(most)), level: None }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..self.limit).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn object(&mut self, depth: u32) -> Option<Object<'a>> {
        let start = self.at;
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.skip();
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(Object { span: start..self.at, members });
                }
                b',' => self.at += 1,
                _ => {
                    let name = self.name()?;
                    self.skip();
                    // `=>` in Ruby and PHP, `=` in HCL.
                    match self.rest() {
                        [b'=', b'>', ..] => self.at += 2,
                        [b':' | b'=', ..] => self.at += 1,
                        _ => return None,
                    }
                    self.skip();
                    let value = self.value(depth)?;
                    if members.len() < MAX_MEMBERS {
                        members.push((name, value));
                    }
                }
            }
        }
    }

    fn name(&mut self) -> Option<&'a [u8]> {
        if let Some(text) = self.string() {
            return Some(text);
        }
        let rest = self.rest();
        // A Ruby symbol begins with a colon.
        let colon = usize::from(rest.first() == Some(&b':'));
        let word = rest.get(colon..)?;
        let length = word.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$')).count();
        self.at += colon + length;
        word.get(..length).filter(|name| !name.is_empty())
    }

    fn value(&mut self, depth: u32) -> Option<Value<'a>> {
        match self.peek()? {
            b'{' if depth < MAX_DEPTH => self.object(depth + 1).map(Value::Object),
            // Skipped: nested deeper than any requested value.
            b'[' | b'{' => self.array().map(|()| Value::Array),
            _ => {
                if let Some(text) = self.string() {
                    return Some(Value::Text(text));
                }
                let rest = self.rest();
                let stop = |b: &u8| matches!(b, b',' | b'}' | b']' | b'\n' | b'\\' | b'"');
                let length = rest.iter().position(stop)?;
                self.at += length;
                Some(Value::Bare(rest.get(..length)?.trim_ascii()))
            }
        }
    }

    /// Skips an array: brackets and braces balance, strings are skipped whole.
    fn array(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            if self.string().is_some() {
                continue;
            }
            match self.peek()? {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Reads a string and the strings joined to it by `+`. A string that exceeds the limit moves the position there.
    fn string(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let slashes = rest.iter().take_while(|b| **b == b'\\').count();
        let quote = rest.get(slashes).copied().filter(|b| is_quote(*b))?;
        let level = *self.level.get_or_insert(slashes);
        if slashes != level {
            return None;
        }
        let from = self.at + slashes + 1;
        let Some(mut end) = self.closing(from, quote, level) else {
            if self.limit < self.bytes.len() {
                self.at = self.limit;
            }
            return None;
        };
        self.at = end + level + 1;
        // "abc" + "def", or "abc" and "def" on separate lines.
        while let Some(next) = self.joined(quote, level) {
            let Some(further) = self.closing(next, quote, level) else { break };
            end = further;
            self.at = end + level + 1;
        }
        self.bytes.get(from..end)
    }

    /// The start of the delimiter that ends a string.
    fn closing(&self, from: usize, quote: u8, level: usize) -> Option<usize> {
        let text = self.bytes.get(from..self.limit)?;
        memchr::memchr_iter(quote, text).find_map(|found| {
            let slashes = text.get(..found)?.iter().rev().take_while(|b| **b == b'\\').count();
            delimits(slashes, level).then_some(from + found - level)
        })
    }

    /// The start of the content of a string that is joined to the previous one: by `+`, or on the next line as in
    /// Python and C.
    fn joined(&self, quote: u8, level: usize) -> Option<usize> {
        let rest = self.rest();
        let blanks = |rest: &[u8]| rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let mut at = blanks(rest);
        if rest.get(at) == Some(&b'+') {
            at += 1;
            at += blanks(rest.get(at..)?);
        } else if !rest.get(..at)?.contains(&b'\n') {
            return None;
        }
        let slashes = rest.get(at..)?.iter().take_while(|b| **b == b'\\').count();
        (slashes == level && rest.get(at + slashes) == Some(&quote)).then_some(self.at + at + slashes + 1)
    }

    /// Skips the text between two tokens: blanks, real and escaped line breaks, comments, and the seam of two strings
    /// if the whole object is written as several strings.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let slashes = rest.iter().take_while(|b| **b == b'\\').count();
            self.at += match rest {
                [byte, ..] if byte.is_ascii_whitespace() => 1,
                [b'/', b'/', ..] => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
                [b'/', b'*', ..] => memchr::memmem::find(rest, b"*/").map_or(rest.len(), |at| at + 2),
                [b'\\', ..] if matches!(rest.get(slashes), Some(b'n' | b'r' | b't' | b'\n' | b'\r')) => slashes + 1,
                _ => match seam(rest, self.level.unwrap_or(0)) {
                    Some(length) => length,
                    None => return,
                },
            };
        }
    }
}

/// Length of the seam of two strings at the start of `rest`: a quote, a line break or `+`, a quote. Its quotes have
/// fewer backslashes than those of the object, or are of the other kind.
fn seam(rest: &[u8], level: usize) -> Option<usize> {
    let slashes = rest.iter().take_while(|b| **b == b'\\').count();
    let quote = rest.get(slashes).copied().filter(|b| is_quote(*b))?;
    if slashes > level {
        return None;
    }
    let mut at = slashes + 1;
    let mut joins = false;
    loop {
        match *rest.get(at)? {
            b'+' | b'\n' | b'&' => joins = true,
            byte if byte.is_ascii_whitespace() || byte == b'\\' => {}
            byte if byte == quote => break,
            _ => return None,
        }
        at += 1;
    }
    joins.then_some(at + 1)
}

#[cfg(test)]
mod tests;

//! An object of JSON and its kin, read around a place inside it.
//!
//! Keys written as JSON rarely stand in a JSON file alone: they stand in strings of other JSON (`\"kty\"`), in literals of
//! programs (`{kty: 'RSA'}`, or a string per line, joined by `+`), in YAML. A strict parser refuses all of these, and a
//! file that is not JSON as a whole in any case. So the object is found from inside out, and read with one rule for
//! strings: the delimiter is a quote with some number of backslashes before it, the same for the whole object.

use std::ops::Range;

use zeroize::Zeroizing;

use super::text::{Decoder, digit};
use super::unit::{Unit, unit};

/// Longest object that is read, in bytes. A JWK of RSA-16384 with a chain of certificates has 40,000, and anything may stand
/// between its members. Detectors count what they read of objects: [`Object::around`].
pub const MAX: usize = 1 << 20;

/// Longest object that is read without counting, in bytes.
const MAX_UNCOUNTED: usize = 64 << 10;

/// Most members of one object: of the shortest, more than fit into it.
const MAX_MEMBERS: usize = MAX / 4;

/// Deepest nesting below the object that is asked for.
const MAX_DEPTH: u32 = 8;

/// Objects between a place and the outermost one that encloses it, at most.
const MAX_AROUND: usize = 8;

/// An object: names and values in the order of the text. All ranges are of the blob.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// Where it lies, braces included.
    pub span: Range<usize>,
    members: Vec<(&'a [u8], Value<'a>)>,
}

/// A value of a member.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A string, as it stands between its delimiters.
    Text(&'a [u8]),
    /// A number or a word.
    Bare(&'a [u8]),
    /// An object.
    Object(Object<'a>),
    /// An array: not looked into.
    Array,
}

impl<'a> Object<'a> {
    /// The object that encloses `at`, by braces, or the block of YAML lines around it.
    /// Adds to `work` how many bytes were read for it.
    pub fn around(bytes: &'a [u8], at: usize, work: &mut usize) -> Option<Self> {
        Self::braces(bytes, at, work).or_else(|| Self::block(bytes, at, work))
    }

    /// The objects that enclose `at`, innermost first.
    pub fn enclosing(bytes: &'a [u8], at: usize) -> impl Iterator<Item = Self> {
        let mut at = Some(at);
        std::iter::from_fn(move || {
            let start = brace_before(bytes, at?, MAX_UNCOUNTED)?;
            at = Some(start);
            Some(start)
        })
        .take(MAX_AROUND)
        .filter_map(move |start| Reader::new(bytes, start, MAX_UNCOUNTED).object(0))
    }

    fn braces(bytes: &'a [u8], at: usize, work: &mut usize) -> Option<Self> {
        let start = open_brace(bytes, at);
        *work += at - start.unwrap_or(at.saturating_sub(MAX));
        let mut reader = Reader::new(bytes, start?, MAX);
        let object = reader.object(0);
        *work += reader.at.saturating_sub(start?);
        object.filter(|object| object.span.contains(&at))
    }

    /// `name: value` lines of one indentation around the line of `at`, as YAML has them.
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
            // A list item begins with the line that has the dash.
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
            let name = name.trim_ascii().trim_ascii_start();
            let value = match value {
                [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => inner,
                value => value,
            };
            members.push((unquoted(name), Value::Text(value)));
            end = (end + length + 1).min(limit);
        }
        Some(Self { span: start..end, members }).filter(|object| object.span.contains(&at))
    }

    /// Whether an object around `at` would go beyond what is read of one: it begins further back, or ends further on.
    pub fn is_too_long(bytes: &[u8], at: usize) -> bool {
        match open_brace(bytes, at) {
            Some(start) => {
                let mut reader = Reader::new(bytes, start, MAX);
                reader.object(0).is_none() && reader.at >= reader.limit && reader.limit < bytes.len()
            }
            None => at > MAX,
        }
    }

    /// The value of a member; the first, if it stands there twice.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value)
    }

    /// The same object with the last of each of its members before the others, if one stands there twice.
    pub fn last_of_each(&self) -> Option<Self> {
        let mut names: Vec<&[u8]> = self.members.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| matches!(pair, [first, second] if first == second));
        twice.then(|| Self { span: self.span.clone(), members: self.members.iter().rev().cloned().collect() })
    }

    /// A string or word, as it stands there.
    pub fn text(&self, name: &str) -> Option<&'a [u8]> {
        match self.get(name)? {
            Value::Text(text) | Value::Bare(text) => Some(text),
            Value::Object(_) | Value::Array => None,
        }
    }

    /// An object inside, its name in any case (`crypto`, `Crypto`).
    pub fn object(&self, name: &str) -> Option<&Self> {
        self.members.iter().find_map(|(own, value)| match value {
            Value::Object(object) if own.eq_ignore_ascii_case(name.as_bytes()) => Some(object),
            _ => None,
        })
    }

    /// The bytes of a member in base64, either alphabet; `None` if it is not there or anything else stands in it.
    pub fn base64(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        decode(self.text(name)?)
    }

    /// The same of a number that arithmetic judges: characters that are no digits are passed over, as Node.js and Python do.
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

/// The bytes of base64 digits, over line breaks, escapes and the seams of joined strings.
pub fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
    let mut digits = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
        let seam = |byte: Option<u8>| byte.is_none_or(|b| b.is_ascii_whitespace() || is_quote(b));
        match byte {
            // Of many backslashes all are one unit, so that none is looked at twice.
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

/// Whether nothing but padding is left, as it is or as an escape, and what may stand around it.
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

/// What it costs to find the ends of a line, counted in bytes that are read one by one.
const fn line_cost(length: usize) -> usize {
    16 + length / 16
}

/// How far a line is indented, the dash of a list item included, and whether there is one.
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

/// The brace that opens what encloses `at`.
pub fn open_brace(bytes: &[u8], at: usize) -> Option<usize> {
    brace_before(bytes, at, MAX)
}

/// The same, within so many bytes.
fn brace_before(bytes: &[u8], at: usize, most: usize) -> Option<usize> {
    let from = at.saturating_sub(most);
    let mut depth = 0_u32;
    let mut end = at;
    // Backwards, without regard to strings: the values of keys hold no braces.
    while let Some(place) = memchr::memrchr2(b'{', b'}', bytes.get(from..end)?) {
        end = from + place;
        match (bytes.get(end), depth) {
            (Some(b'{'), 0) => return Some(end),
            (Some(b'{'), _) => depth -= 1,
            _ => depth += 1,
        }
    }
    None
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Reads an object forwards.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where reading stops at the latest.
    limit: usize,
    /// Backslashes before each quote of the object: none, one in a string, three in a string in a string.
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
                    // `=>` of Ruby and PHP, `=` of HCL.
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
        // A symbol of Ruby has its colon in front.
        let colon = usize::from(rest.first() == Some(&b':'));
        let word = rest.get(colon..)?;
        let length = word.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$')).count();
        self.at += colon + length;
        word.get(..length).filter(|name| !name.is_empty())
    }

    fn value(&mut self, depth: u32) -> Option<Value<'a>> {
        match self.peek()? {
            b'{' if depth < MAX_DEPTH => self.object(depth + 1).map(Value::Object),
            // Not looked into: what lies deeper than anything that is asked for.
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

    /// Skips an array: brackets and braces balance, strings count as one.
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

    /// A string here, with what is joined to it by `+`; the place does not move if there is none.
    fn string(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let slashes = rest.iter().take_while(|b| **b == b'\\').count();
        let quote = rest.get(slashes).copied().filter(|b| is_quote(*b))?;
        let level = *self.level.get_or_insert(slashes);
        if slashes != level {
            return None;
        }
        let from = self.at + slashes + 1;
        let mut end = self.closing(from, quote, level)?;
        self.at = end + level + 1;
        // "abc" + "def", or "abc" and "def" on lines of their own.
        while let Some(next) = self.joined(quote, level) {
            let Some(further) = self.closing(next, quote, level) else { break };
            end = further;
            self.at = end + level + 1;
        }
        self.bytes.get(from..end)
    }

    /// Where the delimiter that ends a string begins.
    fn closing(&self, from: usize, quote: u8, level: usize) -> Option<usize> {
        let text = self.bytes.get(from..self.limit)?;
        memchr::memchr_iter(quote, text).find_map(|found| {
            let slashes = text.get(..found)?.iter().rev().take_while(|b| **b == b'\\').count();
            // An escaped backslash doubles with every level, an escaped quote has one more than twice as many.
            let own = slashes.checked_sub(level)?;
            (own % (2 * (level + 1)) == 0).then_some(from + found - level)
        })
    }

    /// Where the content of a string begins that is joined to the one that ended here: by `+`, or on the next line as
    /// Python and C have it.
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

    /// Skips what can stand between two tokens: blanks, breaks real and written out, comments, and the seam of two
    /// strings when the whole object is written as several of them.
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

/// Length of the seam of two strings at the start of `rest`: a quote, a break or `+`, a quote. Its quotes have fewer
/// backslashes than those of the object, or are of the other kind.
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

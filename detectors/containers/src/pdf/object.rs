//! Objects and dictionaries (ISO 32000-1, 7.3 and 7.5).

use std::cell::Cell;
use std::collections::BTreeMap;

use memchr::memmem;

/// Most objects of a document, and most parents of a page.
const MOST_OBJECTS: usize = 1 << 20;
const DEEPEST: usize = 32;

/// Longest dictionary, in bytes.
const LONGEST: usize = 256 << 10;

/// Length of a reference, in bytes, with its place in a list.
const REFERENCE: usize = 16;

/// White space (7.2.2).
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Characters that end a name or a number.
pub(super) const fn is_delimiter(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// Skips white space, as far as a dictionary may be long.
fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take(LONGEST).take_while(|byte| is_blank(**byte)).count();
    bytes.get(blanks..).unwrap_or_default()
}

/// A number, and what follows it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let digits = bytes.iter().take(11).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at_checked(digits).filter(|(digits, _)| !digits.is_empty())?;
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// A reference `N G R`, and what follows it.
fn reference(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (object, rest) = number(bytes)?;
    let (_, rest) = number(skip_blanks(rest))?;
    let rest = skip_blanks(rest).strip_prefix(b"R")?;
    Some((object, rest))
}

/// A dictionary, from `<<` to `>>`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dict<'d>(&'d [u8]);

impl<'d> Dict<'d> {
    /// The dictionary at the start of these bytes, and what follows it.
    fn read(bytes: &'d [u8]) -> Option<(Self, &'d [u8])> {
        let bytes = skip_blanks(bytes);
        let (head, mut at, mut depth) = (bytes.get(..bytes.len().min(LONGEST))?, 0, 0_u32);
        loop {
            let rest = head.get(at..)?;
            match rest {
                [b'<', b'<', ..] => (at, depth) = (at + 2, depth + 1),
                [b'>', b'>', ..] => (at, depth) = (at + 2, depth.checked_sub(1)?),
                [b'(', ..] => at += string(rest)?,
                [] => return None,
                _ if depth == 0 => return None,
                _ => at += 1,
            }
            if depth == 0 {
                return Some((Self(bytes.get(..at)?), bytes.get(at..)?));
            }
        }
    }

    /// The bytes that begin with the value of a key. Keys of inner dictionaries count, too.
    pub(super) fn value(self, key: &[u8]) -> Option<&'d [u8]> {
        let is_whole = |at: &usize| self.0.get(at + key.len()).is_none_or(|next| is_delimiter(*next));
        let at = memmem::find_iter(self.0, key).find(is_whole)?;
        Some(skip_blanks(self.0.get(at + key.len()..)?))
    }

    pub(super) fn has(self, key: &[u8]) -> bool {
        self.value(key).is_some()
    }

    /// Whether a key has this value.
    pub(super) fn is(self, key: &[u8], value: &[u8]) -> bool {
        self.value(key)
            .and_then(|found| found.strip_prefix(value))
            .is_some_and(|rest| rest.first().is_none_or(|next| is_delimiter(*next)))
    }

    /// The object that a key refers to.
    pub(super) fn reference(self, key: &[u8]) -> Option<u32> {
        Some(reference(self.value(key)?)?.0)
    }
}

/// The length of a string in parentheses.
pub(super) fn string(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_u32);
    loop {
        match bytes.get(at)? {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Bytes of hexadecimal digits; a last single digit is followed by a zero.
pub(super) fn hex(digits: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .iter()
        .filter(|byte| !is_blank(**byte))
        .map(|byte| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default())
        .collect();
    digits.chunks(2).map(|pair| pair.first().copied().unwrap_or(0) << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

/// Bytes that may be looked at for each byte of a document, and for any document. Dictionaries that lie in each other,
/// and streams without an end, would each be read to their end. A document of one object for each 20 bytes takes 4.
const WORK: usize = 32;
const MIN_WORK: usize = 64 << 20;

/// A document, and where its objects are.
pub(super) struct Document<'d> {
    bytes: &'d [u8],
    /// Bytes that may still be looked at.
    work: Cell<usize>,
    /// Number and offset of every object, of all revisions.
    pub(super) objects: Vec<(u32, usize)>,
    /// The last object of each number.
    last: BTreeMap<u32, usize>,
    /// Dictionaries in object streams.
    packed: BTreeMap<u32, Dict<'d>>,
}

impl<'d> Document<'d> {
    pub(super) fn new(bytes: &'d [u8]) -> Self {
        let mut objects = Vec::new();
        for at in memmem::find_iter(bytes, b" obj").take(MOST_OBJECTS) {
            let digits_before = |end: usize| {
                let start = bytes.get(..end)?.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
                (start < end && end - start <= 10).then_some(start)
            };
            let Some(number) = digits_before(at)
                .and_then(|generation| digits_before(generation.checked_sub(1)?))
                .and_then(|start| number(bytes.get(start..)?))
            else {
                continue;
            };
            objects.push((number.0, at + 4));
        }
        let last = objects.iter().copied().collect();
        let work = Cell::new(bytes.len().saturating_mul(WORK).saturating_add(MIN_WORK));
        Self { bytes, work, objects, last, packed: BTreeMap::new() }
    }

    /// Counts bytes that are looked at. `None` once they are too many.
    pub(super) fn spend(&self, bytes: usize) -> Option<()> {
        let left = self.work.get().checked_sub(bytes);
        self.work.set(left.unwrap_or(0));
        left.map(|_| ())
    }

    /// Bytes that may still be looked at.
    pub(super) fn left(&self) -> u64 {
        self.work.get() as u64
    }

    /// Whether objects were left out because the document needs too much work.
    pub(super) fn is_too_slow(&self) -> bool {
        self.work.get() == 0
    }

    /// [`Dict::read`], counted.
    fn read(&self, bytes: &'d [u8]) -> Option<(Dict<'d>, &'d [u8])> {
        if self.is_too_slow() {
            return None;
        }
        let begin = skip_blanks(bytes);
        if !begin.starts_with(b"<<") {
            // Most objects are numbers, lists and names.
            self.spend(bytes.len() - begin.len())?;
            return None;
        }
        let read = Dict::read(begin);
        // Without an end, the bytes up to the limit were looked at.
        self.spend(read.map_or(bytes.len().min(LONGEST), |(_, rest)| bytes.len() - rest.len()))?;
        read
    }

    /// Whether the document has a dictionary that says how it is encrypted (7.6.1).
    pub(super) fn is_encrypted(&self) -> bool {
        memmem::find_iter(self.bytes, b"/Encrypt").any(|at| {
            let value = skip_blanks(self.bytes.get(at + 8..).unwrap_or_default());
            reference(value).is_some_and(|(object, _)| self.last.contains_key(&object)) || value.starts_with(b"<<")
        })
    }

    /// Adds the objects of a decoded object stream (7.5.7): pairs of numbers and offsets come first.
    pub(super) fn add_packed(&mut self, objects: &'d [u8]) {
        let mut rest = skip_blanks(objects);
        let mut pairs = Vec::new();
        while let Some((object, after)) = number(rest).filter(|_| pairs.len() < MOST_OBJECTS) {
            let Some((at, after)) = number(skip_blanks(after)) else { break };
            pairs.push((object, at as usize));
            rest = skip_blanks(after);
        }
        // Offsets count from the first object.
        let first = objects.len() - rest.len();
        for (object, at) in pairs {
            let start = pairs_start(objects, first, at);
            if let Some((dict, _)) = start.and_then(Dict::read) {
                self.packed.insert(object, dict);
            }
        }
    }

    /// The dictionary of an object.
    pub(super) fn dict(&self, object: u32) -> Option<Dict<'d>> {
        let here = self.last.get(&object).and_then(|at| self.read(self.bytes.get(*at..)?)).map(|(dict, _)| dict);
        let packed = || self.packed.get(&object).copied().filter(|dict| self.spend(dict.0.len()).is_some());
        here.or_else(packed)
    }

    /// The dictionary and the raw bytes of the stream at an offset.
    pub(super) fn stream(&self, at: usize) -> Option<(Dict<'d>, &'d [u8])> {
        let (dict, rest) = self.read(self.bytes.get(at..)?)?;
        self.spend(rest.len() - skip_blanks(rest).len())?;
        let rest = skip_blanks(rest).strip_prefix(b"stream")?;
        let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        let length = dict.value(b"/Length").and_then(|value| match reference(value) {
            Some((object, _)) => number(skip_blanks(self.bytes.get(*self.last.get(&object)?..)?)),
            None => number(value),
        });
        let by_length = length.and_then(|(length, _)| rest.split_at_checked(length as usize));
        if let Some((stream, _)) = by_length.filter(|(_, rest)| skip_blanks(rest).starts_with(b"endstream")) {
            return Some((dict, stream));
        }
        let end = memmem::find(rest, b"endstream").unwrap_or(rest.len());
        self.spend(end)?;
        Some((dict, rest.get(..end)?))
    }

    /// The last stream of a number.
    pub(super) fn stream_of(&self, object: u32) -> Option<(Dict<'d>, &'d [u8])> {
        self.stream(*self.last.get(&object)?)
    }

    /// Every page: its number, the objects of its contents, its dictionary.
    pub(super) fn pages(&self) -> Vec<(u32, Vec<u32>, Dict<'d>)> {
        let numbers = self.last.keys().chain(self.packed.keys());
        let page = |&object: &u32| {
            let dict = self.dict(object)?;
            let value = dict.value(b"/Contents").filter(|_| dict.is(b"/Type", b"/Page"))?;
            let list = match reference(value) {
                // An object that is a list itself.
                Some((one, _)) if self.stream_of(one).is_none() => {
                    references(skip_blanks(self.bytes.get(*self.last.get(&one)?..)?))
                }
                Some((one, _)) => vec![one],
                None => references(value),
            };
            // Pages may share a list.
            self.spend(list.len() * REFERENCE)?;
            Some((object, list, dict))
        };
        numbers.filter_map(page).collect()
    }

    /// The fonts of a page or a form: their names and objects.
    pub(super) fn fonts(&self, dict: Dict<'d>) -> Vec<(&'d [u8], u32)> {
        let mut dict = dict;
        for _ in 0..DEEPEST {
            let resources = match dict.reference(b"/Resources") {
                Some(object) => self.dict(object),
                None => dict.value(b"/Resources").and_then(Dict::read).map(|(dict, _)| dict),
            };
            if let Some(resources) = resources {
                let fonts = match resources.reference(b"/Font") {
                    Some(object) => self.dict(object),
                    None => resources.value(b"/Font").and_then(Dict::read).map(|(dict, _)| dict),
                };
                let length = resources.0.len() + fonts.map_or(0, |fonts| fonts.0.len());
                return fonts.filter(|_| self.spend(length).is_some()).map(names).unwrap_or_default();
            }
            let Some(parent) = dict.reference(b"/Parent").and_then(|object| self.dict(object)) else { break };
            dict = parent;
        }
        Vec::new()
    }
}

fn pairs_start(objects: &[u8], first: usize, at: usize) -> Option<&[u8]> {
    objects.get(first.checked_add(at)?..)
}

/// The references of a list.
fn references(list: &[u8]) -> Vec<u32> {
    let mut rest = list.strip_prefix(b"[").map(skip_blanks).unwrap_or_default();
    let mut all = Vec::new();
    while let Some((object, after)) = reference(rest).filter(|_| all.len() < MOST_OBJECTS) {
        all.push(object);
        rest = skip_blanks(after);
    }
    all
}

/// The keys of a dictionary whose values are references.
fn names(dict: Dict<'_>) -> Vec<(&[u8], u32)> {
    let mut all = Vec::new();
    for at in memchr::memchr_iter(b'/', dict.0) {
        let rest = dict.0.get(at + 1..).unwrap_or_default();
        let length = rest.iter().position(|byte| is_delimiter(*byte)).unwrap_or(rest.len());
        let (name, value) = rest.split_at(length);
        if let Some((object, _)) = reference(skip_blanks(value)) {
            all.push((name, object));
        }
    }
    all
}

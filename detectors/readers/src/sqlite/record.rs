//! Records of SQLite (sqlite.org/fileformat2.html 2.1): the values of a row, read one after the other without holding
//! them in memory.

use std::io::{self, Read};
use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::{Cell, Database, Encoding};
use crate::cursor::Cursor;

/// Maximum header length of a record, in bytes: 32,767 columns (upper limit of SQLITE_MAX_COLUMN) of up to nine bytes
/// each.
const MAX_HEADER: u64 = 9 * 32_768;

/// Reads a number of up to nine bytes: seven bits each, eight in the last.
pub(super) fn varint(fields: &mut Cursor<'_>) -> Option<u64> {
    let mut number = 0_u64;
    for _ in 0..8 {
        let byte = fields.u8("varint").ok()?;
        number = number << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some(number);
        }
    }
    Some(number << 8 | u64::from(fields.u8("varint").ok()?))
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// NULL.
    Null,
    /// A number.
    Integer(i64),
    /// A floating-point number.
    Real,
    /// Bytes.
    Blob,
    /// Characters.
    Text,
}

/// One value of a row.
pub struct Value<'v> {
    /// Column number, from 0.
    pub column: usize,
    /// What it is.
    pub kind: Type,
    /// Length as stored, in bytes.
    pub(crate) length: u64,
    encoding: Encoding,
    stored: &'v mut dyn Read,
}

impl Value<'_> {
    /// The length in bytes, or in characters if the text is ASCII.
    pub const fn letters(&self) -> u64 {
        match (self.kind, self.encoding) {
            (Type::Text, Encoding::Utf16Little | Encoding::Utf16Big) => self.length / 2,
            _ => self.length,
        }
    }

    /// Passes the content to `read`. Text is converted to UTF-8 from any stored encoding.
    pub fn content<T>(&mut self, read: impl FnOnce(&mut dyn Read) -> T) -> T {
        match (self.kind, self.encoding) {
            (Type::Text, Encoding::Utf16Little | Encoding::Utf16Big) => {
                read(&mut Utf16::new(self.stored, self.encoding))
            }
            _ => read(self.stored),
        }
    }

    /// The whole content. `None` if it is longer than `most` or incomplete.
    pub(crate) fn bytes(&mut self, most: u64) -> Option<Zeroizing<Vec<u8>>> {
        let length = usize::try_from(self.length).ok().filter(|_| self.length <= most)?;
        self.content(|content| {
            // UTF-8 needs at most three bytes for two of UTF-16.
            let mut bytes = Zeroizing::new(Vec::with_capacity(length.min(1 << 16) * 3 / 2));
            content.read_to_end(&mut bytes).ok().map(|_| bytes)
        })
    }
}

/// A row, or an entry of an index.
pub struct Record<'d> {
    /// Number of the row.
    pub rowid: i64,
    /// Byte offset in the file.
    pub at: u64,
    /// Bytes at this offset, without overflow pages.
    pub(crate) size: usize,
    payload: Payload<'d>,
}

impl<'d> Record<'d> {
    pub(super) fn new(database: &'d mut Database, cell: &Cell<'d>, page: u32, at: usize) -> Self {
        let at = database.offset(page) + at as u64;
        let payload = Payload { left: Some(cell.length), ..Payload::new(database, cell.local, cell.overflow) };
        Self { rowid: cell.rowid, at, size: cell.size, payload }
    }

    /// Passes every value to `each`, in column order. `None` if the record is invalid.
    pub fn values(&mut self, each: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> Option<ControlFlow<()>> {
        let header = self.header()?;
        let mut fields = Cursor::new(&header);
        let mut column = 0;
        while !fields.is_empty() {
            let (kind, length) = match varint(&mut fields)? {
                0 => (Type::Null, 0),
                // Section 2.1: big-endian integers of 1, 2, 3, 4, 6 and 8 bytes.
                serial @ 1..=6 => {
                    let length = [1, 2, 3, 4, 6, 8].get(serial as usize - 1).copied()?;
                    (Type::Integer(self.payload.integer(length)?), 0)
                }
                7 => (Type::Real, 8),
                serial @ 8..=9 => (Type::Integer(serial.cast_signed() - 8), 0),
                10 | 11 => return None,
                serial if serial % 2 == 0 => (Type::Blob, (serial - 12) / 2),
                serial => (Type::Text, (serial - 13) / 2),
            };
            let encoding = self.payload.database.encoding;
            let mut stored = (&mut self.payload).take(length);
            let flow = each(Value { column, kind, length, encoding, stored: &mut stored });
            let unread = stored.limit();
            if flow.is_break() {
                return Some(flow);
            }
            if unread > 0 && !self.payload.skip(unread) {
                return None;
            }
            column += 1;
        }
        Some(ControlFlow::Continue(()))
    }

    /// Reads the types of the values, one varint each.
    fn header(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let mut first = Vec::new();
        let length = loop {
            first.push(self.payload.byte()?);
            if let Some(length) = varint(&mut Cursor::new(&first)) {
                break length;
            }
            if first.len() > 8 {
                return None;
            }
        };
        let rest = length.checked_sub(first.len() as u64).filter(|_| length <= MAX_HEADER)?;
        let mut header = Zeroizing::new(Vec::new());
        (&mut self.payload).take(rest).read_to_end(&mut header).ok()?;
        (header.len() as u64 == rest).then_some(header)
    }

    /// Reads the rest, so that its pages are marked as used. Returns whether it was complete.
    pub(super) fn close(mut self) -> bool {
        let left = self.payload.left.unwrap_or_default();
        (left == 0 || self.payload.skip(left)) && !self.payload.broken
    }
}

/// Bytes that begin in a page and continue in a chain of other pages.
pub(super) struct Payload<'d> {
    database: &'d mut Database,
    local: &'d [u8],
    /// Remaining bytes; `None` if unknown.
    left: Option<u64>,
    /// The next page of the chain; 0 at its end.
    next: u32,
    page: Zeroizing<Vec<u8>>,
    at: usize,
    broken: bool,
}

impl<'d> Payload<'d> {
    pub(super) fn new(database: &'d mut Database, local: &'d [u8], next: u32) -> Self {
        Self { database, local, left: None, next, page: Zeroizing::new(Vec::new()), at: 0, broken: false }
    }

    /// The bytes that are available without loading a page. Loads the next page if there are none.
    fn ready(&mut self) -> &[u8] {
        if self.local.is_empty() && self.at >= self.page.len() && self.next != 0 {
            let next = self.next;
            self.next = 0;
            if self.database.claim(next) && self.database.load(next, &mut self.page) {
                self.next = Cursor::new(&self.page).u32("next page").unwrap_or_default();
                self.at = 4;
            } else {
                self.page.clear();
            }
        }
        if self.local.is_empty() { self.page.get(self.at..).unwrap_or_default() } else { self.local }
    }

    fn step(&mut self, by: usize) {
        match self.local.split_at_checked(by) {
            Some((_, rest)) if !self.local.is_empty() => self.local = rest,
            _ => self.at += by,
        }
        self.left = self.left.map(|left| left.saturating_sub(by as u64));
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.read_exact(&mut byte).ok().map(|()| u8::from_be_bytes(byte))
    }

    /// Reads a signed number of up to eight bytes.
    fn integer(&mut self, length: usize) -> Option<i64> {
        let mut number = 0_u64;
        for at in 0..length {
            let byte = self.byte()?;
            if at == 0 && byte >= 0x80 {
                number = u64::MAX;
            }
            number = number << 8 | u64::from(byte);
        }
        Some(number.cast_signed())
    }

    /// Skips bytes. Returns whether they were present.
    pub(super) fn skip(&mut self, mut bytes: u64) -> bool {
        while bytes > 0 {
            let most = self.left.map_or(bytes, |left| left.min(bytes));
            if most == 0 {
                return false;
            }
            let step = (self.ready().len() as u64).min(most);
            if step == 0 {
                self.broken = true;
                return false;
            }
            self.step(step as usize);
            bytes -= step;
        }
        true
    }
}

impl Read for Payload<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = self.left.map_or(into.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(into.len()));
        if most == 0 {
            return Ok(0);
        }
        let ready = self.ready();
        let length = ready.len().min(most);
        if let (Some(into), Some(from)) = (into.get_mut(..length), ready.get(..length)) {
            into.copy_from_slice(from);
        }
        if length == 0 && self.left.is_some() {
            self.broken = true;
            return Err(io::Error::other("continues in a missing page"));
        }
        self.step(length);
        Ok(length)
    }
}

/// Converts UTF-16 to UTF-8.
struct Utf16<'r> {
    stored: &'r mut dyn Read,
    big: bool,
    /// Half a code unit, or the first unit of a surrogate pair.
    rest: Zeroizing<Vec<u8>>,
    ready: Zeroizing<Vec<u8>>,
    at: usize,
}

impl<'r> Utf16<'r> {
    fn new(stored: &'r mut dyn Read, encoding: Encoding) -> Self {
        let big = encoding == Encoding::Utf16Big;
        Self { stored, big, rest: Zeroizing::default(), ready: Zeroizing::default(), at: 0 }
    }

    /// Decodes more bytes. Invalid text becomes U+FFFD.
    fn fill(&mut self) -> io::Result<()> {
        let mut block = Zeroizing::new([0_u8; 4096]);
        let read = self.stored.read(&mut *block)?;
        self.rest.extend_from_slice(block.get(..read).unwrap_or_default());
        let unit = |pair: &[u8]| match *pair {
            [a, b] if self.big => u16::from_be_bytes([a, b]),
            [a, b] => u16::from_le_bytes([a, b]),
            _ => 0xfffd,
        };
        let mut whole = self.rest.len() / 2 * 2;
        let last = whole.checked_sub(2).and_then(|at| self.rest.get(at..whole)).map(unit);
        if read == 0 {
            whole = self.rest.len();
        } else if last.is_some_and(|unit| (0xd800..0xdc00).contains(&unit)) {
            whole -= 2;
        }
        self.ready.clear();
        self.at = 0;
        let units = self.rest.get(..whole).unwrap_or_default().chunks(2).map(unit);
        for letter in char::decode_utf16(units) {
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.ready.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.rest.drain(..whole);
        Ok(())
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.ready.len() {
            let before = self.rest.len();
            self.fill()?;
            if self.ready.is_empty() && self.rest.len() <= before {
                return Ok(0);
            }
        }
        let ready = self.ready.get(self.at..).unwrap_or_default();
        let length = ready.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..length), ready.get(..length)) {
            into.copy_from_slice(from);
        }
        self.at += length;
        Ok(length)
    }
}

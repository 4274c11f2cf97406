//! Access to bytes in containers: sequential reads with a position, random reads with checked lengths, and numbers in
//! either byte order.

use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;

use keyradius_core::error::Reason;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{Inside, Member};

/// Little-endian number at an offset.
pub fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(array(bytes, at)?))
}

/// Little-endian number at an offset.
pub fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(array(bytes, at)?))
}

/// Little-endian number at an offset.
pub fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(array(bytes, at)?))
}

/// Big-endian number at an offset.
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(array(bytes, at)?))
}

/// Big-endian number at an offset.
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(array(bytes, at)?))
}

/// Big-endian number at an offset.
pub fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(array(bytes, at)?))
}

/// `N` bytes at an offset.
pub fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// A number in digits of a base, with blanks or zero bytes around it, as in `ar` and `cpio`.
pub fn number(field: &[u8], base: u32) -> Option<u64> {
    let text = str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    if !text.bytes().all(|digit| char::from(digit).is_digit(base)) {
        return None;
    }
    u64::from_str_radix(text, base).ok()
}

/// The bytes before the first zero byte.
pub fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// `length` bytes from an offset. `None` if they are incomplete or more than `most`.
pub fn held(cursor: &Cursor, at: u64, length: u64, most: u64) -> Option<Vec<u8>> {
    if length > most || at.checked_add(length)? > cursor.size() {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let read = cursor.read_from(at, &mut bytes).ok()?;
    (read == bytes.len()).then_some(bytes)
}

/// [`held`], for a table: a page of it may be read for one entry.
pub fn held_table(cursor: &Cursor, at: u64, length: u64, most: u64) -> Option<Vec<u8>> {
    if length > most || at.checked_add(length)? > cursor.size() {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let read = cursor.read_table_from(at, &mut bytes).ok()?;
    (read == bytes.len()).then_some(bytes)
}

/// Exactly `length` bytes; a short read is an error.
pub struct Exactly<R> {
    from: R,
    left: u64,
    /// Whether reading failed. The caller reports it.
    failed: bool,
}

impl<R: Read> Exactly<R> {
    /// `length` bytes of `from`.
    pub const fn new(from: R, length: u64) -> Self {
        Self { from, left: length, failed: false }
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let Some(into) = into.get_mut(..most).filter(|into| !into.is_empty()) else { return Ok(0) };
        match self.from.read(into) {
            Ok(0) => {
                self.failed = true;
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "cut off"))
            }
            Ok(read) => {
                self.left = self.left.saturating_sub(read as u64);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }
}

/// Skips blocks of zero bytes, which are free space.
pub struct Dense<R> {
    from: R,
    block: Vec<u8>,
    at: usize,
}

/// Block size of [`Dense`], in bytes.
const BLOCK: usize = 4096;

/// After this many consecutive zero blocks one is returned, so that the caller can check the time limit.
const PAUSE: usize = 16_384;

impl<R: Read> Dense<R> {
    /// `from` without long runs of zero bytes.
    pub const fn new(from: R) -> Self {
        Self { from, block: Vec::new(), at: 0 }
    }
}

impl<R: Read> Read for Dense<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut left_out = 0;
        while self.at >= self.block.len() {
            self.block.clear();
            self.at = 0;
            if (&mut self.from).take(BLOCK as u64).read_to_end(&mut self.block)? == 0 {
                return Ok(0);
            }
            if left_out < PAUSE && self.block.iter().all(|&byte| byte == 0) {
                left_out += 1;
                self.block.clear();
            }
        }
        let read = self.block.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

/// Bytes that are read once, in order.
pub struct Stream<'a> {
    from: BufReader<&'a mut dyn Read>,
    /// Bytes that were peeked at but not read yet.
    ahead: Vec<u8>,
    at: u64,
}

impl<'a> Stream<'a> {
    /// `from`, of which nothing was read yet.
    pub fn new(from: &'a mut dyn Read) -> Self {
        Self { from: BufReader::with_capacity(32 << 10, from), ahead: Vec::new(), at: 0 }
    }

    /// Number of bytes read.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Fills `into` as far as bytes are available. A read error counts as the end.
    pub fn fill(&mut self, into: &mut [u8]) -> usize {
        let mut held = 0;
        while let Some(room) = into.get_mut(held..).filter(|room| !room.is_empty()) {
            match self.read(room) {
                Ok(read @ 1..) => held += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        held
    }

    /// Peeks at the next `length` bytes, or fewer at the end. For headers, because the bytes are kept.
    pub fn peek(&mut self, length: usize) -> &[u8] {
        if let Some(missing) = length.checked_sub(self.ahead.len()) {
            // A read error counts as the end.
            let _ = (&mut self.from).take(missing as u64).read_to_end(&mut self.ahead);
        }
        self.ahead.get(..length).unwrap_or(&self.ahead)
    }

    /// Reads the next `N` bytes. `None` if there are fewer.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.fill(&mut bytes) == N).then_some(bytes)
    }

    /// Reads the next `length` bytes. `None` if there are fewer, or `length` exceeds `most`.
    pub fn held(&mut self, length: u64, most: u64) -> Option<Vec<u8>> {
        if length > most {
            return None;
        }
        let mut bytes = Vec::new();
        let read = self.take(length).read_to_end(&mut bytes).ok()?;
        (read as u64 == length).then_some(bytes)
    }

    /// Skips `length` bytes. Returns whether all of them were present.
    pub fn skip(&mut self, length: u64) -> bool {
        io::copy(&mut self.take(length), &mut io::sink()).is_ok_and(|skipped| skipped == length)
    }

    /// Skips to the next multiple of `unit` bytes from `start`. Missing padding at the end is not an error.
    pub fn align(&mut self, start: u64, unit: u64) {
        let past = self.at.saturating_sub(start).checked_rem(unit).unwrap_or(0);
        if past > 0 {
            self.skip(unit - past);
        }
    }

    /// Passes on a member of the next `length` bytes and skips to its end. `Break` if reading must or can not continue.
    pub fn member(&mut self, inside: &mut dyn Inside, member: Member<'_>, length: u64) -> ControlFlow<()> {
        let mut content = Exactly::new(&mut *self, length);
        inside.member(member, &mut content)?;
        let (left, failed) = (content.left, content.failed);
        if failed {
            return ControlFlow::Break(());
        }
        if !self.skip(left) {
            inside.unread(member, Reason::Damaged, "cut off");
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = if self.ahead.is_empty() {
            self.from.read(into)?
        } else {
            let read = self.ahead.as_slice().read(into)?;
            self.ahead.drain(..read);
            read
        };
        self.at += read as u64;
        Ok(read)
    }
}

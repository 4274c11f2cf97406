//! Big-endian fields from a slice, without panics and indexing.

use keyradius_core::error::Malformed;

/// A position in a slice.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Reads from the first of these bytes on.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Position from the start of the slice.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The remaining bytes.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Takes the next `len` bytes; `what` names them in the error.
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(len).ok_or(Malformed::new(what, self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed::new(what, self.at))?;
        self.at = end;
        Ok(taken)
    }

    /// Takes exactly these bytes.
    pub fn expect(&mut self, literal: &[u8], what: &'static str) -> Result<(), Malformed> {
        let at = self.at;
        if self.take(literal.len(), what)? == literal { Ok(()) } else { Err(Malformed::new(what, at)) }
    }

    /// The next `N` bytes; `what` names them if there are fewer.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        let at = self.at;
        self.take(N, what)?.try_into().map_err(|_| Malformed::new(what, at))
    }

    /// The next byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array(what)?))
    }

    /// The next two bytes as a number, big-endian.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array(what)?))
    }

    /// The next four bytes as a number, big-endian.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array(what)?))
    }

    /// The next eight bytes as a number, big-endian.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    /// Takes a field with a 32-bit length prefix (RFC 4251 `string`, JKS blobs).
    pub fn string(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.u32(what)? as usize;
        self.take(len, what)
    }
}

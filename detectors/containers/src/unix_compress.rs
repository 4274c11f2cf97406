//! `compress`: LZW with codes of up to 16 bits; `.Z`, and tar archives in it.

use std::io::{self, BufReader, Read};

use keyradius_core::error::Malformed;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Reader, Unopenable};

use super::compressed::{READ, only_member};
use super::inner::decodes;

/// Streams of `compress`.
#[derive(Debug)]
pub(crate) struct UnixCompress;

static ABOUT: About = About {
    id: "unix_compress",
    title: "compress (.Z) stream",
    detects: "LZW streams of compress(1) with codes of 9 to 16 bits, decompressed as they are read. The contents are \
              scanned like a file.",
    blind_to: "Streams of compress before version 3, which begin with the same bytes and fail. The format has no \
               checksum and no end: bytes that are appended to a stream are decompressed as a part of it, and searched \
               as they are.",
    respond: "Treat the contents as plain text.",
    references: &["compress(1)", "ncompress, compress42.c"],
};

/// Memory of a decoder, in bytes: a table of 65,536 codes.
const MEMORY: u64 = 512 << 10;

/// Code that empties the table, in block mode.
const CLEAR: u16 = 256;

impl Container for UnixCompress {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        macro_rules! magics {
            ($($bits:literal)*) => { &[$(Magic { at: 0, bytes: &[0x1f, 0x9d, $bits] }),*] };
        }
        // The most bits of a code, with the flag of block mode and without.
        magics!(0x89 0x8a 0x8b 0x8c 0x8d 0x8e 0x8f 0x90 0x09 0x0a 0x0b 0x0c 0x0d 0x0e 0x0f 0x10)
    }

    fn claims(&self, start: &[u8]) -> bool {
        let is_one = self.magics().iter().any(|magic| magic.begins(start));
        is_one && decodes(Lzw::new(start.get(2..).unwrap_or_default()))
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(open)
    }
}

/// A stream has no end: what follows it is decompressed as a part of it. So its bytes are searched as they are, too.
#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn open(input: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("compress header", 0);
    inside.holds(MEMORY)?;
    let mut input = BufReader::with_capacity(READ, input);
    let mut magic = [0; 2];
    input.read_exact(&mut magic).map_err(|_| malformed)?;
    if magic != [0x1f, 0x9d] {
        return Err(malformed.into());
    }
    only_member(&mut Lzw::new(input), inside, "compress stream")
}

/// A decoder.
struct Lzw<R> {
    input: R,
    /// Codes that were read and not decoded: a group of eight has as many bytes as a code has bits.
    group: [u8; 16],
    /// Number of bits in `group`, and how many of them were read.
    bits: (usize, usize),
    /// Bits of a code now, and at most; 0 before the header was read.
    width: usize,
    most: usize,
    block_mode: bool,
    /// For each code: the code before its last byte, and that byte.
    table: Vec<(u16, u8)>,
    last: Option<u16>,
    first: u8,
    /// Decoded bytes in reverse order.
    stack: Vec<u8>,
    /// Whether the table was emptied or a code got longer: the rest of the group is padding.
    skips: bool,
    failed: bool,
}

impl<R: Read> Lzw<R> {
    const fn new(input: R) -> Self {
        Self {
            input,
            group: [0; 16],
            bits: (0, 0),
            width: 0,
            most: 0,
            block_mode: false,
            table: Vec::new(),
            last: None,
            first: 0,
            stack: Vec::new(),
            skips: false,
            failed: false,
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let mut flags = [0];
        self.input.read_exact(&mut flags)?;
        let [flags] = flags;
        (self.most, self.block_mode, self.width) = (usize::from(flags & 0x1f), flags & 0x80 != 0, 9);
        if !(9..=16).contains(&self.most) || flags & 0x60 != 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.empty();
        Ok(())
    }

    fn empty(&mut self) {
        self.table.clear();
        self.table.extend((0..=255).map(|byte| (0, byte)));
        if self.block_mode {
            self.table.push((0, 0));
        }
        (self.width, self.last) = (9, None);
    }

    /// Reads the next code; `None` at the end.
    fn code(&mut self) -> io::Result<Option<u16>> {
        if self.skips || self.bits.0 - self.bits.1 < self.width {
            // Codes come in groups of eight; at the end of the input, a group is cut after a whole byte.
            let mut held = 0;
            while let Some(room) = self.group.get_mut(held..self.width).filter(|room| !room.is_empty()) {
                match self.input.read(room) {
                    Ok(0) => break,
                    Ok(read) => held += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            (self.bits, self.skips) = ((held * 8, 0), false);
            if held * 8 < self.width {
                return Ok(None);
            }
        }
        let at = self.bits.1;
        self.bits.1 += self.width;
        let byte = |index: usize| u32::from(self.group.get(index).copied().unwrap_or(0));
        let three = byte(at / 8) | byte(at / 8 + 1) << 8 | byte(at / 8 + 2) << 16;
        let code = (three >> (at % 8)) & ((1 << self.width) - 1);
        Ok(u16::try_from(code).ok())
    }

    /// Decodes the next code onto the stack. Returns whether there was one.
    fn step(&mut self) -> io::Result<bool> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        if self.width == 0 {
            self.header()?;
        }
        let Some(code) = self.code()? else { return Ok(false) };
        if self.block_mode && code == CLEAR {
            self.empty();
            self.skips = true;
            return Ok(true);
        }
        let mut at = code;
        match self.last {
            None if code > 255 => return Err(damaged()),
            // The code that is being defined: the last text, and its first byte again.
            Some(last) if usize::from(code) == self.table.len() => {
                self.stack.push(self.first);
                at = last;
            }
            _ if usize::from(code) >= self.table.len() => return Err(damaged()),
            _ => {}
        }
        loop {
            let (before, byte) = self.table.get(usize::from(at)).copied().ok_or_else(damaged)?;
            self.stack.push(byte);
            if at < 256 {
                self.first = byte;
                break;
            }
            at = before;
        }
        if let Some(last) = self.last.filter(|_| self.table.len() < 1 << self.most) {
            self.table.push((last, self.first));
            if self.table.len() == 1 << self.width && self.width < self.most {
                self.width += 1;
                self.skips = true;
            }
        }
        self.last = Some(code);
        Ok(true)
    }
}

impl<R: Read> Read for Lzw<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        if self.failed && self.stack.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        while let Some(to) = into.get_mut(read) {
            match self.stack.pop() {
                Some(byte) => {
                    *to = byte;
                    read += 1;
                }
                None => match self.step() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(_) if read > 0 => {
                        self.failed = true;
                        break;
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    /// "abababababababababab\n" as written by `compress -b 9`.
    const AB: &[u8] = b"\x1f\x9d\x89\x61\xc4\x04\x1c\x28\xb0\x20\x41\x82\x0a\x00";

    #[test]
    fn texts_that_repeat() {
        assert_eq!(open(&UnixCompress, AB).unwrap().content(""), Some(&b"abababababababababab\n"[..]));
        for other in [&b"\x1f\x9d\x90"[..], b"\x1f\x9d\x90\xff\xff\xff\xff\xff", b"\x1f\x9d\x88abc"] {
            assert!(!UnixCompress.claims(other), "{other:?}");
        }
        torture(&UnixCompress, AB, 1);
    }
}

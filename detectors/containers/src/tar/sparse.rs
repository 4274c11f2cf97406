//! Maps of sparse files: which parts of them are stored. GNU has four formats: in the header and the blocks after it,
//! in two kinds of `pax` records (0.0 and 0.1), and before the content (1.0).

use std::io::{self, Read};

use super::{BLOCK, Block, Body, number};

/// Maximum number of parts of one file: 4 MiB of offsets and lengths.
const PARTS: usize = 1 << 18;

/// Maximum number of bytes of holes that are filled. A disk image has more; its parts are read as if they were
/// contiguous.
const HOLES: u64 = 1 << 30;

/// Why a file is not read with its holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The map is invalid.
    Map,
    /// The holes exceed [`HOLES`].
    Holes,
}

/// A map under construction.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// Offset and length of each part.
    parts: Vec<(u64, u64)>,
    /// Size of the file; 0 if not given.
    size: u64,
    /// Whether the map precedes the content.
    pub(super) in_front: bool,
    /// Whether the map is invalid or exceeds [`PARTS`].
    bad: bool,
    /// Archive blocks of the map, other than the header and `pax` records. They may contain other data, so they are
    /// searched.
    pub(super) blocks: Vec<u8>,
}

impl Map {
    /// Adds a `pax` record. Returns whether the record is one of a sparse file.
    pub(super) fn record(&mut self, record: &[u8]) -> bool {
        let Some(record) = record.strip_prefix(b"GNU.sparse.") else { return false };
        let Some(at) = record.iter().position(|byte| *byte == b'=') else { return false };
        let (key, value) = (record.get(..at).unwrap_or_default(), record.get(at + 1..).unwrap_or_default());
        match key {
            b"offset" => self.part(decimal(value), 0),
            b"numbytes" => {
                if let Some((_, length)) = self.parts.last_mut() {
                    *length = decimal(value);
                }
            }
            b"map" => {
                let mut numbers = value.split(|byte| *byte == b',').map(decimal);
                while let Some((at, length)) = numbers.next().zip(numbers.next()) {
                    self.part(at, length);
                }
            }
            b"size" | b"realsize" => self.size = decimal(value),
            b"major" => self.in_front = decimal(value) == 1,
            _ => {}
        }
        true
    }

    /// Adds the entries in the header of a GNU archive.
    pub(super) fn header(&mut self, header: &Block) {
        self.entries(header.get(386..386 + 4 * 24).unwrap_or_default());
        self.size = number(header.get(483..495).unwrap_or_default());
    }

    /// Adds GNU entries: offset and length, twelve bytes each.
    pub(super) fn entries(&mut self, entries: &[u8]) {
        for entry in entries.chunks_exact(24) {
            let (at, length) = entry.split_at(12);
            if at.first().is_some_and(|byte| *byte != 0) {
                self.part(number(at), number(length));
            }
        }
    }

    /// Reads the map before the content: lines of decimal numbers, first the number of parts, then the parts, padded to
    /// a whole block.
    pub(super) fn front(&mut self, body: &mut Body<'_, '_>) {
        let mut numbers: Vec<u64> = Vec::new();
        let (mut line, mut wanted) = (Vec::new(), 1);
        while numbers.len() < wanted {
            // Two numbers per part, each of at most twenty digits and a line break.
            if self.blocks.len() > PARTS * 42 {
                self.bad = true;
                return;
            }
            let mut block = [0; BLOCK];
            if body.read_exact(&mut block).is_err() {
                self.bad = true;
                return;
            }
            self.blocks.extend(block);
            for byte in block {
                match byte {
                    b'\n' if numbers.len() < wanted => {
                        numbers.push(decimal(&line));
                        line.clear();
                        if let [count] = numbers[..] {
                            wanted = usize::try_from(count).unwrap_or(usize::MAX).min(PARTS).saturating_mul(2) + 1;
                            self.bad |= count > PARTS as u64;
                        }
                    }
                    byte if byte.is_ascii_digit() && line.len() < 20 => line.push(byte),
                    _ => {}
                }
            }
        }
        for part in numbers.get(1..).unwrap_or_default().chunks_exact(2) {
            if let [at, length] = part {
                self.part(*at, *length);
            }
        }
    }

    fn part(&mut self, at: u64, length: u64) {
        if self.parts.len() >= PARTS {
            self.bad = true;
        } else {
            self.parts.push((at, length));
        }
    }

    /// Returns the reason not to fill holes if `stored` bytes are stored. A map that does not place every stored byte
    /// is invalid, because programs differ in how they read such a member.
    pub(super) fn fault(&self, stored: u64) -> Option<Fault> {
        let (mut end, mut holes, mut mapped) = (0_u64, 0_u64, 0_u64);
        for (at, length) in &self.parts {
            let Some(hole) = at.checked_sub(end) else { return Some(Fault::Map) };
            holes = holes.saturating_add(hole);
            end = at.saturating_add(*length);
            mapped = mapped.saturating_add(*length);
        }
        holes = holes.saturating_add(self.size.saturating_sub(end));
        match (self.bad || mapped != stored, holes > HOLES) {
            (true, _) => Some(Fault::Map),
            (false, true) => Some(Fault::Holes),
            (false, false) => None,
        }
    }

    /// Returns a reader of the file with its holes.
    pub(super) fn fill<R: Read>(&self, stored: R) -> Filled<'_, R> {
        Filled { parts: &self.parts, size: self.size, at: 0, stored }
    }
}

fn decimal(digits: &[u8]) -> u64 {
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// A sparse file with zeros in the holes.
pub(super) struct Filled<'m, R> {
    parts: &'m [(u64, u64)],
    size: u64,
    at: u64,
    stored: R,
}

impl<R: Read> Read for Filled<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some((at, length)) = self.parts.first()
            && at.saturating_add(*length) <= self.at
        {
            self.parts = self.parts.get(1..).unwrap_or_default();
        }
        let (hole, stored) = match self.parts.first() {
            Some((at, _)) if self.at < *at => (at - self.at, 0),
            Some((at, length)) => (0, at.saturating_add(*length) - self.at),
            None => (self.size.saturating_sub(self.at), 0),
        };
        let most = into.len().min(usize::try_from(hole.max(stored)).unwrap_or(usize::MAX));
        let into = into.get_mut(..most).unwrap_or_default();
        let read = if hole > 0 {
            into.fill(0);
            most
        } else {
            self.stored.read(into)?
        };
        self.at += read as u64;
        Ok(read)
    }
}

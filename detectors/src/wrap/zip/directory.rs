//! The central directory at the end of an archive (APPNOTE 4.3.12 to 4.3.16).

use std::io::{self, BufReader, Read};

use scanner_core::random::Cursor;

use super::{Found, exactly, u16_at, u32_at, u64_at};

/// Where it lies.
pub(super) struct Directory {
    pub(super) start: u64,
    end: u64,
    /// What was put in front of the archive, from behind which all offsets count; negative if it was taken away.
    shift: i64,
}

/// Size of the record at the end without its comment, and of the longest comment.
const END: u64 = 22;
const COMMENT: u64 = 0xffff;

/// Finds the directory by the last record at the end that leads to one.
pub(super) fn find(bytes: &Cursor) -> Option<Directory> {
    let tail_start = bytes.size().saturating_sub(END + COMMENT);
    let mut tail = Vec::new();
    bytes.part(tail_start, END + COMMENT).read_to_end(&mut tail).ok()?;
    memchr::memmem::rfind_iter(&tail, b"PK\x05\x06").find_map(|at| at_end(bytes, tail_start + at as u64))
}

fn at_end(bytes: &Cursor, end: u64) -> Option<Directory> {
    let record: [u8; 22] = exactly(bytes, end)?;
    let (mut size, mut start) = (u64::from(u32_at(&record, 12)), u64::from(u32_at(&record, 16)));
    let mut stop = end;
    if let Some((at, wide)) = end.checked_sub(20).and_then(|at| wide(bytes, at)) {
        (size, start, stop) = (u64_at(&wide, 40), u64_at(&wide, 48), at);
    }
    // The directory ends where the record begins; what it says of its start tells how much was put in front.
    let real = stop.checked_sub(size)?;
    let shift = i64::try_from(real).ok()?.checked_sub_unsigned(start)?;
    let is_there = size == 0 || exactly::<4>(bytes, real)? == *b"PK\x01\x02";
    is_there.then_some(Directory { start: real, end: stop, shift })
}

/// The ZIP64 record, by its locator in front of the record at the end, and where it stands.
fn wide(bytes: &Cursor, locator: u64) -> Option<(u64, [u8; 56])> {
    let found: [u8; 20] = exactly(bytes, locator)?;
    if !found.starts_with(b"PK\x06\x07") {
        return None;
    }
    // Where it says, or right before the locator if something was put in front.
    let places = [u64_at(&found, 8), locator.saturating_sub(56)];
    places.into_iter().find_map(|at| {
        let record: [u8; 56] = exactly(bytes, at)?;
        record.starts_with(b"PK\x06\x06").then_some((at, record))
    })
}

/// Reads the directory entry by entry.
pub(super) struct Entries {
    input: BufReader<Cursor>,
    shift: i64,
}

impl Entries {
    pub(super) fn new(bytes: &Cursor, directory: &Directory) -> Self {
        let part = bytes.part(directory.start, directory.end - directory.start);
        Self { input: BufReader::with_capacity(64 << 10, part), shift: directory.shift }
    }

    /// The next entry; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        let mut fixed = [0; 46];
        match self.input.read(fixed.get_mut(..1).unwrap_or_default())? {
            0 => return Ok(None),
            _ => self.input.read_exact(fixed.get_mut(1..).unwrap_or_default())?,
        }
        if !fixed.starts_with(b"PK\x01\x02") {
            // The digital signature of the directory, which nobody writes.
            let is_signature = fixed.starts_with(b"PK\x05\x05");
            return if is_signature { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
        let mut field = |length: u16| {
            let mut bytes = vec![0; usize::from(length)];
            self.input.read_exact(&mut bytes).map(|()| bytes)
        };
        let name = field(u16_at(&fixed, 28))?;
        let extra = field(u16_at(&fixed, 30))?;
        field(u16_at(&fixed, 32))?;
        let (packed, unpacked, header) = (u32_at(&fixed, 20), u32_at(&fixed, 24), u32_at(&fixed, 42));
        let wide = Wide::new(&extra, unpacked, packed, header);
        Ok(Some(Found {
            name,
            method: u16_at(&fixed, 10),
            encrypted: u16_at(&fixed, 8) & 1 != 0,
            packed: Some(wide.packed),
            header: wide.header.saturating_add_signed(self.shift),
        }))
    }
}

/// Numbers that may have moved to the ZIP64 field, each only if its place is taken by 0xffffffff (APPNOTE 4.5.3).
pub(super) struct Wide {
    pub(super) packed: u64,
    header: u64,
}

impl Wide {
    pub(super) fn new(extra: &[u8], unpacked: u32, packed: u32, header: u32) -> Self {
        let mut field = field(extra, 1).unwrap_or_default();
        let mut number = |short: u32| {
            if short != u32::MAX || field.len() < 8 {
                return u64::from(short);
            }
            let wide = u64_at(field, 0);
            field = field.get(8..).unwrap_or_default();
            wide
        };
        let _ = number(unpacked);
        Self { packed: number(packed), header: number(header) }
    }
}

/// An extra field by its id.
fn field(mut extra: &[u8], id: u16) -> Option<&[u8]> {
    while extra.len() >= 4 {
        let length = usize::from(u16_at(extra, 2));
        let value = extra.get(4..4 + length)?;
        if u16_at(extra, 0) == id {
            return Some(value);
        }
        extra = extra.get(4 + length..)?;
    }
    None
}

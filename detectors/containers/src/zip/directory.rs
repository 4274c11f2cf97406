//! The central directory at the end of an archive (APPNOTE 4.3.12 to 4.3.16).

use std::io::{self, BufReader, Read};

use keyradius_core::read_at::Cursor;

use super::{Found, exactly, u16_at, u32_at, u64_at};

/// A central directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Number of bytes inserted before the archive, to be added to all offsets; negative if bytes were removed.
    shift: i64,
    /// Number of entries according to the end record, and a mask of the bits that the record can represent.
    entries: (u64, u64),
}

impl Directory {
    /// Whether the end record declares this number of entries. Many old writers store only the lower bits.
    pub(super) const fn counts(&self, entries: u64) -> bool {
        self.entries.0 == entries & self.entries.1
    }
}

/// Size of the end record without its comment, and maximum length of the comment, in bytes.
const END: u64 = 22;
const COMMENT: u64 = 0xffff;

/// Finds the directory through the last end record that leads to one. Returns two if the ZIP64 record leads elsewhere.
pub(super) fn find(bytes: &Cursor) -> Vec<Directory> {
    let tail_start = bytes.size().saturating_sub(END + COMMENT);
    let mut tail = Vec::new();
    if bytes.part(tail_start, END + COMMENT).read_to_end(&mut tail).is_err() {
        return Vec::new();
    }
    memchr::memmem::rfind_iter(&tail, b"PK\x05\x06")
        .map(|at| at_end(bytes, tail_start + at as u64))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// Returns the length of the archive at the start of these bytes: to the end of the first end record whose directory is
/// complete and has as many bytes before it as an archive that begins here.
pub(super) fn length(bytes: &Cursor) -> Option<u64> {
    const CHUNK: usize = 256 << 10;
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    loop {
        let read = bytes.read_from(at, &mut chunk).ok()?;
        let held = chunk.get(..read)?;
        for found in memchr::memmem::find_iter(held, b"PK\x05\x06") {
            let end = at + found as u64;
            // An archive stored inside this one has bytes before it.
            if at_end(bytes, end).iter().any(|directory| directory.shift <= 0) {
                let comment = exactly::<22>(bytes, end).map_or(0, |record| u16_at(&record, 20));
                return Some(end + END + u64::from(comment));
            }
        }
        if read < CHUNK {
            return None;
        }
        // The magic number may cross the end of the chunk.
        at += (read - 3) as u64;
    }
}

/// Returns the directories that the end record at `end` leads to.
fn at_end(bytes: &Cursor, end: u64) -> Vec<Directory> {
    let Some(record) = exactly::<22>(bytes, end) else { return Vec::new() };
    let short = [u32_at(&record, 12), u32_at(&record, 16)];
    let entries = u16_at(&record, 10);
    let narrow = || located(bytes, end, short.map(u64::from), (entries.into(), u16::MAX.into()));
    let Some((at, wide)) = end.checked_sub(20).and_then(|at| wide(bytes, at)) else {
        return narrow().into_iter().collect();
    };
    let long = [u64_at(&wide, 40), u64_at(&wide, 48)];
    let found = located(bytes, at, long, (u64_at(&wide, 32), u64::MAX));
    // A field of all ones refers to the ZIP64 record (APPNOTE 4.4.1.4). Programs without ZIP64 support read the other
    // fields.
    let agrees = short.iter().zip(long).all(|(short, long)| *short == u32::MAX || u64::from(*short) == long);
    let second = if agrees { None } else { narrow() };
    let mut all: Vec<Directory> = found.into_iter().chain(second).collect();
    all.dedup_by_key(|directory| (directory.start, directory.shift));
    all
}

/// Returns the directory of `size` bytes that ends at `stop` and whose declared offset is `start`.
fn located(bytes: &Cursor, stop: u64, [size, start]: [u64; 2], entries: (u64, u64)) -> Option<Directory> {
    // The directory ends where the record begins. The difference to its declared start is the number of inserted bytes.
    let real = stop.checked_sub(size)?;
    let shift = i64::try_from(real).ok()?.checked_sub_unsigned(start)?;
    let is_there = size == 0 || exactly::<4>(bytes, real)? == *b"PK\x01\x02";
    is_there.then_some(Directory { start: real, end: stop, shift, entries })
}

/// Returns the offset of the ZIP64 record and the record, through its locator before the end record.
fn wide(bytes: &Cursor, locator: u64) -> Option<(u64, [u8; 56])> {
    let found: [u8; 20] = exactly(bytes, locator)?;
    if !found.starts_with(b"PK\x06\x07") {
        return None;
    }
    // At the declared offset, or directly before the locator if bytes were inserted in front.
    let places = [u64_at(&found, 8), locator.saturating_sub(56)];
    places.into_iter().find_map(|at| {
        let record: [u8; 56] = exactly(bytes, at)?;
        record.starts_with(b"PK\x06\x06").then_some((at, record))
    })
}

/// Reads a directory entry by entry.
pub(super) struct Entries {
    input: BufReader<Cursor>,
    shift: i64,
}

impl Entries {
    pub(super) fn new(bytes: &Cursor, directory: &Directory) -> Self {
        let part = bytes.part(directory.start, directory.end - directory.start);
        Self { input: BufReader::with_capacity(64 << 10, part), shift: directory.shift }
    }

    /// Reads the next entry. Also returns the offset of its header as declared, without the shift. `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(Found, u64)>> {
        let mut fixed = [0; 46];
        match self.input.read(fixed.get_mut(..1).unwrap_or_default())? {
            0 => return Ok(None),
            _ => self.input.read_exact(fixed.get_mut(1..).unwrap_or_default())?,
        }
        if !fixed.starts_with(b"PK\x01\x02") {
            // The digital signature of the directory, which no program writes.
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
        let found = Found {
            name,
            method: u16_at(&fixed, 10),
            encrypted: u16_at(&fixed, 8) & 1 != 0,
            packed: Some(wide.packed),
            unpacked: Some(wide.unpacked),
            header: wide.header.saturating_add_signed(self.shift),
        };
        Ok(Some((found, wide.header)))
    }
}

/// Sizes and offset, each taken from the ZIP64 field if its own field is 0xffffffff (APPNOTE 4.5.3).
pub(super) struct Wide {
    pub(super) packed: u64,
    pub(super) unpacked: u64,
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
        let unpacked = number(unpacked);
        Self { unpacked, packed: number(packed), header: number(header) }
    }
}

/// Returns an extra field by its id.
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

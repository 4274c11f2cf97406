//! Archives of `pg_dump -Fc`: the data of each table in blocks that are compressed by zlib, LZ4 or Zstandard.

use std::io::{self, Read};

use flate2::bufread::ZlibDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::held;

/// Archives of pg_dump.
#[derive(Debug)]
pub(crate) struct PgDump;

static ABOUT: About = About {
    id: "pg_dump",
    title: "PostgreSQL custom dump",
    detects: "Archives of `pg_dump -Fc`: the rows and large objects of each table, compressed by zlib or stored.",
    blind_to: "Data compressed by LZ4 or Zstandard (pg_dump 16) is read as streams of these formats are.",
    respond: "Treat the contents as plain text.",
    references: &["PostgreSQL, src/bin/pg_dump/pg_backup_custom.c and pg_backup_archiver.c"],
};

const MAGIC: &[u8] = b"PGDMP";

/// Most bytes of a block: those of the writer have some KiB.
const MOST: u64 = 64 << 20;

impl Container for PgDump {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("header of a PostgreSQL dump", 0);
    // Version, sizes of integers and offsets, format: custom.
    let head = held(bytes, 0, 11, 11).ok_or(malformed)?;
    let &[.., 1, _minor, _revision, size @ 1..=8, _offsets, 1] = head.as_slice() else { return Err(malformed.into()) };
    let size = u64::from(size);
    // Data blocks follow the table of contents, which leads to them; they are found by their form, from the first one:
    // BLK_DATA or BLK_BLOBS, the number of the entry, then blocks with their lengths, and a length of zero.
    let mut at = first(bytes, size).ok_or(malformed)?;
    while let Some(kind) = held(bytes, at, 1, 1).filter(|kind| matches!(kind.as_slice(), [1 | 3])) {
        let begin = at;
        let Some((number, mut next)) = integer(bytes, at + 1, size) else { break };
        let is_large = kind == [3];
        loop {
            if is_large {
                // The number of a large object; zero ends them.
                let Some((object, after)) = integer(bytes, next, size) else { break };
                next = after;
                if object == 0 {
                    break;
                }
            }
            let name = format!("{number}");
            let member = Member { name: name.as_bytes(), at: begin };
            let mut blocks = Blocks { bytes, size, at: next, left: 0, ended: false };
            let packed = is_packed(bytes, next, size);
            let flow = if packed {
                inside.member(member, &mut ZlibDecoder::new(io::BufReader::new(&mut blocks)))
            } else {
                inside.member(member, &mut blocks)
            };
            if flow.is_break() {
                return Ok(());
            }
            // What the decoder left.
            let _ = io::copy(&mut blocks, &mut io::sink());
            if !blocks.ended {
                inside.unread(member, Reason::Damaged, "blocks");
                return Ok(());
            }
            next = blocks.at;
            if !is_large {
                break;
            }
        }
        at = next;
    }
    Ok(())
}

/// Reads an integer: its sign, and `size` bytes, the lowest first. Returns its value, and the offset after it.
fn integer(bytes: &Cursor, at: u64, size: u64) -> Option<(u64, u64)> {
    let field = held(bytes, at, size + 1, 9)?;
    let (sign, digits) = field.split_first()?;
    let value = digits.iter().rev().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
    (*sign == 0).then_some((value, at + size + 1))
}

/// Whether the first block at an offset begins a zlib stream.
fn is_packed(bytes: &Cursor, at: u64, size: u64) -> bool {
    let start = integer(bytes, at, size).and_then(|(length, at)| held(bytes, at, length.min(2), 2));
    start.is_some_and(|start| super::inner::is_zlib(&start))
}

/// Finds the first data block: the first place after the table of contents whose form leads through blocks to their end.
fn first(bytes: &Cursor, size: u64) -> Option<u64> {
    const CHUNK: usize = 256 << 10;
    let mut chunk = vec![0; CHUNK];
    let mut at = 11;
    loop {
        let read = bytes.read_from(at, &mut chunk).ok()?;
        let held = chunk.get(..read)?;
        // A kind, and the sign of a small number.
        for found in memchr::memchr2_iter(1, 3, held) {
            let begin = at + found as u64;
            if held.get(found + 1).is_none_or(|sign| *sign == 0) && leads_on(bytes, begin, size).is_some() {
                return Some(begin);
            }
        }
        if read < CHUNK {
            return None;
        }
        at += (read - 1) as u64;
    }
}

/// Whether a data block begins at an offset.
fn leads_on(bytes: &Cursor, begin: u64, size: u64) -> Option<()> {
    let is_large = held(bytes, begin, 1, 1)? == [3];
    let (number, mut at) = integer(bytes, begin + 1, size).filter(|(number, _)| *number < 1 << 28)?;
    if is_large {
        at = integer(bytes, at, size)?.1;
    }
    let (length, content) = integer(bytes, at, size).filter(|(length, _)| (1..MOST).contains(length) && number > 0)?;
    let (after, _) = integer(bytes, content.checked_add(length)?, size)?;
    (after < MOST).then_some(())
}

/// The blocks of an entry, as one stream.
struct Blocks<'b> {
    bytes: &'b Cursor,
    size: u64,
    at: u64,
    /// Bytes that are left of the block.
    left: u64,
    ended: bool,
}

impl Read for Blocks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended {
            let (length, at) = integer(self.bytes, self.at, self.size)
                .filter(|(length, _)| *length <= MOST)
                .ok_or(io::ErrorKind::InvalidData)?;
            (self.left, self.at, self.ended) = (length, at, length == 0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let Some(into) = into.get_mut(..most).filter(|into| !into.is_empty()) else { return Ok(0) };
        let read = self.bytes.part(self.at, most as u64).read(into)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

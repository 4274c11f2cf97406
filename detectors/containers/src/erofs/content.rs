//! The content of a file: blocks, the end of it behind the inode, chunks, or compressed clusters.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use keyradius_core::read_at::Cursor;
use keyradius_readers::stored::{held, le16, le32};

use super::index::{self, Head, Kind};
use super::{Image, Inode};

/// Layouts of files.
const PLAIN: u16 = 0;
const FULL_INDEX: u16 = 1;
const INLINE: u16 = 2;
const COMPACT_INDEX: u16 = 3;
const CHUNKS: u16 = 4;

/// Largest cluster that is decompressed at once, in bytes.
const MOST: u64 = 16 << 20;

/// Most chunks or clusters of a file: 48 MiB with their index, beside a folder of 16 MiB.
const MOST_PARTS: u64 = 1 << 19;

/// A part of a file: its length, and where it is.
enum Part {
    Hole,
    Stored(u64),
    Packed { method: u8, at: u64, packed: u64 },
}

/// The content of a file.
pub(super) struct Content<'b> {
    bytes: &'b Cursor,
    padded: bool,
    parts: std::vec::IntoIter<(u64, Part)>,
    block: Vec<u8>,
    at: usize,
}

impl<'b> Content<'b> {
    /// `None` if the file is in a way that is not read.
    pub(super) fn of(bytes: &'b Cursor, image: Image, inode: &Inode) -> Option<Self> {
        let parts = match inode.layout {
            PLAIN => vec![(inode.size, Part::Stored(u64::from(inode.union) << image.log))],
            INLINE => {
                let last = inode.size % image.block();
                let whole = inode.size - last;
                vec![(whole, Part::Stored(u64::from(inode.union) << image.log)), (last, Part::Stored(inode.after))]
            }
            CHUNKS => chunks(bytes, image, inode)?,
            FULL_INDEX | COMPACT_INDEX => clusters(bytes, image, inode)?,
            _ => return None,
        };
        // All of a short file is inline: it has no first block.
        let parts: Vec<_> = parts.into_iter().filter(|(length, _)| *length > 0).collect();
        Some(Self { bytes, padded: image.features & 1 != 0, parts: parts.into_iter(), block: Vec::new(), at: 0 })
    }

    fn unpack(&self, length: u64, method: u8, at: u64, packed: u64) -> Option<Vec<u8>> {
        let packed = held(self.bytes, at, packed.min(self.bytes.size().checked_sub(at)?), MOST)?;
        let room = usize::try_from(length).ok().filter(|_| length <= MOST)?;
        // The compressed bytes are at the end of their blocks.
        let start = if self.padded || method != 0 { packed.iter().take_while(|byte| **byte == 0).count() } else { 0 };
        let data = packed.get(start..)?;
        let mut out = Vec::new();
        match method {
            0 => {
                out.resize(room, 0);
                // A cluster may go on beyond what this file has of it.
                let read = lz4_flex::block::decompress_into(data, &mut out).ok()?;
                out.truncate(read);
            }
            2 => drop(DeflateDecoder::new(data).take(length).read_to_end(&mut out).ok()?),
            3 => drop(zstd::stream::read::Decoder::with_buffer(data).ok()?.take(length).read_to_end(&mut out).ok()?),
            _ => return None,
        }
        (out.len() == room).then_some(out)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        const PIECE: u64 = 256 << 10;
        while self.at >= self.block.len() {
            let Some((length, part)) = self.parts.as_slice().first() else { return Ok(0) };
            let length = *length;
            self.at = 0;
            let piece = length.min(PIECE);
            let (block, left) = match part {
                Part::Hole => (Some(vec![0; piece as usize]), length - piece),
                Part::Stored(at) => (held(self.bytes, *at, piece, piece), length - piece),
                Part::Packed { method, at, packed } => (self.unpack(length, *method, *at, *packed), 0),
            };
            self.block = block.ok_or(io::ErrorKind::InvalidData)?;
            if left == 0 {
                self.parts.next();
            } else if let Some((length, part)) = self.parts.as_mut_slice().first_mut() {
                *length = left;
                if let Part::Stored(at) = part {
                    *at += piece;
                }
            }
        }
        let read = self.block.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

/// The parts of a file in chunks. The union has their size, as a logarithm above that of blocks, and the form of the index.
fn chunks(bytes: &Cursor, image: Image, inode: &Inode) -> Option<Vec<(u64, Part)>> {
    let log = image.log + (inode.union & 0x1f);
    let indexed = inode.union & 0x20 != 0;
    let count = inode.size.div_ceil(1 << log);
    let unit = if indexed { 8 } else { 4 };
    let table = held(bytes, inode.after.next_multiple_of(unit), count.checked_mul(unit)?, unit * MOST_PARTS)?;
    let mut left = inode.size;
    let part = |entry: &[u8]| {
        let length = left.min(1 << log);
        left -= length;
        let (device, block) = if indexed { (le16(entry, 2)?, le32(entry, 4)?) } else { (0, le32(entry, 0)?) };
        let part = if block == u32::MAX { Part::Hole } else { Part::Stored(u64::from(block) << image.log) };
        (device == 0).then_some((length, part))
    };
    table.chunks_exact(usize::try_from(unit).ok()?).map(part).collect()
}

/// The parts of a compressed file: from the start of each cluster to that of the next.
fn clusters(bytes: &Cursor, image: Image, inode: &Inode) -> Option<Vec<(u64, Part)>> {
    let header = inode.after.next_multiple_of(8);
    let map = held(bytes, header, 8, 8)?;
    let (advise, methods, bits) = (le16(&map, 4)?, *map.get(6)?, *map.get(7)?);
    let log = image.log + u32::from(bits & 15);
    // The end of a file beside its inode, stored clusters that are rotated, and fragments.
    if advise & !(index::COMPACT_2B | index::BIG_1 | index::BIG_2) != 0 || bits & 0x80 != 0 || log > 20 {
        return None;
    }
    let count = inode.size.div_ceil(1 << log);
    if count > MOST_PARTS {
        return None;
    }
    let heads = if inode.layout == FULL_INDEX {
        index::full(bytes, header + 16, count, log)?
    } else {
        index::compact(bytes, header + 8, count, log, advise)?
    };
    let mut parts = Vec::with_capacity(heads.len());
    for (at, head) in heads.iter().enumerate() {
        let Head { start, block, blocks, kind } = *head;
        let next = heads.get(at + 1).map_or(inode.size, |next| next.start);
        let length = next.min(inode.size).checked_sub(start)?;
        let place = u64::from(block) << image.log;
        // Without a size, a cluster has one block.
        let packed = u64::from(blocks.max(1)) << image.log;
        let method = if kind == Kind::Second { methods >> 4 } else { methods & 15 };
        parts.push((
            length,
            if kind == Kind::Plain { Part::Stored(place) } else { Part::Packed { method, at: place, packed } },
        ));
    }
    // A method that is not read is said before anything is handed out.
    let is_read = |part: &(u64, Part)| !matches!(part.1, Part::Packed { method, .. } if !matches!(method, 0 | 2 | 3));
    (heads.first().is_some_and(|head| head.start == 0) && parts.iter().all(is_read)).then_some(parts)
}

//! Disk images of Apple (`.dmg`), known by their trailer: partitions in chunks that are compressed by zlib, bzip2 or LZMA.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bzip2::bufread::BzDecoder;
use flate2::bufread::ZlibDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::{Cursor, ReadAt};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{be32, be64, held};
use keyradius_readers::text::unbase64;
use lzma_rust2::XzReader;
use memchr::memmem;

/// Disk images of Apple.
#[derive(Debug)]
pub(crate) struct Dmg;

static ABOUT: About = About {
    id: "dmg",
    title: "Apple disk image (DMG)",
    detects: "Disk images of Apple with chunks that are stored or compressed by zlib (UDZO), bzip2 (UDBZ) or LZMA (ULMO): \
              the disk is opened like any other, and its bytes are searched.",
    blind_to: "Chunks compressed by ADC (UDCO) or LZFSE (ULFO), and encrypted images, are reported as not read. HFS+ and \
               APFS are not opened: a file in several extents is searched in pieces.",
    respond: "Treat the contents as plain text.",
    references: &["libdmg-hfsplus, dmg.h"],
};

/// The magic, the version and the size of the trailer; its length in bytes.
const MAGIC: &[u8] = b"koly\0\0\0\x04\0\0\x02\0";
const TRAILER: u64 = 512;

/// Most bytes of the property list, most chunks, and most bytes of a chunk.
const MOST_LIST: u64 = 64 << 20;
const MOST_CHUNKS: usize = 1 << 20;
const MOST_CHUNK: u64 = 16 << 20;

impl Container for Dmg {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    /// The first bytes are those of the disk, or of a compressed chunk.
    fn claims(&self, _start: &[u8]) -> bool {
        false
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, trailer: &[u8]) -> bool {
        // The property list is before the trailer, and has a length.
        trailer.starts_with(MAGIC)
            && be64(trailer, 224).is_some_and(|length| (1..MOST_LIST).contains(&length))
            && be32(trailer, 488).is_some_and(|kind| matches!(kind, 1 | 2))
    }

    fn trailer(&self) -> Option<u64> {
        Some(TRAILER)
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

/// How a chunk is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Zero,
    Raw,
    Zlib,
    Bzip2,
    Xz,
}

/// A chunk: where it is in the disk, in bytes, and in the file.
#[derive(Clone, Copy)]
struct Chunk {
    at: u64,
    length: u64,
    method: Method,
    packed: u64,
    packed_length: u64,
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("trailer of an Apple disk image", 0);
    let trailer =
        bytes.size().checked_sub(TRAILER).and_then(|at| held(&bytes, at, TRAILER, TRAILER)).ok_or(malformed)?;
    let place = |at| be64(&trailer, at).ok_or(malformed);
    let (data, list, length) = (place(24)?, place(216)?, place(224)?);
    let list = held(&bytes, list, length, MOST_LIST).filter(|_| trailer.starts_with(MAGIC)).ok_or(malformed)?;
    let disk = Member { name: b"", at: 0 };
    let (mut chunks, mut unknown) = (Vec::new(), false);
    // The tables of the partitions are texts in base64.
    for table in memmem::find_iter(&list, b"<data>") {
        let text = list.get(table + 6..).unwrap_or_default();
        let text = text.get(..memchr::memchr(b'<', text).unwrap_or(0)).unwrap_or_default();
        let digits: Vec<u8> =
            text.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').collect();
        if let Some(table) = unbase64(&digits).filter(|table| table.starts_with(b"mish")) {
            partition(&table, data, &mut chunks, &mut unknown);
        }
    }
    if unknown {
        inside.unread(disk, Reason::Unsupported, "chunks compressed by ADC or LZFSE");
    }
    chunks.sort_by_key(|chunk: &Chunk| chunk.at);
    let Some(size) = chunks.last().map(|last| last.at.saturating_add(last.length)) else {
        return if unknown { Ok(()) } else { Err(malformed.into()) };
    };
    inside.holds(MOST_CHUNK.min(inside.memory()))?;
    let image = Image { bytes, chunks, size, last: Mutex::default() };
    let _ = inside.stored(disk, Cursor::new(Arc::new(image)));
    Ok(())
}

/// Reads the table of a partition: its first sector, and chunks of 40 bytes.
fn partition(table: &[u8], data: u64, chunks: &mut Vec<Chunk>, unknown: &mut bool) {
    let (Some(first), Some(offset)) = (be64(table, 8), be64(table, 24)) else { return };
    for entry in table.get(204..).unwrap_or_default().chunks_exact(40) {
        let field = |at| be64(entry, at).unwrap_or(u64::MAX);
        let method = match be32(entry, 0) {
            Some(0 | 2) => Method::Zero,
            Some(1) => Method::Raw,
            Some(0x8000_0005) => Method::Zlib,
            Some(0x8000_0006) => Method::Bzip2,
            Some(0x8000_0008) => Method::Xz,
            Some(0x8000_0004 | 0x8000_0007) => {
                *unknown = true;
                continue;
            }
            // Comments, and the end.
            _ => continue,
        };
        let sectors = (field(8).saturating_add(first), field(16));
        let chunk = Chunk {
            at: sectors.0.saturating_mul(512),
            length: sectors.1.saturating_mul(512),
            method,
            packed: field(24).saturating_add(data).saturating_add(offset),
            packed_length: field(32),
        };
        // A disk of less than 16 TiB; only what is stored may be long.
        let is_sane = chunk.at < 1 << 44
            && chunk.length > 0
            && (chunk.length <= MOST_CHUNK || matches!(method, Method::Zero | Method::Raw) && chunk.length < 1 << 44);
        if is_sane && chunks.len() < MOST_CHUNKS {
            chunks.push(chunk);
        }
    }
}

struct Image {
    bytes: Cursor,
    chunks: Vec<Chunk>,
    size: u64,
    /// The chunk that was decompressed last, by its place in the disk.
    last: Mutex<Option<(u64, Vec<u8>)>>,
}

impl Image {
    fn unpack(&self, chunk: &Chunk) -> Option<Vec<u8>> {
        let packed = held(&self.bytes, chunk.packed, chunk.packed_length, 2 * MOST_CHUNK)?;
        let mut out = Vec::new();
        let mut from: Box<dyn Read> = match chunk.method {
            Method::Zlib => Box::new(ZlibDecoder::new(packed.as_slice())),
            Method::Bzip2 => Box::new(BzDecoder::new(packed.as_slice())),
            Method::Xz => Box::new(XzReader::new_mem_limit(packed.as_slice(), false, 32 << 10)),
            Method::Zero | Method::Raw => return None,
        };
        (&mut from).take(chunk.length).read_to_end(&mut out).ok()?;
        Some(out)
    }
}

impl ReadAt for Image {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let next = self.chunks.partition_point(|chunk| chunk.at <= at);
        let chunk = next.checked_sub(1).and_then(|index| self.chunks.get(index));
        let Some(chunk) = chunk.filter(|chunk| at - chunk.at < chunk.length) else {
            // Nothing is stored of this place.
            let end = self.chunks.get(next).map_or(self.size, |chunk| chunk.at);
            let length = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
            into.get_mut(..length).unwrap_or_default().fill(0);
            return Ok(length);
        };
        let inner = at - chunk.at;
        let length = usize::try_from(chunk.length - inner).unwrap_or(usize::MAX).min(into.len());
        let into = into.get_mut(..length).unwrap_or_default();
        match chunk.method {
            Method::Zero => into.fill(0),
            Method::Raw => {
                let read = self.bytes.read_from(chunk.packed.saturating_add(inner), into)?;
                return if read == 0 && length > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) };
            }
            _ => {
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.as_ref().is_none_or(|(kept, _)| *kept != chunk.at) {
                    *last = Some((chunk.at, self.unpack(chunk).ok_or(io::ErrorKind::InvalidData)?));
                }
                let block = last.as_ref().map(|(_, block)| block.as_slice()).unwrap_or_default();
                let from = usize::try_from(inner).ok().and_then(|inner| block.get(inner..)).unwrap_or_default();
                for (to, byte) in into.iter_mut().zip(from.iter().copied().chain(std::iter::repeat(0))) {
                    *to = byte;
                }
            }
        }
        Ok(length)
    }
}

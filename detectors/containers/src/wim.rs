//! Windows imaging files (`.wim`): the contents of images of Windows, in chunks that are stored or compressed by XPRESS
//! or LZX. Each content is stored once; names come from the metadata of the images.

mod bits;
mod lzx;
mod names;
mod xpress;

use std::io::{self, Read};

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, array, held, le16, le32, le64};

use names::Names;

/// Windows imaging files.
#[derive(Debug)]
pub(crate) struct Wim;

static ABOUT: About = About {
    id: "wim",
    title: "Windows imaging file (WIM)",
    detects: "WIM files: all contents, stored or compressed by XPRESS or LZX, each under one of its names, and the metadata of \
              the images. Of an image in several files, each file is opened by itself.",
    blind_to: "Solid resources and LZMS (`.esd`) are reported as not read.",
    respond: "Whoever has the image has the key: replace it, then rebuild the image.",
    references: &["Microsoft, Windows Imaging File Format (WIM)", "[MS-XCA] 2.2", "[MS-PATCH]"],
};

const MAGIC: &[u8] = b"MSWIM\0\0\0";

/// Lengths of the header and of an entry of the table, in bytes.
const HEADER: u64 = 208;
const ENTRY: usize = 50;

/// Flags of a file: compressed by XPRESS, by LZX.
const XPRESS: u32 = 0x2_0000;
const LZX: u32 = 0x4_0000;

/// Flags of a resource: metadata of an image, compressed, solid.
const METADATA: u8 = 2;
const COMPRESSED: u8 = 4;
const SOLID: u8 = 0x10;

/// Largest chunk, most bytes of the table, and most bytes of the metadata of an image.
const MOST_CHUNK: u32 = 1 << 21;
const MOST_TABLE: u64 = 256 << 20;
const MOST_METADATA: u64 = 128 << 20;

impl Container for Wim {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        // The length of the header, and parts of an image. Tools hardly look at the version.
        start.starts_with(MAGIC)
            && le32(start, 8).is_some_and(|length| (HEADER..=1 << 16).contains(&length.into()))
            && le16(start, 40)
                .zip(le16(start, 42))
                .is_some_and(|(part, total)| part > 0 && part <= total && total < 1 << 14)
    }

    fn inner(&self) -> &'static [Magic] {
        // With the length of the header.
        &[Magic { at: 0, bytes: b"MSWIM\0\0\0\xd0\0\0\0" }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

/// The method of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Xpress,
    Lzx,
    Unknown,
}

/// A resource: its place, lengths in bytes, and flags.
#[derive(Clone, Copy)]
struct Resource {
    at: u64,
    packed: u64,
    size: u64,
    flags: u8,
}

impl Resource {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let packed = le64(bytes, at)?;
        let flags = (packed >> 56) as u8;
        Some(Self { at: le64(bytes, at + 8)?, packed: packed & ((1 << 56) - 1), size: le64(bytes, at + 16)?, flags })
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("WIM header", 0);
    let header = held(&bytes, 0, HEADER, HEADER).filter(|header| header.starts_with(MAGIC)).ok_or(malformed)?;
    let (flags, chunk) = le32(&header, 16).zip(le32(&header, 20)).ok_or(malformed)?;
    let part = le16(&header, 40).ok_or(malformed)?;
    let method = match flags & (XPRESS | LZX) {
        XPRESS => Method::Xpress,
        LZX => Method::Lzx,
        _ => Method::Unknown,
    };
    let table = Resource::read(&header, 48).ok_or(malformed)?;
    inside.holds(table.size.saturating_add(4 * u64::from(MOST_CHUNK)).min(inside.memory()))?;
    let chunk = if chunk == 0 { 32 << 10 } else { chunk };
    let file = File { bytes: &bytes, method, chunk };
    let table = file
        .whole(table, MOST_TABLE.min(inside.memory() / 2))
        .ok_or(Unopenable::Closed(Reason::Damaged, "WIM table"))?;
    let entries = || {
        table.chunks_exact(ENTRY).filter_map(|entry| {
            let hash: [u8; 20] = array(entry, 30)?;
            Some((Resource::read(entry, 0)?, le16(entry, 24)?, hash))
        })
    };
    let mut names = Names::new(inside.memory() / 4);
    for (resource, of, _) in entries().filter(|(resource, ..)| resource.flags & METADATA != 0) {
        if of == part
            && let Some(metadata) = file.whole(resource, MOST_METADATA.min(inside.memory() / 4))
        {
            names.add(&metadata);
        }
    }
    for (resource, of, hash) in entries() {
        if of != part {
            continue;
        }
        let member = Member { name: names.of(&hash), at: resource.at };
        if resource.flags & SOLID != 0 || chunk > MOST_CHUNK || !chunk.is_power_of_two() {
            inside.unread(member, Reason::Unsupported, "solid resource");
            continue;
        }
        if resource.flags & COMPRESSED != 0 && method == Method::Unknown {
            inside.unread(member, Reason::Unsupported, "method");
            continue;
        }
        let Some(content) = file.content(resource) else {
            inside.unread(member, Reason::Damaged, "chunks");
            continue;
        };
        let flow = inside.member(member, &mut Exactly::new(content, resource.size));
        if flow.is_break() {
            return Ok(());
        }
    }
    // The description of the images, in UTF-16.
    let xml = Resource::read(&header, 72).filter(|xml| xml.size > 0 && chunk <= MOST_CHUNK);
    if let Some(content) = xml.and_then(|xml| file.content(xml)) {
        let _ = inside.member(Member { name: b"[1].xml", at: 0 }, &mut { content });
    }
    Ok(())
}

/// A file, its method, and the size of its chunks in bytes.
#[derive(Clone, Copy)]
struct File<'b> {
    bytes: &'b Cursor,
    method: Method,
    chunk: u32,
}

impl<'b> File<'b> {
    fn content(self, resource: Resource) -> Option<Content<'b>> {
        let is_packed = resource.flags & COMPRESSED != 0;
        let count = resource.size.div_ceil(self.chunk.into());
        // Offsets of all chunks but the first, in eight bytes if the resource is that large.
        let unit = if resource.size > u64::from(u32::MAX) { 8 } else { 4 };
        let table = if is_packed { count.saturating_sub(1).checked_mul(unit)? } else { 0 };
        let end = resource.at.checked_add(resource.packed)?;
        let is_there =
            table <= resource.packed && end <= self.bytes.size() && (is_packed || resource.packed == resource.size);
        is_there.then_some(Content { file: self, resource, unit, table, count, number: 0, block: Vec::new(), at: 0 })
    }

    /// A resource of at most `most` bytes.
    fn whole(self, resource: Resource, most: u64) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        let mut content = Exactly::new(self.content(resource).filter(|_| resource.size <= most)?, resource.size);
        content.read_to_end(&mut all).ok().map(|_| all)
    }
}

/// The content of a resource, chunk by chunk.
struct Content<'b> {
    file: File<'b>,
    resource: Resource,
    unit: u64,
    table: u64,
    count: u64,
    number: u64,
    block: Vec<u8>,
    at: usize,
}

impl Content<'_> {
    /// Offset of a chunk from the end of the table.
    fn offset(&self, number: u64) -> Option<u64> {
        if number == 0 {
            return Some(0);
        }
        if number >= self.count {
            return self.resource.packed.checked_sub(self.table);
        }
        let entry = held(self.file.bytes, self.resource.at + (number - 1) * self.unit, self.unit, 8)?;
        if self.unit == 8 { le64(&entry, 0) } else { le32(&entry, 0).map(u64::from) }
    }

    fn next(&mut self) -> Option<()> {
        let chunk = u64::from(self.file.chunk);
        let start = self.number.checked_mul(chunk)?;
        let length = (self.resource.size - start).min(chunk);
        self.at = 0;
        if self.resource.flags & COMPRESSED == 0 {
            self.block = held(self.file.bytes, self.resource.at.checked_add(start)?, length, chunk)?;
        } else {
            let (from, to) = (self.offset(self.number)?, self.offset(self.number + 1)?);
            let at = self.resource.at.checked_add(self.table)?.checked_add(from)?;
            let packed = held(self.file.bytes, at, to.checked_sub(from)?, length)?;
            let room = usize::try_from(length).ok()?;
            // What compression did not make shorter is stored.
            self.block = if packed.len() == room {
                packed
            } else if self.file.method == Method::Lzx {
                lzx::chunk(&packed, room, self.file.chunk)?
            } else {
                xpress::chunk(&packed, room)?
            };
        }
        self.number += 1;
        Some(())
    }
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.block.len() {
            if self.number >= self.count {
                return Ok(0);
            }
            self.next().ok_or(io::ErrorKind::InvalidData)?;
        }
        let read = self.block.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;

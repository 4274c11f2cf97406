//! squashfs file systems, version 4: firmware, live media, snaps, and AppImages after extraction.
//!
//! Parsed here block by block: the existing crate (`backhand`) keeps the whole tree in memory, allocates by numbers
//! from the image, and needs C for xz. Methods: gzip, lzma, xz, lz4 and zstd. LZO has no decoder with a suitable
//! licence. Files share fragments and folders share metadata blocks, so some decoded blocks are kept.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::rc::Rc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, held, le16, le32, le64};

use super::folders::{End, Folders};

/// squashfs file systems.
#[derive(Debug)]
pub(crate) struct Squashfs;

static ABOUT: About = About {
    id: "squashfs",
    title: "squashfs file system",
    detects: "Files in squashfs 4.0 file systems compressed by gzip, lzma, xz, lz4 or zstd, with fragments and sparse \
              blocks.",
    blind_to: "LZO, and versions before 4 including vendors' variants: reported as not read. Extended attributes.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Linux fs/squashfs/squashfs_fs.h"],
};

/// squashfs_fs.h: SQUASHFS_MAGIC, little-endian.
const MAGIC: &[u8] = b"hsqs";

/// squashfs_fs.h: SQUASHFS_METADATA_SIZE, maximum size of a metadata block in bytes.
const METADATA: usize = 8192;

/// squashfs_fs.h: SQUASHFS_FILE_MAX_SIZE, maximum size of a data block in bytes.
const MOST_BLOCK: u32 = 1 << 20;

/// squashfs_fs.h: SQUASHFS_INVALID_FRAG.
const NO_FRAGMENT: u32 = u32::MAX;

/// Number of decoded bytes that count as one byte of entries read.
const DECODED: u64 = 4;

/// Maximum number of metadata blocks kept.
const KEPT: usize = 256;

impl Container for Squashfs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, start: &[u8]) -> bool {
        // Version 4.0, the size of blocks and its logarithm, the compressor.
        let blocks = le32(start, 12).zip(le16(start, 22));
        self.claims(start)
            && le16(start, 28) == Some(4)
            && le16(start, 30) == Some(0)
            && matches!(le16(start, 20), Some(1..=6))
            && blocks.is_some_and(|(size, log)| log <= 20 && size == 1 << log)
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        le64(&held(bytes, 40, 8, 8)?, 0).map(|used| used.next_multiple_of(4096))
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let start = held(&bytes, 0, 96, 96).ok_or(Malformed::new("squashfs superblock", 0))?;
    let all = Member { name: b"", at: 0 };
    let (Some(method), Some(major)) = (le16(&start, 20), le16(&start, 28)) else {
        return Err(Malformed::new("squashfs superblock", 20).into());
    };
    if major != 4 {
        return Err(Malformed::new("squashfs version", 28).into());
    }
    let image = Image::new(bytes, &start, inside.memory()).ok_or(Malformed::new("squashfs superblock", 12))?;
    if !matches!(method, 1 | 2 | 4..=6) {
        inside.unread(all, Reason::Unsupported, "method");
        return Ok(());
    }
    let mut folders = Folders::of(image.bytes.size());
    folders.begin(image.root);
    let walked = walk(&image, &mut folders, inside);
    folders.ended(&walked, inside);
    if !matches!(walked, Err(End::Stop)) {
        attributes(&image, le64(&start, 56).unwrap_or(u64::MAX), inside);
    }
    Ok(())
}

/// Hands out all extended attributes: names and values in metadata blocks, which end where those of their index begin.
fn attributes(image: &Image, table: u64, inside: &mut dyn Inside) {
    let Some(head) = (table < image.bytes.size()).then(|| held(&image.bytes, table, 24, 24)).flatten() else { return };
    let (Some(start), Some(end)) = (le64(&head, 0), le64(&head, 16).map(|end| end.min(image.bytes.size()))) else {
        return;
    };
    let mut content = Attributes { image, at: start, end, block: None, read: 0 };
    if start < end {
        let _ = inside.member(Member { name: b"xattrs", at: start }, &mut content);
    }
}

/// Consecutive metadata blocks.
struct Attributes<'a> {
    image: &'a Image,
    at: u64,
    end: u64,
    block: Option<Metadata>,
    read: usize,
}

impl Read for Attributes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut rest) =
                self.block.as_ref().and_then(|block| block.0.get(self.read..)).filter(|r| !r.is_empty())
            {
                let read = rest.read(into)?;
                self.read += read;
                return Ok(read);
            }
            if self.at >= self.end {
                return Ok(0);
            }
            let block =
                self.image.metadata(self.at).filter(|block| block.1 > self.at).ok_or(io::ErrorKind::InvalidData)?;
            (self.at, self.read, self.block) = (block.1, 0, Some(block));
        }
    }
}

fn walk(image: &Image, folders: &mut Folders<Place>, inside: &mut dyn Inside) -> Result<(), End> {
    while let Some(place) = folders.enter() {
        if !folders.is_new(place, inside)? {
            continue;
        }
        let Some(Inode::Folder { block, offset, size }) = image.inode(place) else {
            inside.unread(Member { name: folders.path(), at: image.inodes }, Reason::Damaged, "folder");
            continue;
        };
        let whole = image.folder(block, offset, size, &mut |found| {
            // In a hostile image every entry may need a block that was just evicted.
            folders.reads(8 + found.name.len() as u64 + image.decoded.take() / DECODED)?;
            entry(image, folders, inside, &found)
        })?;
        if !whole {
            inside.unread(Member { name: folders.path(), at: image.inodes }, Reason::Damaged, "folder");
        }
    }
    Ok(())
}

/// Handles one entry of the current folder.
fn entry(image: &Image, folders: &mut Folders<Place>, inside: &mut dyn Inside, found: &Entry) -> Result<(), End> {
    let Some(path) = folders.path_of(&found.name) else {
        inside.unread(Member { name: b"", at: image.inodes }, Reason::TooDeep, "path");
        return Ok(());
    };
    if found.is_folder {
        return folders.push(&found.name, found.inode, inside);
    }
    // Hard links to one file have the same inode.
    if !folders.is_new(found.inode, inside)? {
        return Ok(());
    }
    match image.inode(found.inode) {
        Some(Inode::File(file)) if file.size > 0 => {
            let member = Member { name: &path, at: file.start };
            let size = file.size;
            let mut content = Exactly::new(Content::new(image, file), size);
            if inside.member(member, &mut content).is_break() {
                return Err(End::Stop);
            }
        }
        Some(_) => {}
        None => inside.unread(Member { name: &path, at: image.inodes }, Reason::Damaged, "inode"),
    }
    Ok(())
}

/// The relevant fields of an inode.
enum Inode {
    Folder { block: u32, offset: u16, size: u32 },
    File(File),
    Other,
}

struct File {
    /// Offset of the first block.
    start: u64,
    size: u64,
    fragment: u32,
    /// Offset of the end of the file in its fragment.
    offset: u32,
    /// Position of the list of block lengths.
    lengths: Place,
}

/// An entry of a folder.
struct Entry {
    name: Vec<u8>,
    inode: Place,
    is_folder: bool,
}

/// The function called for each entry.
type Each<'a> = dyn FnMut(Entry) -> Result<(), End> + 'a;

/// A position in the metadata: offset of a block, and index of a byte in the decoded block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    block: u64,
    byte: usize,
}

/// A decoded metadata block, and the offset of the next one.
type Metadata = Rc<(Vec<u8>, u64)>;

struct Image {
    bytes: Cursor,
    method: u16,
    block: u32,
    memory: u64,
    root: Place,
    inodes: u64,
    folders: u64,
    fragments: u64,
    fragment_count: u32,
    metadata: RefCell<BTreeMap<u64, Metadata>>,
    /// The last fragment read.
    fragment: RefCell<Option<(u32, Rc<Vec<u8>>)>>,
    /// Bytes of metadata and fragments decoded but not yet counted.
    decoded: Cell<u64>,
}

impl Image {
    fn new(bytes: Cursor, start: &[u8], memory: u64) -> Option<Self> {
        let block = le32(start, 12)?;
        let root = le64(start, 32)?;
        let (inodes, folders) = (le64(start, 64)?, le64(start, 72)?);
        let sane = block.is_power_of_two()
            && (4096..=MOST_BLOCK).contains(&block)
            && le16(start, 22).is_some_and(|log| u32::from(log) == block.trailing_zeros())
            && inodes >= 96
            && inodes < folders;
        sane.then(|| Self {
            root: Place { block: inodes.saturating_add(root >> 16), byte: usize::from(root as u16) },
            method: le16(start, 20).unwrap_or_default(),
            fragments: le64(start, 80).unwrap_or(u64::MAX),
            fragment_count: le32(start, 16).unwrap_or_default(),
            metadata: RefCell::default(),
            fragment: RefCell::default(),
            decoded: Cell::default(),
            bytes,
            block,
            memory,
            inodes,
            folders,
        })
    }

    fn unpack(&self, packed: &[u8], most: usize) -> Option<Vec<u8>> {
        let limit = u32::try_from(self.memory >> 10).unwrap_or(u32::MAX);
        let from: &mut dyn Read = match self.method {
            1 => &mut flate2::read::ZlibDecoder::new(packed),
            2 => &mut lzma_rust2::LzmaReader::new_mem_limit(packed, limit, None).ok()?,
            4 => &mut lzma_rust2::XzReader::new_mem_limit(packed, false, limit),
            5 => return lz4_flex::block::decompress(packed, most).ok(),
            6 => &mut zstd::stream::read::Decoder::with_buffer(packed).ok()?,
            _ => return None,
        };
        let mut out = Vec::new();
        from.take(most as u64 + 1).read_to_end(&mut out).ok()?;
        (out.len() <= most).then_some(out)
    }

    /// Reads a metadata block: two bytes of length, whose highest bit means uncompressed, then the data.
    fn metadata(&self, at: u64) -> Option<Metadata> {
        if let Some(kept) = self.metadata.borrow().get(&at) {
            return Some(Rc::clone(kept));
        }
        let header = le16(&held(&self.bytes, at, 2, 2)?, 0)?;
        let length = u64::from(header & 0x7fff);
        let packed = held(&self.bytes, at + 2, length, METADATA as u64)?;
        let content = if header & 0x8000 == 0 { self.unpack(&packed, METADATA)? } else { packed };
        self.decoded.set(self.decoded.get() + METADATA as u64);
        let block = Rc::new((content, at + 2 + length));
        let mut kept = self.metadata.borrow_mut();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(at, Rc::clone(&block));
        Some(block)
    }

    /// Returns the next `length` bytes of metadata, across block boundaries, and advances the place.
    fn bytes(&self, place: &mut Place, length: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < length {
            let block = self.metadata(place.block)?;
            let there = block.0.get(place.byte..)?;
            let part = there.get(..length - out.len()).unwrap_or(there);
            out.extend(part);
            place.byte += part.len();
            if place.byte >= block.0.len() {
                // An empty block would cause an endless loop.
                if block.0.is_empty() {
                    return None;
                }
                *place = Place { block: block.1, byte: 0 };
            }
        }
        Some(out)
    }

    fn inode(&self, mut place: Place) -> Option<Inode> {
        let kind = le16(&self.bytes(&mut place, 16)?, 0)?;
        let mut fields = |length| self.bytes(&mut place, length);
        Some(match kind {
            1 => {
                let fields = fields(16)?;
                Inode::Folder { block: le32(&fields, 0)?, offset: le16(&fields, 10)?, size: le16(&fields, 8)?.into() }
            }
            8 => {
                let fields = fields(24)?;
                Inode::Folder { block: le32(&fields, 8)?, offset: le16(&fields, 18)?, size: le32(&fields, 4)? }
            }
            2 => {
                let fields = fields(16)?;
                let (start, size) = (le32(&fields, 0)?.into(), le32(&fields, 12)?.into());
                Inode::File(File {
                    start,
                    size,
                    fragment: le32(&fields, 4)?,
                    offset: le32(&fields, 8)?,
                    lengths: place,
                })
            }
            9 => {
                let fields = fields(40)?;
                let (start, size) = (le64(&fields, 0)?, le64(&fields, 8)?);
                Inode::File(File {
                    start,
                    size,
                    fragment: le32(&fields, 28)?,
                    offset: le32(&fields, 32)?,
                    lengths: place,
                })
            }
            3..=7 | 10..=14 => Inode::Other,
            _ => return None,
        })
    }

    /// Calls `each` with the entries of a folder. Returns whether all could be read. The stored size is 3 bytes too
    /// large.
    fn folder(&self, block: u32, offset: u16, size: u32, each: &mut Each<'_>) -> Result<bool, End> {
        let (Some(block), Some(left)) = (self.folders.checked_add(block.into()), size.checked_sub(3)) else {
            return Ok(false);
        };
        let (mut place, mut left) = (Place { block, byte: offset.into() }, left as usize);
        while left > 0 {
            let Some(read) = self.entries(&mut place, left, each)? else { return Ok(false) };
            left = left.saturating_sub(read);
        }
        Ok(true)
    }

    /// Reads a run of entries whose inodes are in one block. Returns its length in bytes, `None` if the run is damaged.
    fn entries(&self, place: &mut Place, left: usize, each: &mut Each<'_>) -> Result<Option<usize>, End> {
        let mut bytes = |length| self.bytes(place, length);
        let Some(header) = bytes(12) else { return Ok(None) };
        let count = le32(&header, 0).and_then(|count| count.checked_add(1)).filter(|&count| count <= 256);
        let block = le32(&header, 4).and_then(|block| self.inodes.checked_add(block.into()));
        let (Some(count), Some(block)) = (count, block) else { return Ok(None) };
        let mut read = 12;
        for _ in 0..count {
            let Some(start) = bytes(8) else { return Ok(None) };
            let field = |at| le16(&start, at).unwrap_or_default();
            let length = usize::from(field(6)) + 1;
            read += 8 + length;
            if length > 256 || read > left {
                return Ok(None);
            }
            let Some(name) = bytes(length) else { return Ok(None) };
            let inode = Place { block, byte: field(0).into() };
            each(Entry { name, inode, is_folder: matches!(field(4), 1 | 8) })?;
        }
        Ok(Some(read))
    }

    /// Reads a data block. A bit of `length` means uncompressed.
    fn data(&self, at: u64, length: u32) -> Option<Vec<u8>> {
        let packed = held(&self.bytes, at, (length & 0x00ff_ffff).into(), MOST_BLOCK.into())?;
        if length & 0x0100_0000 == 0 { self.unpack(&packed, self.block as usize) } else { Some(packed) }
    }

    fn fragment(&self, number: u32) -> Option<Rc<Vec<u8>>> {
        if let Some((_, kept)) = self.fragment.borrow().as_ref().filter(|(kept, _)| *kept == number) {
            return Some(Rc::clone(kept));
        }
        if number >= self.fragment_count {
            return None;
        }
        // A list of metadata blocks, each with 512 entries of 16 bytes.
        let at = self.fragments.checked_add(u64::from(number / 512) * 8)?;
        let mut place = Place { block: le64(&held(&self.bytes, at, 8, 8)?, 0)?, byte: number as usize % 512 * 16 };
        let entry = self.bytes(&mut place, 16)?;
        let fragment = Rc::new(self.data(le64(&entry, 0)?, le32(&entry, 8)?)?);
        self.decoded.set(self.decoded.get() + fragment.len() as u64);
        *self.fragment.borrow_mut() = Some((number, Rc::clone(&fragment)));
        Some(fragment)
    }
}

/// A file being read, block by block.
struct Content<'a> {
    image: &'a Image,
    file: File,
    /// Bytes of the file decoded so far.
    decoded: u64,
    /// Offset of the next block.
    next: u64,
    block: Rc<Vec<u8>>,
    in_block: usize,
}

impl<'a> Content<'a> {
    fn new(image: &'a Image, file: File) -> Self {
        Self { image, next: file.start, file, decoded: 0, block: Rc::default(), in_block: 0 }
    }

    fn next_block(&mut self) -> Option<()> {
        let left = self.file.size.checked_sub(self.decoded).filter(|&left| left > 0)?;
        let length = left.min(self.image.block.into());
        if length < self.image.block.into() && self.file.fragment != NO_FRAGMENT {
            self.block = self.image.fragment(self.file.fragment)?;
            self.in_block = self.file.offset as usize;
        } else {
            let packed = le32(&self.image.bytes(&mut self.file.lengths, 4)?, 0)?;
            // A length of zero is a hole.
            let block = match packed {
                0 => vec![0; usize::try_from(length).ok()?],
                _ => self.image.data(self.next, packed)?,
            };
            self.next = self.next.checked_add((packed & 0x00ff_ffff).into())?;
            self.block = Rc::new(block);
            self.in_block = 0;
        }
        self.decoded += length;
        (self.in_block < self.block.len()).then_some(())
    }
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.in_block >= self.block.len() && !into.is_empty() {
            if self.decoded >= self.file.size {
                return Ok(0);
            }
            self.next_block().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "damaged block"))?;
        }
        let read = self.block.get(self.in_block..).unwrap_or_default().read(into)?;
        self.in_block += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;

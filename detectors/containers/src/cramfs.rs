//! cramfs: a file system of pages that are compressed by zlib, in either byte order.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, held};

use super::folders::{End, Folders};

/// cramfs images.
#[derive(Debug)]
pub(crate) struct Cramfs;

static ABOUT: About = About {
    id: "cramfs",
    title: "cramfs file system",
    detects: "Files of cramfs images of either byte order, with pages of 4 KiB compressed by zlib.",
    blind_to: "Images with pages of another size, or with direct block pointers (cramfs XIP), are reported as damaged or \
               not read.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Linux, include/uapi/linux/cramfs_fs.h"],
};

/// CRAMFS_MAGIC, then after the size and flags the signature at 16.
const LITTLE: &[u8] = &[0x45, 0x3d, 0xcd, 0x28];
const BIG: &[u8] = &[0x28, 0xcd, 0x3d, 0x45];
const SIGNATURE: &[u8] = b"Compressed ROMFS";

/// Flag for the extended block pointers, which are not read.
const POINTERS: u32 = 0x800;

/// Size of a page, and of an inode, in bytes.
const PAGE: u64 = 4096;
const INODE: u64 = 12;

/// Room for a boot loader in front of the superblock (`mkfs.cramfs -p`). All offsets count from its start.
const PADDING: usize = 512;

/// Most bytes of a folder.
const MOST_FOLDER: u64 = 16 << 20;

impl Container for Cramfs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[
            Magic { at: 0, bytes: LITTLE },
            Magic { at: 0, bytes: BIG },
            Magic { at: PADDING, bytes: LITTLE },
            Magic { at: PADDING, bytes: BIG },
        ]
    }

    fn claims(&self, start: &[u8]) -> bool {
        padding(start).is_some()
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        let start = held(bytes, 0, START.min(bytes.size()), START)?;
        let start = start.get(padding(&start)?..)?;
        let size = start.get(4..8)?.try_into().ok()?;
        Some(if start.starts_with(BIG) { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) }.into())
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

/// How many bytes the superblock and the root have, and how many the start of an image with padding.
const SUPERBLOCK: usize = 76;
const START: u64 = (PADDING + SUPERBLOCK) as u64;

/// The length of the padding at the start of an image: none, or room for a boot loader, which the offset of the first
/// entry of the root tells apart.
fn padding(start: &[u8]) -> Option<usize> {
    [0, PADDING].into_iter().find(|padding| {
        let superblock = start.get(*padding..).unwrap_or_default();
        let big = superblock.starts_with(BIG);
        let root = || superblock.get(64..).and_then(|root| Inode::read(root, big));
        (big || superblock.starts_with(LITTLE))
            && superblock.get(16..32) == Some(SIGNATURE)
            && (*padding == 0 || root().is_some_and(|root| root.offset == START))
    })
}

/// A file or a folder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Inode {
    mode: u32,
    size: u64,
    name: u64,
    offset: u64,
}

impl Inode {
    fn read(bytes: &[u8], big: bool) -> Option<Self> {
        let word = |at: usize| -> Option<u32> {
            let field = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(if big { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
        };
        let (first, second, third) = (word(0)?, word(4)?, word(8)?);
        // Bit fields: mode and owner; size and group; length of the name and offset, both in units of four bytes.
        Some(if big {
            let offset = u64::from(third & 0x03ff_ffff) * 4;
            Self { mode: first >> 16, size: (second >> 8).into(), name: u64::from(third >> 26) * 4, offset }
        } else {
            let (name, offset) = (u64::from(third & 0x3f) * 4, u64::from(third >> 6) * 4);
            Self { mode: first & 0xffff, size: (second & 0x00ff_ffff).into(), name, offset }
        })
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("cramfs superblock", 0);
    let start = held(bytes, 0, START.min(bytes.size()), START).ok_or(malformed)?;
    let start = padding(&start).and_then(|padding| start.get(padding..)).ok_or(malformed)?;
    let big = start.starts_with(BIG);
    let flags = start.get(8..12).and_then(|flags| flags.try_into().ok()).ok_or(malformed)?;
    let flags = if big { u32::from_be_bytes(flags) } else { u32::from_le_bytes(flags) };
    if flags & POINTERS != 0 {
        return Err(Unopenable::Closed(Reason::Unsupported, "cramfs with block pointers"));
    }
    let root = start.get(64..).and_then(|root| Inode::read(root, big)).ok_or(malformed)?;
    let mut folders = Folders::of(bytes.size());
    folders.begin(root);
    let walked = walk(bytes, big, &mut folders, inside);
    folders.ended(&walked, inside);
    Ok(())
}

fn walk(bytes: &Cursor, big: bool, folders: &mut Folders<Inode>, inside: &mut dyn Inside) -> Result<(), End> {
    while let Some(folder) = folders.enter() {
        let Some(entries) = held(bytes, folder.offset, folder.size, MOST_FOLDER) else {
            inside.unread(Member { name: folders.path(), at: folder.offset }, Reason::Damaged, "folder");
            continue;
        };
        folders.reads(folder.size)?;
        let mut rest = entries.as_slice();
        while let Some(inode) = Inode::read(rest, big) {
            let length = usize::try_from(INODE + inode.name).unwrap_or(usize::MAX);
            let Some((entry, after)) = rest.split_at_checked(length) else { break };
            rest = after;
            let name: Vec<u8> = entry.iter().skip(INODE as usize).copied().take_while(|byte| *byte != 0).collect();
            let Some(path) = folders.path_of(&name) else {
                inside.unread(Member { name: b"", at: inode.offset }, Reason::TooDeep, "path");
                continue;
            };
            match inode.mode & 0xf000 {
                0x4000 => folders.push(&name, inode, inside)?,
                0x8000 if inode.size > 0 => {
                    let pages = inode.size.div_ceil(PAGE);
                    let first = inode.offset + 4 * pages;
                    let content = Content {
                        bytes,
                        big,
                        table: inode.offset,
                        pages,
                        page: 0,
                        at: first,
                        block: Vec::new(),
                        read: 0,
                    };
                    let mut content = Exactly::new(content, inode.size);
                    if inside.member(Member { name: &path, at: first }, &mut content).is_break() {
                        return Err(End::Stop);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The pages of a file. A table contains the end of each.
struct Content<'a> {
    bytes: &'a Cursor,
    big: bool,
    table: u64,
    pages: u64,
    page: u64,
    /// Where the next page begins.
    at: u64,
    block: Vec<u8>,
    read: usize,
}

impl Content<'_> {
    fn next(&mut self) -> Option<()> {
        let end: [u8; 4] = held(self.bytes, self.table + 4 * self.page, 4, 4)?.try_into().ok()?;
        let end = u64::from(if self.big { u32::from_be_bytes(end) } else { u32::from_le_bytes(end) });
        let length = end.checked_sub(self.at)?;
        let packed = held(self.bytes, self.at, length, 2 * PAGE)?;
        self.block.clear();
        self.read = 0;
        if packed.is_empty() {
            // A hole.
            self.block.resize(PAGE as usize, 0);
        } else {
            ZlibDecoder::new(packed.as_slice()).take(PAGE).read_to_end(&mut self.block).ok()?;
        }
        (self.at, self.page) = (end, self.page + 1);
        Some(())
    }
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read >= self.block.len() {
            if self.page >= self.pages {
                return Ok(0);
            }
            self.next().ok_or(io::ErrorKind::InvalidData)?;
        }
        let read = self.block.get(self.read..).unwrap_or_default().read(into)?;
        self.read += read;
        Ok(read)
    }
}

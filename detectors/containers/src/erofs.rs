//! EROFS: the read-only file system of Android and of containers, with files that are stored or compressed.

mod content;
mod index;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, held, le16, le32, le64};

use super::folders::{End, Folders};
use content::Content;

/// EROFS images.
#[derive(Debug)]
pub(crate) struct Erofs;

static ABOUT: About = About {
    id: "erofs",
    title: "EROFS file system",
    detects: "Files of EROFS images: stored, inline, in chunks, or compressed by LZ4, deflate or Zstandard.",
    blind_to: "Extended attributes of compressed images. Files compressed by LZMA, in fragments, or on other devices are reported as not read.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Linux, fs/erofs/erofs_fs.h"],
};

/// Offset of the superblock, its length in bytes, and its magic number, 0xe0f5e1e2.
const SUPERBLOCK: u64 = 1024;
const LENGTH: u64 = 128;
const MAGIC: &[u8] = &[0xe2, 0xe1, 0xf5, 0xe0];

/// Most bytes of a folder.
const MOST_FOLDER: u64 = 16 << 20;

/// Memory of the index and of a cluster of one file, in bytes.
const MEMORY: u64 = 64 << 20;

/// Length of an entry of a folder, in bytes.
const ENTRY: usize = 12;

impl Container for Erofs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: SUPERBLOCK as usize, bytes: MAGIC }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        start.get(SUPERBLOCK as usize..).is_some_and(|superblock| Image::of(superblock).is_some())
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        let superblock = held(bytes, SUPERBLOCK, LENGTH, LENGTH)?;
        Some(u64::from(le32(&superblock, 36)?) << Image::of(&superblock)?.log)
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

/// What the superblock says.
#[derive(Clone, Copy)]
struct Image {
    /// The logarithm of the size of a block.
    log: u32,
    /// The first block of inodes, and the inode of the root.
    inodes: u64,
    root: u64,
    /// The features that a reader must know.
    features: u32,
}

impl Image {
    fn of(superblock: &[u8]) -> Option<Self> {
        let log = u32::from(*superblock.get(12)?);
        let image = Self {
            log,
            inodes: u64::from(le32(superblock, 40)?),
            root: u64::from(le16(superblock, 14)?),
            features: le32(superblock, 80)?,
        };
        (superblock.starts_with(MAGIC) && (9..=16).contains(&log)).then_some(image)
    }

    const fn block(self) -> u64 {
        1 << self.log
    }
}

/// A file or a folder.
#[derive(Clone, Copy)]
struct Inode {
    mode: u16,
    layout: u16,
    size: u64,
    /// The first block, or the format of chunks.
    union: u32,
    /// Offset of what follows the inode and its attributes: the end of the content, or an index.
    after: u64,
}

impl Inode {
    fn read(bytes: &Cursor, image: Image, number: u64) -> Option<Self> {
        let at = (image.inodes << image.log).checked_add(number.checked_mul(32)?)?;
        let head = held(bytes, at, 32, 32)?;
        let format = le16(&head, 0)?;
        let is_long = format & 1 == 1;
        let attributes = match le16(&head, 2)? {
            0 => 0,
            count => 12 + (u64::from(count) - 1) * 4,
        };
        let size = if is_long { le64(&head, 8)? } else { u64::from(le32(&head, 8)?) };
        let after = at + if is_long { 64 } else { 32 } + attributes;
        Some(Self { mode: le16(&head, 4)?, layout: format >> 1 & 7, size, union: le32(&head, 16)?, after })
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("EROFS superblock", SUPERBLOCK as usize);
    let superblock = held(bytes, SUPERBLOCK, LENGTH, LENGTH).ok_or(malformed)?;
    let image = Image::of(&superblock).ok_or(malformed)?;
    if Inode::read(bytes, image, image.root).is_none_or(|root| root.mode & 0xf000 != 0x4000) {
        return Err(Unopenable::Closed(Reason::Damaged, "root of EROFS"));
    }
    inside.holds(MEMORY.min(inside.memory()))?;
    let mut folders = Folders::of(bytes.size());
    folders.begin(image.root);
    let walked = walk(bytes, image, &mut folders, inside);
    folders.ended(&walked, inside);
    Ok(())
}

fn walk(bytes: &Cursor, image: Image, folders: &mut Folders<u64>, inside: &mut dyn Inside) -> Result<(), End> {
    while let Some(number) = folders.enter() {
        if !folders.is_new(number, inside)? {
            continue;
        }
        let at = number;
        let entries = Inode::read(bytes, image, number).filter(|inode| inode.size <= MOST_FOLDER).and_then(|inode| {
            let content = Content::of(bytes, image, &inode)?;
            let mut all = Vec::new();
            std::io::Read::read_to_end(&mut Exactly::new(content, inode.size), &mut all).ok().map(|_| all)
        });
        let Some(entries) = entries else {
            inside.unread(Member { name: folders.path(), at }, Reason::Damaged, "folder");
            continue;
        };
        folders.reads(entries.len() as u64)?;
        for block in entries.chunks(image.block() as usize) {
            // The names follow the entries, and the first entry says where.
            let count = le16(block, 8).map_or(0, |first| usize::from(first) / ENTRY);
            for index in 0..count {
                let entry = |index: usize| block.get(index * ENTRY..(index + 1) * ENTRY);
                let start = |index: usize| le16(entry(index)?, 8).map(usize::from);
                let Some((number, from)) = entry(index).and_then(|entry| le64(entry, 0)).zip(start(index)) else {
                    break;
                };
                let end = if index + 1 < count { start(index + 1).unwrap_or(from) } else { block.len() };
                let name = keyradius_readers::stored::until_zero(block.get(from..end).unwrap_or_default());
                if matches!(name, b"" | b"." | b"..") {
                    continue;
                }
                let Some(path) = folders.path_of(name) else {
                    inside.unread(Member { name: b"", at: number }, Reason::TooDeep, "path");
                    continue;
                };
                let Some(inode) = Inode::read(bytes, image, number) else {
                    inside.unread(Member { name: &path, at: number }, Reason::Damaged, "inode");
                    continue;
                };
                match inode.mode & 0xf000 {
                    0x4000 => folders.push(name, number, inside)?,
                    0x8000 if inode.size > 0 => {
                        let member = Member { name: &path, at: inode.after };
                        let Some(content) = Content::of(bytes, image, &inode) else {
                            inside.unread(member, Reason::Unsupported, "layout of a file");
                            continue;
                        };
                        if inside.member(member, &mut Exactly::new(content, inode.size)).is_break() {
                            return Err(End::Stop);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

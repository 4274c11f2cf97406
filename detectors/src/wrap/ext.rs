//! ext2, ext3 and ext4 file systems, opened file by file with the `ext4-view` crate: extents and block maps, journals that
//! were not replayed, inline data.
//!
//! The magic is two bytes that stand at their place in one of 65,536 files by chance, so the superblock is held against the
//! size of the image first; that also keeps the crate from reserving memory for block groups that are not there.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Read};
use std::ops::ControlFlow;

use ext4_view::{Ext4, Ext4Error, Ext4Read, File, FileType, PathBuf};
use scanner_core::error::{Malformed, Reason};
use scanner_core::random::Cursor;
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use crate::read::stored::{Exactly, held, le16, le32};

/// ext2, ext3 and ext4 file systems.
#[derive(Debug)]
pub(crate) struct Ext;

static ABOUT: About = About {
    id: "ext",
    title: "ext2, ext3 or ext4 file system",
    detects: "Files in ext2, ext3 and ext4 file systems, the journal of an unclean one taken into account.",
    blind_to: "Deleted files and other free blocks, extended attributes, and folders encrypted with fscrypt (reported as not \
               read). A file system with features that are not known is read as the bytes it is.",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image.",
    references: &["Linux Documentation/filesystems/ext4"],
};

/// Where the superblock stands, in bytes.
const SUPERBLOCK: u64 = 1024;

impl Container for Ext {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // s_magic, at 0x38 of the superblock.
        &[Magic { at: SUPERBLOCK as usize + 0x38, bytes: &[0x53, 0xef] }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    if !is_superblock(&bytes) {
        return Err(Malformed::new("ext superblock", SUPERBLOCK as usize).into());
    }
    let Ok(volume) = Ext4::load(Box::new(Bytes(bytes))) else {
        return Err(Malformed::new("ext file system", SUPERBLOCK as usize).into());
    };
    let mut folders = vec![PathBuf::new("/")];
    while let Some(folder) = folders.pop() {
        let entries = match volume.read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                tell(inside, &folder, &error);
                continue;
            }
        };
        // Links of a folder to itself are `.` and `..`; a damaged one may name a file more than once.
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    tell(inside, &folder, &error);
                    break;
                }
            };
            let path = entry.path();
            let name = entry.file_name();
            if matches!(name.as_ref(), b"." | b"..") || !names.insert(path.as_ref().to_vec()) {
                continue;
            }
            match entry.file_type() {
                Ok(FileType::Directory) if path.as_ref().len() < MOST_PATH => folders.push(path),
                Ok(FileType::Regular) => {
                    if file(&volume, &path, inside).is_break() {
                        return Ok(());
                    }
                }
                Ok(FileType::Directory) => inside.unread(Member { name: b"", at: 0 }, Reason::TooDeep, "path"),
                Ok(_) => {}
                Err(error) => tell(inside, &path, &error),
            }
        }
    }
    Ok(())
}

/// Longest path in bytes. A damaged file system may hold a folder in itself.
const MOST_PATH: usize = 4096;

/// Whether the fields of a superblock go together and with the size of the image.
fn is_superblock(bytes: &Cursor) -> bool {
    let check = || {
        let block = held(bytes, SUPERBLOCK, 1024, 1024)?;
        let blocks = u64::from(le32(&block, 4)?);
        let scale = le32(&block, 24).filter(|&scale| scale <= 6)?;
        let per_group = u64::from(le32(&block, 32)?);
        let inodes_per_group = u64::from(le32(&block, 40)?);
        let groups = blocks.checked_div(per_group)? + 1;
        // Each group has a bitmap that fills one block, and a descriptor of 32 bytes or more in the image.
        let size = 1024_u64 << scale;
        let wide = le32(&block, 0x150).filter(|_| le32(&block, 0x60).is_some_and(|flags| flags & 0x80 != 0));
        Some(
            le16(&block, 0x38)? == 0xef53
                && per_group <= size * 8
                && inodes_per_group > 0
                && inodes_per_group <= size * 8
                && groups * 32 < bytes.size()
                && wide.unwrap_or(0) == 0,
        )
    };
    check() == Some(true)
}

fn file(volume: &Ext4, path: &PathBuf, inside: &mut dyn Inside) -> ControlFlow<()> {
    let opened = match volume.open(path) {
        Ok(opened) => opened,
        Err(error) => {
            tell(inside, path, &error);
            return ControlFlow::Continue(());
        }
    };
    let size = opened.metadata().len();
    if size == 0 {
        return ControlFlow::Continue(());
    }
    inside.member(Member { name: name(path), at: 0 }, &mut Exactly::new(Content(opened), size))
}

/// A path without the slash before it.
fn name(path: &PathBuf) -> &[u8] {
    let path: &[u8] = path.as_ref();
    path.strip_prefix(b"/").unwrap_or(path)
}

fn tell(inside: &mut dyn Inside, path: &PathBuf, error: &Ext4Error) {
    let (reason, detail) = match error {
        Ext4Error::Encrypted => (Reason::Encrypted, "fscrypt"),
        Ext4Error::Io(_) => (Reason::ReadError, "reading failed"),
        Ext4Error::Incompatible(_) => (Reason::Unsupported, "feature"),
        _ => (Reason::Damaged, "inode or folder"),
    };
    inside.unread(Member { name: name(path), at: 0 }, reason, detail);
}

/// The image, as the crate wants it.
struct Bytes(Cursor);

impl Ext4Read for Bytes {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.0.read_from(at, into)? == into.len() {
            return Ok(());
        }
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

/// A file of it.
struct Content(File);

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_bytes(into).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "damaged"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::stored::collect::open;

    /// A superblock that goes together, and nothing behind it. Whole file systems are in the corpus.
    fn superblock() -> Vec<u8> {
        let mut bytes = vec![0; 8192];
        for (at, value) in [(4, 8_u32), (24, 0), (32, 8192), (40, 16)] {
            bytes[1024 + at..][..4].copy_from_slice(&value.to_le_bytes());
        }
        bytes[1024 + 0x38..][..2].copy_from_slice(&[0x53, 0xef]);
        bytes
    }

    #[test]
    fn superblocks_that_contradict_themselves() {
        let cursor = |bytes: Vec<u8>| Cursor::new(std::sync::Arc::new(scanner_core::random::Held::new(bytes)));
        assert!(is_superblock(&cursor(superblock())));
        for (at, value) in [(4, u32::MAX), (24, 7), (32, 0), (32, 9000), (40, 0), (40, 9000), (0x38, 0)] {
            let mut bytes = superblock();
            bytes[1024 + at..][..4].copy_from_slice(&value.to_le_bytes());
            assert!(!is_superblock(&cursor(bytes)), "{at:#x}");
        }
        assert!(open(&Ext, &superblock()).is_none(), "no file system behind it");
    }
}

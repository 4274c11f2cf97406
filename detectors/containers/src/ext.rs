//! ext2, ext3 and ext4 file systems, opened file by file.
//!
//! Parsed here: the existing crate (`ext4-view`) does not read inline data, allocates by numbers from the image, and
//! does not expose free blocks. Deleting a file in ext frees its blocks but leaves their contents, so every block is
//! read: as part of a file, of the journal, or as free.
//!
//! The magic is two bytes, which one in 65,536 files has at this offset by chance. The superblock is therefore checked
//! for consistency and against the size of the image.

mod volume;

use std::io::Read;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Dense, Exactly};

use super::folders::{End, Folders};
use volume::{Kind, SUPERBLOCK, Volume};

/// ext2, ext3 and ext4 file systems.
#[derive(Debug)]
pub(crate) struct Ext;

/// Offset of the magic number, in bytes; the number of the group is 0x22 bytes later.
const AT: usize = SUPERBLOCK as usize + 0x38;

static ABOUT: About = About {
    id: "ext",
    title: "ext2, ext3 or ext4 file system",
    detects: "Files in ext2, ext3 and ext4 file systems, in extents, block maps or the inode itself; the journal; and \
              free blocks, which contain deleted files that were not overwritten.",
    blind_to: "Extended attributes. The journal of an unclean file system is read but not replayed: a file recorded \
               only there is found without its name. Folders encrypted with fscrypt are reported as not read.",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image; deleting the file is not enough.",
    references: &["Linux Documentation/filesystems/ext4", "e2fsprogs lib/ext2fs/ext2_fs.h"],
};

/// ext2_fs.h: EXT2_ROOT_INO.
const ROOT: u32 = 2;

impl Container for Ext {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // ext2_fs.h: s_magic.
        &[Magic { at: SUPERBLOCK as usize + 0x38, bytes: &[0x53, 0xef] }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        volume::begins(start)
    }

    fn inner(&self) -> &'static [Magic] {
        // With a state and what to do on errors: clean, continue or remount; not clean, continue.
        &[
            Magic { at: AT, bytes: &[0x53, 0xef, 1, 0, 1, 0] },
            Magic { at: AT, bytes: &[0x53, 0xef, 1, 0, 2, 0] },
            Magic { at: AT, bytes: &[0x53, 0xef, 0, 0, 1, 0] },
        ]
    }

    fn begins(&self, start: &[u8]) -> bool {
        // The first group: copies of the superblock in other groups lead nowhere.
        self.claims(start) && start.get(AT + 0x22..AT + 0x24) == Some(&[0, 0]) && volume::fits(start)
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("ext superblock", SUPERBLOCK as usize);
    let size = bytes.size();
    let volume = Volume::read(bytes).ok_or(malformed)?;
    if volume.has_unknown_features() {
        return Err(Unopenable::Closed(Reason::Unsupported, "features of the file system"));
    }
    if !volume.folder(ROOT).is_some_and(|root| root.is_sound()) {
        return Err(malformed.into());
    }
    let mut folders = Folders::of(volume.size());
    folders.begin(ROOT);
    let walked = walk(&volume, &mut folders, inside);
    if !folders.ended(&walked, inside) {
        return Ok(());
    }
    let journal = volume.journal().and_then(|number| volume.inode(number));
    if let Some(journal) = journal
        && let Some(content) = volume.content(&journal)
    {
        let member = Member { name: b"[journal]", at: journal.at };
        // A journal has no holes, so a larger one is damaged: reading petabytes of zeros would take hours.
        if journal.size > size {
            inside.unread(member, Reason::Damaged, "size of the journal");
        }
        if inside.member(member, &mut Dense::new(content.take(size))).is_break() {
            return Ok(());
        }
    }
    let _ = inside.member(Member { name: b"[free blocks]", at: 0 }, &mut Dense::new(volume.free()));
    Ok(())
}

fn walk(volume: &Volume, folders: &mut Folders<u32>, inside: &mut dyn Inside) -> Result<(), End> {
    folders.is_new(ROOT, inside)?;
    while let Some(folder) = folders.enter() {
        let Some(bytes) = volume.folder(folder) else {
            inside.unread(Member { name: folders.path(), at: 0 }, Reason::Damaged, "folder");
            continue;
        };
        folders.reads(bytes.len())?;
        let whole = bytes.entries(|name, number| entry(volume, folders, inside, name, number))?;
        if !whole {
            inside.unread(Member { name: folders.path(), at: 0 }, Reason::Damaged, "folder");
        }
    }
    Ok(())
}

/// Handles one entry of the current folder.
fn entry(
    volume: &Volume,
    folders: &mut Folders<u32>,
    inside: &mut dyn Inside,
    name: &[u8],
    number: u32,
) -> Result<(), End> {
    let Some(path) = folders.path_of(name) else {
        inside.unread(Member { name: b"", at: 0 }, Reason::TooDeep, "path");
        return Ok(());
    };
    // Hard links to one file have the same inode.
    if !folders.is_new(number, inside)? {
        return Ok(());
    }
    folders.reads(volume.tables())?;
    let Some(inode) = volume.inode(number) else {
        inside.unread(Member { name: &path, at: 0 }, Reason::Damaged, "inode");
        return Ok(());
    };
    let member = Member { name: &path, at: inode.at };
    match inode.kind {
        Kind::Other => {}
        _ if inode.is_encrypted() => inside.unread(member, Reason::Encrypted, "fscrypt"),
        Kind::Folder => folders.push(name, number, inside)?,
        Kind::File if inode.size == 0 => {}
        Kind::File => {
            let Some(content) = volume.content(&inode) else {
                inside.unread(member, Reason::Damaged, "blocks of the file");
                return Ok(());
            };
            if inside.member(member, &mut Exactly::new(content, inode.size)).is_break() {
                return Err(End::Stop);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    const BLOCK: usize = 1024;

    fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
        bytes[at..at + what.len()].copy_from_slice(what);
    }

    fn inode(bytes: &mut [u8], number: usize, mode: u16, size: u32, flags: u32, block: &[u8]) {
        let at = 5 * BLOCK + (number - 1) * 128;
        put(bytes, at, &mode.to_le_bytes());
        put(bytes, at + 4, &size.to_le_bytes());
        put(bytes, at + 32, &flags.to_le_bytes());
        put(bytes, at + 40, block);
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Returns an image of one group of 64 blocks: bitmap in block 3, inodes from block 5 on, files from block 10 on.
    fn image() -> Vec<u8> {
        let mut bytes = vec![0; 64 * BLOCK];
        let superblock = BLOCK;
        for (at, value) in
            [(0, 16_u32), (4, 64), (20, 1), (24, 0), (28, 0), (32, 8192), (40, 16), (0x4c, 0), (0x60, 0x42)]
        {
            put(&mut bytes, superblock + at, &value.to_le_bytes());
        }
        put(&mut bytes, superblock + 0x38, &[0x53, 0xef]);
        put(&mut bytes, 2 * BLOCK, &words(&[3, 4, 5]));
        // Blocks 1 to 24 and from 27 on are used; the bitmap begins with block 1.
        bytes[3 * BLOCK..4 * BLOCK].fill(0xff);
        bytes[3 * BLOCK + 3] = 0b1111_1100;
        let entry = |inode: u32, length: u16, name: &str| {
            let head =
                [&inode.to_le_bytes()[..], &length.to_le_bytes(), &[name.len() as u8, 1], name.as_bytes()].concat();
            [head, vec![0; length as usize - 8 - name.len()]].concat()
        };
        inode(&mut bytes, 2, 0o040_755, 1024, 0, &words(&[10]));
        let list = [
            entry(2, 12, "."),
            entry(2, 12, ".."),
            entry(11, 16, "key"),
            entry(12, 16, "tree"),
            entry(13, 16, "locked"),
        ];
        put(&mut bytes, 10 * BLOCK, &[list.concat(), entry(11, 952, "again")].concat());
        // Twelve direct blocks, most of them holes, and one more through an indirect block.
        let blocks = [11, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13];
        inode(&mut bytes, 11, 0o100_600, 12 * 1024 + 5, 0, &words(&blocks));
        put(&mut bytes, 11 * BLOCK, &[b'a'; BLOCK]);
        put(&mut bytes, 12 * BLOCK, &[b'b'; BLOCK]);
        put(&mut bytes, 13 * BLOCK, &words(&[14]));
        put(&mut bytes, 14 * BLOCK, b"final");
        let extents =
            [&[0x0a, 0xf3, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0][..], &words(&[0, 1, 15]), &words(&[1, 0x8001, 16])].concat();
        inode(&mut bytes, 12, 0o100_600, 1024 + 8, 0x80000, &extents);
        put(&mut bytes, 15 * BLOCK, &[b'e'; BLOCK]);
        put(&mut bytes, 16 * BLOCK, b"reserved and never written");
        inode(&mut bytes, 13, 0o100_600, 9, 0x800, &words(&[15]));
        put(&mut bytes, 25 * BLOCK, b"deleted");
        bytes
    }

    #[test]
    fn block_maps_extents_and_free_blocks() {
        let seen = open(&Ext, &image()).unwrap();
        assert_eq!(seen.names(), ["key", "tree", "[free blocks]"]);
        let key = seen.content("key").unwrap();
        assert_eq!((key.len(), key[0], key[1024], key[2048]), (12 * 1024 + 5, b'a', 0, b'b'));
        assert!(key.ends_with(b"\0final"));
        assert_eq!(seen.content("tree"), Some([&[b'e'; BLOCK][..], &[0; 8]].concat().as_slice()));
        assert!(seen.content("[free blocks]").unwrap().starts_with(b"deleted"));
        assert_eq!(seen.reasons(), [Reason::Encrypted]);
    }

    #[test]
    fn damage_is_bounded() {
        let bytes = image();
        torture(&Ext, &bytes[..3 * BLOCK], 53);
        for at in (1024..2048)
            .chain(5 * BLOCK..7 * BLOCK)
            .chain(10 * BLOCK..10 * BLOCK + 90)
            .chain(13 * BLOCK..13 * BLOCK + 8)
        {
            for value in [0, 1, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = open(&Ext, &changed);
            }
        }
    }

    #[test]
    fn amplifying_tables_are_bounded() {
        let mut bytes = image();
        // Each node points to the next one 84 times, and the last one is empty: 84 to the fifth blocks would be read.
        let node = |count: u8, depth: u8, child: u32, room: u8| {
            let head = [0x0a, 0xf3, count, 0, room, 0, depth, 0, 0, 0, 0, 0];
            [&head[..], &words(&[0, child, 0]).repeat(count.into())].concat()
        };
        for depth in 0..5 {
            put(
                &mut bytes,
                (24 - usize::from(depth)) * BLOCK,
                &node(84 * u8::from(depth > 0), depth, 25 - u32::from(depth), 84),
            );
        }
        inode(&mut bytes, 12, 0o100_600, 1024, 0x80000, &node(4, 5, 20, 4));
        let seen = open(&Ext, &bytes).unwrap();
        assert_eq!(seen.names(), ["key", "[free blocks]"]);
        assert!(seen.unread.iter().any(|(name, reason, _)| name == "tree" && *reason == Reason::Damaged), "{seen:?}");
    }

    #[test]
    fn clusters_of_several_blocks() {
        // With bigalloc the first block is number 0 even if blocks have 1024 bytes; the descriptors do not move.
        let mut bytes = image();
        for (at, value) in [(20, 0_u32), (28, 2), (36, 8192), (0x64, 0x200)] {
            put(&mut bytes, BLOCK + at, &value.to_le_bytes());
        }
        // Four blocks per bit: 0 to 23 and 28 to 63 are used.
        bytes[3 * BLOCK] = 0b1011_1111;
        let seen = open(&Ext, &bytes).unwrap();
        assert_eq!(seen.names(), ["key", "tree", "[free blocks]"]);
        assert!(seen.content("[free blocks]").unwrap()[BLOCK..].starts_with(b"deleted"));
    }

    #[test]
    fn unknown_features_are_reported() {
        let mut bytes = image();
        put(&mut bytes, BLOCK + 0x60, &1_u32.to_le_bytes());
        let seen = open(&Ext, &bytes).unwrap();
        assert_eq!((seen.names(), seen.reasons()), (vec![], vec![Reason::Unsupported]));
    }

    #[test]
    fn inconsistent_superblocks_are_refused() {
        for (at, value) in [(4, u32::MAX), (24, 7), (32, 0), (32, 9000), (40, 0), (40, 9000), (0x38, 0)] {
            let mut bytes = image();
            put(&mut bytes, BLOCK + at, &value.to_le_bytes());
            assert!(open(&Ext, &bytes).is_none(), "{at:#x}");
        }
        let mut bytes = image();
        inode(&mut bytes, 2, 0o100_755, 1024, 0, &words(&[10]));
        assert!(open(&Ext, &bytes).is_none(), "a root that is not a folder");
    }
}

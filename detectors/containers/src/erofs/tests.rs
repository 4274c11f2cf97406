//! Tests of `erofs.rs`.

use super::index::{self, Head, Kind};
use super::*;
use crate::collect::{open, torture};

/// An image of blocks of 512 bytes: the root, and files of several layouts.
fn image() -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut all = vec![0; 20 * BLOCK];
    let mut superblock = MAGIC.to_vec();
    superblock.resize(128, 0);
    superblock[12] = 9;
    superblock[36] = 20;
    superblock[40] = 4;
    superblock[80] = 1;
    all[1024..1152].copy_from_slice(&superblock);
    // Inodes in block 4, of 32 bytes each: layout, mode, size, union.
    let mut inode = |number: usize, layout: u16, mode: u16, size: u32, union: u32| {
        let at = 4 * BLOCK + number * 32;
        all[at..at + 2].copy_from_slice(&(layout << 1).to_le_bytes());
        all[at + 4..at + 6].copy_from_slice(&mode.to_le_bytes());
        all[at + 8..at + 12].copy_from_slice(&size.to_le_bytes());
        all[at + 16..at + 20].copy_from_slice(&union.to_le_bytes());
    };
    inode(0, 0, 0x41ed, 512, 6);
    inode(1, 0, 0x81a4, 600, 7);
    inode(2, 2, 0x81a4, 515, 9);
    inode(4, 4, 0x81a4, 1000, 0);
    inode(6, 1, 0x81a4, 800, 0);
    inode(10, 1, 0x81a4, 800, 0);
    // The rest of an inline file, the blocks of chunks, and the index of a compressed file.
    all[4 * BLOCK + 96..4 * BLOCK + 99].copy_from_slice(b"end");
    all[4 * BLOCK + 160..4 * BLOCK + 168].copy_from_slice(&[7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    let index = 4 * BLOCK + 224;
    all[index + 16..index + 24].copy_from_slice(&[1, 0, 0, 0, 11, 0, 0, 0]);
    all[index + 24..index + 32].copy_from_slice(&[2, 0, 0, 0, 1, 0, 0, 0]);
    // LZMA is not read.
    let index = 4 * BLOCK + 352;
    all[index + 6] = 1;
    all[index + 16..index + 24].copy_from_slice(&[1, 0, 0, 0, 11, 0, 0, 0]);
    let packed = lz4_flex::block::compress(&[b'z'; 800]);
    let end = 12 * BLOCK;
    all[end - packed.len()..end].copy_from_slice(&packed);
    all[7 * BLOCK..9 * BLOCK].fill(b'a');
    all[9 * BLOCK..10 * BLOCK].fill(b'i');
    let names: [(&[u8], u64); 6] =
        [(b".", 0), (b"chunks", 4), (b"flat", 1), (b"inline", 2), (b"lzma", 10), (b"packed", 6)];
    let (mut entries, mut text, mut from) = (Vec::<u8>::new(), Vec::<u8>::new(), names.len() * ENTRY);
    for (name, number) in names {
        entries.extend(number.to_le_bytes());
        entries.extend((from as u16).to_le_bytes());
        entries.extend([1, 0]);
        text.extend_from_slice(name);
        from += name.len();
    }
    entries.extend(text);
    all[6 * BLOCK..6 * BLOCK + entries.len()].copy_from_slice(&entries);
    all
}

#[test]
fn files_of_every_layout() {
    let image = image();
    let seen = open(&Erofs, &image).unwrap();
    assert_eq!(seen.names(), ["chunks", "flat", "inline", "packed"]);
    assert_eq!(seen.content("flat"), Some(&[b'a'; 600][..]));
    assert_eq!(seen.content("inline"), Some(&[&[b'i'; 512][..], b"end"].concat()[..]));
    assert_eq!(seen.content("chunks"), Some(&[&[b'a'; 512][..], &[0; 488]].concat()[..]));
    assert_eq!(seen.content("packed"), Some(&[b'z'; 800][..]));
    assert_eq!(seen.unread, [("lzma".to_owned(), Reason::Unsupported, "layout of a file".to_owned())]);
    torture(&Erofs, &image, 331);
}

#[test]
fn packs_of_two_entries() {
    use std::sync::Arc;

    use keyradius_core::read_at::Held;
    // Starts in the first and the third logical cluster, 4 KiB each, after the blocks 5 and 6; and a distance.
    let pack = |entries: [u32; 2], block: u32| {
        let bits = u64::from(entries[0]) | u64::from(entries[1]) << 16;
        [&bits.to_le_bytes()[..4], &block.to_le_bytes()].concat()
    };
    let bytes = [vec![0; 32], pack([1 << 12, 2 << 12 | 1], 5), pack([1 << 12 | 9, 1 << 12 | 8], 6)].concat();
    let cursor = Cursor::new(Arc::new(Held::new(bytes)));
    let heads = index::compact(&cursor, 32, 4, 12, 0).unwrap();
    let head = |start, block| Head { start, block, blocks: 0, kind: Kind::First };
    assert_eq!(heads, [head(0, 6), head(8192 + 9, 7), head(12_288 + 8, 8)]);
}

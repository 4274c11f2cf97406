//! Tests of `squashfs`.

use super::*;
use crate::collect::{open, torture};

/// Returns an uncompressed metadata block.
fn metadata(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16 | 0x8000).to_le_bytes()[..], content].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Returns an image with a file (a block, a hole and an end in a fragment) and a folder that contains it twice and
/// itself.
fn image() -> Vec<u8> {
    const STORED: u32 = 1 << 24;
    let mut bytes = vec![0; 96];
    bytes.extend([b'a'; 4096]);
    bytes.extend(b"..end");
    let inodes = bytes.len() as u64;
    let header = |kind: u16| [&kind.to_le_bytes()[..], &[0; 14]].concat();
    let file = [header(2), words(&[96, 0, 2, 8195, 4096 | STORED, 0])].concat();
    let at = file.len() as u16;
    let names = ["key", "link", "loop"];
    let listing: usize = 12 + names.iter().map(|name| 8 + name.len()).sum::<usize>();
    let mut folder = [header(1), words(&[0, 2])].concat();
    folder.extend((listing as u16 + 3).to_le_bytes());
    folder.extend([0; 6]);
    bytes.extend(metadata(&[file, folder].concat()));
    let folders = bytes.len() as u64;
    let mut list = words(&[names.len() as u32 - 1, 0, 1]);
    for (name, (inode, kind)) in names.iter().zip([(0, 2), (0, 2), (at, 1)]) {
        list.extend([inode, 0, kind, name.len() as u16 - 1].iter().flat_map(|field| field.to_le_bytes()));
        list.extend(name.as_bytes());
    }
    bytes.extend(metadata(&list));
    let fragments = bytes.len() as u64;
    bytes.extend(metadata(&[&(96_u64 + 4096).to_le_bytes()[..], &words(&[5 | STORED, 0])].concat()));
    let table = bytes.len() as u64;
    bytes.extend(fragments.to_le_bytes());
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(0, MAGIC);
    put(12, &words(&[4096, 1]));
    put(20, &[1, 0, 12, 0]);
    put(28, &[4, 0, 0, 0]);
    put(32, &u64::from(at).to_le_bytes());
    put(64, &inodes.to_le_bytes());
    put(72, &folders.to_le_bytes());
    put(80, &table.to_le_bytes());
    bytes
}

#[test]
fn blocks_holes_and_fragments() {
    let bytes = image();
    let seen = open(&Squashfs, &bytes).unwrap();
    assert_eq!(seen.names(), ["key"], "a second link is the same file, and a cycle ends");
    let content = [&[b'a'; 4096][..], &[0; 4096], b"end"].concat();
    assert_eq!(seen.content("key"), Some(content.as_slice()));
    assert_eq!(seen.unread, []);
    torture(&Squashfs, &bytes[..96], 1);
    for at in (0..96).chain(4096 + 96..bytes.len()) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = open(&Squashfs, &changed);
        }
    }
}

#[test]
fn unsupported_and_damaged_images_are_reported() {
    let mut bytes = image();
    bytes[20] = 3;
    assert_eq!(open(&Squashfs, &bytes).unwrap().reasons(), [Reason::Unsupported], "LZO");
    let bytes = image();
    assert_eq!(open(&Squashfs, &bytes[..4200]).unwrap().reasons(), [Reason::Damaged]);
    for (at, value) in [(12, 1), (22, 9), (28, 3)] {
        let mut bytes = image();
        bytes[at] = value;
        assert!(open(&Squashfs, &bytes).is_none(), "{at}");
    }
}

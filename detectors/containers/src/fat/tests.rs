//! Tests of `fat`.

use super::*;
use crate::collect::{open, torture};

const SECTOR: usize = 512;

/// Returns a FAT16 or FAT12 floppy: one sector per cluster, one table, sixteen entries in the root.
fn image(width: Width, clusters: usize) -> Vec<u8> {
    let (bits, text) = if width == Width::Twelve { (12, b"FAT12   ") } else { (16, b"FAT16   ") };
    let table = ((clusters + 2) * bits).div_ceil(8 * SECTOR);
    let data = 1 + table + 1;
    let mut bytes = vec![0; (data + clusters) * SECTOR];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(11, &[0, 2, 1, 1, 0, 1, 16, 0]);
    put(19, &((data + clusters) as u16).to_le_bytes());
    put(21, &[0xf8, table as u8, 0]);
    put(54, text);
    put(510, &[0x55, 0xaa]);
    let mut link = |cluster: usize, next: u16| match width {
        Width::Twelve => {
            let at = SECTOR + cluster * 3 / 2;
            let old = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let new = if cluster % 2 == 1 { old & 0xf | next << 4 } else { old & 0xf000 | next & 0xfff };
            bytes[at..at + 2].copy_from_slice(&new.to_le_bytes());
        }
        _ => bytes[SECTOR + cluster * 2..][..2].copy_from_slice(&next.to_le_bytes()),
    };
    // key.pem in clusters 2, 4, 3; a folder in 5 with a file in 6.
    for (cluster, next) in [(2, 4), (4, 3), (3, 0xffff), (5, 0xffff), (6, 0xffff)] {
        link(cluster, next);
    }
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    let cluster = |number: usize| (data + number - 2) * SECTOR;
    let entry = |name: &[u8; 11], attributes: u8, first: u16, size: u32| {
        let mut entry = [0; 32];
        entry[..11].copy_from_slice(name);
        entry[11] = attributes;
        entry[26..28].copy_from_slice(&first.to_le_bytes());
        entry[28..].copy_from_slice(&size.to_le_bytes());
        entry
    };
    let root = (1 + table) * SECTOR;
    put(root, &entry(b"A LABEL    ", 8, 0, 0));
    put(root + 32, &entry(b"KEY     PEM", 0x20, 2, 1100));
    put(root + 64, &entry(b"\xe5ONE       ", 0x20, 7, 10));
    put(root + 96, &entry(b"FOLDER     ", 0x10, 5, 0));
    put(cluster(5), &entry(b".          ", 0x10, 5, 0));
    let mut long = [0x0f; 32];
    long[0] = 0x41;
    let name: Vec<u8> = "ca.key.pem\0\u{ffff}\u{ffff}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (range, from) in [(1..11, 0), (14..26, 10), (28..32, 22)] {
        let length = range.len();
        long[range].copy_from_slice(&name[from..from + length]);
    }
    put(cluster(5) + 32, &long);
    put(cluster(5) + 64, &entry(b"CAKEY~1 PEM", 0x20, 6, 3));
    for (number, byte) in [(2, b'a'), (4, b'b'), (3, b'c'), (6, b'd'), (7, b'e')] {
        put(cluster(number), &[byte; SECTOR]);
    }
    bytes
}

#[test]
fn fragmented_files_long_names_and_deleted_files() {
    for (width, clusters) in [(Width::Twelve, 100), (Width::Sixteen, 4200)] {
        let seen = open(&Fat, &image(width, clusters)).unwrap();
        assert_eq!(seen.names(), ["KEY.PEM", "FOLDER/ca.key.pem", "[free clusters]"]);
        let content = seen.content("KEY.PEM").unwrap();
        let pieces = [&[b'a'; SECTOR][..], &[b'b'; SECTOR], &[b'c'; 76]].concat();
        assert_eq!(content, pieces);
        assert_eq!(seen.content("FOLDER/ca.key.pem"), Some(&b"ddd"[..]));
        assert!(seen.content("[free clusters]").unwrap().starts_with(&[b'e'; SECTOR]));
        assert_eq!(seen.unread, []);
    }
}

#[test]
fn texts_and_signatures_do_not_matter() {
    let mut bytes = image(Width::Sixteen, 4200);
    bytes[54..62].fill(0);
    bytes[510..512].fill(0);
    assert_eq!(open(&Fat, &bytes).unwrap().names().len(), 3);
    // FAT32 of six clusters: a table, the root folder in cluster 2, a file in 3.
    let mut bytes = vec![0; 8 * SECTOR];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(11, &[0, 2, 1, 1, 0, 1, 0, 0, 8, 0, 0xf8]);
    put(36, &[1]);
    put(44, &[2]);
    put(SECTOR + 8, &[0xff; 8]);
    put(2 * SECTOR, b"KEY     PEM ");
    put(2 * SECTOR + 26, &[3, 0, 4]);
    put(3 * SECTOR, b"file");
    assert_eq!(open(&Fat, &bytes).unwrap().content("KEY.PEM"), Some(&b"file"[..]));
}

#[test]
fn damage_is_bounded() {
    let mut bytes = image(Width::Twelve, 100);
    // A cycle: 4 leads to 2.
    bytes[SECTOR + 6] = 2;
    bytes[SECTOR + 7] &= 0xf0;
    let seen = open(&Fat, &bytes).unwrap();
    assert_eq!(seen.content("KEY.PEM").map(<[u8]>::len), Some(1100));
    torture(&Fat, &image(Width::Twelve, 20), 7);
}

#[test]
fn a_text_is_not_a_file_system() {
    let mut bytes = vec![b' '; 2048];
    bytes[54..62].copy_from_slice(b"FAT16   ");
    assert!(open(&Fat, &bytes).is_none());
    let image = image(Width::Twelve, 100);
    for (at, value) in [(11, 1), (13, 3), (14, 0), (16, 0), (21, 0x10), (22, 0)] {
        let mut bytes = image.clone();
        bytes[at] = value;
        assert!(open(&Fat, &bytes).is_none(), "{at}");
    }
}

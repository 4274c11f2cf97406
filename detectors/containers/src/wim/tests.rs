//! Tests of `wim.rs`.

use super::*;
use crate::collect::{open, torture};

/// The chunk that both methods have below: 40 lines with numbers.
fn lines() -> String {
    (0..40).map(|n| format!("line {}\n", n * 7919 % 10_007)).collect::<Vec<_>>().concat()
}

/// By `wimlib-imagex capture --compress=XPRESS`: the lengths that are not zero, and what follows them.
const XPRESS_LENGTHS: [(usize, u8); 20] = [
    (5, 0x06),
    (16, 0x07),
    (24, 0x44),
    (25, 0x44),
    (26, 0x44),
    (27, 0x44),
    (28, 0x44),
    (50, 0x70),
    (52, 0x70),
    (54, 0x06),
    (55, 0x07),
    (128, 0x07),
    (144, 0x70),
    (153, 0x50),
    (162, 0x07),
    (170, 0x05),
    (176, 0x07),
    (178, 0x63),
    (186, 0x55),
    (194, 0x60),
];
const XPRESS_REST: [u8; 116] = [
    0xd7, 0xe7, 0x3e, 0xbf, 0x8e, 0x0b, 0xf3, 0x7e, 0x78, 0x67, 0x4a, 0x4f, 0x4b, 0x78, 0xb8, 0x2c, 0x0e, 0x47, 0x56,
    0xf8, 0xd9, 0xf2, 0x54, 0x93, 0x4b, 0x66, 0x99, 0x75, 0x84, 0x29, 0x11, 0x0d, 0x23, 0x33, 0x84, 0x60, 0x84, 0x93,
    0xe0, 0x1a, 0x95, 0x20, 0xfb, 0x33, 0x40, 0xab, 0x48, 0x6a, 0x10, 0x1f, 0xf6, 0x80, 0x07, 0x75, 0x36, 0xa3, 0xab,
    0x80, 0x05, 0xe8, 0x83, 0x24, 0xe8, 0xa0, 0xc5, 0x1c, 0xf4, 0x60, 0xd0, 0x23, 0xb5, 0x0b, 0xea, 0xde, 0x7b, 0x60,
    0xf4, 0xcb, 0x40, 0x7c, 0xde, 0x40, 0x06, 0x74, 0xf6, 0xda, 0xfa, 0x7b, 0xdc, 0x3b, 0x90, 0x9d, 0xf6, 0x22, 0x6d,
    0x40, 0x01, 0xd9, 0x42, 0x40, 0x42, 0x2e, 0x54, 0x0d, 0x4a, 0x10, 0x82, 0x2d, 0x01, 0x3d, 0x53, 0xa8, 0xe0, 0xe3,
    0x00, 0x00,
];

/// By `wimlib-imagex capture --compress=LZX`.
const LZX_CHUNK: [u8; 158] = [
    0x18, 0x20, 0x00, 0xa2, 0x00, 0x00, 0x02, 0x00, 0x35, 0x00, 0x42, 0x00, 0x66, 0x5e, 0xd7, 0x0b, 0xdb, 0xfe, 0x57,
    0xdb, 0x41, 0x40, 0xf7, 0x1b, 0x98, 0xeb, 0x00, 0x00, 0x00, 0x00, 0x82, 0x19, 0x01, 0x20, 0x01, 0x10, 0x9b, 0xfd,
    0x6a, 0xd1, 0x1e, 0xca, 0x19, 0x2f, 0xbf, 0x5f, 0x08, 0x92, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7f,
    0x08, 0xff, 0xff, 0xeb, 0xf3, 0xbf, 0xcf, 0xd3, 0x1d, 0xaf, 0xb7, 0xc5, 0x88, 0xa4, 0xcf, 0xa9, 0xdb, 0x0e, 0x71,
    0xa6, 0x56, 0x48, 0x4e, 0x22, 0x82, 0xcb, 0xe8, 0x97, 0xe5, 0x42, 0x75, 0xcc, 0xac, 0x61, 0x71, 0x49, 0x48, 0x19,
    0x73, 0x5a, 0x52, 0x22, 0xc0, 0x0e, 0xfa, 0x59, 0xc2, 0x64, 0xaa, 0x2e, 0x31, 0xa2, 0xc5, 0xe6, 0x35, 0x1b, 0xbf,
    0xd5, 0x09, 0xa9, 0xb1, 0xa8, 0x99, 0x73, 0xaa, 0x98, 0x1f, 0x8d, 0x8b, 0x3c, 0x91, 0x73, 0x55, 0x91, 0x25, 0x23,
    0x67, 0x42, 0x34, 0xbb, 0x6c, 0xb3, 0x6b, 0x44, 0xff, 0xc2, 0xb1, 0xd6, 0x56, 0x8b, 0x0d, 0x6b, 0xbd, 0x0b, 0x4d,
    0x77, 0xd0, 0xbd, 0x4e, 0x00, 0x80,
];

#[test]
fn chunks_of_both_methods() {
    let mut packed = vec![0; 256];
    for (at, lengths) in XPRESS_LENGTHS {
        packed[at] = lengths;
    }
    packed.extend(XPRESS_REST);
    let expected = lines().into_bytes();
    assert_eq!(xpress::chunk(&packed, expected.len()), Some(expected.clone()));
    assert_eq!(lzx::chunk(&LZX_CHUNK, expected.len(), 1 << 15), Some(expected.clone()));
    for cut in 0..packed.len() {
        let _ = xpress::chunk(&packed[..cut], 300);
        let _ = lzx::chunk(&packed[cut..], 300, 1 << 15);
        let _ = lzx::chunk(LZX_CHUNK.get(..cut).unwrap_or_default(), 300, 1 << 15);
    }
}

#[test]
fn stored_blocks_and_calls_of_lzx() {
    // A block of six bytes that is stored: type 3, a size of 16 bits, three distances.
    let block = |bytes: &[u8]| {
        let head = 3_u32 << 29 | (bytes.len() as u32) << 12;
        let words = [(head >> 16) as u16, head as u16];
        let head: Vec<u8> = words.into_iter().flat_map(u16::to_le_bytes).collect();
        [&head[..], &[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], bytes].concat()
    };
    assert_eq!(lzx::chunk(&block(b"stored"), 6, 1 << 15).unwrap(), b"stored");
    let calls = [0, 0, 0xe8, 9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    assert_eq!(lzx::chunk(&block(&calls), 16, 1 << 15).unwrap()[2..7], [0xe8, 7, 0, 0, 0]);
    assert_eq!(lzx::chunk(&block(b"stored"), 5, 1 << 15), None);
}

/// A file with one image that has one file, not compressed.
fn example() -> Vec<u8> {
    let resource = |size: u64, flags: u64, at: u64| {
        [(size | flags << 56).to_le_bytes(), at.to_le_bytes(), size.to_le_bytes()].concat()
    };
    let name: Vec<u8> = "a.pem".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let entry = |name: &[u8], below: u64, hash: u8| {
        let mut all = vec![0; ENTRY_LENGTH + name.len()];
        let length = all.len() as u64;
        all[..8].copy_from_slice(&length.to_le_bytes());
        all[16..24].copy_from_slice(&below.to_le_bytes());
        all[64..84].fill(hash);
        all[100] = name.len() as u8;
        all[ENTRY_LENGTH..].copy_from_slice(name);
        all.resize(all.len().next_multiple_of(8), 0);
        all
    };
    let metadata =
        [vec![8, 0, 0, 0, 0, 0, 0, 0], entry(b"", 120, 0), vec![0; 8], entry(&name, 0, 7), vec![0; 8]].concat();
    let content = b"content of the file";
    let mut all = MAGIC.to_vec();
    all.extend(208_u32.to_le_bytes());
    all.extend(0x1_0d00_u32.to_le_bytes());
    all.resize(40, 0);
    all.extend([1, 0, 1, 0, 1, 0, 0, 0]);
    let (metadata_at, content_at) = (208, 208 + metadata.len() as u64);
    let table_at = content_at + content.len() as u64;
    all.extend(resource(100, 0, table_at));
    all.resize(208, 0);
    all.extend(&metadata);
    all.extend(content);
    for (place, hash) in
        [(resource(metadata.len() as u64, 2, metadata_at), 9), (resource(content.len() as u64, 0, content_at), 7)]
    {
        all.extend(place);
        all.extend([1, 0, 1, 0, 0, 0]);
        all.extend([hash; 20]);
    }
    all
}

/// The length of an entry of a folder before its name.
const ENTRY_LENGTH: usize = 102;

#[test]
fn contents_have_names_from_the_metadata() {
    let seen = open(&Wim, &example()).unwrap();
    assert_eq!(seen.content("a.pem"), Some(&b"content of the file"[..]));
    assert_eq!((seen.members.len(), seen.unread.len()), (2, 0));
    torture(&Wim, &example(), 13);
}

//! Archives made by hand.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::*;
use crate::collect::{Seen, open, open_into, torture};

/// Computes CRC-32 bit by bit.
fn crc(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32| (0..8).fold(crc, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
    (!bytes.iter().fold(!0, |crc, &byte| step(crc ^ u32::from(byte)))).to_le_bytes()
}

/// Name, compressed content, id of the coder, and its properties.
type Block<'a> = (&'a str, &'a [u8], &'a [u8], &'a [u8]);

/// Returns an archive with one member per block.
fn archive(blocks: &[Block<'_>]) -> Vec<u8> {
    finished(&blocks.iter().flat_map(|(_, content, _, _)| content.to_vec()).collect::<Vec<u8>>(), &plain(blocks))
}

/// Returns the header of an archive with one member per block.
fn plain(blocks: &[Block<'_>]) -> Vec<u8> {
    let lengths: Vec<u8> = blocks.iter().map(|(_, content, _, _)| content.len() as u8).collect();
    let mut names = vec![0];
    let mut coders = Vec::new();
    for (name, _, coder, properties) in blocks {
        names.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        let flags = coder.len() as u8 | if properties.is_empty() { 0 } else { 0x20 };
        coders.extend([1, flags]);
        coders.extend(*coder);
        if !properties.is_empty() {
            coders.push(properties.len() as u8);
            coders.extend(*properties);
        }
    }
    let count = [blocks.len() as u8];
    // Header, streams: packed sizes; unpacking: blocks and sizes; no parts; files: names.
    [
        &[0x01, 0x04, 0x06, 0x00][..],
        &count,
        &[0x09],
        &lengths,
        &[0x00],
        &[0x07, 0x0b],
        &count,
        &[0x00],
        &coders,
        &[0x0c],
        &lengths,
        &[0x00, 0x08, 0x00, 0x00],
        &[0x05],
        &count,
        &[0x11],
        &number(names.len()),
        &names,
        &[0x00, 0x00],
    ]
    .concat()
}

/// Returns an archive of packed streams and a header.
fn finished(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let place = [&(packed.len() as u64).to_le_bytes()[..], &(header.len() as u64).to_le_bytes(), &crc(header)].concat();
    [MAGIC, &[0, 4], &crc(&place), &place, packed, header].concat()
}

/// Encodes a number in nine bytes.
fn number(number: usize) -> Vec<u8> {
    [&[0xff][..], &(number as u64).to_le_bytes()].concat()
}

/// Returns a compressed header whose data is at offset `at`, with a method without properties.
fn encoded(at: usize, packed: &[u8], length: usize, method: &[u8], checksum: [u8; 4]) -> Vec<u8> {
    [
        &[0x17, 0x06][..],
        &number(at),
        &[0x01, 0x09],
        &number(packed.len()),
        &[0x00, 0x07, 0x0b, 0x01, 0x00, 0x01, method.len() as u8],
        method,
        &[0x0c],
        &number(length),
        &[0x0a, 0x01],
        &checksum,
        &[0x00, 0x00],
    ]
    .concat()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns the reasons why the list of members is not read with this memory.
fn refused(bytes: &[u8], memory: u64) -> Vec<(Reason, String)> {
    let mut seen = Seen { memory: Some(memory), ..Seen::default() };
    open_into(&SevenZ, bytes, &mut seen).unwrap();
    assert!(seen.members.is_empty());
    seen.unread.into_iter().map(|(_, reason, detail)| (reason, detail)).collect()
}

const COPY: &[u8] = EncoderMethod::ID_COPY;

#[test]
fn blocks_are_independent() {
    let bytes = archive(&[
        ("a.pem", b"first", COPY, b""),
        ("locked", b"ciphertext", EncoderMethod::ID_AES256_SHA256, &[0x13, 0]),
        ("huge", b"packed", EncoderMethod::ID_LZMA, &[0x5d, 0, 0, 0, 0x80]),
        ("zstd", b"packed", EncoderMethod::ID_ZSTD, &[1, 5, 0, 0, 0]),
        ("broken", b"no lzma at all", EncoderMethod::ID_LZMA, &[0x5d, 0, 0, 1, 0]),
        ("b.pem", b"last", COPY, b""),
    ]);
    let seen = open(&SevenZ, &bytes).unwrap();
    assert_eq!((seen.content("a.pem"), seen.content("b.pem")), (Some(&b"first"[..]), Some(&b"last"[..])));
    let told: Vec<(&str, Reason)> = seen.unread.iter().map(|(name, reason, _)| (name.as_str(), *reason)).collect();
    assert_eq!(told[..3], [("locked", Reason::Encrypted), ("huge", Reason::TooLarge), ("zstd", Reason::Unsupported),]);
    assert_eq!(told[3].0, "broken");
    torture(&SevenZ, &bytes, 5);
}

#[test]
fn truncated_archives_and_other_bytes() {
    let bytes = archive(&[("a.pem", b"first", COPY, b""), ("b.pem", b"last", COPY, b"")]);
    assert_eq!(open(&SevenZ, &bytes[..bytes.len() - 1]).unwrap().unread[0].2, "cut off");
    assert!(open(&SevenZ, MAGIC).is_none());
    let mut changed = bytes.clone();
    changed[50] ^= 1;
    assert_eq!(open(&SevenZ, &changed).unwrap().reasons(), [Reason::Damaged], "its checksum");
    let mut seen = Seen { stop_after: Some(1), ..Seen::default() };
    open_into(&SevenZ, &bytes, &mut seen).unwrap();
    assert_eq!(seen.members.len(), 1);
}

#[test]
fn compressed_headers() {
    let stored = [&b"first"[..], b"last"].concat();
    let list = plain(&[("a.pem", b"first", COPY, b""), ("b.pem", b"last", COPY, b"")]);
    let mut packed = stored.clone();
    let mut header = list.clone();
    for level in 1..=5 {
        let deflated = deflated(&header);
        let next = encoded(packed.len(), &deflated, header.len(), EncoderMethod::ID_DEFLATE, crc(&header));
        packed.extend(deflated);
        header = next;
        let bytes = finished(&packed, &header);
        let seen = open(&SevenZ, &bytes).unwrap();
        if level > MOST_ENCODED {
            assert_eq!(seen.reasons(), [Reason::TooDeep]);
        } else {
            assert_eq!((seen.names(), seen.reasons()), (vec!["a.pem", "b.pem"], vec![]), "{level}");
            assert_eq!(seen.content("b.pem"), Some(&b"last"[..]));
        }
        if level == 2 {
            torture(&SevenZ, &bytes, 3);
        }
    }

    let copied = |length, checksum| finished(&list, &encoded(0, &list, length, COPY, checksum));
    let damaged = [(Reason::Damaged, "header".to_owned())];
    assert_eq!(refused(&copied(list.len() + 1, [0; 4]), 1 << 20), damaged, "short");
    assert_eq!(refused(&copied(list.len() - 1, crc(&list[..list.len() - 1])), 1 << 20), damaged, "cut");
    assert_eq!(
        refused(&copied(list.len(), [0; 4]), 1 << 20),
        [(Reason::Damaged, "packed data".to_owned())],
        "checksum"
    );
    let locked = encoded(0, &list, list.len(), EncoderMethod::ID_AES256_SHA256, [0; 4]);
    assert_eq!(refused(&finished(&list, &locked), 1 << 20), [(Reason::Encrypted, "AES-256".to_owned())]);
}

#[test]
fn headers_that_decompress_beyond_the_memory_limit() {
    let too_large = [(Reason::TooLarge, "header".to_owned())];
    let zeros = vec![0; 32 << 20];
    let packed = deflated(&zeros);
    let header = encoded(0, &packed, zeros.len(), EncoderMethod::ID_DEFLATE, [0; 4]);
    assert_eq!(refused(&finished(&packed, &header), 16 << 20), too_large);
    assert_eq!(refused(&finished(&packed, &header), 64 << 20)[0].0, Reason::Damaged, "a checksum of zero");
    let header = encoded(0, &packed, 1 << 30, EncoderMethod::ID_DEFLATE, [0; 4]);
    assert_eq!(refused(&finished(&packed, &header), 64 << 20), too_large);
    // The declared size counts, whatever the actual size is.
    let header = encoded(0, &packed, 1 << 60, EncoderMethod::ID_DEFLATE, [0; 4]);
    assert_eq!(refused(&finished(&packed, &header), 64 << 20), too_large);
    assert_eq!(refused(&finished(b"", &vec![0; 4096]), 4096), too_large);
}

/// Returns short headers that declare many items.
fn amplifying() -> [(&'static str, Vec<u8>); 3] {
    const MANY: usize = 50_000;
    let (many, zeros) = (number(MANY), vec![0; MANY]);
    let padding = [&[0x19], &many[..], &zeros, &[0x00, 0x00]].concat();
    let empty = [&[0x0e], &number(MANY / 8)[..], &[0xff; MANY / 8]].concat();
    let files = [&[0x01, 0x05], &many[..], &empty, &padding].concat();
    let packed = [&[0x01, 0x04, 0x06, 0x00], &many[..], &[0x09], &zeros, &[0x00]].concat();
    let unpacked = [&[0x07, 0x0b], &many[..], &[0x00], &[1, 0].repeat(MANY), &[0x0c], &zeros, &[0x00]].concat();
    let blocks = [&packed, &unpacked, &[0x08, 0x0d][..], &zeros, &[0x00, 0x00, 0x05, 0x00, 0x00, 0x00]].concat();
    let one = [0x01, 0x04, 0x06, 0x00, 0x01, 0x09, 0x00, 0x00, 0x07, 0x0b, 0x01, 0x00, 0x01, 0x00, 0x0c, 0x00, 0x00];
    let parts = [&one, &[0x08, 0x0d][..], &many, &[0x00, 0x00, 0x05], &many, &padding].concat();
    [("files", files), ("blocks", blocks), ("parts", parts)]
}

#[test]
fn headers_that_declare_more_than_the_memory_limit() {
    for (what, header) in amplifying() {
        let bytes = finished(b"", &header);
        assert_eq!(refused(&bytes, 4 << 20), [(Reason::TooLarge, "header".to_owned())], "{what}");
        assert!(!open(&SevenZ, &bytes).unwrap().reasons().contains(&Reason::TooLarge), "{what}");
    }
}

#[test]
fn counts_match_what_the_crate_reads() {
    let names =
        [("a.pem", &b"first"[..], COPY, &b""[..]), ("b", b"second", EncoderMethod::ID_LZMA, &[0x5d, 0, 0, 1, 0])];
    // Properties; two coders bound together; two inputs of one coder; parts, sizes and checksums.
    let others: [&[u8]; 3] = [
        &[0x01, 0x02, 0x19, 0x02, 0xaa, 0xbb, 0x00, 0x05, 0x02, 0x0e, 0x01, 0xc0, 0x0f, 0x01, 0x40, 0x00, 0x00],
        &[
            0x01, 0x04, 0x06, 0x00, 0x02, 0x09, 0x81, 0x00, 0x05, 0x0a, 0x00, 0x40, 1, 2, 3, 4, 0x00, 0x07, 0x0b, 0x02,
            0x00, 0x02, 0x00, 0x01, 0x03, 0x00, 0x01, 0x01, 0x00, 0x0c, 0x09, 0x09, 0x07, 0x0a, 0x00, 0x40, 1, 2, 3, 4,
            0x00, 0x08, 0x0d, 0x02, 0x01, 0x09, 0x04, 0x0a, 0x00, 0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 0x00, 0x00, 0x05, 0x03,
            0x00, 0x00,
        ],
        &[
            0x01, 0x04, 0x06, 0x00, 0x02, 0x09, 0x01, 0x01, 0x00, 0x07, 0x0b, 0x01, 0x00, 0x01, 0x31, 0x03, 0x02, 0x01,
            0x01, 0x07, 0x00, 0x01, 0x0c, 0x09, 0x0a, 0x01, 1, 2, 3, 4, 0x00, 0x08, 0x00, 0x00, 0x05, 0x01, 0x00, 0x00,
        ],
    ];
    let plain = plain(&names);
    let mut read = 0;
    for (number, header) in others.into_iter().chain([&plain[..]]).enumerate() {
        for at in 0..header.len() {
            for value in 0..=255 {
                let mut image = [&[0; START], header].concat();
                image[START + at] = value;
                let mut header = Header { image };
                header.seal();
                let counts = Counts::of(header.content());
                let Ok(archive) = Archive::read(&mut io::Cursor::new(header.image), &Password::empty()) else {
                    continue;
                };
                let counts = counts.unwrap();
                read += 1;
                let coders = archive.blocks.iter().map(|block| block.coders.len()).sum::<usize>();
                assert_eq!(
                    counts.numbers(),
                    [archive.pack_sizes().len(), archive.blocks.len(), coders, archive.files.len()],
                    "header {number}, {value} at {at}"
                );
            }
        }
    }
    assert!(read > 1_000, "{read}");
}

#[test]
fn unfinished_archives() {
    let list = plain(&[("a.pem", b"first", COPY, b"")]);
    let unfinished = |header: &[u8]| [MAGIC, &[0, 4], &[0; 24], b"first", header].concat();
    let seen = open(&SevenZ, &unfinished(&list)).unwrap();
    assert_eq!((seen.content("a.pem"), seen.reasons()), (Some(&b"first"[..]), vec![]));
    torture(&SevenZ, &unfinished(&list), 3);
    let never = [(Reason::Damaged, "never finished".to_owned())];
    assert_eq!(refused(&unfinished(b""), 1 << 20), never);
    assert_eq!(refused(&unfinished(&[&list[..], &[1]].concat()), 1 << 20), never, "no end");
    assert_eq!(refused(&unfinished(&[&list[..], &[0; 512]].concat()), 1 << 20), never, "too far from the end");

    // Finished and empty.
    let empty = finished(b"", b"");
    assert_eq!(open(&SevenZ, &empty).unwrap(), Seen::default());
    assert_eq!(refused(&[&empty[..], b"more"].concat(), 1 << 20), [(Reason::Damaged, "header".to_owned())]);
}

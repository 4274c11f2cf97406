//! Handmade archives and structures, with arbitrary names and false fields.

use std::borrow::Cow;

use crate::git::handmade::{crc32, stored};

/// A member of a ZIP with its two descriptions.
pub(super) struct ZipMember<'a> {
    pub(super) name: &'a [u8],
    pub(super) bytes: Cow<'a, [u8]>,
    /// Bit 0: encrypted.
    pub(super) flags: u16,
    /// The size in the central directory, if it differs.
    pub(super) size_in_directory: Option<u32>,
}

impl<'a> ZipMember<'a> {
    pub(super) fn new(name: &'a [u8], bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { name, bytes: bytes.into(), flags: 0x800, size_in_directory: None }
    }
}

/// A ZIP of stored members (APPNOTE 4.3).
pub(super) fn zip(members: &[ZipMember<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let (at, size, name) = (out.len() as u32, member.bytes.len() as u32, member.name);
        let common = |size: u32| {
            let words = [20u16, member.flags, 0, 0, 0x5b21];
            let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            bytes.extend(crc32(&member.bytes).to_le_bytes());
            bytes.extend([size, size].iter().flat_map(|size| size.to_le_bytes()));
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0; 2]);
            bytes
        };
        out.extend(b"PK\x03\x04");
        out.extend(common(size));
        out.extend(name);
        out.extend_from_slice(&member.bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(common(member.size_in_directory.unwrap_or(size)));
        // Comment, disk, attributes.
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name);
    }
    let (at, count) = (out.len() as u32, members.len() as u16);
    out.extend_from_slice(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].iter().flat_map(|count| count.to_le_bytes()));
    out.extend([directory.len() as u32, at].iter().flat_map(|number| number.to_le_bytes()));
    out.extend([0; 2]);
    out
}

/// A tar of these members (POSIX ustar); names of at most 100 bytes.
pub(super) fn tar(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members {
        let mut head = vec![0; 512];
        let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
        put(0, name);
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", bytes.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, b"0");
        put(257, b"ustar\x0000");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(head);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A gzip stream of stored blocks (RFC 1952).
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let zlib = stored(bytes);
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    out.extend_from_slice(&zlib[2..zlib.len() - 4]);
    out.extend(crc32(bytes).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// A DER value: tag, length, content (X.690 8.1).
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=127 => out.push(length as u8),
        length @ 128..=0xffff => {
            out.push(0x82);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x84);
            out.extend((length as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}

/// An armor of this label, in lines of 64.
pub(super) fn armor(label: &str, bytes: &[u8]) -> Vec<u8> {
    let body = crate::workshop::base64(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out.into_bytes()
}

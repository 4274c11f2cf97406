//! What the first bytes of something decoded are: only runs of digits that begin so are decoded as a whole.

use flate2::read::ZlibDecoder;

use super::TEXT;
use crate::inner::{decodes, is_zlib};
use crate::{CONTAINERS, UNOPENED};

/// Whether bytes begin like a key, a stream or text.
pub(super) fn is_promising(head: &[u8]) -> bool {
    is_text(head) || is_stream(head) || starts_zlib(head) || starts_like_key(head)
}

/// Whether bytes begin like a key in DER, or contain the start of one in PEM.
pub(super) fn starts_like_key(head: &[u8]) -> bool {
    is_der(head) || memchr::memmem::find(head, b"-----BEGIN ").is_some()
}

fn is_der(head: &[u8]) -> bool {
    matches!(head, [0x30, 0x82, _, _, 2 | 0x30, ..] | [0x30, 0x81, _, 2 | 0x30, ..])
        || matches!(head, [0x30, 0x2e..=0x7f, 2, 1, ..] | [0x30, 0x80, 2 | 0x30, ..])
}

/// Whether what begins with these eight bytes may be promising. Text may follow a few other bytes.
pub(super) fn may_promise(first: &[u8]) -> bool {
    let printable = first.iter().filter(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')).count();
    2 * printable >= first.len() || is_der(first) || is_stream(first) || is_zlib(first)
}

pub(super) fn starts_zlib(head: &[u8]) -> bool {
    is_zlib(head) && decodes(ZlibDecoder::new(head))
}

/// Whether the bytes begin like a container that is opened, or like one that is only named: in base64 and hexadecimal,
/// as in mail, it must not be lost. Pictures are too many, and their texts too few.
pub(super) fn is_container(head: &[u8]) -> bool {
    const PICTURES: [&[u8]; 3] = [b"\x89PNG", &[0xff, 0xd8, 0xff], b"GIF8"];
    PICTURES.iter().all(|picture| !head.starts_with(picture))
        && (is_program(head)
            || CONTAINERS.iter().any(|container| container.claims(head))
            || UNOPENED.iter().any(|one| one.begins(head)))
}

/// Whether base64 at a place, which decodes to `head`, is a container and not the body of an armor of OpenPGP, which has
/// readers of its own.
pub(super) fn is_lone(head: &[u8], bytes: &[u8], at: usize) -> bool {
    /// How far before its body an armor may begin, in bytes: it has few headers.
    const NEAR: usize = 512;
    let before = bytes.get(at.saturating_sub(NEAR)..at).unwrap_or_default();
    is_container(head) && memchr::memmem::rfind(before, b"-----BEGIN PGP ").is_none()
}

/// Whether the bytes begin like a program. Its reader claims a whole one only, because most contain nothing that is not
/// found as it is.
fn is_program(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") || (head.starts_with(b"MZ") && memchr::memmem::find(head, b"PE\0\0").is_some())
}

/// Whether the bytes begin like a stream or an archive whose magic number has no anchor in these digits.
pub(super) fn is_stream(head: &[u8]) -> bool {
    const MAGICS: [&[u8]; 9] = [
        &[0x1f, 0x8b, 8],
        &[0x1f, 0x9d],
        b"BZh",
        b"\xfd7zXZ\0",
        &[0x28, 0xb5, 0x2f, 0xfd],
        &[4, 0x22, 0x4d, 0x18],
        b"PK\x03\x04",
        b"7z\xbc\xaf\x27\x1c",
        b"LZIP\x01",
    ];
    let first = head.first();
    MAGICS.iter().any(|magic| magic.first() == first && head.starts_with(magic))
}

/// Whether the bytes begin with text, in ASCII or in UTF-16.
pub(super) fn is_text(head: &[u8]) -> bool {
    let is_printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let ascii = head.get(..TEXT).is_some_and(|head| head.iter().all(is_printable));
    let wide = head.get(..2 * TEXT).is_some_and(|head| {
        head.chunks_exact(2).all(|unit| matches!(unit, [byte, 0] if is_printable(byte)) || matches!(unit, [0xff, 0xfe]))
    });
    ascii || wide
}

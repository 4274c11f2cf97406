//! `cpio` archives: initial RAM disks, payloads of RPM packages, firmware updates.
//!
//! Four header formats: `newc` and its variant with a checksum (hexadecimal; booted by Linux and used in RPM), `odc`
//! (octal, POSIX), and the old binary format in either byte order. An initial RAM disk is several concatenated
//! archives, the last one often compressed: other data after the end of an archive is handed out as a member without a
//! name.

use std::io::Read;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, Stream, be16, le16, number, until_zero};

/// `cpio` archives.
#[derive(Debug)]
pub(crate) struct Cpio;

static ABOUT: About = About {
    id: "cpio",
    title: "cpio archive, initial RAM disk",
    detects: "Files in cpio archives (newc, crc, odc, old binary in both byte orders), and in each of several \
              concatenated archives, as in an initramfs with early microcode before a compressed part.",
    blind_to: "The stripped headers of RPM payloads with files beyond 4 GiB: reported as not read.",
    respond: "Whoever can read the boot partition can read an initial RAM disk. Replace the key, then rebuild it.",
    references: &["cpio(5)", "Linux Documentation/driver-api/early-userspace/buffer-format.rst"],
};

/// Maximum length of a name that is kept, including its zero byte: PATH_MAX of Linux. Other systems accept longer
/// names.
const MOST_NAME: u64 = 4096;

/// Length of the old binary header, in bytes.
const BINARY: usize = 26;

/// Name of the last entry.
const TRAILER: &[u8] = b"TRAILER!!!";

impl Container for Cpio {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[
            Magic { at: 0, bytes: b"070701" },
            Magic { at: 0, bytes: b"070702" },
            Magic { at: 0, bytes: b"070707" },
            Magic { at: 0, bytes: b"07070X" },
            Magic { at: 0, bytes: &[0xc7, 0x71] },
            Magic { at: 0, bytes: &[0x71, 0xc7] },
        ]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(read)
    }
}

fn read(from: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut stream = Stream::new(from);
    if stream.peek(6) == b"07070X" {
        inside.unread(Member { name: b"", at: 0 }, Reason::Unsupported, "stripped RPM payload");
        return Ok(());
    }
    let mut entry = Entry::next(&mut stream).ok_or(Malformed::new("cpio header", 0))?;
    loop {
        if entry.name() == TRAILER {
            // Zero bytes up to the end of a block, and possibly another archive.
            while stream.peek(1) == [0] {
                stream.skip(1);
            }
            match Entry::next(&mut stream) {
                Some(next) => entry = next,
                None if stream.peek(1).is_empty() => return Ok(()),
                None => {
                    let _ = inside.member(Member { name: b"", at: stream.at() }, &mut stream);
                    return Ok(());
                }
            }
            continue;
        }
        if entry.name_left > 0 {
            // The name is dropped; its bytes are searched like others.
            let at = stream.at();
            if inside.rest(at, &mut Exactly::new(&mut stream, entry.name_left)).is_break() {
                return Ok(());
            }
            let read = stream.at().saturating_sub(at);
            stream.skip(entry.name_left.saturating_sub(read));
            stream.align(entry.start, entry.unit);
        }
        if entry.size > 0 {
            let member = Member { name: entry.name(), at: stream.at() };
            if stream.member(inside, member, entry.size).is_break() {
                return Ok(());
            }
        }
        stream.align(entry.start, entry.unit);
        let at = stream.at();
        if let Some(next) = Entry::next(&mut stream) {
            entry = next;
            continue;
        }
        inside.unread(Member { name: b"", at }, Reason::Damaged, "entry header");
        loop {
            if !stream.skip(entry.unit) {
                return Ok(());
            }
            if let Some(next) = Entry::next(&mut stream) {
                entry = next;
                break;
            }
        }
    }
}

/// The header and the name of an entry.
struct Entry {
    /// Offset of the header.
    start: u64,
    /// Name and content are aligned to this many bytes from `start`.
    unit: u64,
    size: u64,
    name: Vec<u8>,
    /// Length of a name that is too long to be kept and comes next, in bytes.
    name_left: u64,
}

impl Entry {
    /// Reads an entry. `None` if the next bytes are not one; then nothing is consumed.
    fn next(stream: &mut Stream<'_>) -> Option<Self> {
        let start = stream.at();
        let header = Header::read(stream.peek(110))?;
        if header.name > MOST_NAME {
            stream.skip(header.length as u64);
            let (unit, size) = (header.unit, header.size);
            return Some(Self { start, unit, size, name: Vec::new(), name_left: header.name });
        }
        let length = header.length.checked_add(usize::try_from(header.name).ok()?)?;
        let bytes = stream.peek(length);
        let name = bytes.get(header.length..length)?.strip_suffix(&[0])?.to_vec();
        if name.contains(&0) && !header.pads_names {
            return None;
        }
        stream.skip(length as u64);
        stream.align(start, header.unit);
        Some(Self { start, unit: header.unit, size: header.size, name, name_left: 0 })
    }

    fn name(&self) -> &[u8] {
        until_zero(&self.name)
    }
}

/// The relevant fields of a header.
struct Header {
    length: usize,
    unit: u64,
    /// Length of the name, including its zero byte.
    name: u64,
    size: u64,
    /// Some builders of RAM disks pad names with zero bytes.
    pads_names: bool,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let digits = |from: usize, length: usize, base| number(bytes.get(from..from + length)?, base);
        let (mode, header) = match bytes {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => {
                // Check every field: `number` accepts only digits.
                if bytes.get(6..110)?.chunks(8).any(|field| number(field, 16).is_none()) {
                    return None;
                }
                let (name, size) = (digits(94, 8, 16)?, digits(54, 8, 16)?);
                (digits(14, 8, 16)?, Self { length: 110, unit: 4, name, size, pads_names: true })
            }
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => {
                let (name, size) = (digits(59, 6, 8)?, digits(65, 11, 8)?);
                (digits(18, 6, 8)?, Self { length: 76, unit: 1, name, size, pads_names: false })
            }
            [0xc7, 0x71, ..] => Self::binary(bytes, le16)?,
            [0x71, 0xc7, ..] => Self::binary(bytes, be16)?,
            _ => return None,
        };
        // Type of file: FIFO, device, folder, block device, file, network special, link, socket. The last entry has
        // none.
        let known = matches!(mode >> 12, 0 | 1 | 2 | 4 | 6 | 8 | 9 | 10 | 12) && mode < 1 << 16;
        // The binary magic is only two bytes, so a long name there means another format.
        let most = if header.length == BINARY { MOST_NAME } else { u64::MAX };
        (known && (1..=most).contains(&header.name)).then_some(header)
    }

    /// Reads an old binary header: numbers of two bytes. In those of four bytes the higher half comes first in either
    /// byte order.
    fn binary(bytes: &[u8], two: fn(&[u8], usize) -> Option<u16>) -> Option<(u64, Self)> {
        let size = u64::from(two(bytes, 22)?) << 16 | u64::from(two(bytes, 24)?);
        let name = u64::from(two(bytes, 20)?);
        Some((two(bytes, 6)?.into(), Self { length: BINARY, unit: 2, name, size, pads_names: false }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{Seen, open, open_into, torture};

    fn pad(bytes: &mut Vec<u8>, unit: usize) {
        bytes.resize(bytes.len().next_multiple_of(unit), 0);
    }

    fn newc(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries.iter().chain(&[("TRAILER!!!", "")]) {
            let mode = if content.is_empty() { 0 } else { 0o100_600 };
            let fields = [1, mode, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
            bytes.extend(b"070701");
            for field in fields {
                bytes.extend(format!("{field:08X}").as_bytes());
            }
            bytes.extend(format!("{name}\0").as_bytes());
            pad(&mut bytes, 4);
            bytes.extend(content.as_bytes());
            pad(&mut bytes, 4);
        }
        bytes
    }

    fn odc(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries.iter().chain(&[("TRAILER!!!", "")]) {
            let (mode, names, size) = (if content.is_empty() { 0 } else { 0o100_600 }, name.len() + 1, content.len());
            let header = format!("070707{:06o}{:06o}{mode:06o}{:024o}{:011o}{names:06o}{size:011o}", 1, 1, 0, 0);
            bytes.extend(format!("{header}{name}\0{content}").as_bytes());
        }
        bytes
    }

    fn binary(entries: &[(&str, &str)], two: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries.iter().chain(&[("TRAILER!!!", "")]) {
            let mode = if content.is_empty() { 0 } else { 0o100_600 };
            let (names, size) = (name.len() as u16 + 1, content.len() as u16);
            let fields = [0o070_707, 1, 1, mode, 0, 0, 1, 0, 0, 0, names, 0, size];
            bytes.extend(fields.into_iter().flat_map(two));
            bytes.extend(format!("{name}\0").as_bytes());
            pad(&mut bytes, 2);
            bytes.extend(content.as_bytes());
            pad(&mut bytes, 2);
        }
        bytes
    }

    const FILES: &[(&str, &str)] = &[("etc", ""), ("etc/key.pem", "the key"), ("odd", "x"), ("last", "four")];

    #[test]
    fn every_kind_of_header() {
        for (kind, bytes) in [
            ("newc", newc(FILES)),
            ("odc", odc(FILES)),
            ("binary", binary(FILES, u16::to_le_bytes)),
            ("binary swapped", binary(FILES, u16::to_be_bytes)),
        ] {
            let seen = open(&Cpio, &bytes).unwrap();
            let names = vec!["etc/key.pem", "odd", "last"];
            assert_eq!((seen.names(), seen.content("etc/key.pem")), (names, Some(&b"the key"[..])), "{kind}");
            assert_eq!(seen.unread, [], "{kind}");
            torture(&Cpio, &bytes, 3);
        }
    }

    #[test]
    fn a_name_that_is_too_long_costs_the_name() {
        let long = "n".repeat(4096);
        let files = [("first", "1"), (long.as_str(), "second"), ("third", "3")];
        for bytes in [newc(&files), odc(&files), newc(&files[1..])] {
            let seen = open(&Cpio, &bytes).unwrap();
            let contents: Vec<&[u8]> = seen.members.iter().map(|(_, content)| content.as_slice()).collect();
            let expected: [&[u8]; 3] = [&[&[b'n'; 4096][..], b"\0"].concat(), b"second", b"3"];
            assert!(contents.ends_with(&expected) && seen.unread.is_empty(), "{:?}", seen.names());
        }
    }

    #[test]
    fn concatenated_archives() {
        let zeros = [0; 512];
        let bytes = [&newc(&[("microcode", "m")])[..], &zeros, &newc(FILES), &[0; 36], b"\x1f\x8b rest"].concat();
        let seen = open(&Cpio, &bytes).unwrap();
        assert_eq!(seen.names(), ["microcode", "etc/key.pem", "odd", "last", ""]);
        assert_eq!(seen.content(""), Some(&b"\x1f\x8b rest"[..]));
        assert_eq!(seen.unread, []);
    }

    #[test]
    fn damage_costs_one_entry_and_a_missing_end_is_reported() {
        let mut bytes = newc(FILES);
        let at = bytes.windows(4).position(|w| w == b"odd\0").unwrap() - 60;
        bytes[at] = b'x';
        let seen = open(&Cpio, &bytes).unwrap();
        assert_eq!((seen.names(), seen.reasons()), (vec!["etc/key.pem", "last"], vec![Reason::Damaged]));
        let bytes = odc(FILES);
        for cut in [1, 40, 87] {
            assert_eq!(open(&Cpio, &bytes[..bytes.len() - cut]).unwrap().reasons(), [Reason::Damaged], "{cut}");
        }
        assert_eq!(open(&Cpio, b"07070X00000000").unwrap().reasons(), [Reason::Unsupported]);
    }

    #[test]
    fn other_bytes_with_a_magic_are_not_archives() {
        for bytes in [
            &b"070701 is how it begins"[..],
            b"0707070000000000000000000000000000000000000000000000000000000000000000000000",
            &[0xc7, 0x71, 0, 0, 0, 0, 0, 0, 0, 0],
            &[&[0xc7, 0x71][..], &[0xff; 64]].concat(),
            &[&[0x71, 0xc7][..], &[0; 64]].concat(),
        ] {
            assert!(open(&Cpio, bytes).is_none());
        }
        let mut seen = Seen { stop_after: Some(1), ..Seen::default() };
        open_into(&Cpio, &newc(FILES), &mut seen).unwrap();
        assert_eq!(seen.members.len(), 1);
    }
}

//! 7z archives, decoded by the `sevenz-rust2` crate on one thread: LZMA, LZMA2, PPMd, bzip2, deflate and the filters for
//! machine code.
//!
//! Members are packed together in blocks. A block that is damaged, encrypted or packed by another method costs its own
//! members only. The dictionary that a block asks for is held against the memory of the run before it is decoded.

use std::io::Read;

use scanner_core::error::{Malformed, Reason};
use scanner_core::random::Cursor;
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use sevenz_rust2::{Archive, Block, BlockDecoder, EncoderMethod, Error, Password};

use crate::read::stored::{held, le32, le64};

/// 7z archives.
#[derive(Debug)]
pub(crate) struct SevenZ;

static ABOUT: About = About {
    id: "sevenz",
    title: "7z archive",
    detects: "Members of 7z archives, solid or not, packed by LZMA, LZMA2, PPMd, bzip2 or deflate, with filters.",
    blind_to: "Encrypted members and encrypted headers, and the methods of forks (Zstandard, Brotli, LZ4), all reported as not \
               read. Volumes of an archive that was split. Executables that unpack themselves are read as executables.",
    respond: "Treat what is inside as if it lay there in the open: a key in an archive was given to whoever has the archive.",
    references: &["7-Zip DOC/7zFormat.txt"],
};

/// 7zFormat.txt: kSignature.
const MAGIC: &[u8] = &[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c];

/// Bytes before the packed streams.
const HEADER: u64 = 32;

impl Container for SevenZ {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(mut bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let start = held(&bytes, 0, HEADER, HEADER).ok_or(Malformed::new("7z header", 0))?;
    // Version 0; an archive that was never finished has no checksum of its header.
    if !start.starts_with(MAGIC) || start.get(6) != Some(&0) {
        return Err(Malformed::new("7z header", 6).into());
    }
    let all = Member { name: b"", at: 0 };
    let place = le64(&start, 12).zip(le64(&start, 20));
    if place.and_then(|(at, length)| at.checked_add(length)?.checked_add(HEADER)).is_none_or(|end| end > bytes.size()) {
        inside.unread(all, Reason::Damaged, "cut off");
        return Ok(());
    }
    // The list of members is held whole.
    if place.is_some_and(|(_, length)| length > inside.memory()) {
        inside.unread(all, Reason::TooLarge, "header");
        return Ok(());
    }
    let password = Password::empty();
    let archive = match Archive::read(&mut bytes, &password) {
        Ok(archive) => archive,
        Err(error) => {
            let (reason, detail) = fault(&error);
            inside.unread(all, reason, detail);
            return Ok(());
        }
    };
    for (number, block) in archive.blocks.iter().enumerate() {
        let mut unused = bytes.clone();
        let list = BlockDecoder::new(1, number, &archive, &password, &mut unused);
        let entries = list.entries();
        if let Some((reason, detail)) = refused(block, inside.memory()) {
            for entry in entries.iter().filter(|entry| entry.has_stream) {
                inside.unread(Member { name: entry.name.as_bytes(), at: 0 }, reason, detail);
            }
            continue;
        }
        let mut shown = 0;
        let mut stopped = false;
        let decoder = BlockDecoder::new(1, number, &archive, &password, &mut bytes);
        let result = decoder.for_each_entries(&mut |entry, content| {
            shown += 1;
            let content: &mut dyn Read = content;
            if entry.has_stream {
                stopped = inside.member(Member { name: entry.name.as_bytes(), at: 0 }, content).is_break();
            }
            Ok(!stopped)
        });
        if stopped {
            return Ok(());
        }
        // What was shown told of its own fault.
        if let Err(error) = result {
            let (reason, detail) = fault(&error);
            for entry in entries.iter().skip(shown).filter(|entry| entry.has_stream) {
                inside.unread(Member { name: entry.name.as_bytes(), at: 0 }, reason, detail);
            }
        }
    }
    Ok(())
}

/// Why a block is not decoded.
fn refused(block: &Block, memory: u64) -> Option<(Reason, &'static str)> {
    block.coders.iter().find_map(|coder| {
        let properties = coder.properties();
        let needed = match coder.encoder_method_id() {
            EncoderMethod::ID_AES256_SHA256 => return Some((Reason::Encrypted, "AES-256")),
            // Properties and dictionary; order and memory.
            EncoderMethod::ID_LZMA | EncoderMethod::ID_PPMD => le32(properties, 1).map(u64::from),
            // Two bits of the size and its shift.
            EncoderMethod::ID_LZMA2 => {
                properties.first().map(|&bits| (2 | u64::from(bits & 1)) << (bits / 2 + 11).min(40))
            }
            _ => None,
        };
        needed.filter(|&needed| needed > memory).map(|_| (Reason::TooLarge, "dictionary"))
    })
}

/// What an error of the crate means. Its texts may hold names of the archive, so none is handed on.
fn fault(error: &Error) -> (Reason, &'static str) {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => (Reason::Encrypted, "AES-256"),
        Error::UnsupportedCompressionMethod(method) if method.contains("AES") => (Reason::Encrypted, "AES-256"),
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::ExternalUnsupported => {
            (Reason::Unsupported, "method")
        }
        Error::MaxMemLimited { .. } => (Reason::TooLarge, "dictionary"),
        _ => (Reason::Damaged, "packed data"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::stored::collect::{Seen, open, open_into, torture};

    /// CRC-32, bit by bit.
    fn crc(bytes: &[u8]) -> [u8; 4] {
        let step = |crc: u32| (0..8).fold(crc, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
        (!bytes.iter().fold(!0, |crc, &byte| step(crc ^ u32::from(byte)))).to_le_bytes()
    }

    /// A name, its packed content, the coder's number and properties.
    type Block<'a> = (&'a str, &'a [u8], &'a [u8], &'a [u8]);

    /// An archive of one member for each block.
    fn archive(blocks: &[Block<'_>]) -> Vec<u8> {
        let packed: Vec<u8> = blocks.iter().flat_map(|(_, content, _, _)| content.to_vec()).collect();
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
        // Header, streams: packed sizes; unpacking: blocks and sizes; nothing of parts; files: names.
        let header: Vec<u8> = [
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
            &[0x11, names.len() as u8],
            &names,
            &[0x00, 0x00],
        ]
        .concat();
        let place =
            [&(packed.len() as u64).to_le_bytes()[..], &(header.len() as u64).to_le_bytes(), &crc(&header)].concat();
        [MAGIC, &[0, 4], &crc(&place), &place, &packed, &header].concat()
    }

    const COPY: &[u8] = EncoderMethod::ID_COPY;

    #[test]
    fn each_block_for_itself() {
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
        assert_eq!(
            told[..3],
            [("locked", Reason::Encrypted), ("huge", Reason::TooLarge), ("zstd", Reason::Unsupported),]
        );
        assert_eq!(told[3].0, "broken");
        torture(&SevenZ, &bytes, 5);
    }

    #[test]
    fn what_is_cut_off_and_what_is_none() {
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
}

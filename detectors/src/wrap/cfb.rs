//! Compound files: MSI and MSP installers, Office documents before 2007, Outlook messages, Windows Installer transforms,
//! `thumbs.db`.
//!
//! Read by the `cfb` crate. Names of streams in installers are packed two letters to one, which is undone here. Cabinets
//! inside of installers are streams and opened further.

use cfb::CompoundFile;
use scanner_core::error::{Malformed, Reason};
use scanner_core::random::Cursor;
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use crate::read::stored::{Exactly, held, le16, le32};

/// Compound files.
#[derive(Debug)]
pub(crate) struct Cfb;

static ABOUT: About = About {
    id: "cfb",
    title: "compound file: MSI, Office 97, Outlook",
    detects: "Streams of compound files: embedded cabinets, binaries and tables of Windows installers, documents of Office \
              before 2007 and what is embedded in them, Outlook messages and their attachments.",
    blind_to: "Sectors that no stream holds. Text that Word keeps in several pieces, and macros, which are compressed in a \
               way of their own.",
    respond: "An installer is on every machine that ran it: replace the key, then the installer.",
    references: &["[MS-CFB]", "Wine dlls/msi/table.c, encoding of stream names"],
};

/// [MS-CFB] 2.2: Header Signature.
const MAGIC: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

impl Container for Cfb {
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

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let header = held(&bytes, 0, 512, 512).ok_or(Malformed::new("compound file header", 0))?;
    // Sectors of 512 or 4096 bytes, and no more of tables than the file has room for: the tables are held in memory.
    let shift = le16(&header, 30).filter(|shift| matches!(shift, 9 | 12));
    let fits = |at| le32(&header, at).zip(shift).is_some_and(|(n, shift)| u64::from(n) <= bytes.size() >> shift);
    if !header.starts_with(MAGIC) || ![44, 64, 72].into_iter().all(fits) {
        return Err(Malformed::new("compound file header", 44).into());
    }
    let all = Member { name: b"", at: 0 };
    if bytes.size() / 64 > inside.memory() {
        return Err(Reason::TooLarge.into());
    }
    let Ok(mut file) = CompoundFile::open(bytes) else {
        // The bytes as they lie still show much: streams are stored as they are.
        return Err(Malformed::new("compound file", 0).into());
    };
    let streams: Vec<_> = file.walk().filter(|entry| entry.is_stream() && !entry.is_empty()).collect();
    for stream in streams {
        let size = stream.len();
        let path = name(&stream.path().to_string_lossy());
        let member = Member { name: path.as_bytes(), ..all };
        match file.open_stream(stream.path()) {
            Ok(content) => {
                if inside.member(member, &mut Exactly::new(content, size)).is_break() {
                    return Ok(());
                }
            }
            Err(_) => inside.unread(member, Reason::Damaged, "stream"),
        }
    }
    Ok(())
}

/// The letters of names in installers, in the order of their numbers.
const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

/// A path with the names of installers unpacked: 0x3800 and on two letters, 0x4800 and on one, 0x4840 the mark of a table.
fn name(path: &str) -> String {
    let letter = |number: u32| LETTERS.get(number as usize & 0x3f).map_or('?', |&letter| char::from(letter));
    let mut text = String::with_capacity(path.len());
    for c in path.trim_start_matches('/').chars() {
        match u32::from(c) {
            packed @ 0x3800..0x4800 => {
                text.push(letter(packed - 0x3800));
                text.push(letter((packed - 0x3800) >> 6));
            }
            packed @ 0x4800..0x4840 => text.push(letter(packed - 0x4800)),
            0x4840 => text.push('!'),
            _ => text.push(c),
        }
    }
    text
}

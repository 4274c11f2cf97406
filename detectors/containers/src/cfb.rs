//! Compound files: MSI and MSP installers, Office documents before 2007, Outlook messages, Windows Installer
//! transforms, `thumbs.db`.
//!
//! Read by the `cfb` crate. Stream names in installers encode two letters in one, which is decoded here. Cabinets in
//! installers are streams and are opened further.

use cfb::CompoundFile;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, held, le16, le32};

/// Compound files.
#[derive(Debug)]
pub(crate) struct Cfb;

static ABOUT: About = About {
    id: "cfb",
    title: "compound file: MSI, Office 97, Outlook",
    detects: "Streams of compound files: embedded cabinets, binaries and tables of Windows installers, documents of \
              Office before 2007 and objects embedded in them, Outlook messages and their attachments.",
    blind_to: "Sectors that belong to no stream. Text that Word stores in several pieces, and macros, which have a \
               compression of their own.",
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

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, start: &[u8]) -> bool {
        // Byte order, sizes of sectors, and the major version ([MS-CFB] 2.2).
        self.claims(start)
            && matches!(
                (le16(start, 26), le16(start, 28), le16(start, 30), le16(start, 32)),
                (Some(3), Some(0xfffe), Some(9), Some(6)) | (Some(4), Some(0xfffe), Some(12), Some(6))
            )
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let header = held(&bytes, 0, 512, 512).ok_or(Malformed::new("compound file header", 0))?;
    // Sectors of 512 or 4096 bytes, and no more table sectors than fit into the file: the tables are kept in memory.
    let shift = le16(&header, 30).filter(|shift| matches!(shift, 9 | 12));
    let fits = |at| le32(&header, at).zip(shift).is_some_and(|(n, shift)| u64::from(n) <= bytes.size() >> shift);
    if !header.starts_with(MAGIC) || ![44, 64, 72].into_iter().all(fits) {
        return Err(Malformed::new("compound file header", 44).into());
    }
    let all = Member { name: b"", at: 0 };
    // The tables: four bytes for each sector, and for each small sector of 64 bytes.
    let tables = bytes.size() / 16;
    inside.holds(tables)?;
    let directory = shift.and_then(|shift| Directory::of(&bytes, &header, shift)).map_or(0, |found| found.weigh());
    inside.holds(tables.saturating_add(directory))?;
    let Ok(mut file) = CompoundFile::open(bytes) else {
        // A search of the raw bytes still finds much, because streams are not compressed.
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

/// Sector numbers from this one on are marks: end of a chain, free, a table ([MS-CFB] 2.1).
const MARKS: u32 = 0xffff_fffa;

/// Memory that the crate uses for one directory entry without its path, in bytes: some 200 with the name.
const ENTRY: u64 = 256;

/// The position of the directory entries, used only to estimate the memory that the crate will use.
struct Directory<'b> {
    bytes: &'b Cursor,
    /// Size of a sector, in bytes.
    sector: u64,
    sectors: Vec<u32>,
}

impl<'b> Directory<'b> {
    fn of(bytes: &'b Cursor, header: &[u8], shift: u16) -> Option<Self> {
        let sector = 1 << shift;
        let most = usize::try_from(bytes.size() >> shift).unwrap_or(usize::MAX);
        let read = |number: u32| held(bytes, (u64::from(number) + 1) * sector, sector, sector).unwrap_or_default();
        // Sectors of the allocation table: 109 are listed in the header, the others in a chain.
        let mut tables: Vec<u32> = numbers(header.get(76..)?).filter(|number| *number < MARKS).collect();
        let mut more = le32(header, 68)?;
        for _ in 0..=most / 128 {
            let list = if more < MARKS { read(more) } else { Vec::new() };
            let Some((next, list)) = list.split_last_chunk::<4>().map(|(list, next)| (u32::from_le_bytes(*next), list))
            else {
                break;
            };
            tables.extend(numbers(list).filter(|number| *number < MARKS));
            more = next;
        }
        let (mut sectors, mut at) = (Vec::new(), le32(header, 48)?);
        let (mut loaded, mut table) = (None, Vec::new());
        while at < MARKS && sectors.len() < most {
            sectors.push(at);
            let per_table = (sector / 4) as usize;
            let number = tables.get(at as usize / per_table).copied();
            if number.is_none() || number != loaded {
                (loaded, table) = (number, number.map(read).unwrap_or_default());
            }
            at = le32(&table, at as usize % per_table * 4).unwrap_or(MARKS);
        }
        Some(Self { bytes, sector, sectors })
    }

    fn entry(&self, id: u32) -> Option<Vec<u8>> {
        let at = u64::from(id) * 128;
        let sector = self.sectors.get(usize::try_from(at / self.sector).ok()?)?;
        held(self.bytes, (u64::from(*sector) + 1) * self.sector + at % self.sector, 128, 128)
    }

    /// Returns the memory used while streams are read, in bytes: all entries, and one or two paths per entry on the
    /// walk.
    fn weigh(&self) -> u64 {
        let count = self.sectors.len() as u64 * (self.sector / 128);
        let mut held = count * ENTRY;
        let mut visited = vec![false; usize::try_from(count).unwrap_or(0)];
        let mut waiting = vec![(0, 0)];
        while let Some((id, around)) = waiting.pop() {
            let Some(visited) = visited.get_mut(id as usize).filter(|visited| !**visited) else { continue };
            *visited = true;
            let Some(entry) = self.entry(id) else { continue };
            // Three bytes of UTF-8 for two of UTF-16, and a separator.
            let path = around + u64::from(le16(&entry, 64).unwrap_or_default().min(64)) * 3 / 2 + 1;
            held = held.saturating_add(around * 2 + path);
            let field = |at| le32(&entry, at).unwrap_or(u32::MAX);
            waiting.extend([(field(68), around), (field(72), around), (field(76), path)]);
        }
        held
    }
}

/// Iterates over numbers of four bytes.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).filter_map(|four| le32(four, 0))
}

/// The letters of names in installers, ordered by their codes.
const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

/// Decodes the names of installers in a path: from 0x3800 on two letters, from 0x4800 on one, 0x4840 marks a table.
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::collect::{Seen, open, torture};

    fn file(streams: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
        file.create_storage("/Attachment").unwrap();
        for (path, content) in streams {
            file.create_stream(path).unwrap().write_all(content).unwrap();
        }
        file.into_inner().into_inner()
    }

    /// Returns a file of nested storages, each with a name of 31 letters and an empty stream inside.
    fn nested(levels: usize) -> Vec<u8> {
        let mut file = CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
        let mut path = String::new();
        for _ in 0..levels {
            path.push('/');
            path.extend(['x'; 31]);
            file.create_storage(&path).unwrap();
            file.create_stream(format!("{path}/y")).unwrap();
        }
        file.into_inner().into_inner()
    }

    #[test]
    fn memory_of_paths_is_requested_in_advance() {
        for (levels, memory, fits) in [(10, 200_000, true), (10, 20_000, false), (300, 2_000_000, false)] {
            let bytes = nested(levels);
            let mut seen = Seen { memory: Some(memory), ..Seen::default() };
            let cursor = Cursor::new(std::sync::Arc::new(keyradius_core::read_at::Held::new(bytes)));
            let opened = read(cursor, &mut seen);
            assert_eq!(opened.is_ok(), fits, "{levels} levels in {memory} bytes: {opened:?}");
            assert!(fits || matches!(opened, Err(Unopenable::Limit(Reason::TooLarge))), "{opened:?}");
        }
    }

    #[test]
    fn streams_small_and_large_with_their_names() {
        // Wine's encoding of "Binary.k" and of the table "File".
        let packed: String = [0x4840, 0x3f3f, 0x3c37].iter().filter_map(|&c| char::from_u32(c)).collect();
        let large = vec![b'x'; 9000];
        let bytes =
            file(&[("/small", b"key"), ("/Attachment/large", &large), (&format!("/{packed}"), b"t"), ("/empty", b"")]);
        let seen = open(&Cfb, &bytes).unwrap();
        assert_eq!(seen.content("small"), Some(&b"key"[..]));
        assert_eq!(seen.content("Attachment/large"), Some(large.as_slice()));
        assert!(seen.names().iter().any(|name| name.starts_with('!')), "{:?}", seen.names());
        assert_eq!((seen.members.len(), seen.unread.len()), (3, 0));
        torture(&Cfb, &bytes, 97);
    }

    #[test]
    fn names_of_installers() {
        let pair = |a: u32, b: u32| char::from_u32(0x3800 + a + (b << 6)).unwrap();
        // "File": F is 15, i 44, l 47, e 40.
        let file: String = [char::from_u32(0x4840).unwrap(), pair(15, 44), pair(47, 40)].iter().collect();
        let odd: String = [pair(62, 10), char::from_u32(0x4800 + 61).unwrap()].iter().collect();
        for (stored, shown) in [(file.as_str(), "!File"), (odd.as_str(), ".Az"), ("/\u{5}Summary", "\u{5}Summary")] {
            assert_eq!(name(stored), shown);
        }
    }

    #[test]
    fn headers_that_declare_too_many_sectors() {
        let bytes = file(&[("/small", b"key")]);
        for at in [30, 44, 64, 72] {
            let mut changed = bytes.clone();
            changed[at..at + 2].copy_from_slice(&[0xff, 0xff]);
            assert!(open(&Cfb, &changed).is_none(), "{at}");
        }
    }
}

//! Windows cabinets: installers, updates, drivers, contents of MSI packages.
//!
//! Files are compressed together in folders, each a sequence of blocks of 32 KiB. A folder is decoded once, from its
//! first block to its last, and its files are cut out in that order; decoding per file would repeat the work for each.
//! Methods: none, MSZIP (deflate, with the previous block as dictionary) and LZX by the `lzxd` crate.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress};
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, held, le16, le32, until_zero};
use lzxd::{Lzxd, WindowSize};

/// Windows cabinets.
#[derive(Debug)]
pub(crate) struct Cab;

static ABOUT: About = About {
    id: "cab",
    title: "Windows cabinet",
    detects: "Files in cabinets that are uncompressed or compressed by MSZIP or LZX.",
    blind_to: "Files compressed by Quantum, and files that begin or continue in another cabinet of a set: reported as \
               not read. A cabinet after other data, as in old self-extracting programs.",
    respond: "Cabinets are made for distribution: replace the key, then the package.",
    references: &["[MS-CAB]"],
};

/// [MS-CAB] 2.1: signature and the first reserved field.
const MAGIC: &[u8] = b"MSCF\0\0\0\0";

/// Maximum size of a decoded block, in bytes ([MS-CAB] 2.4).
const BLOCK: usize = 32 << 10;

/// Maximum length of a name in bytes, including its zero byte.
const NAME: u64 = 257;

/// How often folders may be decoded again because files overlap.
const AGAIN: u32 = 8;

/// Maximum number of decoded bytes between files that belong to no file, plus sixteen for each byte of the cabinet.
/// They do not count as output.
const BETWEEN: u64 = 64 << 20;

impl Container for Cab {
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
        // Version 1.3, and fields that are zero (MS-CAB 2.1).
        self.claims(start)
            && start.get(24..26) == Some(&[3, 1])
            && le32(start, 4) == Some(0)
            && le32(start, 12) == Some(0)
            && le32(start, 8).is_some_and(|size| size > 36)
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        le32(&held(bytes, 8, 4, 4)?, 0).map(u64::from)
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let cabinet = Cabinet::read(bytes).ok_or(Malformed::new("cabinet header", 0))?;
    let (mut files, whole) = cabinet.files(bytes);
    if !whole {
        inside.unread(Member { name: b"", at: cabinet.first_file }, Reason::Damaged, "list of files");
    }
    files.sort_by_key(|file| (file.folder, file.at));
    let mut open: Option<(u16, Folder)> = None;
    let mut again = 0;
    let mut between = BETWEEN.saturating_add(bytes.size().saturating_mul(16));
    for file in &files {
        let member = Member { name: &file.name, at: file.at };
        if file.folder >= 0xfffd {
            inside.unread(member, Reason::Unsupported, "part of a set of cabinets");
            continue;
        }
        let Some(&(start, blocks, kind)) = cabinet.folders.get(usize::from(file.folder)) else {
            inside.unread(member, Reason::Damaged, "folder");
            continue;
        };
        if file.size == 0 {
            continue;
        }
        let behind = open.as_ref().is_some_and(|(number, folder)| *number == file.folder && folder.at > file.at);
        if behind {
            again += 1;
        }
        if behind || open.as_ref().is_none_or(|(number, _)| *number != file.folder) {
            let Some(method) = Method::new(kind).filter(|_| again <= AGAIN) else {
                inside.unread(member, Reason::Unsupported, if again > AGAIN { "overlapping files" } else { "method" });
                continue;
            };
            let folder = Folder {
                bytes: bytes.clone(),
                next: start,
                left: blocks,
                reserve: cabinet.reserve,
                method,
                block: Vec::new(),
                in_block: 0,
                at: 0,
                failed: false,
            };
            open = Some((file.folder, folder));
        }
        let Some((_, folder)) = &mut open else { continue };
        let gap = file.at.saturating_sub(folder.at);
        let Some(left) = between.checked_sub(gap) else {
            inside.unread(member, Reason::TooMuchOutput, "bytes between files");
            continue;
        };
        between = left;
        let skipped = io::copy(&mut (&mut *folder).take(gap), &mut io::sink());
        if folder.failed || skipped.ok() != Some(gap) {
            inside.unread(member, Reason::Damaged, "packed data");
            continue;
        }
        if inside.member(member, &mut Exactly::new(folder, file.size)).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// The header of a cabinet.
struct Cabinet {
    /// Offset of the first block, number of blocks, and method of each folder.
    folders: Vec<(u64, u16, u16)>,
    first_file: u64,
    files: u16,
    /// Reserved bytes before the data of each block.
    reserve: u64,
}

/// A file in a cabinet. Its position counts from the start of its decoded folder.
struct File {
    name: Vec<u8>,
    folder: u16,
    at: u64,
    size: u64,
}

impl Cabinet {
    fn read(bytes: &Cursor) -> Option<Self> {
        let header = held(bytes, 0, 36, 36)?;
        let flags = le16(&header, 30)?;
        if !header.starts_with(MAGIC) || header.get(25) != Some(&1) {
            return None;
        }
        let mut at = 36;
        let (mut per_folder, mut reserve) = (0, 0);
        if flags & 4 != 0 {
            let sizes = held(bytes, at, 4, 4)?;
            at += 4 + u64::from(le16(&sizes, 0)?);
            per_folder = u64::from(*sizes.get(2)?);
            reserve = u64::from(*sizes.get(3)?);
        }
        // Names of the previous and the next cabinet, two texts each.
        for _ in 0..(flags & 3).count_ones() * 2 {
            at += text(bytes, at)?.len() as u64 + 1;
        }
        let count = u64::from(le16(&header, 26)?);
        let mut folders = Vec::new();
        for number in 0..count {
            let folder = held(bytes, at + number * (8 + per_folder), 8, 8)?;
            folders.push((le32(&folder, 0)?.into(), le16(&folder, 4)?, le16(&folder, 6)?));
        }
        let first_file = u64::from(le32(&header, 16)?);
        (!folders.is_empty() && first_file < bytes.size()).then_some(Self {
            folders,
            first_file,
            files: le16(&header, 28)?,
            reserve,
        })
    }

    /// Returns the files, and whether the list is complete.
    fn files(&self, bytes: &Cursor) -> (Vec<File>, bool) {
        let mut found = Vec::new();
        let mut at = self.first_file;
        for _ in 0..self.files {
            let Some((file, behind)) = File::read(bytes, at) else { return (found, false) };
            found.push(file);
            at = behind;
        }
        (found, true)
    }
}

impl File {
    /// Reads a file of the list. Also returns the offset of the next one.
    fn read(bytes: &Cursor, at: u64) -> Option<(Self, u64)> {
        let entry = held(bytes, at, 16, 16)?;
        let name = text(bytes, at + 16)?;
        let behind = at + 17 + name.len() as u64;
        let (size, place) = (le32(&entry, 0)?.into(), le32(&entry, 4)?.into());
        Some((Self { name, folder: le16(&entry, 8)?, at: place, size }, behind))
    }
}

/// Reads a text that ends with a zero byte.
fn text(bytes: &Cursor, at: u64) -> Option<Vec<u8>> {
    let most = NAME.min(bytes.size().checked_sub(at)?);
    let bytes = held(bytes, at, most, NAME)?;
    let text = until_zero(&bytes);
    (text.len() < bytes.len()).then(|| text.to_vec())
}

/// The compression method of the blocks of a folder.
enum Method {
    Stored,
    /// With the previous block.
    MsZip(Vec<u8>),
    Lzx(Box<Lzxd>),
}

impl Method {
    /// Creates a decoder by the method number of a folder, which includes the window size. `None` for Quantum.
    fn new(kind: u16) -> Option<Self> {
        Some(match kind & 0xf {
            0 => Self::Stored,
            1 => Self::MsZip(Vec::new()),
            3 => Self::Lzx(Box::new(Lzxd::new(match kind >> 8 & 0x1f {
                15 => WindowSize::KB32,
                16 => WindowSize::KB64,
                17 => WindowSize::KB128,
                18 => WindowSize::KB256,
                19 => WindowSize::KB512,
                20 => WindowSize::MB1,
                21 => WindowSize::MB2,
                _ => return None,
            }))),
            _ => return None,
        })
    }

    fn unpack(&mut self, packed: Vec<u8>, length: usize) -> Option<Vec<u8>> {
        match self {
            Self::Stored => Some(packed),
            Self::MsZip(before) => {
                let stream = packed.strip_prefix(b"CK")?;
                // A stored block with the previous data serves as dictionary: a zero byte, its length, the length
                // inverted.
                let mut decoder = Decompress::new(false);
                let mut out = Vec::with_capacity(before.len() + length);
                if let Ok(size) = u16::try_from(before.len()).map(u16::to_le_bytes)
                    && !before.is_empty()
                {
                    let head = [&[0], &size[..], &size.map(|byte| !byte), before].concat();
                    decoder.decompress_vec(&head, &mut out, FlushDecompress::None).ok()?;
                }
                decoder.decompress_vec(stream, &mut out, FlushDecompress::Finish).ok()?;
                let block = out.split_off(before.len().min(out.len()));
                (block.len() == length).then(|| {
                    before.clone_from(&block);
                    block
                })
            }
            Self::Lzx(decoder) => decoder.decompress_next(&packed, length).ok().map(<[u8]>::to_vec),
        }
    }
}

/// A folder being decoded.
struct Folder {
    bytes: Cursor,
    /// Offset of the next block, and number of remaining blocks.
    next: u64,
    left: u16,
    reserve: u64,
    method: Method,
    block: Vec<u8>,
    in_block: usize,
    /// Number of decoded bytes already returned.
    at: u64,
    failed: bool,
}

impl Folder {
    fn next_block(&mut self) -> Option<Vec<u8>> {
        let header = held(&self.bytes, self.next, 8, 8)?;
        let (packed, length) = (u64::from(le16(&header, 4)?), usize::from(le16(&header, 6)?));
        let at = self.next + 8 + self.reserve;
        let packed_bytes = held(&self.bytes, at, packed, u64::from(u16::MAX))?;
        self.next = at + packed;
        self.left -= 1;
        // The last block of a folder that continues in another cabinet has no length.
        if length == 0 || length > BLOCK {
            return None;
        }
        self.method.unpack(packed_bytes, length)
    }
}

impl Read for Folder {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.in_block >= self.block.len() {
            if self.left == 0 || into.is_empty() {
                return Ok(0);
            }
            let Some(block) = self.next_block().filter(|block| !block.is_empty() && !self.failed) else {
                self.failed = true;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "packed data"));
            };
            self.block = block;
            self.in_block = 0;
        }
        let read = self.block.get(self.in_block..).unwrap_or_default().read(into)?;
        self.in_block += read;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    /// Returns a cabinet of one folder: compressed blocks with their lengths, and files by name, position and size.
    fn cabinet(kind: u16, blocks: &[(Vec<u8>, usize)], files: &[(&str, u32, u32, u16)]) -> Vec<u8> {
        let list: Vec<u8> = files
            .iter()
            .flat_map(|(name, at, size, folder)| {
                let mut entry = [size.to_le_bytes(), at.to_le_bytes()].concat();
                entry.extend(folder.to_le_bytes());
                entry.extend([0; 6]);
                entry.extend(name.as_bytes());
                entry.push(0);
                entry
            })
            .collect();
        let mut bytes = MAGIC.to_vec();
        bytes.resize(36, 0);
        bytes[16..20].copy_from_slice(&44_u32.to_le_bytes());
        bytes[24..26].copy_from_slice(&[3, 1]);
        bytes[26..30].copy_from_slice(&[1, 0, files.len() as u8, 0]);
        bytes.extend((44 + list.len() as u32).to_le_bytes());
        bytes.extend((blocks.len() as u16).to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(list);
        for (packed, length) in blocks {
            bytes.extend([0; 4]);
            bytes.extend((packed.len() as u16).to_le_bytes());
            bytes.extend((*length as u16).to_le_bytes());
            bytes.extend(packed);
        }
        bytes
    }

    fn zip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(b"CK".to_vec(), flate2::Compression::best());
        io::Write::write_all(&mut encoder, content).unwrap();
        encoder.finish().unwrap()
    }

    const FILES: &[(&str, u32, u32, u16)] = &[("b\\key.pem", 3, 4, 0), ("a.txt", 0, 3, 0), ("next", 0, 9, 0xfffe)];

    #[test]
    fn stored_and_mszip_in_the_order_of_the_data() {
        for (kind, blocks) in
            [(0, vec![(b"ab".to_vec(), 2), (b"ckeys".to_vec(), 5)]), (1, vec![(zip(b"ab"), 2), (zip(b"ckeys"), 5)])]
        {
            let bytes = cabinet(kind, &blocks, FILES);
            let seen = open(&Cab, &bytes).unwrap();
            assert_eq!(seen.names(), ["a.txt", "b\\key.pem"]);
            assert_eq!(seen.content("b\\key.pem"), Some(&b"keys"[..]));
            assert_eq!(seen.unread[0].2, "part of a set of cabinets");
            torture(&Cab, &bytes, 1);
        }
    }

    #[test]
    fn bytes_between_files_are_bounded() {
        let blocks = vec![(zip(&vec![0; BLOCK]), BLOCK); 20_000];
        let (near, far) = (3 * BLOCK as u32, 19_000 * BLOCK as u32);
        let seen = open(&Cab, &cabinet(1, &blocks, &[("near", near, 1, 0), ("far", far, 1, 0)])).unwrap();
        assert_eq!((seen.names(), seen.reasons()), (vec!["near"], vec![Reason::TooMuchOutput]));
    }

    #[test]
    fn undecodable_files_are_reported() {
        let blocks = [(b"ab".to_vec(), 2), (b"CKeys".to_vec(), 5)];
        let seen = open(&Cab, &cabinet(1, &blocks, &FILES[..2])).unwrap();
        assert_eq!((seen.names(), seen.reasons()), (vec!["a.txt"], vec![Reason::ReadError, Reason::Damaged]));
        let seen = open(&Cab, &cabinet(2, &blocks, &FILES[..2])).unwrap();
        assert_eq!(seen.reasons(), [Reason::Unsupported; 2]);
        assert!(open(&Cab, &[MAGIC, &[0; 100]].concat()).is_none());
        let bytes = cabinet(0, &[(b"abckeys".to_vec(), 7)], &FILES[..2]);
        let seen = open(&Cab, &bytes[..70]).unwrap();
        assert_eq!(seen.reasons()[0], Reason::Damaged, "the list is cut off");
    }
}

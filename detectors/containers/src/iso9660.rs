//! ISO 9660 images: CD, DVD, installers, boot media, cloud-init seeds.
//!
//! Names are taken from Rock Ridge or Joliet if present. Both trees are walked, because an image may hide files in one
//! of them; a file already read in the first is skipped in the second. Files of several extents are joined. El Torito
//! boot images that belong to no file are members too.

use std::io::{self, Read};
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, be16, held, le16, le32};

use super::folders::{End, Folders};

/// ISO 9660 images.
#[derive(Debug)]
pub(crate) struct Iso9660;

static ABOUT: About = About {
    id: "iso9660",
    title: "ISO 9660 image",
    detects: "Files in ISO 9660 images, with the names of Rock Ridge or Joliet, in one or several extents; El Torito \
              boot images, also those that belong to no file.",
    blind_to: "Raw images with 2352 bytes per sector. Interleaved files and files compressed with zisofs, both \
               reported as not read. Data outside files: deleted sessions, gaps, appended partitions. UDF alone is not \
               opened.",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image.",
    references: &["ECMA-119", "Joliet Specification 1995", "IEEE P1282 (Rock Ridge)", "El Torito 1.0"],
};

/// Size of a sector in bytes, the unit of volume descriptors.
const SECTOR: u64 = 2048;

/// First sector of the volume descriptors; the 16 before are reserved for the system.
const DESCRIPTORS: u64 = 16;

/// ECMA-119 8: standard identifier.
const MAGIC: &[u8] = b"CD001";

/// Maximum number of bytes read of one folder. 8 MiB are some 60,000 entries.
const MOST_FOLDER: u64 = 8 << 20;

/// Maximum size of a file that is copied to memory if it is a container, in bytes.
const SMALL: u64 = 1 << 20;

impl Container for Iso9660 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: (DESCRIPTORS * SECTOR) as usize + 1, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let volume = Volume::read(&bytes).ok_or(Malformed::new("ISO 9660 volume descriptor", 0x8000))?;
    let mut walk = Walk { bytes, inside, rock_ridge: false, block: volume.block, skip: 0 };
    walk.rock_ridge = walk.speaks_rock_ridge(&volume.primary);
    // Files shown by both trees are read once.
    let mut folders = Folders::of(walk.bytes.size());
    let mut trees = vec![(&volume.primary, false)];
    if let Some(joliet) = &volume.joliet {
        trees.insert(usize::from(walk.rock_ridge), (joliet, true));
    }
    for (root, joliet) in trees {
        folders.begin(Key::folder(root, joliet));
        let walked = walk.tree(&mut folders, joliet);
        if !folders.ended(&walked, walk.inside) {
            return Ok(());
        }
    }
    if let Some(catalog) = volume.boot {
        let walked = walk.boot(catalog, &mut folders);
        folders.ended(&walked, walk.inside);
    }
    Ok(())
}

/// The contents of the volume descriptors.
struct Volume {
    /// Size of a logical block, in bytes.
    block: u64,
    primary: Record,
    joliet: Option<Record>,
    /// Sector of the boot catalog.
    boot: Option<u32>,
}

impl Volume {
    fn read(bytes: &Cursor) -> Option<Self> {
        let (mut block, mut primary, mut joliet, mut boot) = (SECTOR, None, None, None);
        // Images have three or four descriptors. Some writers omit the terminator.
        for sector in DESCRIPTORS..DESCRIPTORS + 32 {
            let Some(descriptor) = held(bytes, sector * SECTOR, SECTOR, SECTOR) else { break };
            if descriptor.get(1..6) != Some(MAGIC) {
                break;
            }
            let root = |block| Record::read(descriptor.get(156..)?, block);
            match descriptor.first()? {
                0 if descriptor.get(7..)?.starts_with(b"EL TORITO SPECIFICATION") => boot = le32(&descriptor, 71),
                1 if primary.is_none() => {
                    block = u64::from(le16(&descriptor, 128)?).max(512);
                    primary = root(block);
                }
                // UCS-2 level 1, 2, 3.
                2 if matches!(descriptor.get(88..91)?, b"%/@" | b"%/C" | b"%/E") => joliet = root(block),
                255 => break,
                _ => {}
            }
        }
        Some(Self { block, primary: primary.filter(|root| root.is_folder)?, joliet, boot })
    }
}

/// A directory record (ECMA-119 9.1).
#[derive(Clone)]
struct Record {
    /// Offset and length of each extent, in bytes.
    extents: Vec<(u64, u64)>,
    is_folder: bool,
    /// Whether another extent of the same file follows.
    goes_on: bool,
    interleaved: bool,
    name: Vec<u8>,
    /// The system use area after the name: Rock Ridge.
    system_use: Vec<u8>,
}

impl Record {
    fn read(bytes: &[u8], block: u64) -> Option<Self> {
        let length = usize::from(*bytes.first()?);
        let bytes = bytes.get(..length)?;
        let [attributes, flags, unit, gap] = [1, 25, 26, 27].map(|at| bytes.get(at).copied());
        let at = u64::from(le32(bytes, 2)?) + u64::from(attributes?);
        let name_end = 33 + usize::from(*bytes.get(32)?);
        Some(Self {
            extents: vec![(at.checked_mul(block)?, le32(bytes, 10)?.into())],
            is_folder: flags? & 2 != 0,
            goes_on: flags? & 0x80 != 0,
            interleaved: unit? != 0 || gap? != 0,
            name: bytes.get(33..name_end)?.to_vec(),
            system_use: bytes.get(name_end.next_multiple_of(2)..).unwrap_or_default().to_vec(),
        })
    }

    fn size(&self) -> u64 {
        self.extents.iter().map(|(_, length)| length).sum()
    }

    /// Whether the record is for the folder itself or its parent.
    fn is_dot(&self) -> bool {
        matches!(self.name.as_slice(), [0 | 1])
    }
}

/// Iterates over the records of a folder, with those of one file joined.
fn records(folder: &[u8], block: u64) -> impl Iterator<Item = Record> {
    // Records do not cross the end of a sector, which is padded with zero bytes.
    let each = folder.chunks(SECTOR as usize).flat_map(move |sector| {
        let mut rest = sector;
        std::iter::from_fn(move || {
            let record = Record::read(rest, block)?;
            rest = rest.get(usize::from(*rest.first()?)..).unwrap_or_default();
            Some(record)
        })
    });
    let mut each = each.peekable();
    std::iter::from_fn(move || {
        let mut record = each.next()?;
        while let Some(next) = each.next_if(|next| record.goes_on && next.name == record.name) {
            record.extents.extend(next.extents);
            record.goes_on = next.goes_on;
        }
        Some(record)
    })
}

/// Consecutive parts read as one.
struct Joined<I: Iterator> {
    parts: I,
    part: Option<I::Item>,
}

impl<I: Iterator<Item: Read>> Read for Joined<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.part {
                None => match self.parts.next() {
                    None => return Ok(0),
                    next => self.part = next,
                },
                Some(part) => match part.read(buffer)? {
                    0 if !buffer.is_empty() => self.part = None,
                    read => return Ok(read),
                },
            }
        }
    }
}

/// The identity of a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Offset of the first extent.
    at: u64,
    /// Total size of a file; size of the first extent of a folder.
    size: u64,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    File,
    Folder,
    /// A folder of the Joliet tree.
    Joliet,
}

impl Key {
    fn file(record: &Record) -> Self {
        let at = record.extents.first().map_or(0, |(at, _)| *at);
        Self { at, size: record.size(), what: What::File }
    }

    fn folder(record: &Record, joliet: bool) -> Self {
        let (at, size) = record.extents.first().copied().unwrap_or_default();
        Self { at, size, what: if joliet { What::Joliet } else { What::Folder } }
    }
}

/// The relevant Rock Ridge fields of one record.
#[derive(Default)]
struct RockRidge {
    name: Vec<u8>,
    compressed: bool,
}

/// The walk over the trees of an image.
struct Walk<'a> {
    bytes: Cursor,
    inside: &'a mut dyn Inside,
    rock_ridge: bool,
    /// Size of a logical block, in bytes.
    block: u64,
    /// Number of bytes at the start of each system use area that belong to other extensions (SUSP 5.3).
    skip: usize,
}

impl Walk<'_> {
    /// Whether the record of the root has the mark of SUSP, the framework of Rock Ridge.
    fn speaks_rock_ridge(&mut self, root: &Record) -> bool {
        let bytes = self.folder(Key::folder(root, false)).unwrap_or_default();
        let Some(area) = records(&bytes, self.block).next().map(|record| record.system_use) else { return false };
        // In CD-ROM XA images fourteen bytes precede the mark.
        for skip in [0, 14] {
            if let Some([b'S', b'P', 7, 1, 0xbe, 0xef, more, ..]) = area.get(skip..) {
                self.skip = usize::from(*more);
                return true;
            }
        }
        false
    }

    fn tree(&mut self, folders: &mut Folders<Key>, joliet: bool) -> Result<(), End> {
        while let Some(folder) = folders.enter() {
            if !folders.is_new(folder, self.inside)? {
                continue;
            }
            let Some(bytes) = self.folder(folder) else {
                self.inside.unread(Member { name: folders.path(), at: folder.at }, Reason::Damaged, "folder");
                continue;
            };
            folders.reads(bytes.len() as u64)?;
            for record in records(&bytes, self.block).filter(|record| !record.is_dot()) {
                let (name, compressed) = self.name(&record, joliet);
                let Some(path) = folders.path_of(&name) else {
                    let at = Key::file(&record).at;
                    self.inside.unread(Member { name: b"", at }, Reason::TooDeep, "path");
                    continue;
                };
                if record.is_folder {
                    folders.push(&name, Key::folder(&record, joliet), self.inside)?;
                } else if record.size() > 0 && folders.is_new(Key::file(&record), self.inside)? {
                    self.file(&path, record, compressed)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &[u8], record: Record, compressed: bool) -> Result<(), End> {
        if self.content(path, record, compressed).is_break() { Err(End::Stop) } else { Ok(()) }
    }

    fn content(&mut self, path: &[u8], record: Record, compressed: bool) -> ControlFlow<()> {
        let member = Member { name: path, at: Key::file(&record).at };
        if record.interleaved || compressed {
            let what = if compressed { "zisofs" } else { "interleaved" };
            self.inside.unread(member, Reason::Unsupported, what);
            return ControlFlow::Continue(());
        }
        // A file system in a file, as on live media, is read in place.
        if let [(at, length)] = record.extents[..]
            && length > SMALL
            && at.saturating_add(length) <= self.bytes.size()
        {
            return self.inside.stored(member, self.bytes.part(at, length));
        }
        let bytes = &self.bytes;
        let extents = record.extents.into_iter().map(|(at, length)| Exactly::new(bytes.part(at, length), length));
        self.inside.member(member, &mut Joined { parts: extents, part: None })
    }

    /// Returns the bytes of a folder. `None` if the folder is outside the image or too large.
    fn folder(&self, folder: Key) -> Option<Vec<u8>> {
        held(&self.bytes, folder.at, folder.size, MOST_FOLDER.min(self.inside.memory()))
    }

    /// Returns the name of a record, and whether its content is compressed.
    fn name(&self, record: &Record, joliet: bool) -> (Vec<u8>, bool) {
        if joliet {
            let units = record.name.chunks_exact(2).filter_map(|pair| be16(pair, 0));
            let name: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            return (without_version(name.as_bytes()).to_vec(), false);
        }
        let rock_ridge = if self.rock_ridge { self.rock_ridge(record) } else { RockRidge::default() };
        let name = if rock_ridge.name.is_empty() { without_version(&record.name).to_vec() } else { rock_ridge.name };
        (name, rock_ridge.compressed)
    }

    /// Reads the fields of a system use area: two letters, a length, a version. The area may continue elsewhere (`CE`).
    fn rock_ridge(&self, record: &Record) -> RockRidge {
        let mut found = RockRidge::default();
        let mut area = record.system_use.get(self.skip..).unwrap_or_default().to_vec();
        // Each area may name one more; 32 of them contain far more than a name.
        for _ in 0..32 {
            let mut next = None;
            let mut rest = area.as_slice();
            while let Some(&[a, b, length, _]) = rest.first_chunk() {
                let Some((field, behind)) = rest.split_at_checked(usize::from(length)).filter(|_| length >= 4) else {
                    break;
                };
                rest = behind;
                match (&[a, b], field.get(4..).unwrap_or_default()) {
                    (b"NM", [_, name @ ..]) => found.name.extend(name),
                    (b"ZF", _) => found.compressed = true,
                    (b"CE", place) => next = le32(place, 0).zip(le32(place, 8)).zip(le32(place, 16)),
                    (b"ST", _) => break,
                    _ => {}
                }
            }
            let Some(((block, offset), length)) = next else { break };
            let at = u64::from(block) * self.block + u64::from(offset);
            let Some(continued) = held(&self.bytes, at, length.into(), SECTOR) else { break };
            area = continued;
        }
        found
    }

    /// Hands out El Torito images, which the firmware boots. If no file covers an image, the catalog gives its size in
    /// units of 512.
    fn boot(&mut self, catalog: u32, folders: &mut Folders<Key>) -> Result<(), End> {
        let Some(entries) = held(&self.bytes, u64::from(catalog) * SECTOR, SECTOR, SECTOR) else { return Ok(()) };
        // The first entry validates the others.
        for entry in entries.chunks(32).skip(1) {
            let (Some(0x88), Some(count), Some(block)) = (entry.first(), le16(entry, 6), le32(entry, 8)) else {
                continue;
            };
            let (at, length) = (u64::from(block) * SECTOR, u64::from(count) * 512);
            // A file that begins at the same offset may contain the whole image.
            let key = |size| Key { at, size, what: What::File };
            if length > 0 && !folders.saw(key(length)..=key(u64::MAX), |key| key.what == What::File) {
                let member = Member { name: b"[boot image]", at };
                let content = &mut Exactly::new(self.bytes.part(at, length), length);
                if self.inside.member(member, content).is_break() {
                    return Err(End::Stop);
                }
            }
        }
        Ok(())
    }
}

/// Removes the version that ECMA-119 appends to a name.
fn without_version(name: &[u8]) -> &[u8] {
    let name = name.strip_suffix(b";1").unwrap_or(name);
    name.strip_suffix(b".").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    /// Returns a directory record: name, sector, size, flags, system use.
    fn record(name: &[u8], sector: u32, size: u32, flags: u8, system_use: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 33];
        bytes[2..6].copy_from_slice(&sector.to_le_bytes());
        bytes[10..14].copy_from_slice(&size.to_le_bytes());
        bytes[25] = flags;
        bytes[32] = name.len() as u8;
        bytes.extend(name);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes.extend(system_use);
        bytes[0] = bytes.len() as u8;
        bytes
    }

    fn put(image: &mut [u8], sector: usize, what: &[u8]) {
        image[sector * 2048..][..what.len()].copy_from_slice(what);
    }

    fn descriptor(kind: u8, root: &[u8], escape: &[u8]) -> Vec<u8> {
        let mut bytes = [&[kind][..], MAGIC, &[1]].concat();
        bytes.resize(2048, 0);
        bytes[88..88 + escape.len()].copy_from_slice(escape);
        bytes[128..130].copy_from_slice(&2048_u16.to_le_bytes());
        bytes[156..156 + root.len()].copy_from_slice(root);
        bytes
    }

    /// Returns an image with a primary tree in sector 20, a Joliet tree in 21, and contents from 22 on.
    fn image() -> Vec<u8> {
        let mut image = vec![0; 30 * 2048];
        put(&mut image, 16, &descriptor(1, &record(&[0], 20, 2048, 2, &[]), b""));
        put(&mut image, 17, &descriptor(2, &record(&[0], 21, 2048, 2, &[]), b"%/E"));
        put(&mut image, 18, &descriptor(255, &[], b""));
        let continued = [b'C', b'E', 28, 1, 29, 0, 0, 0, 0, 0, 0, 29, 4, 0, 0, 0, 0, 0, 0, 4, 12, 0, 0, 0, 0, 0, 0, 12];
        let named = [b"NM\x0d\x01\x00long nam", &continued[..]].concat();
        let tree = [
            record(&[0], 20, 2048, 2, &[b'S', b'P', 7, 1, 0xbe, 0xef, 0]),
            record(&[1], 20, 2048, 2, &[]),
            record(b"KEY.PEM;1", 22, 2048, 0x80, &named),
            record(b"KEY.PEM;1", 24, 3, 0, &named),
            record(b"PACKED.Z;1", 25, 9, 0, b"ZF\x10\x01pz\x04\x0f\0\0\0\0\0\0\0\0"),
            record(b"GONE.;1", 900, 9, 0, b""),
            record(b"LOOP", 20, 2048, 2, b""),
        ];
        put(&mut image, 20, &tree.concat());
        let hidden = record(b"\0h\0i\0d\0d\0e\0n", 26, 6, 0, b"");
        put(&mut image, 21, &[record(&[0], 21, 2048, 2, &[]), record(b"\0k", 22, 2051, 0, b""), hidden].concat());
        put(&mut image, 22, &[b'a'; 2048]);
        put(&mut image, 24, b"bbb");
        put(&mut image, 26, b"secret");
        image[29 * 2048 + 4..][..12].copy_from_slice(b"NM\x0c\x01\x00e.pem\0\0");
        image[29 * 2048 + 6] = 10;
        image
    }

    #[test]
    fn names_extents_and_files_of_only_one_tree() {
        let seen = open(&Iso9660, &image()).unwrap();
        assert_eq!(seen.names(), ["long name.pem", "GONE", "hidden"]);
        assert_eq!(seen.content("long name.pem").map(<[u8]>::len), Some(2051));
        assert_eq!(seen.content("hidden"), Some(&b"secret"[..]));
        // The compressed file, and the file outside the image.
        assert_eq!(seen.reasons(), [Reason::Unsupported, Reason::ReadError]);
    }

    #[test]
    fn damage_and_near_misses() {
        let image = image();
        for at in [16 * 2048 + 156, 20 * 2048, 20 * 2048 + 40, 21 * 2048, 29 * 2048] {
            torture(&Iso9660, &image[..at.min(image.len())], 20_011);
            let mut changed = image.clone();
            for value in [0, 1, 40, 0xff] {
                changed[at] = value;
                let _ = open(&Iso9660, &changed);
            }
        }
        let mut text = vec![b' '; 40_000];
        text[0x8001..0x8006].copy_from_slice(MAGIC);
        assert!(open(&Iso9660, &text).is_none());
    }
}

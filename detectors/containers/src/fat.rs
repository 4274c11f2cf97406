//! FAT file systems: FAT12, FAT16 and FAT32, as on EFI system partitions, memory cards and floppies.
//!
//! Files are read with their long names. Data outside files is a member too, because deleting a file in FAT frees its
//! clusters but leaves their contents. A FAT file system is recognised by the numbers in the boot sector. The texts
//! that formatters write there are ignored, as the specification requires, and so is the signature, which Atari omits.
//! The numbers are checked against each other and against the size of the image.

use std::io::{self, Read};

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Dense, Exactly, held, le16, le32};

use super::folders::{End, Folders};

/// FAT file systems.
#[derive(Debug)]
pub(crate) struct Fat;

static ABOUT: About = About {
    id: "fat",
    title: "FAT file system",
    detects: "Files in FAT12, FAT16 and FAT32 file systems, with long names, and free clusters in sequence, which \
              contain deleted files that were not overwritten. Recognised by the numbers in the boot sector, whatever \
              its texts.",
    blind_to: "Data after the end of a file in its last cluster. A deleted file whose clusters were not contiguous is \
               found in pieces. exFAT is recognised but not opened.",
    respond: "Whoever has the card or image has the key. Replace the key; deleting the file is not enough.",
    references: &["Microsoft FAT specification, 2005", "ECMA-107"],
};

/// Maximum number of bytes read of a folder: FAT allows 65,536 entries of 32 bytes.
const MOST_FOLDER: u64 = 2 << 20;

impl Container for Fat {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[
            Magic { at: 54, bytes: b"FAT12   " },
            Magic { at: 54, bytes: b"FAT16   " },
            Magic { at: 54, bytes: b"FAT     " },
            Magic { at: 82, bytes: b"FAT32   " },
        ]
    }

    fn claims(&self, start: &[u8]) -> bool {
        Parameters::read(start).is_some()
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let volume = Volume::read(bytes).ok_or(Malformed::new("FAT boot sector", 0))?;
    let mut folders = Folders::of(volume.bytes.size());
    folders.begin(volume.root);
    let walked = walk(&volume, &mut folders, inside);
    if folders.ended(&walked, inside) {
        let free = Member { name: b"[free clusters]", at: volume.offset(2) };
        let _ = inside.member(free, &mut Dense::new(volume.free()));
    }
    Ok(())
}

fn walk(volume: &Volume, folders: &mut Folders<u32>, inside: &mut dyn Inside) -> Result<(), End> {
    while let Some(folder) = folders.enter() {
        if !folders.is_new(folder, inside)? {
            continue;
        }
        let Some(bytes) = volume.folder(folder) else {
            inside.unread(Member { name: folders.path(), at: volume.offset(folder) }, Reason::Damaged, "folder");
            continue;
        };
        folders.reads(bytes.len() as u64)?;
        entries(&bytes, volume.width, &mut |entry| {
            let at = volume.offset(entry.cluster);
            let Some(path) = folders.path_of(entry.name.as_bytes()) else {
                inside.unread(Member { name: b"", at }, Reason::TooDeep, "path");
                return Ok(());
            };
            if entry.is_folder {
                folders.push(entry.name.as_bytes(), entry.cluster, inside)?;
            } else if entry.size > 0 {
                let size = u64::from(entry.size);
                let mut content = Exactly::new(volume.chain(entry.cluster), size);
                if inside.member(Member { name: &path, at }, &mut content).is_break() {
                    return Err(End::Stop);
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Width of the entries of the allocation table.
#[derive(Clone, Copy, PartialEq)]
enum Width {
    Twelve,
    Sixteen,
    ThirtyTwo,
}

/// The layout from the boot sector. Positions and sizes are in bytes.
struct Volume {
    bytes: Cursor,
    width: Width,
    /// Size of a cluster.
    cluster: u64,
    /// Number of clusters; the first has number 2.
    clusters: u32,
    table: u64,
    data: u64,
    /// First cluster of the root folder; 0 if the root folder has a fixed position.
    root: u32,
    /// That position and its length.
    root_place: (u64, u64),
}

/// The numbers in the boot sector (FAT specification, 3.1), in sectors except for `sector`.
struct Parameters {
    sector: u64,
    per_cluster: u64,
    reserved: u64,
    tables: u64,
    root_entries: u64,
    total: u64,
    /// Table length of FAT12 and FAT16; 0 in FAT32.
    narrow: u64,
    table: u64,
}

impl Parameters {
    /// Reads the numbers. `None` if they are inconsistent.
    fn read(boot: &[u8]) -> Option<Self> {
        let narrow = u64::from(le16(boot, 22)?);
        let numbers = Self {
            sector: le16(boot, 11)?.into(),
            per_cluster: (*boot.get(13)?).into(),
            reserved: le16(boot, 14)?.into(),
            tables: (*boot.get(16)?).into(),
            root_entries: le16(boot, 17)?.into(),
            total: Some(u64::from(le16(boot, 19)?)).filter(|&n| n > 0).or(le32(boot, 32).map(u64::from))?,
            narrow,
            table: if narrow > 0 { narrow } else { le32(boot, 36)?.into() },
        };
        let media = *boot.get(21)?;
        let sane = matches!(numbers.sector, 512 | 1024 | 2048 | 4096)
            && numbers.per_cluster.is_power_of_two()
            && numbers.reserved > 0
            && matches!(numbers.tables, 1..=4)
            && (media == 0xf0 || media >= 0xf8)
            && numbers.table > 0
            && (numbers.narrow == 0) == (numbers.root_entries == 0)
            && numbers.data() < numbers.total;
        sane.then_some(numbers)
    }

    fn root_sectors(&self) -> u64 {
        (self.root_entries * 32).div_ceil(self.sector.max(1))
    }

    /// First sector of the clusters.
    fn data(&self) -> u64 {
        self.reserved + self.tables * self.table + self.root_sectors()
    }
}

impl Volume {
    fn read(bytes: Cursor) -> Option<Self> {
        let boot = held(&bytes, 0, 512, 512)?;
        let numbers = Parameters::read(&boot)?;
        let (root_sectors, data) = (numbers.root_sectors(), numbers.data());
        let Parameters { sector, per_cluster, reserved, total, narrow, table, .. } = numbers;
        let clusters = total.checked_sub(data)?.checked_div(per_cluster)?;
        // A small FAT32 is still FAT32: it has neither the short table length nor a fixed root folder.
        let width = match clusters {
            _ if narrow == 0 => Width::ThirtyTwo,
            0..4085 => Width::Twelve,
            _ => Width::Sixteen,
        };
        let bits = match width {
            Width::Twelve => 12,
            Width::Sixteen => 16,
            Width::ThirtyTwo => 32,
        };
        // The table has an entry for each cluster, and is inside the image.
        let fits = (clusters + 2) * bits <= table * sector * 8 && (reserved + table) * sector <= bytes.size();
        if !fits || clusters == 0 {
            return None;
        }
        Some(Self {
            bytes,
            width,
            cluster: per_cluster * sector,
            clusters: u32::try_from(clusters).ok().filter(|&n| n < 0x0fff_fff5)?,
            table: reserved * sector,
            data: data * sector,
            root: if width == Width::ThirtyTwo { le32(&boot, 44)? } else { 0 },
            root_place: ((data - root_sectors) * sector, root_sectors * sector),
        })
    }

    /// Returns the offset of a cluster.
    fn offset(&self, cluster: u32) -> u64 {
        if cluster == 0 {
            return self.root_place.0;
        }
        self.data + u64::from(cluster.saturating_sub(2)) * self.cluster
    }

    fn chain(&self, first: u32) -> Runs<'_> {
        Runs::new(self, first, Next::Linked)
    }

    fn free(&self) -> Runs<'_> {
        Runs::new(self, 2, Next::Free)
    }

    fn folder(&self, cluster: u32) -> Option<Vec<u8>> {
        let bytes = if cluster == 0 {
            held(&self.bytes, self.root_place.0, self.root_place.1, MOST_FOLDER)?
        } else {
            let mut bytes = Vec::new();
            self.chain(cluster).take(MOST_FOLDER).read_to_end(&mut bytes).ok()?;
            bytes
        };
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// Which clusters are read.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// Those of a file.
    Linked,
    /// Those of no file.
    Free,
}

/// Clusters read in sequence. At most as many are read as the volume has, so that a circular chain ends.
struct Runs<'a> {
    volume: &'a Volume,
    next: Next,
    cluster: u32,
    left: u32,
    run: Cursor,
    /// A part of the table, and the offset in the table at which the part begins.
    window: (u64, Vec<u8>),
}

impl<'a> Runs<'a> {
    fn new(volume: &'a Volume, cluster: u32, next: Next) -> Self {
        let run = volume.bytes.part(0, 0);
        Self { volume, next, cluster, left: volume.clusters, run, window: (0, Vec::new()) }
    }

    /// Returns the table entry of a cluster.
    fn entry(&mut self, cluster: u32) -> Option<u32> {
        let cluster = u64::from(cluster);
        let at = match self.volume.width {
            Width::Twelve => cluster + cluster / 2,
            Width::Sixteen => cluster * 2,
            Width::ThirtyTwo => cluster * 4,
        };
        let place = |start: u64| usize::try_from(at.checked_sub(start)?).ok();
        if place(self.window.0).is_none_or(|place| place + 4 > self.window.1.len()) {
            let mut part = vec![0; 4096];
            let read = self.volume.bytes.read_from(self.volume.table + at, &mut part).ok()?;
            part.truncate(read);
            self.window = (at, part);
        }
        let place = place(self.window.0)?;
        let two = le16(&self.window.1, place)?;
        Some(match self.volume.width {
            Width::Twelve if cluster % 2 == 1 => u32::from(two >> 4),
            Width::Twelve => u32::from(two & 0xfff),
            Width::Sixteen => u32::from(two),
            // The upper four bits are reserved.
            Width::ThirtyTwo => le32(&self.window.1, place)? & 0x0fff_ffff,
        })
    }

    /// Returns the next contiguous clusters: the first, and their number.
    fn next_run(&mut self) -> Option<(u32, u32)> {
        let last = self.volume.clusters + 1;
        let mut first = None;
        let mut length = 0;
        while (2..=last).contains(&self.cluster) && self.left > 0 {
            let cluster = self.cluster;
            let entry = self.entry(cluster)?;
            let wanted = self.next == Next::Linked || entry == 0;
            if first.is_some_and(|first| !wanted || cluster != first + length) {
                break;
            }
            self.left -= 1;
            self.cluster = if self.next == Next::Linked { entry } else { cluster + 1 };
            if wanted {
                first = first.or(Some(cluster));
                length += 1;
            }
        }
        Some((first?, length))
    }
}

impl Read for Runs<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            match self.run.read(into)? {
                0 => {}
                read => return Ok(read),
            }
            let Some((first, length)) = self.next_run() else { return Ok(0) };
            let length = u64::from(length) * self.volume.cluster;
            self.run = self.volume.bytes.part(self.volume.offset(first), length);
        }
    }
}

/// An entry of a folder.
struct Entry {
    name: String,
    is_folder: bool,
    cluster: u32,
    size: u32,
}

fn entries(bytes: &[u8], width: Width, each: &mut dyn FnMut(Entry) -> Result<(), End>) -> Result<(), End> {
    let mut long: Vec<u16> = Vec::new();
    for entry in bytes.chunks_exact(32) {
        let attributes = entry.get(11).copied().unwrap_or_default();
        match entry.first() {
            None | Some(0) => break,
            Some(0xe5) => long.clear(),
            // A part of a long name; the last part comes first.
            Some(_) if attributes & 0x3f == 0x0f => {
                let parts = [1..11, 14..26, 28..32].into_iter().filter_map(|part| entry.get(part));
                let mut units: Vec<u16> =
                    parts.flat_map(|part| part.chunks_exact(2)).filter_map(|pair| le16(pair, 0)).collect();
                units.append(&mut long);
                // The longest name has twenty parts.
                units.truncate(260);
                long = units;
            }
            // Skip labels, the folder itself and its parent.
            Some(b'.') => long.clear(),
            Some(_) if attributes & 0x08 != 0 => long.clear(),
            Some(_) => {
                let name = if long.is_empty() { short_name(entry) } else { long_name(&long) };
                long.clear();
                let low = le16(entry, 26).map_or(0, u32::from);
                let high = le16(entry, 20).filter(|_| width == Width::ThirtyTwo).map_or(0, u32::from);
                let size = le32(entry, 28).unwrap_or_default();
                each(Entry { name, is_folder: attributes & 0x10 != 0, cluster: high << 16 | low, size })?;
            }
        }
    }
    Ok(())
}

fn long_name(units: &[u16]) -> String {
    let units = units.iter().copied().take_while(|&unit| unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Returns the short name of 8 and 3 letters. Its code page is unknown: letters outside ASCII become replacement
/// characters.
fn short_name(entry: &[u8]) -> String {
    let part = |range: std::ops::Range<usize>| {
        String::from_utf8_lossy(entry.get(range).unwrap_or_default().trim_ascii_end()).into_owned()
    };
    let (name, extension) = (part(0..8), part(8..11));
    if extension.is_empty() { name } else { format!("{name}.{extension}") }
}

#[cfg(test)]
mod tests;

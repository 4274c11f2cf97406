//! The structures of ext: superblock, groups, inodes, folders, free blocks.

mod blocks;

use std::cell::Cell;
use std::io::{self, Read};

use keyradius_core::read_at::Cursor;
use keyradius_readers::stored::{held, le16, le32};

/// Offset of the superblock, in bytes.
pub(super) const SUPERBLOCK: u64 = 1024;

/// Incompatible features that do not prevent reading (ext2_fs.h, EXT*_FEATURE_INCOMPAT): file types in folders,
/// unclean, descriptors in meta groups, extents, 64 bits, multiple mount protection, flexible groups, large attributes,
/// checksum seed, large folders, inline data, encryption, casefolding.
const KNOWN: u32 =
    0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000;
const META_GROUPS: u32 = 0x10;
const WIDE: u32 = 0x80;

/// EXT4_EXTENTS_FL, EXT4_INLINE_DATA_FL, EXT4_ENCRYPT_FL.
const EXTENTS: u32 = 0x8_0000;
const INLINE: u32 = 0x1000_0000;
const ENCRYPTED: u32 = 0x800;

/// Maximum number of bytes read of one folder: some hundred thousand entries.
const MOST_FOLDER: u64 = 16 << 20;

/// Maximum size of an inode, in bytes: that of a block.
const MOST_INODE: u64 = 64 << 10;

/// Whether a file with this start may have a superblock: the magic alone is two bytes.
pub(super) fn begins(start: &[u8]) -> bool {
    let superblock = start.get(SUPERBLOCK as usize..).unwrap_or_default();
    let word = |at| le32(superblock, at);
    let any = |at| word(at).is_some_and(|number| number > 0);
    le16(superblock, 0x38) == Some(MAGIC)
        && [0, 4, 32, 40].into_iter().all(any)
        && word(20).is_some_and(|first| first <= 1)
        && word(24).is_some_and(|scale| scale <= MOST_SCALE)
}

/// Whether a superblock in the middle of other bytes fits: the first block follows from the block size, and a group has
/// no more blocks and inodes than a bitmap of one block has bits.
pub(super) fn fits(start: &[u8]) -> bool {
    let superblock = start.get(SUPERBLOCK as usize..).unwrap_or_default();
    let Some(scale) = le32(superblock, 24).filter(|scale| *scale <= MOST_SCALE) else { return false };
    let most = 8 * (1024 << scale);
    let count = |at| le32(superblock, at).is_some_and(|count| (1..=most).contains(&count));
    le32(superblock, 20) == Some(u32::from(scale == 0)) && count(32) && count(40)
}

/// ext2_fs.h: s_magic.
const MAGIC: u16 = 0xef53;

/// Maximum block size, as a left shift of 1024 bytes.
const MOST_SCALE: u32 = 6;

/// A file system. Sizes are in bytes, positions in blocks.
pub(super) struct Volume {
    bytes: Cursor,
    block: u64,
    blocks: u64,
    first: u64,
    per_group: u64,
    /// Number of blocks per bit of the bitmap.
    cluster: u64,
    inodes: u32,
    inodes_per_group: u32,
    inode_size: u64,
    descriptor: u64,
    features: u32,
    sparse: bool,
    first_meta_group: u64,
    journal: u32,
    /// Number of tables that may still be read for the current file.
    left: Cell<u32>,
    /// Bytes of tables read but not yet counted.
    tables: Cell<u64>,
}

/// The type of an inode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Other,
}

/// An inode.
pub(super) struct Inode {
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// Offset of the inode, in bytes.
    pub(super) at: u64,
    flags: u32,
    /// The whole inode.
    bytes: Vec<u8>,
}

impl Inode {
    pub(super) const fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// Returns the block map, the root of the extents, or the first bytes of an inline file.
    fn map(&self) -> &[u8] {
        self.bytes.get(40..100).unwrap_or_default()
    }

    /// Returns the content of an inline file: what does not fit into the map is in the attribute `system.data`.
    fn inline(&self) -> Vec<u8> {
        let mut found = self.map().to_vec();
        found.extend(self.attribute().unwrap_or_default());
        found.truncate(usize::try_from(self.size).unwrap_or(usize::MAX));
        found
    }

    /// Returns the attribute `system.data`, if it is stored after the fields of the inode.
    fn attribute(&self) -> Option<&[u8]> {
        let start = 128 + usize::from(le16(&self.bytes, 128)?);
        let area = self.bytes.get(start..)?;
        let entries = area.get(4..).filter(|_| le32(area, 0) == Some(0xea02_0000))?;
        let mut entry = entries;
        while let Some(&[length, index, ..]) = entry.first_chunk::<16>().filter(|head| !head.starts_with(&[0; 4])) {
            let name = entry.get(16..16 + usize::from(length))?;
            if (index, name) == (7, b"data") {
                let (at, size) = (usize::from(le16(entry, 2)?), le32(entry, 8)? as usize);
                return entries.get(at..at.checked_add(size)?);
            }
            entry = entry.get((16 + usize::from(length)).next_multiple_of(4)..)?;
        }
        None
    }
}

impl Volume {
    pub(super) fn read(bytes: Cursor) -> Option<Self> {
        let block = held(&bytes, SUPERBLOCK, 1024, 1024)?;
        let word = |at| le32(&block, at);
        let scale = word(24).filter(|&scale| scale <= MOST_SCALE)?;
        let dynamic = word(0x4c)? > 0;
        let features = word(0x60)?;
        let clusters = word(28).filter(|_| word(0x64).is_some_and(|ro| ro & 0x200 != 0)).unwrap_or(scale);
        let wide = features & WIDE != 0;
        let volume = Self {
            block: 1024 << scale,
            blocks: u64::from(word(4)?) | if wide { u64::from(word(0x150)?) << 32 } else { 0 },
            first: word(20)?.into(),
            per_group: word(32)?.into(),
            cluster: 1 << clusters.checked_sub(scale).filter(|&by| by <= 20)?,
            inodes: word(0)?,
            inodes_per_group: word(40)?,
            inode_size: if dynamic { le16(&block, 0x58)?.into() } else { 128 },
            descriptor: if wide { u64::from(le16(&block, 0xfe)?).max(32) } else { 32 },
            sparse: word(0x64)? & 1 != 0,
            first_meta_group: word(0x104)?.into(),
            journal: if word(0x5c)? & 4 != 0 { word(0xe0)? } else { 0 },
            features,
            left: Cell::default(),
            tables: Cell::default(),
            bytes,
        };
        // The bitmaps of a group, for blocks and for inodes, fill one block each.
        let bits = volume.block * 8;
        let sane = le16(&block, 0x38)? == MAGIC
            && (1..=bits * volume.cluster).contains(&volume.per_group)
            && (1..=bits).contains(&volume.inodes_per_group.into())
            && volume.inode_size.is_power_of_two()
            && (128..=volume.block.min(MOST_INODE)).contains(&volume.inode_size)
            && volume.descriptor <= 1024
            && volume.first <= 1
            && volume.blocks > volume.first
            && volume.groups() * volume.descriptor < volume.bytes.size();
        sane.then_some(volume)
    }

    /// Whether the file system has features that prevent reading.
    pub(super) const fn has_unknown_features(&self) -> bool {
        self.features & !KNOWN != 0
    }

    /// Returns the number of the block with the superblock. It is 1 for blocks of 1024 bytes, even if numbers start at
    /// 0 (bigalloc).
    const fn superblock(&self) -> u64 {
        SUPERBLOCK / self.block
    }

    fn groups(&self) -> u64 {
        self.blocks.saturating_sub(self.first).div_ceil(self.per_group)
    }

    /// Reads a part of a block.
    fn held(&self, block: u64, within: u64, length: u64) -> Option<Vec<u8>> {
        held(&self.bytes, block.checked_mul(self.block)?.checked_add(within)?, length, MOST_INODE)
    }

    /// Returns fields of the descriptor of a group: block bitmap, inode table, flags.
    fn group(&self, number: u64) -> Option<(u64, u64, u16)> {
        let per_block = self.block / self.descriptor;
        let table = number / per_block;
        let block = if self.features & META_GROUPS != 0 && table >= self.first_meta_group {
            // In the first block of the groups that it describes, after a copy of the superblock if there is one.
            let group = table * per_block;
            let first = if group == 0 { self.superblock() } else { self.first + group * self.per_group };
            first + u64::from(self.has_superblock(group))
        } else {
            self.superblock() + 1 + table
        };
        let bytes = self.held(block, number % per_block * self.descriptor, self.descriptor)?;
        let wide = |low, high| {
            let high = if self.descriptor >= 64 { le32(&bytes, high)? } else { 0 };
            Some(u64::from(high) << 32 | u64::from(le32(&bytes, low)?))
        };
        Some((wide(0, 0x20)?, wide(8, 0x28)?, le16(&bytes, 0x12)?))
    }

    /// Whether a group begins with a copy of the superblock: all groups, or those whose numbers are powers of 3, 5 and
    /// 7.
    fn has_superblock(&self, group: u64) -> bool {
        let power_of = |base: u64| {
            std::iter::successors(Some(base), |n| n.checked_mul(base)).take_while(|&n| n <= group).any(|n| n == group)
        };
        !self.sparse || group <= 1 || [3, 5, 7].into_iter().any(power_of)
    }

    pub(super) fn inode(&self, number: u32) -> Option<Inode> {
        let index = number.checked_sub(1).filter(|_| number <= self.inodes)?;
        let (_, table, _) = self.group((index / self.inodes_per_group).into())?;
        let within = u64::from(index % self.inodes_per_group) * self.inode_size;
        let bytes = self.held(table, within, self.inode_size)?;
        let kind = match le16(&bytes, 0)? >> 12 {
            4 => Kind::Folder,
            8 => Kind::File,
            _ => Kind::Other,
        };
        let high = if kind == Kind::File { le32(&bytes, 0x6c)? } else { 0 };
        let size = u64::from(high) << 32 | u64::from(le32(&bytes, 4)?);
        Some(Inode { kind, size, at: table * self.block + within, flags: le32(&bytes, 0x20)?, bytes })
    }

    /// Returns the inode number of the journal, if there is one.
    pub(super) fn journal(&self) -> Option<u32> {
        Some(self.journal).filter(|&number| number > 0)
    }

    /// Returns the bytes of a folder. `None` if the inode is not a folder or is damaged.
    pub(super) fn folder(&self, folder: u32) -> Option<Folder> {
        let inode = self.inode(folder).filter(|inode| inode.kind == Kind::Folder && !inode.is_encrypted())?;
        if inode.flags & INLINE != 0 {
            // The inode number of the parent folder comes first. The attribute is a list of its own.
            let map = inode.map().get(4..).unwrap_or_default().to_vec();
            let lists = vec![map, inode.attribute().unwrap_or_default().to_vec()];
            return Some(Folder { lists, block: usize::MAX, whole: true });
        }
        let mut bytes = Vec::new();
        self.content(&inode)?.take(inode.size.min(MOST_FOLDER)).read_to_end(&mut bytes).ok()?;
        Some(Folder { lists: vec![bytes], block: self.block as usize, whole: inode.size <= MOST_FOLDER })
    }

    /// Returns the size of the image, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.bytes.size()
    }

    /// Returns a reader of all free blocks in order.
    pub(super) fn free(&self) -> Free<'_> {
        Free { volume: self, group: 0, runs: Vec::new(), run: self.bytes.part(0, 0) }
    }
}

/// A folder: lists of entries, divided into blocks.
pub(super) struct Folder {
    lists: Vec<Vec<u8>>,
    /// Block size in bytes. No entry crosses the end of a block.
    block: usize,
    /// Whether the lists are complete.
    whole: bool,
}

impl Folder {
    /// Returns the total length of the lists, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.lists.iter().map(|list| list.len() as u64).sum()
    }

    /// Whether all entries are consistent.
    pub(super) fn is_sound(&self) -> bool {
        matches!(self.entries(|_, _| Ok::<_, std::convert::Infallible>(())), Ok(true))
    }

    /// Calls `each` with names and inode numbers, except for `.` and `..`. Returns whether all entries are consistent.
    pub(super) fn entries<E>(&self, mut each: impl FnMut(&[u8], u32) -> Result<(), E>) -> Result<bool, E> {
        let mut whole = self.whole;
        // The nodes of an index look like unused entries.
        for block in self.lists.iter().flat_map(|list| list.chunks(self.block)) {
            let mut rest = block;
            while let Some((name, inode, behind)) = first(rest) {
                rest = behind;
                if inode != 0 && !matches!(name, b"" | b"." | b"..") {
                    each(name, inode)?;
                }
            }
            whole &= rest.len() < 8;
        }
        Ok(whole)
    }
}

/// Returns the first entry of a list, and the rest. An entry has an inode, its length, the length of the name, a type
/// and the name.
fn first(bytes: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let (inode, length) = (le32(bytes, 0)?, usize::from(le16(bytes, 4)?));
    // A block size of 64 KiB does not fit into 16 bits.
    let length = if matches!(length, 0 | 0xffff) && bytes.len() >= 0xffff { bytes.len() } else { length };
    let (entry, rest) = bytes.split_at_checked(length).filter(|_| length >= 8)?;
    let name = entry.get(8..8 + usize::from(*entry.get(6)?))?;
    Some((name, inode, rest))
}

/// Free blocks, group by group.
pub(super) struct Free<'a> {
    volume: &'a Volume,
    group: u64,
    /// Remaining runs of the current group, last one first: first block and number of blocks.
    runs: Vec<(u64, u64)>,
    run: Cursor,
}

impl Free<'_> {
    /// Loads the runs of the next group. `None` after the last group.
    fn next_group(&mut self) -> Option<()> {
        let volume = self.volume;
        if self.group >= volume.groups() {
            return None;
        }
        let first = volume.first + self.group * volume.per_group;
        let length = volume.per_group.min(volume.blocks.saturating_sub(first));
        let bitmap = volume.group(self.group).and_then(|(bitmap, _, _)| volume.held(bitmap, 0, volume.block));
        self.group += 1;
        let mut runs: Vec<(u64, u64)> = Vec::new();
        // A group that was never written has no bitmap yet. A damaged bitmap counts as full.
        let bitmap = bitmap.unwrap_or_default();
        for bit in 0..length.div_ceil(volume.cluster) {
            let used = bitmap.get((bit / 8) as usize).is_none_or(|byte| byte >> (bit % 8) & 1 == 1);
            let start = first + bit * volume.cluster;
            match runs.last_mut() {
                _ if used => {}
                Some((from, count)) if *from + *count == start => *count += volume.cluster,
                _ => runs.push((start, volume.cluster)),
            }
        }
        runs.reverse();
        self.runs = runs;
        Some(())
    }
}

impl Read for Free<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.run.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            match self.runs.pop() {
                Some((start, count)) => {
                    let (at, length) =
                        (start.saturating_mul(self.volume.block), count.saturating_mul(self.volume.block));
                    self.run = self.volume.bytes.part(at, length);
                }
                None => {
                    if self.next_group().is_none() {
                        return Ok(0);
                    }
                }
            }
        }
    }
}

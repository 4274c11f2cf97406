//! Pack indexes: from names to offsets (gitformat-pack, "pack-*.idx files", versions 1 and 2).
//!
//! An index is a convenience of git: everything it says follows from the pack. Where it is missing or damaged, the
//! same table is made by reading the pack from its start to its end.

use std::cmp::Ordering;
use std::io;
use std::path::Path;

use super::map::Map;
use super::oid::{Format, ObjectId};
use crate::error::Malformed;

/// First bytes of a version 2 index; version 1 has none.
const MAGIC: &[u8] = &[0xff, b't', b'O', b'c'];
/// Bytes of the table of 256 counts.
const FANOUT: usize = 256 * 4;

/// Names and offsets of the objects of one pack, sorted by name.
#[derive(Debug)]
pub(crate) struct Index {
    store: Store,
    format: Format,
    count: u32,
}

#[derive(Debug)]
enum Store {
    V1(Map),
    V2(Map),
    /// Made from the pack itself.
    Made(Vec<(ObjectId, u64)>),
}

impl Index {
    /// Opens an index file.
    pub(crate) fn open(path: &Path, format: Format) -> io::Result<Self> {
        let map = Map::open(path)?;
        Self::new(map, format).map_err(|what| io::Error::other(what.to_string()))
    }

    pub(crate) fn new(map: Map, format: Format) -> Result<Self, Malformed> {
        let bytes = map.bytes();
        let v2 = bytes.starts_with(MAGIC);
        if v2 && u32_at(bytes, 4) != Some(2) {
            return Err(Malformed::new("index version is not 2", 4));
        }
        let fanout = if v2 { 8 } else { 0 };
        let mut last = 0;
        for at in (fanout..fanout + FANOUT).step_by(4) {
            let count = u32_at(bytes, at).ok_or(Malformed::new("index is cut off", bytes.len()))?;
            if count < last {
                return Err(Malformed::new("fanout does not ascend", at));
            }
            last = count;
        }
        let each = if v2 { format.bytes() + 8 } else { format.bytes() + 4 };
        let needed = fanout + FANOUT + (last as usize).saturating_mul(each) + 2 * format.bytes();
        if bytes.len() < needed {
            return Err(Malformed::new("index is cut off", bytes.len()));
        }
        // The pack is read by what this file says, and a wrong offset would read one object in the place of another: a
        // hash of the whole, which costs a hundredth of what reading the pack costs, is well spent.
        if !is_sealed(bytes, format) {
            return Err(Malformed::new("checksum of the index", bytes.len()));
        }
        Ok(Self { store: if v2 { Store::V2(map) } else { Store::V1(map) }, format, count: last })
    }

    /// What can still be made out in an index that [`Index::open`] refuses, for packs that cannot do without.
    pub(crate) fn remains(path: &Path, format: Format) -> Vec<(ObjectId, u64)> {
        let Ok(map) = Map::open(path) else { return Vec::new() };
        let fanout = if map.bytes().starts_with(MAGIC) { 8 } else { 0 };
        let each = if fanout == 8 { format.bytes() + 8 } else { format.bytes() + 4 };
        let room = map.bytes().len().saturating_sub(fanout + FANOUT) / each;
        let count = u32_at(map.bytes(), fanout + FANOUT - 4).unwrap_or(0).min(room as u32);
        let store = if fanout == 8 { Store::V2(map) } else { Store::V1(map) };
        let index = Self { store, format, count };
        (0..count).filter_map(|at| Some((index.id(at)?, index.offset(at)?))).collect()
    }

    /// From a table that was made from the pack.
    pub(crate) fn made(mut table: Vec<(ObjectId, u64)>, format: Format) -> Self {
        table.sort_unstable();
        table.dedup_by_key(|(id, _)| *id);
        let count = table.len() as u32;
        Self { store: Store::Made(table), format, count }
    }

    /// How many objects.
    pub(crate) const fn len(&self) -> u32 {
        self.count
    }

    /// The name at a position.
    pub(crate) fn id(&self, position: u32) -> Option<ObjectId> {
        let size = self.format.bytes();
        let position = position as usize;
        let (map, at) = match &self.store {
            Store::Made(table) => return table.get(position).map(|(id, _)| *id),
            Store::V1(map) => (map, FANOUT + position * (size + 4) + 4),
            Store::V2(map) => (map, 8 + FANOUT + position * size),
        };
        ObjectId::new(self.format, map.bytes().get(at..at + size)?)
    }

    /// The offset at a position.
    pub(crate) fn offset(&self, position: u32) -> Option<u64> {
        let size = self.format.bytes();
        let (at, count) = (position as usize, self.count as usize);
        match &self.store {
            Store::Made(table) => table.get(at).map(|(_, offset)| *offset),
            Store::V1(map) => u32_at(map.bytes(), FANOUT + at * (size + 4)).map(u64::from),
            Store::V2(map) => {
                let offsets = 8 + FANOUT + count * (size + 4);
                let short = u32_at(map.bytes(), offsets + at * 4)?;
                if short & 0x8000_0000 == 0 {
                    return Some(short.into());
                }
                let at = offsets + count * 4 + (short & 0x7fff_ffff) as usize * 8;
                let high = u32_at(map.bytes(), at)?;
                Some(u64::from(high) << 32 | u64::from(u32_at(map.bytes(), at + 4)?))
            }
        }
    }

    /// The CRC-32 of the entry at a position as it lies in the pack; only version 2 holds it.
    pub(crate) fn checksum(&self, position: u32) -> Option<u32> {
        let Store::V2(map) = &self.store else { return None };
        let checksums = 8 + FANOUT + self.count as usize * self.format.bytes();
        u32_at(map.bytes(), checksums + position as usize * 4)
    }

    /// The position of a name.
    pub(crate) fn find(&self, id: &ObjectId) -> Option<u32> {
        let (mut low, mut high) = self.bucket(id);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(middle)?.cmp(id) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// Every name that begins with these digits (for abbreviated names), at most two.
    pub(crate) fn beginning(&self, digits: &str) -> Vec<ObjectId> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.id(middle).is_some_and(|id| id.to_string().as_str() < digits) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..self.count)
            .map_while(|at| self.id(at))
            .take_while(|id| id.to_string().starts_with(digits))
            .take(2)
            .collect()
    }

    /// The name that begins with these eight bytes.
    pub(crate) fn by_key(&self, key: u64) -> Option<ObjectId> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.id(middle)?.key() < key { low = middle + 1 } else { high = middle }
        }
        self.id(low).filter(|id| id.key() == key)
    }

    /// Positions between which the name must stand.
    fn bucket(&self, id: &ObjectId) -> (u32, u32) {
        let (map, fanout) = match &self.store {
            Store::Made(_) => return (0, self.count),
            Store::V1(map) => (map, 0),
            Store::V2(map) => (map, 8),
        };
        let first = id.raw().first().copied().unwrap_or_default() as usize;
        let at = |entry: usize| u32_at(map.bytes(), fanout + entry * 4).unwrap_or_default().min(self.count);
        (if first == 0 { 0 } else { at(first - 1) }, at(first))
    }
}

/// Whether the file ends in the hash of what is before.
fn is_sealed(bytes: &[u8], format: Format) -> bool {
    use sha2::Digest;
    let Some((body, seal)) = bytes.len().checked_sub(format.bytes()).and_then(|at| bytes.split_at_checked(at)) else {
        return false;
    };
    match format {
        Format::Sha1 => sha1::Sha1::digest(body).as_slice() == seal,
        Format::Sha256 => sha2::Sha256::digest(body).as_slice() == seal,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

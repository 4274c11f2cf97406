//! Pack indexes: from object ids to offsets (gitformat-pack, "pack-*.idx files", versions 1 and 2).
//!
//! An index only makes git faster: everything in it follows from the pack. If it is missing or damaged, the same table
//! is made by reading the pack from start to end.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::bounds::{Bounds, Lease};
use super::store::Store;
use keyradius_core::error::Malformed;
use keyradius_core::oid::{Format, ObjectId};

/// First bytes of a version 2 index; version 1 has no magic.
const MAGIC: &[u8] = &[0xff, b't', b'O', b'c'];
/// Size of the table of 256 counts, in bytes.
const FANOUT: usize = 256 * 4;

/// Largest index that is held in memory in any case, in bytes (about 37,000 objects). Larger indexes share
/// [`Bounds::index`]; an index that does not fit there is read on demand.
const HELD: u64 = 1 << 20;

/// Bytes read at a time when a whole index is read.
const CHUNK: usize = 64 << 10;

/// Ids and offsets of the objects of one pack, sorted by id.
#[derive(Debug)]
pub(crate) struct Index {
    table: Table,
    format: Format,
    count: u32,
    /// The memory reserved for a file that was read whole.
    _room: Option<Lease>,
}

#[derive(Debug)]
enum Table {
    File {
        store: Store,
        v2: bool,
        fanout: Vec<u32>,
    },
    /// Made from the pack itself: the ids one after the other, and the offsets.
    Made {
        names: Vec<u8>,
        offsets: Vec<u64>,
    },
}

impl Index {
    /// Opens an index file.
    pub(crate) fn open(path: &Path, format: Format, bounds: &Arc<Bounds>) -> io::Result<Self> {
        let mut store = Store::open(path)?.loaded(HELD)?;
        let room = if store.size() > HELD { bounds.index(store.size()) } else { None };
        if room.is_some() {
            store = store.loaded(u64::MAX)?;
        }
        let index = Self::new(store, format).map_err(|what| io::Error::other(what.to_string()))?;
        Ok(Self { _room: room, ..index })
    }

    pub(crate) fn new(store: Store, format: Format) -> Result<Self, Malformed> {
        let sealed = is_sealed(&store, format);
        let size = store.size() as usize;
        let index = Self::parsed(store, format)?;
        // The pack is read by this file, and a wrong offset would read one object in the place of another. Hashing the
        // index costs a hundredth of reading the pack.
        if !sealed? {
            return Err(Malformed::new("checksum of the index", size));
        }
        index.check_names()?;
        Ok(index)
    }

    /// Reads an index file as git does, without verifying its checksum; `None` if git does not accept it.
    pub(crate) fn unsealed(path: &Path, format: Format) -> Option<Self> {
        Self::parsed(Store::open(path).and_then(|store| store.loaded(HELD)).ok()?, format).ok()
    }

    fn parsed(store: Store, format: Format) -> Result<Self, Malformed> {
        let (v2, fanout) = head(&store)?;
        let mut last = 0;
        for (number, count) in fanout.iter().enumerate() {
            if *count < last {
                return Err(Malformed::new("fan-out table is not sorted", number));
            }
            last = *count;
        }
        let start = if v2 { 8 } else { 0 };
        let each = if v2 { format.bytes() + 8 } else { format.bytes() + 4 };
        let needed = (start + FANOUT + 2 * format.bytes()) as u64 + u64::from(last) * each as u64;
        if store.size() < needed {
            return Err(Malformed::new("index is cut off", store.size() as usize));
        }
        Ok(Self { table: Table::File { store, v2, fanout }, format, count: last, _room: None })
    }

    /// Returns an error if an id occurs twice or in the wrong bucket: two programs could then find different objects by
    /// one id.
    fn check_names(&self) -> Result<(), Malformed> {
        let Table::File { fanout, .. } = &self.table else { return Ok(()) };
        let mut last: Option<ObjectId> = None;
        let mut seen = 0;
        for (number, id) in self.ids().enumerate() {
            let first = id.raw().first().copied().unwrap_or_default();
            let (low, high) = self.bucket(first.into());
            if !(low as usize..high as usize).contains(&number) {
                return Err(Malformed::new("an object id is in the wrong fan-out bucket", number));
            }
            if last.is_some_and(|last| last >= id) {
                return Err(Malformed::new("object ids are not sorted", number));
            }
            last = Some(id);
            seen += 1;
        }
        let all = fanout.last().copied().unwrap_or_default();
        if seen == all { Ok(()) } else { Err(Malformed::new("object ids cannot be read", seen as usize)) }
    }

    /// The entries that can be read from an index that [`Index::open`] refuses, for packs that depend on it.
    pub(crate) fn remains(path: &Path, format: Format) -> Vec<(ObjectId, u64)> {
        let Ok(store) = Store::open(path).and_then(|store| store.loaded(HELD)) else { return Vec::new() };
        let Ok((v2, fanout)) = head(&store) else { return Vec::new() };
        let each = if v2 { format.bytes() + 8 } else { format.bytes() + 4 };
        let start = FANOUT + if v2 { 8 } else { 0 };
        let room = store.size().saturating_sub(start as u64) / each as u64;
        let count = fanout.last().copied().unwrap_or(0).min(u32::try_from(room).unwrap_or(u32::MAX));
        let index = Self { table: Table::File { store, v2, fanout }, format, count, _room: None };
        (0..count).filter_map(|at| Some((index.id(at)?, index.offset(at)?))).collect()
    }

    /// Makes an index from a table that was made from the pack.
    pub(crate) fn made(mut table: Vec<(ObjectId, u64)>, format: Format) -> Self {
        table.sort_unstable();
        let names = table.iter().flat_map(|(id, _)| id.raw()).copied().collect();
        let offsets: Vec<u64> = table.iter().map(|(_, offset)| *offset).collect();
        let count = offsets.len() as u32;
        Self { table: Table::Made { names, offsets }, format, count, _room: None }
    }

    /// The number of objects.
    pub(crate) const fn len(&self) -> u32 {
        self.count
    }

    /// The id at a position.
    pub(crate) fn id(&self, position: u32) -> Option<ObjectId> {
        if position >= self.count {
            return None;
        }
        let (size, position) = (self.format.bytes(), position as usize);
        let mut raw = [0; 32];
        let raw = raw.get_mut(..size)?;
        match &self.table {
            Table::Made { names, .. } => {
                raw.copy_from_slice(names.get(position.checked_mul(size)?..)?.get(..size)?);
            }
            Table::File { store, v2, .. } => store.exact(self.name_at(*v2, position), raw).ok()?,
        }
        ObjectId::new(self.format, raw)
    }

    /// Offset in the file of the id at a position.
    const fn name_at(&self, v2: bool, position: usize) -> u64 {
        let size = self.format.bytes();
        (if v2 { 8 + FANOUT + position * size } else { FANOUT + position * (size + 4) + 4 }) as u64
    }

    /// The pack offset at a position.
    pub(crate) fn offset(&self, position: u32) -> Option<u64> {
        if position >= self.count {
            return None;
        }
        let (size, at) = (self.format.bytes(), position as usize);
        match &self.table {
            Table::Made { offsets, .. } => offsets.get(at).copied(),
            Table::File { store, v2: false, .. } => u32_at(store, (FANOUT + at * (size + 4)) as u64).map(u64::from),
            Table::File { store, .. } => self.long(store, u32_at(store, self.offsets_at() + at as u64 * 4)?),
        }
    }

    /// Every pack offset, in the order of the ids; `u64::MAX` if it cannot be read.
    pub(crate) fn offsets(&self) -> Vec<u64> {
        let size = self.format.bytes();
        let (store, v2) = match &self.table {
            Table::Made { offsets, .. } => return offsets.clone(),
            Table::File { store, v2, .. } => (store, *v2),
        };
        let (start, each) = if v2 { (self.offsets_at(), 4) } else { (FANOUT as u64, size + 4) };
        let mut offsets = Vec::with_capacity(self.count as usize);
        let mut chunk = vec![0; CHUNK / each * each];
        while offsets.len() < self.count as usize {
            let left = (self.count as usize - offsets.len()) * each;
            let chunk = chunk.get_mut(..left.min(CHUNK / each * each)).unwrap_or_default();
            if store.exact(start + (offsets.len() * each) as u64, chunk).is_err() {
                offsets.resize(self.count as usize, u64::MAX);
                break;
            }
            for row in chunk.chunks_exact(each) {
                let short = row.first_chunk().map_or(u32::MAX, |four| u32::from_be_bytes(*four));
                let offset = if v2 { self.long(store, short) } else { Some(u64::from(short)) };
                offsets.push(offset.unwrap_or(u64::MAX));
            }
        }
        offsets
    }

    /// Offset in the file of version 2's table of pack offsets.
    const fn offsets_at(&self) -> u64 {
        (8 + FANOUT) as u64 + self.count as u64 * (self.format.bytes() as u64 + 4)
    }

    /// Resolves a pack offset of version 2: one with the highest bit set is stored in a table of its own.
    fn long(&self, store: &Store, short: u32) -> Option<u64> {
        if short & 0x8000_0000 == 0 {
            return Some(short.into());
        }
        let at = self.offsets_at() + u64::from(self.count) * 4 + u64::from(short & 0x7fff_ffff) * 8;
        let mut eight = [0; 8];
        store.exact(at, &mut eight).ok()?;
        Some(u64::from_be_bytes(eight))
    }

    /// Every id, in order.
    pub(crate) fn ids(&self) -> Ids<'_> {
        Ids { index: self, next: 0, first: 0, chunk: Vec::new() }
    }

    /// The position of an id.
    pub(crate) fn find(&self, id: &ObjectId) -> Option<u32> {
        let at = self.first_not_before(id.key(), &|name| name < id.raw())?;
        (self.id(at)? == *id).then_some(at)
    }

    /// The ids that begin with these hexadecimal digits (for abbreviated ids), at most two.
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

    /// The id that begins with these eight bytes.
    pub(crate) fn by_key(&self, key: u64) -> Option<ObjectId> {
        let at = self.first_not_before(key, &|name| name < key.to_be_bytes().as_slice())?;
        self.id(at).filter(|id| id.key() == key)
    }

    /// The position of the first id that is not `before` the wanted id, whose first eight bytes are `key`.
    ///
    /// Ids are hashes, so the position of an id is known to within a few square roots of their number: from a file, the
    /// ids around that position are read at once. Ids that are not hashes only take more steps.
    fn first_not_before(&self, key: u64, before: &dyn Fn(&[u8]) -> bool) -> Option<u32> {
        let (mut low, mut high) = self.bucket((key >> 56) as usize);
        // Without a fan-out table the first byte matters too.
        let fraction = if matches!(self.table, Table::Made { .. }) { key >> 32 } else { key << 8 >> 32 };
        let mut guess = low + ((u64::from(high.saturating_sub(low)) * fraction) >> 32) as u32;
        let about = high.saturating_sub(low).isqrt() + 32;
        let mut names = Vec::new();
        while low < high {
            let from = guess.saturating_sub(about).max(low);
            let to = guess.saturating_add(about).min(high);
            let each = self.names(from, to, &mut names)?;
            let name = |at: u32| names.get((at - from) as usize * each..)?.get(..self.format.bytes());
            if !before(name(from)?) {
                high = from;
            } else if before(name(to - 1)?) {
                low = to;
            } else {
                (low, high) = (from, to);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if before(name(middle)?) { low = middle + 1 } else { high = middle }
                }
            }
            guess = low + (high - low) / 2;
        }
        Some(low)
    }

    /// Reads the ids between two positions into `into`. Returns the distance from one id to the next, in bytes.
    fn names(&self, from: u32, to: u32, into: &mut Vec<u8>) -> Option<usize> {
        let (size, many) = (self.format.bytes(), to.checked_sub(from)? as usize);
        match &self.table {
            Table::Made { names, .. } => {
                into.clear();
                into.extend_from_slice(names.get(from as usize * size..to as usize * size)?);
                Some(size)
            }
            Table::File { store, v2, .. } => {
                let each = size + if *v2 { 0 } else { 4 };
                // In version 1, an id is followed by the offset of the next entry, which is not needed after the last
                // id.
                into.resize((many * each).saturating_sub(each - size), 0);
                store.exact(self.name_at(*v2, from as usize), into).ok()?;
                Some(each)
            }
        }
    }

    /// The positions between which all ids with this first byte are.
    fn bucket(&self, first: usize) -> (u32, u32) {
        let Table::File { fanout, .. } = &self.table else { return (0, self.count) };
        let at = |entry: usize| fanout.get(entry).copied().unwrap_or_default().min(self.count);
        (if first == 0 { 0 } else { at(first - 1) }, at(first))
    }
}

/// The ids of an index, read in order.
pub(crate) struct Ids<'i> {
    index: &'i Index,
    next: u32,
    /// Position of the first id of the chunk.
    first: u32,
    chunk: Vec<u8>,
}

impl Iterator for Ids<'_> {
    type Item = ObjectId;

    fn next(&mut self) -> Option<ObjectId> {
        let position = self.next;
        self.next += 1;
        let Table::File { v2, .. } = &self.index.table else { return self.index.id(position) };
        if position >= self.index.count {
            return None;
        }
        let each = self.index.format.bytes() + if *v2 { 0 } else { 4 };
        let mut at = (position - self.first) as usize * each;
        if at >= self.chunk.len() {
            let many = (CHUNK / each).min((self.index.count - position) as usize) as u32;
            self.index.names(position, position + many, &mut self.chunk)?;
            (self.first, at) = (position, 0);
        }
        ObjectId::new(self.index.format, self.chunk.get(at..at + self.index.format.bytes())?)
    }
}

/// Whether the index is of version 2, and its 256 counts.
fn head(store: &Store) -> Result<(bool, Vec<u32>), Malformed> {
    let mut start = [0; 8 + FANOUT];
    let read = store.read_at(0, &mut start)?;
    let start = start.get(..read).unwrap_or_default();
    let word = |at: usize| start.get(at..).and_then(|rest| rest.first_chunk()).map(|four| u32::from_be_bytes(*four));
    let v2 = start.starts_with(MAGIC);
    if v2 && word(4) != Some(2) {
        return Err(Malformed::new("index version is not 2", 4));
    }
    let first = if v2 { 8 } else { 0 };
    let counts: Option<Vec<u32>> = (0..256).map(|number| word(first + number * 4)).collect();
    Ok((v2, counts.ok_or(Malformed::new("index is cut off", read))?))
}

/// Whether the file ends with the hash of the bytes before it.
fn is_sealed(store: &Store, format: Format) -> Result<bool, Malformed> {
    use sha2::Digest;
    let Some(body) = store.size().checked_sub(format.bytes() as u64) else { return Ok(false) };
    let mut seal = [0; 32];
    let seal = seal.get_mut(..format.bytes()).unwrap_or_default();
    store.exact(body, seal)?;
    let (mut sha1, mut sha256) = (sha1::Sha1::new(), sha2::Sha256::new());
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    while at < body {
        let length = CHUNK.min(usize::try_from(body - at).unwrap_or(CHUNK));
        let chunk = chunk.get_mut(..length).unwrap_or_default();
        store.exact(at, chunk)?;
        match format {
            Format::Sha1 => sha1.update(&*chunk),
            Format::Sha256 => sha256.update(&*chunk),
        }
        at += length as u64;
    }
    Ok(match format {
        Format::Sha1 => sha1.finalize().as_slice() == &*seal,
        Format::Sha256 => sha256.finalize().as_slice() == &*seal,
    })
}

fn u32_at(store: &Store, at: u64) -> Option<u32> {
    let mut four = [0; 4];
    store.exact(at, &mut four).ok()?;
    Some(u32::from_be_bytes(four))
}

#[cfg(test)]
mod tests;

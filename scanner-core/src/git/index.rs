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

#[cfg(test)]
mod tests {
    use super::super::made::{FORMATS, Folder, hash, index};
    use super::super::oid::Kind;
    use super::*;

    /// Objects with offsets below and beyond 2 GiB; those of version 1 are all below 4 GiB.
    fn rows(format: Format, count: u64) -> Vec<(ObjectId, u32, u64)> {
        let far = |n: u64| if n % 5 == 4 { 0x8000_0000 + n } else { 12 + n * 7 };
        let id = |n: u64| ObjectId::of(format, Kind::Blob, &n.to_le_bytes());
        (0..count).map(|n| (id(n), n as u32 * 3 + 1, far(n))).collect()
    }

    /// The checksum again, after something was changed.
    fn seal(mut bytes: Vec<u8>, format: Format) -> Vec<u8> {
        bytes.truncate(bytes.len() - format.bytes());
        bytes.extend(hash(format, &bytes));
        bytes
    }

    fn opened(folder: &Folder, bytes: &[u8], format: Format) -> io::Result<Index> {
        let digest = ObjectId::of(Format::Sha1, Kind::Blob, bytes);
        Index::open(&folder.write(&format!("{digest}.idx"), bytes), format)
    }

    #[test]
    fn every_object_is_found_where_it_was_put() {
        let folder = Folder::new();
        for format in FORMATS {
            for count in [0, 1, 2, 700] {
                let rows = rows(format, count);
                let table: Vec<(ObjectId, u64)> = rows.iter().map(|(id, _, offset)| (*id, *offset)).collect();
                let twice = [table.clone(), table].concat();
                let file = |version| {
                    opened(&folder, &index(version, format, rows.clone(), &[7; 32][..format.bytes()]), format)
                };
                for (kind, made) in
                    [("1", file(1).unwrap()), ("2", file(2).unwrap()), ("made", Index::made(twice, format))]
                {
                    assert_eq!(made.len(), count as u32, "{kind} {format:?}");
                    for (id, crc, offset) in &rows {
                        let at = made.find(id).expect(kind);
                        assert_eq!(made.id(at), Some(*id));
                        assert_eq!(made.offset(at), Some(*offset), "{kind} {format:?}");
                        assert_eq!(made.checksum(at), (kind == "2").then_some(*crc), "{kind} {format:?}");
                        assert_eq!(made.by_key(id.key()), Some(*id));
                        assert_eq!(made.by_key(id.key() + 1), None);
                        assert_eq!(made.beginning(&id.to_string()), [*id]);
                    }
                    let ids: Vec<_> = (0..made.len()).filter_map(|at| made.id(at)).collect();
                    assert!(ids.is_sorted() && ids.len() == count as usize, "{kind} {format:?}");
                    for absent in 1000..1300_u32 {
                        let absent = ObjectId::of(format, Kind::Tree, &absent.to_le_bytes());
                        assert_eq!(made.find(&absent), None);
                    }
                    assert!(kind != "made" || made.offset(count as u32).is_none(), "beyond the last");
                }
            }
        }
    }

    #[test]
    fn a_beginning_that_fits_several_gives_two() {
        let rows = rows(Format::Sha1, 700);
        let made = Index::made(rows.iter().map(|(id, ..)| (*id, 0)).collect(), Format::Sha1);
        for digit in "0123456789abcdef".chars() {
            let of_digit = |id: &ObjectId| id.to_string().starts_with(digit);
            let mut expected: Vec<_> = rows.iter().map(|(id, ..)| *id).filter(of_digit).collect();
            expected.sort();
            assert_eq!(made.beginning(&digit.to_string()), expected[..2], "{digit}");
        }
        assert_eq!(made.beginning("g"), []);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let folder = Folder::new();
        for format in FORMATS {
            // Below 2 GiB: a position beyond the end of the table of the others is noticed where it is used.
            let near = || rows(format, 50).into_iter().filter(|(_, _, offset)| *offset < 1 << 31).collect::<Vec<_>>();
            for version in [1, 2] {
                let good = index(version, format, near(), &[7; 32][..format.bytes()]);
                assert!(opened(&folder, &good, format).is_ok());
                for length in (0..good.len()).step_by(31).chain([good.len() - 1]) {
                    let message = format!("{format:?} {version} cut at {length}");
                    assert!(opened(&folder, &good[..length], format).is_err(), "{message}");
                    let sealed = length >= format.bytes();
                    let cut = if sealed { seal(good[..length].to_vec(), format) } else { Vec::new() };
                    assert!(!sealed || opened(&folder, &cut, format).is_err(), "{message}, with a checksum");
                }
                for at in (0..good.len()).step_by(13) {
                    let mut flipped = good.clone();
                    flipped[at] ^= 0x10;
                    assert!(opened(&folder, &flipped, format).is_err(), "{format:?} {version} byte {at}");
                }
                let fanout = if version == 1 { 0 } else { 8 };
                let mut descends = good.clone();
                descends[fanout + 3] = 41;
                assert!(opened(&folder, &seal(descends, format), format).is_err(), "fanout descends");
            }
            let other = index(3, format, near(), &[7; 32][..format.bytes()]);
            let error = opened(&folder, &other, format).unwrap_err();
            assert!(error.to_string().contains("version"), "{error}");
        }
    }

    #[test]
    fn what_remains_of_a_damaged_index_is_read() {
        let folder = Folder::new();
        for format in FORMATS {
            for version in [1, 2] {
                let rows = rows(format, 40);
                let mut bytes = index(version, format, rows.clone(), &[7; 32][..format.bytes()]);
                *bytes.last_mut().unwrap() ^= 1;
                let path = folder.write("a.idx", &bytes);
                let mut expected: Vec<_> = rows.iter().map(|(id, _, offset)| (*id, *offset)).collect();
                expected.sort_unstable();
                assert_eq!(Index::remains(&path, format), expected, "{format:?} {version}");
                // Cut off in the middle, or a count that no file could hold: nothing is invented, nothing panics.
                for length in (0..bytes.len()).step_by(17) {
                    let path = folder.write("a.idx", &bytes[..length]);
                    let remains = Index::remains(&path, format);
                    let known = |row: &&(ObjectId, u64)| rows.iter().any(|(id, _, _)| *id == row.0);
                    let most = (length / (format.bytes() + 4)).min(40);
                    assert!(remains.len() <= most && remains.iter().filter(known).count() == remains.len(), "{length}");
                }
                let fanout = if version == 1 { 0 } else { 8 };
                bytes[fanout + FANOUT - 4..fanout + FANOUT].fill(0xff);
                assert!(Index::remains(&folder.write("a.idx", &bytes), format).len() < 60, "{format:?} {version}");
            }
        }
        assert_eq!(Index::remains(&folder.path().join("none.idx"), Format::Sha1), []);
    }
}

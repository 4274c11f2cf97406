//! Packs: many objects in one file, most of them as differences from another one (gitformat-pack).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bounds::Bounds;
use super::delta::Delta;
use super::index::Index;
use super::inflate::Inflater;
use super::oid::{Format, Kind, ObjectId};
use super::store::{Part, Store};
use super::walk::TOO_LARGE;
use crate::error::Malformed;

mod pages;
pub(crate) use pages::Pages;

/// Bytes before the first entry: `PACK`, version, count.
pub(crate) const HEADER: u64 = 12;

/// Said of a delta whose base is not in its pack.
pub(crate) const MISSING_BASE: &str = "base is not in the pack";

/// How an entry says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Whole.
    Whole(Kind),
    /// As a delta to the entry at this offset (`OFS_DELTA`).
    DeltaAt(u64),
    /// As a delta to the object of this name (`REF_DELTA`).
    DeltaOf(ObjectId),
}

/// The header of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) stored: Stored,
    /// Inflated size of the entry, in bytes: of the object, or of the delta.
    pub(crate) size: u64,
    /// Where its zlib stream begins.
    pub(crate) data: u64,
}

/// A pack and its index.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) path: PathBuf,
    store: Store,
    /// Where the pack begins in the file: behind the header of a bundle.
    start: u64,
    pub(crate) index: Index,
    pub(crate) format: Format,
    /// How many entries its header declares.
    pub(crate) declared: u32,
    /// What reading it may cost.
    pub(crate) bounds: Arc<Bounds>,
}

impl Pack {
    /// Opens a pack with the index beside it.
    pub(crate) fn open(path: &Path, format: Format, bounds: &Arc<Bounds>) -> io::Result<Self> {
        let store = Store::open(path)?;
        header_of(&store, 0)?;
        Self::with_index(path, store, Index::open(&path.with_extension("idx"), format, bounds)?, format, bounds)
    }

    /// A pack and the index that it is read by.
    pub(crate) fn with_index(
        path: &Path,
        store: Store,
        index: Index,
        format: Format,
        bounds: &Arc<Bounds>,
    ) -> io::Result<Self> {
        let declared = header_of(&store, 0)?;
        let bounds = Arc::clone(bounds);
        Ok(Self { path: path.to_owned(), store, start: 0, index, format, declared, bounds })
    }

    /// Opens a pack that has no index, or none that can be used, by reading it from start to end. `start` is where it
    /// begins in the file. Also returns what could not be read.
    pub(crate) fn without_index(
        path: &Path,
        start: u64,
        format: Format,
        bounds: &Arc<Bounds>,
    ) -> io::Result<(Self, Vec<Malformed>)> {
        Self::reindexed(path, Store::open(path)?, start, format, bounds)
    }

    /// Does the same with what was opened already.
    pub(crate) fn reindexed(
        path: &Path,
        store: Store,
        start: u64,
        format: Format,
        bounds: &Arc<Bounds>,
    ) -> io::Result<(Self, Vec<Malformed>)> {
        let declared = header_of(&store, start)?;
        let index = Index::made(Vec::new(), format);
        let bounds = Arc::clone(bounds);
        let mut pack = Self { path: path.to_owned(), store, start, index, format, declared, bounds };
        let mut faults = Vec::new();
        let offsets = super::reindex::offsets(&pack, &mut |what| faults.push(what));
        let mut table = super::reindex::table(&pack, offsets, &mut |what| faults.push(what));
        // Behind a damaged entry only an index knows where the next one begins, even a damaged index.
        if table.len() < declared as usize && start == 0 {
            let mut known: Vec<ObjectId> = table.iter().map(|(id, _)| *id).collect();
            known.sort_unstable();
            let remains = Index::remains(&path.with_extension("idx"), format);
            table.extend(remains.into_iter().filter(|(id, _)| known.binary_search(id).is_err()));
        }
        pack.index = Index::made(table, format);
        Ok((pack, faults))
    }

    /// The same pack, read by another index.
    pub(crate) fn by(&self, index: Index) -> Self {
        Self { path: self.path.clone(), store: self.store.clone(), index, bounds: Arc::clone(&self.bounds), ..*self }
    }

    /// The offset behind its last entry: of its trailing checksum.
    pub(crate) fn end(&self) -> u64 {
        self.size().saturating_sub(self.format.bytes() as u64)
    }

    /// The offset behind its last byte: the end of the file.
    pub(crate) const fn size(&self) -> u64 {
        self.store.size().saturating_sub(self.start)
    }

    /// Where an offset of the pack is in the file.
    pub(crate) const fn in_file(&self, offset: u64) -> u64 {
        self.start.saturating_add(offset)
    }

    /// A part of it as it is stored, as a stream.
    pub(crate) fn part(&self, from: u64, to: u64) -> Part<'_> {
        self.store.part(self.in_file(from), self.in_file(to))
    }

    /// The header of the entry whose first bytes these are.
    fn entry(&self, offset: u64, bytes: &[u8]) -> Result<Entry, Malformed> {
        let start = offset as usize;
        let cut = Malformed::new("pack is cut off", start);
        let mut at = 0;
        let mut next = || {
            let byte = *bytes.get(at).ok_or(cut)?;
            at += 1;
            Ok(byte)
        };
        let first = next()?;
        let mut size = u64::from(first & 0x0f);
        let mut byte = first;
        let mut shift = 4;
        while byte & 0x80 != 0 {
            byte = next()?;
            if shift > 57 {
                return Err(Malformed::new("entry size", start));
            }
            size |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        let stored = match first >> 4 & 7 {
            1 => Stored::Whole(Kind::Commit),
            2 => Stored::Whole(Kind::Tree),
            3 => Stored::Whole(Kind::Blob),
            4 => Stored::Whole(Kind::Tag),
            6 => {
                let mut byte = next()?;
                let mut back = u64::from(byte & 0x7f);
                while byte & 0x80 != 0 {
                    byte = next()?;
                    back =
                        back.checked_add(1).filter(|b| *b < 1 << 56).ok_or(Malformed::new("base offset", start))? << 7;
                    back |= u64::from(byte & 0x7f);
                }
                let base = offset.checked_sub(back).filter(|_| back > 0);
                Stored::DeltaAt(base.ok_or(Malformed::new("base before the pack", start))?)
            }
            7 => {
                let raw = bytes.get(at..at + self.format.bytes()).ok_or(cut)?;
                at += raw.len();
                Stored::DeltaOf(ObjectId::new(self.format, raw).ok_or(cut)?)
            }
            _ => return Err(Malformed::new("entry type", start)),
        };
        Ok(Entry { stored, size, data: offset + at as u64 })
    }

    /// Reads one object by itself, through its chain of deltas. `limit` is the largest object that may be built.
    pub(crate) fn read(&self, position: u32, limit: u64) -> Result<(Kind, Vec<u8>), Malformed> {
        let mut pages = Pages::new(self);
        let mut offset = self.index.offset(position).ok_or(Malformed::new("no offset", position as usize))?;
        let mut chain = Vec::new();
        let too_large = Malformed::new(TOO_LARGE, offset as usize);
        let kind = loop {
            let entry = pages.entry(offset)?;
            if entry.size > limit {
                return Err(too_large);
            }
            chain.push(entry);
            // A chain cannot be longer than there are objects; if it is, it is a circle.
            if chain.len() > self.index.len() as usize {
                return Err(Malformed::new("deltas in a circle", offset as usize));
            }
            offset = match entry.stored {
                Stored::Whole(kind) => break kind,
                Stored::DeltaAt(base) => base,
                Stored::DeltaOf(id) => {
                    let base = self.index.find(&id).and_then(|base| self.index.offset(base));
                    base.ok_or(Malformed::new(MISSING_BASE, offset as usize))?
                }
            };
        };
        let mut inflater = Inflater::default();
        let (mut object, mut delta, mut built) = (Vec::new(), Vec::new(), Vec::new());
        let mut pieces = Delta::default();
        for (step, entry) in chain.iter().rev().enumerate() {
            if step == 0 {
                pages.inflate(entry, None, &mut inflater, &mut object)?;
                continue;
            }
            pages.inflate(entry, None, &mut inflater, &mut delta)?;
            pieces.parse(&delta, object.len(), limit)?;
            pieces.apply(&delta, &object, &mut built);
            std::mem::swap(&mut object, &mut built);
        }
        Ok((kind, object))
    }
}

fn header_of(store: &Store, start: u64) -> io::Result<u32> {
    let mut header = [0; HEADER as usize];
    let read = store.read_at(start, &mut header).map_err(|what| io::Error::other(what.what))?;
    check_header(header.get(..read).unwrap_or_default()).map_err(|what| io::Error::other(what.to_string()))
}

/// Checks the first bytes of a pack; returns how many entries it declares.
pub(crate) fn check_header(bytes: &[u8]) -> Result<u32, Malformed> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
    match (bytes.starts_with(b"PACK"), word(4), word(8)) {
        (true, Some(2 | 3), Some(count)) => Ok(count),
        (true, Some(_), Some(_)) => Err(Malformed::new("pack version is neither 2 nor 3", 4)),
        _ => Err(Malformed::new("not a pack", 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{self, FORMATS, Folder, Op, PackWriter, noise};
    use super::*;

    const LIMIT: u64 = 1 << 30;

    /// Name, offset, kind and content of an object.
    type Row = (ObjectId, u64, Kind, Vec<u8>);

    /// A chain of deltas by offset and by name, and what comes out of each.
    fn chain(format: Format) -> (PackWriter, Vec<Row>) {
        let mut pack = PackWriter::new(format);
        let first = noise(1, 70_000);
        let (id, at) = pack.whole(Kind::Blob, &first);
        let mut all = vec![(id, at, Kind::Blob, first.clone())];
        let (mut last, mut base) = (first, at);
        for step in 0..6_usize {
            let text = format!("step {step}");
            let next = [&last[..0x10000], text.as_bytes(), &last[300..301]].concat();
            let ops = [Op::Copy(0, 0x10000), Op::Insert(text.as_bytes()), Op::Copy(300, 1)];
            let delta = made::delta(last.len(), &ops);
            let id = ObjectId::of(format, Kind::Blob, &next);
            let previous = all.last().unwrap().0;
            base = if step % 2 == 0 { pack.delta_at(id, base, &delta) } else { pack.delta_of(id, &previous, &delta) };
            all.push((id, base, Kind::Blob, next.clone()));
            last = next;
        }
        for (kind, content) in [(Kind::Commit, &b"tree"[..]), (Kind::Tree, b""), (Kind::Tag, b"object")] {
            let (id, at) = pack.whole(kind, content);
            all.push((id, at, kind, content.to_vec()));
        }
        (pack, all)
    }

    #[test]
    fn every_object_is_read_through_its_chain() {
        let folder = Folder::new();
        for format in FORMATS {
            let (made, all) = chain(format);
            let path = made.write(&folder);
            let with = Pack::open(&path, format, &Arc::default()).unwrap();
            let (without, faults) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
            assert_eq!(faults, []);
            // As in a bundle: the pack begins later in the file.
            let later = folder.write("b.bundle", &[b"# what stands before\n", &made.pack()[..]].concat());
            let (bundled, faults) = Pack::without_index(&later, 21, format, &Arc::default()).unwrap();
            assert_eq!(faults, []);
            for pack in [&with, &without, &bundled] {
                assert_eq!(pack.index.len() as usize, all.len());
                for (id, offset, kind, content) in &all {
                    let position = pack.index.find(id).unwrap();
                    assert_eq!(pack.index.offset(position), Some(*offset));
                    let (read_kind, read) = pack.read(position, LIMIT).unwrap();
                    assert!(read_kind == *kind && read == *content, "{id} of {format:?}");
                    let size = content.len() as u64;
                    assert!(size == 0 || pack.read(position, size - 1).is_err(), "{id}: beyond the limit");
                }
            }
        }
    }

    /// A pack of nothing but these bytes behind its header, without an index.
    fn bare(folder: &Folder, format: Format, entry: &[u8]) -> Pack {
        let mut pack = PackWriter::new(format);
        pack.raw(ObjectId::of(format, Kind::Blob, b""), entry);
        Pack::without_index(&folder.write("bare.pack", &pack.pack()), 0, format, &Arc::default()).unwrap().0
    }

    fn head_at(pack: &Pack, offset: u64) -> Result<Entry, Malformed> {
        Pages::new(pack).entry(offset)
    }

    #[test]
    fn heads_of_entries_say_type_size_and_base() {
        let folder = Folder::new();
        for size in [0, 1, 15, 16, 0x7ff, 0x800, 1 << 31, (1 << 60) - 1] {
            for (number, kind) in [(1, Kind::Commit), (2, Kind::Tree), (3, Kind::Blob), (4, Kind::Tag)] {
                let head = made::head(number, size);
                let entry = head_at(&bare(&folder, Format::Sha1, &head), 12).unwrap();
                assert_eq!((entry.stored, entry.size, entry.data), (Stored::Whole(kind), size, 12 + head.len() as u64));
            }
        }
        let pack = bare(&folder, Format::Sha1, &vec![0; 3 << 20]);
        assert!(head_at(&pack, 12).is_err(), "type 0");
        for (distance, offset) in [
            (1, 13),
            (127, 200),
            (128, 200),
            (129, 200),
            (16511, 20_000),
            (16512, 20_000),
            (2_113_663, 2_113_700),
            (2_113_664, 2_113_700),
        ] {
            let mut bytes = vec![0; offset - 12];
            bytes.extend(made::head(6, 5));
            bytes.extend(made::back(distance));
            let entry = head_at(&bare(&folder, Format::Sha1, &bytes), offset as u64).unwrap();
            assert_eq!(entry.stored, Stored::DeltaAt(offset as u64 - distance), "{distance} back");
            assert_eq!((entry.size, entry.data), (5, 12 + bytes.len() as u64));
        }
        for format in FORMATS {
            let base = ObjectId::of(format, Kind::Tree, b"base");
            let entry = head_at(&bare(&folder, format, &[&made::head(7, 9), base.raw()].concat()), 12).unwrap();
            assert_eq!((entry.stored, entry.size, entry.data), (Stored::DeltaOf(base), 9, 13 + format.bytes() as u64));
            let cut = [&made::head(7, 9), &base.raw()[1..]].concat();
            assert!(
                head_at(&bare(&folder, format, &cut), 12).is_err(),
                "the trailer of the pack is no part of an entry"
            );
        }
    }

    #[test]
    fn heads_that_git_never_writes_are_refused() {
        let folder = Folder::new();
        for (entry, offset, what) in [
            (made::head(0, 1), 12, "type"),
            (made::head(5, 1), 12, "type"),
            (made::head(3, 1), 11, "before the first"),
            (made::head(3, 1), 13, "cut off"),
            (made::head(3, 1), u64::MAX, "cut off"),
            (vec![0xbf, 0xff], 12, "cut off"),
            (vec![0xff; 12], 12, "size"),
            ([&[0xb0; 1][..], &[0x80; 8], &[1]].concat(), 12, "size"),
            ([made::head(6, 1), made::back(0)].concat(), 12, "before the pack"),
            ([made::head(6, 1), made::back(13)].concat(), 12, "before the pack"),
            ([made::head(6, 1), vec![0xff; 12]].concat(), 12, "base offset"),
        ] {
            let error = head_at(&bare(&folder, Format::Sha1, &entry), offset).unwrap_err();
            assert!(error.what.contains(what), "{entry:02x?} at {offset}: {error}");
        }
        for (start, what) in [
            (&b"PACK\0\0\0\x02\0\0\0"[..], "not a pack"),
            (b"PACK\0\0\0\x01\0\0\0\0", "version"),
            (b"PACK\0\0\0\x04\0\0\0\0", "version"),
            (b"KCAP\0\0\0\x02\0\0\0\0", "not a pack"),
        ] {
            assert!(check_header(start).unwrap_err().what.contains(what), "{start:?}");
        }
        assert_eq!(check_header(b"PACK\0\0\0\x02\0\0\x01\x02"), Ok(258));
        let cut = folder.write("cut.pack", b"PACK\0\0\0\x02");
        assert!(Pack::without_index(&cut, 0, Format::Sha1, &Arc::default()).is_err(), "a header that is cut off");
        assert_eq!(check_header(b"PACK\0\0\0\x03\0\0\0\0"), Ok(0));
    }

    #[test]
    fn deltas_without_an_end_are_told() {
        let folder = Folder::new();
        let format = Format::Sha1;
        let ids: Vec<ObjectId> = (0..3_u8).map(|n| ObjectId::of(format, Kind::Blob, &[n])).collect();
        let delta = made::delta(1, &[Op::Copy(0, 1)]);
        let mut circle = PackWriter::new(format);
        circle.delta_of(ids[0], &ids[1], &delta);
        circle.delta_of(ids[1], &ids[0], &delta);
        circle.delta_of(ids[2], &ObjectId::of(format, Kind::Blob, b"elsewhere"), &delta);
        let pack = Pack::open(&circle.write(&folder), format, &Arc::default()).unwrap();
        for (id, what) in [(ids[0], "circle"), (ids[1], "circle"), (ids[2], MISSING_BASE)] {
            let error = pack.read(pack.index.find(&id).unwrap(), LIMIT).unwrap_err();
            assert!(error.what.contains(what), "{error}");
        }
        assert!(pack.read(3, LIMIT).is_err(), "beyond the last");
        // A chain may have every object of the pack.
        let mut line = PackWriter::new(format);
        let (_, at) = line.whole(Kind::Blob, b"a");
        line.delta_at(ids[0], at, &delta);
        let pack = Pack::open(&line.write(&folder), format, &Arc::default()).unwrap();
        assert_eq!(pack.read(pack.index.find(&ids[0]).unwrap(), LIMIT), Ok((Kind::Blob, b"a".to_vec())));
    }

    #[test]
    fn without_an_index_what_is_behind_damage_is_known_by_what_remains_of_it() {
        let folder = Folder::new();
        let format = Format::Sha1;
        let (made, all) = chain(format);
        let (mut bytes, mut index) = (made.pack(), made.index(2));
        // The fifth object is damaged: a delta on which two others are built.
        let damaged = all[4].1 as usize + 30;
        bytes[damaged] ^= 0xff;
        *index.last_mut().unwrap() ^= 1;
        let path = folder.write("damaged.pack", &bytes);
        let (pack, faults) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
        assert_eq!(pack.index.len(), 4, "what stands before the damage");
        assert_eq!(faults.len(), 2, "the damage, and that what follows is lost: {faults:?}");
        folder.write("damaged.idx", &index);
        // What stands beside a bundle is not its index.
        let bundle = folder.write("damaged.bundle", &[&[b'#'; 20][..], b"\n", &bytes].concat());
        let (pack, _) = Pack::without_index(&bundle, 21, format, &Arc::default()).unwrap();
        assert_eq!(pack.index.len(), 4);
        let (pack, _) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
        assert_eq!(pack.index.len() as usize, all.len());
        for (number, (id, _, _, content)) in all.iter().enumerate() {
            let read = pack.read(pack.index.find(id).unwrap(), LIMIT);
            assert_eq!(read.is_ok_and(|(_, read)| read == *content), !(4..7).contains(&number), "object {number}");
        }
    }

    #[test]
    fn what_is_built_on_what_is_elsewhere_is_told_of() {
        let folder = Folder::new();
        for format in FORMATS {
            let mut thin = PackWriter::new(format);
            let (_, whole) = thin.whole(Kind::Blob, b"here");
            let absent = ObjectId::of(format, Kind::Blob, b"elsewhere");
            let delta = made::delta(4, &[Op::Copy(0, 4), Op::Insert(b"!")]);
            let lost = thin.delta_of(absent, &absent, &delta);
            let on_lost = thin.delta_at(absent, lost, &delta);
            let no_entry = thin.delta_at(absent, whole + 1, &delta);
            // By name and before its base, by offset and behind it.
            let (second, third) =
                (ObjectId::of(format, Kind::Blob, b"here!"), ObjectId::of(format, Kind::Blob, b"here!?"));
            let early = thin.delta_of(third, &second, &made::delta(5, &[Op::Copy(0, 5), Op::Insert(b"?")]));
            let built = thin.delta_at(second, whole, &delta);
            let wrong = thin.delta_at(absent, whole, &made::delta(5, &[Op::Copy(0, 5)]));
            let path = folder.write("thin.pack", &thin.pack());
            let (pack, mut faults) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
            faults.sort_by_key(|fault| fault.at);
            let places: Vec<_> = faults.iter().map(|fault| fault.at as u64).collect();
            assert_eq!(places, [lost, on_lost, no_entry, wrong], "{faults:?}");
            assert_eq!(faults[0].what, MISSING_BASE);
            let offset = |id| pack.index.find(id).and_then(|at| pack.index.offset(at));
            assert_eq!((offset(&second), offset(&third), pack.index.len()), (Some(built), Some(early), 3));
        }
    }

    #[test]
    fn a_pack_that_costs_more_work_than_it_may_is_not_read_to_its_end() {
        let folder = Folder::new();
        let mut made = PackWriter::new(Format::Sha1);
        made.whole(Kind::Blob, b"small");
        let (_, second) = made.whole(Kind::Blob, &noise(1, 100));
        let path = folder.write("a.pack", &made.pack());
        // Of 50 bytes the second one is too much; of 200 it is, with what every entry costs when it is named.
        for (work, at) in [(50, second), (200, 0)] {
            let limits = crate::budget::Limits { max_unpacked: 4 * work, max_ratio: 0, ..Default::default() };
            let (pack, faults) = Pack::without_index(&path, 0, Format::Sha1, &Arc::new(Bounds::new(&limits))).unwrap();
            let faults: Vec<_> = faults.iter().map(|fault| (fault.what, fault.at as u64)).collect();
            assert_eq!((pack.index.len(), faults), (1, vec![(super::super::bounds::EXPENSIVE, at)]));
        }
    }

    #[test]
    fn entries_end_where_they_are_told_to() {
        let folder = Folder::new();
        let mut made = PackWriter::new(Format::Sha1);
        made.whole(Kind::Blob, b"first");
        let (_, second) = made.whole(Kind::Blob, b"second");
        let pack = Pack::open(&made.write(&folder), Format::Sha1, &Arc::default()).unwrap();
        let first = (HEADER, second);
        for (end, entries, what) in [
            (second, vec![first], None),
            (second + 1, vec![first], Some("entry is cut off")),
            (pack.end(), vec![first, (second, pack.end())], None),
        ] {
            let (found, broken) = super::super::reindex::run(&pack, HEADER, end, usize::MAX);
            assert_eq!((found, broken.map(|what| what.what)), (entries, what), "{end}");
        }
    }

    #[test]
    fn what_is_large_does_not_hide_what_follows() {
        let folder = Folder::new();
        let mut made = PackWriter::new(Format::Sha1);
        made.whole(Kind::Blob, &vec![b'a'; 100_000]);
        let (id, at) = made.whole(Kind::Blob, b"small");
        let (pack, _) =
            Pack::without_index(&folder.write("a.pack", &made.pack()), 0, Format::Sha1, &Arc::default()).unwrap();
        assert_eq!(pack.index.find(&id).and_then(|position| pack.index.offset(position)), Some(at));
        // Damage at the very end hides nothing: one fault, not two.
        let mut bytes = made.pack();
        bytes[at as usize + 3] ^= 0xff;
        let (pack, faults) =
            Pack::without_index(&folder.write("b.pack", &bytes), 0, Format::Sha1, &Arc::default()).unwrap();
        assert_eq!((pack.index.len(), faults.len()), (1, 1), "{faults:?}");
        assert_eq!(faults[0].at as u64, at);
    }
}

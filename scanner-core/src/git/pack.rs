//! Packs: many objects in one file, most of them as differences from another one (gitformat-pack).

use std::io;
use std::path::{Path, PathBuf};

use super::delta::Delta;
use super::index::Index;
use super::inflate::Inflater;
use super::map::Map;
use super::oid::{Format, Kind, ObjectId};
use crate::error::Malformed;

/// Bytes before the first entry: `PACK`, version, count.
const HEADER: usize = 12;

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
    pub(crate) data: usize,
}

/// A pack and its index.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) path: PathBuf,
    map: Map,
    /// Where the pack begins in the file: behind the header of a bundle.
    start: usize,
    pub(crate) index: Index,
    pub(crate) format: Format,
}

impl Pack {
    /// Opens a pack with the index beside it.
    pub(crate) fn open(path: &Path, format: Format) -> io::Result<Self> {
        let map = Map::open(path)?;
        check_header(map.bytes()).map_err(|what| io::Error::other(what.to_string()))?;
        Self::with_index(path, map, Index::open(&path.with_extension("idx"), format)?, format)
    }

    /// A pack and the index that it is read by.
    pub(crate) fn with_index(path: &Path, map: Map, index: Index, format: Format) -> io::Result<Self> {
        check_header(map.bytes()).map_err(|what| io::Error::other(what.to_string()))?;
        Ok(Self { path: path.to_owned(), map, start: 0, index, format })
    }

    /// Opens a pack that has no index, or none that can be used, by reading it from start to end. `start` is where it
    /// begins in the file. Also returns what could not be read.
    pub(crate) fn without_index(
        path: &Path,
        start: usize,
        format: Format,
        limit: u64,
    ) -> io::Result<(Self, Vec<Malformed>)> {
        Self::reindexed(path, Map::open(path)?, start, format, limit)
    }

    /// Does the same with what was opened already.
    pub(crate) fn reindexed(
        path: &Path,
        map: Map,
        start: usize,
        format: Format,
        limit: u64,
    ) -> io::Result<(Self, Vec<Malformed>)> {
        let header = map.bytes().get(start..).unwrap_or_default();
        let count = check_header(header).map_err(|what| io::Error::other(what.to_string()))?;
        let mut pack = Self { path: path.to_owned(), map, start, index: Index::made(Vec::new(), format), format };
        let mut faults = Vec::new();
        let mut table = super::reindex::table(&pack, count, limit, &mut |what| faults.push(what));
        // Behind a damaged entry only an index knows where the next one begins, even a damaged index.
        if table.len() < count as usize && start == 0 {
            let mut known: Vec<(ObjectId, u64)> = table.clone();
            known.sort_unstable();
            let is_known = |id: &ObjectId| known.binary_search_by(|(known, _)| known.cmp(id)).is_ok();
            let remains = Index::remains(&path.with_extension("idx"), format);
            table.extend(remains.into_iter().filter(|(id, _)| !is_known(id)));
        }
        pack.index = Index::made(table, format);
        Ok((pack, faults))
    }

    /// The bytes of the pack, without its trailing checksum.
    pub(crate) fn bytes(&self) -> &[u8] {
        let bytes = self.map.bytes();
        bytes.get(self.start..bytes.len().saturating_sub(self.format.bytes())).unwrap_or_default()
    }

    /// The header of the entry at an offset.
    pub(crate) fn entry(&self, offset: u64) -> Result<Entry, Malformed> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.bytes();
        let cut = Malformed::new("pack is cut off", start);
        if start < HEADER {
            return Err(Malformed::new("entry before the first entry", start));
        }
        let mut at = start;
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
        Ok(Entry { stored, size, data: at })
    }

    /// The compressed bytes of an entry, and whatever follows.
    pub(crate) fn data(&self, entry: &Entry) -> &[u8] {
        self.bytes().get(entry.data..).unwrap_or_default()
    }

    /// Reads one object by itself, through its chain of deltas. `limit` is the largest object that may be built.
    pub(crate) fn read(&self, position: u32, limit: u64) -> Result<(Kind, Vec<u8>), Malformed> {
        let mut offset = self.index.offset(position).ok_or(Malformed::new("no offset", position as usize))?;
        let mut chain = Vec::new();
        let too_large = Malformed::new("object larger than the limit", offset as usize);
        let kind = loop {
            let entry = self.entry(offset)?;
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
                inflater.exact(self.data(entry), entry.size, &mut object)?;
                continue;
            }
            inflater.exact(self.data(entry), entry.size, &mut delta)?;
            pieces.parse(&delta, object.len(), limit)?;
            pieces.apply(&delta, &object, &mut built);
            std::mem::swap(&mut object, &mut built);
        }
        Ok((kind, object))
    }
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

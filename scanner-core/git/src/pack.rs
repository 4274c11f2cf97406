//! Packs: many objects in one file, most of them as deltas (gitformat-pack).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bounds::Bounds;
use super::delta::Delta;
use super::index::Index;
use super::inflate::Inflater;
use super::store::{Part, Store};
use super::walk::TOO_LARGE;
use keyradius_core::error::Malformed;
use keyradius_core::oid::{Format, Kind, ObjectId};

mod pages;
pub(crate) use pages::Pages;

/// Bytes before the first entry: `PACK`, version, count.
pub(crate) const HEADER: u64 = 12;

/// The error for a delta whose base is not in its pack.
pub(crate) const MISSING_BASE: &str = "base is not in the pack";

/// The storage form of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Not as a delta.
    Whole(Kind),
    /// As a delta to the entry at this offset (`OFS_DELTA`).
    DeltaAt(u64),
    /// As a delta to the object with this id (`REF_DELTA`).
    DeltaOf(ObjectId),
}

/// The header of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) stored: Stored,
    /// Inflated size of the entry, in bytes: of the object, or of the delta.
    pub(crate) size: u64,
    /// Offset of its zlib stream.
    pub(crate) data: u64,
}

/// A pack and its index.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) path: PathBuf,
    store: Store,
    /// Offset of the pack in the file: after the header of a bundle.
    start: u64,
    pub(crate) index: Index,
    pub(crate) format: Format,
    /// The number of entries that the header declares.
    pub(crate) declared: u32,
    /// The limits on the cost of reading it.
    pub(crate) bounds: Arc<Bounds>,
}

impl Pack {
    /// Opens a pack with the index beside it.
    pub(crate) fn open(path: &Path, format: Format, bounds: &Arc<Bounds>) -> io::Result<Self> {
        let store = Store::open(path)?;
        header_of(&store, 0)?;
        Self::with_index(path, store, Index::open(&path.with_extension("idx"), format, bounds)?, format, bounds)
    }

    /// Makes a pack that is read by this index.
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

    /// Opens a pack without a usable index, by reading it from start to end. `start` is the offset of the pack in the
    /// file. Also returns what could not be read.
    pub(crate) fn without_index(
        path: &Path,
        start: u64,
        format: Format,
        bounds: &Arc<Bounds>,
    ) -> io::Result<(Self, Vec<Malformed>)> {
        Self::reindexed(path, Store::open(path)?, start, format, bounds)
    }

    /// Like [`Self::without_index`], for an open file.
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
        // After a damaged entry only an index, even a damaged one, has the offset of the next entry.
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

    /// The offset after the last entry: that of the trailing checksum.
    pub(crate) fn end(&self) -> u64 {
        self.size().saturating_sub(self.format.bytes() as u64)
    }

    /// The offset after the last byte: the end of the file.
    pub(crate) const fn size(&self) -> u64 {
        self.store.size().saturating_sub(self.start)
    }

    /// Converts an offset in the pack to an offset in the file.
    pub(crate) const fn in_file(&self, offset: u64) -> u64 {
        self.start.saturating_add(offset)
    }

    /// A range of the pack as stored, as a stream.
    pub(crate) fn part(&self, from: u64, to: u64) -> Part<'_> {
        self.store.part(self.in_file(from), self.in_file(to))
    }

    /// Parses the header of the entry that begins with `bytes`.
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

    /// Reads one object through its chain of deltas. `limit` is the largest object that may be built, in bytes.
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
            // A chain cannot be longer than the number of objects, unless it is a cycle.
            if chain.len() > self.index.len() as usize {
                return Err(Malformed::new("deltas form a cycle", offset as usize));
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

/// Checks the first bytes of a pack; returns the declared number of entries.
pub(crate) fn check_header(bytes: &[u8]) -> Result<u32, Malformed> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
    match (bytes.starts_with(b"PACK"), word(4), word(8)) {
        (true, Some(2 | 3), Some(count)) => Ok(count),
        (true, Some(_), Some(_)) => Err(Malformed::new("pack version is neither 2 nor 3", 4)),
        _ => Err(Malformed::new("not a pack", 0)),
    }
}

#[cfg(test)]
mod tests;

//! Packs: many objects in one file, most of them as differences from another one (gitformat-pack).

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
mod tests;

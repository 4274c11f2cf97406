//! Finds second copies of objects whose first copy cannot be read.
//!
//! Only the first pack that contains an object is read; other copies are skipped, because nearly always they are equal.
//! If the first copy is damaged, git reads another one, and takes the base of a delta from any place where it is whole.
//! This module does that for damaged objects, one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::delta::Delta;
use super::inflate::Inflater;
use super::odb::{ALONE, Odb, read_loose};
use super::pack::{Entry, Pack, Pages, Stored};
use keyradius_core::oid::{Kind, ObjectId};

/// Maximum number of entries that are inflated for a whole repository: the work for a million damaged entries, each at
/// the end of a long chain, must be bounded. Some seconds at most; the rest is reported as damaged.
const MOST: usize = 1 << 20;

/// Maximum number of damaged bases, one on another, that may be taken from elsewhere for one object.
const DEEP: usize = 64;

/// Reads objects from any place with a whole copy.
pub(crate) struct Rescue<'a> {
    odb: &'a Odb,
    packs: Vec<&'a Pack>,
    /// Sorted offsets of a pack's entries with their positions, for packs that need them.
    offsets: BTreeMap<usize, Vec<(u64, u32)>>,
    /// The objects being read: a base that depends on itself cannot be built.
    active: BTreeSet<ObjectId>,
    left: usize,
}

impl<'a> Rescue<'a> {
    /// Searches all object directories.
    pub(crate) fn new(odb: &'a Odb) -> Self {
        let packs = odb.directories.iter().flat_map(|directory| &directory.packs).collect();
        Self { odb, packs, offsets: BTreeMap::new(), active: BTreeSet::new(), left: MOST }
    }

    /// The object, from the first copy that matches its id.
    pub(crate) fn object(&mut self, id: &ObjectId) -> Option<(Kind, Vec<u8>)> {
        if self.active.len() >= DEEP || !self.active.insert(*id) {
            return None;
        }
        let found = self.copy(id);
        self.active.remove(id);
        found
    }

    fn copy(&mut self, id: &ObjectId) -> Option<(Kind, Vec<u8>)> {
        let is_it = |(kind, bytes): &(Kind, Vec<u8>)| ObjectId::of(id.format(), *kind, bytes) == *id;
        for number in 0..self.packs.len() {
            let index = &self.packs.get(number)?.index;
            let Some(offset) = index.find(id).and_then(|at| index.offset(at)) else { continue };
            if let Some(object) = self.entry(number, offset).filter(is_it) {
                return Some(object);
            }
        }
        let holds = |directory: &&super::odb::Directory| directory.loose.binary_search(id).is_ok();
        self.odb
            .directories
            .iter()
            .filter(holds)
            .find_map(|directory| read_loose(&directory.path, id).ok().filter(is_it))
    }

    /// The object at an offset of a pack; damaged bases are taken from elsewhere.
    fn entry(&mut self, number: usize, offset: u64) -> Option<(Kind, Vec<u8>)> {
        let pack = *self.packs.get(number)?;
        let mut chain: Vec<(u64, Option<Entry>)> = Vec::new();
        let mut next = Some(offset);
        // The base of the last entry of the chain, if it is not in this pack.
        let mut foreign = None;
        let mut pages = Pages::new(pack);
        while let Some(at) = next {
            self.left = self.left.checked_sub(1)?;
            let entry = pages.entry(at).ok().filter(|entry| entry.size <= ALONE);
            chain.push((at, entry));
            if chain.len() > pack.index.len() as usize {
                return None;
            }
            next = match entry.map(|entry| entry.stored) {
                Some(Stored::DeltaAt(base)) => Some(base),
                Some(Stored::DeltaOf(id)) => {
                    let base = pack.index.find(&id).and_then(|base| pack.index.offset(base));
                    foreign = base.is_none().then_some(id);
                    base
                }
                Some(Stored::Whole(_)) | None => None,
            };
        }
        let mut object = match foreign {
            Some(id) => Some(self.object(&id)?),
            None => None,
        };
        let mut inflater = Inflater::default();
        while let Some((at, entry)) = chain.pop() {
            let built = entry.and_then(|entry| build(&mut pages, &entry, object.as_ref(), &mut inflater));
            object = match built {
                Some(built) => Some(built),
                // The entry itself has no substitute.
                None if chain.is_empty() => return None,
                None => {
                    let id = self.name(number, at)?;
                    // The object built so far is useless: free it before reading another.
                    drop(object.take());
                    Some(self.object(&id)?)
                }
            };
        }
        object
    }

    /// The id of the entry at an offset.
    fn name(&mut self, number: usize, offset: u64) -> Option<ObjectId> {
        let pack = *self.packs.get(number)?;
        let table = self.offsets.entry(number).or_insert_with(|| {
            let index = &pack.index;
            let mut table: Vec<(u64, u32)> =
                (0..index.len()).filter_map(|position| Some((index.offset(position)?, position))).collect();
            table.sort_unstable();
            table
        });
        let at = table.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        table.get(at).and_then(|(_, position)| pack.index.id(*position))
    }
}

/// Builds one step of a chain.
fn build(
    pages: &mut Pages<'_>,
    entry: &Entry,
    base: Option<&(Kind, Vec<u8>)>,
    inflater: &mut Inflater,
) -> Option<(Kind, Vec<u8>)> {
    let mut bytes = Vec::new();
    pages.inflate(entry, None, inflater, &mut bytes).ok()?;
    if let Stored::Whole(kind) = entry.stored {
        return Some((kind, bytes));
    }
    let (kind, base) = base?;
    let mut pieces = Delta::default();
    pieces.parse(&bytes, base.len(), ALONE).ok()?;
    let mut built = Vec::new();
    pieces.apply(&bytes, base, &mut built);
    Some((*kind, built))
}

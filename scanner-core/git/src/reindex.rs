//! Makes the table of a pack without an index: every entry is inflated, built and named, as `git index-pack` does.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use super::bounds::EXPENSIVE;
use super::forest::Forest;
use super::inflate::Inflater;
use super::pack::{HEADER, MISSING_BASE, Pack, Pages};
use super::walk::{Change, Visitor, walk};
use keyradius_core::error::Malformed;
use keyradius_core::oid::{Kind, ObjectId};

/// Every kind of object.
const KINDS: [Kind; 4] = [Kind::Blob, Kind::Commit, Kind::Tag, Kind::Tree];

/// Largest entry that is inflated at once to find its end, in bytes.
const MEASURED: u64 = 1 << 20;

/// Offsets of all entries, from the first to the last; after an unreadable entry the next offset is unknown.
pub(crate) fn offsets(pack: &Pack, fault: &mut dyn FnMut(Malformed)) -> Vec<u64> {
    let (offsets, broken) = run(pack, HEADER, pack.end(), pack.declared as usize);
    if let Some(what) = broken {
        fault(what);
        if offsets.len() + 1 < pack.declared as usize {
            fault(Malformed::new("entries after a damaged one cannot be found without an index", what.at));
        }
    }
    offsets.into_iter().map(|(offset, _)| offset).collect()
}

/// The consecutive entries from an offset on, at most `most` of them and none beyond `end`: the offset of each, and
/// that of the next. Also returns why they end before `end`, if they do.
pub(crate) fn run(pack: &Pack, from: u64, end: u64, most: usize) -> (Vec<(u64, u64)>, Option<Malformed>) {
    let mut entries = Vec::new();
    let mut pages = Pages::new(pack);
    let mut inflater = Inflater::default();
    let mut data = Vec::new();
    let mut left = pack.bounds.work(pack.size());
    let mut offset = from;
    while entries.len() < most && (offset < end || most != usize::MAX) {
        let read = pages.entry(offset).and_then(|entry| {
            left = left.checked_sub(entry.size).ok_or(Malformed::new(EXPENSIVE, offset as usize))?;
            if entry.size <= MEASURED {
                return pages.inflate(&entry, None, &mut inflater, &mut data);
            }
            let mut stream = pages.stream(&entry, end);
            let damaged = Malformed::new(super::inflate::DAMAGED, entry.data as usize);
            io::copy(&mut stream, &mut io::sink()).map_err(|_| damaged)?;
            Ok(entry.data + stream.consumed().ok_or(damaged)?)
        });
        match read {
            Ok(next) if next <= end => {
                entries.push((offset, next));
                offset = next;
            }
            Ok(_) => return (entries, Some(Malformed::new("entry is cut off", offset as usize))),
            Err(what) => return (entries, Some(Malformed::new(what.what, offset as usize))),
        }
    }
    (entries, None)
}

/// Ids and offsets of every object that can be built. Others are reported to `fault`: of a pack whose bases are
/// elsewhere (a thin pack, as in an incremental bundle), the complete objects are returned.
pub(crate) fn table(pack: &Pack, offsets: Vec<u64>, fault: &mut dyn FnMut(Malformed)) -> Vec<(ObjectId, u64)> {
    let mut on_name: HashMap<ObjectId, Vec<u32>> = HashMap::new();
    let forest = Forest::at(pack, offsets, &mut |entry, id| on_name.entry(id).or_default().push(entry));
    for (entry, what) in &forest.faults {
        fault(Malformed::new(what.what, forest.offset(*entry) as usize));
    }
    let large = on_name.is_empty();
    let on_name = Mutex::new(on_name);
    let namer =
        || Namer { pack, forest: &forest, on_name: &on_name, large, last: None, names: Vec::new(), faults: Vec::new() };
    let mut names = Vec::new();
    for mut part in walk(pack, &forest, &KINDS, 1, &namer) {
        names.append(&mut part.names);
        part.faults.into_iter().for_each(&mut *fault);
    }
    let mut lost: Vec<u32> =
        on_name.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().flatten().collect();
    lost.sort_unstable();
    for entry in lost.into_iter().flat_map(|entry| forest.descendants(entry)) {
        fault(Malformed::new(MISSING_BASE, forest.offset(entry) as usize));
    }
    names
}

/// Computes the id of every object.
struct Namer<'a> {
    pack: &'a Pack,
    forest: &'a Forest,
    /// Entries whose base is given by an id that no object has yet.
    on_name: &'a Mutex<HashMap<ObjectId, Vec<u32>>>,
    /// Whether large objects may be named without being held in memory: no base is given by its id.
    large: bool,
    /// The id of the object seen last.
    last: Option<ObjectId>,
    names: Vec<(ObjectId, u64)>,
    faults: Vec<Malformed>,
}

impl Namer<'_> {
    fn name(&mut self, entry: u32, id: ObjectId) {
        self.names.push((id, self.forest.offset(entry)));
        self.last = Some(id);
    }
}

impl Visitor for Namer<'_> {
    fn whole(&mut self, entry: u32, kind: Kind, bytes: &[u8]) -> bool {
        self.name(entry, ObjectId::of(self.pack.format, kind, bytes));
        false
    }

    fn change(&mut self, _: u32, _: Kind, _: Change<'_>) -> bool {
        false
    }

    fn streams(&self) -> bool {
        self.large
    }

    fn stream(&mut self, entry: u32, kind: Kind, size: u64, bytes: &mut dyn Read) {
        match ObjectId::of_stream(self.pack.format, kind, size, bytes) {
            Ok(id) => self.name(entry, id),
            Err(_) => self.damaged(entry, Malformed::new(super::inflate::DAMAGED, 0)),
        }
    }

    fn adopts(&mut self, _: u32) -> Vec<u32> {
        let Some(id) = self.last.take().filter(|_| !self.large) else { return Vec::new() };
        self.on_name.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).unwrap_or_default()
    }

    fn damaged(&mut self, entry: u32, what: Malformed) {
        self.faults.push(Malformed::new(what.what, self.forest.offset(entry) as usize));
    }

    fn exhausted(&mut self) {
        self.faults.push(Malformed::new(EXPENSIVE, 0));
    }
}

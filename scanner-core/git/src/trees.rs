//! Finds the trees that lead to an object: one pass over all trees, then arithmetic.
//!
//! A history has hundreds of thousands of trees, and nearly all of them differ from another tree by a few bytes. So no
//! tree is read for all of its entries: for each tree the pass keeps which entries of its delta base it removes and
//! which it adds. From that, the trees that contain an object, directly or below, are computed in memory, level by
//! level up to the roots, for any number of objects.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::delta::Piece;
use super::forest::Forest;
use super::inflate::Inflater;
use super::keys::{KeyMap, KeySet};
use super::loose::{self, Loose};
use super::odb::Odb;
use super::pack::Pack;
use super::walk::{Change, Visitor, walk};
use keyradius_core::oid::{Format, Kind, ObjectId};

mod entries;
mod places;

use entries::affected;
pub(crate) use entries::{Seen, ascends, entries, gained};
pub(crate) use places::{Place, Places};

/// Maximum number of entries of trees that lead to findings: 32 MiB. Of trees beyond that a few entries are kept, and
/// the history is reported as incomplete.
const MOST_ENTRIES: usize = 2 << 20;

/// Maximum memory for the changes of all trees and their names, in bytes, and what is added to it for each byte of the
/// packs, so that the history of a large repository fits. A changed entry takes 20 bytes.
const MOST_CHANGES: u64 = 48 << 20;
const MOST_PER_BYTE: (u64, u64) = (1, 16);

/// The overhead of a name, in bytes: its number, two pointers, an allocation, and its share of a hash table.
const NAME: u64 = 96;

/// Entries kept of one tree beyond [`MOST_ENTRIES`].
const FEW: usize = 4;

/// Forests of packs, by their paths.
pub(crate) type Forests = HashMap<PathBuf, Forest>;

/// Stands for no tree and no list.
const NONE: u32 = u32::MAX;

/// The number of a name in a tree.
type Name = u32;

/// An entry: its name, and the first bytes of its object id.
type Entry = (Name, u64);

/// Names by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_name: HashMap<Arc<[u8]>, Name>,
    names: Vec<Arc<[u8]>>,
}

impl Names {
    /// The number of a name; `None` if the name is new.
    fn number(&self, name: &[u8]) -> Option<Name> {
        self.by_name.get(name).copied()
    }

    /// Numbers a new name.
    fn push(&mut self, name: Arc<[u8]>) -> Name {
        let number = self.names.len() as Name;
        self.by_name.insert(Arc::clone(&name), number);
        self.names.push(name);
        number
    }

    fn get(&self, name: Name) -> &[u8] {
        self.names.get(name as usize).map(AsRef::as_ref).unwrap_or_default()
    }
}

/// The difference between one tree and its delta base. What it removes and adds begins where the previous row ends.
#[derive(Clone, Debug)]
struct Row {
    key: u64,
    /// Row of the base; `NONE` if the tree is stored without one.
    base: u32,
    removed_end: u32,
    added_end: u32,
}

/// The rows of the trees that one thread read.
#[derive(Debug, Default)]
struct Rows {
    list: Vec<Row>,
    removed: Vec<Name>,
    added: Vec<Entry>,
}

impl Rows {
    /// The rows in order, each with what it removes and what it adds.
    fn each(&self) -> impl Iterator<Item = (&Row, &[Name], &[Entry])> {
        let (mut removed, mut added) = (0, 0);
        self.list.iter().map(move |row| {
            let first = std::mem::replace(&mut removed, row.removed_end as usize);
            let names = self.removed.get(first..removed).unwrap_or_default();
            let first = std::mem::replace(&mut added, row.added_end as usize);
            (row, names, self.added.get(first..added).unwrap_or_default())
        })
    }
}

/// All trees of an object database.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    parts: Vec<Rows>,
    /// The number of rows in all parts.
    count: u32,
    names: Names,
    hits: KeyMap<u32>,
}

impl Trees {
    /// Reads all trees, to find these objects. Known forests are taken from `forests`, by the path of their pack.
    /// `None` if the trees change more than fits into memory.
    pub(crate) fn read(
        odb: &Odb,
        forests: &Forests,
        hits: &[ObjectId],
        jobs: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Option<Self> {
        let hits: KeyMap<u32> = hits.iter().enumerate().map(|(at, id)| (id.key(), at as u32)).collect();
        let packed: u64 = odb.directories.iter().flat_map(|directory| &directory.packs).map(Pack::size).sum();
        let (more, per) = MOST_PER_BYTE;
        let wanted = Wanted::new(&hits, MOST_CHANGES + packed / per * more);
        let mut trees = Self::default();
        for directory in &odb.directories {
            for pack in &directory.packs {
                trees.pack(pack, forests.get(&pack.path), &wanted, jobs, stop);
            }
            let readers: Vec<Reader<'_>> = directory
                .loose
                .par_chunks(256)
                .map(|ids| {
                    let mut reader = Reader::new(&wanted, odb.format);
                    let (mut inflater, mut bytes) = (Inflater::default(), Vec::new());
                    for id in ids {
                        let Ok(Ok(object)) = Loose::open(&loose::path(&directory.path, id), &mut inflater) else {
                            continue;
                        };
                        if object.kind == Kind::Tree
                            && let Ok((header, _)) = object.read(&mut inflater, &mut bytes)
                        {
                            reader.whole(id.key(), 0, bytes.get(header..).unwrap_or_default());
                        }
                    }
                    reader
                })
                .collect();
            for reader in readers {
                trees.append(reader, &mut []);
            }
        }
        trees.hits = hits;
        (!wanted.is_full()).then_some(trees)
    }

    fn pack(
        &mut self,
        pack: &Pack,
        forest: Option<&Forest>,
        wanted: &Wanted,
        jobs: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) {
        let own = forest.is_none().then(|| Forest::of(pack));
        let Some(forest) = forest.or(own.as_ref()) else { return };
        let visitor = || Differences { reader: Reader::new(wanted, pack.format), pack, forest, stop };
        // The row that each entry will have. Bases come before their deltas: each thread visits in that order, the rows
        // of one thread follow those of another, and no delta tree is shared between threads.
        let mut rows = vec![NONE; forest.len()];
        for differences in walk(pack, forest, &[Kind::Tree], jobs, &visitor) {
            self.append(differences.reader, &mut rows);
        }
    }

    /// Adds what a thread read. `entries` maps entries of the pack to rows.
    fn append(&mut self, reader: Reader<'_>, entries: &mut [u32]) {
        let Reader { names: Names { by_name, names }, mut rows, entries: of_row, .. } = reader;
        drop(by_name);
        let intern = |name: Arc<[u8]>| self.names.number(&name).unwrap_or_else(|| self.names.push(name));
        let names: Vec<Name> = names.into_iter().map(intern).collect();
        for name in rows.removed.iter_mut().chain(rows.added.iter_mut().map(|(name, _)| name)) {
            *name = names.get(*name as usize).copied().unwrap_or(NONE);
        }
        for (row, entry) in rows.list.iter_mut().zip(of_row) {
            row.base = entries.get(row.base as usize).copied().unwrap_or(NONE);
            if let Some(to) = entries.get_mut(entry as usize) {
                *to = self.count;
            }
            self.count += 1;
        }
        self.parts.push(rows);
    }

    /// All rows in order, each with what it removes and what it adds.
    fn rows(&self) -> impl Iterator<Item = (&Row, &[Name], &[Entry])> {
        self.parts.iter().flat_map(Rows::each)
    }

    /// Finds the places of hits below every tree that leads to one.
    pub(crate) fn places(&self) -> Places {
        let mut leading: KeySet = self.hits.keys().copied().collect();
        // The list of each row: its entries that lead to a hit.
        let lists = loop {
            let lists = self.lists(&leading);
            let before = leading.len();
            let with_any = self.rows().zip(&lists.of_row).filter(|(_, list)| **list != 0);
            leading.extend(with_any.map(|((row, ..), _)| row.key));
            if leading.len() == before {
                break lists;
            }
        };
        let mut by_tree: KeyMap<&[Entry]> = KeyMap::default();
        for ((row, ..), list) in self.rows().zip(&lists.of_row) {
            if *list != 0 {
                by_tree.insert(row.key, lists.entries(*list));
            }
        }
        let mut places = places::name(&by_tree, &self.names, &self.hits);
        places.left_out |= lists.left_out;
        places
    }

    /// Lists, for every row, its entries in `leading`.
    fn lists(&self, leading: &KeySet) -> Lists {
        let mut lists = Lists {
            of_row: Vec::with_capacity(self.count as usize),
            ranges: vec![Range::default()],
            entries: Vec::new(),
            left_out: false,
        };
        for (row, removed, added) in self.rows() {
            let inherited = lists.of_row.get(row.base as usize).copied().unwrap_or(0);
            let any_added = added.iter().any(|(_, key)| leading.contains(key));
            let any_removed = inherited != 0 && lists.entries(inherited).iter().any(|(name, _)| removed.contains(name));
            if !any_added && !any_removed {
                lists.of_row.push(inherited);
                continue;
            }
            let start = lists.entries.len();
            for at in lists.ranges.get(inherited as usize).cloned().unwrap_or(0..0) {
                if let Some(entry) = lists.entries.get(at as usize).filter(|(name, _)| !removed.contains(name)).copied()
                {
                    lists.entries.push(entry);
                }
            }
            lists.entries.extend(added.iter().filter(|(_, key)| leading.contains(key)));
            if start >= MOST_ENTRIES && lists.entries.len() > start + FEW {
                lists.entries.truncate(start + FEW);
                lists.left_out = true;
            }
            let end = lists.entries.len();
            if start == end {
                lists.of_row.push(0);
            } else {
                lists.of_row.push(lists.ranges.len() as u32);
                lists.ranges.push(start as u32..end as u32);
            }
        }
        lists
    }
}

struct Lists {
    /// The list of each row; 0 is the empty list.
    of_row: Vec<u32>,
    ranges: Vec<Range<u32>>,
    entries: Vec<Entry>,
    /// Whether some lists are incomplete.
    left_out: bool,
}

impl Lists {
    fn entries(&self, list: u32) -> &[Entry] {
        let range = self.ranges.get(list as usize).cloned().unwrap_or(0..0);
        self.entries.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

/// Selects the entries worth keeping: all trees, and the hits.
struct Wanted {
    /// Memory left for changes, of all threads, in bytes.
    room: AtomicU64,
    hits: KeySet,
    /// One flag for each value of the first two bytes of a hit: nearly every other key is rejected without a look-up.
    first: Vec<bool>,
}

impl Wanted {
    fn new(hits: &KeyMap<u32>, room: u64) -> Self {
        let mut first = vec![false; 1 << 16];
        let mut keys: Vec<u64> = hits.keys().copied().collect();
        keys.sort_unstable();
        for key in &keys {
            if let Some(bit) = first.get_mut((key >> 48) as usize) {
                *bit = true;
            }
        }
        Self { room: AtomicU64::new(room), hits: keys.into_iter().collect(), first }
    }

    /// Takes memory for a change. `false` if it does not fit; then the result of the whole pass is not used.
    fn take(&self, bytes: u64) -> bool {
        let take = |left: u64| Some(left.saturating_sub(bytes));
        self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok_and(|left| left > bytes)
    }

    fn is_full(&self) -> bool {
        self.room.load(Ordering::Relaxed) == 0
    }

    fn wants(&self, key: u64) -> bool {
        self.first.get((key >> 48) as usize) == Some(&true) && self.hits.contains(&key)
    }
}

/// Reads entries of trees into rows.
struct Reader<'a> {
    wanted: &'a Wanted,
    hash: usize,
    rows: Rows,
    names: Names,
    /// The pack entry of each row.
    entries: Vec<u32>,
    window: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(wanted: &'a Wanted, format: Format) -> Self {
        Self {
            wanted,
            hash: format.bytes(),
            rows: Rows::default(),
            names: Names::default(),
            entries: Vec::new(),
            window: Vec::new(),
        }
    }

    /// Adds a whole tree: every entry is added.
    fn whole(&mut self, key: u64, entry: u32, bytes: &[u8]) {
        entries(bytes, self.hash, &mut |seen| self.add(seen));
        self.row(key, entry, NONE);
    }

    fn add(&mut self, seen: &Seen<'_>) {
        if (seen.is_tree || self.wanted.wants(seen.key))
            && let Some(name) = intern(&mut self.names, self.wanted, seen.name, size_of::<Entry>())
        {
            self.rows.added.push((name, seen.key));
        }
    }

    fn row(&mut self, key: u64, entry: u32, base: u32) {
        let (removed_end, added_end) = (self.rows.removed.len() as u32, self.rows.added.len() as u32);
        self.rows.list.push(Row { key, base, removed_end, added_end });
        self.entries.push(entry);
    }

    /// Adds a tree as a difference. `false` if the pieces are not in the order of the base: then the tree must be
    /// built.
    fn difference(&mut self, key: u64, entry: u32, change: Change<'_>) -> bool {
        if !ascends(change) {
            return false;
        }
        let Change { on, base, pieces, .. } = change;
        // What the base loses: bytes between two copies, and entries at the boundary of two copies.
        let mut end = 0;
        let whole = base.len()..base.len();
        let copies = pieces.pieces.iter().filter_map(|piece| match piece {
            Piece::Copy(range) => Some(range.clone()),
            Piece::Insert(_) => None,
        });
        for copy in copies.chain([whole]) {
            if end != 0 || copy.start != 0 {
                let zone = end..copy.start;
                let (hash, wanted) = (self.hash, self.wanted);
                let (names, out) = (&mut self.names, &mut self.rows.removed);
                affected(base, &[zone], hash, &mut |seen| {
                    if seen.is_tree || wanted.wants(seen.key) {
                        out.extend(intern(names, wanted, seen.name, size_of::<Name>()));
                    }
                });
            }
            end = copy.end;
        }
        let mut window = std::mem::take(&mut self.window);
        gained(change, &mut window, self.hash, &mut |seen| self.add(seen));
        self.window = window;
        self.row(key, entry, on);
        true
    }
}

/// The number of a name, for a change of `size` bytes. `None` if there is no memory left for it.
fn intern(names: &mut Names, wanted: &Wanted, name: &[u8], size: usize) -> Option<Name> {
    let known = names.number(name);
    let new = if known.is_none() { NAME + name.len() as u64 } else { 0 };
    wanted.take(size as u64 + new).then(|| known.unwrap_or_else(|| names.push(name.into())))
}

/// One thread's visitor.
struct Differences<'a> {
    reader: Reader<'a>,
    pack: &'a Pack,
    forest: &'a Forest,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Differences<'_> {
    fn key(&self, entry: u32) -> Option<u64> {
        self.pack.index.id(self.forest.position(entry)).map(|id| id.key())
    }
}

impl Visitor for Differences<'_> {
    fn whole(&mut self, entry: u32, _: Kind, bytes: &[u8]) -> bool {
        if let Some(key) = self.key(entry) {
            self.reader.whole(key, entry, bytes);
        }
        true
    }

    fn change(&mut self, entry: u32, _: Kind, change: Change<'_>) -> bool {
        self.key(entry).is_none_or(|key| self.reader.difference(key, entry, change))
    }

    fn stop(&self) -> bool {
        self.reader.wanted.is_full() || (self.stop)()
    }
}

#[cfg(test)]
mod tests;
